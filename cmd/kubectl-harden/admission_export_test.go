package main

import (
	"encoding/json"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// TestExportedPolicies has the API server carry out the expressions that are
// exported for Kyverno and Gatekeeper: the engines themselves are not here, and
// theirs are the same language with the same library.
func TestExportedPolicies(t *testing.T) {
	const policy = "kubectl-harden-host-access"
	forgetPolicy(t, policy)
	ns := namespace(t, "exported")
	control.Apply(t, strings.ReplaceAll(wrapped(`{volumes: [{name: v, hostPath: {path: /srv/models}}], containers: [{name: c, image: x}]}`)["Deployment"],
		"metadata: {name: probe}", "metadata: {name: models, namespace: "+ns+"}"))
	for _, engine := range []string{"kyverno", "gatekeeper"} {
		r := succeed(t, "--rule", "admission-host-namespaces", "--enforce", "--fix", "--dry-run", "--confidence=review", "--policies-as", engine, "-o", "yaml")
		spec := admissionSpec(t, engine, r.stdout)
		manifest, err := yaml.Marshal(map[string]any{
			"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
			"metadata": map[string]any{"name": policy}, "spec": spec,
		})
		if err != nil {
			t.Fatal(err)
		}
		control.Apply(t, string(manifest)+`---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: `+policy+`}
spec: {policyName: `+policy+`, validationActions: [Deny], matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: `+ns+`}}}}
`)
		wellTyped(t, policy)
		eventually(t, "a refusal", func() bool {
			_, err := dryRun(t, ns, wrapped(hostSpecs["hostPID, may escalate"].spec)["Pod"])
			return err != nil
		})
		hostTable(t, ns, true)
		control.Kubectl(t, "delete", policyObjects, policy)
		eventually(t, "an end of it", func() bool {
			_, err := dryRun(t, ns, wrapped(hostSpecs["hostPID, may escalate"].spec)["Pod"])
			return err == nil
		})
	}
}

// admissionSpec makes the spec of a ValidatingAdmissionPolicy of the expressions
// in an export.
func admissionSpec(t *testing.T, engine, export string) map[string]any {
	t.Helper()
	docs := map[string]map[string]any{}
	for text := range strings.SplitSeq(export, "\n---\n") {
		var doc map[string]any
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if kind, ok := doc["kind"].(string); ok {
			docs[kind] = doc
		}
	}
	at := func(kind string, path ...string) any {
		t.Helper()
		v, ok, err := unstructured.NestedFieldNoCopy(docs[kind], path...)
		if !ok || err != nil {
			t.Fatalf("no %s of %s:\n%s", path, kind, export)
		}
		return v
	}
	if engine == "kyverno" {
		return map[string]any{"variables": at("ValidatingPolicy", "spec", "variables"), "validations": at("ValidatingPolicy", "spec", "validations"),
			"matchConstraints": at("ValidatingPolicy", "spec", "matchConstraints"), "failurePolicy": at("ValidatingPolicy", "spec", "failurePolicy")}
	}
	target := at("ConstraintTemplate", "spec", "targets").([]any)[0].(map[string]any)
	source := target["code"].([]any)[0].(map[string]any)["source"].(map[string]any)
	// Gatekeeper binds the constraint's parameters to a variable.
	params, err := json.Marshal(at("KubectlHardenHostAccess", "spec", "parameters"))
	if err != nil {
		t.Fatal(err)
	}
	var rules []any
	for _, k := range at("KubectlHardenHostAccess", "spec", "match", "kinds").([]any) {
		var resources []any
		for _, kind := range k.(map[string]any)["kinds"].([]any) {
			resources = append(resources, strings.ToLower(kind.(string))+"s")
		}
		rules = append(rules, map[string]any{"apiGroups": k.(map[string]any)["apiGroups"], "apiVersions": []any{"*"}, "operations": []any{"CREATE", "UPDATE"}, "resources": resources})
	}
	return map[string]any{
		"variables":        append([]any{map[string]any{"name": "params", "expression": string(params)}}, source["variables"].([]any)...),
		"validations":      source["validations"],
		"matchConstraints": map[string]any{"resourceRules": rules}, "failurePolicy": source["failurePolicy"],
	}
}
