package podsecurity

import (
	"fmt"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// hostPorts is the control "Host Ports" of the baseline profile (CIS 5.2.12).
func hostPorts() *fixes.Rule {
	return control{
		id:         "pss-host-ports",
		check:      "hostPorts",
		title:      "A container opens a port of its node",
		severity:   fixes.Medium,
		threats:    []fixes.Threat{fixes.InformationDisclosure, fixes.Spoofing, fixes.DenialOfService},
		references: []fixes.Reference{fixes.PSS("Host Ports"), fixes.CIS("5.2.12")},
		docs: `
A hostPort opens the pod to everyone who reaches the node, whatever Services and,
with many network plugins, NetworkPolicies say. The pod can take a port that
clients expect something else on, and at most one such pod fits on a node.

## The fix
Removes hostPort; containerPort stays, and with it every Service. Clients that
use the node's address lose their way: give them a Service of type NodePort or
LoadBalancer, or an Ingress, first. While a pod uses its node's network
(pss-host-namespaces), its ports are the node's with or without this field.

## By hand
    kubectl get pods -A -o jsonpath='{range .items[*]}{.metadata.name}{" "}{..hostPort}{"\n"}{end}'
`,
		faults: func(s *subject) []fault {
			var faults []fault
			for c := range s.Containers() {
				for i, p := range c.Ports {
					if p.HostPort != 0 {
						faults = append(faults, fault{fmt.Sprintf("%s.ports[%d].hostPort", c.Path, i), who(c),
							fmt.Sprintf("hostPort %d for containerPort %d", p.HostPort, p.ContainerPort)})
					}
				}
			}
			return faults
		},
		judge: func(s *subject) (string, fixes.Severity) {
			return s.say("opens a port of its node to everyone who reaches the node.",
				"open ports of their node to everyone who reaches the node."), 0
		},
		fix: func(s *subject) fixes.Fix {
			var lost []string
			for c := range s.Containers() {
				for _, p := range c.Ports {
					if p.HostPort != 0 {
						lost = append(lost, fmt.Sprint(p.HostPort))
					}
				}
			}
			risks := []string{"Clients that use a node's address and port " + listed(lost) + " no longer reach it."}
			if s.Spec.HostNetwork {
				risks = append(risks, "The pod uses its node's network, so its ports stay open there until pss-host-namespaces is fixed too.")
			}
			return s.edited("Remove hostPort", fixes.Review, "who connects to the node's address is not known", risks,
				func(w fixes.Workload) {
					for c := range w.Containers() {
						for i := range c.Ports {
							// The address is that of the port on the node.
							c.Ports[i].HostPort, c.Ports[i].HostIP = 0, ""
						}
					}
				})
		},
	}.rule()
}
