package tui

import (
	"slices"
	"strings"
	"testing"
)

// TestConfiguredKeys demands that what is handled, the footer and the help
// follow the keys that are configured.
func TestConfiguredKeys(t *testing.T) {
	s := shopSession(t)
	s.Keys = map[string][]string{
		"findings.stage": {"enter", "ctrl+x"}, "findings.copy": {}, "move.down": {"n"}, "app.quit": {"Q"}, "findings.stageSafe": {"j"}, "findings.skips": {"shift+f2"},
	}
	d := scanned(t, s, 120, 40).has("enter stage", "j all safe")
	d.press("j").has("4 staged", "staged 4 safe").press("q").hasNot("Quit?").press("Q").has("Quit?").press("esc")
	d.press("n", "n", "ctrl+x").has("5 staged").press("y").hasNot("copied").press("ctrl+c").has("Quit?").press("esc")
	d.press("?").has("n k       down, up", "enter     stage or unstage", "j         stage all safe").hasNot("so do the arrows", "copy the command")
	d.press("esc", "p").has("the whole plan").press("n").press("?").hasNot("so do the arrows")
}

func TestCheckKeys(t *testing.T) {
	for _, c := range []struct {
		action string
		keys   []string
		want   string
	}{
		{"findings.stage", []string{"space", "enter", "ctrl+x", "alt+shift+f1", "é", "+", "F"}, ""},
		{"findings.stage", nil, ""},
		{"findings.stagge", []string{"x"}, `unknown action "findings.stagge"; did you mean "findings.stage"?`},
		{"zzzzzzzz", []string{"x"}, `unknown action "zzzzzzzz"; kubectl harden keys lists them`},
		{"app.interrupt", []string{"x"}, "ctrl+c always works"},
		{"plan.apply", []string{"y"}, "answers the question"},
		{"plan.apply", []string{"enter"}, "answers the question"},
		{"findings.export", []string{"enter"}, "answers the question"},
		{"findings.restore", []string{"r"}, "answers the question"},
		{"apply.stop", []string{"x"}, "answers the question"},
		{"app.quit", []string{"esc"}, "esc never quits"},
		{"findings.stage", []string{"ctrl+c"}, "not to be had"},
		{"findings.stage", []string{"ctrl+z"}, "not to be had"},
		{"findings.stage", []string{"ctrl+i"}, "terminals send another key"},
		{"findings.stage", []string{"ctrl+X"}, "small letter"},
		{"findings.stage", []string{"shift+a"}, "without shift"},
		{"findings.stage", []string{"return"}, "no such key"},
		{"findings.stage", []string{""}, "no such key"},
		{"findings.stage", []string{"\x1b"}, "no such key"},
	} {
		got := CheckKeys(map[string][]string{c.action: c.keys})
		switch {
		case c.want == "" && len(got) == 0:
		case c.want == "" || len(got) != 1 || !strings.Contains(got[0].Text, c.want) || got[0].Action != c.action:
			t.Errorf("%s %q: %+v", c.action, c.keys, got)
		}
	}
	clash := CheckKeys(map[string][]string{"findings.stage": {"ctrl+alt+x"}, "findings.copy": {"alt+ctrl+x"}, "plan.apply": {"ctrl+alt+x"}})
	if len(clash) != 1 || !strings.Contains(clash[0].Text, "same screen (findings)") {
		t.Errorf("%+v", clash)
	}
}

// TestEveryKeyHasAName demands that all that keys do can be configured, that no
// key is on two actions of a screen, and that the keys the program comes with
// are such as could be configured.
func TestEveryKeyHasAName(t *testing.T) {
	for s, list := range defaultKeys() {
		taken, named := map[string]string{}, map[string]bool{}
		for i := range list {
			b := &list[i]
			if screen, what, ok := strings.Cut(b.action, "."); !ok || screen == "" || what == "" || named[b.action] {
				t.Errorf("%s: %q on %q", screenNames[s], b.action, b.keys)
			}
			named[b.action] = true
			for _, key := range b.keys {
				if taken[key] != "" {
					t.Errorf("%s: %q is on %s and %s", screenNames[s], key, taken[key], b.action)
				}
				taken[key] = b.action
				if why := b.refuses(key); why != "" && key != interruptKey && !strings.Contains(key, "shift+") {
					t.Errorf("%s: %q: %s", b.action, key, why)
				}
			}
		}
	}
	if names := Actions(nil); !slices.ContainsFunc(names, func(a Action) bool { return a.Name == "move.up" && a.Help == "down, up" }) {
		t.Errorf("%+v", names)
	}
}
