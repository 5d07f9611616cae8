package tui

import (
	"slices"
	"strings"
)

// Texts never name a key themselves: keys are configured. They say what is to
// be told of, by the part of an action's name behind the dot, and get the key
// that does it on the screen that is looked at.

// verbOf is the part of an action's name after the dot.
func verbOf(action string) string {
	_, verb, _ := strings.Cut(action, ".")
	return verb
}

// key returns the first key that does something on a screen, or "", and
// whether the screen has such an action at all.
func (m keyMap) key(s screen, what string) (key string, there bool) {
	for i := range m[s] {
		if b := &m[s][i]; verbOf(b.action) == what {
			if len(b.keys) == 0 {
				return "", true
			}
			return b.keys[0], true
		}
	}
	return "", false
}

// does tells which key does something, as "u undoes". Where only the screen of
// the findings has it, it says so, and it is empty where no key is bound to it.
func (a *app) does(what, verb string) string {
	key, there := a.keys.key(a.screen, what)
	if !there {
		if key, _ = a.keys.key(findingsScreen, what); key != "" {
			key += " among the findings"
		}
	}
	if key == "" {
		return ""
	}
	return key + " " + verb
}

// undoes tells how a decision is taken back, after what was decided.
func (a *app) undoes(text string) string { return join("; ", text, a.does("undo", "undoes")) }

// scansAgain tells how to see what is there now, after why that is wanted.
func (a *app) scansAgain(text string) string { return join("; ", text, a.does("scan", "scans again")) }

// sentence ends a text that is not empty.
func sentence(text string) string { return when(text != "", text+".") }

// keyFor tells of a key of the findings aside, as "(r: now)".
func (a *app) keyFor(what, does string) string {
	key, _ := a.keys.key(findingsScreen, what)
	return inBrackets(when(key != "", key+": "+does))
}

// inBrackets sets a text aside that is not empty.
func inBrackets(text string) string { return when(text != "", "("+text+")") }

// expand puts keys into a help text of a screen, where it has the names of
// what they do in braces, as "space, S and U" for {stage stageSafe unstageAll}.
// A part between semicolons that names keys is left out where none is bound.
func (m keyMap) expand(s screen, help string) string {
	var parts []string
	for part := range strings.SplitSeq(help, "; ") {
		before, rest, found := strings.Cut(part, "{")
		if !found {
			parts = append(parts, part)
			continue
		}
		names, after, _ := strings.Cut(rest, "}")
		if keys := m.keysOf(s, strings.Fields(names)); len(keys) > 0 {
			parts = append(parts, before+inWordList(keys)+after)
		}
	}
	return strings.Join(parts, "; ")
}

// keysOf returns the keys of some actions: of those that the screen has, or of
// the findings' where it has none of them.
func (m keyMap) keysOf(s screen, names []string) []string {
	var keys []string
	has := false
	for _, name := range names {
		key, there := m.key(s, name)
		has = has || there
		if key != "" && !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	if !has && s != findingsScreen {
		return m.keysOf(findingsScreen, names)
	}
	return keys
}

// inWordList writes words as "a, b and c".
func inWordList(words []string) string {
	last := len(words) - 1
	if last < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
