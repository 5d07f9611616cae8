package images

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func registryInsecure() *fixes.Rule {
	return &fixes.Rule{
		ID:         "image-registry-insecure",
		Category:   fixes.Images,
		Title:      "The connection to a registry is not protected",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering, fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("5.5.1"), fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K02")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindRegistry),
		Docs:       registryInsecureDocs,
		Check:      checkRegistryInsecure,
	}
}

const registryInsecureDocs = `
Over plain HTTP, or TLS that nobody verifies, whoever stands between a node and the
registry can put other content into an image that is named by a tag, and reads the
credentials for the registry. A certificate that expires stops every pull of the
cluster at once.

## What is looked at
With --probe-registries, each host that images come from is connected to once, from
this machine: whether it speaks TLS, which version, whether the certificate is
valid for this machine's root certificates, and when it expires. A node may trust
other roots. Less than 30 days are reported. A host that cannot be reached at all
is not: that says nothing about it.

## The fix
There is none in the cluster: the registry needs a certificate, and the nodes'
container runtimes must not be told to skip it.

## By hand
    openssl s_client -connect registry.example.com:443 -servername registry.example.com </dev/null | openssl x509 -noout -issuer -enddate
    grep -rn -e skip_verify -e '"http://' /etc/containerd/certs.d    # on each node
`

// expiresSoon is how long before the end of its certificate a registry is
// reported.
const expiresSoon = 30 * 24 * time.Hour

func checkRegistryInsecure(p *fixes.Pass) {
	for _, r := range fixes.Objects[*fixes.Registry](p.Inventory, "") {
		message, severity, steps := faultOf(r)
		if message == "" {
			continue
		}
		p.Report(fixes.Finding{
			Object:   fixes.RefOf(r),
			Path:     "tls",
			Severity: severity,
			Message:  message,
			Evidence: evidenceOf(p.Inventory, r),
			Fixes: []fixes.Fix{{
				Title: "Protect the connection to " + r.Name, Confidence: fixes.Manual,
				Why: "the registry is no object of the cluster", Steps: steps,
			}},
		})
	}
}

// faultOf says what is wrong with the connection to a registry, or returns "".
func faultOf(r *fixes.Registry) (message string, severity fixes.Severity, steps string) {
	const check = "\nThen see that it is good:\n  kubectl harden --rule image-registry-insecure --probe-registries"
	renew := fmt.Sprintf("Renew the certificate of %s, and have it renewed by itself from now on (ACME: cert-manager, certbot).", r.Name) + check
	switch {
	case r.Plain:
		return fmt.Sprintf("The registry %s answers without TLS: images and credentials can be read and changed on the way.", r.Name), fixes.High,
			fmt.Sprintf("Give %s a certificate, let it answer by HTTPS only, and remove what allows HTTP on the nodes (containerd: /etc/containerd/certs.d/%s/hosts.toml; CRI-O and Podman: insecure in registries.conf).", r.Name, r.Name) + check
	case r.Untrusted:
		return fmt.Sprintf("The registry %s cannot be verified: %s.", r.Name, r.Err), fixes.High,
			fmt.Sprintf("Give %s a certificate for its name by an authority that the nodes know, or give the nodes that authority (ca in hosts.toml); never skip_verify.", r.Name) + check
	case r.Version == "TLS 1.0" || r.Version == "TLS 1.1":
		return fmt.Sprintf("The registry %s speaks no better than %s, which is broken.", r.Name, r.Version), fixes.Medium,
			fmt.Sprintf("Let %s speak TLS 1.2 and 1.3 only.", r.Name) + check
	case r.Expires.IsZero() || r.Probed.IsZero():
		return "", 0, ""
	case !r.Expires.After(r.Probed):
		return fmt.Sprintf("The certificate of the registry %s has expired.", r.Name), fixes.High, renew
	case r.Expires.Sub(r.Probed) < expiresSoon:
		days := int(r.Expires.Sub(r.Probed) / (24 * time.Hour))
		return fmt.Sprintf("The certificate of the registry %s expires in %d days; no image can be pulled from it then.", r.Name, days), fixes.Medium, renew
	}
	return "", 0, ""
}

func evidenceOf(inv *fixes.Inventory, r *fixes.Registry) []string {
	var evidence []string
	if r.Version != "" {
		evidence = append(evidence, "speaks "+r.Version)
	}
	if !r.Expires.IsZero() {
		evidence = append(evidence, "certificate valid until "+r.Expires.UTC().Format(time.DateOnly))
	}
	var users []string
	for _, w := range inv.Workloads("") {
		if slices.ContainsFunc(imagesOf(w), func(image string) bool { return hostOf(image) == r.Name }) {
			users = append(users, w.Ref().String())
		}
	}
	return append(evidence, strings.TrimSpace(fmt.Sprintf("%d workloads have images from it: %s", len(users), listed(users))))
}
