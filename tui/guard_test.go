package tui

import (
	"context"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// production is a session on a cluster where a slip is dear.
func production(t testing.TB) Session {
	s := historyShop(t)
	s.Production = true
	return s
}

func readOnlyShop(t testing.TB) Session {
	s := historyShop(t)
	s.WhyReadOnly = "nothing is written: --readonly"
	return s
}

// TestReadOnly demands that nothing can be written, that the keys say why, and
// that the rest goes on.
func TestReadOnly(t *testing.T) {
	const why = "nothing is written: --readonly"
	s := readOnlyShop(t)
	wrote := false
	s.Apply = func(context.Context, *fixes.Plan, ApplyOptions, func(fixes.Outcome)) error { wrote = true; return nil }
	s.Undo = ofRun(s.Apply)
	s.Resume = s.Undo
	d := planned(t, s, 120, 70).has("prod (read-only)").press("a").has(why).press("C").has(why)
	d.press("?").has("apply the plan to the cluster (not now: " + why).press("esc")
	d.press("E", "enter").has("7 files written").press("esc", "H").has("run 9", "undo      no: "+why).press("u").has(why).press("r").has(why)
	if d.overlay != nil || wrote {
		t.Error("something is written, or asked for")
	}
	if got := d.session; got.Apply != nil || got.Undo != nil || got.Resume != nil {
		t.Error("what writes is in reach")
	}
}

// TestProductionIsTyped demands that in production no key writes: the name of
// the context is typed, or pasted, in full.
func TestProductionIsTyped(t *testing.T) {
	d := planned(t, production(t), 120, 40).press("a").has("This is production.", "Type prod and press enter:")
	d.press("enter", "y", "enter").has("Type prod").press("backspace").write("Prod").press("enter").has("Type prod")
	d.press("ctrl+u").send(tea.PasteMsg{Content: "prod\n"})
	d.press("enter").has("7 applied")
	d.press("u").has("Undo in prod?", "This is production.").press("y", "enter").has("Undo in prod?").press("esc")
	d.press("H").press("r").has("Go on with run 9 in prod?", "Type prod").press("y", "enter").has("Type prod")
	d.press("backspace").write("prod").press("enter").has("done in")
}

func TestManyChangesAreTyped(t *testing.T) {
	s := shopSession(t)
	s.ConfirmAbove = 7
	planned(t, s, 120, 40).press("a").hasNot("Type prod")
	s.ConfirmAbove = 6
	planned(t, s, 120, 40).press("a").has("Type prod").hasNot("This is production")
	s.Context = ""
	planned(t, s, 120, 40).press("a").has("Type apply and press enter")
}

// answersTo returns the keys that answer what is asked now, but for those that go
// back.
func answersTo(d *driver) []string {
	switch o := d.overlay.(type) {
	case *confirm:
		if o.word != "" {
			return []string{"enter"}
		}
		var keys []string
		for _, r := range o.answers {
			keys = append(keys, r.key)
		}
		return keys
	case *reveal:
		return []string{"y"}
	case *prompt, *ignoreForm:
		return []string{"enter"}
	}
	return nil
}

// askingStates are drivers in which all keys that ask can be pressed.
func askingStates(t *testing.T) map[string]func() *driver {
	return map[string]func() *driver{
		"staged": func() *driver { return scanned(t, shopSession(t), 120, 40).press("S") },
		"kept":   func() *driver { return keptShop(t, 120, 40).press("esc") },
		"plan":   func() *driver { return planned(t, shopSession(t), 120, 40) },
		"typed":  func() *driver { return planned(t, production(t), 120, 40) },
		"runs":   func() *driver { return planned(t, shopSession(t), 120, 40).underWay(rollingOut...) },
		"waits":  func() *driver { return planned(t, shopSession(t), 120, 40).underWay(rollingOut...).press("s", "y") },
		"ended":  func() *driver { return undoable(t, 120, 40) },
		"past":   func() *driver { return scanned(t, historyShop(t), 120, 40).press("H") },
		"done":   func() *driver { return scanned(t, historyShop(t), 120, 40).press("H", "j") },
		"ignore": func() *driver { return hostileIgnored(t, 120, 40).on("sa-token") },
		"hidden": func() *driver { return hostileIgnored(t, 120, 40).press("I").on("env[1]") },
		"masked": func() *driver { return scanned(t, shopSession(t), 120, 40).on("env[2]") },
		"object": func() *driver { return planned(t, shopSession(t), 120, 40).on("web-env") },
		"matrix": func() *driver { return scanned(t, networkSession(t, market), 140, 40).press("N", "enter") },
	}
}

// TestTheKeyThatAsksNeverAnswers presses every key of every screen: what it
// asks is answered by other keys, which its binding knows.
func TestTheKeyThatAsksNeverAnswers(t *testing.T) {
	sweep(t)
	asking := map[string]bool{}
	for name, state := range askingStates(t) {
		d := state()
		for _, b := range slices.Clone(d.keys[d.screen]) {
			for _, key := range b.keys {
				if d = state(); d.overlay != nil {
					t.Fatalf("%s: something is asked already", name)
				}
				answers := answersTo(d.press(key))
				if len(answers) > 0 && b.action != "app.interrupt" {
					asking[b.action] = true
				}
				for _, answer := range answers {
					if slices.Contains(b.keys, answer) {
						t.Errorf("%s: %s asks and answers %s", name, answer, b.action)
					}
					if answer != "enter" && !slices.Contains(strings.Fields(b.asks), answer) && b.action != "app.interrupt" {
						t.Errorf("%s: %s is answered by %s, and may be bound to it", name, b.action, answer)
					}
				}
			}
		}
	}
	for _, list := range defaultKeys() {
		for i := range list {
			if b := &list[i]; (b.asks != "") != asking[b.action] {
				t.Errorf("%s: asks %q, and was seen to ask: %v", b.action, b.asks, asking[b.action])
			}
		}
	}
}

// decided is all that the user has decided.
type decided struct {
	taken     []int8
	kept      map[string]Staged
	decisions []fixes.Decision
	canary    bool
	changes   int
}

func decidedIn(d *driver) decided {
	out := decided{taken: slices.Clone(d.dec.taken), kept: maps.Clone(d.kept), decisions: slices.Clone(d.net.decisions), canary: d.canary}
	if d.plan.plan != nil {
		out.changes = len(d.plan.plan.Changes)
	}
	return out
}

// TestMovingChangesNothing presses the keys that move about, at random, on
// every screen: nothing is decided by them.
func TestMovingChangesNothing(t *testing.T) {
	sweep(t)
	moving := func(d *driver) []string {
		var keys []string
		for _, b := range d.keys[d.screen] {
			if b.group == toMove {
				keys = append(keys, b.keys...)
			}
		}
		return keys
	}
	for name, d := range everyScreen(t) {
		rnd := rand.New(rand.NewPCG(1, 2))
		before := decidedIn(d)
		if name == "scanning" || name == "asking" {
			before.changes = 0 // is under way
		}
		for range 300 {
			keys := moving(d)
			key := keys[rnd.IntN(len(keys))]
			if _, isPrompt := d.overlay.(*prompt); isPrompt && key == "enter" {
				continue // is an answer there
			}
			if d.press(key).quit {
				t.Fatalf("%s: %s quits", name, key)
			}
			after := decidedIn(d)
			if before.changes == 0 {
				after.changes = 0
			}
			if !reflect.DeepEqual(before, after) {
				t.Fatalf("%s: %s has decided something:\n%+v\n%+v", name, key, before, after)
			}
		}
	}
}

// TestEscNeverQuits presses esc on every screen and overlay until it does
// nothing more.
func TestEscNeverQuits(t *testing.T) {
	sweep(t)
	for name, d := range everyScreen(t) {
		for range 10 {
			if d.press("esc").quit {
				t.Fatalf("%s: esc quits", name)
			}
		}
		if d.overlay != nil || d.editing != nil {
			t.Errorf("%s: esc does not close what is open", name)
		}
		if d.screen != findingsScreen && !d.apply.running {
			t.Errorf("%s: esc leads to %v", name, d.screen)
		}
	}
}
