package podsecurity

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// privileged is the control "Privileged Containers" of the baseline profile
// (CIS 5.2.2).
func privileged() *fixes.Rule {
	return control{
		id:         "pss-privileged",
		check:      "privileged",
		title:      "A container is privileged",
		severity:   fixes.Critical,
		threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering, fixes.InformationDisclosure},
		references: []fixes.Reference{fixes.PSS("Privileged Containers"), fixes.CIS("5.2.2")},
		docs: `
A privileged container has every capability, every device of its node, and
neither seccomp, AppArmor nor SELinux around it. Whoever breaks into it can
mount the node's disk, and from there reads every Secret on the node and runs
what they like on it.

## The fix
Sets privileged: false. The container then has what the others have: the
runtime's default capabilities, the default devices, a read-only /sys. A program
that mounts, loads kernel modules, sets sysctls or opens devices fails. It is
never safe to assume that it does not, so a person looks first. If it needs one
of these, give it that one alone: a capability, a device plugin, a sysctl in the
pod's securityContext.

A container with a Bidirectional mount must be privileged (the API says so): it
mounts things for its node, as CSI drivers do. There is no edit for it. Keep such
agents in a namespace of their own.

## By hand
    kubectl exec POD -- grep CapEff /proc/1/status     # 000001ffffffffff: everything
`,
		faults: func(s *subject) []fault {
			return s.inContainers("securityContext.privileged", func(c fixes.Container) string {
				if isTrue(security(c).Privileged) {
					return "privileged: true"
				}
				return ""
			})
		},
		judge: func(s *subject) (string, fixes.Severity) {
			return s.say("is privileged: whoever breaks into it owns the node.",
				"are privileged: whoever breaks into one of them owns the node."), 0
		},
		fix: func(s *subject) fixes.Fix {
			if name := mountsForNode(s.Workload); name != "" {
				return s.mustStayPrivileged(name)
			}
			return s.edited("Run "+listed(s.culprits())+" unprivileged", fixes.Review,
				"what a program does with its privileges cannot be seen from outside",
				[]string{privilegedRisk},
				func(w fixes.Workload) {
					for c := range w.Containers() {
						dropPrivileged(c)
					}
				})
		},
	}.rule()
}

const privilegedRisk = "A program that needs devices of the node, mounts, kernel modules or sysctls fails once it is unprivileged."

// dropPrivileged stops a container from being privileged.
func dropPrivileged(c fixes.Container) {
	if isTrue(security(c).Privileged) {
		c.SecurityContext.Privileged = new(bool)
	}
}

// mountsForNode names a privileged container with a mount that the API allows
// to privileged ones only.
func mountsForNode(w fixes.Workload) string {
	for c := range w.Containers() {
		if !isTrue(security(c).Privileged) {
			continue
		}
		for _, m := range c.VolumeMounts {
			if m.MountPropagation != nil && *m.MountPropagation == corev1.MountPropagationBidirectional {
				return who(c)
			}
		}
	}
	return ""
}

func (s *subject) mustStayPrivileged(name string) fixes.Fix {
	return s.manual("Run "+name+" unprivileged, or in a namespace of its own",
		name+" has a Bidirectional mount, which only a privileged container may have", `
`+name+` mounts things for its node. If it need not, change its
mountPropagation to HostToContainer; then this finding has an automatic fix.
Else move the workload to a namespace that holds nothing but such agents, which
few people may create pods in, and whose label
pod-security.kubernetes.io/enforce is privileged.`)
}
