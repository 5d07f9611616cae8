package rbac

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// aggregator resolves ClusterRoles with an aggregationRule, as a controller
// does in a cluster (pkg/controller/clusterroleaggregation).
type aggregator struct {
	roles []*rbacv1.ClusterRole
	// chosen are the roles that one of an aggregated role's selectors chooses.
	chosen map[*rbacv1.ClusterRole][]*rbacv1.ClusterRole
}

func newAggregator(roles []*rbacv1.ClusterRole) *aggregator {
	return &aggregator{roles: roles, chosen: map[*rbacv1.ClusterRole][]*rbacv1.ClusterRole{}}
}

// rules returns what a role comes to: its own rules or, where it aggregates,
// those of all roles that it reaches. Each role is visited once, so that roles
// which aggregate each other come to an end.
func (a *aggregator) rules(r *rbacv1.ClusterRole) []rbacv1.PolicyRule {
	if r.AggregationRule == nil {
		return r.Rules
	}
	var rules []rbacv1.PolicyRule
	seen := map[*rbacv1.ClusterRole]bool{r: true}
	waiting := []*rbacv1.ClusterRole{r}
	for len(waiting) > 0 {
		next := waiting[0]
		waiting = waiting[1:]
		for _, c := range a.choose(next) {
			switch {
			case seen[c]:
			case c.AggregationRule != nil:
				waiting = append(waiting, c)
			default:
				rules = append(rules, c.Rules...)
			}
			seen[c] = true
		}
	}
	return rules
}

func (a *aggregator) choose(r *rbacv1.ClusterRole) []*rbacv1.ClusterRole {
	if chosen, ok := a.chosen[r]; ok {
		return chosen
	}
	var selectors []labels.Selector
	for i := range r.AggregationRule.ClusterRoleSelectors {
		s, err := metav1.LabelSelectorAsSelector(&r.AggregationRule.ClusterRoleSelectors[i])
		if err != nil {
			selectors = nil // the controller stops there, and leaves the role as it is: empty, when it was so made
			break
		}
		selectors = append(selectors, s)
	}
	var chosen []*rbacv1.ClusterRole
	for _, c := range a.roles {
		if slices.ContainsFunc(selectors, func(s labels.Selector) bool { return s.Matches(labels.Set(c.Labels)) }) {
			chosen = append(chosen, c)
		}
	}
	a.chosen[r] = chosen
	return chosen
}
