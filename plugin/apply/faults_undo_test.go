//go:build unix

package apply_test

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// undoFaults take runs back that had ended in other ways than well, or not the
// way that a person thinks of first.
func undoFaults() []fault {
	return []fault{
		{"undone-twice", done, func(s *scene) {
			s.shop(deployment("web"))
			s.run()
			s.takeBack(1)
			s.nothingLeft() // of the second undo
		}},
		{"undo-undone", done, func(s *scene) {
			s.shop(deployment("web"))
			s.run()
			s.takeBack(1)
			begin := s.begin
			s.begin, s.end = s.end, s.begin // to undo is to go back where the run began
			s.undo(2, done)
			s.is(s.begin)
			s.begin = begin
			s.undo(3, done)
			s.is(begin)
		}},
		{"undo-of-one-object-under-enforcement", done, func(s *scene) {
			s.shop(deployment("api"), deployment("web"))
			s.run()
			// The namespace would refuse its old pods by now: the dry run says so.
			undoing := s.planUndo(1, func(ref fixes.Ref) bool { return keyOf(ref) == "Deployment/web" })
			s.expect(s.applier().DryRun(s.ctx, undoing.Plan, s.report), refused)
			s.says("Deployment/web", fixes.Failed, "its new pods would be refused", "violates PodSecurity")
			s.is(s.end)
			s.takeBack(1) // which lifts that first
		}},
		{"undo-of-one-object", done, func(s *scene) {
			s.how.Rules = []string{"env-secret"}
			s.shop(deployment("api"), deployment("web"))
			s.run()
			undoing := s.planUndo(1, func(ref fixes.Ref) bool { return keyOf(ref) == "Deployment/web" })
			var objects []string
			for _, c := range undoing.Plan.Changes {
				objects = append(objects, keyOf(c.Object))
			}
			slices.Sort(objects)
			if want := []string{"Deployment/web", "Secret/web-env"}; !slices.Equal(objects, want) {
				s.Fatalf("it would take back %q, want %q", objects, want)
			}
			r, err := s.applier().BeginUndo(undoing.Plan, 1)
			if err != nil {
				s.Fatal(err)
			}
			want := joined(s.end, nil)
			want["Deployment/web"] = s.begin["Deployment/web"]
			delete(want, "Secret/web-env")
			s.do(r, done, s.end, want)
			s.is(want)
			s.takeBack(1) // the rest
		}},
		{"undo-of-one-object-keeps-shared-secret", done, func(s *scene) {
			s.shop(workload{kind: "Deployment", name: "api", secret: credential + "shared"}, workload{kind: "Deployment", name: "web", secret: credential + "shared"})
			s.run()
			undoing := s.planUndo(1, func(ref fixes.Ref) bool { return keyOf(ref) == "Deployment/web" })
			if n := len(undoing.Plan.Changes); n != 1 {
				s.Errorf("it would take back %d objects", n)
			}
			s.takeBack(1)
		}},
		{"undo-of-an-object-not-written", done, func(s *scene) {
			s.shop(deployment("web"))
			s.run()
			_, err := s.applier().PlanUndo(s.ctx, s.record(1), func(ref fixes.Ref) bool { return ref.Name == "nobody" })
			if err == nil || !strings.Contains(err.Error(), "no such object") {
				s.Errorf("planned: %v", err)
			}
			s.takeBack(1)
		}},
		{"undo-stale", done, func(s *scene) {
			s.shop(deployment("web"))
			s.run()
			undoing := s.planUndo(1, nil)
			s.edit("Deployment/web", "kubectl-edit", setPassword) // after the undo was planned
			r, err := s.applier().BeginUndo(undoing.Plan, 1)
			if err != nil {
				s.Fatal(err)
			}
			s.loose["Deployment/web"] = true
			s.do(r, partial, s.snapshot(), s.begin)
			s.says("Deployment/web", fixes.Stale, "kubectl-edit")
			// What comes after it is left: the Secret first of all.
			s.says("Secret/web-env", fixes.NotAttempted)
			if env := s.env("Deployment/web", "DB_PASSWORD"); env != credential+"another" {
				s.Errorf("the edit was overwritten: %q", env)
			}
		}},
		{"undo-pods-refused", done, func(s *scene) {
			s.settings.RolloutTimeout = patient
			s.shop(deployment("web"))
			s.run()
			undoing := s.planUndo(1, nil)
			s.policy("Deny", "", "pods", "object.spec.containers[0].env[1].?value.orValue('') == ''", "'no secrets in pods'")
			r, err := s.applier().BeginUndo(undoing.Plan, 1)
			if err != nil {
				s.Fatal(err)
			}
			s.do(r, partial, s.end, s.begin)
			s.says("Deployment/web", fixes.RolledBack, "refused", "no secrets in pods")
			s.says("Secret/web-env", fixes.NotAttempted)
			s.freePolicy()
			s.resume(done)
			s.nothingLeft()
		}},
		{"undo-dry-run-refused", done, func(s *scene) {
			s.shop(deployment("web"))
			s.run()
			s.policy("Deny", "apps", "deployments", "false", "'no ' + object.spec.template.spec.containers[0].env[1].value")
			s.undo(1, refused)
			s.is(s.end)
			s.freePolicy()
			s.takeBack(1)
		}},
	}
}

// undoneFaults take a run back after others have changed what it wrote.
func undoneFaults() []fault {
	return []fault{
		{"undo-after-edit-of-same-field", done, func(s *scene) {
			s.shop(deployment("web"))
			s.run()
			s.edit("Deployment/web", "kubectl-edit", setPassword)
			s.awaitRollout("Deployment/web")
			s.leaves(1, "Deployment shop/web", "env[1]")
			s.is(s.begin)
		}},
		{"undo-after-edit-of-other-field", done, func(s *scene) {
			s.how.Rules = []string{"env-secret", "network-no-default-deny", "psa-missing"} // a quota would keep it from growing
			s.shop(deployment("web"))
			s.run()
			s.edit("Deployment/web", "kubectl-edit", setOther)
			s.edit("Namespace/"+s.ns, "kubectl-label", setTeam)
			s.awaitRollout("Deployment/web")
			s.takeBack(1)
		}},
		{"undo-after-object-is-gone", done, func(s *scene) {
			s.shop(deployment("web"))
			s.run()
			s.remove("Deployment/web")
			s.leaves(1, "web", "gone")
			s.is(s.begin)
		}},
		{"undo-after-object-was-replaced", done, func(s *scene) {
			s.shop(deployment("web"))
			s.run()
			s.replace("Deployment/web") // by one with the fix
			s.begin["Deployment/web"] = s.end["Deployment/web"]
			s.begin["Secret/web-env"] = s.end["Secret/web-env"] // it refers to that
			s.leaves(1, "web", "replaced")
			s.is(s.begin)
		}},
		{"undo-after-created-object-is-gone", done, func(s *scene) {
			s.shop(deployment("web"))
			s.run()
			s.remove("NetworkPolicy/default-deny")
			s.takeBack(1)
		}},
		{"undo-after-created-object-was-edited", done, func(s *scene) {
			s.shop(deployment("web"))
			s.run()
			s.edit("NetworkPolicy/default-deny", "kubectl-edit", func(o *unstructured.Unstructured) {
				_ = unstructured.SetNestedStringMap(o.Object, map[string]string{"app": "web"}, "spec", "podSelector", "matchLabels")
			})
			s.begin["NetworkPolicy/default-deny"] = s.end["NetworkPolicy/default-deny"]
			s.leaves(1, "default-deny", "podSelector")
			s.is(s.begin)
		}},
		{"undo-while-another-uses-the-secret", done, func(s *scene) {
			s.shop(deployment("web"))
			s.run()
			s.create(`
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: ` + s.ns + `}
spec:
  schedule: "0 0 1 1 *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: report, image: "example.com/report:1", envFrom: [{secretRef: {name: web-env}}]}]
`)
			theirs := image(s.get("CronJob/report"))
			s.begin["CronJob/report"], s.end["CronJob/report"] = theirs, theirs
			s.begin["Secret/web-env"] = s.end["Secret/web-env"]
			s.leaves(1, "web-env", "still used by", "report")
			s.is(s.begin)
		}},
		{"undo-after-secret-was-rotated", done, func(s *scene) {
			s.shop(deployment("web"))
			s.run()
			s.edit("Secret/web-env", "kubectl-edit", func(o *unstructured.Unstructured) {
				_ = unstructured.SetNestedField(o.Object, "bmV3", "data", "DB_PASSWORD") // "new"
			})
			delete(s.begin, "Secret/web-env")
			s.loose["Deployment/web"] = true
			s.undo(1, done)
			s.is(s.begin)
			// The value that is in force is put back, and never the old one.
			if env := s.env("Deployment/web", "DB_PASSWORD"); env != "new" {
				s.Errorf("the variable is %q", env)
			}
		}},
		{"undo-after-secret-is-gone", done, func(s *scene) {
			s.shop(deployment("web"))
			s.run()
			s.remove("Secret/web-env")
			s.loose["Deployment/web"] = true
			left := s.undo(1, done)
			if !strings.Contains(strings.Join(left, "\n"), "no place holds its value") {
				s.Errorf("that the value is lost is not said: %q", left)
			}
			s.is(s.begin)
			if env := s.env("Deployment/web", "DB_PASSWORD"); env != "" {
				s.Errorf("the variable is %q", env)
			}
		}},
	}
}

// leaves undoes a run, and demands that something be left, with words of why.
func (s *scene) leaves(n int, words ...string) {
	s.Helper()
	left := strings.ReplaceAll(strings.Join(s.undo(n, done), "\n"), s.ns, "shop")
	for _, w := range words {
		if !strings.Contains(left, w) {
			s.Errorf("%q is not said of what is left:\n%s", w, left)
		}
	}
}
