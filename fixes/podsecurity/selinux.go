package podsecurity

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// seLinux is the control "SELinux" of the baseline profile.
func seLinux() *fixes.Rule {
	return control{
		id:         "pss-selinux",
		check:      "seLinuxOptions",
		title:      "A pod chooses its own SELinux type, user or role",
		severity:   fixes.Medium,
		threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.InformationDisclosure},
		references: []fixes.Reference{fixes.PSS("SELinux")},
		docs: `
On nodes with SELinux, a container's type keeps it from the files and processes
of its node, whatever its user. A type such as spc_t switches that off; a user or
a role can lead to more. Allowed are the types made for containers: container_t,
container_init_t, container_kvm_t and, since 1.31, container_engine_t.

## The fix
Removes the type, user and role that are not allowed, and keeps the level, which
tells volumes of pods apart. The runtime then chooses container_t. A program that
reads files of its node (through a hostPath) is refused them. Nodes without
SELinux do not care.

## By hand
    kubectl exec POD -- cat /proc/1/attr/current
`,
		faults: func(s *subject) []fault {
			var faults []fault
			at := func(path, who string, o *corev1.SELinuxOptions) {
				if o == nil {
					return
				}
				for _, p := range []struct{ name, value string }{{"type", o.Type}, {"user", o.User}, {"role", o.Role}} {
					if s.refuses(withSELinux(p.name, p.value)) {
						faults = append(faults, fault{path + ".securityContext.seLinuxOptions." + p.name, who, p.name + ": " + p.value})
					}
				}
			}
			at(s.SpecPath, "the pod", podSecurity(s.Spec).SELinuxOptions)
			for c := range s.Containers() {
				at(c.Path, who(c), security(c).SELinuxOptions)
			}
			return faults
		},
		judge: func(s *subject) (string, fixes.Severity) {
			return s.say("chooses SELinux options by which it may leave the confinement of containers.",
				"choose SELinux options by which they may leave the confinement of containers."), 0
		},
		fix: func(s *subject) fixes.Fix {
			return s.edited("Let the runtime choose the SELinux options", fixes.Review,
				"which files the program needs under its present type is not known",
				[]string{"On nodes with SELinux, files of the node that are not labelled for containers can no longer be read."},
				func(w fixes.Workload) {
					if sc := w.Spec.SecurityContext; sc != nil {
						sc.SELinuxOptions = s.confined(sc.SELinuxOptions)
					}
					for c := range w.Containers() {
						if sc := c.SecurityContext; sc != nil {
							sc.SELinuxOptions = s.confined(sc.SELinuxOptions)
						}
					}
				})
		},
	}.rule()
}

// confined returns what the control allows of some options.
func (s *subject) confined(o *corev1.SELinuxOptions) *corev1.SELinuxOptions {
	if o == nil {
		return nil
	}
	kept := *o
	for _, p := range []struct {
		name  string
		value *string
	}{{"type", &kept.Type}, {"user", &kept.User}, {"role", &kept.Role}} {
		if s.refuses(withSELinux(p.name, *p.value)) {
			*p.value = ""
		}
	}
	if kept == (corev1.SELinuxOptions{}) && *o != kept {
		return nil
	}
	return &kept
}

// withSELinux returns a pod with one SELinux option.
func withSELinux(name, value string) corev1.PodSpec {
	var o corev1.SELinuxOptions
	switch name {
	case "type":
		o.Type = value
	case "user":
		o.User = value
	case "role":
		o.Role = value
	}
	return corev1.PodSpec{SecurityContext: &corev1.PodSecurityContext{SELinuxOptions: &o}}
}
