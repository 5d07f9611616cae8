package tui

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func TestPlanLeavesOut(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 30).press("S", "p").has("verified", "1 created", "2 patched", "2 workloads restart", "6 findings remain")
	d.press("space").has("go to a change first")
	d.on("agent").press("space").has("left out DaemonSet shop/agent: 1 fix unstaged", "1 patched", "7 findings remain", "3 staged")
	d.press("u").has("2 patched", "4 staged")
	d.on("shop/web  Deploy").has("closes    2x env-secret, sa-token", "+   automountServiceAccountToken: false").press("space", "space")
	d.on("agent").press("space")
	if d.screen != findingsScreen {
		t.Errorf("an empty plan is still looked at: %s", d.screenText())
	}
	d.has("0 staged")
}

func TestPlanIsMadeOnce(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 30).press("S", "p", "esc")
	n := d.plan.number
	d.press("p", "esc", "p")
	if d.plan.number != n {
		t.Error("the same plan is made again")
	}
	d.press("esc").on("network-open").press("space", "p")
	if d.plan.number == n {
		t.Error("another plan is not made")
	}
}

func TestPlanThatFails(t *testing.T) {
	s := shopSession(t)
	rules := testRules()
	check := rules[1].Check
	rules[1].Check = func(p *fixes.Pass) {
		check(p)
		p.Report(fixes.Finding{Object: fixes.Ref{Kind: fixes.KindPod, Namespace: "shop", Name: "gone"}, Path: "spec", Message: "m",
			Fixes: []fixes.Fix{{Title: "panic", Confidence: fixes.Safe, Why: "w", Edit: func(*fixes.Draft) error { panic("index out of range") }}}})
	}
	s.Scan = scanOf(func() *fixes.Inventory { return shopInventory(t) }, rules)
	d := scanned(t, s, 120, 30).on("gone").has("The change cannot be made", "bug in a rule: index out of")
	d.press("S", "p").has("There is no plan", "bug in a rule").press("a").has("there is no plan")
	d.press("esc", "u").has("0 staged")
}

func TestUnverifiedPlanSaysSo(t *testing.T) {
	s := shopSession(t)
	rules := testRules()
	rules[1].Check = func(p *fixes.Pass) { // its fix does not close it
		p.Report(fixes.Finding{Object: fixes.Ref{Kind: fixes.KindNamespace, Name: "shop"}, Path: "metadata", Message: "It stays.",
			Fixes: []fixes.Fix{{Title: "do nothing", Confidence: fixes.Safe, Why: "w", Edit: func(*fixes.Draft) error { return nil }}}})
	}
	s.Scan = scanOf(func() *fixes.Inventory { return shopInventory(t) }, rules)
	d := scanned(t, s, 120, 30).on("sa-token").press("j").has("the fix changes nothing")
	d.press("S", "p").has("! not verified", "Not verified:", "Still there after the plan", "It stays.")
	d.press("a").has("This plan is not verified")
}

func TestApply(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 30).press("S", "p", "a").has("Apply to prod?", "y apply")
	d.press("a").has("Apply to prod?") // the key that asked does not answer
	d.press("y").has("3 applied", "done in", "✓ wave 2 · shop · 2 workloads", "done in 0.0 s; r scans again, u undoes it")
	d.on("shop/web  Deployment").has("server says ok")
	d.press("esc").has("from before the apply").press("p").has("r scans again")
	d.press("r").has("6 findings", "0 staged").hasNot("from before the apply")
}

func TestApplyIsFollowed(t *testing.T) {
	s := shopSession(t)
	var report func(fixes.Outcome)
	s.Apply = func(_ context.Context, _ *fixes.Plan, _ ApplyOptions, r func(fixes.Outcome)) error {
		report = r
		return nil
	}
	d := scanned(t, s, 120, 30).press("S", "p")
	batch := d.startApply()().(tea.BatchMsg)
	done := batch[0]() // the plan is handed over; its end is not told yet
	plan := d.plan.plan
	step := func(i int, state fixes.State) {
		report(fixes.Outcome{Change: &plan.Changes[i], State: state})
		d.Update(applyReport{d.apply.number})
	}
	step(0, fixes.Checked)
	d.has("checking 1/3 · 0:00", "›the whole plan")
	d.clock = d.clock.Add(90 * time.Second)
	step(0, fixes.Applying)
	step(0, fixes.Applied)
	step(1, fixes.Applying)
	d.has("wave 2/2 · 1/3 · 1:30", "1 applied", "1 applying", "1 pending", "›  ▸ patch  shop/agent", "▸ wave 2 · shop · 2 workloads", "0/2")
	d.press("esc").has("s stops it").press("q").has("Stop, and quit?").press("esc")
	// What was reported before the end counts, though nobody looked yet.
	report(fixes.Outcome{Change: &plan.Changes[1], State: fixes.Unchanged})
	copied := plan.Changes[2]
	report(fixes.Outcome{Change: &copied, State: fixes.Unknown, Detail: "no answer"})
	d.Update(done)
	d.has("1 applied", "1 unchanged", "1 unknown").hasNot("applying")
}

// TestAnApplyThatEndsEarly demands that no change is left without an end.
func TestAnApplyThatEndsEarly(t *testing.T) {
	s := shopSession(t)
	s.Apply = func(_ context.Context, plan *fixes.Plan, _ ApplyOptions, report func(fixes.Outcome)) error {
		report(fixes.Outcome{Change: &plan.Changes[0], State: fixes.Checked})
		report(fixes.Outcome{Change: &plan.Changes[1], State: fixes.Applying})
		return fmt.Errorf("no answer: %w", context.Canceled)
	}
	d := scanned(t, s, 120, 30).press("S", "p", "a", "y").has("1 unknown", "2 not attempted", "stopped: 1 unknown, 2 not attempted", "it was being written")
	d.on("the whole plan").has("no answer: context canceled")
	d.press("r").has("4 staged") // what was not made is still wanted
}

func TestApplyWithoutAClusterSaysWhy(t *testing.T) {
	s := shopSession(t)
	s.Apply, s.WhyNoApply = nil, "manifests are not a cluster: export them"
	scanned(t, s, 120, 30).press("S", "p", "a").has("manifests are not a cluster: export them").hasNot("Apply to")
}

func TestALargePlanTakesTheName(t *testing.T) {
	s := shopSession(t)
	var objects strings.Builder
	objects.WriteString(shop)
	for i := range 25 {
		fmt.Fprintf(&objects, "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: team-%02d}\n", i)
	}
	inv := loadInventory(t, objects.String())
	s.Scan = scanOf(func() *fixes.Inventory { return inv }, testRules())
	d := scanned(t, s, 100, 30).on("network-open").press("space", "p", "a").has("Type prod and press enter")
	d.press("y", "enter").has("Type prod").press("backspace").write("pro").press("enter").has("Type prod")
	d.write("d").press("enter").has("27 applied")
}
