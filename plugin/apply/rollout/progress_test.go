package rollout

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// TestLine says how far rollouts of each kind have come.
func TestLine(t *testing.T) {
	ready := &corev1.Pod{Status: corev1.PodStatus{
		Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
	}}
	pods := []*corev1.Pod{ready, {}}
	partition := appsv1.StatefulSetSpec{Replicas: new(int32(5)), UpdateStrategy: appsv1.StatefulSetUpdateStrategy{
		RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: new(int32(2))},
	}}
	for _, c := range []struct {
		name string
		obj  fixes.Object
		pods []*corev1.Pod
		want string
	}{
		{"new", &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Generation: 1}}, nil, "its controller has not taken it up yet"},
		{"deployment", deployment(), pods, "1 of 2 pods replaced, 1 ready"},
		{"unseen pods", deployment(), nil, "1 of 2 pods replaced"},
		{"partition", &appsv1.StatefulSet{Spec: partition, Status: appsv1.StatefulSetStatus{UpdatedReplicas: 2}}, pods, "2 of 3 pods replaced, 1 ready"},
		{"daemon", &appsv1.DaemonSet{Status: appsv1.DaemonSetStatus{DesiredNumberScheduled: 9, UpdatedNumberScheduled: 2}}, pods, "2 of 9 pods replaced, 1 ready"},
		{"job", &batchv1.Job{Spec: batchv1.JobSpec{Parallelism: new(int32(4)), Completions: new(int32(3))}, Status: batchv1.JobStatus{Active: 2}}, pods, "2 of 3 pods started, 1 ready"},
		{"pod", &corev1.Pod{}, nil, "its pod is not ready yet"},
		{"ready pod", ready, nil, "its pod is ready"},
	} {
		s := &sight{object: c.obj, pods: c.pods, seesPods: c.pods != nil}
		if got := s.line(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
