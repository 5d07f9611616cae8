package podsecurity

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// sysctls is the control "Sysctls" of the baseline profile. What is allowed
// grows with the versions.
func sysctls() *fixes.Rule {
	return control{
		id:         "pss-sysctls",
		check:      "sysctls",
		title:      "A pod sets kernel parameters that are not known to be safe",
		severity:   fixes.Medium,
		threats:    []fixes.Threat{fixes.DenialOfService, fixes.Tampering},
		references: []fixes.Reference{fixes.PSS("Sysctls")},
		docs: `
Some kernel parameters reach beyond the pod, or let it take memory and
connections that belong to all pods of its node. Allowed are those known to stay
within the pod; since 1.37 that includes most of what is used to tune TCP.

## The fix
Removes the others. The pod then has the kernel's default. A program that needs
more (net.core.somaxconn for a busy server, say) may drop connections under load:
set the value for the nodes instead, in the kubelet's or the system's
configuration.

## By hand
    kubectl exec POD -- sysctl NAME
`,
		faults: func(s *subject) []fault {
			var faults []fault
			for i, set := range podSecurity(s.Spec).Sysctls {
				if s.unsafe(set) {
					faults = append(faults, fault{fmt.Sprintf("%s.securityContext.sysctls[%d]", s.SpecPath, i),
						"the pod", set.Name + " = " + set.Value})
				}
			}
			return faults
		},
		judge: func(s *subject) (string, fixes.Severity) {
			return "The pod sets kernel parameters by which it may harm its node: " + listed(s.unsafeNames()) + ".", 0
		},
		fix: func(s *subject) fixes.Fix {
			names := listed(s.unsafeNames())
			return s.edited("Do not set "+names, fixes.Review, "what the program is like with the kernel's default is not known",
				[]string{"The kernel's default applies to " + names + "."},
				func(w fixes.Workload) {
					if sc := w.Spec.SecurityContext; sc != nil {
						sc.Sysctls = slices.DeleteFunc(sc.Sysctls, s.unsafe)
					}
				})
		},
	}.rule()
}

func (s *subject) unsafe(set corev1.Sysctl) bool {
	return s.refuses(corev1.PodSpec{SecurityContext: &corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{set}}})
}

func (s *subject) unsafeNames() []string {
	var names []string
	for _, set := range podSecurity(s.Spec).Sysctls {
		if s.unsafe(set) {
			names = append(names, set.Name)
		}
	}
	return names
}
