package fixes

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// CopyRisks says what a copy of a workload's pod could do by itself, beside
// the original, or returns "" when there is reason to think that it only waits
// to be asked: a Service stands before it, and a probe tells when it is ready.
func (inv *Inventory) CopyRisks(obj Object) string {
	w, ok := AsWorkload(obj)
	if !ok {
		return ""
	}
	var risks []string
	switch o := obj.(type) {
	case *batchv1.CronJob:
		risks = append(risks, "it does its job once more")
	case *appsv1.StatefulSet:
		risks = append(risks, "it may take itself for the only writer of a store (its volumes are empty in the copy)")
	case *appsv1.Deployment:
		if o.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
			risks = append(risks, "it runs beside the original, which is never to run twice (strategy Recreate)")
		}
	}
	if slices.ContainsFunc(w.Spec.Volumes, func(v corev1.Volume) bool { return v.PersistentVolumeClaim != nil }) {
		risks = append(risks, "it finds an empty folder where the original has a claim")
	}
	if slices.ContainsFunc(w.Spec.Volumes, func(v corev1.Volume) bool { return v.HostPath != nil }) || w.Spec.HostNetwork {
		risks = append(risks, "it reaches into the node, past the policy that cuts it off")
	}
	if _, cron := obj.(*batchv1.CronJob); !cron {
		if !inv.served(w) {
			risks = append(risks, "no Service asks it for anything: a worker takes jobs on its own")
		}
		if !slices.ContainsFunc(w.Spec.Containers, func(c corev1.Container) bool { return c.ReadinessProbe != nil }) {
			risks = append(risks, "it has no readiness probe: that it runs is all that can be seen")
		}
	}
	return strings.Join(risks, "; ")
}

// served reports whether a Service selects the workload's pods.
func (inv *Inventory) served(w Workload) bool {
	return slices.ContainsFunc(Objects[*corev1.Service](inv, w.Object.GetNamespace()), func(s *corev1.Service) bool {
		return len(s.Spec.Selector) > 0 && labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(w.Meta.Labels))
	})
}
