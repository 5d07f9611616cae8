package podsecurity

import (
	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// hostNamespaces is the control "Host Namespaces" of the baseline profile (CIS
// 5.2.3 to 5.2.5).
func hostNamespaces() *fixes.Rule {
	return control{
		id:         "pss-host-namespaces",
		check:      "hostNamespaces",
		title:      "A pod shares namespaces of its node",
		severity:   fixes.High,
		threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.InformationDisclosure, fixes.Spoofing},
		references: []fixes.Reference{fixes.PSS("Host Namespaces"), fixes.CIS("5.2.3"), fixes.CIS("5.2.4"), fixes.CIS("5.2.5")},
		docs: `
With hostNetwork a pod listens on its node's addresses, talks to what listens on
the node's loopback, reads the traffic of other pods, and stands outside every
NetworkPolicy. With hostPID it sees the node's processes with their environment
and can signal them; with hostIPC it reads their shared memory.

## The fix
Takes the pod out of the node's namespaces. A probe whose host is a loopback
address reached the pod only because both stood on the node: its host is removed
with hostNetwork.

What may break: agents that look at the node (monitoring, networking); clients
that use the node's address and port; DNS names that only the node's resolver
knows. Ports stay reachable at the node where hostPort is set: pss-host-ports.

HostProcess containers on Windows must use the host's network; there is no edit
for them.

## By hand
    kubectl get pods -A -o jsonpath='{range .items[?(@.spec.hostNetwork)]}{.metadata.name}{"\n"}{end}'
`,
		faults: func(s *subject) []fault {
			var faults []fault
			for _, ns := range sharedNamespaces(s.Workload) {
				faults = append(faults, fault{s.SpecPath + "." + ns, "the pod", ns + ": true"})
			}
			return faults
		},
		judge: func(s *subject) (string, fixes.Severity) {
			var gains []string
			for _, ns := range sharedNamespaces(s.Workload) {
				gains = append(gains, hostGain[ns])
			}
			return "The pod " + listed(gains) + " (" + join(sharedNamespaces(s.Workload)) + ").", 0
		},
		fix: func(s *subject) fixes.Fix {
			if hasHostProcess(s.Workload) {
				return s.manual("Remove hostProcess first",
					"HostProcess containers must use the host's network", `
Remove hostProcess (see pss-windows-host-process) and hostNetwork together: the
API server refuses a HostProcess pod without the host's network.`)
			}
			shared := sharedNamespaces(s.Workload)
			var risks []string
			for _, ns := range shared {
				risks = append(risks, hostLoss[ns])
			}
			return s.edited("Leave the node's namespaces (remove "+listed(shared)+")", fixes.Review,
				"whether the program works on its node or only runs there cannot be seen from outside", risks,
				func(w fixes.Workload) {
					if w.Spec.HostNetwork {
						clearHosts(w, isLoopback)
					}
					w.Spec.HostNetwork, w.Spec.HostPID, w.Spec.HostIPC = false, false, false
				})
		},
	}.rule()
}

var (
	hostGain = map[string]string{
		"hostNetwork": "uses its node's network, past every NetworkPolicy",
		"hostPID":     "sees and signals its node's processes",
		"hostIPC":     "shares memory with its node's processes",
	}
	hostLoss = map[string]string{
		"hostNetwork": "The pod gets an address of its own: clients of the node's address no longer reach it, and it no longer reaches what listens on the node's loopback.",
		"hostPID":     "The pod no longer sees processes outside its containers.",
		"hostIPC":     "The pod no longer shares memory or semaphores with processes outside it.",
	}
)

// sharedNamespaces lists the fields by which a pod shares its node's namespaces.
func sharedNamespaces(w fixes.Workload) []string {
	var fields []string
	if w.Spec.HostNetwork {
		fields = append(fields, "hostNetwork")
	}
	if w.Spec.HostPID {
		fields = append(fields, "hostPID")
	}
	if w.Spec.HostIPC {
		fields = append(fields, "hostIPC")
	}
	return fields
}
