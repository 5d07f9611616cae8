package nodes

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

// execRole is the name of the Role that gives exec in a namespace, and of its
// binding.
const execRole = "kubectl-harden-exec"

// fix says how the right is taken away everywhere, and given back where it is
// needed.
func (u unlimited) fix(inv *fixes.Inventory, index *rbac.Index) fixes.Fix {
	grants := inv.Exec
	why := "whether the group needs it elsewhere too is not known"
	if len(grants) == 0 {
		grants = whereBound(inv, u.subjects)
		why = "the group has RoleBindings in these namespaces; whether it needs exec elsewhere too is not known"
	}
	only := onlyWaysIn(index.RulesOf(u.role))
	hindrance := u.hindrance(inv, only)
	switch {
	case hindrance != "":
	case len(grants) == 0:
		hindrance = "which of them need it, and in which namespaces, is not known"
	default:
		hindrance = nowhere(inv, grants)
	}
	if hindrance != "" {
		return fixes.Fix{Title: "Give exec by namespace", Confidence: fixes.Manual, Why: hindrance, Steps: u.steps()}
	}
	fix := fixes.Fix{
		Title: "Give exec to " + grantsText(grants) + " alone", Confidence: fixes.Review, Why: why,
		Risks: []string{"They cannot exec into pods of other namespaces any more: " + fixes.Listed(subjectNames(u.subjects)) + "."},
		Edit: func(d *fixes.Draft) error {
			if err := u.takeAway(d, only); err != nil {
				return err
			}
			return give(d, grants)
		},
	}
	for _, ns := range namespacesOf(grants) {
		for _, ref := range []fixes.Ref{{Kind: fixes.KindRole, Namespace: ns, Name: execRole}, {Kind: fixes.KindRoleBinding, Namespace: ns, Name: execRole}} {
			if inv.Get(ref) == nil {
				fix.Creates = append(fix.Creates, ref)
			}
		}
	}
	if has(u.rights, "nodes/proxy") {
		fix.Risks = append(fix.Risks, "nodes/proxy is given back to nobody: what scrapes kubelets needs nodes/metrics and nodes/stats instead.")
	}
	return fix
}

// nowhere says which namespace of some grants is not there, or "".
func nowhere(inv *fixes.Inventory, grants []fixes.ExecGrant) string {
	if !inv.Live || !inv.Covers(fixes.KindNamespace, "") {
		return ""
	}
	for _, ns := range namespacesOf(grants) {
		if inv.Get(fixes.Ref{Kind: fixes.KindNamespace, Name: ns}) == nil {
			return "namespace " + ns + " is not there"
		}
	}
	return ""
}

func has(list []right, resource string) bool {
	return slices.ContainsFunc(list, func(r right) bool { return r.resource == resource })
}

// whereBound returns the namespaces in which groups among the subjects have a
// RoleBinding.
func whereBound(inv *fixes.Inventory, subjects []rbacv1.Subject) []fixes.ExecGrant {
	var out []fixes.ExecGrant
	for _, b := range fixes.Objects[*rbacv1.RoleBinding](inv, "") {
		for _, s := range b.Subjects {
			grant := fixes.ExecGrant{Namespace: b.Namespace, Group: s.Name}
			member := slices.ContainsFunc(subjects, func(u rbacv1.Subject) bool { return u.Kind == rbacv1.GroupKind && u.Name == s.Name })
			if s.Kind == rbacv1.GroupKind && member && !rbac.Everybody(s) && !fixes.IsSystemNamespace(b.Namespace) && !slices.Contains(out, grant) {
				out = append(out, grant)
			}
		}
	}
	return out
}

func grantsText(grants []fixes.ExecGrant) string {
	var out []string
	for _, g := range grants {
		out = append(out, g.Group+" in "+g.Namespace)
	}
	return fixes.Listed(out)
}

func namespacesOf(grants []fixes.ExecGrant) []string {
	var out []string
	for _, g := range grants {
		if !slices.Contains(out, g.Namespace) {
			out = append(out, g.Namespace)
		}
	}
	return out
}

// onlyWaysIn reports whether rules are for getting into pods alone, and for what
// that takes: to find the pod, and to read its log.
func onlyWaysIn(rules []rbacv1.PolicyRule) bool {
	return !slices.ContainsFunc(rules, func(rule rbacv1.PolicyRule) bool {
		return len(rule.NonResourceURLs) > 0 || slices.ContainsFunc(rule.Resources, func(res string) bool {
			read := !slices.ContainsFunc(rule.Verbs, func(v string) bool { return !slices.Contains([]string{"get", "list", "watch"}, v) })
			finds := read && (res == "pods" || res == "pods/log")
			return !isWayIn(res) && !finds
		})
	})
}

func isWayIn(resource string) bool { return has(rights, resource) }

// hindrance says why the right cannot be taken away by an edit, or "".
func (u unlimited) hindrance(inv *fixes.Inventory, only bool) string {
	role, ok := inv.Get(u.role).(*rbacv1.ClusterRole)
	switch {
	case !ok:
		return u.role.String() + " could not be read"
	case len(u.subjects) != len(bindingOf(inv, u.binding).Subjects):
		return "the binding names parts of Kubernetes too"
	case only:
		return ""
	case role.Labels["kubernetes.io/bootstrapping"] != "":
		return u.role.String() + " is Kubernetes' own, and made good at each start of the API server"
	case role.AggregationRule != nil:
		return u.role.String() + " is made of other roles"
	}
	for name := range role.Labels {
		if strings.HasPrefix(name, "rbac.authorization.k8s.io/aggregate-to-") {
			return "other roles are made of " + u.role.String()
		}
	}
	for _, rule := range role.Rules {
		wild := slices.ContainsFunc(rule.Resources, func(res string) bool { return res == rbacv1.ResourceAll || strings.HasPrefix(res, "*/") })
		if wild && (slices.Contains(rule.APIGroups, "") || slices.Contains(rule.APIGroups, rbacv1.APIGroupAll)) {
			return u.role.String() + " names resources by a wildcard"
		}
	}
	for _, b := range fixes.Objects[*rbacv1.RoleBinding](inv, "") {
		if b.RoleRef.Kind == fixes.KindClusterRole.Name && b.RoleRef.Name == u.role.Name {
			return "RoleBindings give " + u.role.String() + " too, and would lose the right"
		}
	}
	return ""
}

func bindingOf(inv *fixes.Inventory, ref fixes.Ref) *rbacv1.ClusterRoleBinding {
	if b, ok := inv.Get(ref).(*rbacv1.ClusterRoleBinding); ok {
		return b
	}
	return &rbacv1.ClusterRoleBinding{}
}

// takeAway deletes a binding to a role that is for nothing else, or takes the
// ways in out of the role.
func (u unlimited) takeAway(d *fixes.Draft, only bool) error {
	if only {
		d.Delete(u.binding)
		return nil
	}
	role, err := fixes.Edit[*rbacv1.ClusterRole](d, "", u.role.Name)
	if err != nil {
		return err
	}
	for i := range role.Rules {
		if core := role.Rules[i].APIGroups; slices.Contains(core, "") || slices.Contains(core, rbacv1.APIGroupAll) {
			role.Rules[i].Resources = slices.DeleteFunc(role.Rules[i].Resources, isWayIn)
		}
	}
	role.Rules = slices.DeleteFunc(role.Rules, func(r rbacv1.PolicyRule) bool { return len(r.Resources) == 0 && len(r.NonResourceURLs) == 0 })
	return nil
}

// give makes a Role for exec in each namespace and binds the groups to it.
func give(d *fixes.Draft, grants []fixes.ExecGrant) error {
	for _, g := range grants {
		role := fixes.Ref{Kind: fixes.KindRole, Namespace: g.Namespace, Name: execRole}
		if d.Get(role) == nil {
			if err := d.Create(execRoleIn(g.Namespace)); err != nil {
				return err
			}
		}
		subject := rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: g.Group}
		if d.Get(fixes.Ref{Kind: fixes.KindRoleBinding, Namespace: g.Namespace, Name: execRole}) == nil {
			b := &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: g.Namespace, Name: execRole},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: fixes.KindRole.Name, Name: execRole},
			}
			if err := d.Create(b); err != nil {
				return err
			}
		}
		b, err := fixes.Edit[*rbacv1.RoleBinding](d, g.Namespace, execRole)
		if err != nil {
			return err
		}
		if !slices.Contains(b.Subjects, subject) {
			b.Subjects = append(b.Subjects, subject)
			slices.SortFunc(b.Subjects, func(a, b rbacv1.Subject) int { return strings.Compare(a.Name, b.Name) })
		}
	}
	return nil
}

// execRoleIn is what kubectl exec needs: to find the pod, and to run a command in
// it. A client that speaks WebSocket asks by get, one that speaks SPDY by create;
// from Kubernetes 1.35 both need create (KEP-4006).
func execRoleIn(namespace string) *rbacv1.Role {
	return &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: execRole},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get", "list"}},
			{APIGroups: []string{""}, Resources: []string{"pods/exec"}, Verbs: []string{"create", "get"}},
		},
	}
}

func (u unlimited) steps() string {
	return "1. Give exec where it is needed, to a group in a namespace:\n" +
		"     kubectl create role " + execRole + " -n NAMESPACE --verb=create,get --resource=pods/exec\n" +
		"     kubectl create rolebinding " + execRole + " -n NAMESPACE --role=" + execRole + " --group=GROUP\n" +
		"   or have it made: kubectl harden --rule node-access-unlimited --exec-group NAMESPACE=GROUP --fix --confidence=review\n" +
		"2. Take it away everywhere: bind " + u.role.Name + " by RoleBindings instead, or take the resources out of it:\n" +
		"     kubectl delete clusterrolebinding " + u.binding.Name + "\n" +
		"3. Check: kubectl auth can-i create pods --subresource=exec -n kube-system --as USER --as-group GROUP"
}
