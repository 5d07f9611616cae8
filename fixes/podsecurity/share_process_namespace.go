package podsecurity

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// shareProcessNamespace finds pods whose containers see each other's processes.
func shareProcessNamespace() *fixes.Rule {
	return &fixes.Rule{
		ID: "share-process-namespace", Category: fixes.PodSecurity,
		Title:      "The containers of a pod see each other's processes",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.InformationDisclosure, fixes.Tampering, fixes.ElevationOfPrivilege},
		References: []fixes.Reference{fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K01")},
		Kinds:      fixes.WorkloadKinds(),
		Check:      each(checkShareProcessNamespace),
		Docs: `
With shareProcessNamespace, a process of one container reads the environment of the
others' (/proc/PID/environ), and, where it has their user or is root, their files
(/proc/PID/root) and memory, and may stop them. The credentials that were given to
one container are then given to all: a break-in through the smallest of them, often
a sidecar, is one into the pod.

## What is looked at
Pods of two containers or more that run side by side.

## The fix
Removes shareProcessNamespace. What may break: sidecars that send signals (to reload
a configuration, say) or watch processes; and the main program is process 1 then,
which has to reap its children.

## By hand
    kubectl exec POD -c SIDECAR -- ps aux
`,
	}
}

func checkShareProcessNamespace(p *fixes.Pass, s *subject) {
	if !isTrue(s.Spec.ShareProcessNamespace) {
		return
	}
	var beside []string
	for c := range s.Containers() {
		sidecar := c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
		if !c.Ephemeral && (!c.Init || sidecar) {
			beside = append(beside, c.Name)
		}
	}
	if len(beside) < 2 {
		return
	}
	p.Report(fixes.Finding{
		Object: s.Ref(), Path: s.SpecPath + ".shareProcessNamespace", Key: "shareProcessNamespace",
		Message:  fmt.Sprintf("The containers %s see each other's processes, with their environment.", listed(beside)),
		Evidence: []string{"shareProcessNamespace: true", fmt.Sprintf("%d containers run side by side", len(beside))},
		Fixes: []fixes.Fix{s.edited("Remove shareProcessNamespace", fixes.Review,
			"whether a container signals or watches another cannot be seen from outside",
			[]string{"A sidecar that sends signals to another container's process no longer finds it.", "The program of each container is its process 1, and has to reap its children."},
			func(w fixes.Workload) { w.Spec.ShareProcessNamespace = nil })},
	})
}
