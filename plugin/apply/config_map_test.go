package apply_test

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// readsConfig makes a shop's workload read all keys of a ConfigMap.
func readsConfig(t *testing.T, namespace, data string) {
	t.Helper()
	control.Apply(t, `
apiVersion: v1
kind: ConfigMap
metadata: {name: app, namespace: `+namespace+`}
data: `+data+`
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: `+namespace+`}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.com/web:1", envFrom: [{configMapRef: {name: app}}]}]}
`)
	control.Kubectl(t, "rollout", "status", "deployment/web", "-n", namespace, "--timeout=180s")
}

// undoFirst takes the first run back, of which nothing may be left.
func undoFirst(t *testing.T, a *apply.Applier, report func(fixes.Outcome)) error {
	t.Helper()
	rec, err := a.Runs.Read(1)
	if err != nil {
		t.Fatal(err)
	}
	undoing, err := a.PlanUndo(t.Context(), rec, nil)
	if err != nil || len(undoing.Left) > 0 {
		t.Fatal(err, undoing.Left)
	}
	r, err := a.BeginUndo(undoing.Plan, 1)
	if err != nil {
		t.Fatal(err)
	}
	return r.Do(t.Context(), nil, report)
}

// TestKeyOfConfigMap moves a key that a workload reads out of a ConfigMap. The
// key goes after the rollout, stays when that fails, and is back before the
// workload when the run is undone.
func TestKeyOfConfigMap(t *testing.T) {
	for _, fate := range []string{"fine", "crash"} {
		t.Run(fate, func(t *testing.T) {
			namespace, _ := shop(t)
			readsConfig(t, namespace, "{LOG_LEVEL: info, DB_PASSWORD: "+password+"}")
			result, err := source.Scan(t.Context(), &source.Cluster{Client: api, Namespace: namespace}, nil, secrets.Rules(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var choices []fixes.Choice
			for _, c := range fixes.Choose(result.Findings, fixes.Review) {
				if c.Finding.Rule.ID == "configmap-secret" {
					choices = append(choices, c)
				}
			}
			plan, err := fixes.Compose(result, choices)
			if err != nil || len(choices) != 1 || !plan.Verified {
				t.Fatalf("%d choices: %v", len(choices), err)
			}
			for _, c := range plan.Changes {
				if d, ok := c.After.(*appsv1.Deployment); ok {
					d.Spec.Template.Labels["fate"] = fate
				}
			}
			a := applier(t)
			var got outcomes
			err = write(t.Context(), a, plan, got.report)
			key := func() string {
				return control.Kubectl(t, "get", "configmap", "app", "-n", namespace, "-o", "jsonpath={.data.DB_PASSWORD}")
			}
			if fate == "crash" {
				if err == nil || got.of("Deployment").State != fixes.RolledBack || got.of("ConfigMap").State != fixes.NotAttempted || key() != password {
					t.Fatalf("%v: %v, key %q", err, got.states(), key())
				}
				if exists(t, namespace, "secret/app-secret") {
					t.Error("the Secret that nothing refers to stays")
				}
				return
			}
			if err != nil || key() != "" {
				t.Fatalf("%v: %v, key %q", err, got.states(), key())
			}
			order := map[string]int{}
			for i, c := range got.order {
				order[c.Object.Kind.Name] = i
			}
			if order["ConfigMap"] < order["Deployment"] || order["Deployment"] < order["Secret"] {
				t.Errorf("order %v", order)
			}
			got = outcomes{}
			if err := undoFirst(t, a, got.report); err != nil {
				t.Fatal(err, got.states())
			}
			for i, c := range got.order {
				order[c.Object.Kind.Name] = i
			}
			if order["Deployment"] < order["ConfigMap"] || order["Secret"] < order["Deployment"] || key() != password {
				t.Errorf("order of the undo %v, key %q", order, key())
			}
		})
	}
}
