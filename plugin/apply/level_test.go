package apply_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/admission"
	"github.com/kubectl-harden/kubectl-harden/fixes/podsecurity"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

const meetsRestricted = `{allowPrivilegeEscalation: false, runAsNonRoot: true, runAsUser: 7, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}`

// levels makes a namespace with a Deployment, and plans for it.
func levels(t *testing.T, ns, security string, rules []*fixes.Rule, least fixes.Confidence) *fixes.Plan {
	t.Helper()
	control.Kubectl(t, "create", "namespace", ns)
	t.Cleanup(func() { control.Kubectl(t, "delete", "namespace", ns, "--wait=false") })
	control.Apply(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: `+ns+`}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: example.com/web:1, securityContext: `+security+`}]}
`)
	control.Kubectl(t, "rollout", "status", "deployment/web", "-n", ns, "--timeout=180s")
	result, err := source.Scan(t.Context(), &source.Cluster{Client: api, Namespace: ns}, nil, rules, nil)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, least))
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Verified || len(plan.Changes) == 0 {
		t.Fatalf("plan: verified %v, %d changes", plan.Verified, len(plan.Changes))
	}
	return plan
}

// namespaceOutcome dry-runs a plan and returns what the server says of the
// namespace.
func namespaceOutcome(t *testing.T, plan *fixes.Plan) (fixes.Outcome, error) {
	t.Helper()
	var got fixes.Outcome
	err := applier(t).DryRun(t.Context(), plan, func(out fixes.Outcome) {
		if out.Change.Object.Kind == fixes.KindNamespace {
			got = out
		}
	})
	return got, err
}

// TestLevelThatRunningPodsMiss: a level that the scan called safe, and that the
// server warns of meanwhile, is not set.
func TestLevelThatRunningPodsMiss(t *testing.T) {
	const ns = "level-missed"
	plan := levels(t, ns, meetsRestricted, admission.Rules(), fixes.Safe)
	if out, err := namespaceOutcome(t, plan); err != nil || len(out.Warnings) > 0 {
		t.Fatalf("%v %q %q", err, out.Detail, out.Warnings)
	}
	control.Apply(t, "apiVersion: v1\nkind: Pod\nmetadata: {name: late, namespace: "+ns+"}\nspec: {containers: [{name: c, image: x}]}\n")
	out, err := namespaceOutcome(t, plan)
	if !errors.Is(err, apply.ErrRefused) || !strings.Contains(out.Detail, "would be refused when they start again: late") {
		t.Errorf("%v %q %q", err, out.Detail, out.Warnings)
	}
}

// TestLevelAfterThePlan: what the server says of pods that the plan replaces is
// expected, and what it says of one beside them is told, to a fix to review.
func TestLevelAfterThePlan(t *testing.T) {
	const ns = "level-after"
	rules := append(admission.Rules(), podsecurity.Rules()...)
	plan := levels(t, ns, "{}", rules, fixes.Review)
	var level string
	for _, c := range plan.Changes {
		if c.Object.Kind == fixes.KindNamespace {
			level = c.After.GetLabels()["pod-security.kubernetes.io/enforce"]
		}
	}
	if level != "restricted" {
		t.Fatalf("level %q", level)
	}
	if out, err := namespaceOutcome(t, plan); err != nil || len(out.Warnings) > 0 {
		t.Errorf("%v %q %q", err, out.Detail, out.Warnings)
	}
	// It holds: pods are deleted, and made anew without a word.
	if err := write(t.Context(), applier(t), plan, func(fixes.Outcome) {}); err != nil {
		t.Fatal(err)
	}
	if got := control.Kubectl(t, "get", "namespace", ns, "-o", `jsonpath={.metadata.labels.pod-security\.kubernetes\.io/enforce}`); got != "restricted" {
		t.Fatalf("enforced: %q", got)
	}
	control.Kubectl(t, "delete", "pods", "-n", ns, "--all")
	control.Kubectl(t, "rollout", "status", "deployment/web", "-n", ns, "--timeout=180s")
	if refusals := control.Kubectl(t, "get", "events", "-n", ns, "--field-selector=reason=FailedCreate", "-o", "name"); refusals != "" {
		t.Errorf("pods were refused: %s", refusals)
	}
	out, err := control.Command(control.KubectlPath, "label", "--dry-run=server", "--overwrite", "namespace", ns, "pod-security.kubernetes.io/enforce=restricted").CombinedOutput()
	if err != nil || strings.Contains(string(out), "Warning") {
		t.Errorf("%v\n%s", err, out)
	}
}
