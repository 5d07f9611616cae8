package rollout

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// TestHeld says what holds a rollout, and nothing where nothing does.
func TestHeld(t *testing.T) {
	meta := metav1.ObjectMeta{Name: "web", Namespace: "shop", Generation: 1}
	rolling := func(partition int32) appsv1.StatefulSetSpec {
		return appsv1.StatefulSetSpec{Replicas: new(int32(3)), UpdateStrategy: appsv1.StatefulSetUpdateStrategy{
			Type: appsv1.RollingUpdateStatefulSetStrategyType, RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: &partition},
		}}
	}
	for _, c := range []struct {
		name string
		obj  fixes.Object
		want string
	}{
		{"deployment", &appsv1.Deployment{ObjectMeta: meta}, ""},
		{"paused", &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Paused: true}}, "kubectl rollout resume deployment/web -n shop"},
		{"zero", &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Replicas: new(int32(0))}}, "scaled to 0"},
		{"stateful", &appsv1.StatefulSet{ObjectMeta: meta, Spec: rolling(0)}, ""},
		{"partition", &appsv1.StatefulSet{ObjectMeta: meta, Spec: rolling(2)}, "its partition is 2: the first 2 of its pods keep the template before"},
		{"stateful-zero", &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Replicas: new(int32(0))}}, "scaled to 0"},
		{"stateful-on-delete", &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{
			UpdateStrategy: appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType},
		}}, "OnDelete"},
		{"daemon-unobserved", &appsv1.DaemonSet{ObjectMeta: meta}, ""},
		{"daemon", &appsv1.DaemonSet{ObjectMeta: meta, Status: appsv1.DaemonSetStatus{ObservedGeneration: 1, DesiredNumberScheduled: 1}}, ""},
		{"daemon-on-delete", &appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{
			UpdateStrategy: appsv1.DaemonSetUpdateStrategy{Type: appsv1.OnDeleteDaemonSetStrategyType},
		}}, "OnDelete"},
		{"replicaset", &appsv1.ReplicaSet{ObjectMeta: meta}, "only pods that it makes from now on"},
		{"controller", &corev1.ReplicationController{ObjectMeta: meta}, "only pods that it makes from now on"},
		{"job", &batchv1.Job{ObjectMeta: meta}, ""},
		{"suspended", &batchv1.Job{ObjectMeta: meta, Spec: batchv1.JobSpec{Suspend: new(true)}}, "it is suspended"},
		{"cronjob", &batchv1.CronJob{ObjectMeta: meta}, "its next Job"},
		{"cronjob-suspended", &batchv1.CronJob{ObjectMeta: meta, Spec: batchv1.CronJobSpec{Suspend: new(true)}}, "it is suspended"},
		{"pod", &corev1.Pod{ObjectMeta: meta}, ""},
	} {
		if got := Held(c.obj); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
