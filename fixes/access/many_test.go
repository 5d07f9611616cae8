package access

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// many returns an inventory with n RoleBindings in n/100 namespaces, each of which
// gives a pod's ServiceAccount too much.
func many(n int) *fixes.Inventory {
	inv := fixes.NewInventory()
	inv.Live = true
	inv.Add(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "edit"}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets", "pods"}, Verbs: []string{"*"}},
	}})
	for i := range n {
		ns := fmt.Sprint("ns-", i/100)
		name := fmt.Sprint("b-", i)
		inv.Add(&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
			Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Name: name}, {Kind: "User", Name: name}},
		})
		if i%10 == 0 {
			inv.Add(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}})
			inv.Add(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Spec: corev1.PodSpec{ServiceAccountName: name}})
		}
	}
	return inv
}

// TestMany: 50,000 bindings, all rules, within seconds.
func TestMany(t *testing.T) {
	inv := many(50_000)
	start := time.Now()
	result := fixes.Scan(inv, Rules())
	if took := time.Since(start); took > 2*time.Minute { // some 4 s of one core; the machine may have other work
		t.Errorf("it took %s", took)
	}
	if len(result.Findings) < 150_000 {
		t.Errorf("%d findings", len(result.Findings))
	}
}

func BenchmarkRules(b *testing.B) {
	inv := many(50_000)
	for b.Loop() {
		fixes.Scan(inv.Draft().Inventory, Rules())
	}
}

// TestOneNamespace: a scan of one namespace speaks of what is bound everywhere as
// far as its own ServiceAccounts have it.
func TestOneNamespace(t *testing.T) {
	inv := fixes.NewInventory()
	inv.Live, inv.Namespace = true, "shop"
	inv.Add(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "r"}, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}}}})
	inv.Add(&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "x"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "r"},
		Subjects: []rbacv1.Subject{{Kind: "User", Name: "alice"}, {Kind: "ServiceAccount", Namespace: "ops", Name: "a"}, {Kind: "ServiceAccount", Namespace: "shop", Name: "b"}}})
	inv.Add(&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "y"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "gone"},
		Subjects: []rbacv1.Subject{{Kind: "User", Name: "system:anonymous"}}})
	result := fixes.Scan(inv, Rules())
	const want = "ServiceAccount shop/b -> ClusterRoleBinding x -> ClusterRole r: may read every Secret in all namespaces."
	for _, f := range result.Findings {
		if f.Rule.ID != "rbac-read-secrets" && f.Rule.ID != "rbac-dangling" {
			t.Errorf("%s: %s", f.Rule.ID, f.Message)
		}
		if f.Rule.ID == "rbac-read-secrets" && f.Message != want {
			t.Errorf("%s, want %s", f.Message, want)
		}
	}
	if len(result.Findings) != 2 { // the account of shop is not there
		t.Errorf("%d findings", len(result.Findings))
	}
}
