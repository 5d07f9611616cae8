package plugin

import (
	"bytes"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// TestNetworkOfNoNamespace closes manifests that name no namespace too.
func TestNetworkOfNoNamespace(t *testing.T) {
	const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, OTHER}
spec:
  selector: {matchLabels: {app: NAME}}
  template: {metadata: {labels: {app: NAME}}, spec: {containers: [{name: c, image: "example.com/x:1", ports: [{containerPort: 80}]}]}}
---
`
	configured(t, "", "")
	run := func(namespace string, args ...string) (out, said string) {
		t.Helper()
		text := ""
		for _, name := range []string{"web", "job"} {
			text += strings.NewReplacer("NAME", name, "OTHER", namespace).Replace(web)
		}
		var stdout, stderr bytes.Buffer
		if status := Main(t.Context(), append([]string{"network", "-f", "-"}, args...), genericiooptions.IOStreams{In: strings.NewReader(text), Out: &stdout, ErrOut: &stderr}); status != 0 {
			t.Fatalf("status %d: %s", status, stderr.String())
		}
		return stdout.String(), stderr.String()
	}
	const closed = "2 are open now, 0 after the plan"
	for _, c := range []struct {
		metadata, want string
		args           []string
	}{
		{"labels: {}", "  web  ", nil},
		{"labels: {}", "  shop/web  ", []string{"-n", "shop"}},
		{"namespace: shop", "  shop/web  ", nil},
	} {
		if out, said := run(c.metadata, c.args...); !strings.Contains(out, c.want) || !strings.Contains(out, closed) || said != "" {
			t.Errorf("%s %v: %s%s", c.metadata, c.args, out, said)
		}
	}
}
