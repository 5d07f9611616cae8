package rollout

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// These tests show a watch what it would see at times that they choose: what
// takes half a minute or five on a cluster takes no time here. The pods are as
// the kubelet describes them; that it does, the tests on a node show.

// deployment is one of two replicas in the middle of its rollout.
func deployment() *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "shop", UID: "d", Generation: 2},
		Spec:       appsv1.DeploymentSpec{Replicas: new(int32(2))},
		Status:     appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 1, ReadyReplicas: 2, AvailableReplicas: 2},
	}
}

// show returns a watch of a Deployment to be shown what it sees.
func show() *watch {
	s := newSubject(&Watcher{Client: api, Clean: fixes.Clean}, deployment())
	return newWatch(s, nil)
}

// at is what is seen a number of seconds after the look before.
type at struct {
	after int
	pods  []*corev1.Pod
}

// judgeAll returns the seconds after which a rollout has failed, or -1 when it
// has not.
func (w *watch) judgeAll(t *testing.T, looks []at) (int, *Failure) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // no cluster is asked for events
	seconds := 0
	for _, look := range looks {
		seconds += look.after
		now := &sight{object: deployment(), pods: look.pods, seesPods: true}
		if err := w.findTroubles(ctx, now); err != nil {
			t.Fatal(err)
		}
		_, err := w.judge(ctx, now, time.Duration(look.after)*time.Second)
		if f, ok := errors.AsType[*Failure](err); ok {
			return seconds, f
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return -1, nil
}

// every repeats a look each second.
func every(pods []*corev1.Pod, seconds int) []at {
	list := []at{{0, pods}}
	for range seconds {
		list = append(list, at{1, pods})
	}
	return list
}

// podOf returns a pod with one container of a state.
func podOf(restarts int32, state corev1.ContainerState, before *corev1.ContainerStateTerminated) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web-1", Namespace: "shop", UID: "p"},
		Spec: corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{
			Name: "web", Image: "example.com/web:1",
			Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("64Mi")}},
		}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
			Name: "web", RestartCount: restarts, State: state, LastTerminationState: corev1.ContainerState{Terminated: before},
		}}},
	}
}

func waits(reason, message string) corev1.ContainerState {
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
}

func ends(code int32, reason, message string) *corev1.ContainerStateTerminated {
	return &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, Message: message}
}

var runs = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}

// asInit makes the container an init container.
func asInit(pod *corev1.Pod) *corev1.Pod {
	pod.Spec.InitContainers, pod.Spec.Containers = pod.Spec.Containers, nil
	pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses = pod.Status.ContainerStatuses, nil
	return pod
}

// TestGrace fails when a trouble has lasted for the time that it may, with its
// reason.
func TestGrace(t *testing.T) {
	for _, c := range []struct {
		name  string
		pod   *corev1.Pod
		after int
		want  string
	}{
		{"third crash", podOf(2, waits("CrashLoopBackOff", "back-off"), ends(1, "Error", "")), 0,
			"its pods crash: container web exits with 1 (CrashLoopBackOff)"},
		{"third crash, not yet backed off", podOf(2, corev1.ContainerState{Terminated: ends(1, "Error", "")}, nil), 0,
			"its pods crash: container web exits with 1"},
		{"message", podOf(2, waits("CrashLoopBackOff", "back-off"), ends(1, "Error", "no such\nfile")), 0,
			`its pods crash: container web exits with 1 (CrashLoopBackOff): no such\x0afile`},
		{"second crash", podOf(1, waits("CrashLoopBackOff", "back-off"), ends(2, "Error", "")), 20,
			"its pods crash: container web exits with 2 (CrashLoopBackOff)"},
		{"memory", podOf(5, waits("CrashLoopBackOff", "back-off"), ends(137, "OOMKilled", "")), 0,
			"its pods crash: container web runs out of memory (OOMKilled, its limit is 64Mi) (CrashLoopBackOff)"},
		{"signal", podOf(5, waits("CrashLoopBackOff", "back-off"), ends(139, "Error", "")), 0,
			"its pods crash: container web exits with 139, killed by signal 11 (CrashLoopBackOff)"},
		{"ends with 0", podOf(5, waits("CrashLoopBackOff", "back-off"), ends(0, "Completed", "")), 0,
			"its pods crash: container web exits with 0 (CrashLoopBackOff)"},
		{"cannot start", podOf(5, waits("CrashLoopBackOff", "back-off"), ends(128, "StartError", "exec: permission denied")), 0,
			"its pods crash: container web cannot be started (CrashLoopBackOff): exec: permission denied"},
		{"init container", asInit(podOf(2, waits("CrashLoopBackOff", "back-off"), ends(3, "Error", ""))), 0,
			"its pods crash: init container web exits with 3 (CrashLoopBackOff)"},
		{"configuration", podOf(0, waits("CreateContainerConfigError", `secret "db" not found`), nil), 10,
			`its containers cannot be started: container web: CreateContainerConfigError: secret "db" not found`},
		{"pull", podOf(0, waits("ImagePullBackOff", "back-off"), nil), 30,
			"its image cannot be pulled: container web: example.com/web:1: ImagePullBackOff: back-off"},
		{"name", podOf(0, waits("InvalidImageName", "could not parse"), nil), 10,
			"its image cannot be pulled: container web: example.com/web:1: InvalidImageName: could not parse"},
	} {
		t.Run(c.name, func(t *testing.T) {
			after, f := show().judgeAll(t, every([]*corev1.Pod{c.pod}, 60))
			if after != c.after || f.Reason != c.want || f.TimedOut {
				t.Errorf("after %ds, want %ds: %+v", after, c.after, f)
			}
		})
	}
}

// TestPatience does not fail for what may heal.
func TestPatience(t *testing.T) {
	crashed := podOf(0, corev1.ContainerState{Terminated: ends(1, "Error", "")}, nil)
	unschedulable := &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes"},
	}}}
	pulls := func(reason string) []*corev1.Pod { return []*corev1.Pod{podOf(0, waits(reason, ""), nil)} }
	running := []*corev1.Pod{podOf(9, runs, ends(1, "Error", ""))}
	backOff := []*corev1.Pod{podOf(1, waits("CrashLoopBackOff", ""), ends(1, "Error", ""))}
	for name, looks := range map[string][]at{
		"first crash":     every([]*corev1.Pod{crashed}, 60),
		"unschedulable":   every([]*corev1.Pod{unschedulable}, 240),
		"starting":        every(pulls("ContainerCreating"), 240),
		"runs after many": every(running, 60),
		"crash, run, crash": append(append(every(backOff, 15), at{1, running}),
			every(backOff, 15)...),
		"pulled in between": append(append(every(pulls("ErrImagePull"), 20), at{1, running}), every(pulls("ImagePullBackOff"), 20)...),
	} {
		t.Run(name, func(t *testing.T) {
			if after, f := show().judgeAll(t, looks); after >= 0 {
				t.Errorf("failed after %ds: %+v", after, f)
			}
		})
	}
	// One trouble under two names.
	after, _ := show().judgeAll(t, append(every(pulls("ErrImagePull"), 15), every(pulls("ImagePullBackOff"), 20)...))
	if after != 30 {
		t.Errorf("not pulled: failed after %ds", after)
	}
}

// TestStandstill restarts the clock at progress, and at nothing else.
func TestStandstill(t *testing.T) {
	creating := podOf(0, waits("ContainerCreating", ""), nil)
	running := podOf(0, runs, nil)
	crashed := podOf(0, corev1.ContainerState{Terminated: ends(1, "Error", "")}, nil)
	for _, c := range []struct {
		name  string
		looks []at
		after int
	}{
		{"none", []at{{0, []*corev1.Pod{creating}}, {299, []*corev1.Pod{creating}}, {1, []*corev1.Pod{creating}}}, 300},
		{"started", []at{{0, []*corev1.Pod{creating}}, {200, []*corev1.Pod{running}}, {299, []*corev1.Pod{running}}, {1, []*corev1.Pod{running}}}, 500},
		{"started again and again", []at{{0, []*corev1.Pod{running}}, {150, []*corev1.Pod{crashed}}, {100, []*corev1.Pod{running}}, {50, []*corev1.Pod{crashed}}}, 300},
	} {
		t.Run(c.name, func(t *testing.T) {
			after, f := show().judgeAll(t, c.looks)
			if after != c.after || !f.TimedOut || !strings.HasPrefix(f.Reason, "it made no progress for 5m0s: ") {
				t.Errorf("after %ds, want %d: %+v", after, c.after, f)
			}
		})
	}
}

// TestUnanswered lets time stand still while the server does not answer.
func TestUnanswered(t *testing.T) {
	w := show()
	pods := []*corev1.Pod{podOf(0, waits("CreateContainerConfigError", ""), nil)}
	if after, _ := w.judgeAll(t, every(pods, 5)); after >= 0 {
		t.Fatalf("failed after %ds", after)
	}
	if err := w.miss(errors.New("connection refused"), 4*time.Minute); err != nil {
		t.Fatal(err)
	}
	if after, _ := w.judgeAll(t, every(pods, 4)); after >= 0 {
		t.Fatalf("failed after %ds", after)
	}
	if after, _ := w.judgeAll(t, every(pods, 4)); after != 1 {
		t.Fatalf("failed after %ds, want 1", after)
	}

	denied := apierrors.NewForbidden(appsv1.Resource("deployments"), "web", errors.New("not yet"))
	for _, c := range []struct {
		err    error
		passed time.Duration
		gives  bool
	}{
		{errors.New("eof"), 5*time.Minute - 1, false}, {errors.New("eof"), 5 * time.Minute, true},
		{denied, 29 * time.Second, false}, {denied, 30 * time.Second, true},
		{ErrReplaced, 0, true}, {fmt.Errorf("%w: x", ErrHeld), 0, true},
	} {
		if err := show().miss(c.err, c.passed); (err != nil) != c.gives || err != nil && !errors.Is(err, c.err) {
			t.Errorf("%v for %s: %v", c.err, c.passed, err)
		}
	}
}

// TestRefusals demands that pods which the server does not admit fail a rollout
// soon, but not while that may pass.
func TestRefusals(t *testing.T) {
	g := defaultGrace()
	for message, want := range map[string]time.Duration{
		`pods "web-1" is forbidden: violates PodSecurity "baseline:latest": host namespaces`:                           g.refused,
		`Internal error occurred: failed calling webhook "x.y": failed to call webhook: Post "https://x": EOF`:         g.refused,
		`pods "web-1" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2`:               g.quota,
		`pods "web-1" is forbidden: failed quota: q: must specify requests.cpu for: web`:                               g.quota,
		`pods is forbidden: User "system:serviceaccount:x" cannot create resource "pods" in API group ""`:              g.denied,
		`Post "https://127.0.0.1:6443/api/v1/namespaces/x/pods": dial tcp 127.0.0.1:6443: connect: connection refused`: forever,
	} {
		if got := g.refusal(message, false); got.wait != want || got.text != message {
			t.Errorf("%s: waits %s, want %s", message, got.wait, want)
		}
	}
}

// TestFailedPods tolerates that two pods fail, which the controller replaces
// and a node's pressure may explain.
func TestFailedPods(t *testing.T) {
	w := show()
	w.since = time.Unix(1000, 0)
	evicted := func(uid string, created int64) []*corev1.Pod {
		return []*corev1.Pod{{
			ObjectMeta: metav1.ObjectMeta{Name: "web-" + uid, UID: types.UID(uid), CreationTimestamp: metav1.Unix(created, 0)},
			Status:     corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted", Message: "The node was low on resource: memory."},
		}}
	}
	after, f := w.judgeAll(t, []at{{0, evicted("old-1", 900)}, {1, evicted("old-2", 900)}, {1, evicted("a", 1001)}, {1, evicted("a", 1001)}, {1, evicted("b", 1002)}, {1, evicted("c", 1003)}})
	if after != 5 || f.Reason != "its pods fail: Evicted: The node was low on resource: memory." {
		t.Errorf("after %ds: %+v", after, f)
	}
}

// TestSoak demands that a rollout stays complete, without restarts.
func TestSoak(t *testing.T) {
	w := show()
	w.w.Soak = 5 * time.Second
	ready := func(restarts int32) *sight {
		return &sight{object: deployment(), complete: true, pods: []*corev1.Pod{podOf(restarts, runs, nil)}}
	}
	unready := &sight{object: deployment()}
	for i, look := range []struct {
		now  *sight
		done bool
	}{
		{ready(0), false}, {ready(0), false}, {ready(1), false}, {ready(1), false}, {ready(1), false}, {unready, false},
		{ready(1), false}, {ready(1), false}, {ready(1), false}, {ready(1), true},
	} {
		done, err := w.judge(t.Context(), look.now, 2*time.Second)
		if done != look.done || err != nil {
			t.Errorf("look %d: %v %v", i, done, err)
		}
		if done {
			break
		}
	}
	zero := ready(0)
	zero.object.(*appsv1.Deployment).Spec.Replicas = new(int32(0))
	if done, _ := show().judge(t.Context(), zero, 0); !done {
		t.Error("no pods are waited for")
	}
}

// TestLimit follows what a workload itself asks for.
func TestLimit(t *testing.T) {
	probes := corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{{
		StartupProbe:   &corev1.Probe{InitialDelaySeconds: 10, PeriodSeconds: 10, FailureThreshold: 60},
		ReadinessProbe: &corev1.Probe{InitialDelaySeconds: 20},
	}}}}
	for _, c := range []struct {
		name string
		obj  fixes.Object
		want time.Duration
	}{
		{"default", &appsv1.Deployment{}, 5 * time.Minute},
		{"the server's deadline", &appsv1.Deployment{Spec: appsv1.DeploymentSpec{ProgressDeadlineSeconds: new(int32(600))}}, 5 * time.Minute},
		{"a short deadline", &appsv1.Deployment{Spec: appsv1.DeploymentSpec{ProgressDeadlineSeconds: new(int32(60))}}, 5 * time.Minute},
		{"a long deadline", &appsv1.Deployment{Spec: appsv1.DeploymentSpec{ProgressDeadlineSeconds: new(int32(1800))}}, 30 * time.Minute},
		{"no deadline", &appsv1.Deployment{Spec: appsv1.DeploymentSpec{ProgressDeadlineSeconds: new(int32(1<<31 - 1))}}, 5 * time.Minute},
		{"minReadySeconds", &appsv1.DaemonSet{Spec: appsv1.DaemonSetSpec{MinReadySeconds: 400}}, 700 * time.Second},
		{"probes", &appsv1.StatefulSet{Spec: appsv1.StatefulSetSpec{Template: probes}}, 930 * time.Second},
	} {
		if got := (&Watcher{}).Limit(c.obj); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if got := (&Watcher{Timeout: time.Second}).Limit(c.obj); got != time.Second {
			t.Errorf("%s: %s, not as it is told", c.name, got)
		}
	}
	w := show()
	slow := &sight{object: deployment(), leaving: []*corev1.Pod{{ObjectMeta: metav1.ObjectMeta{DeletionGracePeriodSeconds: new(int64(600))}}}}
	if got := w.limit(slow); got != 15*time.Minute {
		t.Errorf("while an old pod ends: %s", got)
	}
}

// TestBlocks spares the pods that a StatefulSet would make again as they are.
func TestBlocks(t *testing.T) {
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{UID: "s"},
		Spec: appsv1.StatefulSetSpec{Replicas: new(int32(3)), Ordinals: &appsv1.StatefulSetOrdinals{Start: 5},
			UpdateStrategy: appsv1.StatefulSetUpdateStrategy{RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: new(int32(1))}}},
		Status: appsv1.StatefulSetStatus{UpdateRevision: "web-new"},
	}
	pod := func(name, revision string, edit func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{appsv1.StatefulSetRevisionLabel: revision},
			OwnerReferences: []metav1.OwnerReference{{UID: "s", Controller: new(true)}},
		}}
		if edit != nil {
			edit(p)
		}
		return p
	}
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		want bool
	}{
		{"stuck", pod("web-6", "web-old", nil), true},
		{"last", pod("web-7", "web-old", nil), true},
		{"below the partition", pod("web-5", "web-old", nil), false},
		{"new", pod("web-6", "web-new", nil), false},
		{"ready", pod("web-6", "web-old", func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		}), false},
		{"being deleted", pod("web-6", "web-old", func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{} }), false},
		{"another's", pod("web-6", "web-old", func(p *corev1.Pod) { p.OwnerReferences[0].UID = "other" }), false},
		{"no number", pod("web", "web-old", nil), false},
	} {
		if got := blocks(set, c.pod); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
