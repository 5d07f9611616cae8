//go:build unix

package apply_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

// trialFaults search for the tightest settings of workloads on copies of their
// pods. That neither a copy nor its policy is left, and nothing else touched,
// [scene.tryOut] demands of all of them.
func trialFaults() []fault {
	return []fault{
		{"trial-finds-settings", done, func(s *scene) {
			s.confined(cache)
			for _, trial := range s.tryOut() {
				own := trial.Confinement.Containers["web"]
				if trial.Err != "" || len(own.Scratch) == 0 || own.WritableRoot || own.Root {
					s.Errorf("%s: %q, %+v", trial.Workload, trial.Err, trial.Confinement)
				}
			}
			if len(s.tries) < 4 {
				s.Errorf("too few tries to be a search: %q", s.tries)
			}
		}},
		{"trial-of-what-fails-by-itself", done, func(s *scene) {
			s.confined(func(*corev1.Pod) string { return "dial tcp: lookup db: no such host" })
			s.learns("does not run by itself")
		}},
		{"trial-refused", done, func(s *scene) {
			s.confined(rooted)
			s.edit("Namespace/"+s.ns, "somebody", func(o *unstructured.Unstructured) {
				o.SetLabels(map[string]string{"kubernetes.io/metadata.name": s.ns, "pod-security.kubernetes.io/enforce": "restricted"})
			})
			s.tryOut()
			if !strings.Contains(strings.Join(s.tries, "\n"), "Pod Security admission does not allow it") {
				s.Errorf("nothing was refused: %q", s.tries)
			}
		}},
		{"trial-not-allowed", done, func(s *scene) {
			s.confined(cache)
			s.as(without("create", "pods"))
			s.learns("you may not create pods in namespace " + s.ns)
		}},
		{"trial-not-cut-off", done, func(s *scene) {
			s.confined(cache)
			s.as(without("create", "networkpolicies"))
			s.learns("you may not create networkpolicies")
			if s.reachedServer("create pods") > 0 {
				s.Error("the copy was started")
			}
		}},
		{"trial-without-room", done, func(s *scene) {
			s.settings.RolloutTimeout = 3 * time.Second
			s.confined(cache)
			s.onStep = nil
			for _, name := range []string{"a", "b"} {
				s.edit("Deployment/"+name, "somebody", func(o *unstructured.Unstructured) {
					_ = unstructured.SetNestedField(o.Object, "true", "spec", "template", "spec", "nodeSelector", "gpu")
				})
			}
			s.begin = s.snapshot()
			s.learns("no node has room")
		}},
		{"trial-over-quota", done, func(s *scene) {
			s.confined(cache)
			s.quota("pods", "1")
			s.learns("quota has no room")
		}},
		{"trial-unread-logs", done, func(s *scene) {
			s.confined(cache)
			s.wire.lift()
			s.fault(woe{what: "get pods", strike: logs(answer(403, "Forbidden"))})
			s.tryOut()
			if !s.noLogs {
				s.Error("that logs may not be read is not said")
			}
		}},
		{"trial-copy-deleted", done, func(s *scene) {
			s.confined(cache)
			s.onStep = func(name string) {
				for _, o := range s.copies() {
					if o.GetKind() == "Pod" && name == "canary" {
						// By one of the two trials: the other finds it gone.
						_ = s.in("v1", "Pod").Delete(s.Context(), o.GetName(), metav1.DeleteOptions{GracePeriodSeconds: new(int64)})
					}
				}
			}
			s.learns("something deleted a copy")
		}},
		{"trial-cancelled", interrupted, func(s *scene) {
			s.confined(cache)
			s.onStep = nth("canary", 2, s.cancel)
			s.tryOut()
			if rec := s.record(1); rec.End == nil || rec.End.Result != journal.Interrupted {
				s.Errorf("the journal does not say so: %+v", rec.End)
			}
		}},
		{"trial-copy-not-removable", done, func(s *scene) {
			s.confined(cache)
			s.fault(woe{what: "delete pods", strike: answer(403, "Forbidden")})
			s.left = true
			s.learns("is left")
			s.heal()
			s.tidied(true)
		}},
		{"trial-killed-at-every-step", done, func(s *scene) {
			s.confined(cache)
			out := s.child(childSpec{Trials: true})
			s.expectChild(out, done)
			s.is(s.begin)
			s.walk(min(out.Steps, 12), func(s *scene, n int) {
				s.confined(cache)
				if got := s.child(childSpec{Trials: true, KillAt: n}); !got.killed {
					s.Fatalf("it was not ended at step %d of %d", n, out.Steps)
				}
				s.noSecretInJournals()
				s.tidied(false)
				s.is(s.begin)
			})
		}},
	}
}

// confined is a shop of two workloads, the copies of whose pods behave as a
// program does: it returns what it writes before it fails, or "".
func (s *scene) confined(program func(*corev1.Pod) string) {
	s.Helper()
	s.how.Rules = []string{"pss-run-as-non-root"}
	s.shop(deployment("a"), deployment("b"))
	said := map[string]string{}
	var mu sync.Mutex
	s.onStep = func(name string) {
		if name != "canary" {
			return
		}
		for _, o := range s.copies() {
			mu.Lock()
			_, played := said[o.GetName()]
			if o.GetKind() == "Pod" && !played {
				said[o.GetName()] = s.play(&o, program)
			}
			mu.Unlock()
		}
	}
	s.fault(woe{what: "get pods", strike: logs(func(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
		mu.Lock()
		defer mu.Unlock()
		text := said[path.Base(path.Dir(r.URL.Path))]
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"text/plain"}},
			Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)), Request: r}, nil
	})})
}

// logs lets a strike hit requests for logs only.
func logs(hit strike) strike {
	return func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		if path.Base(r.URL.Path) == "log" {
			return hit(next, r)
		}
		return next.RoundTrip(r)
	}
}

// play is the kubelet of a copy, and returns what its program wrote.
func (s *scene) play(o *unstructured.Unstructured, program func(*corev1.Pod) string) string {
	var pod corev1.Pod
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &pod); err != nil {
		s.Error(err)
		return ""
	}
	s.awaitPod(pod.Name)
	w, _ := fixes.AsWorkload(&pod)
	state := map[string]any{}
	log := program(&pod)
	switch user := userOf(w); {
	case user < 0:
		state["waiting"] = map[string]any{"reason": "CreateContainerConfigError", "message": "container has runAsNonRoot and image will run as root"}
		log = ""
	case log != "":
		log = "password is " + credential + strings.TrimSuffix(pod.Name, "-") + "\n" + log + "\n"
		state["terminated"] = map[string]any{"exitCode": 1, "reason": "Error"}
	default:
		return ""
	}
	phase := map[bool]string{true: "Pending", false: "Failed"}[state["waiting"] != nil]
	state["running"] = nil
	text, err := json.Marshal(map[string]any{"status": map[string]any{
		"phase":      phase,
		"conditions": []any{map[string]any{"type": "Ready", "status": "False"}, map[string]any{"type": "ContainersReady", "status": "False"}},
		"containerStatuses": []any{map[string]any{
			"name": "web", "image": "example.com/web:1", "imageID": "", "ready": false, "restartCount": 0, "state": state,
		}},
	}})
	if err != nil {
		s.Error(err)
	}
	s.setPod(pod.Name, string(text))
	return log
}

// userOf is the user that a pod's container runs as, whose image says root;
// -1: it is not to be root, and no other is said.
func userOf(w fixes.Workload) int64 {
	pod, own := w.Spec.SecurityContext, w.Spec.Containers[0].SecurityContext
	nonRoot := pod != nil && pod.RunAsNonRoot != nil && *pod.RunAsNonRoot
	var user int64
	if pod != nil && pod.RunAsUser != nil {
		user = *pod.RunAsUser
	}
	if own != nil && own.RunAsNonRoot != nil {
		nonRoot = *own.RunAsNonRoot
	}
	if own != nil && own.RunAsUser != nil {
		user = *own.RunAsUser
	}
	if nonRoot && user == 0 {
		return -1
	}
	return user
}

// cache is a program that writes into one folder.
func cache(pod *corev1.Pod) string {
	c := pod.Spec.Containers[0]
	covered := slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
		return m.MountPath == "/var" || m.MountPath == "/var/cache" || m.MountPath == "/var/cache/x"
	})
	if sc := c.SecurityContext; !covered && sc != nil && sc.ReadOnlyRootFilesystem != nil && *sc.ReadOnlyRootFilesystem {
		return "open /var/cache/x/state: read-only file system"
	}
	return ""
}

// rooted is a program that has to be root.
func rooted(pod *corev1.Pod) string {
	w, _ := fixes.AsWorkload(pod)
	if userOf(w) != 0 {
		return "must be run as root"
	}
	return ""
}

// tryOut tries the workloads of the namespace.
func (s *scene) tryOut() []*fixes.Trial {
	s.Helper()
	result := s.find()
	run, err := s.applier().BeginTrials(result.Inventory, slices.DeleteFunc(slices.Clone(result.Inventory.Workloads(s.ns)), func(w fixes.Workload) bool { return !apply.Triable(w) }))
	if err != nil {
		s.Fatal(err)
	}
	var lines []string
	trials, err := run.Do(s.ctx, func(try apply.Tried) { lines = append(lines, fmt.Sprint(try)) })
	for ref, why := range run.Untried() {
		trials = append(trials, &fixes.Trial{Workload: ref, Err: why})
	}
	s.tries, s.noLogs = lines, run.NoLogs()
	s.expect(err, s.want)
	for _, trial := range trials {
		lines = append(append(append(lines, trial.Err), trial.Log...), trial.Kept...)
	}
	s.noSecretIn(strings.Join(lines, "\n"))
	s.noSecretInJournals()
	if rec := s.record(1); rec.Header.Kind != journal.Trial || rec.Running {
		s.Errorf("its journal: %+v", rec)
	}
	if !s.left {
		s.is(s.begin)
	}
	return trials
}

// learns demands that nothing be learned of any workload, for a reason.
func (s *scene) learns(why string) {
	s.Helper()
	for _, trial := range s.tryOut() {
		if !strings.Contains(trial.Err, why) || len(trial.Confinement.Containers) > 0 {
			s.Errorf("%s: %q, want %q; %+v", trial.Workload, trial.Err, why, trial.Confinement)
		}
	}
}

// tidied does what the next run does first, and demands that nothing be left.
func (s *scene) tidied(something bool) {
	s.Helper()
	s.onStep = nil
	for _, rec := range s.records() {
		if did, err := s.applier().TidyTrials(s.Context(), rec); err != nil || something && !did {
			s.Errorf("tidied %v: %v", did, err)
		}
	}
	for _, rec := range s.records() {
		if did, err := s.applier().TidyTrials(s.Context(), rec); err != nil || did {
			s.Errorf("tidied again %v: %v", did, err)
		}
	}
	s.is(s.begin)
}
