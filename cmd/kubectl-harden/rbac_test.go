package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// rbacObjects are roles and bindings beside those that every cluster has.
const rbacObjects = `
apiVersion: v1
kind: Namespace
metadata: {name: rbac-a}
---
apiVersion: v1
kind: Namespace
metadata: {name: rbac-b}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: rbac-part, labels: {rbac-test: part}}
rules:
- {apiGroups: [""], resources: [secrets, "pods/log"], verbs: [get, list]}
- {apiGroups: ["*"], resources: ["*/scale"], verbs: ["*"]}
- {nonResourceURLs: ["/metrics/*", "/healthz"], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: rbac-loop-1, labels: {rbac-test: loop}}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {rbac-test: part}}, {matchLabels: {rbac-test: loop}}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: rbac-loop-2, labels: {rbac-test: loop}}
aggregationRule: {clusterRoleSelectors: [{matchExpressions: [{key: rbac-test, operator: In, values: [loop]}]}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: named, namespace: rbac-a}
rules:
- {apiGroups: [""], resources: [secrets, configmaps], resourceNames: [one], verbs: [get, list, create, delete]}
- {apiGroups: [apps], resources: ["*"], verbs: [watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: rbac-loop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: rbac-loop-2}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: rbac-devs}
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:serviceaccounts:rbac-b"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: rbac-dangling}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: rbac-gone}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: rbac-alice}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: named, namespace: rbac-a}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: named}
subjects:
- {kind: ServiceAccount, name: web, namespace: rbac-a}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: rbac-alice}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:serviceaccount:rbac-b:job"}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: edit, namespace: rbac-b}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: rbac-alice}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: view, namespace: rbac-a}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}]
`

// authorizer returns the control plane's client, and whom to ask who may do what.
func authorizer(t *testing.T) (*client.Client, authorization.SubjectAccessReviewsGetter) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", control.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	c, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	server, err := authorization.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return c, server
}

// TestWhoMayWhat asks the API server the same as the evaluator of roles and
// bindings, of everybody that they name.
func TestWhoMayWhat(t *testing.T) {
	control.Apply(t, rbacObjects)
	c, server := authorizer(t)
	inv := rolesOnceAggregated(t, c)
	index := rbac.New(inv)
	for _, r := range rbac.Builtin() {
		own, ok := fixes.Lookup[*rbacv1.ClusterRole](inv, "", r.Name)
		if r.AggregationRule != nil && ok {
			r.Rules = own.Rules // the controller's work
		}
		if !ok || !reflect.DeepEqual(r.Rules, own.Rules) || !maps.Equal(r.Labels, own.Labels) || !reflect.DeepEqual(r.AggregationRule, own.AggregationRule) {
			t.Errorf("fixes/rbac/builtin.tsv: the server has another ClusterRole %s", r.Name)
		}
	}

	random := rand.New(rand.NewPCG(7, 11))
	pick := func(list ...string) string { return list[random.IntN(len(list))] }
	subjects := []rbacv1.Subject{
		{Kind: "User", Name: "rbac-alice"}, {Kind: "User", Name: "rbac-nobody"}, {Kind: "User", Name: rbac.Anonymous},
		{Kind: "ServiceAccount", Namespace: "rbac-a", Name: "web"}, {Kind: "ServiceAccount", Namespace: "rbac-b", Name: "job"},
		{Kind: "ServiceAccount", Namespace: "rbac-b", Name: "other"}, {Kind: "Group", Name: "rbac-devs"}, {Kind: "Group", Name: rbac.Masters},
	}
	for _, verb := range []string{"get", "list", "watch", "update", "create", "delete"} { // the system's own that do something
		for _, resource := range []string{"pods", "secrets", "nodes", "endpoints"} {
			subjects = append(subjects, rbac.Subjects(index.WhoCan(rbac.Request{Verb: verb, Resource: resource, Namespace: "kube-system"}))...)
		}
	}
	const questions = 500
	var allowed atomic.Int32
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(8)
	for range questions {
		s := subjects[random.IntN(len(subjects))]
		r := rbac.Request{
			Verb:  pick("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "*"),
			Group: pick("", "", "", "apps", "rbac.authorization.k8s.io", "coordination.k8s.io"),
			Resource: pick("pods", "secrets", "secrets", "configmaps", "nodes", "pods/log", "pods/exec", "deployments", "deployments/scale",
				"replicasets/scale", "roles", "leases", "serviceaccounts/token", "endpoints", "*"),
			Namespace: pick("", "rbac-a", "rbac-a", "rbac-b", "kube-system"),
			Name:      pick("", "", "one", "two"),
		}
		if random.IntN(10) == 0 {
			r = rbac.Request{Verb: pick("get", "post"), Path: pick("/metrics", "/metrics/x", "/healthz", "/healthz/etcd", "/api", "/version", "/logs/", "/x")}
		}
		group.Go(func() error {
			want, reason, err := ask(ctx, server, s, r)
			if err != nil {
				return err
			}
			if got := index.Can(s, r); got != want {
				return fmt.Errorf("%s %+v: the evaluator says %v, the server %v (%s)", rbac.String(s), r, got, want, reason)
			}
			holds := slices.ContainsFunc(index.WhoCan(r), func(g rbac.Grant) bool {
				id := rbac.IdentityOf(s)
				named := rbac.IdentityOf(g.Subject)
				return named.User != "" && named.User == id.User || g.Subject.Kind == "Group" && slices.Contains(id.Groups, g.Subject.Name)
			})
			if holds != want {
				return fmt.Errorf("%s %+v: among those who can: %v, the server says %v (%s)", rbac.String(s), r, holds, want, reason)
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
}

// ask puts a question to the API server.
func ask(ctx context.Context, server authorization.SubjectAccessReviewsGetter, s rbacv1.Subject, r rbac.Request) (bool, string, error) {
	id := rbac.IdentityOf(s)
	spec := authorizationv1.SubjectAccessReviewSpec{User: id.User, Groups: id.Groups}
	if r.Path != "" {
		spec.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Verb: r.Verb, Path: r.Path}
	} else {
		resource, sub, _ := strings.Cut(r.Resource, "/")
		spec.ResourceAttributes = &authorizationv1.ResourceAttributes{
			Verb: r.Verb, Group: r.Group, Resource: resource, Subresource: sub, Namespace: r.Namespace, Name: r.Name,
		}
	}
	answer, err := server.SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{Spec: spec}, metav1.CreateOptions{})
	if err != nil {
		return false, "", err
	}
	return answer.Status.Allowed, answer.Status.Reason, nil
}

// rolesOnceAggregated lists roles and bindings, as soon as the controller has
// aggregated those of the test.
func rolesOnceAggregated(t *testing.T, c *client.Client) *fixes.Inventory {
	t.Helper()
	for {
		inv := fixes.NewInventory()
		for _, kind := range rbac.Kinds() {
			err := c.List(t.Context(), kind, "", func(objects []fixes.Object) {
				for _, obj := range objects {
					inv.Add(obj)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if role, ok := fixes.Lookup[*rbacv1.ClusterRole](inv, "", "rbac-loop-2"); ok && len(role.Rules) > 0 {
			return inv
		}
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
