package podsecurity

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// runAsUser is the control "Running as Non-root user" of the restricted profile,
// since 1.23 (CIS 5.2.7).
func runAsUser() *fixes.Rule {
	return control{
		id:         "pss-run-as-user",
		check:      "runAsUser",
		title:      "A container is made to run as root",
		severity:   fixes.High,
		threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering},
		references: []fixes.Reference{fixes.PSS("Running as Non-root user"), fixes.CIS("5.2.7")},
		docs: `
runAsUser: 0 makes a container run as root whatever its image says. Without a user
namespace that is the root of the node: what keeps it in is the runtime and the
kernel alone, and every hole in them counts.

## The fix
Removes runAsUser: 0. The container then runs as the pod's user or its image's.
No other number is put in its place: only the image knows which user its files
are made for.

What may break: programs that write where only root may, bind what only root may,
or chown a volume (an init container often does; fsGroup does it without root). If
the image's own user is root, nothing changes but the words:
pss-run-as-non-root is about that.

## By hand
    kubectl exec POD -- id
`,
		faults: func(s *subject) []fault {
			var faults []fault
			if isRoot(podSecurity(s.Spec).RunAsUser) {
				faults = append(faults, fault{s.SpecPath + ".securityContext.runAsUser", "the pod", "runAsUser: 0"})
			}
			return append(faults, s.inContainers("securityContext.runAsUser", func(c fixes.Container) string {
				if isRoot(security(c).RunAsUser) {
					return "runAsUser: 0"
				}
				return ""
			})...)
		},
		judge: func(s *subject) (string, fixes.Severity) {
			return s.say("is made to run as root, which is the node's root once it gets out.",
				"are made to run as root, which is the node's root once it gets out."), 0
		},
		fix: func(s *subject) fixes.Fix {
			return s.edited("Remove runAsUser: 0", fixes.Review,
				"whether the program works as its image's user is not known",
				[]string{"The program may no longer write, or change the owner of, files that belong to root."},
				func(w fixes.Workload) {
					if sc := w.Spec.SecurityContext; sc != nil && isRoot(sc.RunAsUser) {
						sc.RunAsUser = nil
					}
					for c := range w.Containers() {
						dropRoot(c.SecurityContext)
					}
				})
		},
	}.rule()
}

func isRoot(uid *int64) bool { return uid != nil && *uid == 0 }

func dropRoot(sc *corev1.SecurityContext) {
	if sc != nil && isRoot(sc.RunAsUser) {
		sc.RunAsUser = nil
	}
}
