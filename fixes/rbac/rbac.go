// Package rbac answers who may do what, from the roles and bindings of an
// inventory: as the API server's RBAC authorizer would, with what lets each
// subject do it.
//
// It knows nothing of other authorizers (a node's rights to what its pods use,
// webhooks), nor of the groups that an identity provider puts a person into.
package rbac

import (
	"cmp"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Kinds are what an [Index] is made of: a rule that asks one names them.
func Kinds() []fixes.Kind {
	return []fixes.Kind{fixes.KindRole, fixes.KindRoleBinding, fixes.KindClusterRole, fixes.KindClusterRoleBinding, fixes.KindServiceAccount}
}

// Covered reports whether all roles and bindings were looked at that count in
// a namespace or, for an empty one, anywhere. Where they were not, nobody can
// tell who may not do something.
func Covered(inv *fixes.Inventory, namespace string) bool {
	return inv.Covers(fixes.KindRole, namespace) && inv.Covers(fixes.KindRoleBinding, namespace) &&
		inv.Covers(fixes.KindClusterRole, "") && inv.Covers(fixes.KindClusterRoleBinding, "")
}

// Request is what somebody may or may not do.
type Request struct {
	Verb string
	// Group is the API group, empty for the core's. Resource is the plural name,
	// with a subresource after a slash ("pods/exec").
	Group, Resource string
	// Namespace is empty for what stands in none, and for all namespaces at once.
	Namespace string
	// Name is empty for all objects. A create has none; a list or a watch has one
	// with the field selector metadata.name only.
	Name string
	// Path is that of a request for no resource ("/metrics"); all else but the
	// verb is empty then.
	Path string
}

// To returns the request for all objects of a kind in a namespace.
func To(verb string, kind fixes.Kind, namespace string) Request {
	return Request{Verb: verb, Group: kind.Group, Resource: kind.Resource, Namespace: namespace}
}

// Grant is a right that a subject has, and by what.
type Grant struct {
	// Subject is a user, a group or a ServiceAccount. A ServiceAccount has its
	// namespace, also where the binding leaves it out or names it as a user.
	Subject rbacv1.Subject
	// Binding and Role give it. Both are empty for the group system:masters,
	// which may do all, and whose rights no role takes away.
	Binding, Role fixes.Ref
}

// Masters is the group that every API server lets do anything.
const Masters = "system:masters"

// WhoCan returns the grants that allow a request: those of the whole cluster
// first, then those of its namespace, each in the order of the bindings. A
// group counts as one subject, whoever is in it.
func (x *Index) WhoCan(r Request) []Grant {
	grants := []Grant{{Subject: rbacv1.Subject{Kind: rbacv1.GroupKind, APIGroup: rbacv1.GroupName, Name: Masters}}}
	decided := map[*role]bool{}
	for _, scope := range scopes(r) {
		for _, b := range x.bindings[scope] {
			allowed, known := decided[b.role]
			if !known {
				allowed = b.role.allows(r)
				decided[b.role] = allowed
			}
			if !allowed {
				continue
			}
			for _, s := range b.subjects {
				grants = append(grants, Grant{Subject: s, Binding: b.ref, Role: b.role.ref})
			}
		}
	}
	return grants
}

// Elsewhere returns the namespaces in which somebody is allowed a request that was
// asked of all namespaces at once, and is not allowed that: with the subjects, in
// order. It is empty for what stands in no namespace.
func (x *Index) Elsewhere(r Request) map[string][]rbacv1.Subject {
	if r.Namespace != "" || r.Path != "" {
		return nil
	}
	if resource, _, _ := strings.Cut(r.Resource, "/"); resource != rbacv1.ResourceAll {
		if namespaced, known := Namespaced(r.Group, resource); known && !namespaced {
			return nil
		}
	}
	everywhere := map[rbacv1.Subject]bool{}
	for _, s := range Subjects(x.WhoCan(r)) {
		everywhere[s] = true
	}
	out := map[string][]rbacv1.Subject{}
	decided := map[*role]bool{}
	for _, b := range x.order {
		ns := b.ref.Namespace
		if ns == "" {
			continue
		}
		allowed, known := decided[b.role]
		if !known {
			allowed = b.role.allows(r)
			decided[b.role] = allowed
		}
		if !allowed {
			continue
		}
		for _, s := range b.subjects {
			if s.APIGroup = ""; !everywhere[s] {
				out[ns] = append(out[ns], s)
			}
		}
	}
	for ns, list := range out {
		slices.SortFunc(list, compareSubjects)
		out[ns] = slices.Compact(list)
	}
	return out
}

// Can reports whether a subject is allowed a request, as a member of the groups
// that it is in by its nature too; see [IdentityOf].
func (x *Index) Can(s rbacv1.Subject, r Request) bool { return x.Allows(IdentityOf(s), r) }

// Allows reports whether a user, in groups, is allowed a request.
func (x *Index) Allows(id Identity, r Request) bool {
	if slices.Contains(id.Groups, Masters) {
		return true
	}
	for _, scope := range scopes(r) {
		for _, k := range id.holders() {
			for _, b := range x.held[holding{scope, k}] {
				if b.role.allows(r) {
					return true
				}
			}
		}
	}
	return false
}

// scopes are the namespaces whose bindings count for a request; the empty one
// stands for ClusterRoleBindings.
func scopes(r Request) []string {
	if r.Namespace == "" || r.Path != "" {
		return []string{""}
	}
	return []string{"", r.Namespace}
}

// Subjects returns the subjects of grants, each once, in order: groups,
// ServiceAccounts, users.
func Subjects(grants []Grant) []rbacv1.Subject {
	var out []rbacv1.Subject
	for _, g := range grants {
		out = append(out, rbacv1.Subject{Kind: g.Subject.Kind, Namespace: g.Subject.Namespace, Name: g.Subject.Name})
	}
	slices.SortFunc(out, compareSubjects)
	return slices.Compact(out)
}

func compareSubjects(a, b rbacv1.Subject) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// String names a subject as a person would ("ServiceAccount shop/web", "Group
// devs"). Names may hold anything: clean them before they are shown.
func String(s rbacv1.Subject) string {
	if s.Namespace != "" {
		return s.Kind + " " + s.Namespace + "/" + s.Name
	}
	return s.Kind + " " + s.Name
}

// allows reports whether one of a role's rules allows a request.
func (ro *role) allows(r Request) bool {
	for i := range ro.rules {
		if Allows(&ro.rules[i], r) {
			return true
		}
	}
	return false
}

// Allows reports whether a rule allows a request, as the API server decides it
// (plugin/pkg/auth/authorizer/rbac, RuleAllows; pkg/apis/rbac/v1,
// evaluation_helpers.go).
func Allows(rule *rbacv1.PolicyRule, r Request) bool {
	if !has(rule.Verbs, r.Verb) {
		return false
	}
	if r.Path != "" {
		return slices.ContainsFunc(rule.NonResourceURLs, func(url string) bool { return matchesURL(url, r.Path) })
	}
	return has(rule.APIGroups, r.Group) &&
		slices.ContainsFunc(rule.Resources, func(res string) bool { return matchesResource(res, r.Resource) }) &&
		(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, r.Name))
}

func has(list []string, s string) bool {
	return slices.Contains(list, rbacv1.VerbAll) || slices.Contains(list, s)
}

// matchesResource: "*" is every resource and every subresource, "*/scale" that
// subresource of every resource; "pods/*" is nothing special.
func matchesResource(rule, resource string) bool {
	if rule == rbacv1.ResourceAll || rule == resource {
		return true
	}
	_, sub, isSub := strings.Cut(resource, "/")
	return isSub && rule == "*/"+sub
}

func matchesURL(rule, path string) bool {
	if rule == rbacv1.NonResourceAll || rule == path {
		return true
	}
	prefix := strings.TrimRight(rule, "*")
	return prefix != rule && strings.HasPrefix(path, prefix)
}

// Granted reports whether Kubernetes' own bindings give all members of a group
// a request, everywhere: no fix touches those.
func (x *Index) Granted(group string, r Request) bool {
	for _, b := range x.held[holding{"", holder{rbacv1.GroupKind, group}}] {
		if b.role.own && strings.HasPrefix(b.role.ref.Name, "system:") && b.role.allows(r) {
			return true
		}
	}
	return false
}
