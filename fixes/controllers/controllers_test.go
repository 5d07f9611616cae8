package controllers

import (
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestTable(t *testing.T) {
	for _, c := range All() {
		if len(c.Rights) == 0 || len(c.images) == 0 || !strings.HasPrefix(c.Source, "https://") {
			t.Errorf("%+v is not complete", c)
		}
	}
	if len(All()) < 15 {
		t.Errorf("%d controllers", len(All()))
	}
	if _, err := format.Read(strings.Join(format.Columns, "\t") + "\na\tb\t-\tget secrets\thttps://x\n"); err == nil {
		t.Error("a right of two words is taken")
	}
}

func workloads(t *testing.T, images ...string) []fixes.Workload {
	t.Helper()
	var docs []string
	for i, image := range images {
		docs = append(docs, "apiVersion: v1\nkind: Pod\nmetadata: {name: p"+string(rune('a'+i))+", namespace: ops}\nspec: {containers: [{name: c, image: \""+image+"\", args: [/usr/local/bin/argocd-server]}]}\n")
	}
	return fixestest.Load(t, strings.Join(docs, "---\n")).Workloads("")
}

func TestOf(t *testing.T) {
	for _, c := range []struct {
		images []string
		want   string
	}{
		{[]string{"quay.io/jetstack/cert-manager-controller:v1.17.1"}, "cert-manager"},
		{[]string{"mirror.example.com/x/quay.io/jetstack/cert-manager-controller@sha256:abc"}, "cert-manager"},
		{[]string{"quay.io/argoproj/argocd:v3"}, "Argo CD server"},
		{[]string{"quay.io/jetstack/cert-manager-controller:v1", "example.com/other"}, ""},
		{[]string{"example.com/not-cert-manager-controller"}, ""},
		{nil, ""},
	} {
		name := ""
		if got, ok := Of(workloads(t, c.images...)); ok {
			name = got.Name
		}
		if name != c.want {
			t.Errorf("%q: %q, want %q", c.images, name, c.want)
		}
	}
}

func TestAsks(t *testing.T) {
	c, _ := Of(workloads(t, "quay.io/jetstack/cert-manager-controller"))
	for _, r := range []struct {
		verb, resource string
		want           bool
	}{{"watch", "secrets", true}, {"*", "secrets", false}, {"create", "pods", true}, {"patch", "pods", false}, {"create", "deployments", false}} {
		if got := c.Asks(rbacv1.PolicyRule{Verbs: []string{r.verb}, APIGroups: []string{""}, Resources: []string{r.resource}}); got != r.want {
			t.Errorf("%+v: %v", r, got)
		}
	}
}
