package tui

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func TestFindingsStreamIn(t *testing.T) {
	d := newDriver(t, shopSession(t), 100, 30)
	d.startScan()
	all := fixes.Scan(shopInventory(t), testRules()).Findings
	report := func(loaded int, found []*fixes.Finding) {
		d.Update(newScanReport(d.scan.number, []fixes.Progress{{Kinds: 14, Loaded: loaded, Found: found}}))
	}
	d.has("Looking for what can be hardened")
	report(3, all[4:6])
	d.has("scanning 3/14 kinds", "2 findings")
	// What is there can be staged at once, and stays staged and under the
	// cursor while worse things come in above it.
	d.press("=").on("Namespace  ")
	at, _ := d.list.current()
	d.press("S").has("no safe fix is left").press("space").has("1 staged")
	report(9, all[:4])
	if now, _ := d.list.current(); now.item != at.item {
		t.Errorf("the cursor went from %v to %v", at, now)
	}
	d.has("6 findings", "1 staged", "scanning 9/14 kinds")
	d.press("p").has("the scan is still running: 9 of 14 kinds")
	report(14, all[4:])
	result := fixes.Scan(shopInventory(t), testRules())
	d.Update(scanDone{number: d.scan.number, result: result, items: newItems(result.Findings)})
	d.has("10 findings", "1 staged").hasNot("scanning")
}

// TestQuickScan demands the same list whether the scan or the terminal's size
// comes first.
func TestQuickScan(t *testing.T) {
	d := &driver{TB: t, app: newApp(t.Context(), shopSession(t), options{now: time.Now})}
	d.run(d.startScan())
	d.send(tea.WindowSizeMsg{Width: 100, Height: 30})
	d.has("▾ sa-token", "shop/agent  DaemonSet")
}

func TestStaging(t *testing.T) {
	d := scanned(t, shopSession(t), 100, 30)
	d.on("env-secret").press("space").has("3 staged", "staged 3: 2 safe, 1 to review")
	d.press("space").has("0 staged", "unstaged 3 of env-secret")
	d.press("u").has("3 staged", "undone: unstaged 3")
	d.press("u", "u").has("0 staged", "nothing to undo")
	d.press("ctrl+r").has("3 staged")
	d.press("S").has("5 staged").press("S").has("no safe fix is left")
	d.press("U").has("0 staged").press("U").has("nothing is staged")
	d.on("privileged").press("space").has("no finding of this group has an automatic fix")
	d.on("agent  DaemonSet  ").press("space").has("made by hand")
	d.on("rbac-wildcard").press("j", "space").has("this finding has no fix")
}

func TestAlternatives(t *testing.T) {
	d := scanned(t, shopSession(t), 100, 30).on("env[1]")
	d.has("fix 1 of 3", "create Secret shop/web-env").press("space", "f").has("fix 2 of 3", "fix 1 is staged", "Take the variable out")
	d.press("space").has("✓ staged", "1 staged").press("f").has("fix 3 of 3", "fix 2 is staged", "vault kv get")
	d.press("space").has("0 staged") // the shown one cannot be staged: the other is taken back
	d.press("space").has("this fix is made by hand; f shows another")
	d.press("f").has("fix 1 of 3")
	d.on("agent  DaemonSet").press("f").has("there is no other fix")
}

func TestFilterLimitsWhatIsStaged(t *testing.T) {
	d := scanned(t, shopSession(t), 100, 30).press("/").write("sa-token").press("enter")
	d.press("S").has("2 staged", "in the filter").press("esc").has("10 findings").hasNot("/ sa-token")
	d.press("S").has("4 staged")
	d.press("/").write("env").press("enter", "U").has("2 staged", "unstaged 2 in the filter")
}

// quits reports whether a key ends the program.
func quits(d *driver, key string) bool {
	_, cmd := d.Update(keyPress(key))
	if cmd == nil {
		return false
	}
	_, is := cmd().(tea.QuitMsg)
	return is
}

func TestQuitAsksWhenSomethingIsStaged(t *testing.T) {
	d := scanned(t, shopSession(t), 100, 30)
	if !quits(d, "q") {
		t.Error("q does not quit with nothing staged")
	}
	d.press("S")
	if quits(d, "q") {
		t.Error("q forgets what is staged")
	}
	d.has("4 fixes staged, neither applied nor exported")
	if quits(d, "esc") || quits(d, "q") || !quits(d, "y") {
		t.Error("the question is not answered by esc and y")
	}
	d.press("esc", "E", "enter")
	if !quits(d, "q") {
		t.Error("q asks after an export")
	}
	d.press("U", "S")
	if quits(d, "q") {
		t.Error("q forgets what was staged after the export")
	}
	if !quits(d, "ctrl+c") || !d.interrupted {
		t.Error("ctrl+c does not quit at once when it is asked already")
	}
}

// TestCtrlCAsksFirst demands that ctrl+c ends nothing with work staged, from
// wherever it comes, and that what was there comes back.
func TestCtrlCAsksFirst(t *testing.T) {
	d := scanned(t, shopSession(t), 100, 30)
	if !quits(d, "ctrl+c") || !d.interrupted {
		t.Error("ctrl+c does not quit with nothing staged")
	}
	d = scanned(t, shopSession(t), 100, 30).press("S", "E")
	if quits(d, "ctrl+c") || d.interrupted {
		t.Error("ctrl+c forgets what is staged")
	}
	d.has("Quit?", "4 fixes staged", "ctrl+c at once").press("esc").has("Export the plan").press("esc", "/").write("web")
	if quits(d, "ctrl+c") || !quits(d, "y") || d.interrupted {
		t.Error("y does not quit as it does after q")
	}
	if quits(d, "ctrl+c") || quits(d, "esc") || !strings.Contains(d.screenText(), "/ web") {
		t.Errorf("esc does not go back to the filter:\n%s", d.screenText())
	}
	if quits(d, "ctrl+c") || !quits(d, "ctrl+c") || !d.interrupted {
		t.Error("ctrl+c, twice, does not quit at once")
	}
}

func TestExport(t *testing.T) {
	s := shopSession(t)
	var dir string
	var plan *fixes.Plan
	s.Export = func(_ context.Context, p *fixes.Plan, to string) (string, error) {
		dir, plan = to, p
		return "3 files written to " + to, nil
	}
	d := scanned(t, s, 100, 30).press("E").has("nothing is staged").press("S", "E").has("./harden-fixes")
	d.press("backspace").write("ed").press("enter").has("3 files written to ./harden-fixeed")
	if dir != "./harden-fixeed" || len(plan.Changes) != 3 {
		t.Errorf("exported %d changes to %q", len(plan.Changes), dir)
	}
	d.session.Export = func(context.Context, *fixes.Plan, string) (string, error) {
		return "", errors.New("mkdir ./x: permission denied\x1b[2J")
	}
	d.press("p", "E", "enter").has("Export failed", `permission denied\x1b[2J`)
	d.press("esc").hasNot("Export failed")
}

func TestRescanKeepsDecisions(t *testing.T) {
	d := scanned(t, shopSession(t), 100, 30).on("env[2]").press("f", "space").press("r")
	d.has("1 staged", "fix 2 of 3", "✓ staged")
	if !strings.Contains(d.screenText(), "›  ✓ shop/web") {
		t.Errorf("the cursor is elsewhere:\n%s", d.screenText())
	}
	d.press("u").has("0 staged") // and so does their history
}

func TestScanFailsThenWorks(t *testing.T) {
	s := shopSession(t)
	works := s.Scan
	fails := errors.New("no route to host\nsecond line")
	s.Scan = func(context.Context, func(fixes.Progress)) (*fixes.Result, error) { return nil, fails }
	d := scanned(t, s, 100, 30).has("scan failed: no route to host", "second line")
	if !errors.Is(d.jobs.err(), fails) {
		t.Errorf("quitting returns %v", d.jobs.err())
	}
	d.press("p").has("the scan failed")
	d.session.Scan = works
	d.press("r").has("10 findings").hasNot("failed")
	if err := d.jobs.err(); err != nil {
		t.Errorf("quitting returns %v", err)
	}
}

func TestContextOfDiff(t *testing.T) {
	d := scanned(t, shopSession(t), 120, 60).on("agent  DaemonSet  ").on("shop/web  Deployment")
	d.hasNot("matchLabels").press("c").has("matchLabels").press("c").has("apiVersion: apps/v1", "whole object").press("c").hasNot("apiVersion: apps/v1")
}

// TestHelpHoldsEveryKey demands that every binding is told of, that no key is
// bound twice on a screen, and that what the help says is in the keys.
func TestHelpHoldsEveryKey(t *testing.T) {
	a := newApp(t.Context(), shopSession(t), options{now: time.Now})
	for screen, list := range a.keys {
		var all []string
		for i := range list {
			b := &list[i]
			for _, k := range b.keys {
				if slices.Contains(all, k) {
					t.Errorf("screen %d binds %q twice", screen, k)
				}
				all = append(all, k)
			}
			if b.help != "" && b.group == "" || b.short != "" && b.help == "" {
				t.Errorf("screen %d: %q is not told of", screen, b.keys)
			}
			if b.run == nil {
				t.Errorf("screen %d: %q does nothing", screen, b.keys)
			}
		}
	}
}

// TestEveryKeyEverywhere presses every key on every screen: nothing may break,
// whatever comes in whatever order.
func TestEveryKeyEverywhere(t *testing.T) {
	sweep(t)
	for name, d := range everyScreen(t) {
		for _, list := range d.keys {
			for i := range list {
				for _, k := range list[i].keys {
					switch k {
					case "q", "ctrl+c", "shift+tab", "shift+down", "shift+up", "pgdown", "pgup", "home", "end":
						continue
					}
					d.press(k)
					if got := strings.Count(d.View().Content, "\n"); got != d.lay.h-1 {
						t.Fatalf("%s: after %q the screen has %d lines", name, k, got+1)
					}
				}
			}
		}
	}
}

var colour = regexp.MustCompile(`\x1b\[(\d+;)*(3[0-8]|4[0-8]|9[0-7]|10[0-7])(;\d+)*m`)

// TestMarksWithoutColour demands that colours never stand alone: with all
// styles taken away, what is staged, under the cursor, or severe is still told.
func TestMarksWithoutColour(t *testing.T) {
	d := scanned(t, shopSession(t), 100, 30).on("env[1]").press("space")
	if !colour.MatchString(d.View().Content) {
		t.Error("there is no colour at all")
	}
	text := ansi.Strip(d.View().Content)
	for _, want := range []string{"›  ✓ shop/web", "HIGH", "safe ✓ staged", "+ "} {
		if !strings.Contains(text, want) {
			t.Errorf("without colour there is no %q:\n%s", want, text)
		}
	}
}
