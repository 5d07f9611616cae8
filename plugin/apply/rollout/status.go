package rollout

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// counts are the pods of a rollout, as the object's status counts them.
type counts struct {
	// wanted pods are to get the template, and updated ones have it.
	wanted, updated int32
	// ready and available pods are counted whatever their template is.
	ready, available int32
	// old pods are still to go.
	old int32
}

func count(obj fixes.Object) counts {
	switch o := obj.(type) {
	case *appsv1.Deployment:
		s := o.Status
		return counts{replicas(o.Spec.Replicas), s.UpdatedReplicas, s.ReadyReplicas, s.AvailableReplicas, s.Replicas - s.UpdatedReplicas}
	case *appsv1.StatefulSet:
		s := o.Status
		wanted := replicas(o.Spec.Replicas) - partition(o)
		return counts{wanted, min(s.UpdatedReplicas, wanted), s.ReadyReplicas, s.AvailableReplicas, s.Replicas - s.UpdatedReplicas}
	case *appsv1.DaemonSet:
		s := o.Status
		return counts{s.DesiredNumberScheduled, s.UpdatedNumberScheduled, s.NumberReady, s.NumberAvailable, s.CurrentNumberScheduled - s.UpdatedNumberScheduled}
	case *batchv1.Job:
		ready := jobReady(o)
		return counts{jobPods(o), o.Status.Active + o.Status.Succeeded, ready, ready, 0}
	case *corev1.Pod:
		c := counts{wanted: 1, updated: 1}
		if podDone(o) {
			c.ready, c.available = 1, 1
		}
		return c
	case *fixes.Custom:
		return customCounts(o)
	}
	return counts{}
}

// observed reports whether an object's controller has taken up its spec, so
// that its status is about that. What has no controller always is.
func observed(obj fixes.Object) bool {
	switch o := obj.(type) {
	case *appsv1.Deployment:
		return o.Status.ObservedGeneration >= o.Generation
	case *appsv1.StatefulSet:
		return o.Status.ObservedGeneration >= o.Generation
	case *appsv1.DaemonSet:
		return o.Status.ObservedGeneration >= o.Generation
	case *fixes.Custom:
		return customObserved(o)
	}
	return true
}

// complete reports whether a rollout is: what kstatus says, but for what it
// does not look at.
func complete(obj fixes.Object) (bool, error) {
	if !observed(obj) {
		return false, nil
	}
	c := count(obj)
	switch o := obj.(type) {
	case *fixes.Custom:
		return customComplete(o)
	case *corev1.Pod:
		return podDone(o), nil // a pod that failed is "current", too
	case *batchv1.Job:
		// It is "current" as soon as it has a start time.
		return jobDone(o) || jobReady(o) > 0 || o.Status.Succeeded > 0 || jobPods(o) == 0, nil
	case *appsv1.DaemonSet:
		if o.Spec.UpdateStrategy.Type == appsv1.OnDeleteDaemonSetStrategyType {
			return c.available >= c.wanted, nil // never "current" until the last pod was deleted
		}
	case *appsv1.StatefulSet:
		if o.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
			return c.ready >= c.wanted, nil // always "current"
		}
		if o.Spec.MinReadySeconds > 0 && c.available < replicas(o.Spec.Replicas) {
			return false, nil // not looked at
		}
	}
	result, err := compute(obj)
	if err != nil {
		return false, err
	}
	return result.Status == status.CurrentStatus, nil
}

// settled is [complete] for an object of which nothing was changed.
func settled(obj fixes.Object) (bool, error) {
	switch o := obj.(type) {
	case *appsv1.Deployment:
		if o.Spec.Paused { // never "current"
			c := count(o)
			return observed(o) && c.available >= c.wanted, nil
		}
	case *corev1.ReplicationController: // unknown to kstatus
		return o.Status.ObservedGeneration >= o.Generation && o.Status.AvailableReplicas >= replicas(o.Spec.Replicas), nil
	}
	return complete(obj)
}

func compute(obj fixes.Object) (*status.Result, error) {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", fixes.RefOf(obj), err)
	}
	u := &unstructured.Unstructured{Object: m}
	u.SetGroupVersionKind(fixes.RefOf(obj).Kind.GVK()) // objects from a list do not say
	return status.Compute(u)
}

// deadlineExceeded reports whether a Deployment's progressDeadlineSeconds have
// passed in this rollout: when it was written, the condition may have stood
// there from the rollout before.
func deadlineExceeded(live, written *appsv1.Deployment) bool {
	now, before := progressing(live), progressing(written)
	return now != nil && now.Reason == "ProgressDeadlineExceeded" &&
		(before == nil || before.Reason != now.Reason || !before.LastUpdateTime.Equal(&now.LastUpdateTime))
}

func progressing(d *appsv1.Deployment) *appsv1.DeploymentCondition {
	for i, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentProgressing {
			return &d.Status.Conditions[i]
		}
	}
	return nil
}

// podDone reports whether a pod is ready, or has succeeded where it was to
// end.
func podDone(pod *corev1.Pod) bool {
	switch pod.Status.Phase {
	case corev1.PodRunning:
		return podReady(pod)
	case corev1.PodSucceeded:
		return pod.Spec.RestartPolicy != corev1.RestartPolicyAlways
	}
	return false
}

func podReady(pod *corev1.Pod) bool {
	c := podCondition(pod, corev1.PodReady)
	return c != nil && c.Status == corev1.ConditionTrue
}

func podCondition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i, c := range pod.Status.Conditions {
		if c.Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// jobDone reports whether a Job has succeeded, all of it.
func jobDone(job *batchv1.Job) bool {
	return jobCondition(job, batchv1.JobComplete) != nil || jobCondition(job, batchv1.JobSuccessCriteriaMet) != nil
}

// jobCondition returns a condition that holds, or nil.
func jobCondition(job *batchv1.Job, kind batchv1.JobConditionType) *batchv1.JobCondition {
	for i, c := range job.Status.Conditions {
		if c.Type == kind && c.Status == corev1.ConditionTrue {
			return &job.Status.Conditions[i]
		}
	}
	return nil
}

func jobReady(job *batchv1.Job) int32 {
	if job.Status.Ready == nil {
		return 0
	}
	return *job.Status.Ready
}

// jobPods returns how many pods a Job runs at a time.
func jobPods(job *batchv1.Job) int32 {
	n := replicas(job.Spec.Parallelism)
	if c := job.Spec.Completions; c != nil {
		n = min(n, *c)
	}
	return n
}
