package network

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func ingressNoTLS() *fixes.Rule {
	return &fixes.Rule{
		ID:         "ingress-no-tls",
		Category:   fixes.Network,
		Title:      "An Ingress or a Gateway serves a host without TLS",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.InformationDisclosure, fixes.Tampering},
		References: []fixes.Reference{fixes.NSA("Network separation and hardening"), fixes.OWASP("K07")},
		Kinds:      []fixes.Kind{fixes.KindIngress, fixes.KindSecret, fixes.KindGateway, fixes.KindHTTPRoute, fixes.KindGRPCRoute},
		Docs:       ingressNoTLSDocs,
		Check:      checkIngressNoTLS,
	}
}

const ingressNoTLSDocs = `
What a browser and an Ingress or a Gateway say to each other without TLS, sessions and
passwords among it, is read and changed by everybody on the way.

## What is looked at
Each host of an Ingress, and the rule without a host, that no entry of spec.tls
covers. A controller may have a certificate of its own for all hosts, or end TLS
before the cluster: Ingresses of classes that do so by annotation (the AWS load
balancer's certificate-arn, GKE's managed and pre-shared certificates) are left
out. So is each listener of a Gateway with protocol HTTP, unless all its routes do is
redirect to https; and of protocol TCP, at low severity: what goes through it may be
TLS by itself.

## The fix
Where the namespace holds a TLS Secret whose certificate is valid for the host
(RFC 6125, by its alternative names), that Secret is entered for it. Controllers
then redirect to https, as a rule. Where there is none, a certificate has to be
had first: the steps say how with cert-manager. A Gateway's listener becomes one of
protocol HTTPS, at 443 in place of 80. Where the Gateway has a listener with TLS for
the host already, routes have to be moved to it, and a redirect made: by hand.

## By hand
    kubectl get ingress NAME -o jsonpath='{.spec.tls}'
    kubectl get gateways -A -o jsonpath='{range .items[*]}{.metadata.name} {.spec.listeners[*].protocol}{"\n"}{end}'
    curl -sI http://HOST/ | head -1
`

// endsTLSElsewhere are annotations by which a load balancer has a certificate
// that no Secret holds.
var endsTLSElsewhere = []string{
	"alb.ingress.kubernetes.io/certificate-arn", "networking.gke.io/managed-certificates", "ingress.gcp.kubernetes.io/pre-shared-cert",
	"networking.gke.io/pre-shared-cert", "appgw.ingress.kubernetes.io/appgw-ssl-certificate", "service.beta.kubernetes.io/aws-load-balancer-ssl-cert",
}

// issuers are annotations by which cert-manager makes the certificate of an
// Ingress.
var issuers = []string{"cert-manager.io/cluster-issuer", "cert-manager.io/issuer", "kubernetes.io/tls-acme"}

func checkIngressNoTLS(p *fixes.Pass) {
	checkGateways(p)
	for _, ing := range fixes.Objects[*networkingv1.Ingress](p.Inventory, "") {
		if hasAny(ing.Annotations, endsTLSElsewhere) {
			continue
		}
		seen := map[string]bool{}
		for i, rule := range ing.Spec.Rules {
			if seen[rule.Host] || covers(ing, rule.Host) {
				continue
			}
			seen[rule.Host] = true
			where := "host " + rule.Host
			if rule.Host == "" {
				where = "all hosts"
			}
			p.Report(fixes.Finding{
				Object: fixes.RefOf(ing), Path: fmt.Sprintf("spec.rules[%d].host", i), Key: rule.Host,
				Message: "Ingress " + ing.Name + " serves " + where + " without TLS.",
				Fixes:   []fixes.Fix{tlsFix(p.Inventory, ing, rule.Host)},
			})
		}
	}
}

func hasAny(annotations map[string]string, keys []string) bool {
	return slices.ContainsFunc(keys, func(key string) bool { return annotations[key] != "" })
}

// covers reports whether an entry of spec.tls is for a host. One without hosts
// is for all.
func covers(ing *networkingv1.Ingress, host string) bool {
	return slices.ContainsFunc(ing.Spec.TLS, func(tls networkingv1.IngressTLS) bool {
		return len(tls.Hosts) == 0 || slices.ContainsFunc(tls.Hosts, func(h string) bool { return matchesHost(h, host) })
	})
}

// matchesHost reports whether a name, which may begin with a wildcard for one
// label, is that of a host.
func matchesHost(name, host string) bool {
	if strings.EqualFold(name, host) {
		return true
	}
	_, parent, found := strings.Cut(host, ".")
	rest, wild := strings.CutPrefix(name, "*.")
	return found && wild && strings.EqualFold(rest, parent)
}

func tlsFix(inv *fixes.Inventory, ing *networkingv1.Ingress, host string) fixes.Fix {
	secret := certificateFor(inv, ing.Namespace, host)
	if secret == "" || host == "" {
		steps := "Have a certificate made for the host, and enter it in spec.tls:\n\n" +
			"    tls:\n    - hosts: [" + host + "]\n      secretName: " + ing.Name + "-tls\n\n"
		if hasAny(ing.Annotations, issuers) {
			steps += "cert-manager makes the Secret, as the annotation asks."
		} else {
			steps += "With cert-manager, add the annotation cert-manager.io/cluster-issuer: NAME; it makes the Secret. " +
				"Else: kubectl create secret tls " + ing.Name + "-tls -n " + ing.Namespace + " --cert FILE --key FILE"
		}
		return fixes.Fix{Title: "Serve it with TLS", Confidence: fixes.Manual,
			Why: "no TLS Secret of the namespace has a certificate for it", Steps: steps}
	}
	ref := fixes.RefOf(ing)
	return fixes.Fix{
		Title:      "Serve " + host + " with the certificate of Secret " + secret,
		Confidence: fixes.Review,
		Why:        "the certificate is for this host; whether clients can follow a redirect to https is not known",
		Risks:      []string{"Most controllers then redirect http to https: clients that do not follow it fail."},
		Edit: func(d *fixes.Draft) error {
			ing, err := fixes.EditRef[*networkingv1.Ingress](d, ref)
			if err != nil || covers(ing, host) {
				return err
			}
			for i, tls := range ing.Spec.TLS {
				if tls.SecretName == secret {
					ing.Spec.TLS[i].Hosts = append(slices.Clip(tls.Hosts), host)
					return nil
				}
			}
			ing.Spec.TLS = append(ing.Spec.TLS, networkingv1.IngressTLS{Hosts: []string{host}, SecretName: secret})
			return nil
		},
	}
}

// certificateFor returns the name of a TLS Secret with a certificate that is
// valid for a host, or "".
func certificateFor(inv *fixes.Inventory, namespace, host string) string {
	for _, s := range fixes.Objects[*corev1.Secret](inv, namespace) {
		if s.Type != corev1.SecretTypeTLS {
			continue
		}
		block, _ := pem.Decode(s.Data[corev1.TLSCertKey])
		if block == nil {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil || !inv.Now.IsZero() && (inv.Now.After(cert.NotAfter) || inv.Now.Before(cert.NotBefore)) {
			continue
		}
		if slices.ContainsFunc(cert.DNSNames, func(name string) bool { return matchesHost(name, host) }) {
			return s.Name
		}
	}
	return ""
}
