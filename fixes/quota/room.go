package quota

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// room returns the largest default request with which the pods of every
// workload stay valid, and the workload that sets it, or nil where any will
// do. Pods are refused when their containers together ask for more than the
// pod-level request (KEP-2837) or than the maximum of a LimitRange of type
// Pod.
func (n namespace) room(r corev1.ResourceName) (int64, fixes.Object) {
	room, tight := int64(most), fixes.Object(nil)
	ceiling, hasCeiling := n.podMaximum(r)
	for _, w := range n.workloads {
		var named, lacking int64
		anyNamed := false
		for i, c := range containers(w.Spec) {
			q, ok := names(c, r)
			anyNamed = anyNamed || ok
			switch initial := i < len(w.Spec.InitContainers); {
			case !ok:
				lacking++
			case !initial || !runsToEnd(c):
				named += valueOf(q, r)
			}
		}
		bound, bounded := ceiling, hasCeiling
		if own, ok := n.podLevel(w.Spec, r, named, anyNamed); ok && (!bounded || own < bound) {
			bound, bounded = own, true
		}
		if !bounded || lacking == 0 {
			continue
		}
		if each := max(bound-named, 0) / lacking; each < room {
			room, tight = each, w.Object
		}
	}
	return room, tight
}

// podLevel returns what the containers of a pod may ask for together by its
// pod-level resources.
func (n namespace) podLevel(spec *corev1.PodSpec, r corev1.ResourceName, named int64, anyNamed bool) (int64, bool) {
	if spec.Resources == nil {
		return 0, false
	}
	if q, ok := spec.Resources.Requests[r]; ok {
		return valueOf(q, r), true
	}
	if anyNamed {
		// Before 1.37 the pod-level request becomes the sum of what the containers
		// name, before the defaults are added to them.
		return named, len(spec.Resources.Limits) > 0 && n.inv.ServerMinor < 37
	}
	q, ok := spec.Resources.Limits[r]
	return valueOf(q, r), ok
}

// podMaximum returns the smallest maximum that a LimitRange sets for a pod.
func (n namespace) podMaximum(r corev1.ResourceName) (int64, bool) {
	least, found := int64(0), false
	for _, lr := range fixes.Objects[*corev1.LimitRange](n.inv, n.name) {
		for _, item := range lr.Spec.Limits {
			if q, ok := item.Max[r]; ok && item.Type == corev1.LimitTypePod && (!found || valueOf(q, r) < least) {
				least, found = valueOf(q, r), true
			}
		}
	}
	return least, found
}

// runsToEnd tells an init container from a sidecar.
func runsToEnd(init *corev1.Container) bool {
	return init.RestartPolicy == nil || *init.RestartPolicy != corev1.ContainerRestartPolicyAlways
}
