package rbac

import (
	"fmt"
	"slices"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const objects = `
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: cluster-admin, labels: {kubernetes.io/bootstrapping: rbac-defaults}}
rules:
- {apiGroups: ["*"], resources: ["*"], verbs: ["*"]}
- {nonResourceURLs: ["*"], verbs: ["*"]}
---
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: reader, labels: {into: all}}
rules:
- {apiGroups: [""], resources: [secrets, pods/log], verbs: [get, list]}
- {apiGroups: [apps], resources: ["*/scale"], verbs: [update]}
- {nonResourceURLs: ["/metrics", "/logs/*"], verbs: [get]}
---
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: one-of-two, labels: {into: loop}}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {into: all}}, {matchLabels: {into: loop}}]}
rules: [{apiGroups: [""], resources: [nodes], verbs: [delete]}]
---
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: two-of-two, labels: {into: loop}}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {into: loop}}]}
---
kind: Role
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: one, namespace: shop}
rules: [{apiGroups: [""], resources: [secrets], resourceNames: [db], verbs: [get, list, create]}]
---
kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: admins, labels: {kubernetes.io/bootstrapping: rbac-defaults}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: "system:masters"}, {kind: ServiceAccount, name: no-namespace}]
---
kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: aggregated}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: two-of-two}
subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: devs}]
---
kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: dangling}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: gone}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: nobody}]
---
kind: RoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: read, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}
subjects:
- {kind: ServiceAccount, name: web}
- {kind: User, apiGroup: rbac.authorization.k8s.io, name: "system:serviceaccount:ops:backup"}
- {kind: Group, apiGroup: rbac.authorization.k8s.io, name: "system:serviceaccounts:ci"}
---
kind: RoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: one, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: one}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: alice}]
---
kind: RoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: elsewhere, namespace: pay}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: one}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: bob}]
`

func who(x *Index, r Request) []string {
	var out []string
	for _, s := range Subjects(x.WhoCan(r)) {
		out = append(out, String(s))
	}
	return out
}

func TestWhoCan(t *testing.T) {
	x := New(fixestest.Load(t, objects))
	const masters = "Group system:masters"
	for _, c := range []struct {
		request Request
		want    []string
	}{
		{To("get", fixes.KindSecret, "shop"), []string{"Group devs", masters, "Group system:serviceaccounts:ci", "ServiceAccount ops/backup", "ServiceAccount shop/web"}},
		{Request{Verb: "get", Resource: "secrets", Namespace: "shop", Name: "db"}, []string{"Group devs", masters, "Group system:serviceaccounts:ci", "ServiceAccount ops/backup", "ServiceAccount shop/web", "User alice"}},
		{Request{Verb: "create", Resource: "secrets", Namespace: "shop"}, []string{masters}},
		{To("get", fixes.KindSecret, "pay"), []string{"Group devs", masters}},
		{To("get", fixes.KindSecret, ""), []string{"Group devs", masters}},
		{To("watch", fixes.KindSecret, "shop"), []string{masters}},
		{To("delete", fixes.KindNode, ""), []string{masters}}, // a controller overwrites what an aggregated role says itself
		{Request{Verb: "get", Resource: "pods/log", Namespace: "pay"}, []string{"Group devs", masters}},
		{Request{Verb: "get", Resource: "pods", Namespace: "pay"}, []string{masters}},
		{Request{Verb: "update", Group: "apps", Resource: "deployments/scale", Namespace: "pay"}, []string{"Group devs", masters}},
		{Request{Verb: "update", Group: "apps", Resource: "deployments", Namespace: "pay"}, []string{masters}},
		{Request{Verb: "get", Path: "/metrics"}, []string{"Group devs", masters}},
		{Request{Verb: "get", Path: "/logs/a/b"}, []string{"Group devs", masters}},
		{Request{Verb: "get", Path: "/logs"}, []string{masters}},
		{Request{Verb: "get", Path: "/metrics/x"}, []string{masters}},
	} {
		if got := who(x, c.request); !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, want %q", c.request, got, c.want)
		}
	}
	for _, g := range x.WhoCan(To("get", fixes.KindSecret, "shop")) {
		if g.Subject.Name == "web" && (g.Binding.String() != "RoleBinding shop/read" || g.Role.String() != "ClusterRole reader") {
			t.Errorf("web has it by %v and %v", g.Binding, g.Role)
		}
	}
}

func TestCan(t *testing.T) {
	x := New(fixestest.Load(t, objects))
	read := To("list", fixes.KindSecret, "shop")
	for _, c := range []struct {
		subject rbacv1.Subject
		request Request
		want    bool
	}{
		{rbacv1.Subject{Kind: "ServiceAccount", Namespace: "shop", Name: "web"}, read, true},
		{rbacv1.Subject{Kind: "User", Name: "system:serviceaccount:shop:web"}, read, true},
		{rbacv1.Subject{Kind: "ServiceAccount", Namespace: "shop", Name: "api"}, read, false},
		{rbacv1.Subject{Kind: "ServiceAccount", Namespace: "ops", Name: "backup"}, read, true},
		{rbacv1.Subject{Kind: "ServiceAccount", Namespace: "ci", Name: "any"}, read, true}, // by its namespace's group
		{rbacv1.Subject{Kind: "User", Name: "bob"}, Request{Verb: "get", Resource: "secrets", Namespace: "pay", Name: "db"}, false},
		{rbacv1.Subject{Kind: "User", Name: "nobody"}, read, false},
		{rbacv1.Subject{Kind: "Group", Name: "devs"}, read, true},
		{rbacv1.Subject{Kind: "Group", Name: Masters}, To("delete", fixes.KindNode, ""), true},
		{rbacv1.Subject{Kind: "ServiceAccount", Name: "no-namespace"}, read, false},
		{rbacv1.Subject{Kind: "Robot", Name: "web"}, read, false},
	} {
		if got := x.Can(c.subject, c.request); got != c.want {
			t.Errorf("%v %+v: %v", String(c.subject), c.request, got)
		}
	}
}

func TestSystem(t *testing.T) {
	x := New(fixestest.Load(t, objects+`
---
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: "system:node-proxier", labels: {kubernetes.io/bootstrapping: rbac-defaults}}
---
kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: proxy}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:node-proxier"}
subjects: [{kind: ServiceAccount, namespace: kube-system, name: kube-proxy}, {kind: ServiceAccount, namespace: kube-system, name: tiller}]
---
kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata: {name: tiller}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: ServiceAccount, namespace: kube-system, name: tiller}]
`))
	for _, c := range []struct {
		subject rbacv1.Subject
		want    bool
	}{
		{rbacv1.Subject{Kind: "Group", Name: "system:masters"}, true},
		{rbacv1.Subject{Kind: "User", Name: "system:kube-scheduler"}, true},
		{rbacv1.Subject{Kind: "Group", Name: "system:authenticated"}, false},
		{rbacv1.Subject{Kind: "Group", Name: "system:serviceaccounts"}, false},
		{rbacv1.Subject{Kind: "Group", Name: "system:serviceaccounts:shop"}, false},
		{rbacv1.Subject{Kind: "User", Name: "system:anonymous"}, false},
		{rbacv1.Subject{Kind: "User", Name: "system:serviceaccount:a:b:c"}, false},
		{rbacv1.Subject{Kind: "User", Name: "alice"}, false},
		{rbacv1.Subject{Kind: "ServiceAccount", Namespace: "kube-system", Name: "kube-proxy"}, true},
		{rbacv1.Subject{Kind: "ServiceAccount", Namespace: "kube-system", Name: "tiller"}, false},
		{rbacv1.Subject{Kind: "ServiceAccount", Namespace: "shop", Name: "web"}, false},
	} {
		if got := x.System(c.subject); got != c.want {
			t.Errorf("%s: %v", String(c.subject), got)
		}
	}
}

// TestOf: an index is built once for a scan, and again for a draft that changes
// a binding.
func TestOf(t *testing.T) {
	inv := fixestest.Load(t, objects)
	draft := inv.Draft()
	if Of(inv) != Of(draft.Inventory) {
		t.Error("a draft that changes nothing has an index of its own")
	}
	draft.Delete(fixes.Ref{Kind: fixes.KindRoleBinding, Namespace: "shop", Name: "read"})
	web := rbacv1.Subject{Kind: "ServiceAccount", Namespace: "shop", Name: "web"}
	read := To("get", fixes.KindSecret, "shop")
	if !Of(inv).Can(web, read) || Of(draft.Inventory).Can(web, read) {
		t.Error("the draft's deletion does not count, or counts in the scan")
	}
}

// many returns an inventory with n RoleBindings in n/100 namespaces.
func many(n int) *fixes.Inventory {
	inv := fixes.NewInventory()
	inv.Add(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "view"},
		Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}}}})
	for i := range n {
		inv.Add(&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprint("ns-", i/100), Name: fmt.Sprint("b-", i)},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
			Subjects:   []rbacv1.Subject{{Kind: "User", Name: fmt.Sprint("u-", i)}, {Kind: "Group", Name: "all"}},
		})
	}
	return inv
}

// TestMany: asking does not take longer the more bindings other namespaces
// have.
func TestMany(t *testing.T) {
	inv := many(50_000)
	start := time.Now()
	x := New(inv)
	for ns := range 500 {
		if got := len(x.WhoCan(To("get", fixes.KindSecret, fmt.Sprint("ns-", ns)))); got != 201 {
			t.Fatalf("%d grants in ns-%d", got, ns)
		}
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

func BenchmarkNew(b *testing.B) {
	inv := many(50_000)
	for b.Loop() {
		New(inv)
	}
}

func BenchmarkCan(b *testing.B) {
	x := New(many(50_000))
	s := rbacv1.Subject{Kind: rbacv1.UserKind, Name: "u-4999"}
	for b.Loop() {
		if !x.Can(s, To("get", fixes.KindSecret, "ns-49")) {
			b.Fatal("no")
		}
	}
}

// TestBuiltin: manifests bind roles that only the cluster holds.
func TestBuiltin(t *testing.T) {
	inv := fixestest.Load(t, `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: widgets-view, labels: {rbac.authorization.k8s.io/aggregate-to-view: "true"}}
rules: [{apiGroups: [example.com], resources: [widgets], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: cluster-admin} # their own, which is to take the place of the built-in one
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: edit, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: Group, apiGroup: rbac.authorization.k8s.io, name: devs}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: admin}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: eve}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: lost}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: elsewhere}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: mallory}]
`)
	x := New(inv)
	devs := rbacv1.Subject{Kind: rbacv1.GroupKind, Name: "devs"}
	eve := rbacv1.Subject{Kind: rbacv1.UserKind, Name: "eve"}
	for _, c := range []struct {
		who  rbacv1.Subject
		r    Request
		want bool
	}{
		{devs, To("get", fixes.KindSecret, "shop"), true},
		{devs, Request{Verb: "create", Resource: "pods/exec", Namespace: "shop"}, true},
		{devs, Request{Verb: "get", Group: "example.com", Resource: "widgets", Namespace: "shop"}, true},
		{devs, To("create", fixes.KindRoleBinding, "shop"), false}, // admin may
		{devs, To("get", fixes.KindSecret, ""), false},
		{eve, To("get", fixes.KindPod, ""), true},
		{eve, To("get", fixes.KindSecret, ""), false},
	} {
		if got := x.Can(c.who, c.r); got != c.want {
			t.Errorf("%s %+v: %v", String(c.who), c.r, got)
		}
	}
	if lost := x.Unresolved(); len(lost) != 1 || lost[0].Binding.Name != "lost" || len(x.LostTo(rbacv1.Subject{Kind: rbacv1.UserKind, Name: "mallory"}, "")) != 1 || len(x.LostTo(devs, "")) != 0 {
		t.Errorf("unresolved: %+v", lost)
	}
	if got := x.Elsewhere(To("get", fixes.KindSecret, "")); len(got) != 1 || len(got["shop"]) != 1 || got["shop"][0].Name != "devs" {
		t.Errorf("in single namespaces: %v", got)
	}
	if got := x.Elsewhere(To("get", fixes.KindPod, "shop")); got != nil {
		t.Errorf("asked of one namespace: %v", got)
	}
	inv.Live = true
	if x := New(inv); x.Can(devs, To("get", fixes.KindSecret, "shop")) || len(x.Unresolved()) != 2 {
		t.Error("in a cluster, a role that is not there gives nothing")
	}
}
