package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// rightsMaker makes random roles, bindings and questions about them.
type rightsMaker struct{ *rand.Rand }

func (m rightsMaker) pick(list ...string) string { return list[m.IntN(len(list))] }

// some picks up to n of a list.
func (m rightsMaker) some(n int, list ...string) []string {
	var out []string
	for range 1 + m.IntN(n) {
		if s := m.pick(list...); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

var (
	verbs     = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "impersonate", "bind", "*"}
	groups    = []string{"", "", "", "apps", "batch", "rbac.authorization.k8s.io", "*", "example.com"}
	things    = []string{"pods", "secrets", "configmaps", "pods/log", "pods/exec", "deployments", "deployments/scale", "*/scale", "jobs", "roles", "nodes", "users", "serviceaccounts/token", "*", "widgets"}
	spaces    = []string{"access-a", "access-b", "access-c"}
	paths     = []string{"/metrics", "/metrics/*", "/healthz", "/logs/*", "*", "/api*"}
	nonPaths  = []string{"/metrics", "/metrics/x", "/healthz", "/healthz/etcd", "/logs", "/logs/a", "/apis", "/secret"}
	names     = []string{"one", "two", "three"}
	thePeople = []string{"access-alice", "access-bob", "system:serviceaccount:access-a:web"}
	theGroups = []string{"access-devs", "system:authenticated", "system:unauthenticated", "system:serviceaccounts", "system:serviceaccounts:access-b"}
)

func (m rightsMaker) rules(paths []string) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	for range 1 + m.IntN(3) {
		r := rbacv1.PolicyRule{Verbs: m.some(3, verbs...)}
		if len(paths) > 0 && m.IntN(4) == 0 {
			r.NonResourceURLs = m.some(2, paths...)
		} else {
			r.APIGroups, r.Resources = m.some(2, groups...), m.some(3, things...)
			if m.IntN(3) == 0 {
				r.ResourceNames = m.some(2, names...)
			}
		}
		out = append(out, r)
	}
	return out
}

func (m rightsMaker) subjects() []rbacv1.Subject {
	var out []rbacv1.Subject
	for range 1 + m.IntN(3) {
		switch m.IntN(3) {
		case 0:
			out = append(out, rbacv1.Subject{Kind: "User", APIGroup: rbacv1.GroupName, Name: m.pick(thePeople...)})
		case 1:
			out = append(out, rbacv1.Subject{Kind: "Group", APIGroup: rbacv1.GroupName, Name: m.pick(theGroups...)})
		default:
			out = append(out, rbacv1.Subject{Kind: "ServiceAccount", Namespace: m.pick(spaces...), Name: m.pick("web", "job")})
		}
	}
	return out
}

// objects are roles and bindings, some of them to roles that are not there, some
// of the ClusterRoles put together of others, in a loop.
func (m rightsMaker) objects() string {
	var docs []string
	add := func(obj any) {
		text, err := yaml.Marshal(obj)
		if err != nil {
			panic(err)
		}
		docs = append(docs, string(text))
	}
	meta := func(kind string) metav1.TypeMeta {
		return metav1.TypeMeta{APIVersion: "rbac.authorization.k8s.io/v1", Kind: kind}
	}
	for _, ns := range spaces {
		docs = append(docs, "apiVersion: v1\nkind: Namespace\nmetadata: {name: "+ns+"}\n")
	}
	for i := range 20 {
		role := rbacv1.ClusterRole{TypeMeta: meta("ClusterRole"), ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("access-", i), Labels: map[string]string{"access-test": fmt.Sprint(i % 4)}}}
		if i%5 == 4 {
			role.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: map[string]string{"access-test": fmt.Sprint(m.IntN(4))}}}}
		} else {
			role.Rules = m.rules(paths)
		}
		add(role)
		add(rbacv1.Role{TypeMeta: meta("Role"), ObjectMeta: metav1.ObjectMeta{Namespace: m.pick(spaces...), Name: fmt.Sprint("access-", i)}, Rules: m.rules(nil)})
	}
	for i := range 40 {
		ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: fmt.Sprint("access-", m.IntN(22))} // 20 and 21 are not there
		if i%4 == 0 {
			add(rbacv1.ClusterRoleBinding{TypeMeta: meta("ClusterRoleBinding"), ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("access-", i)}, RoleRef: ref, Subjects: m.subjects()})
			continue
		}
		if i%2 == 0 {
			ref.Kind = "Role"
		}
		add(rbacv1.RoleBinding{TypeMeta: meta("RoleBinding"), ObjectMeta: metav1.ObjectMeta{Namespace: m.pick(spaces...), Name: fmt.Sprint("access-", i)}, RoleRef: ref, Subjects: m.subjects()})
	}
	return strings.Join(docs, "---\n")
}

// near asks for what a binding may give: a random one of its rules, to one of its
// subjects, where it counts or next to it.
func (m rightsMaker) near(b rbac.Bound) (rbacv1.Subject, rbac.Request) {
	if len(b.Subjects) == 0 || len(b.Rules) == 0 {
		q := m.question()
		return q.s, q.r
	}
	var r rbac.Request
	rule := b.Rules[m.IntN(len(b.Rules))]
	if len(rule.NonResourceURLs) > 0 {
		r = rbac.Request{Verb: m.pick(rule.Verbs...), Path: strings.TrimSuffix(m.pick(rule.NonResourceURLs...), "*") + m.pick("", "x")}
		if r.Path == "" {
			r.Path = "/"
		}
	} else {
		r = rbac.Request{Verb: m.pick(rule.Verbs...), Group: m.pick(rule.APIGroups...), Resource: m.pick(rule.Resources...), Name: m.pick(append(rule.ResourceNames, "", "one")...)}
		if r.Namespace = b.Binding.Namespace; m.IntN(4) == 0 {
			r.Namespace = m.pick(append(spaces, "")...)
		}
	}
	return b.Subjects[m.IntN(len(b.Subjects))], r
}

type question struct {
	s rbacv1.Subject
	r rbac.Request
}

func (m rightsMaker) question() question {
	s := m.subjects()[0]
	if c, ok := rbac.Canonical(s, ""); ok {
		s = c
	}
	r := rbac.Request{Verb: m.pick(verbs...), Group: m.pick(groups...), Resource: m.pick(things...), Namespace: m.pick(append(spaces, "")...), Name: m.pick(append(names, "")...)}
	if m.IntN(8) == 0 {
		r = rbac.Request{Verb: m.pick("get", "post", "*"), Path: m.pick(nonPaths...)}
	}
	return question{s, r}
}

// TestAccess asks the API server 2,000 random questions about random roles and
// bindings, and the commands some of them.
func TestAccess(t *testing.T) {
	m := rightsMaker{rand.New(rand.NewPCG(2026, 8))}
	objects := m.objects()
	control.Apply(t, objects)
	t.Cleanup(func() {
		control.Kubectl(t, "delete", "clusterroles,clusterrolebindings", "--wait=false", "-l", "access-test")
		for i := 0; i < 40; i += 4 {
			control.Kubectl(t, "delete", "clusterrolebinding", "--ignore-not-found", fmt.Sprint("access-", i))
		}
		control.Kubectl(t, "delete", "namespace", "--wait=false", spaces[0], spaces[1], spaces[2])
	})
	c, server := authorizer(t)
	index := rbac.New(settledRights(t, c))

	const questions = 2000
	var allowed atomic.Int32
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	bindings := index.Bindings()
	for i := range questions {
		q := m.question()
		if i%2 == 0 {
			q.s, q.r = m.near(bindings[m.IntN(len(bindings))])
		}
		s, r := q.s, q.r
		group.Go(func() error {
			want, reason, err := ask(ctx, server, s, r)
			if err != nil {
				return err
			}
			if got := index.Can(s, r); got != want {
				return fmt.Errorf("%s %+v: the evaluator says %v, the server %v (%s)", rbac.String(s), r, got, want, reason)
			}
			if got := mayBy(index.WhatCan(s, ""), r) || slices.Contains(rbac.IdentityOf(s).Groups, rbac.Masters); got != want {
				return fmt.Errorf("%s %+v: by its bindings %v, the server says %v (%s)", rbac.String(s), r, got, want, reason)
			}
			if want {
				allowed.Add(1)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if n := allowed.Load(); n < questions/10 || n > questions*9/10 {
		t.Errorf("%d of %d are allowed: the questions tell nothing", n, questions)
	}
	t.Logf("%d of %d questions allowed", allowed.Load(), questions)

	t.Run("who-can", func(t *testing.T) {
		r := succeed(t, "access", "who-can", "get", "secrets/one", "-n", spaces[0], "-o", "json")
		var answer struct {
			Allowed []struct {
				Subject struct{ Kind, Namespace, Name string }
				Path    string
			}
		}
		if err := json.Unmarshal([]byte(r.stdout), &answer); err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, a := range answer.Allowed {
			s := rbacv1.Subject{Kind: a.Subject.Kind, Namespace: a.Subject.Namespace, Name: a.Subject.Name}
			got[rbac.String(s)] = true
			ok, reason, err := ask(t.Context(), server, s, rbac.Request{Verb: "get", Resource: "secrets", Namespace: spaces[0], Name: "one"})
			if err != nil || !ok {
				t.Errorf("%s is refused: %s %v", a.Path, reason, err)
			}
		}
		for _, s := range rbac.Subjects(index.WhoCan(rbac.Request{Verb: "get", Resource: "secrets", Namespace: spaces[0], Name: "one"})) {
			if !got[rbac.String(s)] {
				t.Errorf("%s is left out", rbac.String(s))
			}
		}
		if len(got) < 2 {
			t.Errorf("only %v", got)
		}
	})
	t.Run("from manifests", func(t *testing.T) {
		live := succeed(t, "access", "what-can", "user:access-alice", "-n", spaces[1])
		files := runAs(t, "/dev/null", objects, "access", "what-can", "user:access-alice", "-n", spaces[1], "-f", "-")
		if files.status != 0 {
			t.Fatal(files.stderr)
		}
		for line := range strings.Lines(files.stdout) {
			fields := strings.Fields(line) // columns are as wide as what is in them
			if about, unknown := strings.CutSuffix(strings.TrimSpace(line), "not known: the role was not looked at"); unknown {
				// Manifests may lack a role that the cluster has; where it has none the
				// binding gives nothing, and is no answer.
				of := strings.Fields(about)
				kind, name := of[len(of)-2], of[len(of)-1]
				if _, _, err := control.KubectlErr("get", kind, path.Base(name), "-n", spaces[1]); err == nil {
					t.Errorf("%s %s is among the manifests: %s", kind, name, line)
				}
				continue
			}
			if !slices.ContainsFunc(strings.Split(live.stdout, "\n"), func(l string) bool { return slices.Equal(strings.Fields(l), fields) }) {
				t.Errorf("not in the cluster's answer: %s", line)
			}
		}
		if strings.Count(files.stdout, "\n") < 2 {
			t.Errorf("nothing: %s", files.stdout)
		}
	})
}

// mayBy reports whether one of some bindings allows a request.
func mayBy(bindings []rbac.Held, r rbac.Request) bool {
	return slices.ContainsFunc(bindings, func(b rbac.Held) bool { return b.Allows(r) })
}

// settledRights lists roles and bindings, once the controller has put together
// those that aggregate others: when two lists in a row are the same.
func settledRights(t *testing.T, c *client.Client) *fixes.Inventory {
	t.Helper()
	last := ""
	for {
		inv := fixes.NewInventory()
		var text strings.Builder
		for _, kind := range rbac.Kinds() {
			err := c.List(t.Context(), kind, "", func(objects []fixes.Object) {
				for _, obj := range objects {
					inv.Add(obj)
					fmt.Fprint(&text, obj.GetUID(), obj.GetResourceVersion(), " ")
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if text.String() == last {
			return inv
		}
		last = text.String()
		time.Sleep(2 * time.Second)
	}
}

func TestAccessBadInput(t *testing.T) {
	for _, c := range []struct {
		args []string
		say  string
	}{
		{[]string{"access"}, "who-can or what-can"},
		{[]string{"access", "who-can", "get"}, "usage: kubectl harden access who-can"},
		{[]string{"access", "who-can", "get", "certificates"}, "add its API group"},
		{[]string{"access", "who-can", "get", "secrets/"}, "where a name belongs"},
		{[]string{"access", "who-can", "get", "secrets/shop/db"}, "give the namespace by -n"},
		{[]string{"--kubelet-config=x"}, "--kubelet-config is a switch"},
		{[]string{"access", "what-can", "alice"}, "write user:NAME"},
		{[]string{"access", "what-can", "sa:web"}, "write user:NAME"},
		{[]string{"access", "what-can", "user:a", "-o", "dot"}, "dot"},
		{[]string{"--audit-log", "/dev/null/x"}, "does not exist"},
		{[]string{"--audit-log", "access_test.go"}, "is no audit log"},
		{[]string{"--expand-wildcards", "--demo"}, "scan a cluster"},
	} {
		r := harden(t, c.args...)
		if r.status != 2 || !strings.Contains(r.stderr, c.say) || strings.Count(r.stderr, "\n") != 1 {
			t.Errorf("%q: status %d, %q; want one line with %q", c.args, r.status, r.stderr, c.say)
		}
	}
}
