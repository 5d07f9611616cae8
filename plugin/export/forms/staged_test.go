package forms

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
)

const segmented = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: shop}
spec:
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: postgres}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: one, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 1}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: two, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{ports: [{port: 1}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: shop}
spec: {type: NodePort, selector: {app: db}, ports: [{port: 5432, nodePort: 30432}]}
`

// TestStaged: what a plan creates, changes and deletes of NetworkPolicies is
// staged; all else stays.
func TestStaged(t *testing.T) {
	result := fixes.Scan(fixestest.Load(t, segmented), network.Rules())
	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	if err != nil {
		t.Fatal(err)
	}
	actions := map[fixes.Action]int{}
	for _, c := range plan.Changes {
		if c.Object.Kind == fixes.KindNetworkPolicy {
			actions[c.Action]++
		}
	}
	if actions[fixes.Create] == 0 || actions[fixes.Patch] == 0 || actions[fixes.Delete] == 0 {
		t.Fatalf("the plan shows too little: %v", actions)
	}
	out, staged, err := Staged(plan)
	if err != nil {
		t.Fatal(err)
	}
	if want := actions[fixes.Create] + actions[fixes.Patch] + actions[fixes.Delete]; staged != want || len(out.Changes) != len(plan.Changes) {
		t.Errorf("%d staged of %d, %d changes of %d", staged, want, len(out.Changes), len(plan.Changes))
	}
	if list := names(out); !slices.Contains(list, "Service db") || slices.ContainsFunc(list, func(n string) bool { return strings.HasPrefix(n, "NetworkPolicy ") }) {
		t.Errorf("%q", list)
	}
	for name, want := range map[string][]string{
		"default-deny": {"apiVersion: projectcalico.org/v3\n", "namespace: shop\n", "stagedAction: Set\n", "podSelector: {}\n", "- Egress\n"},
		"open":         {"stagedAction: Set\n", "app: db\n", "- Ingress\n"},
		"two":          {"spec:\n  stagedAction: Delete\n"},
	} {
		_, text := find(t, out, "StagedKubernetesNetworkPolicy", name)
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s lacks %q:\n%s", name, w, text)
			}
		}
	}
	if _, text := find(t, out, "StagedKubernetesNetworkPolicy", "open"); strings.Contains(text, "- {}") {
		t.Errorf("open is staged as it was:\n%s", text)
	}
}
