package forms

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/admission"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/fixes/images"
	"github.com/kubectl-harden/kubectl-harden/fixes/nodes"
)

const hosts = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: models, namespace: shop}
spec:
  selector: {matchLabels: {app: m}}
  template: {metadata: {labels: {app: m}}, spec: {volumes: [{name: v, hostPath: {path: /srv/models}}], containers: [{name: c, image: docker.io/library/x:1, securityContext: {privileged: true}}]}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: monitoring}
spec:
  selector: {matchLabels: {app: a}}
  template: {metadata: {labels: {app: a}}, spec: {hostPID: true, volumes: [{name: v, hostPath: {path: /proc}}], containers: [{name: c, image: docker.io/prom/node-exporter:v1}]}}
`

// policiesPlan is a plan with all policies that this program makes, as a cluster
// without any would get them.
func policiesPlan(t *testing.T, enforce bool) *fixes.Plan {
	t.Helper()
	inv := fixestest.Load(t, hosts)
	inv.Live, inv.ServerMinor, inv.Admission.Enforce = true, 37, enforce
	result := fixes.Scan(inv, slices.Concat(admission.Rules(), nodes.Rules(), images.Rules()))
	result.Findings = slices.DeleteFunc(result.Findings, func(f *fixes.Finding) bool { return f.Object.Kind != fixes.KindValidatingAdmissionPolicy })
	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Changes) != 8 {
		t.Fatalf("%d changes", len(plan.Changes))
	}
	return plan
}

// names lists a plan's objects as "Kind name".
func names(plan *fixes.Plan) []string {
	var out []string
	for _, c := range plan.Changes {
		out = append(out, c.Object.Kind.Name+" "+c.Object.Name)
	}
	slices.Sort(out)
	return out
}

func find(t *testing.T, plan *fixes.Plan, kind, name string) (*unstructured.Unstructured, string) {
	t.Helper()
	for _, c := range plan.Changes {
		if c.Object.Kind.Name == kind && c.Object.Name == name {
			obj := c.After.(*unstructured.Unstructured)
			text, err := yaml.Marshal(obj.Object)
			if err != nil {
				t.Fatal(err)
			}
			return obj, string(text)
		}
	}
	t.Fatalf("no %s %s: %q", kind, name, names(plan))
	return nil, ""
}

func TestKyverno(t *testing.T) {
	plan, stay, err := Policies(policiesPlan(t, false), Kyverno)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"ConfigMap kubectl-harden-exec", "ValidatingAdmissionPolicy kubectl-harden-exec", "ValidatingAdmissionPolicyBinding kubectl-harden-exec",
		"ValidatingPolicy kubectl-harden-host-access", "ValidatingPolicy kubectl-harden-images"}; !slices.Equal(names(plan), want) {
		t.Errorf("got %q", names(plan))
	}
	if !slices.Equal(stay, []string{"kubectl-harden-exec"}) {
		t.Errorf("stay: %q", stay)
	}
	obj, text := find(t, plan, "ValidatingPolicy", "kubectl-harden-host-access")
	for _, want := range []string{"apiVersion: policies.kyverno.io/v1\n", `expression: '["/srv/models"]'`, "- monitoring\n", "- kube-system\n", "- Audit\n", "- Warn\n", "failurePolicy: Ignore\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("it lacks %q:\n%s", want, text)
		}
	}
	// The fields of ValidatingPolicySpec (kyverno/kyverno, the CRD of
	// policies.kyverno.io).
	for field := range obj.Object["spec"].(map[string]any) {
		if !slices.Contains([]string{"auditAnnotations", "autogen", "evaluation", "failurePolicy", "matchConditions", "matchConstraints", "validationActions", "validations", "variables", "webhookConfiguration"}, field) {
			t.Errorf("ValidatingPolicy has no field %s", field)
		}
	}
	if strings.Contains(text, "params") {
		t.Errorf("parameters are left:\n%s", text)
	}
	plan, _, err = Policies(policiesPlan(t, true), Kyverno)
	if err != nil {
		t.Fatal(err)
	}
	if _, text := find(t, plan, "ValidatingPolicy", "kubectl-harden-host-access"); !strings.Contains(text, "validationActions:\n  - Deny\n") || !strings.Contains(text, "failurePolicy: Fail\n") {
		t.Errorf("it does not deny:\n%s", text)
	}
}

func TestGatekeeper(t *testing.T) {
	plan, stay, err := Policies(policiesPlan(t, true), Gatekeeper)
	if err != nil {
		t.Fatal(err)
	}
	if len(stay) != 1 {
		t.Errorf("stay: %q", stay)
	}
	_, template := find(t, plan, "ConstraintTemplate", "kubectlhardenhostaccess")
	for _, want := range []string{"apiVersion: templates.gatekeeper.sh/v1\n", "kind: KubectlHardenHostAccess\n", "engine: K8sNativeValidation\n", "target: admission.k8s.gatekeeper.sh\n",
		"allowedHostPaths:\n              items:\n                type: string\n              type: array\n", "expression: variables.params.allowedHostPaths\n", "failurePolicy: Fail\n"} {
		if !strings.Contains(template, want) {
			t.Errorf("the template lacks %q:\n%s", want, template)
		}
	}
	_, constraint := find(t, plan, "KubectlHardenHostAccess", "kubectl-harden-host-access")
	for _, want := range []string{"apiVersion: constraints.gatekeeper.sh/v1beta1\n", "enforcementAction: deny\n", "allowedHostPaths:\n    - /srv/models\n",
		"excludedNamespaces:\n    - kube-system\n", "- monitoring\n", "- CronJob\n", "- Pod\n"} {
		if !strings.Contains(constraint, want) {
			t.Errorf("the constraint lacks %q:\n%s", want, constraint)
		}
	}
	// The template comes before its constraint.
	place := func(kind string) int {
		return slices.IndexFunc(plan.Changes, func(c fixes.Change) bool { return c.Object.Kind.Name == kind })
	}
	if place("ConstraintTemplate") > place("KubectlHardenHostAccess") {
		t.Error("the constraint comes before its template")
	}
	plan, _, err = Policies(policiesPlan(t, false), Gatekeeper)
	if err != nil {
		t.Fatal(err)
	}
	if _, text := find(t, plan, "KubectlHardenHostAccess", "kubectl-harden-host-access"); !strings.Contains(text, "enforcementAction: warn\n") {
		t.Errorf("it does not only warn:\n%s", text)
	}
}
