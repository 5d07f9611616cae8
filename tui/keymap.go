package tui

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// interruptKey always works, and suspendKey is the terminal's: neither can be
// bound to anything else.
const (
	interruptKey = "ctrl+c"
	suspendKey   = "ctrl+z"
)

// keyMap holds the bindings of every screen.
type keyMap map[screen][]binding

// defaultKeys are the keys that the program comes with.
func defaultKeys() keyMap {
	return keyMap{
		findingsScreen: findingsKeys(),
		planScreen:     planKeys(),
		applyScreen:    applyKeys(),

		namespacesScreen: namespacesKeys(),
		matrixScreen:     matrixKeys(),
		historyScreen:    historyKeys(),
	}
}

// screenNames are the screens as they are called in the list of keys.
var screenNames = map[screen]string{
	findingsScreen: "findings", planScreen: "plan", applyScreen: "apply", namespacesScreen: "namespaces", matrixScreen: "matrix",
	historyScreen: "history",
}

// newKeyMap gives actions the keys that are configured for them. They are
// taken away from what else has them on a screen.
func newKeyMap(configured map[string][]string) keyMap {
	m := defaultKeys()
	for _, list := range m {
		taken := map[string]bool{}
		for i := range list {
			for _, key := range configured[list[i].action] {
				taken[canonicalKey(key)] = true
			}
		}
		for i := range list {
			b := &list[i]
			had := b.keys
			keys, own := configured[b.action]
			if own && b.action != "app.interrupt" {
				b.keys = nil
				for _, key := range keys {
					b.keys = append(b.keys, canonicalKey(key))
				}
			} else {
				b.keys = slices.DeleteFunc(slices.Clone(b.keys), func(key string) bool { return taken[key] })
			}
			if !slices.Equal(had, b.keys) {
				b.label, b.aside = "", ""
				if i > 0 && list[i].follows() {
					list[i-1].label, list[i-1].aside = "", ""
				}
			}
		}
		for i := range list[:len(list)-1] {
			if list[i].label == "" && list[i+1].follows() {
				list[i].label = strings.TrimSpace(inPair(list[i].name()) + " " + inPair(list[i+1].name()))
			}
		}
	}
	for s, list := range m {
		for i := range list {
			list[i].help = m.expand(s, list[i].help)
		}
	}
	return m
}

// follows reports whether the help tells of a binding in the line of the one
// before it.
func (b *binding) follows() bool { return b.help == "" && b.short == "" }

// inPair writes a key shortly where two are told together: ctrl+d as ^d.
func inPair(key string) string {
	if letter, ok := strings.CutPrefix(key, "ctrl+"); ok && len(letter) == 1 {
		return "^" + letter
	}
	return key
}

// Action is something that keys do, under the name by which its keys are
// configured.
type Action struct {
	Name string
	// Keys are none where all of them were given to other actions.
	Keys []string
	// Screens are where the keys do it.
	Screens []string
	Help    string
}

// Actions returns what all keys do, with the keys that are configured.
func Actions(configured map[string][]string) []Action {
	m := newKeyMap(configured)
	var out []Action
	place := map[string]int{}
	for _, s := range slices.Sorted(maps.Keys(m)) {
		help := ""
		for i := range m[s] {
			b := &m[s][i]
			if !b.follows() {
				help = b.help
			}
			at, ok := place[b.action]
			if !ok {
				at = len(out)
				place[b.action] = at
				out = append(out, Action{Name: b.action, Keys: b.keys, Help: help})
			}
			out[at].Screens = append(out[at].Screens, screenNames[s])
		}
	}
	slices.SortStableFunc(out, func(a, b Action) int { return strings.Compare(family(a.Name), family(b.Name)) })
	return out
}

// family is the part of an action's name before the dot.
func family(action string) string {
	name, _, _ := strings.Cut(action, ".")
	return name
}

// KeyError is why the keys of an action cannot be what they are configured to
// be.
type KeyError struct {
	Action string
	Key    string // empty where the action itself is wrong
	Text   string
}

func (e *KeyError) Error() string { return e.Text }

// CheckKeys returns what is wrong with configured keys, in the order of the
// actions' names.
func CheckKeys(configured map[string][]string) []*KeyError {
	m := defaultKeys()
	known := map[string]*binding{}
	for _, list := range m {
		for i := range list {
			known[list[i].action] = &list[i]
		}
	}
	var out []*KeyError
	for _, action := range slices.Sorted(maps.Keys(configured)) {
		wrong := func(key, format string, args ...any) {
			out = append(out, &KeyError{action, key, fmt.Sprintf(format, args...)})
		}
		b, ok := known[action]
		switch {
		case !ok:
			text := "unknown action %q; kubectl harden keys lists them"
			if near := fixes.Nearest(action, slices.Sorted(maps.Keys(known))); near != "" {
				wrong("", "unknown action %q; did you mean %q?", action, near)
			} else {
				wrong("", text, action)
			}
			continue
		case action == "app.interrupt":
			wrong("", "%s stays as it is: %s always works", action, interruptKey)
			continue
		}
		for _, key := range configured[action] {
			if why := b.refuses(key); why != "" {
				wrong(key, "%s cannot be on %q: %s", action, key, why)
			}
		}
	}
	return append(out, clashes(m, configured)...)
}

// refuses says why a binding cannot have a key.
func (b *binding) refuses(key string) string {
	if why := unknownKey(key); why != "" {
		return why
	}
	switch key = canonicalKey(key); {
	case key == interruptKey, key == suspendKey:
		return "it is not to be had"
	case key == "esc" && b.action == "app.quit":
		return "esc never quits"
	case b.asks != "" && (key == "enter" || slices.Contains(strings.Fields(b.asks), key)):
		return "it answers the question that comes before, and would be given twice by a slip"
	}
	return ""
}

// clashes returns the keys that are configured for two actions of a screen.
func clashes(m keyMap, configured map[string][]string) []*KeyError {
	var out []*KeyError
	said := map[[2]string]bool{}
	for _, s := range slices.Sorted(maps.Keys(m)) {
		owner := map[string]string{}
		for i := range m[s] {
			action := m[s][i].action
			for _, key := range configured[action] {
				other, taken := owner[canonicalKey(key)]
				pair := [2]string{action, key}
				if taken && other != action && !said[pair] {
					said[pair] = true
					out = append(out, &KeyError{action, key, fmt.Sprintf("%q is on both %s and %s, which are on the same screen (%s)", key, other, action, screenNames[s])})
				}
				owner[canonicalKey(key)] = action
			}
		}
	}
	return out
}

// namedKeys are the keys that have a name, as Bubble Tea has them.
var namedKeys = []string{
	"up", "down", "left", "right", "home", "end", "pgup", "pgdown", "tab", "enter", "space", "esc", "backspace", "delete", "insert",
	"f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "f10", "f11", "f12",
}

// modifiers come before a key's name, in this order.
var modifiers = []string{"ctrl", "alt", "shift"}

// splitKey parts the modifiers of a key from its name.
func splitKey(key string) (mods []string, name string) {
	for {
		mod, rest, ok := strings.Cut(key, "+")
		if !ok || rest == "" || !slices.Contains(modifiers, mod) || slices.Contains(mods, mod) {
			return mods, key
		}
		mods, key = append(mods, mod), rest
	}
}

// canonicalKey writes a key as it is pressed: the modifiers in their order.
func canonicalKey(key string) string {
	mods, name := splitKey(key)
	if name == " " {
		name = "space"
	}
	slices.SortFunc(mods, func(a, b string) int { return slices.Index(modifiers, a) - slices.Index(modifiers, b) })
	return strings.Join(append(mods, name), "+")
}

// unknownKey says why a text is not the name of a key, or "".
func unknownKey(key string) string {
	mods, name := splitKey(key)
	r, size := utf8.DecodeRuneInString(name)
	letter := size == len(name) && unicode.IsPrint(r) && r != utf8.RuneError
	switch {
	case slices.Contains(namedKeys, name):
		return ""
	case !letter:
		return "no such key; write a letter as it is typed, one of " + strings.Join(namedKeys[:15], ", ") + ", f1 to f12, or ctrl+LETTER"
	case slices.Contains(mods, "shift"):
		return "write the letter as it is typed, without shift"
	case slices.Contains(mods, "ctrl") && strings.ContainsRune("im[hj", r):
		return "terminals send another key for it (tab, enter, esc, backspace)"
	case slices.Contains(mods, "ctrl") && (r < 'a' || r > 'z'):
		return "ctrl goes with a small letter"
	}
	return ""
}
