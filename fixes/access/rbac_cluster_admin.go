package access

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

func clusterAdmin() *fixes.Rule {
	return &fixes.Rule{
		ID:         "rbac-cluster-admin",
		Category:   fixes.Access,
		Title:      "Somebody outside of Kubernetes itself may do everything",
		Severity:   fixes.Critical,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.InformationDisclosure, fixes.Tampering},
		References: []fixes.Reference{fixes.CIS("5.1.1"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K03")},
		Kinds:      bindingKinds(),
		Docs:       clusterAdminDocs,
		Check: func(p *fixes.Pass) {
			reportGrants(p, findEverything, func(g grant) fixes.Finding {
				f := g.finding(p.Inventory, "do everything "+where(g.Bound))
				f.Severity = rank(g, fixes.Critical, fixes.High, fixes.Medium)
				f.Fixes = g.fix(p)
				return f
			})
		},
	}
}

const clusterAdminDocs = `
Whoever has the ClusterRole cluster-admin, or another one that allows all verbs on
all resources, owns the cluster: every Secret, every node, every other right. A
pod that runs so hands all of it to whoever breaks into the pod.

## What is looked at
Bindings to roles that allow everything, by whatever name, aggregated ones resolved;
a RoleBinding to one gives a whole namespace. Left alone are the group
system:masters and Kubernetes' own users, kubeadm's group of administrators, and
well-known controllers whose own charts ask for it, as long as nothing else runs
as their ServiceAccount. Of the other rules about rights, none reports such a
binding again.

## The fix
` + bindingFixDocs + `
## By hand
    kubectl get clusterrolebindings -o wide | grep cluster-admin
    kubectl auth can-i '*' '*' -A --as=system:serviceaccount:NAMESPACE:NAME
`

// bindingFixDocs say how rights are narrowed.
const bindingFixDocs = `With an audit log (--audit-log FILE|DIR, JSON lines of audit.k8s.io/v1) each
subject gets Roles with what it did and no more: in the namespaces where it did
it, with the objects' names where those are few and stay the same, and a
ClusterRole only for what stands in no namespace or was asked of all at once. What
is cut is listed. It is safe when the log goes over 30 days and ends no more than a
week ago, and the subject did something in it; else it is for review. What a log
shows to be used is taken as needed, and not reported. A log does not show what
the audit policy leaves out, nor rights that are asked for inside a request
(escalate, bind, approve and sign of signers).

Without a log, a ClusterRoleBinding becomes a RoleBinding where it names
ServiceAccounts alone, and all that the role allows stands in namespaces or the
pods' arguments and variables say that they keep to their own (review). Otherwise
it is manual. Objects of Helm, Argo CD or Flux have to be changed at their source
too. The old role stays.
`

func findEverything(b rbac.Bound) []rbacv1.PolicyRule {
	if !everything(b.Rules) {
		return nil
	}
	return []rbacv1.PolicyRule{{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}}}
}
