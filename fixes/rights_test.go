package fixes_test

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// TestRightsAreGivenFirst: in a plan and in what takes it back, rights are given
// before a workload needs them, and taken when none does any more.
func TestRightsAreGivenFirst(t *testing.T) {
	binding := func(name string, subjects ...string) *rbacv1.RoleBinding {
		b := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name}}
		for _, s := range subjects {
			b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: "User", Name: s})
		}
		return b
	}
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "role"}}
	web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "web"}}
	change := func(before, after fixes.Object) fixes.Change {
		c := fixes.Change{Action: fixes.Patch, Before: before, After: after}
		switch {
		case before == nil:
			c.Action = fixes.Create
		case after == nil:
			c.Action = fixes.Delete
		}
		some := before
		if some == nil {
			some = after
		}
		c.Object = fixes.RefOf(some)
		return c
	}
	plan := []fixes.Change{
		change(binding("old", "x"), nil),
		change(binding("less", "x", "y"), binding("less", "x")),
		change(web, web),
		change(binding("more", "x"), binding("more", "x", "y")),
		change(role, role),
		change(nil, binding("new", "x")),
	}
	order := func(changes []fixes.Change) []string {
		var out []string
		for _, c := range changes {
			out = append(out, c.Object.Name)
		}
		return out
	}
	fixes.SortChanges(plan)
	if got, want := order(plan), []string{"more", "new", "web", "role", "less", "old"}; !slices.Equal(got, want) {
		t.Errorf("a plan's order is %q, want %q", got, want)
	}
	undo := slices.Clone(plan)
	for i, c := range undo {
		undo[i] = fixes.Change{Action: fixes.Patch, Object: c.Object, Before: c.After, After: c.Before}
	}
	fixes.SortChanges(undo)
	slices.Reverse(undo)
	fixes.RightsFirst(undo)
	if got, want := order(undo), []string{"old", "less", "web", "new", "more", "role"}; !slices.Equal(got, want) {
		t.Errorf("an undo's order is %q, want %q", got, want)
	}
}
