package tui

import "strings"

// filter keeps the findings that hold every one of its words; a word with an
// exclamation mark before it must not be held. Where that leaves nothing, the
// words are looked for as abbreviations: letters in order, others between.
type filter struct {
	raw   string
	words []word
}

type word struct {
	text string
	not  bool
}

func newFilter(raw string) filter {
	f := filter{raw: raw}
	for w := range strings.FieldsSeq(strings.ToLower(raw)) {
		text, not := strings.CutPrefix(w, "!")
		if text != "" {
			f.words = append(f.words, word{text, not})
		}
	}
	return f
}

// on reports whether the filter leaves anything out.
func (f filter) on() bool { return len(f.words) > 0 }

// narrows reports whether all that matches the filter matches an old one too.
func (f filter) narrows(old filter) bool {
	return old.on() && !strings.Contains(f.raw, "!") && strings.HasPrefix(f.raw, old.raw)
}

func (f filter) match(text string) bool {
	for _, w := range f.words {
		if strings.Contains(text, w.text) == w.not {
			return false
		}
	}
	return true
}

func (f filter) matchFuzzy(name, text string) bool {
	for _, w := range f.words {
		if w.not && strings.Contains(text, w.text) || !w.not && !abbreviates(w.text, name) {
			return false
		}
	}
	return true
}

// abbreviates reports whether the bytes of short stand in long in their order.
func abbreviates(short, long string) bool {
	for i := range len(short) {
		at := strings.IndexByte(long, short[i])
		if at < 0 {
			return false
		}
		long = long[at+1:]
	}
	return true
}
