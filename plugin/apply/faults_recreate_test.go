//go:build unix

package apply_test

import (
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// keptPod is the Secret that the engine keeps a pod's manifest in while
// neither the old nor the new one is there.
const keptPod = "Secret/kubectl-harden-kept-pod-solo"

// hardened tells the new pod from the old one, in policies.
const hardened = "object.spec.containers[0].?securityContext.?allowPrivilegeEscalation.orValue(true) == false"

// recreateFaults delete a pod that no controller brings back, and make it
// anew. Its secret stands in its arguments.
func recreateFaults() []fault {
	return []fault{
		{"pod-recreated", done, func(s *scene) {
			s.solo()
			s.run()
			s.is(s.end)
			s.takeBack(1)
		}},
		{"pod-refused-in-dry-run", refused, func(s *scene) {
			s.solo()
			s.policy("Deny", "", "pods", "!("+hardened+")", "'no ' + object.spec.containers[0].args[1]")
			uid := s.get("Pod/solo").GetUID()
			s.run()
			s.says("Pod/solo", fixes.Failed, "no ••••")
			if now := s.get("Pod/solo").GetUID(); now != uid {
				s.Error("the old pod was deleted")
			}
			s.nothingLeft()
		}},
		{"pod-refused-after-delete", refused, func(s *scene) {
			s.solo()
			s.policy("Deny", "", "pods", realOnly+" || request.operation != 'CREATE' || !("+hardened+")", "'not now'")
			s.run()
			// The old one is back.
			s.says("Pod/solo", fixes.Failed, "not now")
			s.freePolicy()
			s.nothingLeft()
			s.finish()
		}},
		{"pod-and-old-pod-refused-after-delete", partial, func(s *scene) {
			s.solo()
			s.policy("Deny", "", "pods", realOnly+" || request.operation != 'CREATE'", "'no pods now'")
			s.loose["Pod/solo"], s.loose[keptPod] = true, true
			s.run()
			s.says("Pod/solo", fixes.Unknown, "no pods now", strings.TrimPrefix(keptPod, "Secret/"))
			if s.get(keptPod) == nil {
				s.Fatal("the pod is lost")
			}
			s.freePolicy()
			delete(s.loose, "Pod/solo")
			delete(s.loose, keptPod)
			s.finish()
		}},
		{"pod-create-answer-lost", done, func(s *scene) {
			s.solo()
			s.fault(woe{what: "create pods", times: 1, strike: cutAfter})
			s.run()
			s.reaches("create pods", 1)
			s.takeBack(1)
		}},
		{"pod-create-lost", done, func(s *scene) {
			s.solo()
			s.fault(woe{what: "create pods", times: 1, strike: cutBefore})
			s.run()
			s.takeBack(1)
		}},
		{"pod-delete-answer-lost", done, func(s *scene) {
			s.solo()
			s.fault(woe{what: "delete pods", times: 1, strike: cutAfter})
			s.run()
			s.takeBack(1)
		}},
		{"pod-keep-answer-lost", done, func(s *scene) {
			s.solo()
			s.fault(woe{what: "create secrets", times: 1, strike: cutAfter})
			s.run()
			s.takeBack(1)
		}},
		{"pod-release-answered-500", done, func(s *scene) {
			// The new pod is there; only the kept manifest is in the way.
			s.solo()
			s.fault(woe{what: "delete secrets", times: 1, strike: answer(500, "InternalError")})
			s.run()
			s.takeBack(1)
		}},
		{"pod-edited-since-scan", stale, func(s *scene) {
			s.solo()
			s.edit("Pod/solo", "kubectl-edit", func(o *unstructured.Unstructured) {
				eachContainer(o, func(c map[string]any) { c["image"] = "example.com/web:2" })
			})
			s.run()
			s.says("Pod/solo", fixes.Stale)
			s.nothingLeft()
		}},
		{"pod-replaced-since-scan", stale, func(s *scene) {
			s.solo()
			s.replace("Pod/solo")
			s.run()
			s.says("Pod/solo", fixes.Stale, "another of its name")
			s.nothingLeft()
		}},
		{"pod-deleted-since-dry-run", stale, func(s *scene) {
			s.solo()
			s.beforeWrite = func() { s.remove("Pod/solo") }
			s.run()
			// Somebody wanted it gone: it does not come back.
			s.says("Pod/solo", fixes.Stale, "deleted since the scan")
			s.nothingLeft()
		}},
		{"pod-crashes", rolledBack, func(s *scene) {
			s.solo()
			s.doom("Pod/solo", "crash")
			s.run()
			s.says("Pod/solo", fixes.RolledBack, "crash")
			s.nothingLeft()
		}},
		{"pod-slow-to-go", done, func(s *scene) {
			s.solo()
			hold := func(names ...string) func(*unstructured.Unstructured) {
				return func(o *unstructured.Unstructured) { o.SetFinalizers(names) }
			}
			s.edit("Pod/solo", "slow", hold("example.com/hold"))
			s.onStep = nth("deleted", 1, func() {
				time.AfterFunc(2*time.Second, func() { s.edit("Pod/solo", "slow", hold()) })
			})
			for _, all := range []images{s.begin, s.end} { // which is none of the plan's
				unstructured.RemoveNestedField(all["Pod/solo"], "metadata", "finalizers")
			}
			s.run()
			s.takeBack(1)
		}},
	}
}

// solo is a pod without a controller.
func (s *scene) solo() {
	s.Helper()
	s.create(`
apiVersion: v1
kind: Pod
metadata: {name: solo, namespace: ` + s.ns + `, labels: {app: solo, fate: fine}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: example.com/web:1
    args: [--password, ` + credential + `solo]
    env: [{name: DB_PASSWORD, value: ` + credential + `solo}]
`)
	s.awaitPod("solo")
	s.how.Recreate = []string{"solo"}
	s.scan()
}

// awaitPod waits until a pod is ready.
func (s *scene) awaitPod(name string) {
	s.Helper()
	s.eventually(name+" is ready", func() bool {
		o := s.get("Pod/" + name)
		if o == nil {
			return false
		}
		conditions, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
		for _, c := range conditions {
			if c := c.(map[string]any); c["type"] == "Ready" && c["status"] == "True" {
				return true
			}
		}
		return false
	})
}
