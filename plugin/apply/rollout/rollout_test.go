package rollout

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// TestComplete follows good rollouts of all kinds to their ends, and not less
// far.
func TestComplete(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		kind fixes.Kind
		spec string
		// pods are to be there with the new template.
		pods int
	}{
		{"deployment", fixes.KindDeployment, "replicas: 3", 3},
		{"default-replicas", fixes.KindDeployment, "", 1},
		{"recreate", fixes.KindDeployment, "replicas: 2\nstrategy: {type: Recreate}", 2},
		{"min-ready", fixes.KindDeployment, "replicas: 2\nminReadySeconds: 2", 2},
		{"zero", fixes.KindDeployment, "replicas: 0", 0},
		{"stateful", fixes.KindStatefulSet, "replicas: 3", 3},
		{"parallel", fixes.KindStatefulSet, "replicas: 3\npodManagementPolicy: Parallel", 3},
		{"partition", fixes.KindStatefulSet, "replicas: 3\nupdateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 2}}", 1},
		{"stateful-min-ready", fixes.KindStatefulSet, "replicas: 2\nminReadySeconds: 2", 2},
		{"stateful-on-delete", fixes.KindStatefulSet, "replicas: 2\nupdateStrategy: {type: OnDelete}", 0},
		{"daemon", fixes.KindDaemonSet, "", 2},
		{"surge", fixes.KindDaemonSet, "updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}", 2},
		{"daemon-on-delete", fixes.KindDaemonSet, "updateStrategy: {type: OnDelete}", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			obj := settledWorkload(t, c.kind, c.spec)
			obj = set(t, obj, imagePath, "example.com/web:2")
			var told lines
			if err := watcher().Wait(t.Context(), obj, told.add); err != nil {
				t.Fatalf("%v\n%s", err, &told)
			}
			live := read(t, fixes.RefOf(obj))
			updated := 0
			for _, pod := range pods(t, obj) {
				if pod.Spec.Containers[0].Image == "example.com/web:2" {
					updated++
					if !podReady(pod) {
						t.Errorf("%s is not ready", pod.Name)
					}
				}
			}
			if updated != c.pods {
				t.Errorf("%d pods have the new template, want %d\n%s", updated, c.pods, &told)
			}
			if c := count(live); !observed(live) || c.available < c.wanted {
				t.Errorf("not all are available: %+v", c)
			}
			if settled, err := watcher().Settled(t.Context(), obj); !settled || err != nil {
				t.Errorf("settled: %v %v", settled, err)
			}
		})
	}
}

// TestOldPodsCrash makes good what crashed before: the old pods, which stay
// until the new ones are available, are none of the rollout's.
func TestOldPodsCrash(t *testing.T) {
	t.Parallel()
	bad := workload(t, fixes.KindDeployment, namespace(t), "replicas: 2\nminReadySeconds: 2\nstrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}").(*appsv1.Deployment)
	bad.Spec.Template.Labels["test"] = "crash"
	obj := create(t, bad)
	failure(t, watcher().Wait(t.Context(), obj, nil))
	if settled, err := watcher().Settled(t.Context(), obj); settled || err != nil {
		t.Errorf("settled: %v %v", settled, err)
	}
	if err := watcher().Wait(t.Context(), set(t, obj, labelPath, "better"), nil); err != nil {
		t.Error(err)
	}
}

// TestScaled follows a number of replicas that changes during the rollout, as
// an autoscaler changes it.
func TestScaled(t *testing.T) {
	t.Parallel()
	for name, to := range map[string]string{"up": "5", "down": "1", "to-zero": "0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			obj := settledWorkload(t, fixes.KindDeployment, "replicas: 3\nminReadySeconds: 2")
			obj = set(t, obj, imagePath, "example.com/web:2")
			err := watcher().Wait(t.Context(), obj, during(t, func() {
				control.Kubectl(t, "scale", "deployment/web", "-n", obj.GetNamespace(), "--replicas="+to)
			}))
			if err != nil {
				t.Fatal(err)
			}
			live := read(t, fixes.RefOf(obj)).(*appsv1.Deployment)
			if n := *live.Spec.Replicas; live.Status.AvailableReplicas != n || live.Status.UpdatedReplicas != n {
				t.Errorf("of %d replicas: %+v", n, live.Status)
			}
		})
	}
}

// TestOvertaken meets what somebody else does to the object meanwhile.
func TestOvertaken(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		do   func(t *testing.T, obj fixes.Object)
		want error
	}{
		{"edited", func(t *testing.T, obj fixes.Object) { set(t, obj, imagePath, "example.com/web:3") }, ErrChanged},
		{"restarted", func(t *testing.T, obj fixes.Object) {
			control.Kubectl(t, "rollout", "restart", "deployment/web", "-n", obj.GetNamespace())
		}, ErrChanged},
		{"labelled", func(t *testing.T, obj fixes.Object) {
			control.Kubectl(t, "label", "deployment/web", "-n", obj.GetNamespace(), "team=blue")
		}, nil},
		{"paused", func(t *testing.T, obj fixes.Object) { set(t, obj, "/spec/paused", true) }, ErrHeld},
		{"deleted", func(t *testing.T, obj fixes.Object) {
			control.Kubectl(t, "delete", "deployment/web", "-n", obj.GetNamespace())
		}, ErrReplaced},
		{"deleted-slowly", func(t *testing.T, obj fixes.Object) {
			set(t, obj, "/metadata/finalizers", []string{"example.com/hold"})
			control.Kubectl(t, "delete", "deployment/web", "-n", obj.GetNamespace(), "--wait=false")
			t.Cleanup(func() {
				control.Kubectl(t, "patch", "deployment/web", "-n", obj.GetNamespace(), "--type=merge", "-p", `{"metadata":{"finalizers":null}}`)
			})
		}, ErrReplaced},
		{"replaced", func(t *testing.T, obj fixes.Object) {
			text := control.Kubectl(t, "get", "deployment/web", "-n", obj.GetNamespace(), "-o", "yaml")
			control.Kubectl(t, "delete", "deployment/web", "-n", obj.GetNamespace())
			control.Apply(t, text)
		}, ErrReplaced},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			obj := settledWorkload(t, fixes.KindDeployment, "replicas: 2\nminReadySeconds: 2")
			obj = set(t, obj, imagePath, "example.com/web:2")
			err := watcher().Wait(t.Context(), obj, during(t, func() { c.do(t, obj) }))
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if errors.Is(err, ErrHeld) && !strings.Contains(err.Error(), "kubectl rollout resume deployment/web -n "+obj.GetNamespace()) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestInterrupted ends with its context.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	obj := settledWorkload(t, fixes.KindDeployment, "")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	err := watcher().Wait(ctx, set(t, obj, labelPath, "not-ready"), during(t, func() { cancel(nil) }))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestStuck rolls a StatefulSet back, whose controller waits for the pod that
// failed until that is deleted.
func TestStuck(t *testing.T) {
	t.Parallel()
	for _, label := range []string{"crash", "not-ready"} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			obj := settledWorkload(t, fixes.KindStatefulSet, "replicas: 3")
			set(t, obj, labelPath, label)
			podRuns(t, obj.GetNamespace(), "web-2", label)
			back := set(t, obj, labelPath, "fine")
			eventually(t, "the controller sees it", func() error {
				if !observed(read(t, fixes.RefOf(obj))) {
					return errors.New("it does not")
				}
				return nil
			})
			w := watcher()
			w.Timeout = 2 * time.Second
			f := failure(t, w.Wait(t.Context(), back, nil), "67250", "web-2")
			if !f.TimedOut || !strings.Contains(strings.Join(f.Details, "\n"), "kubectl delete pod/web-2 -n "+obj.GetNamespace()) {
				t.Errorf("%+v", f)
			}
			stuck, err := w.Stuck(t.Context(), back)
			if err != nil {
				t.Fatal(err)
			}
			if len(stuck) != 1 || stuck[0].GetName() != "web-2" || stuck[0].GetUID() == "" {
				t.Fatalf("stuck: %v", stuck)
			}
			control.Kubectl(t, "delete", "pod", "web-2", "-n", obj.GetNamespace())
			if err := watcher().Wait(t.Context(), back, nil); err != nil {
				t.Error(err)
			}
			if stuck, err := w.Stuck(t.Context(), back); len(stuck) > 0 || err != nil {
				t.Errorf("stuck: %v %v", stuck, err)
			}
		})
	}
}

// TestStuckAtOnce asks right after the write, before the controller has seen
// it.
func TestStuckAtOnce(t *testing.T) {
	t.Parallel()
	obj := settledWorkload(t, fixes.KindStatefulSet, "replicas: 2")
	failure(t, watcher().Wait(t.Context(), set(t, obj, labelPath, "crash"), nil))
	stuck, err := watcher().Stuck(t.Context(), set(t, obj, labelPath, "fine"))
	if err != nil || len(stuck) != 1 || stuck[0].GetName() != "web-1" {
		t.Errorf("stuck: %v %v", stuck, err)
	}
	// A Deployment's controller does not wait for pods of the template before.
	other := &appsv1.Deployment{}
	if stuck, err := watcher().Stuck(t.Context(), other); len(stuck) > 0 || err != nil {
		t.Errorf("stuck: %v %v", stuck, err)
	}
}

// TestNoNodes is complete where no node is to run the pods.
func TestNoNodes(t *testing.T) {
	t.Parallel()
	obj := settledWorkload(t, fixes.KindDaemonSet, "")
	obj = set(t, obj, "/spec/template/spec/nodeSelector", map[string]string{"no": "such"})
	if err := watcher().Wait(t.Context(), obj, nil); err != nil {
		t.Error(err)
	}
	if held := Held(read(t, fixes.RefOf(obj))); !strings.Contains(held, "no node") {
		t.Errorf("held: %q", held)
	}
}

// TestNothingToWait returns at once for what replaces no pods.
func TestNothingToWait(t *testing.T) {
	t.Parallel()
	for _, kind := range []fixes.Kind{fixes.KindCronJob, fixes.KindReplicaSet, fixes.KindService} {
		if err := (&Watcher{Client: &client.Client{}}).Wait(t.Context(), kind.New(), nil); err != nil {
			t.Error(err)
		}
	}
}
