package access

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

// expand replaces the wildcards of a grant's role by what the server serves, where
// that was asked for.
func (g grant) expand(p *fixes.Pass) (fixes.Fix, bool) {
	served := fixes.Objects[*fixes.Served](p.Inventory, "")
	if len(served) == 0 || !ownRules(p.Get(g.Role)) {
		return fixes.Fix{}, false
	}
	return fixes.Fix{
		Title:      "Write out the wildcards of " + g.Role.String(),
		Confidence: fixes.Review,
		Why:        "it allows what it allows now; what the server has not got yet is not among it",
		Risks:      []string{"Kinds that are installed later have to be added to the role."},
		Edit: func(d *fixes.Draft) error {
			obj, err := fixes.EditObject(d, g.Role)
			if err != nil {
				return err
			}
			switch role := obj.(type) {
			case *rbacv1.ClusterRole:
				role.Rules = expandRules(role.Rules, served[0].Resources)
			case *rbacv1.Role:
				role.Rules = expandRules(role.Rules, served[0].Resources)
			}
			return nil
		},
	}, true
}

// ownRules reports whether a role's rules are its own, and nobody's to restore:
// neither a controller, which aggregates others, nor every API server's start.
func ownRules(obj fixes.Object) bool {
	switch role := obj.(type) {
	case *rbacv1.ClusterRole:
		return role.AggregationRule == nil && role.Labels["kubernetes.io/bootstrapping"] == "" && fixes.ManagedBy(role) == ""
	case *rbacv1.Role:
		return role.Labels["kubernetes.io/bootstrapping"] == "" && fixes.ManagedBy(role) == ""
	}
	return false
}

// expandRules writes out the wildcards of rules that have some. What is not
// served is dropped from those; other rules stay as they are.
func expandRules(list []rbacv1.PolicyRule, served []fixes.ServedResource) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	for _, r := range list {
		if !isWild(r) {
			out = append(out, r)
			continue
		}
		if len(r.NonResourceURLs) > 0 {
			out = append(out, rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: paths}) // all that a server's own paths take
			continue
		}
		var written []rbacv1.PolicyRule
		for _, s := range served {
			var verbs []string
			for _, verb := range s.Verbs {
				if rbac.Allows(&rbacv1.PolicyRule{Verbs: r.Verbs, APIGroups: r.APIGroups, Resources: r.Resources},
					rbac.Request{Verb: verb, Group: s.Group, Resource: s.Name}) {
					verbs = append(verbs, verb)
				}
			}
			if len(verbs) > 0 {
				slices.Sort(verbs)
				written = append(written, rbacv1.PolicyRule{Verbs: verbs, APIGroups: []string{s.Group}, Resources: []string{s.Name}, ResourceNames: r.ResourceNames})
			}
		}
		out = append(out, rbac.Merge(written)...)
	}
	return out
}

// paths are those of the API server itself (kubernetes.io/docs/reference/using-api/health-checks,
// pkg/genericapiserver, ClusterRole system:discovery).
var paths = []string{
	"/api", "/api/*", "/apis", "/apis/*", "/healthz", "/healthz/*", "/livez", "/livez/*", "/metrics", "/metrics/*",
	"/openapi", "/openapi/*", "/readyz", "/readyz/*", "/version", "/version/",
}
