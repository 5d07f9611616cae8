package podsecurity

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// seccomp is the control "Seccomp" of the restricted profile, which contains
// that of the baseline profile (CIS 5.6.2).
func seccomp() *fixes.Rule {
	return control{
		id:         "pss-seccomp",
		check:      "seccompProfile_restricted",
		title:      "System calls are not filtered",
		severity:   fixes.Low,
		threats:    []fixes.Threat{fixes.ElevationOfPrivilege},
		references: []fixes.Reference{fixes.PSS("Seccomp"), fixes.CIS("5.6.2")},
		docs: `
Without a seccomp profile a container may make every system call of the kernel,
and most ways out of containers went through calls that no ordinary program
makes. The runtime's own profile (RuntimeDefault) leaves out some fifty of them.
A pod that says nothing runs without, unless its kubelet is set to seccompDefault,
which the API does not show. Low where nothing is said, medium for Unconfined.

## The fix
Sets RuntimeDefault for the pod, and in containers that have a profile of their
own which is not allowed. Localhost profiles stay. Old seccomp annotations that
say otherwise go: the API refuses an object in which both differ.

What may break: programs that trace, mount, make namespaces (browsers with their
own sandbox, builds) or use io_uring. They get "operation not permitted".

## By hand
    kubectl exec POD -- grep Seccomp: /proc/1/status     # 2: filtered
`,
		faults: func(s *subject) []fault {
			const field = "securityContext.seccompProfile"
			var faults []fault
			pod := podSecurity(s.Spec).SeccompProfile
			if s.badProfile(pod) {
				faults = append(faults, fault{s.SpecPath + "." + field, "the pod", "type: " + string(pod.Type)})
			}
			for c := range s.Containers() {
				switch own := security(c).SeccompProfile; {
				case s.badProfile(own):
					faults = append(faults, fault{c.Path + "." + field, who(c), "type: " + string(own.Type)})
				case own == nil && pod == nil:
					// One field of the pod makes up for all such containers.
					faults = append(faults, fault{s.SpecPath + "." + field, who(c), "seccompProfile is not set"})
				}
			}
			return faults
		},
		judge: func(s *subject) (string, fixes.Severity) {
			message := s.say("may make every system call of its node's kernel.", "may make every system call of their node's kernel.")
			for c := range s.Containers() {
				if s.badProfile(security(c).SeccompProfile) {
					return message, fixes.Medium
				}
			}
			if s.badProfile(podSecurity(s.Spec).SeccompProfile) {
				return message, fixes.Medium
			}
			return message, 0
		},
		fix: func(s *subject) fixes.Fix {
			change := func(w fixes.Workload) {
				pod := podSecurity(w.Spec).SeccompProfile
				for c := range w.Containers() {
					own := security(c).SeccompProfile
					if own == nil && pod == nil {
						pod = setSeccomp(w)
					}
					if s.badProfile(own) {
						c.SecurityContext.SeccompProfile = filtered()
						w.DropSeccompAnnotation(corev1.SeccompContainerAnnotationKeyPrefix + c.Name)
					}
				}
				if s.badProfile(pod) {
					setSeccomp(w)
				}
			}
			if s.byWindowsSelector() {
				return s.sayWindows(change)
			}
			return s.edited("Filter system calls with the runtime's profile (RuntimeDefault)", fixes.Review,
				"which system calls the program makes cannot be seen from outside",
				[]string{"A program that traces, mounts, makes namespaces or uses io_uring fails."}, change)
		},
	}.rule()
}

// badProfile reports whether a profile is not allowed. None at all is not bad
// in itself: the pod's may make up for it.
func (s *subject) badProfile(p *corev1.SeccompProfile) bool {
	return p != nil && s.refuses(corev1.PodSpec{SecurityContext: &corev1.PodSecurityContext{SeccompProfile: p}})
}

func filtered() *corev1.SeccompProfile {
	return &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
}

func setSeccomp(w fixes.Workload) *corev1.SeccompProfile {
	p := filtered()
	editPodSecurity(w).SeccompProfile = p
	w.DropSeccompAnnotation(corev1.SeccompPodAnnotationKey)
	return p
}
