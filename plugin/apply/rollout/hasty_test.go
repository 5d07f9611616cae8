package rollout

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// TestHasty does not wait for what nothing brings back.
func TestHasty(t *testing.T) {
	never := func(controller ...metav1.OwnerReference) *corev1.Pod {
		pod := podOf(0, corev1.ContainerState{Terminated: ends(1, "Error", "")}, nil)
		pod.Spec.RestartPolicy, pod.OwnerReferences = corev1.RestartPolicyNever, controller
		return pod
	}
	missing := podOf(0, waits("CreateContainerConfigError", `secret "db" not found`), nil)
	for _, c := range []struct {
		name  string
		hasty bool
		pod   *corev1.Pod
		after int
	}{
		{"nothing starts it again", false, never(), 0},
		{"its Job makes another", false, never(metav1.OwnerReference{Kind: "Job", Controller: new(true)}), 20},
		{"what it needs may come", false, missing, 10},
		{"it is only tried", true, missing, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWatch(newSubject(&Watcher{Client: api, Clean: fixes.Clean, Hasty: c.hasty}, deployment()), nil)
			after, f := w.judgeAll(t, every([]*corev1.Pod{c.pod}, 60))
			if after != c.after || f == nil {
				t.Errorf("after %ds, want %ds: %+v", after, c.after, f)
			}
		})
	}
}
