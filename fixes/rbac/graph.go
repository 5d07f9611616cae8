package rbac

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Bound is an edge of the graph of rights: a binding, the role that it gives,
// and to whom.
type Bound struct {
	Binding, Role fixes.Ref
	// Rules are those that the role comes to, aggregation resolved. They belong to
	// the index.
	Rules []rbacv1.PolicyRule
	// Subjects are in canonical form: a ServiceAccount has its namespace, also
	// where the binding leaves it out or names it as a user. What names nobody is
	// left out. They belong to the index.
	Subjects []rbacv1.Subject
}

func (b *binding) bound() Bound {
	return Bound{Binding: b.ref, Role: b.role.ref, Rules: b.role.rules, Subjects: b.subjects}
}

// Bindings returns the bindings that give something: ClusterRoleBindings
// first, then those of each namespace, by name.
func (x *Index) Bindings() []Bound {
	out := make([]Bound, len(x.order))
	for i, b := range x.order {
		out[i] = b.bound()
	}
	return out
}

// Everywhere reports whether the binding counts in all namespaces.
func (b Bound) Everywhere() bool { return b.Binding.Kind == fixes.KindClusterRoleBinding }

// Allows reports whether the role, where it is bound, allows a request.
func (b Bound) Allows(r Request) bool {
	if !b.Everywhere() && (r.Path != "" || r.Namespace == "" || r.Namespace != b.Binding.Namespace) {
		return false
	}
	return slices.ContainsFunc(b.Rules, func(rule rbacv1.PolicyRule) bool { return Allows(&rule, r) })
}

// Held is a binding that gives somebody rights.
type Held struct {
	Bound
	// As is whom the binding names: the subject itself, or a group that it is in.
	As rbacv1.Subject
}

// WhatCan returns what gives a subject rights, also as a member of the groups
// that it is in by its nature (see [IdentityOf]): ClusterRoleBindings first,
// then the bindings of a namespace or, where it is empty, of each.
func (x *Index) WhatCan(s rbacv1.Subject, namespace string) []Held {
	return heldBy(s, namespace, x.Bindings())
}

// LostTo returns the bindings that name a subject as [Index.WhatCan] does, to roles
// that are not there: see [Index.Unresolved].
func (x *Index) LostTo(s rbacv1.Subject, namespace string) []Held {
	return heldBy(s, namespace, x.unresolved)
}

func heldBy(s rbacv1.Subject, namespace string, bindings []Bound) []Held {
	holders := map[holder]bool{}
	for _, h := range IdentityOf(s).holders() {
		holders[h] = true
	}
	var out []Held
	for _, b := range bindings {
		if ns := b.Binding.Namespace; namespace != "" && ns != "" && ns != namespace {
			continue
		}
		for _, subject := range b.Subjects {
			if _, h, ok := canonical(subject, subject.Namespace); ok && holders[h] {
				out = append(out, Held{b, subject})
				break
			}
		}
	}
	return out
}

// Canonical returns the one form of a subject that a binding in a namespace
// names, or false for what names nobody.
func Canonical(s rbacv1.Subject, namespace string) (rbacv1.Subject, bool) {
	out, _, ok := canonical(s, namespace)
	return out, ok
}

// Account returns a ServiceAccount as a subject in canonical form.
func Account(namespace, name string) rbacv1.Subject {
	return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}
}

// AccountOf returns the ServiceAccount that a workload's pods run as.
func AccountOf(w fixes.Workload) rbacv1.Subject {
	name := w.Spec.ServiceAccountName
	if name == "" {
		name = w.Spec.DeprecatedServiceAccount
	}
	if name == "" {
		name = "default"
	}
	return Account(w.Object.GetNamespace(), name)
}

// Runners are the workloads whose pods run as each ServiceAccount, in the order
// of the inventory; what has ended is not among them.
type Runners map[rbacv1.Subject][]fixes.Workload

// RunnersOf returns who runs as whom in an inventory, built once.
func RunnersOf(inv *fixes.Inventory) Runners {
	return fixes.Memo(inv, fixes.WorkloadKinds(), func(inv *fixes.Inventory) Runners {
		r := Runners{}
		for _, w := range inv.Workloads("") {
			if !w.Finished() {
				account := AccountOf(w)
				r[account] = append(r[account], w)
			}
		}
		return r
	})
}

// Path is a way through the graph, from who acts to the role that lets them.
type Path struct {
	// Runner is a workload whose pods run as the subject; it is empty for a user
	// or a group, and for an account that nothing runs as.
	Runner        fixes.Ref
	Subject       rbacv1.Subject
	Binding, Role fixes.Ref
}

// PathsOf returns the ways by which a binding's subject has its role: one for
// each workload that runs as it, or one without.
func PathsOf(b Bound, s rbacv1.Subject, runners Runners) []Path {
	p := Path{Subject: s, Binding: b.Binding, Role: b.Role}
	list := runners[Account(s.Namespace, s.Name)]
	if s.Kind != rbacv1.ServiceAccountKind || len(list) == 0 {
		return []Path{p}
	}
	paths := make([]Path, len(list))
	for i, w := range list {
		paths[i] = p
		paths[i].Runner = w.Ref()
	}
	return paths
}

// String names the whole way ("Deployment shop/web -> ServiceAccount default ->
// RoleBinding x -> ClusterRole admin"). A namespace is named once, where it
// stays the same.
func (p Path) String() string {
	var parts []string
	namespace := ""
	if p.Runner.Name != "" {
		parts = append(parts, p.Runner.String())
		namespace = p.Runner.Namespace
	}
	subject := String(p.Subject)
	if p.Subject.Namespace != "" && p.Subject.Namespace == namespace {
		subject = p.Subject.Kind + " " + p.Subject.Name
	}
	parts = append(parts, subject)
	if p.Subject.Namespace != "" {
		namespace = p.Subject.Namespace
	}
	for _, ref := range []fixes.Ref{p.Binding, p.Role} {
		if ref.Name == "" {
			continue // of the group system:masters
		}
		name := ref.String()
		if ref.Namespace != "" && ref.Namespace == namespace {
			name = ref.Kind.Name + " " + ref.Name
		}
		if ref.Namespace != "" {
			namespace = ref.Namespace
		}
		parts = append(parts, name)
	}
	return strings.Join(parts, " -> ")
}
