package rollout

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// TestCrash fails as soon as new pods crash, whatever makes them.
func TestCrash(t *testing.T) {
	t.Parallel()
	for _, kind := range []fixes.Kind{fixes.KindDeployment, fixes.KindStatefulSet, fixes.KindDaemonSet} {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			obj := settledWorkload(t, kind, "")
			err := watcher().Wait(t.Context(), set(t, obj, labelPath, "crash"), nil)
			f := failure(t, err, "its pods crash: container web exits with 1 (CrashLoopBackOff)")
			if f.TimedOut {
				t.Error("the time was waited for")
			}
			details := strings.Join(f.Details, "\n")
			for _, want := range []string{
				"container web: waits, CrashLoopBackOff: back-off 40s restarting failed container; before: ended with exit code 1, Error; 3 restarts",
				"kubectl logs pod/", "-n " + obj.GetNamespace() + " -c web --previous",
				"Successfully assigned " + obj.GetNamespace(),
			} {
				if !strings.Contains(details, want) {
					t.Errorf("%q is not in\n%s", want, details)
				}
			}
			for _, pod := range pods(t, obj) {
				if pod.Labels["test"] == "fine" && strings.Contains(details, "pod "+pod.Name+" on") {
					t.Errorf("the details describe pod %s of the template before\n%s", pod.Name, details)
				}
			}
		})
	}
}

// TestClean has everything cleaned that came from the cluster.
func TestClean(t *testing.T) {
	t.Parallel()
	obj := settledWorkload(t, fixes.KindDeployment, "")
	w := watcher()
	w.Clean = func(text string) string { return strings.ReplaceAll(text, "failed container", "•••") }
	var told lines
	f := failure(t, w.Wait(t.Context(), set(t, obj, labelPath, "crash"), told.add))
	all := f.Reason + strings.Join(f.Details, "\n") + told.String()
	if strings.Contains(all, "failed container") || !strings.Contains(all, "restarting •••") {
		t.Error(all)
	}
}

const privileged = "/spec/template/spec/hostNetwork"

// TestRefused is told that pods are refused by the server, and what it says.
// What makes pods says so in conditions or in events.
func TestRefused(t *testing.T) {
	t.Parallel()
	for _, kind := range []fixes.Kind{fixes.KindDeployment, fixes.KindStatefulSet, fixes.KindDaemonSet} {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			obj := settledWorkload(t, kind, "")
			control.Kubectl(t, "label", "namespace", obj.GetNamespace(), "pod-security.kubernetes.io/enforce=baseline")
			start := time.Now()
			err := watcher().Wait(t.Context(), set(t, obj, privileged, true), nil)
			f := failure(t, err, "its pods are refused: pods ", `violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)`)
			if took := time.Since(start); f.TimedOut || took < defaultGrace().refused {
				t.Errorf("timed out %v, after %s", f.TimedOut, took)
			}
			if n := strings.Count(strings.Join(f.Details, "\n"), "FailedCreate: "); n != 1 {
				t.Errorf("the details tell of the refusals %d times: %q", n, f.Details)
			}
		})
	}
}

// TestQuota waits longer for a quota, which may become free, and fails when it
// does not.
func TestQuota(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ spec, free string }{
		"full":        {spec: "replicas: 2"},
		"freed":       {spec: "replicas: 2", free: "9"},
		"own-pods-go": {spec: "replicas: 2\nstrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 1}}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			obj := settledWorkload(t, fixes.KindDeployment, c.spec)
			ref := fixes.Ref{Kind: fixes.KindResourceQuota, Namespace: obj.GetNamespace(), Name: "full"}
			quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: ref.Name, Namespace: ref.Namespace}}
			quota.Spec.Hard = corev1.ResourceList{corev1.ResourcePods: *quantity(2)}
			create(t, quota)
			eventually(t, "the quota is counted", func() error {
				q := read(t, ref).(*corev1.ResourceQuota)
				if used := q.Status.Used[corev1.ResourcePods]; used.Value() != 2 {
					return errors.New("it is not")
				}
				return nil
			})
			start := time.Now()
			written := set(t, obj, imagePath, "example.com/web:2")
			if c.free != "" {
				go func() {
					time.Sleep(defaultGrace().refused + 2*time.Second)
					set(t, read(t, ref), "/spec/hard/pods", c.free)
				}()
			}
			err := watcher().Wait(t.Context(), written, nil)
			took := time.Since(start)
			if name != "full" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			f := failure(t, err, "its pods are refused: pods ", "exceeded quota: full, requested: pods=1, used: pods=2, limited: pods=2")
			if f.TimedOut || took < defaultGrace().quota {
				t.Errorf("timed out %v, after %s", f.TimedOut, took)
			}
		})
	}
}

// TestDeadline ends with the Deployment's own deadline; put back, the
// condition that stays for a while is none of the new rollout's.
func TestDeadline(t *testing.T) {
	t.Parallel()
	obj := settledWorkload(t, fixes.KindDeployment, "progressDeadlineSeconds: 3")
	bad := set(t, obj, labelPath, "not-ready")
	f := failure(t, watcher().Wait(t.Context(), bad, nil), "it made no progress for 3s (its progressDeadlineSeconds): its pods do not become ready",
		"the readiness probe of container web does not succeed")
	if !f.TimedOut {
		t.Error("not timed out")
	}
	back := set(t, obj, labelPath, "fine")
	if c := progressing(back.(*appsv1.Deployment)); c == nil || c.Reason != "ProgressDeadlineExceeded" {
		t.Fatalf("the condition is not from the rollout before: %+v", c)
	}
	if err := watcher().Wait(t.Context(), back, nil); err != nil {
		t.Error(err)
	}
}

// TestTimeout gives the likeliest reason when the time is up.
func TestTimeout(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, path string
		value      any
		words      []string
	}{
		{"not-ready", labelPath, "not-ready", []string{"its pods do not become ready: the readiness probe of container web"}},
		{"unschedulable", "/spec/template/spec/nodeSelector", map[string]string{"no": "such"}, []string{"its pods cannot be scheduled: 0/2 nodes are available"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			obj := settledWorkload(t, fixes.KindDeployment, "replicas: 2")
			w := watcher()
			w.Timeout = 12 * time.Second
			start := time.Now()
			var told lines
			f := failure(t, w.Wait(t.Context(), set(t, obj, c.path, c.value), told.add), append(c.words, "it made no progress for 12s")...)
			if !strings.Contains(told.String(), "1 of 2 pods replaced, 0 ready") {
				t.Errorf("told\n%s", &told)
			}
			if took := time.Since(start); !f.TimedOut || took < w.Timeout {
				t.Errorf("timed out %v, after %s", f.TimedOut, took)
			}
		})
	}
}

// TestFewRights follows a rollout by the workload's status alone, and says
// that it does.
func TestFewRights(t *testing.T) {
	t.Parallel()
	few, err := clientOf(control.KubeconfigNoRights)
	if err != nil {
		t.Fatal(err)
	}
	allow := func(t *testing.T, obj fixes.Object) *Watcher {
		control.Apply(t, `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: few, namespace: `+obj.GetNamespace()+`}
rules: [{apiGroups: [apps], resources: [deployments], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: few, namespace: `+obj.GetNamespace()+`}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: few}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: devs}]
`)
		w := watcher()
		w.Client, w.Timeout = few, 8*time.Second
		return w
	}
	t.Run("good", func(t *testing.T) {
		t.Parallel()
		obj := settledWorkload(t, fixes.KindDeployment, "replicas: 2")
		w := allow(t, obj)
		if err := w.Wait(t.Context(), set(t, obj, imagePath, "example.com/web:2"), nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("bad", func(t *testing.T) {
		t.Parallel()
		obj := settledWorkload(t, fixes.KindDeployment, "replicas: 2")
		w := allow(t, obj)
		f := failure(t, w.Wait(t.Context(), set(t, obj, labelPath, "crash"), nil), "1 of 2 pods replaced")
		if details := strings.Join(f.Details, "\n"); !f.TimedOut || !strings.Contains(details, `its ReplicaSets cannot be read: replicasets.apps is forbidden: User "dev" cannot list`) ||
			!strings.Contains(details, "events") {
			t.Errorf("%+v", f)
		}
	})
}

// outage fails requests while it is on.
type outage struct {
	http.RoundTripper
	on *atomic.Bool
}

func (o outage) RoundTrip(r *http.Request) (*http.Response, error) {
	if o.on.Load() {
		return nil, errors.New("connection refused")
	}
	return o.RoundTripper.RoundTrip(r)
}

// TestOutage does not count the time in which the server was away, and gives
// up when that is as long as a rollout may stand still; neither is a failure.
func TestOutage(t *testing.T) {
	t.Parallel()
	config, err := clientcmd.BuildConfigFromFlags("", control.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	var off atomic.Bool
	config.Wrap(func(rt http.RoundTripper) http.RoundTripper { return outage{rt, &off} })
	w := watcher()
	if w.Client, err = client.New(config); err != nil {
		t.Fatal(err)
	}
	obj := settledWorkload(t, fixes.KindDeployment, "minReadySeconds: 4")
	w.Timeout = 14 * time.Second
	var told lines
	var once atomic.Bool
	err = w.Wait(t.Context(), set(t, obj, imagePath, "example.com/web:2"), func(line string) {
		told.add(line)
		if once.CompareAndSwap(false, true) {
			off.Store(true)
			time.AfterFunc(w.Timeout-3*time.Second, func() { off.Store(false) })
		}
	})
	if err != nil || !strings.Contains(told.String(), "it cannot be read now: ") || !strings.Contains(told.String(), "connection refused") {
		t.Errorf("%v\n%s", err, &told)
	}
	w.Timeout = time.Second
	err = w.Wait(t.Context(), set(t, obj, imagePath, "example.com/web:3"), func(string) { off.Store(true) })
	var f *Failure
	if err == nil || errors.As(err, &f) || !strings.Contains(err.Error(), "could not be read for 1s: ") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
}

// TestJob watches a Job that was made anew.
func TestJob(t *testing.T) {
	t.Parallel()
	job := func(t *testing.T, test string) *batchv1.Job {
		return &batchv1.Job{
			ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: namespace(t)},
			Spec:       batchv1.JobSpec{Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"test": test}}, Spec: podSpec()}},
		}
	}
	t.Run("completes", func(t *testing.T) {
		t.Parallel()
		if err := watcher().Wait(t.Context(), create(t, job(t, "fine")), nil); err != nil {
			t.Error(err)
		}
	})
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		j := job(t, "fine")
		j.Spec.Template.Spec.HostNetwork = true
		control.Kubectl(t, "label", "namespace", j.Namespace, "pod-security.kubernetes.io/enforce=baseline")
		failure(t, watcher().Wait(t.Context(), create(t, j), nil), "its pods are refused: ", "hostNetwork=true")
	})
	t.Run("suspended", func(t *testing.T) {
		t.Parallel()
		j := job(t, "fine")
		j.Spec.Suspend = new(true)
		if err := watcher().Wait(t.Context(), create(t, j), nil); !errors.Is(err, ErrHeld) {
			t.Errorf("error %v", err)
		}
	})
}

// TestWaitPod watches pods that nothing controls.
func TestWaitPod(t *testing.T) {
	t.Parallel()
	pod := func(t *testing.T, ns, test string) *corev1.Pod {
		return create(t, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: ns, Labels: map[string]string{"test": test}}, Spec: podSpec(),
		}).(*corev1.Pod)
	}
	t.Run("ready", func(t *testing.T) {
		t.Parallel()
		var told lines
		if err := watcher().WaitPod(t.Context(), pod(t, namespace(t), "fine"), told.add); err != nil {
			t.Error(err)
		}
		if !strings.Contains(told.String(), "its pod is ready; looking whether it stays so") {
			t.Error(&told)
		}
	})
	t.Run("crashes", func(t *testing.T) {
		t.Parallel()
		failure(t, watcher().WaitPod(t.Context(), pod(t, namespace(t), "crash"), nil), "it crashes: container web exits with 1")
	})
	t.Run("deleted", func(t *testing.T) {
		t.Parallel()
		p := pod(t, namespace(t), "not-ready")
		err := watcher().WaitPod(t.Context(), p, during(t, func() {
			control.Kubectl(t, "delete", "pod/web", "-n", p.Namespace)
			pod(t, p.Namespace, "fine")
		}))
		if !errors.Is(err, ErrReplaced) {
			t.Errorf("error %v", err)
		}
	})
	for phase, reason := range map[corev1.PodPhase]string{
		corev1.PodSucceeded: "",
		corev1.PodFailed:    "it failed: Evicted: The node was low on resource: memory.",
	} {
		t.Run(strings.ToLower(string(phase)), func(t *testing.T) {
			t.Parallel()
			p := pod(t, namespace(t), "not-ready")
			podRuns(t, p.Namespace, p.Name, "not-ready") // else what plays it may do so after the patch
			err := watcher().WaitPod(t.Context(), p, during(t, func() {
				patch := `{"status":{"phase":"` + string(phase) + `"}}`
				if reason != "" {
					patch = `{"status":{"phase":"Failed","reason":"Evicted","message":"The node was low on resource: memory."}}`
				}
				control.Kubectl(t, "patch", "pod/web", "-n", p.Namespace, "--subresource=status", "--type=merge", "-p", patch)
			}))
			if reason == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			failure(t, err, reason)
		})
	}
}
