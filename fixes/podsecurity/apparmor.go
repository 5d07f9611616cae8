package podsecurity

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// appArmor is the control "AppArmor" of the baseline profile. The profile is a
// field since 1.30 and an annotation before; both are judged.
func appArmor() *fixes.Rule {
	return control{
		id:         "pss-apparmor",
		check:      "appArmorProfile",
		title:      "AppArmor is switched off",
		severity:   fixes.Medium,
		threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering},
		references: []fixes.Reference{fixes.PSS("AppArmor")},
		docs: `
On nodes with AppArmor, the runtime's profile keeps a container from mounting,
from tracing other processes and from writing to most of /proc and /sys, even as
root. Unconfined switches that off.

## The fix
Removes the profile that is not allowed, in the fields and in the old annotations.
The runtime's own profile then applies where the node has AppArmor. It is not set
by name: a pod that asks for a profile does not start on a node without AppArmor.

A program that mounts or traces is refused from then on.

## By hand
    kubectl exec POD -- cat /proc/1/attr/current
`,
		faults: func(s *subject) []fault {
			var faults []fault
			if p := podSecurity(s.Spec).AppArmorProfile; s.unconfined(p) {
				faults = append(faults, fault{s.SpecPath + ".securityContext.appArmorProfile", "the pod", "type: " + string(p.Type)})
			}
			faults = append(faults, s.inContainers("securityContext.appArmorProfile", func(c fixes.Container) string {
				if p := security(c).AppArmorProfile; s.unconfined(p) {
					return "type: " + string(p.Type)
				}
				return ""
			})...)
			for _, key := range s.unconfinedAnnotations(s.Workload) {
				faults = append(faults, fault{fmt.Sprintf("%s.annotations[%q]", s.MetaPath, key),
					"container " + strings.TrimPrefix(key, appArmorAnnotation), "annotation " + key + ": " + s.Meta.Annotations[key]})
			}
			return faults
		},
		judge: func(s *subject) (string, fixes.Severity) {
			return s.say("runs without AppArmor: its root may mount, trace and write where other containers may not.",
				"run without AppArmor: their root may mount, trace and write where other containers may not."), 0
		},
		fix: func(s *subject) fixes.Fix {
			return s.edited("Let the runtime's AppArmor profile apply", fixes.Review,
				"whether the program mounts or traces cannot be seen from outside",
				[]string{"On nodes with AppArmor, mounting, tracing and writing to /proc and /sys is refused."},
				func(w fixes.Workload) {
					if sc := w.Spec.SecurityContext; sc != nil && s.unconfined(sc.AppArmorProfile) {
						sc.AppArmorProfile = nil
					}
					for c := range w.Containers() {
						if sc := c.SecurityContext; sc != nil && s.unconfined(sc.AppArmorProfile) {
							sc.AppArmorProfile = nil
						}
					}
					for _, key := range s.unconfinedAnnotations(w) {
						delete(w.Meta.Annotations, key)
					}
				})
		},
	}.rule()
}

const appArmorAnnotation = corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix

// unconfined reports whether a profile is not allowed.
func (s *subject) unconfined(p *corev1.AppArmorProfile) bool {
	return p != nil && s.refuses(corev1.PodSpec{SecurityContext: &corev1.PodSecurityContext{AppArmorProfile: p}})
}

// unconfinedAnnotations lists the annotations that set a profile that is not
// allowed.
func (s *subject) unconfinedAnnotations(w fixes.Workload) []string {
	var keys []string
	for key, value := range w.Meta.Annotations {
		if strings.HasPrefix(key, appArmorAnnotation) &&
			s.refuse(&metav1.ObjectMeta{Annotations: map[string]string{key: value}}, &corev1.PodSpec{}) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
