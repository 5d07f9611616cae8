package rbac

import (
	"cmp"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Names of users and groups that the API server itself gives out
// (k8s.io/apiserver/pkg/authentication/user).
const (
	Anonymous       = "system:anonymous"
	Authenticated   = "system:authenticated"
	Unauthenticated = "system:unauthenticated"
	// ServiceAccounts is the group of all ServiceAccounts; those of a namespace
	// are in the group of this name, a colon, and the namespace.
	ServiceAccounts = "system:serviceaccounts"

	accountUser = "system:serviceaccount:"
)

// Identity is a user as the API server sees one after authentication.
type Identity struct {
	User   string
	Groups []string
}

// IdentityOf returns what is known of a request made by a subject: the name of
// a ServiceAccount's user, and the groups that its kind alone puts it into. A
// group stands for a member of whom nothing else is known.
func IdentityOf(s rbacv1.Subject) Identity {
	c, h, ok := canonical(s, s.Namespace)
	switch {
	case !ok:
		return Identity{}
	case c.Kind == rbacv1.ServiceAccountKind:
		return Identity{User: h.name, Groups: []string{ServiceAccounts, ServiceAccounts + ":" + c.Namespace, Authenticated}}
	case c.Kind == rbacv1.GroupKind && c.Name == Authenticated, c.Kind == rbacv1.GroupKind && c.Name == Unauthenticated:
		return Identity{Groups: []string{c.Name}}
	case c.Kind == rbacv1.GroupKind && strings.HasPrefix(c.Name, ServiceAccounts+":"):
		return Identity{Groups: []string{c.Name, ServiceAccounts, Authenticated}}
	case c.Kind == rbacv1.GroupKind:
		return Identity{Groups: []string{c.Name, Authenticated}}
	case c.Name == Anonymous:
		return Identity{User: c.Name, Groups: []string{Unauthenticated}}
	}
	return Identity{User: c.Name, Groups: []string{Authenticated}}
}

func (id Identity) holders() []holder {
	var list []holder
	if id.User != "" {
		list = append(list, holder{rbacv1.UserKind, id.User})
	}
	for _, g := range id.Groups {
		list = append(list, holder{rbacv1.GroupKind, g})
	}
	return list
}

// canonical returns the one form of a subject that a binding in a namespace
// names, and how authentication names it; false for what matches nobody.
func canonical(s rbacv1.Subject, namespace string) (rbacv1.Subject, holder, bool) {
	switch s.Kind {
	case rbacv1.UserKind:
		if account, ok := strings.CutPrefix(s.Name, accountUser); ok {
			if ns, name, ok := strings.Cut(account, ":"); ok && ns != "" && name != "" && !strings.Contains(name, ":") {
				return rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: ns, Name: name}, holder{rbacv1.UserKind, s.Name}, true
			}
		}
		return rbacv1.Subject{Kind: s.Kind, APIGroup: rbacv1.GroupName, Name: s.Name}, holder{s.Kind, s.Name}, s.Name != ""
	case rbacv1.GroupKind:
		return rbacv1.Subject{Kind: s.Kind, APIGroup: rbacv1.GroupName, Name: s.Name}, holder{s.Kind, s.Name}, s.Name != ""
	case rbacv1.ServiceAccountKind:
		ns := cmp.Or(s.Namespace, namespace)
		out := rbacv1.Subject{Kind: s.Kind, Namespace: ns, Name: s.Name}
		return out, holder{rbacv1.UserKind, accountUser + ns + ":" + s.Name}, ns != "" && s.Name != ""
	}
	return rbacv1.Subject{}, holder{}, false
}

// bootstrapLabel marks the roles and bindings that every API server makes, and
// makes good at every start.
const bootstrapLabel, bootstrapValue = "kubernetes.io/bootstrapping", "rbac-defaults"

func bootstrapped(obj fixes.Object) bool { return obj.GetLabels()[bootstrapLabel] == bootstrapValue }

// System reports whether a subject is a part of Kubernetes itself: users and
// groups named system:…, and the ServiceAccounts of its controllers. Not among
// them are the groups that anybody is in (system:authenticated,
// system:serviceaccounts …): what is bound to those, everybody has. Nor are
// accounts in kube-system that were given rights by anybody else.
func (x *Index) System(s rbacv1.Subject) bool {
	switch s.Kind {
	case rbacv1.ServiceAccountKind:
		return x.own[rbacv1.Subject{Kind: s.Kind, Namespace: s.Namespace, Name: s.Name}]
	case rbacv1.GroupKind:
		return strings.HasPrefix(s.Name, "system:") && !Everybody(s) && !strings.HasPrefix(s.Name, ServiceAccounts+":")
	}
	return strings.HasPrefix(s.Name, "system:") && s.Name != Anonymous && !strings.HasPrefix(s.Name, accountUser)
}

// Everybody reports whether a subject stands for anybody who reaches the API
// server, or for every pod.
func Everybody(s rbacv1.Subject) bool {
	switch s.Name {
	case Authenticated, Unauthenticated, ServiceAccounts:
		return s.Kind == rbacv1.GroupKind
	}
	return s.Kind == rbacv1.UserKind && s.Name == Anonymous
}

// findOwn notes the ServiceAccounts of kube-system all of whose rights come
// from Kubernetes' own roles. Its own bindings are no mark: whoever may edit the
// binding cluster-admin may add an account to it, which then stays.
func (x *Index) findOwn() {
	foreign := map[rbacv1.Subject]bool{}
	for _, list := range x.bindings {
		for _, b := range list {
			for _, s := range b.subjects {
				if s.Kind != rbacv1.ServiceAccountKind || s.Namespace != "kube-system" {
					continue
				}
				// system:node-proxier, say, is bound by whoever installs kube-proxy;
				// cluster-admin is nobody's by nature.
				if b.role.own && strings.HasPrefix(b.role.ref.Name, "system:") {
					x.own[s] = true
				} else {
					foreign[s] = true
				}
			}
		}
	}
	for s := range foreign {
		delete(x.own, s)
	}
}
