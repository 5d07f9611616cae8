package podsecurity

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// procMount is the control "/proc Mount Type" of the baseline profile, and of
// the restricted profile for pods with a user namespace.
func procMount() *fixes.Rule {
	return control{
		id:         "pss-proc-mount",
		check:      "procMount_restricted",
		instead:    "procMount", // before 1.35 there was one for both profiles
		title:      "A container sees all of /proc",
		severity:   fixes.Medium,
		threats:    []fixes.Threat{fixes.InformationDisclosure, fixes.ElevationOfPrivilege},
		references: []fixes.Reference{fixes.PSS("/proc Mount Type")},
		docs: `
Runtimes hide the parts of /proc that belong to the kernel and the whole node:
keys, timers, memory, the trigger that reboots. With procMount: Unmasked a
container sees them. The API allows that to pods with a user namespace only
(hostUsers: false), which takes away most of what root there could do; the
baseline profile allows it to these too, the restricted profile to nobody.

## The fix
Sets procMount: Default. What may break are containers that start containers
(rootless Podman, Buildah or Docker in a pod): they cannot mount a /proc of their
own under a masked one.

## By hand
    kubectl exec POD -- grep ' /proc/' /proc/self/mountinfo     # masked: several lines
`,
		faults: func(s *subject) []fault {
			return s.inContainers("securityContext.procMount", func(c fixes.Container) string {
				if p := security(c).ProcMount; p != nil && *p != corev1.DefaultProcMount {
					return "procMount: " + string(*p)
				}
				return ""
			})
		},
		judge: func(s *subject) (string, fixes.Severity) {
			return s.say("sees the parts of /proc that belong to its node's kernel.",
				"see the parts of /proc that belong to their node's kernel."), 0
		},
		fix: func(s *subject) fixes.Fix {
			return s.edited("Set procMount: Default", fixes.Review,
				"whether the program starts containers of its own cannot be seen from outside",
				[]string{"Containers started inside the container fail to mount /proc."},
				func(w fixes.Workload) {
					for c := range w.Containers() {
						if p := security(c).ProcMount; p != nil && *p != corev1.DefaultProcMount {
							masked := corev1.DefaultProcMount
							c.SecurityContext.ProcMount = &masked
						}
					}
				})
		},
	}.rule()
}
