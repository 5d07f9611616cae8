package podsecurity

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// hostAliases finds names of the cluster that a pod's hosts file sends elsewhere.
func hostAliases() *fixes.Rule {
	return &fixes.Rule{
		ID: "host-aliases", Category: fixes.PodSecurity,
		Title:      "A pod's hosts file sends names of the cluster elsewhere",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.Spoofing, fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.NSA("Network separation and hardening"), fixes.OWASP("K07")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindService),
		Check:      each(checkHostAliases),
		Docs: `
Entries of hostAliases stand in the pod's /etc/hosts, which is asked before DNS.
For a Service's name that means: the pod talks to whoever has the address by then,
with the credentials that were meant for the Service. For the API server's name it
is the ServiceAccount's token that goes there; localhost that is another machine
opens what was to stay in the pod. Addresses of pods and Services are given to
others in time.

## What is looked at
Names that the cluster itself answers for: Services of the pod's namespace by their
short names, NAME.NAMESPACE.svc and longer, kubernetes, localhost, the cloud's
metadata. Names of other machines are left alone: that is what hostAliases is for.

## The fix
Removes those names; entries without a name left go too. The pod then asks DNS. A
Service of that name must lead to where the pod is to go: a person looks first.

## By hand
    kubectl exec POD -- cat /etc/hosts
`,
	}
}

func checkHostAliases(p *fixes.Pass, s *subject) {
	var names, evidence []string
	path := ""
	for i, alias := range s.Spec.HostAliases {
		for j, name := range alias.Hostnames {
			whose := whoseName(p.Inventory, s.Object.GetNamespace(), name, alias.IP)
			if whose == "" {
				continue
			}
			if path == "" {
				path = fmt.Sprintf("%s.hostAliases[%d].hostnames[%d]", s.SpecPath, i, j)
			}
			names = append(names, name)
			evidence = append(evidence, fmt.Sprintf("%s is %s, and leads to %s", name, whose, alias.IP))
		}
	}
	if len(names) == 0 {
		return
	}
	p.Report(fixes.Finding{
		Object: s.Ref(), Path: path, Key: "hostAliases",
		Message:  fmt.Sprintf("For this pod %s lead%s elsewhere than in the rest of the cluster.", listed(names), singular(len(names))),
		Evidence: evidence,
		Fixes: []fixes.Fix{s.edited("Remove "+listed(names)+" from the hosts file", fixes.Review,
			"the pod may have been sent there on purpose", []string{"The pod asks DNS for " + listed(names) + ", and goes where that leads."},
			func(w fixes.Workload) {
				ns := w.Object.GetNamespace()
				for i := range w.Spec.HostAliases {
					a := &w.Spec.HostAliases[i]
					a.Hostnames = slices.DeleteFunc(a.Hostnames, func(name string) bool {
						return slices.Contains(names, name) && whoseName(p.Inventory, ns, name, a.IP) != ""
					})
				}
				w.Spec.HostAliases = slices.DeleteFunc(w.Spec.HostAliases, func(a corev1.HostAlias) bool { return len(a.Hostnames) == 0 })
			})},
	})
}

func singular(n int) string {
	if n == 1 {
		return "s"
	}
	return ""
}

// metadataNames are those of clouds' metadata servers, all of 169.254.169.254.
var metadataNames = []string{"metadata", "metadata.google.internal", "instance-data", "instance-data.ec2.internal"}

// whoseName says whose a name is that the cluster answers for, or "".
func whoseName(inv *fixes.Inventory, namespace, name, ip string) string {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	addr, err := netip.ParseAddr(ip)
	switch {
	case name == "localhost":
		if err == nil && addr.IsLoopback() {
			return ""
		}
		return "the pod itself"
	case slices.Contains(metadataNames, name):
		if ip == "169.254.169.254" {
			return ""
		}
		return "the cloud's metadata server"
	case name == "kubernetes" || strings.HasPrefix(name, "kubernetes.default"):
		return "the API server"
	case strings.HasSuffix(name, ".svc") || strings.Contains(name, ".svc."):
		return "a Service"
	}
	if service, ok := fixes.Lookup[*corev1.Service](inv, namespace, name); ok {
		if slices.Contains(service.Spec.ClusterIPs, ip) || service.Spec.ClusterIP == ip {
			return ""
		}
		return "a Service of the pod's namespace"
	}
	return ""
}
