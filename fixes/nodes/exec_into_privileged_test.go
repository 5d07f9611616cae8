package nodes

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const execFinding = "ValidatingAdmissionPolicy kubectl-harden-exec spec review"

// running is a namespace with a Deployment.
func running(namespace, security string) string {
	return `
---
apiVersion: v1
kind: Namespace
metadata: {name: ` + namespace + `}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: ` + namespace + `}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: x, securityContext: ` + security + `}]}
`
}

// theirs is a policy of another's about exec.
func theirs(resource, actions string) string {
	return `
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: theirs}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CONNECT], resources: ["` + resource + `"]}]}
  validations: [{expression: "false"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: theirs}
spec: {policyName: theirs, validationActions: [` + actions + `]}
`
}

func TestExecIntoPrivileged(t *testing.T) {
	const privileged = "{privileged: true}"
	find := []string{execFinding}
	fixestest.Table(t, execIntoPrivileged(), []fixestest.Case{
		{Name: "manifests", Objects: running("shop", privileged)},
		{Name: "nothing privileged runs", Objects: running("shop", "{}"), Live: true},
		{
			Name: "a privileged pod", Objects: running("agents", privileged) + running("shop", "{}"), Live: true, Want: find,
			Diff:    []string{"+ agents", "+ - Audit", "+ failurePolicy: Ignore", "+ - CONNECT", "+ - pods/exec", "+ - pods/attach", "+ - pods/ephemeralcontainers"},
			NotDiff: []string{"+ shop", "+ - Warn", "+ - Deny"},
		},
		{Name: "in the system's namespace too", Objects: running("kube-system", privileged), Live: true, Want: find, Diff: []string{"+ kube-system"}},
		{Name: "to be enforced", Objects: running("agents", privileged), Live: true, Admission: fixes.AdmissionPolicy{Enforce: true}, Want: find,
			Diff: []string{"+ - Deny", "+ failurePolicy: Fail"}},
		{Name: "a policy of another's", Objects: running("agents", privileged) + theirs("pods/exec", "Deny"), Live: true},
		{Name: "by a subresource", Objects: running("agents", privileged) + theirs("*/exec", "Deny"), Live: true},
		{Name: "by all subresources", Objects: running("agents", privileged) + theirs("pods/*", "Deny"), Live: true},
		{Name: "about something else", Objects: running("agents", privileged) + theirs("pods/proxy", "Deny"), Live: true, Want: find},
		{Name: "which does not deny", Objects: running("agents", privileged) + theirs("pods/exec", "Audit"), Live: true, Want: find},
	})
}

// TestExecLosers names who would lose exec, and not who has the verb.
func TestExecLosers(t *testing.T) {
	role := func(name, verb string) string {
		return `
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ` + name + `}
rules: [{apiGroups: [""], resources: [pods/exec], verbs: [` + verb + `]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: ` + name + `, namespace: agents}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ` + name + `}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: ` + name + `}]
`
	}
	inv := fixestest.Load(t, running("agents", "{privileged: true}")+role("developers", "create")+role("on-call", `create, privileged-exec`))
	inv.Live, inv.Admission.Enforce = true, true
	f := execIntoPrivileged().Run(inv)[0]
	if !slices.Contains(f.Evidence, "may exec there, without privileged-exec: Group developers") || !slices.Contains(f.Evidence, "agents: web (privileged)") {
		t.Errorf("evidence %q", f.Evidence)
	}
	if risks := strings.Join(f.Fix().Risks, "\n"); !strings.Contains(risks, "These would not get in any more: Group developers.") {
		t.Errorf("risks: %s", risks)
	}
	inv.Skip(fixes.Skip{Resource: "roles.rbac.authorization.k8s.io", Reason: "forbidden"})
	if f := execIntoPrivileged().Run(inv)[0]; slices.ContainsFunc(f.Evidence, func(e string) bool { return strings.Contains(e, "developers") }) {
		t.Errorf("said of rights that were not all listed: %q", f.Evidence)
	}
}
