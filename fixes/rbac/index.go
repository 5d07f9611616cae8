package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Index is the roles and bindings of an inventory, ready to be asked. It is
// safe for concurrent use.
type Index struct {
	roles map[fixes.Ref]*role
	// bindings are those of a namespace; those of the whole cluster are under "".
	bindings map[string][]*binding
	order    []*binding // all of them, those of the whole cluster first
	held     map[holding][]*binding
	// unresolved are the bindings to roles that are not there.
	unresolved []Bound
	// own are ServiceAccounts that Kubernetes itself made and bound.
	own map[rbacv1.Subject]bool
}

// role is a Role or a ClusterRole with the rules that it comes to.
type role struct {
	ref   fixes.Ref
	rules []rbacv1.PolicyRule
	own   bool // one of Kubernetes itself
}

type binding struct {
	ref      fixes.Ref
	role     *role
	subjects []rbacv1.Subject
}

// holder is a user or a group as authentication names it.
type holder struct{ kind, name string }

// holding is what a holder has in a namespace, or everywhere.
type holding struct {
	namespace string
	holder
}

// Of returns the index of an inventory, built once.
func Of(inv *fixes.Inventory) *Index { return fixes.Memo(inv, Kinds(), New) }

// New indexes the roles and bindings of an inventory. The rules of a ClusterRole
// that aggregates others are what those come to: manifests do not hold the
// result. Nor do they hold the roles that every cluster has ([Builtin]), which count
// beside them. A binding to a role that is not there gives nothing, and is left out;
// see [Index.Unresolved].
func New(inv *fixes.Inventory) *Index {
	x := &Index{
		roles: map[fixes.Ref]*role{}, bindings: map[string][]*binding{},
		held: map[holding][]*binding{}, own: map[rbacv1.Subject]bool{},
	}
	a := newAggregator(clusterRoles(inv))
	for _, r := range a.roles {
		x.roles[fixes.RefOf(r)] = &role{ref: fixes.RefOf(r), rules: a.rules(r), own: bootstrapped(r)}
	}
	for _, r := range fixes.Objects[*rbacv1.Role](inv, "") {
		x.roles[fixes.RefOf(r)] = &role{ref: fixes.RefOf(r), rules: r.Rules, own: bootstrapped(r)}
	}
	there := accountsOf(inv)
	for _, b := range fixes.Objects[*rbacv1.ClusterRoleBinding](inv, "") {
		if b.RoleRef.Kind == fixes.KindClusterRole.Name {
			x.bind(b, b.RoleRef, there.canonical(b.Subjects, ""))
		}
	}
	for _, b := range fixes.Objects[*rbacv1.RoleBinding](inv, "") {
		x.bind(b, b.RoleRef, there.canonical(b.Subjects, b.Namespace))
	}
	x.findOwn()
	return x
}

// bind adds a binding, whose subjects are canonical.
func (x *Index) bind(obj fixes.Object, to rbacv1.RoleRef, subjects []rbacv1.Subject) {
	ref := fixes.Ref{Kind: fixes.KindClusterRole, Name: to.Name}
	if to.Kind == fixes.KindRole.Name {
		ref = fixes.Ref{Kind: fixes.KindRole, Namespace: obj.GetNamespace(), Name: to.Name}
	}
	r := x.roles[ref]
	b := &binding{ref: fixes.RefOf(obj), role: r}
	namespace := obj.GetNamespace()
	if r == nil {
		x.unresolved = append(x.unresolved, Bound{Binding: b.ref, Role: ref, Subjects: subjects})
		return
	}
	for _, s := range subjects {
		s, h, _ := canonical(s, s.Namespace)
		b.subjects = append(b.subjects, s)
		at := holding{namespace, h}
		if held := x.held[at]; len(held) == 0 || held[len(held)-1] != b { // named twice
			x.held[at] = append(held, b)
		}
	}
	x.bindings[namespace] = append(x.bindings[namespace], b)
	x.order = append(x.order, b)
}

// Unresolved returns the bindings to roles that are not there, without rules. In a
// cluster they give nothing; with manifests, what they give is not known.
func (x *Index) Unresolved() []Bound { return x.unresolved }

// Own reports whether a role is one that Kubernetes itself makes.
func (x *Index) Own(ref fixes.Ref) bool {
	r := x.roles[ref]
	return r != nil && r.own
}

// RulesOf returns the rules of a Role or a ClusterRole, those that it
// aggregates included. The slice belongs to the index.
func (x *Index) RulesOf(ref fixes.Ref) []rbacv1.PolicyRule {
	if r := x.roles[ref]; r != nil {
		return r.rules
	}
	return nil
}
