package rollout

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Held says why a workload will not give all its pods a new template by
// itself, and what makes it do so ("it is paused: kubectl rollout resume
// deployment/web -n shop"), or returns "".
func Held(obj fixes.Object) string {
	ref := fixes.RefOf(obj)
	switch o := obj.(type) {
	case *fixes.Custom:
		return customHeld(o)
	case *appsv1.Deployment:
		if o.Spec.Paused {
			return paused(ref)
		}
		return scaledToZero(o.Spec.Replicas)
	case *appsv1.StatefulSet:
		if why := scaledToZero(o.Spec.Replicas); why != "" {
			return why
		}
		if o.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
			return onDelete
		}
		if p := partition(o); p > 0 {
			return fmt.Sprintf("its partition is %d: the first %[1]d of its pods keep the template before", p)
		}
	case *appsv1.DaemonSet:
		if o.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType {
			return onDelete
		}
		if observed(o) && o.Status.DesiredNumberScheduled == 0 {
			return "no node is to run it: there are no pods to replace"
		}
	case *appsv1.ReplicaSet, *corev1.ReplicationController:
		return "only pods that it makes from now on get the new template: delete those there are"
	case *batchv1.Job:
		if suspended(o.Spec.Suspend) {
			return "it is suspended: it starts no pods"
		}
	case *batchv1.CronJob:
		if suspended(o.Spec.Suspend) {
			return "it is suspended: it starts no Jobs"
		}
		return "the pods of its next Job get the new template"
	}
	return ""
}

const onDelete = "its update strategy is OnDelete: a pod gets the new template when somebody deletes it"

func paused(ref fixes.Ref) string {
	return "it is paused: kubectl rollout resume " + ref.KubectlArgs()
}

func scaledToZero(replicas *int32) string {
	if replicas != nil && *replicas == 0 {
		return "it is scaled to 0: there are no pods to replace"
	}
	return ""
}

func suspended(b *bool) bool { return b != nil && *b }

// partition returns how many of a StatefulSet's pods, the first ones, a
// rollout leaves as they are.
func partition(set *appsv1.StatefulSet) int32 {
	rolling := set.Spec.UpdateStrategy.RollingUpdate
	if set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType || rolling == nil || rolling.Partition == nil {
		return 0
	}
	return min(*rolling.Partition, replicas(set.Spec.Replicas))
}

// replicas returns a number of replicas; the server's default is 1.
func replicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}
