//go:build unix

package apply_test

import (
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// rolloutFaults are workloads whose new pods do not come to run.
func rolloutFaults() []fault {
	return []fault{
		{"pods-crash", rolledBack, func(s *scene) {
			s.shop(deployment("web"))
			s.doom("Deployment/web", "crash")
			s.run()
			s.says("Deployment/web", fixes.RolledBack, "crash", "CrashLoopBackOff", "kubectl logs")
			s.says("Secret/web-env", fixes.RolledBack)
			s.says("NetworkPolicy/default-deny", fixes.NotAttempted)
			s.nothingLeft()
		}},
		{"pods-crash-shared-secret-stays", partial, func(s *scene) {
			s.shop(workload{kind: "Deployment", name: "api", secret: credential + "shared"}, workload{kind: "Deployment", name: "web", secret: credential + "shared"})
			s.doom("Deployment/web", "crash")
			s.run()
			s.says("Deployment/api", fixes.Applied)
			s.says("Deployment/web", fixes.RolledBack)
			s.says("Secret/api-env", fixes.Applied)
			s.takeBack(1)
		}},
		{"pods-do-not-become-ready", rolledBack, func(s *scene) {
			s.settings.RolloutTimeout = 3 * time.Second
			s.shop(deployment("web"))
			s.doom("Deployment/web", "not-ready")
			s.run()
			s.says("Deployment/web", fixes.RolledBack, "no progress for 3s", "readiness probe")
			s.nothingLeft()
		}},
		{"progress-deadline-exceeded", rolledBack, func(s *scene) {
			s.shop(workload{kind: "Deployment", name: "web", spec: "progressDeadlineSeconds: 2"})
			s.doom("Deployment/web", "not-ready")
			s.run()
			s.says("Deployment/web", fixes.RolledBack, "progressDeadlineSeconds")
			s.nothingLeft()
		}},
		{"no-progress-deadline", rolledBack, func(s *scene) {
			s.settings.RolloutTimeout = 3 * time.Second
			s.shop(workload{kind: "Deployment", name: "web", spec: "progressDeadlineSeconds: 2147483647"})
			s.doom("Deployment/web", "not-ready")
			s.run()
			s.says("Deployment/web", fixes.RolledBack, "no progress for 3s")
			s.nothingLeft()
		}},
		{"stateful-set-stuck", rolledBack, func(s *scene) {
			s.shop(workload{kind: "StatefulSet", name: "db", spec: "serviceName: db\nreplicas: 2"})
			s.doom("StatefulSet/db", "crash")
			s.run()
			s.says("StatefulSet/db", fixes.RolledBack)
			// Its controller waits for the crashed pod until that is deleted
			// (kubernetes#67250).
			s.reaches("delete pods", 1)
			s.awaitRollout("StatefulSet/db")
			s.nothingLeft()
		}},
		{"stateful-set-stuck-pod-not-deletable", rolledBack, func(s *scene) {
			s.settings.RolloutTimeout = 3 * time.Second
			s.shop(workload{kind: "StatefulSet", name: "db", spec: "serviceName: db\nreplicas: 2"})
			s.doom("StatefulSet/db", "crash")
			s.as(without("delete", "pods"))
			s.run()
			s.says("StatefulSet/db", fixes.RolledBack, "has to be deleted by hand", "db-1")
			s.nothingLeft()
		}},
		{"daemon-set-crashes", rolledBack, func(s *scene) {
			s.shop(workload{kind: "DaemonSet", name: "agent"})
			s.doom("DaemonSet/agent", "crash")
			s.run()
			s.says("DaemonSet/agent", fixes.RolledBack, "crash")
			s.awaitRollout("DaemonSet/agent")
			s.nothingLeft()
		}},
		{"failing-before", partial, func(s *scene) {
			// It fails with the fix as it did without: nobody is to blame but itself.
			s.settings.RolloutTimeout = 3 * time.Second
			s.failingShop()
			s.run()
			s.says("Deployment/web", fixes.Unsettled, "did not before the change either")
			if !s.applied("Deployment/web") {
				s.Error("it was put back")
			}
			// Taken back, it fails as well; what pods of it may need stays so long.
			s.undo(1, partial)
			s.says("Deployment/web", fixes.Unsettled, "did not before the change either")
			s.says("Secret/web-env", fixes.NotAttempted)
			s.recoverPods("web")
			s.resume(done)
			s.is(s.begin)
		}},
		{"pods-crash-after-rollout", partial, func(s *scene) {
			s.settings.Settle = 4 * time.Second
			s.shop(deployment("web"))
			var once sync.Once
			s.onStep = func(name string) {
				if name == "wave" && s.of("Deployment/web").State == fixes.Applied {
					once.Do(func() { s.crashPods("web") })
				}
			}
			s.run()
			s.says("Deployment/web", fixes.RolledBack, "its pods became ready, and then")
			s.takeBack(1)
		}},
		{"one-of-two-waves-crashes-and-the-rest-goes-on", partial, func(s *scene) {
			s.settings.OnFailure, s.settings.WaveSize = "continue", 1
			s.threeShops("b")
			s.says("Deployment/a", fixes.Applied)
			s.says("Deployment/b", fixes.RolledBack, "crash")
			s.says("Deployment/c", fixes.Applied)
			s.says("Secret/b-env", fixes.RolledBack)
			// Enforcement in this namespace would refuse b's next pods.
			s.says("Namespace/"+s.ns, fixes.NotAttempted, "b was not fixed")
			s.takeBack(1)
		}},
		{"one-of-two-waves-crashes-and-the-rest-stops", partial, func(s *scene) {
			s.settings.OnFailure, s.settings.WaveSize = "stop", 1
			s.threeShops("b")
			s.says("Deployment/a", fixes.Applied)
			s.says("Deployment/b", fixes.RolledBack, "crash")
			s.says("Deployment/c", fixes.NotAttempted, "an earlier change failed")
			s.says("Namespace/"+s.ns, fixes.NotAttempted)
			s.takeBack(1)
		}},
		{"one-of-two-waves-crashes-and-all-is-put-back", rolledBack, func(s *scene) {
			s.settings.OnFailure, s.settings.WaveSize = "rollback-all", 1
			s.threeShops("b")
			s.says("Deployment/a", fixes.RolledBack, "rollback-all")
			s.says("Deployment/b", fixes.RolledBack, "crash")
			s.says("Deployment/c", fixes.NotAttempted)
			for _, secret := range []string{"a", "b", "c"} {
				s.says("Secret/"+secret+"-env", fixes.RolledBack)
			}
			s.nothingLeft()
		}},
	}
}

// threeShops runs the fixes of three workloads of which one crashes.
func (s *scene) threeShops(crashes string) {
	s.Helper()
	s.shop(deployment("a"), deployment("b"), deployment("c"))
	s.doom("Deployment/"+crashes, "crash")
	s.run()
}

// failingShop is a workload whose pods do not become ready, before and after.
func (s *scene) failingShop() {
	s.Helper()
	w := deployment("web")
	o := s.parse(strings.Replace(w.manifest(s.ns), "fate: fine", "fate: not-ready", 1))
	if _, err := s.at(o).Create(s.Context(), o, metav1.CreateOptions{FieldManager: "test"}); err != nil {
		s.Fatal(err)
	}
	s.eventually("its pod is there", func() bool { return len(s.podsOf("web")) == 1 })
	s.how.Rules = []string{"env-secret"}
	s.scan()
}

// applied reports whether an object is as the plan wants it.
func (s *scene) applied(object string) bool {
	return difference(s.end[object], s.snapshot()[object]) == ""
}

func (s *scene) podsOf(app string) []corev1.Pod {
	s.Helper()
	list, err := s.in("v1", "Pod").List(s.Context(), metav1.ListOptions{LabelSelector: "app=" + app})
	if err != nil {
		s.Fatal(err)
	}
	var pods []corev1.Pod
	for i := range list.Items {
		pod := corev1.Pod{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &pod); err != nil {
			s.Fatal(err)
		}
		if pod.DeletionTimestamp == nil {
			pods = append(pods, pod)
		}
	}
	return pods
}

// crashPods plays the kubelet of pods that ran for a while and crash now.
func (s *scene) crashPods(app string) {
	for _, pod := range s.podsOf(app) {
		s.crashPod(pod.Name)
	}
}

// recoverPods plays the kubelet of pods that become ready after all.
func (s *scene) recoverPods(app string) {
	for _, pod := range s.podsOf(app) {
		s.setPod(pod.Name, `{"status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "ContainersReady", "status": "True"}],
			"containerStatuses": [{"name": "web", "image": "example.com/web:1", "imageID": "", "ready": true, "restartCount": 0,
				"state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}}`)
	}
}

func (s *scene) crashPod(name string) {
	s.setPod(name, `{"status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "False"}],
		"containerStatuses": [{"name": "web", "image": "example.com/web:1", "imageID": "", "ready": false, "restartCount": 4,
			"state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}}`)
}

// unreadyPod plays the kubelet of a pod whose readiness probe fails.
func (s *scene) unreadyPod(name string) {
	s.setPod(name, `{"status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "ContainersReady", "status": "False"}],
		"containerStatuses": [{"name": "web", "image": "example.com/web:1", "imageID": "", "ready": false, "restartCount": 0,
			"state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}}`)
}

func (s *scene) setPod(name, status string) {
	_, err := s.in("v1", "Pod").Patch(detached(s), name, "application/strategic-merge-patch+json", []byte(status), metav1.PatchOptions{}, "status")
	if err != nil {
		s.Error(err)
	}
}
