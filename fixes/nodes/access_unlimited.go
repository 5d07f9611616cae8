package nodes

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

func accessUnlimited() *fixes.Rule {
	return &fixes.Rule{
		ID:         "node-access-unlimited",
		Category:   fixes.Nodes,
		Title:      "Somebody may get into every pod, or onto every node",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering, fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("5.1.1"), fixes.CIS("5.1.10"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K03")},
		Kinds:      append(rbac.Kinds(), fixes.KindNamespace),
		Docs:       accessUnlimitedDocs,
		Check:      checkAccessUnlimited,
	}
}

const accessUnlimitedDocs = `
Who may exec into pods everywhere is in the privileged ones too, and through them on the
nodes. nodes/proxy is worse: it hands out the kubelet's own API, which runs commands in
every container of a node past admission, and mostly past the audit log; for that, get
alone is enough.

## What is looked at
ClusterRoleBindings that give a subject outside of Kubernetes' own one of these in all
namespaces: pods/exec, pods/attach, pods/portforward, pods/ephemeralcontainers, nodes/proxy;
with the roles that are aggregated into theirs. Roles that allow everything are left to the
rules about those.

## The fix
Takes the right away everywhere, and gives it back where it is needed: a Role
kubectl-harden-exec in a namespace, bound to a group. Which group and namespace, you say:

    kubectl harden --rule node-access-unlimited --exec-group NAMESPACE=GROUP --fix

or it follows from the namespaces in which the group has a RoleBinding already. A
ClusterRole that is for nothing else keeps its rules, and its ClusterRoleBinding goes;
from another the resources are taken out. It is manual where nobody can tell what a group
needs, where the role is Kubernetes' own or aggregated, or names resources by a wildcard, and
where RoleBindings rest on it too.

## By hand
    kubectl auth can-i create pods --subresource=exec -A --as USER --as-group GROUP
    kubectl auth can-i get nodes --subresource=proxy --as USER --as-group GROUP
`

// right is a way into pods or onto nodes.
type right struct {
	resource string
	verbs    []string
	severity fixes.Severity
	what     string
}

// rights are the ways in, the worst first.
var rights = []right{
	{"nodes/proxy", []string{"get", "create", "update", "patch", "delete"}, fixes.High, "use each kubelet's API past admission"},
	{"pods/exec", []string{"create", "get"}, fixes.High, "run commands in every container"},
	{"pods/attach", []string{"create", "get"}, fixes.High, "attach to every container"},
	{"pods/ephemeralcontainers", []string{"update", "patch"}, fixes.High, "put containers into every pod"},
	{"pods/portforward", []string{"create", "get"}, fixes.Medium, "reach every port of every pod"},
}

// unlimited is what one ClusterRoleBinding gives.
type unlimited struct {
	binding, role fixes.Ref
	subjects      []rbacv1.Subject
	rights        []right
}

func checkAccessUnlimited(p *fixes.Pass) {
	if p.Namespace != "" { // what is bound elsewhere is not known then
		return
	}
	index := rbac.Of(p.Inventory)
	for _, u := range unlimitedBy(index) {
		severity := u.rights[0].severity
		for _, s := range u.subjects {
			if rbac.Everybody(s) || strings.HasPrefix(s.Name, rbac.ServiceAccounts) {
				severity = fixes.Critical
			}
		}
		var ways []string
		for _, r := range u.rights {
			ways = append(ways, r.what)
		}
		names := fixes.Listed(subjectNames(u.subjects))
		p.Report(fixes.Finding{
			Object: u.binding, Path: "roleRef", Severity: severity,
			Message:  names + " may " + joinAnd(ways) + ", in all namespaces.",
			Evidence: u.evidence(),
			Fixes:    []fixes.Fix{u.fix(p.Inventory, index)},
		})
	}
}

func (u unlimited) evidence() []string {
	out := []string{u.binding.String() + " -> " + u.role.String()}
	for _, r := range u.rights {
		out = append(out, "may "+strings.Join(r.verbs, ", ")+" "+r.resource)
	}
	return out
}

// unlimitedBy returns the bindings that give a way in everywhere, in order.
func unlimitedBy(index *rbac.Index) []unlimited {
	found := map[fixes.Ref]*unlimited{}
	var order []fixes.Ref
	for _, r := range rights {
		verbs := map[fixes.Ref][]string{}
		for _, verb := range r.verbs {
			for _, g := range index.WhoCan(rbac.Request{Verb: verb, Resource: r.resource}) {
				if g.Binding.Name == "" || index.System(g.Subject) || allowsAll(index.RulesOf(g.Role)) {
					continue
				}
				u := found[g.Binding]
				if u == nil {
					u = &unlimited{binding: g.Binding, role: g.Role}
					found[g.Binding], order = u, append(order, g.Binding)
				}
				if !slices.Contains(u.subjects, g.Subject) {
					u.subjects = append(u.subjects, g.Subject)
				}
				if !slices.Contains(verbs[g.Binding], verb) {
					verbs[g.Binding] = append(verbs[g.Binding], verb)
				}
			}
		}
		for binding, have := range verbs {
			got := r
			got.verbs = have
			found[binding].rights = append(found[binding].rights, got)
		}
	}
	slices.SortFunc(order, fixes.Ref.Compare)
	var out []unlimited
	for _, ref := range order {
		out = append(out, *found[ref])
	}
	return out
}

// allowsAll reports whether rules allow everything: such a role is no fault of
// the ways in.
func allowsAll(rules []rbacv1.PolicyRule) bool {
	return slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.Verbs, rbacv1.VerbAll) && slices.Contains(r.APIGroups, rbacv1.APIGroupAll) && slices.Contains(r.Resources, rbacv1.ResourceAll)
	})
}

func joinAnd(list []string) string {
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}
