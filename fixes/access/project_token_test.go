package access

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// TestProjectToken: beside no token at all, one for the container that looks like
// a client is offered, and closes the finding too.
func TestProjectToken(t *testing.T) {
	for hint, want := range map[string][]string{
		"VAULT_ROLE": {"+ audience: vault", "+ expirationSeconds: 3600", "+ - mountPath: /var/run/secrets/kubernetes.io/serviceaccount"},
		"KUBECONFIG": {"+ expirationSeconds: 3600"},
	} {
		inv := fixestest.Load(t, strings.Replace(web, "image: example.com/web}", "image: example.com/web, env: [{name: "+hint+", value: x}]}\n      - {name: other, image: example.com/other}", 1))
		result := fixes.Scan(inv, []*fixes.Rule{tokenAutomounted()})
		if len(result.Findings) != 1 || len(result.Findings[0].Fixes) != 2 {
			t.Fatalf("findings %v", result.Findings)
		}
		f := result.Findings[0]
		fixestest.CheckFinding(t, result, f)
		plan, err := fixes.Compose(result, []fixes.Choice{{Finding: f, Fix: &f.Fixes[1]}})
		if err != nil {
			t.Fatal(err)
		}
		text, err := plan.Changes[0].Diff(func(o fixes.Object) fixes.Object { return o }, 0)
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for line := range strings.Lines(text) {
			lines = append(lines, line[:1]+" "+strings.TrimSpace(line[1:]))
		}
		for _, line := range want {
			if !slices.Contains(lines, line) {
				t.Errorf("%s: the diff lacks %q:\n%s", hint, line, text)
			}
		}
		if strings.Count(text, "mountPath") != 1 {
			t.Errorf("another container gets it too:\n%s", text)
		}
	}
}
