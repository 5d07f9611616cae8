package access

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

func wildcard() *fixes.Rule {
	return &fixes.Rule{
		ID:         "rbac-wildcard",
		Category:   fixes.Access,
		Title:      "A role with wildcards is bound, which allows what is yet to come as well",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.InformationDisclosure, fixes.Tampering},
		References: []fixes.Reference{fixes.CIS("5.1.3"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K03")},
		Kinds:      bindingKinds(),
		Docs:       wildcardDocs,
		Check: func(p *fixes.Pass) {
			reportGrants(p, findWildcards, func(g grant) fixes.Finding {
				f := g.finding(p.Inventory, "do "+rules(g.rights)+" "+where(g.Bound))
				f.Severity = wildcardSeverity(g)
				f.Fixes = g.fix(p)
				if fix, ok := g.expand(p); ok {
					if f.Fixes[0].Edit == nil {
						f.Fixes = nil
					}
					f.Fixes = append(f.Fixes, fix)
				}
				return f
			})
		},
	}
}

const wildcardDocs = `
A wildcard allows more than anybody has thought of: all verbs on Secrets hold
deletecollection, all resources of a group hold those that the next version or the
next CustomResourceDefinition brings.

## What is looked at
Rules with * as a verb, a resource, an API group or a path, in roles that are bound
to subjects outside of Kubernetes itself and of controllers whose charts ask for
just that. A role that allows everything is reported by rbac-cluster-admin. The
severity goes by what the wildcard holds: Secrets, workloads and ways to become
somebody else count most, an operator's own API group least.

## The fix
` + bindingFixDocs + `
With --expand-wildcards, of a running cluster, the role's wildcards are replaced by
what the server's discovery lists now (review): it allows the same as before, and no
more than that from then on. That is offered for roles that do not aggregate others
and that no installer keeps.

## By hand
    kubectl get roles,clusterroles -A -o json | jq -r '.items[] | select(.rules[]?.verbs[] == "*") | .kind + " " + .metadata.name'
    kubectl describe clusterrole NAME
`

func findWildcards(b rbac.Bound) []rbacv1.PolicyRule {
	if everything(b.Rules) {
		return nil
	}
	var out []rbacv1.PolicyRule
	for _, r := range b.Rules {
		if isWild(r) && (len(r.NonResourceURLs) == 0 || b.Everywhere()) {
			out = append(out, r)
		}
	}
	return out
}

func isWild(r rbacv1.PolicyRule) bool {
	if len(r.NonResourceURLs) > 0 {
		return slices.Contains(r.NonResourceURLs, "*")
	}
	return slices.Contains(r.Verbs, "*") || slices.Contains(r.Resources, "*") || slices.Contains(r.APIGroups, "*")
}

func wildcardSeverity(g grant) fixes.Severity {
	wild := g.Bound
	wild.Rules = g.rights
	if len(held(wild, slices.Concat(escalations, secretReads, workloadWrites))) == 0 {
		return fixes.Low
	}
	return rank(g, fixes.High, fixes.Medium, fixes.Low)
}
