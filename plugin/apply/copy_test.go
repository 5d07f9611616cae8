package apply

import (
	"reflect"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestCopyOf takes from a copy whatever would be in anybody's way.
func TestCopyOf(t *testing.T) {
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "db", Namespace: "shop"}}
	set.Spec.Template.Labels = map[string]string{"app": "db"}
	set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}}
	set.Spec.Template.Spec = corev1.PodSpec{
		PriorityClassName: "system-node-critical", Priority: new(int32(9)), PreemptionPolicy: new(corev1.PreemptLowerPriority),
		TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{TopologyKey: "zone"}},
		Affinity: &corev1.Affinity{
			NodeAffinity: &corev1.NodeAffinity{}, PodAffinity: &corev1.PodAffinity{}, PodAntiAffinity: &corev1.PodAntiAffinity{},
		},
		TerminationGracePeriodSeconds: new(int64(600)),
		Volumes: []corev1.Volume{
			{Name: "claim", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "c"}}},
			{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}},
		},
		InitContainers: []corev1.Container{{Name: "init", Ports: []corev1.ContainerPort{{HostPort: 1}}}},
		Containers:     []corev1.Container{{Name: "db", Ports: []corev1.ContainerPort{{HostPort: 2}}}},
	}
	before := set.DeepCopy()
	pod, wall := copyOf(podOf(set), "copy", time.Minute)

	spec := pod.Spec
	if pod.Name != "copy" || pod.Namespace != "shop" || pod.Labels["app"] != "" || pod.Labels[canaryLabel] != "copy" || pod.GenerateName != "" {
		t.Errorf("it is known as %+v", pod.ObjectMeta)
	}
	if spec.Hostname != "db-0" {
		t.Errorf("its host is %q", spec.Hostname)
	}
	if spec.PriorityClassName != "" || spec.Priority != nil || spec.PreemptionPolicy != nil || spec.TopologySpreadConstraints != nil ||
		spec.Affinity.NodeAffinity == nil || spec.Affinity.PodAffinity != nil || spec.Affinity.PodAntiAffinity != nil {
		t.Errorf("its place: %+v", spec)
	}
	if *spec.TerminationGracePeriodSeconds != copyGrace || *spec.ActiveDeadlineSeconds != 120 {
		t.Errorf("it ends in %d, after %d seconds", *spec.TerminationGracePeriodSeconds, *spec.ActiveDeadlineSeconds)
	}
	if spec.InitContainers[0].Ports[0].HostPort != 0 || spec.Containers[0].Ports[0].HostPort != 0 {
		t.Error("it takes ports of its node")
	}
	if v := spec.Volumes; len(v) != 3 || v[0].EmptyDir == nil || v[1].ConfigMap == nil || v[2].Name != "data" || v[2].EmptyDir == nil {
		t.Errorf("its volumes: %+v", v)
	}
	if wall.Spec.PodSelector.MatchLabels[canaryLabel] != "copy" || len(wall.Spec.PolicyTypes) != 2 || len(wall.Spec.Egress)+len(wall.Spec.Ingress) > 0 {
		t.Errorf("its policy: %+v", wall.Spec)
	}
	if !reflect.DeepEqual(set, before) {
		t.Error("the workload is touched")
	}
}
