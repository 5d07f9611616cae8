package podsecurity

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// mount is a volume's mount in a container.
type mount struct {
	corev1.VolumeMount
	in fixes.Container
}

// mounts lists where a volume is mounted.
func mounts(w fixes.Workload, volume string) []mount {
	var found []mount
	for c := range w.Containers() {
		for _, m := range c.VolumeMounts {
			if m.Name == volume {
				found = append(found, mount{m, c})
			}
		}
	}
	return found
}

// volumeFaults lists the volumes that are bad, with their mounts; say gives the
// field that is at fault and its value.
func (s *subject) volumeFaults(bad func(corev1.Volume) bool, say func(corev1.Volume) (field, what string)) []fault {
	var faults []fault
	for i, v := range s.Spec.Volumes {
		if !bad(v) {
			continue
		}
		field, what := say(v)
		places := []string{}
		for _, m := range mounts(s.Workload, v.Name) {
			mode := "read-write"
			if m.ReadOnly {
				mode = "read-only"
			}
			places = append(places, fmt.Sprintf("%s mounts it %s at %s", who(m.in), mode, m.MountPath))
		}
		if len(places) == 0 {
			places = []string{"no container mounts it"}
		}
		at := fmt.Sprintf("%s.volumes[%d]", s.SpecPath, i)
		if field != "" {
			at += "." + field
		}
		faults = append(faults, fault{at, "volume " + v.Name, what + ", " + strings.Join(places, ", ")})
	}
	return faults
}

// withoutUnused is the fix for bad volumes: those that nothing mounts can be
// removed, but only if that is all of them is the finding closed.
func (s *subject) withoutUnused(bad func(corev1.Volume) bool, advice func(corev1.Volume) string) fixes.Fix {
	unused := func(w fixes.Workload) func(corev1.Volume) bool {
		return func(v corev1.Volume) bool {
			// What a volume of an unknown type is there for is not known either.
			return bad(v) && volumeType(v) != "" && len(mounts(w, v.Name)) == 0
		}
	}
	var steps, idle, used []string
	for _, v := range s.Spec.Volumes {
		switch {
		case unused(s.Workload)(v):
			idle = append(idle, v.Name)
			steps = append(steps, "- "+v.Name+": no container mounts it; remove it.")
		case bad(v):
			used = append(used, v.Name)
			steps = append(steps, advice(v))
		}
	}
	if len(used) > 0 {
		return s.manual("Replace "+plural(len(used), "volume ", "volumes ")+listed(used),
			"what to put in their place depends on what the pod does with them",
			"In the pod's volumes, replace or remove:\n"+strings.Join(steps, "\n"))
	}
	return s.edited("Remove "+plural(len(idle), "volume ", "volumes ")+listed(idle), fixes.Safe, "no container mounts what is removed", nil,
		func(w fixes.Workload) { w.Spec.Volumes = slices.DeleteFunc(w.Spec.Volumes, unused(w)) })
}
