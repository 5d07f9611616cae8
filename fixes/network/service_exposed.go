package network

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
)

func serviceExposed() *fixes.Rule {
	return &fixes.Rule{
		ID:          "service-exposed",
		Category:    fixes.Network,
		Title:       "A Service is open to everyone outside of the cluster",
		Severity:    fixes.Medium,
		Threats:     []fixes.Threat{fixes.ElevationOfPrivilege, fixes.DenialOfService, fixes.InformationDisclosure},
		References:  []fixes.Reference{fixes.NSA("Network separation and hardening"), fixes.OWASP("K07")},
		Connections: true,
		Kinds:       connections.Kinds(),
		Docs:        serviceExposedDocs,
		Check:       checkServiceExposed,
	}
}

const serviceExposedDocs = `
A Service of type LoadBalancer without source ranges is open to the internet,
one of type NodePort to everyone who reaches a node, past every Ingress and its
TLS and authentication. Service addresses in externalIPs take over traffic for
addresses of others (CVE-2020-8554).

## What is looked at
Load balancers that are not internal (by the annotations of the clouds) and have
no loadBalancerSourceRanges, or have 0.0.0.0/0 among them; NodePort Services; and
externalIPs. High where the Service leads to a database, cache or queue. Low for a
load balancer of 80 and 443 alone, which is what websites are for, and for an
ingress controller.

## The fix
- NodePort: type ClusterIP. To review: who comes by a node's port is cut.
- externalIPs: removed. To review, for the same reason.
- LoadBalancer: only addresses of private networks may come in. To review: put the
  ranges of your clients there. Source ranges need a cloud that carries them out.
- A website is left to you: if it is meant for everyone, ignore the finding.

## By hand
    kubectl get service -A -o wide | grep -E 'LoadBalancer|NodePort'
`

// internal are the annotations by which the clouds make a load balancer that
// only their network reaches.
var internal = []string{
	"service.beta.kubernetes.io/aws-load-balancer-internal", "service.beta.kubernetes.io/azure-load-balancer-internal",
	"networking.gke.io/load-balancer-type", "cloud.google.com/load-balancer-type", "service.beta.kubernetes.io/oci-load-balancer-internal",
	"service.beta.kubernetes.io/openstack-internal-load-balancer", "service.kubernetes.io/ibm-load-balancer-cloud-provider-ip-type",
	"service.beta.kubernetes.io/aws-load-balancer-scheme", "service.beta.kubernetes.io/alibaba-cloud-loadbalancer-address-type",
}

// privateRanges are the addresses of private networks (RFC 1918, RFC 6598).
var privateRanges = []string{"10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"}

func checkServiceExposed(p *fixes.Pass) {
	graph := connections.Find(p.Inventory)
	for _, svc := range fixes.Objects[*corev1.Service](p.Inventory, "") {
		if fixes.IsSystemNamespace(svc.Namespace) {
			continue
		}
		if len(svc.Spec.ExternalIPs) > 0 {
			p.Report(exposure{svc, "spec.externalIPs", "takes traffic for the addresses " + strings.Join(svc.Spec.ExternalIPs, ", "),
				"Remove externalIPs", "Who comes by these addresses is cut.", func(s *corev1.Service) { s.Spec.ExternalIPs = nil }}.finding(graph))
		}
		switch {
		case svc.Spec.Type == corev1.ServiceTypeNodePort:
			p.Report(exposure{svc, "spec.type", "is open on a port of every node", "Make it reachable from inside only (ClusterIP)",
				"Who comes by a node's port is cut: a load balancer in front of the nodes, for one.", toClusterIP}.finding(graph))
		case svc.Spec.Type == corev1.ServiceTypeLoadBalancer && !isInternal(svc) && open(svc.Spec.LoadBalancerSourceRanges):
			f := exposure{svc, "spec.loadBalancerSourceRanges", "is open to every address by its load balancer", "Let in private networks only",
				"Clients from the internet are cut; put their ranges in.", func(s *corev1.Service) { s.Spec.LoadBalancerSourceRanges = slices.Clone(privateRanges) }}.finding(graph)
			if website(svc) && f.Severity != fixes.High {
				f.Severity = fixes.Low
				f.Fixes = []fixes.Fix{{Title: "Bound who may come", Confidence: fixes.Manual, Why: "a website may be meant for everyone",
					Steps: "If it is not meant for everyone, set spec.loadBalancerSourceRanges to the ranges of its clients:\n    kubectl edit " + fixes.RefOf(svc).KubectlArgs()}}
			}
			p.Report(f)
		}
	}
}

// exposure is one way in which a Service is open.
type exposure struct {
	svc         *corev1.Service
	path, what  string
	title, risk string
	edit        func(*corev1.Service)
}

func (e exposure) finding(graph *connections.Graph) fixes.Finding {
	ref := fixes.RefOf(e.svc)
	f := fixes.Finding{
		Object: ref, Path: e.path,
		Message: "Service " + e.svc.Name + " " + e.what + ".",
		Fixes: []fixes.Fix{{
			Title: e.title, Confidence: fixes.Review, Why: "who uses it from outside is not known", Risks: []string{e.risk},
			Edit: func(d *fixes.Draft) error {
				svc, err := fixes.EditRef[*corev1.Service](d, ref)
				if err == nil {
					e.edit(svc)
				}
				return err
			},
		}},
	}
	for _, w := range graph.Behind(e.svc) {
		if connections.IsStore(w) {
			f.Severity = fixes.High
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("leads to %s", w.Ref()))
	}
	return f
}

// toClusterIP leaves out what only Services that are open outside may have.
func toClusterIP(s *corev1.Service) {
	s.Spec.Type = corev1.ServiceTypeClusterIP
	s.Spec.ExternalTrafficPolicy = ""
	for i := range s.Spec.Ports {
		s.Spec.Ports[i].NodePort = 0
	}
}

func isInternal(svc *corev1.Service) bool {
	return slices.ContainsFunc(internal, func(key string) bool {
		switch strings.ToLower(svc.Annotations[key]) {
		case "true", "internal", "private", "intranet", "0.0.0.0/0":
			return true
		}
		return false
	})
}

// open reports whether source ranges let everyone in.
func open(ranges []string) bool {
	return len(ranges) == 0 || slices.ContainsFunc(ranges, func(r string) bool {
		r = strings.TrimSpace(r)
		return r == "0.0.0.0/0" || r == "::/0"
	})
}

// website reports whether a Service has no other ports than those of the web.
func website(svc *corev1.Service) bool {
	return !slices.ContainsFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port != 80 && p.Port != 443 })
}
