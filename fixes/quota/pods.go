package quota

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// desired returns the most pods that a workload may have at a time outside a
// rollout, given the maximum of its autoscaler, and notes what it assumes.
func (n namespace) desired(w fixes.Workload, maximum int64, s *sizing) int64 {
	scaled := func(replicas *int32) int64 {
		pods := orOne(replicas)
		if maximum > pods {
			s.notes = append(s.notes, fmt.Sprintf("%s: %d replicas, an autoscaler may make them %d", nameOf(w.Object), pods, maximum))
			pods = maximum
		}
		return pods
	}
	switch o := w.Object.(type) {
	case *appsv1.Deployment:
		return scaled(o.Spec.Replicas)
	case *appsv1.StatefulSet:
		return scaled(o.Spec.Replicas)
	case *appsv1.ReplicaSet:
		return scaled(o.Spec.Replicas)
	case *corev1.ReplicationController:
		return scaled(o.Spec.Replicas)
	case *appsv1.DaemonSet:
		s.perNode = append(s.perNode, nameOf(o))
		if n.inv.Live && o.Status.ObservedGeneration > 0 {
			return int64(o.Status.DesiredNumberScheduled)
		}
		if nodes := n.inv.Len(fixes.KindNode); nodes > 0 {
			return int64(nodes)
		}
		s.notes = append(s.notes, nameOf(o)+": the number of nodes is not known, counted as one")
		return 1
	case *batchv1.Job:
		return parallel(o.Spec)
	case *batchv1.CronJob:
		pods := parallel(o.Spec.JobTemplate.Spec)
		if o.Spec.ConcurrencyPolicy == batchv1.AllowConcurrent || o.Spec.ConcurrencyPolicy == "" {
			s.notes = append(s.notes, nameOf(o)+": its Jobs may overlap, two counted")
			pods *= 2
		}
		return pods
	}
	return 1 // a pod
}

// parallel returns how many pods a Job runs at a time.
func parallel(spec batchv1.JobSpec) int64 {
	pods := orOne(spec.Parallelism)
	if spec.Completions != nil {
		pods = min(pods, int64(*spec.Completions))
	}
	return pods
}

// surge returns how many pods a rolling update starts beside the desired ones.
func surge(w fixes.Workload, desired int64) int64 {
	var most *intstr.IntOrString
	switch o := w.Object.(type) {
	case *appsv1.Deployment:
		if o.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
			return 0
		}
		quarter := intstr.FromString("25%") // the API's default
		most = &quarter
		if r := o.Spec.Strategy.RollingUpdate; r != nil && r.MaxSurge != nil {
			most = r.MaxSurge
		}
	case *appsv1.DaemonSet:
		if r := o.Spec.UpdateStrategy.RollingUpdate; r != nil {
			most = r.MaxSurge
		}
	}
	if most == nil {
		return 0
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(most, int(desired), true)
	if err != nil {
		return 0 // the API server refuses such a value
	}
	return max(int64(n), 0)
}

func orOne(n *int32) int64 {
	if n == nil {
		return 1
	}
	return max(int64(*n), 0)
}
