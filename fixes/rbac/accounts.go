package rbac

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// accounts are the ServiceAccounts of an inventory: true for each by its namespace and
// name.
type accounts map[[2]string]bool

func accountsOf(inv *fixes.Inventory) accounts {
	there := accounts{}
	for _, sa := range fixes.Objects[*corev1.ServiceAccount](inv, "") {
		there[[2]string{sa.Namespace, sa.Name}] = true
	}
	return there
}

// meant returns the namespace of the account that a subject names. A binding must name
// one, so that manifests that name none elsewhere do so there: where no account of
// that name is in it, theirs is meant.
func (a accounts) meant(namespace, name string) string {
	if a[[2]string{fixes.Unnamed, name}] && !a[[2]string{namespace, name}] {
		return fixes.Unnamed
	}
	return namespace
}

// canonical returns the subjects of a binding in a namespace, each in its one form,
// without those that match nobody.
func (a accounts) canonical(subjects []rbacv1.Subject, namespace string) []rbacv1.Subject {
	var out []rbacv1.Subject
	for _, s := range subjects {
		c, _, ok := canonical(s, namespace)
		if !ok {
			continue
		}
		if c.Kind == rbacv1.ServiceAccountKind {
			c.Namespace = a.meant(c.Namespace, c.Name)
		}
		out = append(out, c)
	}
	return out
}

// Accounts are the ServiceAccounts that bindings name, whatever those give them.
type Accounts struct {
	named map[[2]string]bool
}

// Named returns the ServiceAccounts that the bindings of an inventory name
// themselves: not by a group.
func Named(inv *fixes.Inventory) *Accounts {
	return fixes.Memo(inv, []fixes.Kind{fixes.KindServiceAccount, fixes.KindRoleBinding, fixes.KindClusterRoleBinding}, newAccounts)
}

// Has reports whether a binding names an account.
func (a *Accounts) Has(namespace, name string) bool { return a.named[[2]string{namespace, name}] }

func newAccounts(inv *fixes.Inventory) *Accounts {
	a, there := &Accounts{map[[2]string]bool{}}, accountsOf(inv)
	add := func(namespace string, subjects []rbacv1.Subject) {
		for _, s := range there.canonical(subjects, namespace) {
			if s.Kind == rbacv1.ServiceAccountKind {
				a.named[[2]string{s.Namespace, s.Name}] = true
			}
		}
	}
	for _, b := range fixes.Objects[*rbacv1.RoleBinding](inv, "") {
		add(b.Namespace, b.Subjects)
	}
	for _, b := range fixes.Objects[*rbacv1.ClusterRoleBinding](inv, "") {
		add("", b.Subjects)
	}
	return a
}
