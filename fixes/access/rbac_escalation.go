package access

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

func escalation() *fixes.Rule {
	return &fixes.Rule{
		ID:         "rbac-escalation",
		Category:   fixes.Access,
		Title:      "Somebody may give themselves rights that they do not have",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Spoofing},
		References: []fixes.Reference{fixes.CIS("5.1.8"), fixes.CIS("5.1.11"), fixes.CIS("5.1.13"), fixes.OWASP("K03")},
		Kinds:      bindingKinds(),
		Docs:       escalationDocs,
		Check: func(p *fixes.Pass) {
			reportGrants(p, findEscalations, func(g grant) fixes.Finding {
				f := g.finding(p.Inventory, "gain further rights "+where(g.Bound)+" ("+rules(g.rights)+")")
				f.Severity = rank(g, fixes.Critical, fixes.Medium, fixes.Low)
				f.Fixes = g.fix(p)
				return f
			})
		},
	}
}

const escalationDocs = `
Some rights are worth all others, since they lead to them: escalate lets somebody
write a role with rights that they do not have, bind lets them bind any role,
impersonate lets them act as others, serviceaccounts/token lets them make tokens of
any ServiceAccount, and who approves or signs certificate requests makes
certificates of any user. Kubernetes documents them as ways to escalate
(https://kubernetes.io/docs/concepts/security/rbac-good-practices/).

## What is looked at
Bindings that give one of: escalate or bind on roles and clusterroles; impersonate
on users, groups, serviceaccounts, uids and user extras; create on
serviceaccounts/token; update or patch on certificatesigningrequests/approval and
/status; approve or sign on signers. Limits by name count as well: the names may be
the powerful ones. In one namespace, whoever may make workloads there can use its
ServiceAccounts anyway; so only rbac-create-workloads reports those.

## The fix
` + bindingFixDocs + `
## By hand
    kubectl auth can-i escalate clusterroles --as=USER
    kubectl auth can-i impersonate users --as=USER
    kubectl auth can-i create serviceaccounts/token -n NAMESPACE --as=USER
`

// escalations lead to other rights.
var escalations = []power{
	{verbs: []string{"escalate", "bind"}, group: rbacv1.GroupName, resource: "clusterroles", named: true, cluster: true},
	{verbs: []string{"escalate", "bind"}, group: rbacv1.GroupName, resource: "roles", named: true},
	{verbs: []string{"impersonate"}, resource: "users", named: true, cluster: true},
	{verbs: []string{"impersonate"}, resource: "groups", named: true, cluster: true},
	{verbs: []string{"impersonate"}, resource: "serviceaccounts", named: true},
	{verbs: []string{"impersonate"}, group: "authentication.k8s.io", resource: "uids", named: true, cluster: true},
	{verbs: []string{"impersonate"}, group: "authentication.k8s.io", resource: "userextras", named: true, cluster: true, keyed: true},
	{verbs: []string{"create"}, resource: "serviceaccounts/token", named: true},
	{verbs: []string{"update", "patch"}, group: "certificates.k8s.io", resource: "certificatesigningrequests/approval", named: true, cluster: true},
	{verbs: []string{"update", "patch"}, group: "certificates.k8s.io", resource: "certificatesigningrequests/status", named: true, cluster: true},
	{verbs: []string{"approve", "sign"}, group: "certificates.k8s.io", resource: "signers", named: true, cluster: true},
}

func findEscalations(b rbac.Bound) []rbacv1.PolicyRule {
	if !b.Everywhere() && len(held(b, workloadWrites)) > 0 {
		return nil
	}
	return held(b, escalations)
}
