//go:build unix

package apply_test

import (
	"os/exec"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// argoManager is the field manager of Argo CD.
const argoManager = "argocd-controller"

// overtakenFaults let others, people and controllers, write to the same
// objects during the run and after it.
func overtakenFaults() []fault {
	return []fault{
		{"autoscaler-scales-during-rollout", done, func(s *scene) {
			s.shop(deployment("web"))
			scaled := make(chan struct{})
			s.onStep = nth("noted", 2, func() {
				go func() {
					defer close(scaled)
					for _, n := range []int64{3, 2, 4} {
						s.edit("Deployment/web", "horizontal-pod-autoscaler", func(o *unstructured.Unstructured) {
							_ = unstructured.SetNestedField(o.Object, n, "spec", "replicas")
						})
						time.Sleep(300 * time.Millisecond)
					}
				}()
				time.Sleep(100 * time.Millisecond)
			})
			s.loose["Deployment/web"] = true // while it is scaled
			s.run()
			<-scaled
			delete(s.loose, "Deployment/web")
			s.is(s.end) // with four replicas
			s.takeBack(1)
		}},
		{"template-edited-during-rollout", partial, func(s *scene) {
			s.shop(deployment("web"))
			s.onStep = nth("noted", 2, func() { s.edit("Deployment/web", "kubectl-edit", setOther) })
			s.run()
			s.says("Deployment/web", fixes.Unsettled, "something else changed its pod template", "left as it is")
			s.finish()
		}},
		{"label-edited-during-rollout", done, func(s *scene) {
			s.shop(deployment("web"))
			s.onStep = nth("noted", 2, func() { s.edit("Deployment/web", "kubectl-label", setTeam) })
			s.run()
			s.takeBack(1)
		}},
		{"deleted-during-rollout", partial, func(s *scene) {
			s.shop(deployment("web"))
			s.onStep = nth("noted", 2, func() { s.remove("Deployment/web") })
			s.run()
			s.says("Deployment/web", fixes.Unsettled, "deleted or replaced")
			s.heal()
			if left := s.undo(1, done); len(left) == 0 || !strings.Contains(left[0], "gone") {
				s.Errorf("left: %q", left)
			}
			s.is(s.begin)
		}},
		{"paused-during-rollout", partial, func(s *scene) {
			s.shop(workload{kind: "Deployment", name: "web", spec: "minReadySeconds: 2"})
			pause := func(to bool) func(o *unstructured.Unstructured) {
				return func(o *unstructured.Unstructured) {
					unstructured.RemoveNestedField(o.Object, "spec", "paused")
					if to {
						_ = unstructured.SetNestedField(o.Object, true, "spec", "paused")
					}
				}
			}
			s.onStep = nth("noted", 2, func() { s.edit("Deployment/web", "kubectl-rollout", pause(true)) })
			s.run()
			s.says("Deployment/web", fixes.Unsettled, "kubectl rollout resume")
			s.edit("Deployment/web", "kubectl-rollout", pause(false))
			s.finish()
		}},
		{"put-back-by-hand-during-rollout", partial, func(s *scene) {
			s.shop(deployment("web"))
			s.onStep = nth("noted", 2, func() { s.putBack("Deployment/web", "kubectl-replace") })
			s.run()
			s.says("Deployment/web", fixes.Unsettled, "something else changed its pod template")
			s.finish()
		}},
		{"fixed-by-hand-before-rollback", partial, func(s *scene) {
			s.shop(deployment("web"))
			s.doom("Deployment/web", "crash")
			s.onStep = nth("rollback", 1, func() { s.edit("Deployment/web", "kubectl-edit", setPassword) })
			s.loose["Deployment/web"] = true
			s.run()
			s.says("Deployment/web", fixes.Unsettled, "not all could be put back", "env[1]")
			if env := s.env("Deployment/web", "DB_PASSWORD"); env != credential+"another" {
				s.Errorf("the edit was overwritten: %q", env)
			}
		}},
		{"put-back-by-hand-before-rollback", rolledBack, func(s *scene) {
			s.shop(deployment("web"))
			s.doom("Deployment/web", "crash")
			s.onStep = nth("rollback", 1, func() { s.putBack("Deployment/web", "kubectl-rollout") })
			s.run()
			s.says("Deployment/web", fixes.RolledBack)
			s.nothingLeft()
		}},
		{"argo-cd-heals-after-rollout", partial, func(s *scene) {
			s.settings.Settle = 8 * time.Second
			s.argoShop()
			s.onStep = nth("rolled", 1, func() { time.AfterFunc(3*time.Second, func() { s.argoSync("Deployment/web") }) })
			s.run()
			s.says("Deployment/web", fixes.Reverted, "allowPrivilegeEscalation", argoManager)
			s.is(s.begin)
			// Nothing is there to be taken back.
			if u := s.planUndo(1, nil); len(u.Plan.Changes) > 0 {
				s.Errorf("an undo would change %v", u.Plan.Changes)
			}
		}},
		{"argo-cd-heals-during-rollout", partial, func(s *scene) {
			s.argoShop()
			s.onStep = nth("noted", 1, func() { s.argoSync("Deployment/web") })
			s.run()
			s.says("Deployment/web", fixes.Unsettled, "something else changed its pod template")
			s.is(s.begin)
		}},
		{"old-manifest-applied-again", done, func(s *scene) { s.applyAgain("--server-side=false") }},
		{"old-manifest-applied-again-server-side", done, func(s *scene) { s.applyAgain("--server-side", "--field-manager=ci") }},
		{"old-manifest-applied-again-forced", done, func(s *scene) {
			s.applyAgain("--server-side", "--field-manager=ci", "--force-conflicts")
		}},
	}
}

// putBack writes an object as it was before the plan.
func (s *scene) putBack(object, manager string) {
	s.Helper()
	o := &unstructured.Unstructured{Object: s.begin[object]}
	o = o.DeepCopy()
	if _, err := s.at(o).Update(s.Context(), o, metav1.UpdateOptions{FieldManager: manager}); err != nil {
		s.Fatal(err)
	}
}

// argoShop is a workload whose manifest says explicitly what the plan changes.
func (s *scene) argoShop() {
	s.Helper()
	s.how.Rules = []string{"pss-allow-privilege-escalation"}
	s.argoSync("Deployment/web")
	s.awaitRollout("Deployment/web")
	s.scan()
}

// argoSync applies the manifest in Git as Argo CD does.
func (s *scene) argoSync(string) {
	s.Helper()
	o := s.parse(`
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: ` + s.ns + `
  annotations: {argocd.argoproj.io/tracking-id: "shop:apps/Deployment:` + s.ns + `/web"}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "example.com/web:1", securityContext: {allowPrivilegeEscalation: true}}
`)
	_, err := s.at(o).Apply(detached(s), "web", o, metav1.ApplyOptions{FieldManager: argoManager, Force: true})
	if err != nil && !apierrors.IsNotFound(err) {
		s.Error(err)
	}
}

// applyAgain applies the old manifest over the fix: the server refuses it,
// rather than bring the secret back.
func (s *scene) applyAgain(flags ...string) {
	s.Helper()
	s.shop(deployment("web"))
	s.run()
	cmd := exec.Command(control.KubectlPath, append([]string{"--kubeconfig", control.Kubeconfig, "apply", "-f", "-"}, flags...)...)
	cmd.Stdin = strings.NewReader(deployment("web").manifest(s.ns))
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "may not be specified when `value` is not empty") && !strings.Contains(string(out), "conflict") {
		s.Errorf("applied: %v %s", err, out)
	}
	s.is(s.end)
	s.takeBack(1)
}

// env returns the literal value of a variable, or "".
func (s *scene) env(object, name string) (value string) {
	s.Helper()
	eachContainer(s.get(object), func(c map[string]any) {
		env, _ := c["env"].([]any)
		for _, e := range env {
			if e := e.(map[string]any); e["name"] == name {
				value, _ = e["value"].(string)
			}
		}
	})
	return value
}
