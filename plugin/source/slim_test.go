package source

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// revision is a ReplicaSet of a Deployment, as a server sends it.
func revision(owner, n, replicas int, password string) *appsv1.ReplicaSet {
	controller, many := true, int32(replicas)
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: fmt.Sprintf("web-%d-%d", owner, n), Annotations: map[string]string{"deployment.kubernetes.io/revision": fmt.Sprint(n)},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: fmt.Sprint("web-", owner), UID: types.UID(fmt.Sprint("u-", owner)), Controller: &controller}},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: &many, Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "web", Image: fmt.Sprint("example.com/web:", n), Args: []string{"--listen=:8080", "--log-level=info"},
			Env: []corev1.EnvVar{{Name: "LOG", Value: "info"}, {Name: "DB_PASSWORD", Value: password}, {Name: "HOST", Value: "db"}},
		}}}}},
	}
}

func TestSlimRevisions(t *testing.T) {
	var s slimmer
	old, older := revision(1, 2, 0, "Tr0ub4dor&3-horse"), revision(1, 1, 0, "Tr0ub4dor&3-horse")
	clean, current := revision(1, 3, 0, ""), revision(1, 4, 2, "Tr0ub4dor&3-horse")
	for _, rs := range []*appsv1.ReplicaSet{old, older, clean, current} {
		s.slim(rs)
	}
	for _, rs := range []*appsv1.ReplicaSet{old, older} {
		if c := rs.Spec.Template.Spec.Containers; len(c) != 1 || len(c[0].Env) != 3 || c[0].Image == "" || len(rs.Annotations) != 1 {
			t.Errorf("%s is not whole: an undo could not create it again", rs.Name)
		}
	}
	a, b := old.Spec.Template.Spec.Containers[0], older.Spec.Template.Spec.Containers[0]
	if a.Image == b.Image || &a.Env[0] != &b.Env[0] || &a.Args[0] != &b.Args[0] {
		t.Error("revisions do not share what they have in common, or share more")
	}
	for _, rs := range []*appsv1.ReplicaSet{clean, current} {
		if len(rs.Spec.Template.Spec.Containers) > 0 || rs.Annotations != nil {
			t.Errorf("%s is kept: no rule reads it", rs.Name)
		}
	}
}

// TestSlimMemory: old revisions without a credential, which nearly all are, cost
// next to nothing, and those with one a kilobyte or two.
func TestSlimMemory(t *testing.T) {
	const deployments, history = 1000, 10
	for password, most := range map[string]uint64{"": 1600, "Tr0ub4dor&3-horse": 3200} {
		var s slimmer
		var before, after runtime.MemStats
		kept := make([]*appsv1.ReplicaSet, 0, deployments*history)
		runtime.GC()
		runtime.ReadMemStats(&before)
		for d := range deployments {
			for n := range history {
				rs := revision(d, n, 0, password)
				s.slim(rs)
				kept = append(kept, rs)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		each := (after.HeapAlloc - before.HeapAlloc) / uint64(len(kept))
		t.Logf("%d bytes a ReplicaSet", each)
		if each > most {
			t.Errorf("%d bytes a ReplicaSet, at most %d are expected", each, most)
		}
		runtime.KeepAlive(kept)
	}
}

func TestSlimOthers(t *testing.T) {
	var s slimmer
	at := metav1.NewTime(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	earlier := metav1.NewTime(at.Add(-time.Hour))
	fields := []metav1.ManagedFieldsEntry{{Manager: "a", Time: &at, FieldsV1: &metav1.FieldsV1{}}, {Manager: "b", Time: &earlier}, {Manager: "c"}}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{ManagedFields: fields}}
	s.slim(secret)
	if m := secret.ManagedFields; len(m) != 1 || !m[0].Time.Equal(&at) || m[0].FieldsV1 != nil {
		t.Errorf("a Secret keeps %+v of when it was written", m)
	}
	controller := true
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{ManagedFields: fields, OwnerReferences: []metav1.OwnerReference{{Kind: "Cluster", Name: "db", UID: "u", Controller: &controller}}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Env: []corev1.EnvVar{
			{Name: "A", Value: "x"}, {Name: "B", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "k"}}},
			{Name: "C", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{}}},
		}}}},
	}
	s.slim(pod)
	if env := pod.Spec.Containers[0].Env; len(env) != 1 || env[0].Name != "B" || pod.ManagedFields != nil {
		t.Errorf("a pod keeps %+v, %v", env, pod.ManagedFields)
	}
}

// TestSlimStatic: a static pod has no template that would hold what is dropped of
// others.
func TestSlimStatic(t *testing.T) {
	pod := func(owner string) *corev1.Pod {
		controller := true
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "etcd-n1", OwnerReferences: []metav1.OwnerReference{{Kind: owner, Name: "x", UID: "u", Controller: &controller}}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "etcd", Env: []corev1.EnvVar{{Name: "ETCD_CLIENT_CERT_AUTH", Value: "true"}}}}},
		}
	}
	var s slimmer
	for owner, want := range map[string]int{"Node": 1, "ReplicaSet": 0} {
		p := pod(owner)
		s.slim(p)
		if got := len(p.Spec.Containers[0].Env); got != want {
			t.Errorf("a pod of a %s keeps %d variables", owner, got)
		}
	}
}
