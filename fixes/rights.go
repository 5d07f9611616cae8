package fixes

import (
	"cmp"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
)

// What a change does to who may do what.
const (
	noRights = iota
	givesRights
	takesRights
)

// rights tells whether a change gives rights or takes some: what goes, a role
// with other rules, and a binding with fewer subjects take.
func (c Change) rights() int {
	obj := c.After
	if obj == nil {
		obj = c.Before
	}
	switch obj.(type) {
	case *rbacv1.RoleBinding, *rbacv1.ClusterRoleBinding, *rbacv1.Role, *rbacv1.ClusterRole:
	default:
		return noRights
	}
	switch {
	case c.Before == nil:
		return givesRights
	case c.After == nil:
		return takesRights
	}
	before, bound := subjectsOf(c.Before)
	after, _ := subjectsOf(c.After)
	if !bound || lacks(after, before) && !lacks(before, after) {
		return takesRights
	}
	return givesRights
}

func subjectsOf(obj Object) (subjects []rbacv1.Subject, bound bool) {
	switch b := obj.(type) {
	case *rbacv1.RoleBinding:
		return b.Subjects, true
	case *rbacv1.ClusterRoleBinding:
		return b.Subjects, true
	}
	return nil, false
}

func lacks(list, of []rbacv1.Subject) bool {
	return slices.ContainsFunc(of, func(s rbacv1.Subject) bool { return !slices.Contains(list, s) })
}

// RightsFirst puts changes that give rights before all others, and those that
// take some after them, and leaves the order otherwise. An undo needs that: in the
// reverse of the order of a plan, whoever works now would be without rights in
// between.
func RightsFirst(changes []Change) {
	place := map[int]int{givesRights: -1, takesRights: 1}
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(place[a.rights()], place[b.rights()]) })
}
