package rbac

import (
	_ "embed"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/table"
)

//go:embed builtin.tsv
var builtinText string

var builtinRules = builtinTable.Embedded(builtinText)

// builtinRule is a line of the table: a rule of a role, or what the role is where it
// has no rules of its own.
type builtinRule struct {
	role        string
	into, takes []string
	rule        rbacv1.PolicyRule
}

var builtinTable = table.Table[builtinRule]{
	Name:    "builtin.tsv",
	Columns: []string{"role", "into", "takes", "verbs", "groups", "resources", "names", "urls"},
	Key:     []string{"role", "verbs", "groups", "resources", "names", "urls"},
	Row: func(r table.Row) (builtinRule, error) {
		groups := r.List("groups")
		for i, g := range groups {
			if g == "core" {
				groups[i] = ""
			}
		}
		return builtinRule{role: r.Text("role"), into: r.List("into"), takes: r.List("takes"), rule: rbacv1.PolicyRule{
			Verbs: r.List("verbs"), APIGroups: groups, Resources: r.List("resources"),
			ResourceNames: r.List("names"), NonResourceURLs: r.List("urls"),
		}}, nil
	},
}

// aggregateTo begins the labels by which parts belong to admin, edit and view.
const aggregateTo = "rbac.authorization.k8s.io/aggregate-to-"

// Builtin returns the ClusterRoles that every API server makes, as it makes them,
// without those of controllers. Manifests bind them, and do not hold them.
func Builtin() []*rbacv1.ClusterRole {
	var roles []*rbacv1.ClusterRole
	for _, line := range builtinRules() {
		if len(roles) == 0 || roles[len(roles)-1].Name != line.role {
			role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: line.role, Labels: map[string]string{bootstrapLabel: bootstrapValue}}}
			for _, name := range line.into {
				role.Labels[aggregateTo+name] = "true"
			}
			for _, name := range line.takes {
				if role.AggregationRule == nil {
					role.AggregationRule = &rbacv1.AggregationRule{}
				}
				role.AggregationRule.ClusterRoleSelectors = append(role.AggregationRule.ClusterRoleSelectors,
					metav1.LabelSelector{MatchLabels: map[string]string{aggregateTo + name: "true"}})
			}
			roles = append(roles, role)
		}
		if len(line.rule.Verbs) > 0 {
			last := roles[len(roles)-1]
			last.Rules = append(last.Rules, line.rule)
		}
	}
	return roles
}

// clusterRoles are those of an inventory; beside manifests, which are for a cluster
// that has them, the built-in ones that they do not hold.
func clusterRoles(inv *fixes.Inventory) []*rbacv1.ClusterRole {
	roles := fixes.Objects[*rbacv1.ClusterRole](inv, "")
	if inv.Live || inv.Len(fixes.KindRoleBinding)+inv.Len(fixes.KindClusterRoleBinding) == 0 {
		return roles
	}
	held := map[string]bool{}
	for _, r := range roles {
		held[r.Name] = true
	}
	return append(slices.Clone(roles), slices.DeleteFunc(Builtin(), func(r *rbacv1.ClusterRole) bool { return held[r.Name] })...)
}
