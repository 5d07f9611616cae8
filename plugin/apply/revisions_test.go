package apply_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// TestOldRevisions deletes the old ReplicaSet that holds a credential which its
// Deployment holds no more, and takes that back: the revision is there again,
// whole but for the credential, which no place holds.
func TestOldRevisions(t *testing.T) {
	namespace, _ := shop(t)
	before := sets(t, namespace)
	control.Apply(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: `+namespace+`}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.com/web:2"}]}
`)
	control.Kubectl(t, "rollout", "status", "deployment/web", "-n", namespace, "--timeout=180s")
	var plan *fixes.Plan
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		result, err := source.Scan(t.Context(), &source.Cluster{Client: api, Namespace: namespace}, nil, secrets.Rules(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if plan, err = fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review)); err != nil {
			t.Fatal(err)
		}
		// The old ReplicaSet counts once its pods are gone.
		if len(plan.Changes) > 0 || time.Now().After(deadline) {
			break
		}
	}
	if !plan.Verified || len(plan.Changes) != 1 || plan.Changes[0].Action != fixes.Delete || plan.Changes[0].Object.Name != before[0] {
		t.Fatalf("plan: verified %v, %+v", plan.Verified, plan.Changes)
	}
	a := applier(t)
	var got outcomes
	if err := a.DryRun(t.Context(), plan, got.report); err != nil {
		t.Fatal(err, got.states())
	}
	if now := sets(t, namespace); !slices.Contains(now, before[0]) {
		t.Fatalf("the dry run deletes it: %q", now)
	}
	if err := write(t.Context(), a, plan, got.report); err != nil {
		t.Fatal(err, got.states())
	}
	// What it owns goes first; then the garbage collector lets it go.
	for deadline := time.Now().Add(3 * time.Minute); slices.Contains(sets(t, namespace), before[0]); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s is there still", before[0])
		}
	}
	rec, err := a.Runs.Read(1)
	if err != nil {
		t.Fatal(err)
	}
	undoing, err := a.PlanUndo(t.Context(), rec, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(undoing.Left, "\n"); len(undoing.Left) != 1 || !strings.Contains(text, "no place holds its value any more") {
		t.Errorf("left: %s", text)
	}
	r, err := a.BeginUndo(undoing.Plan, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Do(t.Context(), nil, got.report); err != nil {
		t.Fatal(err, got.states())
	}
	get := func(path string) string {
		return control.Kubectl(t, "get", "replicaset", before[0], "-n", namespace, "-o", "jsonpath={"+path+"}")
	}
	for path, want := range map[string]string{
		".spec.replicas": "0",
		".spec.template.spec.containers[0].image":                   "example.com/web:1",
		".spec.template.spec.containers[0].env[*].name":             "DB_PASSWORD",
		".spec.template.spec.containers[0].env[*].value":            "",
		`.metadata.annotations.deployment\.kubernetes\.io/revision`: "1",
		".metadata.ownerReferences[0].name":                         "web",
	} {
		if value := get(path); value != want {
			t.Errorf("%s is %q, want %q", path, value, want)
		}
	}
}

// sets names the ReplicaSets of a namespace.
func sets(t *testing.T, namespace string) []string {
	t.Helper()
	return strings.Fields(control.Kubectl(t, "get", "replicasets", "-n", namespace, "-o", "jsonpath={.items[*].metadata.name}"))
}
