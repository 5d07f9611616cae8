//go:build unix

package apply_test

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// meanwhileFaults change objects between the scan and the write.
func meanwhileFaults() []fault {
	return []fault{
		{"deleted-since-scan", stale, func(s *scene) {
			s.shop(deployment("web"))
			s.remove("Deployment/web")
			s.run()
			s.says("Deployment/web", fixes.Stale, "deleted since the scan")
			s.nothingLeft()
		}},
		{"replaced-since-scan", stale, func(s *scene) {
			s.shop(deployment("web"))
			s.replace("Deployment/web")
			s.run()
			s.says("Deployment/web", fixes.Stale, "another of its name")
			s.nothingLeft()
		}},
		{"same-field-edited-since-scan", stale, func(s *scene) {
			s.shop(deployment("web"))
			s.edit("Deployment/web", "kubectl-edit", setPassword)
			s.run()
			s.says("Deployment/web", fixes.Stale, "env[1].value", "kubectl-edit")
			s.nothingLeft()
		}},
		{"other-field-edited-since-scan", done, func(s *scene) {
			s.shop(deployment("web"))
			s.edit("Deployment/web", "kubectl-edit", setOther)
			s.run()
			s.is(s.end)
			s.takeBack(1)
		}},
		{"status-and-labels-changed-since-scan", done, func(s *scene) {
			s.shop(deployment("web"))
			s.edit("Deployment/web", "kubectl-label", setTeam)
			s.edit("Namespace/"+s.ns, "kubectl-label", setTeam) // which has no generation
			s.run()
			s.takeBack(1)
		}},
		{"edited-again-and-again", done, func(s *scene) {
			s.shop(deployment("web"))
			stop := make(chan struct{})
			edited := make(chan struct{})
			go func() { // a controller that annotates what it sees
				defer close(edited)
				for {
					select {
					case <-stop:
						return
					case <-time.After(20 * time.Millisecond):
						s.touch("Namespace/" + s.ns)
					}
				}
			}()
			s.loose["Namespace/"+s.ns] = true
			s.run()
			close(stop)
			<-edited
			s.says("Namespace/"+s.ns, fixes.Applied)
		}},
		{"being-deleted", stale, func(s *scene) {
			s.shop(deployment("web"))
			s.linger("Deployment/web")
			s.run()
			s.says("Deployment/web", fixes.Stale, "being deleted")
			s.is(s.begin)
		}},
		{"namespace-being-deleted", refused, func(s *scene) {
			s.shop(deployment("web"))
			// A Secret that will not go keeps it from ending.
			s.linger("Secret/keeper")
			if err := s.objects.Resource(resource("v1", "Namespace")).Delete(s.Context(), s.ns, metav1.DeleteOptions{}); err != nil {
				s.Fatal(err)
			}
			s.eventually("it is being deleted", func() bool { return s.get("Namespace/"+s.ns).GetDeletionTimestamp() != nil })
			a := s.applier()
			s.expect(a.DryRun(s.ctx, s.plan, s.report), refused)
			s.says("Secret/web-env", fixes.Failed, "is being terminated")
			if s.get("Secret/web-env") != nil {
				s.Error("something was written")
			}
		}},
		{"deleted-since-dry-run", rolledBack, func(s *scene) {
			s.shop(deployment("web"))
			s.beforeWrite = func() { s.remove("Deployment/web") }
			s.run()
			s.says("Deployment/web", fixes.Stale, "deleted since the scan")
			s.nothingLeft()
		}},
		{"edited-since-dry-run", rolledBack, func(s *scene) {
			s.shop(deployment("web"))
			s.beforeWrite = func() { s.edit("Deployment/web", "kubectl-edit", setPassword) }
			s.run()
			s.says("Deployment/web", fixes.Stale, "kubectl-edit")
			s.says("NetworkPolicy/default-deny", fixes.NotAttempted)
			s.nothingLeft()
		}},
		{"only-change-stale-since-dry-run", stale, func(s *scene) {
			s.shop(deployment("web"))
			s.how.Only = []string{"Namespace/" + s.ns}
			s.how.Review = s.how.Only // the pods are left as they are, which would stop a safe one
			s.scan()
			s.beforeWrite = func() {
				s.edit("Namespace/"+s.ns, "somebody", func(o *unstructured.Unstructured) {
					o.SetLabels(map[string]string{"kubernetes.io/metadata.name": s.ns, "pod-security.kubernetes.io/enforce": "privileged", "pod-security.kubernetes.io/warn": "privileged", "pod-security.kubernetes.io/audit": "privileged"})
				})
			}
			s.run()
			s.says("Namespace/"+s.ns, fixes.Stale)
			s.nothingLeft()
		}},
		{"same-edit-by-another-since-dry-run", done, func(s *scene) {
			s.shop(deployment("web"))
			s.how.Only = []string{"Namespace/" + s.ns}
			s.how.Review = s.how.Only // the pods are left as they are, which would stop a safe one
			s.scan()
			s.beforeWrite = func() {
				want := s.end["Namespace/"+s.ns]["metadata"].(map[string]any)["labels"].(map[string]any)
				s.edit("Namespace/"+s.ns, "somebody", func(o *unstructured.Unstructured) {
					_ = unstructured.SetNestedMap(o.Object, want, "metadata", "labels")
				})
			}
			s.run()
			s.says("Namespace/"+s.ns, fixes.Unchanged)
			s.is(s.end)
			s.nothingLeft() // it is not this run's to take back
		}},
	}
}

func setPassword(o *unstructured.Unstructured) { setEnv(o, "DB_PASSWORD", credential+"another") }

func setOther(o *unstructured.Unstructured) {
	_ = unstructured.SetNestedField(o.Object, int64(3), "spec", "replicas")
	setEnv(o, "FIRST", "two")
}

func setTeam(o *unstructured.Unstructured) {
	_ = unstructured.SetNestedField(o.Object, "blue", "metadata", "labels", "team")
}

// setEnv gives a variable a literal value.
func setEnv(o *unstructured.Unstructured, name, value string) {
	eachContainer(o, func(c map[string]any) {
		env, _ := c["env"].([]any)
		i := slices.IndexFunc(env, func(v any) bool { return v.(map[string]any)["name"] == name })
		if i >= 0 {
			env[i] = map[string]any{"name": name, "value": value}
		}
	})
}

func eachContainer(o *unstructured.Unstructured, edit func(map[string]any)) {
	path := []string{"spec", "template", "spec", "containers"}
	if o.GetKind() == "Pod" {
		path = []string{"spec", "containers"}
	}
	list, _, _ := unstructured.NestedSlice(o.Object, path...)
	for i := range list {
		edit(list[i].(map[string]any))
	}
	_ = unstructured.SetNestedSlice(o.Object, list, path...)
}

// touch changes an object's metadata and nothing of weight.
func (s *scene) touch(object string) {
	o := s.get(object)
	o.SetAnnotations(map[string]string{"touched": time.Now().String()})
	_, _ = s.at(o).Update(s.Context(), o, metav1.UpdateOptions{FieldManager: "toucher"}) // a conflict is as good
}

// replace deletes an object and makes another like it.
func (s *scene) replace(object string) {
	s.Helper()
	o := s.get(object)
	begin, end := s.begin[object], s.end[object]
	s.remove(object)
	s.begin[object], s.end[object] = begin, end
	o = &unstructured.Unstructured{Object: image(o)}
	if _, err := s.at(o).Create(s.Context(), o, metav1.CreateOptions{FieldManager: "test"}); err != nil {
		s.Fatal(err)
	}
	if o.GetKind() == "Deployment" {
		s.awaitRollout(object)
	}
}

// linger begins to delete an object, which a finalizer holds up until the
// case ends. One that is not there is made before.
func (s *scene) linger(object string) {
	s.Helper()
	if s.get(object) == nil {
		s.create("apiVersion: v1\nkind: Secret\nmetadata: {name: " + s.ref(object).Name + ", namespace: " + s.ns + "}")
	}
	hold := func(o *unstructured.Unstructured) { o.SetFinalizers([]string{"example.com/hold"}) }
	s.edit(object, "test", hold)
	o := s.get(object)
	if err := s.at(o).Delete(s.Context(), o.GetName(), metav1.DeleteOptions{}); err != nil {
		s.Fatal(err)
	}
	s.loose[object] = true
	s.Cleanup(func() {
		_, _ = s.at(o).Patch(detached(s), o.GetName(), "application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	})
}

func setPaused(o *unstructured.Unstructured) {
	_ = unstructured.SetNestedField(o.Object, true, "spec", "paused")
}
