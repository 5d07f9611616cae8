package main

import (
	"strings"
	"testing"
)

// accounts are ServiceAccounts whose rights are not as they should be.
const accounts = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: accounts}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers, namespace: accounts}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
- {kind: ServiceAccount, name: default}
- {kind: ServiceAccount, name: gone}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:anonymous"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: nothing, namespace: accounts}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: gone}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: accounts-user}]
---
apiVersion: v1
kind: Secret
metadata: {name: old-token, namespace: accounts, annotations: {kubernetes.io/service-account.name: default}}
type: kubernetes.io/service-account-token
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: accounts}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: example.com/web:1}]}
`

// TestAccounts fixes ServiceAccounts on the real control plane, and takes it back.
func TestAccounts(t *testing.T) {
	t.Parallel()
	keepState(t)
	ns := namespace(t, "accounts")
	control.Apply(t, accounts)
	control.Kubectl(t, "rollout", "status", "deployment/web", "-n", ns, "--timeout=180s")
	eventually(t, "the token", func() bool {
		return control.Kubectl(t, "get", "secret", "old-token", "-n", ns, "-o", "jsonpath={.data.token}") != ""
	})
	begin := control.Kubectl(t, "get", "rolebindings,roles,deployments", "-n", ns, "-o", `jsonpath={range .items[*]}{.kind}/{.metadata.name} {.subjects} {.rules} {.spec.template.spec.serviceAccountName}{"\n"}{end}`)
	rules := "sa-default,sa-token-legacy,rbac-dangling,rbac-anonymous"
	r := harden(t, "-n", ns, "--rule", rules, "--fix", "--yes", "--confidence=review", "--settle=0s")
	if r.status != 0 {
		t.Fatalf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	for what, want := range map[string]string{
		"rolebinding/readers": `[{"kind":"ServiceAccount","name":"default"},{"kind":"ServiceAccount","name":"web","namespace":"accounts"}]`,
	} {
		if got := control.Kubectl(t, "get", what, "-n", ns, "-o", "jsonpath={.subjects}"); got != want {
			t.Errorf("%s: %s, want %s", what, got, want)
		}
	}
	if got := control.Kubectl(t, "get", "deployment/web", "-n", ns, "-o", "jsonpath={.spec.template.spec.serviceAccountName}"); got != "web" {
		t.Errorf("it runs as %q", got)
	}
	for _, gone := range []string{"rolebinding/nothing", "secret/old-token"} {
		if _, _, err := control.KubectlErr("get", gone, "-n", ns); err == nil {
			t.Errorf("%s is still there", gone)
		}
	}
	// default is still bound, and nothing runs as it once the old pods are gone.
	eventually(t, "the old pods to go", func() bool {
		again := parseReport(t, succeed(t, "-n", ns, "--rule", rules, "-o", "json"))
		return len(again.Findings) == 1 && again.Findings[0].Rule == "sa-default" && again.Findings[0].Fix.Confidence == "review"
	})
	if r := harden(t, "-n", ns, "--rule", "sa-default", "--fix", "--yes", "--confidence=review", "--settle=0s"); r.status != 0 {
		t.Fatalf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	if got := control.Kubectl(t, "get", "rolebinding/readers", "-n", ns, "-o", "jsonpath={.subjects}"); strings.Contains(got, "default") || !strings.Contains(got, "web") {
		t.Errorf("readers: %s", got)
	}
	if left := parseReport(t, succeed(t, "-n", ns, "--rule", rules, "-o", "json")); len(left.Findings) != 0 {
		t.Errorf("findings %+v", left.Findings)
	}
	if r := harden(t, "undo", "2", "--yes", "--settle=0s"); r.status != 0 {
		t.Fatalf("undo: status %d\n%s%s", r.status, r.stdout, r.stderr)
	}

	undo := harden(t, "undo", "1", "--yes", "--settle=0s")
	if undo.status != 0 && undo.status != 3 { // 3: what is not put back as it was is said
		t.Fatalf("undo: status %d\n%s%s", undo.status, undo.stdout, undo.stderr)
	}
	end := control.Kubectl(t, "get", "rolebindings,roles,deployments", "-n", ns, "-o", `jsonpath={range .items[*]}{.kind}/{.metadata.name} {.subjects} {.rules} {.spec.template.spec.serviceAccountName}{"\n"}{end}`)
	if end != begin {
		t.Errorf("after the undo\n%s\nwant\n%s\n%s%s", end, begin, undo.stdout, undo.stderr)
	}
	if strings.Contains(undo.stdout+undo.stderr, "eyJ") {
		t.Error("the undo shows a token")
	}
	eventually(t, "another token", func() bool {
		token, _, err := control.KubectlErr("get", "secret", "old-token", "-n", ns, "-o", "jsonpath={.data.token}")
		return err == nil && token != ""
	})
}
