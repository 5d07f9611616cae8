package quota

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// room returns the largest default request with which the pods of every
// workload stay valid, and the workload that sets it, or nil where any will
// do.
func (n namespace) room(r corev1.ResourceName) (int64, fixes.Object) {
	room, tight := int64(most), fixes.Object(nil)
	for _, w := range n.workloads {
		if each := n.share(w, r); each < room {
			room, tight = each, w.Object
		}
	}
	return room, tight
}

// share returns the most that each of a workload's containers that name no
// request may request. Pods are refused when their containers together ask for
// more than the pod-level request (KEP-2837) or than the maximum of a LimitRange
// of type Pod.
func (n namespace) share(w fixes.Workload, r corev1.ResourceName) int64 {
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
	bound, bounded := n.podMaximum(r)
	if own, ok := n.podLevel(w.Spec, r, named, anyNamed); ok && (!bounded || own < bound) {
		bound, bounded = own, true
	}
	if !bounded || lacking == 0 {
		return most
	}
	return max(bound-named, 0) / lacking
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
	for item := range n.limits(corev1.LimitTypePod) {
		if q, ok := item.Max[r]; ok && (!found || valueOf(q, r) < least) {
			least, found = valueOf(q, r), true
		}
	}
	return least, found
}

// runsToEnd tells an init container from a sidecar.
func runsToEnd(init *corev1.Container) bool {
	return init.RestartPolicy == nil || *init.RestartPolicy != corev1.ContainerRestartPolicyAlways
}
