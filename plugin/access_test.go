package plugin

import (
	"io"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

// TestParseRequest reads what is asked for as kubectl auth can-i does, and warns of
// what is likely to mean something else.
func TestParseRequest(t *testing.T) {
	for what, c := range map[string]struct {
		verb, subresource, namespace string
		want                         rbac.Request
		doubt                        string
	}{
		"po":                    {verb: "get", namespace: "shop", want: rbac.Request{Verb: "get", Resource: "pods", Namespace: "shop"}},
		"pods/web":              {verb: "create", subresource: "exec", want: rbac.Request{Verb: "create", Resource: "pods/exec", Name: "web"}},
		"pods/exec":             {verb: "create", want: rbac.Request{Verb: "create", Resource: "pods", Name: "exec"}, doubt: "pods --subresource exec"},
		"deployments.v1.apps":   {verb: "delete", want: rbac.Request{Verb: "delete", Group: "apps", Resource: "deployments"}},
		"pods.v1.":              {verb: "get", want: rbac.Request{Verb: "get", Resource: "pods"}},
		"nodes":                 {verb: "gett", namespace: "shop", want: rbac.Request{Verb: "gett", Resource: "nodes"}, doubt: "not a known verb"},
		"namespaces/shop":       {verb: "get", namespace: "shop", want: rbac.Request{Verb: "get", Resource: "namespaces", Namespace: "shop", Name: "shop"}, doubt: "not namespace scoped"},
		"signers/example.com/*": {verb: "approve", want: rbac.Request{Verb: "approve", Group: "certificates.k8s.io", Resource: "signers", Name: "example.com/*"}},
		"/metrics":              {verb: "list", want: rbac.Request{Verb: "list", Path: "/metrics"}, doubt: "not a known verb"},
		"*":                     {verb: "*", want: rbac.Request{Verb: "*", Group: "*", Resource: "*"}},
	} {
		got, err := parseRequest(c.verb, what, c.subresource, c.namespace)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", what, got, err, c.want)
		}
		var said strings.Builder
		o := &Options{IOStreams: genericiooptions.IOStreams{Out: io.Discard, ErrOut: &said}}
		o.Namespace = c.namespace
		o.sayDoubts(got, what)
		if !strings.Contains(said.String(), c.doubt) || c.doubt == "" && said.Len() > 0 {
			t.Errorf("%s: said %q, not %q", what, said.String(), c.doubt)
		}
	}
	for _, what := range []string{"pods/", "pods/a/b", "nonsense"} {
		if got, err := parseRequest("get", what, "", ""); err == nil {
			t.Errorf("%s: %+v", what, got)
		}
	}
}

func TestParseSubject(t *testing.T) {
	for text, want := range map[string]string{
		"sa:shop/web": "ServiceAccount shop/web", "sa:web": "ServiceAccount ns/web", "user:jane": "User jane", "group:devs": "Group devs",
		"system:serviceaccount:shop:web": "ServiceAccount shop/web", "system:kube-scheduler": "User system:kube-scheduler",
	} {
		if got, err := parseSubject(text, "ns"); err != nil || rbac.String(got) != want {
			t.Errorf("%s: %s, %v", text, rbac.String(got), err)
		}
	}
	for _, text := range []string{"jane", "sa:", "sa:a/b/c", "sa:/b", "user:"} {
		if got, err := parseSubject(text, "ns"); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
	if got, err := parseSubject("sa:web", ""); err == nil {
		t.Errorf("an account of no namespace: %v", got)
	}
}
