package tui

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// twoClusters is a session that can move between the shop in prod, an empty
// cluster, and one that does not answer.
func twoClusters(t testing.TB) Session {
	empty := func() *fixes.Inventory {
		return loadInventory(t, "apiVersion: v1\nkind: Namespace\nmetadata: {name: lonely}")
	}
	var at func(Place) Session
	at = func(place Place) Session {
		s := shopSession(t)
		s.Context, s.Namespace = place.Context, place.Namespace
		if place.Namespace != "" {
			s.Scope = "namespace " + place.Namespace
			inv := shopInventory(t)
			var gone []fixes.ObjectChange
			for _, w := range inv.Workloads("") {
				if ref := w.Ref(); ref.Namespace != place.Namespace {
					gone = append(gone, fixes.ObjectChange{Object: ref})
				}
			}
			s.Scan = scanOf(func() *fixes.Inventory { return inv.Updated(gone) }, testRules())
		}
		if place.Context == "test\x1b[31m" {
			s.Scan = scanOf(empty, testRules())
		}
		s.Contexts = func() ([]string, error) { return []string{"down", "prod", "test\x1b[31m"}, nil }
		s.Namespaces = func(context.Context) ([]string, error) { return []string{"hidden", "pay", "shop"}, nil }
		s.Switch = func(_ context.Context, to Place) (Session, error) {
			if to.Context == "down" {
				return Session{}, &fixes.UnreachableError{Host: "https://10.0.0.9", Reason: "does not answer: i/o timeout", Err: errors.New("x")}
			}
			if to.Namespace == "nowhere" {
				return Session{}, errors.New(`namespace "nowhere" does not exist`)
			}
			return at(to), nil
		}
		return s
	}
	return at(Place{Context: "prod"})
}

func TestSwitchContext(t *testing.T) {
	d := scanned(t, twoClusters(t), 100, 30).on("env[2]").press("space")
	d.press("C").has("Context", "prod", `test\x1b[31m`).press("esc")
	// One that does not answer: all stays as it is.
	d.press("C").write("down").press("enter").has("Leave prod?", "1 fix staged here: kept until you come back").press("y")
	d.has("not moved to down: the API server at 10.0.0.9 does not answer: i/o timeout", "prod · all namespaces", "1 staged", "10 findings")
	d.press("C").write("test").press("enter", "y").has(`test\x1b[31m`, "1 finding ", "0 staged")
	if d.View().WindowTitle != `kubectl harden test\x1b[31m` {
		t.Errorf("the window is %q", d.View().WindowTitle)
	}
	d.press("u").has("nothing to undo")
	if quits(d, "q") {
		t.Error("q forgets what is staged elsewhere")
	}
	d.has("1 fix staged elsewhere").press("esc")
	// What was staged is there again, and is applied to the right cluster.
	d.press("C").has("1 fix staged").write("prod").press("enter").has("prod", "10 findings", "1 staged")
	d.press("p", "a").has("Apply to prod?")
}

func TestSwitchNamespace(t *testing.T) {
	d := scanned(t, twoClusters(t), 100, 30).on("sa-token").press("space").has("3 staged")
	d.press("n").has("all namespaces", "10 findings", "hidden", "pay").write("sho").has("shop").press("enter")
	d.has("prod · namespace shop", "2 staged").hasNot("pay/api")
	d.press("n").write("all n").press("enter").has("prod · all namespaces", "10 findings", "3 staged")
	d.press("n").write("nowhere").has("as typed").press("enter").has(`not moved to nowhere: namespace "nowhere" does not exist`, "3 staged")
	d.press("n", "enter").has("that is where you are")
}

// TestLateDiff lets the diff of a fix come after the session has moved: what it
// was made for is another finding now.
func TestLateDiff(t *testing.T) {
	d := scanned(t, twoClusters(t), 100, 30).on("env[2]")
	key, _, _ := d.previewWanted()
	late := d.previews.made[key]
	d.press("C").write("test").press("enter").has("1 finding ")
	d.Update(previewDone{key, late})
	if _, made := d.previews.get(previewKey{item: key.item, fix: key.fix}); made {
		t.Error("the diff of another cluster is shown")
	}
}

func TestSwitchWhereThereIsNone(t *testing.T) {
	d := scanned(t, shopSession(t), 100, 30).press("C").has("there is no cluster here").press("n").has("there is no cluster here")
	d.press("W").has("there is no cluster to follow").press("R").has("r scans again")
}

func TestPicker(t *testing.T) {
	var entries []entry
	for _, name := range []string{"production", "prod-eu", "staging", "test"} {
		entries = append(entries, entry{value: name, label: name, current: name == "staging"})
	}
	p := newPicker("Choose", entries, nil)
	if e, _ := p.at(p.scroll.cursor); e.value != "staging" {
		t.Errorf("the cursor is on %q", e.value)
	}
	for typed, want := range map[string][]string{"": {"production", "prod-eu", "staging", "test"}, "prod": {"production", "prod-eu"}, "pdu": {"production", "prod-eu"}, "pde": {"prod-eu"}, "zz": nil} {
		p.line = newInput(typed)
		p.narrow()
		var got []string
		for i := range p.rows() {
			e, _ := p.at(i)
			got = append(got, e.value)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}
