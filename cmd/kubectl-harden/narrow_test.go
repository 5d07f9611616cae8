package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// tooMuch gives everything to a ServiceAccount and to a person.
const tooMuch = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: pay}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: worker, namespace: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: rates, namespace: pay}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: example.com/web:1}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: too-much}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects:
- {kind: ServiceAccount, name: worker, namespace: shop}
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: "alice\u202e'x"}
`

const aliceName = "alice\u202e'x"

// caller makes requests as somebody.
type caller struct {
	t      *testing.T
	config *rest.Config
}

func (c caller) do(method, path, contentType, body string) {
	c.t.Helper()
	client, err := rest.HTTPClientFor(c.config)
	if err != nil {
		c.t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.config.Host+path, bytes.NewReader([]byte(body)))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	answer, err := client.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 400 {
		c.t.Fatalf("%s %s: %s", method, path, answer.Status)
	}
}

const asJSON, asMerge, asApply = "application/json", "application/merge-patch+json", "application/apply-patch+yaml"

// TestNarrowed narrows rights to what an audit log of the real API server shows,
// and asks the server whether all that is in the log is still allowed, and what
// is not in it refused.
func TestNarrowed(t *testing.T) {
	t.Parallel() // in a cluster of its own
	c := cluster.Start(t, cluster.WithAudit(), cluster.WithNodes(1))
	env := []string{"KUBECONFIG=" + c.Kubeconfig, "XDG_STATE_HOME=" + t.TempDir()}
	c.Apply(t, tooMuch)
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1

	// A token of its own, as a pod has it.
	own := rest.AnonymousClientConfig(config)
	own.BearerToken = strings.TrimSpace(c.Kubectl(t, "create", "token", "worker", "-n", "shop"))
	worker := caller{t, own}
	worker.do("GET", "/api/v1/namespaces/shop/configmaps/settings", asJSON, "")
	worker.do("PATCH", "/api/v1/namespaces/shop/configmaps/settings", asMerge, `{"data":{"a":"b"}}`)
	worker.do("GET", "/api/v1/namespaces/shop/configmaps?watch=true&timeoutSeconds=1", asJSON, "")
	worker.do("GET", "/api/v1/namespaces/pay/secrets", asJSON, "")
	worker.do("PATCH", "/apis/apps/v1/namespaces/shop/deployments/web/scale", asMerge, `{"spec":{"replicas":2}}`)
	worker.do("PATCH", "/api/v1/namespaces/pay/configmaps/made?fieldManager=x", asApply, "{apiVersion: v1, kind: ConfigMap, metadata: {name: made}}")
	worker.do("GET", "/api/v1/nodes/node-1", asJSON, "")
	worker.do("GET", "/metrics", asJSON, "")
	// A person, by impersonation.
	person := rest.CopyConfig(config)
	person.Impersonate = rest.ImpersonationConfig{UserName: aliceName}
	alice := caller{t, person}
	alice.do("GET", "/api/v1/pods", asJSON, "")
	alice.do("DELETE", "/api/v1/namespaces/pay/configmaps/rates", asJSON, "")
	alice.do("POST", "/api/v1/namespaces/shop/serviceaccounts/worker/token", asJSON, `{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}`)

	var events []cluster.AuditEvent // one is written when its request has been answered
	eventually(t, "what they did in the audit log", func() bool {
		events = slices.Concat(c.Audit(t, "system:serviceaccount:shop:worker"), impersonated(t, c, aliceName))
		return len(events) >= 11
	})
	log := filepath.Join(c.Dir, "audit.log")
	review := runWith(t, env, "", "--rule", "rbac-cluster-admin", "--audit-log", log)
	if !strings.Contains(review.stdout, "review") {
		t.Errorf("a log of a minute is enough: %s%s", review.stdout, review.stderr)
	}
	r := runWith(t, env, "", "--rule", "rbac-cluster-admin", "--audit-log", log, "--fix", "--yes", "--confidence=review")
	if r.status != 0 {
		t.Fatalf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}

	if !slices.ContainsFunc(c.Audit(t, "admin"), func(e cluster.AuditEvent) bool {
		return e.Verb == "create" && e.ObjectRef.Resource == "roles" && strings.HasPrefix(e.UserAgent, "kubectl-harden/")
	}) {
		t.Error("the audit log does not tell which program wrote the roles")
	}

	server, err := authorization.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	workerSubject := rbac.Account("shop", "worker")
	aliceSubject := rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: aliceName}
	for _, e := range events {
		s := workerSubject
		if e.User.Username != "system:serviceaccount:shop:worker" {
			s = aliceSubject
		}
		for _, request := range requestsOf(e) {
			eventuallyMay(t, server, s, request, true)
		}
	}
	for _, never := range []struct {
		s rbacv1.Subject
		r rbac.Request
	}{
		{workerSubject, rbac.Request{Verb: "*", Group: "*", Resource: "*"}},
		{workerSubject, rbac.Request{Verb: "list", Resource: "secrets"}},
		{workerSubject, rbac.Request{Verb: "list", Resource: "secrets", Namespace: "shop"}},
		{workerSubject, rbac.Request{Verb: "get", Resource: "secrets", Namespace: "pay", Name: "x"}},
		{workerSubject, rbac.Request{Verb: "get", Resource: "configmaps", Namespace: "shop", Name: "other"}},
		{workerSubject, rbac.Request{Verb: "patch", Group: "apps", Resource: "deployments", Namespace: "shop", Name: "web"}},
		{workerSubject, rbac.Request{Verb: "patch", Group: "apps", Resource: "deployments/scale", Namespace: "pay", Name: "web"}},
		{workerSubject, rbac.Request{Verb: "create", Resource: "pods", Namespace: "shop"}},
		{workerSubject, rbac.Request{Verb: "delete", Resource: "nodes", Name: "node-1"}},
		{workerSubject, rbac.Request{Verb: "get", Path: "/logs"}},
		{aliceSubject, rbac.Request{Verb: "get", Resource: "secrets", Namespace: "pay", Name: "x"}},
		{aliceSubject, rbac.Request{Verb: "delete", Resource: "configmaps", Namespace: "shop", Name: "settings"}},
		{aliceSubject, rbac.Request{Verb: "create", Resource: "serviceaccounts/token", Namespace: "shop", Name: "default"}},
		{aliceSubject, rbac.Request{Verb: "impersonate", Resource: "users", Name: "root"}},
	} {
		eventuallyMay(t, server, never.s, never.r, false)
	}
	if again := runWith(t, env, "", "--category", "access", "--skip", "rbac-dangling,namespace-default,sa-token-automounted", "--audit-log", log); strings.Contains(again.stdout, "too-much") {
		t.Errorf("it is not closed:\n%s", again.stdout)
	}
	if undo := runWith(t, env, "", "undo", "--yes"); undo.status != 0 {
		t.Fatalf("undo: %s%s", undo.stdout, undo.stderr)
	}
	eventuallyMay(t, server, workerSubject, rbac.Request{Verb: "*", Group: "*", Resource: "*"}, true)
	if left := c.Kubectl(t, "get", "roles,rolebindings,clusterroles,clusterrolebindings", "-A", "-o", "name"); strings.Contains(left, "-used") {
		t.Errorf("an undo leaves\n%s", left)
	}
}

// impersonated returns the requests that were made as somebody.
func impersonated(t *testing.T, c *cluster.Cluster, name string) []cluster.AuditEvent {
	t.Helper()
	var out []cluster.AuditEvent
	for _, e := range c.Audit(t, "admin") {
		if e.ImpersonatedUser.Username == name {
			out = append(out, e)
		}
	}
	return out
}

// requestsOf are the questions that an authorizer was asked for an event.
func requestsOf(e cluster.AuditEvent) []rbac.Request {
	if e.ObjectRef.Resource == "" {
		path, _, _ := strings.Cut(e.RequestURI, "?")
		return []rbac.Request{{Verb: e.Verb, Path: path}}
	}
	r := rbac.Request{Verb: e.Verb, Group: e.ObjectRef.APIGroup, Resource: e.ObjectRef.Resource, Namespace: e.ObjectRef.Namespace, Name: e.ObjectRef.Name}
	if e.ObjectRef.Subresource != "" {
		r.Resource += "/" + e.ObjectRef.Subresource
	}
	out := []rbac.Request{r}
	if e.Verb == "patch" && e.ResponseStatus.Code == http.StatusCreated {
		r.Verb, r.Name = "create", ""
		out = append(out, r)
	}
	return out
}

// eventuallyMay asks the server until it answers as it should: its authorizer
// sees roles and bindings a moment after they were written.
func eventuallyMay(t *testing.T, server authorization.SubjectAccessReviewsGetter, s rbacv1.Subject, r rbac.Request, want bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for {
		got, reason, err := ask(ctx, server, s, r)
		if err == nil && got == want {
			return
		}
		select {
		case <-ctx.Done():
			question, _ := json.Marshal(r)
			t.Errorf("%q %s: allowed %v, want %v (%s) %v", rbac.String(s), question, got, want, reason, err)
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// TestExpandWildcards writes a role's wildcards out from what the real API server
// serves: what was allowed of that still is.
func TestExpandWildcards(t *testing.T) {
	keepState(t)
	ns := namespace(t, "expand")
	control.Apply(t, `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: wild, namespace: expand}
rules:
- {apiGroups: [apps, batch], resources: ["*"], verbs: ["*"]}
- {apiGroups: [""], resources: [pods], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: wild, namespace: expand}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: wild}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: expand-user}]
`)
	r := harden(t, "-n", ns, "--rule", "rbac-wildcard", "--expand-wildcards", "--fix", "--yes", "--confidence=review")
	if r.status != 0 {
		t.Fatalf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	rules := control.Kubectl(t, "get", "role", "wild", "-n", ns, "-o", "jsonpath={.rules}")
	if strings.Contains(rules, "*") || !strings.Contains(rules, "deployments/scale") || !strings.Contains(rules, "pods") {
		t.Errorf("rules %s", rules)
	}
	for resource, verbs := range map[string][]string{"deployments.apps": {"get", "deletecollection", "patch"}, "cronjobs.batch": {"create", "watch"}, "pods": {"get"}} {
		for _, verb := range verbs {
			if out, _, err := control.KubectlErr("auth", "can-i", verb, resource, "-n", ns, "--as", "expand-user"); err != nil || !strings.Contains(out, "yes") {
				t.Errorf("%s %s: %s %v", verb, resource, out, err)
			}
		}
	}
}
