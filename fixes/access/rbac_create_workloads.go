package access

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

func createWorkloads() *fixes.Rule {
	return &fixes.Rule{
		ID:         "rbac-create-workloads",
		Category:   fixes.Access,
		Title:      "Somebody may run pods of their own choice",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering, fixes.DenialOfService},
		References: []fixes.Reference{fixes.CIS("5.1.4"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K03")},
		Kinds:      bindingKinds(),
		Docs:       createWorkloadsDocs,
		Check: func(p *fixes.Pass) {
			reportGrants(p, findWorkloadWrites, func(g grant) fixes.Finding {
				f := g.finding(p.Inventory, "run pods as any ServiceAccount, with any Secret, "+where(g.Bound))
				f.Severity = rank(g, fixes.High, fixes.Medium, fixes.Low)
				f.Fixes = g.fix(p)
				return f
			})
		},
	}
}

const createWorkloadsDocs = `
Whoever may create pods in a namespace, or anything that makes pods, may run them as
each ServiceAccount there and mount each Secret; where Pod Security lets them, they
get onto the node. To change a Deployment's image is the same right.

## What is looked at
Bindings that give create, update or patch on pods, Deployments, StatefulSets,
DaemonSets, ReplicaSets, ReplicationControllers, Jobs or CronJobs to subjects outside
of Kubernetes itself and of controllers whose charts ask for it. People who are
bound in one namespace are reported at the lowest severity: deploying there is what
the role edit is for.

## The fix
` + bindingFixDocs + `
## By hand
    kubectl auth can-i create pods -n NAMESPACE --as=system:serviceaccount:NAMESPACE:NAME
    kubectl harden access who-can create deployments.apps -n NAMESPACE
`

// workloadWrites make pods, or change what pods run.
var workloadWrites = []power{
	{verbs: []string{"create", "update", "patch"}, resource: "pods"},
	{verbs: []string{"create", "update", "patch"}, resource: "replicationcontrollers"},
	{verbs: []string{"create", "update", "patch"}, group: "apps", resource: "deployments"},
	{verbs: []string{"create", "update", "patch"}, group: "apps", resource: "statefulsets"},
	{verbs: []string{"create", "update", "patch"}, group: "apps", resource: "daemonsets"},
	{verbs: []string{"create", "update", "patch"}, group: "apps", resource: "replicasets"},
	{verbs: []string{"create", "update", "patch"}, group: "batch", resource: "jobs"},
	{verbs: []string{"create", "update", "patch"}, group: "batch", resource: "cronjobs"},
}

func findWorkloadWrites(b rbac.Bound) []rbacv1.PolicyRule { return held(b, workloadWrites) }
