package fixes_test

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func TestParseObjectName(t *testing.T) {
	pod := fixes.Ref{Kind: fixes.KindPod, Namespace: "shop", Name: "web"}
	deployment := fixes.Ref{Kind: fixes.KindDeployment, Namespace: "shop", Name: "web"}
	namespace := fixes.Ref{Kind: fixes.KindNamespace, Name: "web"}
	for _, c := range []struct {
		name string
		want fixes.Ref
	}{
		{"pod/web", pod}, {"pods/web", pod}, {"po/web", pod}, {"Pod/web", pod}, {"shop/pod/web", pod}, {"shop/po/web", pod},
		{"deployment/web", deployment}, {"deploy/web", deployment}, {"deployments.apps/web", deployment},
		{"deployment.apps/web", deployment}, {"deployment.v1.apps/web", deployment}, {"deploy.apps/web", deployment},
		{"shop/deployment.apps/web", deployment}, {"ns/web", namespace}, {"namespaces/web", namespace},
	} {
		match, err := fixes.ParseObjectName(c.name)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, ref := range []fixes.Ref{pod, deployment, namespace} {
			if match(ref) != (ref == c.want) {
				t.Errorf("%s matches %s: %v", c.name, ref, match(ref))
			}
		}
		other := c.want
		if other.Name = "other"; match(other) {
			t.Errorf("%s matches %s", c.name, other)
		}
		other = c.want
		if other.Namespace = "elsewhere"; match(other) != (strings.Count(c.name, "/") == 1) {
			t.Errorf("%s matches %s: %v", c.name, other, match(other))
		}
	}
	for name, want := range map[string]string{
		"":              `bad object name ""; write KIND/NAME (pod/worker), or NAMESPACE/KIND/NAME (shop/pod/worker)`,
		"worker":        "write KIND/NAME",
		"pod/":          "write KIND/NAME",
		"/worker":       "write KIND/NAME",
		"/pod/worker":   "write KIND/NAME",
		"a/b/c/d":       "write KIND/NAME",
		"depolyment/x":  `unknown kind "depolyment"; did you mean "deployment"?`,
		"pod.apps/x":    `unknown kind "pod.apps"; valid: `,
		"pods./x":       `unknown kind "pods."`,
		"zzz/x":         `unknown kind "zzz"; valid: namespace, node, pod, `,
		"shop/ns/x":     `"shop/ns/x": a Namespace has no namespace; name it namespace/x`,
		"a/pod/b/c":     "bad object name",
		"deploy.batch/": "write KIND/NAME",
	} {
		if _, err := fixes.ParseObjectName(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
}

// TestNamesOfKinds demands that every name that kubectl prints is read.
func TestNamesOfKinds(t *testing.T) {
	for _, kind := range append(fixes.WorkloadKinds(), fixes.KindSecret, fixes.KindNetworkPolicy, fixes.KindClusterRoleBinding, fixes.KindHPA) {
		for _, name := range []string{kind.String(), strings.Split(fixes.Ref{Kind: kind}.ResourceName(), "/")[0]} {
			if got, err := fixes.ParseKind(name); err != nil || got != kind {
				t.Errorf("%s: %v %v", name, got, err)
			}
		}
	}
}
