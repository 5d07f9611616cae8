package apply_test

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
)

// TestAlteredConfig changes what pods read when they start, and restarts them.
// Whichever way it is taken back, the configuration is back before they restart
// once more.
func TestAlteredConfig(t *testing.T) {
	for fate, onFailure := range map[string]string{"fine": apply.Stop, "crash": apply.Stop, "crash-all": apply.RollbackAll} {
		t.Run(fate, func(t *testing.T) {
			namespace, _ := shop(t)
			readsConfig(t, namespace, `{listen: "0.0.0.0", mode: ""}`)
			patch := func(kind fixes.Kind, name string, alter func(fixes.Object)) fixes.Change {
				t.Helper()
				obj, err := api.Get(t.Context(), fixes.Ref{Kind: kind, Namespace: namespace, Name: name})
				if err != nil {
					t.Fatal(err)
				}
				after := obj.DeepCopyObject().(fixes.Object)
				alter(after)
				return fixes.Change{Action: fixes.Patch, Object: fixes.RefOf(obj), Before: obj, After: after}
			}
			plan := &fixes.Plan{Verified: true, Changes: []fixes.Change{
				patch(fixes.KindConfigMap, "app", func(o fixes.Object) { o.(*corev1.ConfigMap).Data["listen"] = "127.0.0.1" }),
				patch(fixes.KindDeployment, "web", func(o fixes.Object) {
					template := &o.(*appsv1.Deployment).Spec.Template
					template.Annotations = map[string]string{"checksum/config": "1"}
					if fate != "fine" {
						template.Labels["fate"] = "crash"
					}
				}),
			}}
			a := applier(t)
			a.Settings.OnFailure = onFailure
			var ended []string
			report := func(out fixes.Outcome) {
				switch out.State {
				case fixes.Applied, fixes.RolledBack:
					ended = append(ended, out.Change.Object.Kind.Name+" "+string(out.State))
				}
			}
			listen := func() string {
				return control.Kubectl(t, "get", "configmap", "app", "-n", namespace, "-o", "jsonpath={.data.listen}")
			}
			err := write(t.Context(), a, plan, report)
			if fate != "fine" {
				back := "ConfigMap " + string(fixes.RolledBack)
				if err == nil || listen() != "0.0.0.0" || slices.Index(ended, back) < 0 || slices.Index(ended, back) > slices.Index(ended, "Deployment "+string(fixes.RolledBack)) {
					t.Errorf("%v: %q, listens on %s", err, ended, listen())
				}
				return
			}
			if err != nil || listen() != "127.0.0.1" || !slices.IsSorted(ended) {
				t.Fatalf("%v: %q, listens on %s", err, ended, listen())
			}
			ended = nil
			if err := undoFirst(t, a, report); err != nil || listen() != "0.0.0.0" || !slices.IsSorted(ended) {
				t.Errorf("%v: the order of the undo is %q, listens on %s", err, ended, listen())
			}
		})
	}
}
