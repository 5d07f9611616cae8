package network

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// TestObserved demands that the finding tells what was seen, and that the
// policies keep that and nothing guessed of the same port.
func TestObserved(t *testing.T) {
	service := func(name string) string {
		return "\n---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name + ", namespace: shop}\nspec: {selector: {app: " + name + "}, ports: [{port: 80}]}\n"
	}
	inv := fixestest.Load(t, deployment("web", "{app: web}", `{containers: [{name: c, image: x, env: [{name: U, value: "http://cart"}]}]}`)+
		deployment("cart", "{app: cart}", "")+deployment("stock", "{app: stock}", "")+deployment("odd", "{app: odd}", "")+
		service("cart")+service("stock")+service("odd"))
	end := func(name string) fixes.FlowEnd {
		return fixes.FlowEnd{Object: fixes.Ref{Kind: fixes.KindDeployment, Namespace: "shop", Name: name}}
	}
	first := time.Date(2026, 11, 1, 10, 0, 0, 0, time.UTC)
	seen := &fixes.Flows{First: first, Last: first.Add(26 * time.Hour), Seen: []fixes.Flow{
		{From: end("cart"), To: end("stock"), Protocol: corev1.ProtocolTCP, Port: 80, Count: 3, First: first, Last: first},
	}}
	seen.Name = "f.json"
	inv.Add(seen)

	findings := fixes.Scan(inv, []*fixes.Rule{noDefaultDeny()}).Findings
	if len(findings) != 1 {
		t.Fatalf("%d findings", len(findings))
	}
	f := findings[0]
	for _, want := range []string{
		"connections kept: 1 seen, 1 proven, 2 guessed",
		"observed: f.json, 26 hours until 2026-11-02 12:00 UTC",
		"seen: cart to stock 80/TCP",
		"told by objects, not seen: web to cart 80/TCP",
		"guessed, not seen: cart and web to odd 80/TCP",
	} {
		if !slices.Contains(f.Evidence, want) {
			t.Errorf("the evidence lacks %q:\n%s", want, strings.Join(f.Evidence, "\n"))
		}
	}
	after := inv.Draft()
	if err := f.Fix().Edit(after); err != nil {
		t.Fatal(err)
	}
	for _, r := range Compare(inv, after.Inventory, "shop").Rows {
		open := r.From.Workload.Name + " -> " + r.To.Workload.Name
		if r.Others == 0 != r.After {
			t.Errorf("%s, %d others: open after the plan: %v", open, r.Others, r.After)
		}
		if r.To.Workload.Name == "stock" && r.Others == 0 && r.From.Workload.Name != "cart" {
			t.Errorf("%s is kept, which nobody saw", open)
		}
	}
}
