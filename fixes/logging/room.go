package logging

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	helpers "k8s.io/component-helpers/resource"
	scheduling "k8s.io/component-helpers/scheduling/corev1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// room is what is free on the nodes of a running cluster.
type room struct {
	pods map[string][]*corev1.Pod // by node
}

func roomOf(inv *fixes.Inventory) room {
	r := room{pods: map[string][]*corev1.Pod{}}
	for _, pod := range fixes.Objects[*corev1.Pod](inv, "") {
		if pod.Spec.NodeName != "" && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed {
			r.pods[pod.Spec.NodeName] = append(r.pods[pod.Spec.NodeName], pod)
		}
	}
	return r
}

// lacks says what a pod of a priority asks for and would not get on a node, were
// all pods of a lower priority there evicted for it; it is empty where the pod
// fits. (kube-scheduler, plugins noderesources and defaultpreemption)
func (r room) lacks(spec *corev1.PodSpec, priority int32, node *corev1.Node) []string {
	free := node.Status.Allocatable.DeepCopy()
	taken := int64(0)
	for _, pod := range r.pods[node.Name] {
		if scheduling.PodPriority(pod) < priority {
			continue
		}
		taken++
		for name, q := range helpers.PodRequests(pod, helpers.PodResourcesOptions{}) {
			if left, ok := free[name]; ok {
				left.Sub(q)
				free[name] = left
			}
		}
	}
	var lacks []string
	if most, ok := free[corev1.ResourcePods]; ok && most.Value() <= taken {
		lacks = append(lacks, fmt.Sprintf("it holds %d pods at most", most.Value()))
	}
	requests := helpers.PodRequests(&corev1.Pod{Spec: *spec}, helpers.PodResourcesOptions{})
	for _, name := range sortedKeys(requests) {
		q := requests[name]
		left, known := free[name]
		if known && q.Cmp(left) > 0 || !known && !q.IsZero() && len(free) > 0 {
			lacks = append(lacks, fmt.Sprintf("%s of %s requested, %s free", q.String(), name, floor(left)))
		}
	}
	return lacks
}

func floor(q resource.Quantity) string {
	if q.Sign() < 0 {
		return "0"
	}
	return q.String()
}

// priority returns the priority of a workload's pods: what they have, or what
// the names that every cluster knows stand for.
func priority(inv *fixes.Inventory, w fixes.Workload) int32 {
	switch w.Spec.PriorityClassName { // pkg/apis/scheduling, SystemPriorityClasses
	case "system-node-critical":
		return 2000001000
	case "system-cluster-critical":
		return 2000000000
	}
	for _, pod := range inv.Pods(w) {
		return scheduling.PodPriority(pod)
	}
	return 0
}

func join(parts []string) string { return strings.Join(parts, "; ") }
