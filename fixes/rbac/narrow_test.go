package rbac

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

var everything = Bound{
	Binding: fixes.Ref{Kind: fixes.KindClusterRoleBinding, Name: "x"},
	Rules: []rbacv1.PolicyRule{
		{Verbs: []string{"*"}, APIGroups: []string{"*"}, Resources: []string{"*"}},
		{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}},
	},
}

// written writes rights, those of all namespaces first.
func written(n Narrowed) string {
	var out []string
	for _, r := range n.Cluster {
		out = append(out, "*: "+Describe(r))
	}
	for ns, list := range n.Namespaces {
		for _, r := range list {
			out = append(out, ns+": "+Describe(r))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

func TestNarrow(t *testing.T) {
	in := func(ns, verb, resource string, names ...string) fixes.Use {
		return fixes.Use{Verb: verb, Resource: resource, Namespace: ns, Names: names, AllNames: len(names) == 0}
	}
	var many []fixes.Use
	for i := range maxNamespaces + 1 {
		many = append(many, in(fmt.Sprint("ns", i), "get", "pods", "p"))
	}
	for _, c := range []struct {
		name string
		uses []fixes.Use
		want string
	}{
		{"nothing", nil, ""},
		{"few names that last", []fixes.Use{in("a", "get", "secrets", "db", "tls"), in("a", "update", "secrets", "db", "tls")}, "a: get, update secrets named db, tls"},
		{"names that do not", []fixes.Use{in("a", "get", "pods", "db"), in("a", "get", "secrets", "web-token-x7bq9"), in("b", "get", "configmaps", "v1", "web-12")}, "a: get pods, secrets\nb: get configmaps"},
		{"too many names", []fixes.Use{in("a", "get", "secrets", "a", "b", "c", "d", "e", "f")}, "a: get secrets"},
		{"who creates some touches others next time", []fixes.Use{in("a", "get", "secrets", "db"), in("a", "create", "secrets")}, "a: create, get secrets"},
		{"a list has no names", []fixes.Use{in("a", "list", "secrets"), in("a", "get", "secrets", "db")}, "a: get secrets named db\na: list secrets"},
		{"all namespaces cover each", []fixes.Use{in("", "list", "pods"), in("a", "list", "pods"), in("a", "get", "pods", "p")}, "*: list pods\na: get pods"},
		{"too many namespaces", many, "*: get pods"},
		{"a namespace that is gone", []fixes.Use{in("gone", "get", "pods", "p"), in("a", "get", "pods", "p")}, "*: get pods"},
		{"summed up namespaces", []fixes.Use{in(fixes.AnyNamespace, "get", "pods")}, "*: get pods"},
		{"paths", []fixes.Use{{Verb: "get", Path: "/metrics"}, {Verb: "get", Path: "/logs/*"}}, "*: get /logs/*, /metrics"},
		{"a uid and extras of who is impersonated", []fixes.Use{
			{Verb: "impersonate", Group: "authentication.k8s.io", Resource: "uids", Names: []string{"7"}},
			{Verb: "impersonate", Group: "authentication.k8s.io", Resource: "userextras/scopes", Names: []string{"view"}},
		}, "*: impersonate uids.authentication.k8s.io named 7\n*: impersonate userextras.authentication.k8s.io/scopes named view"},
		{"what stands in no namespace", []fixes.Use{in("", "get", "nodes", "n1"), in("", "get", "namespaces", "a")}, "*: get namespaces named a\n*: get nodes"},
	} {
		n := Narrow(everything, c.uses, func(ns string) bool { return ns != "gone" })
		if got := written(n); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
	inA := Bound{Binding: fixes.Ref{Kind: fixes.KindRoleBinding, Namespace: "a", Name: "x"},
		Rules: []rbacv1.PolicyRule{{Verbs: []string{"get", "list"}, APIGroups: []string{""}, Resources: []string{"secrets"}}}}
	n := Narrow(inA, []fixes.Use{in("a", "get", "secrets", "db"), in("b", "get", "secrets", "db"), in("a", "delete", "secrets", "db"), {Verb: "get", Path: "/x"}}, func(string) bool { return true })
	if got, want := written(n), "a: get secrets named db"; got != want {
		t.Errorf("a RoleBinding's: %s, want %s", got, want)
	}
	summed := Narrow(inA, []fixes.Use{in(fixes.AnyNamespace, "list", "secrets")}, func(string) bool { return true })
	if got, want := written(summed), "a: list secrets"; got != want {
		t.Errorf("of namespaces that are summed up: %s, want %s", got, want)
	}
	if got := Cut(inA.Rules, n); !slices.Equal(got, []string{"list secrets"}) {
		t.Errorf("cut %q", got)
	}
}

// TestNarrowCovers: whatever was done is allowed after it, and what is not near
// it is not.
func TestNarrowCovers(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 5))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	for range 500 {
		var uses []fixes.Use
		for range random.IntN(30) {
			u := fixes.Use{Verb: pick("get", "list", "create", "update"), Group: pick("", "apps"), Resource: pick("secrets", "deployments", "pods/exec"), Namespace: pick("", "a", "b", "gone")}
			if u.Verb == "list" || u.Verb == "create" || random.IntN(3) == 0 {
				u.AllNames = true
			} else {
				u.Names = []string{pick("db", "web", "x-x7bq9")}
			}
			uses = append(uses, u)
		}
		n := Narrow(everything, uses, func(ns string) bool { return ns != "gone" })
		allows := func(r Request) bool {
			for _, rule := range slices.Concat(n.Cluster, n.Namespaces[r.Namespace]) {
				if Allows(&rule, r) {
					return true
				}
			}
			return false
		}
		for _, u := range uses {
			r := Request{Verb: u.Verb, Group: u.Group, Resource: u.Resource, Namespace: u.Namespace}
			if len(u.Names) > 0 {
				r.Name = u.Names[0]
			}
			if !allows(r) {
				t.Fatalf("%+v is refused by\n%s", u, written(n))
			}
			r.Verb = "delete"
			if allows(r) {
				t.Fatalf("%+v is allowed by\n%s", r, written(n))
			}
		}
	}
}

func TestPaths(t *testing.T) {
	binding := fixes.Ref{Kind: fixes.KindRoleBinding, Namespace: "shop", Name: "x"}
	pod := fixes.Ref{Kind: fixes.KindPod, Namespace: "shop", Name: "web"}
	for want, p := range map[string]Path{
		"Pod shop/web -> ServiceAccount default -> RoleBinding x -> ClusterRole admin": {
			pod, Account("shop", "default"), binding, fixes.Ref{Kind: fixes.KindClusterRole, Name: "admin"}},
		"ServiceAccount ops/backup -> RoleBinding shop/x -> Role r": {
			fixes.Ref{}, Account("ops", "backup"), binding, fixes.Ref{Kind: fixes.KindRole, Namespace: "shop", Name: "r"}},
		"Group system:masters": {Subject: rbacv1.Subject{Kind: rbacv1.GroupKind, Name: Masters}},
	} {
		if got := p.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestResources(t *testing.T) {
	if len(Resources()) < 60 {
		t.Errorf("%d resources", len(Resources()))
	}
	for name, want := range map[string]string{"deploy": "deployments.apps", "Secret": "secrets", "sa": "serviceaccounts", "pvc": "persistentvolumeclaims", "events": "events"} {
		r, ok := FindResource(name, "", false)
		if got := ResourceName(r.Group, r.Name); !ok || got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if _, ok := FindResource("deployments", "extensions", true); ok {
		t.Error("deployments of another group")
	}
}

// TestWhatCan: what a subject has is found by its name, its namespace's group,
// and the group of all that may log in.
func TestWhatCan(t *testing.T) {
	x := New(many(100))
	if got := len(x.WhatCan(rbacv1.Subject{Kind: rbacv1.GroupKind, Name: "all"}, "")); got != 100 {
		t.Errorf("%d bindings", got)
	}
	if got := x.WhatCan(rbacv1.Subject{Kind: rbacv1.UserKind, Name: "u-7"}, "ns-0"); len(got) != 1 || got[0].Binding.Name != "b-7" {
		t.Errorf("%+v", got)
	}
	if got := x.WhatCan(rbacv1.Subject{Kind: rbacv1.UserKind, Name: "u-7"}, "elsewhere"); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
