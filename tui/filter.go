package tui

import (
	"slices"
	"strings"
)

// filter keeps the findings that hold every one of its words and are what its
// fields ask for (ns:shop sev:high); a term with an exclamation mark before it
// must not be so. Where that leaves nothing, the words are looked for as
// abbreviations: letters in order, others between.
type filter struct {
	raw           string
	fields, words []term
	// needles are the texts to point out in the rows: words, and values of fields
	// that rows show.
	needles []string
	// wrong says, in a phrase, what of raw is no filter; that is left out.
	wrong string
}

// term is a word of the filter, or a field with the values that it asks for.
type term struct {
	not   bool
	field *field // nil for a word
	text  string // the word, or the values as they were typed
	mask  uint16 // the values, of a field that has a few
	// groups holds the groups that have the values, of a field of groups. It is
	// worked out anew when there may be more of them.
	groups []bool
	// objects holds the objects that hold the word in their names; groups then
	// are those of shared words.
	objects []bool
}

// newFilter reads a filter for the findings of an index. What it has of them
// tells a field that is misspelt from a word with a colon.
func newFilter(raw string, x *index) filter {
	f := filter{raw: raw}
	for w := range strings.FieldsSeq(strings.ToLower(raw)) {
		text, not := strings.CutPrefix(w, "!")
		if text == "" {
			continue
		}
		name, values, ok := strings.Cut(text, ":")
		fd := fieldOf(name)
		switch {
		case ok && fd != nil:
			t := term{not: not, field: fd, text: values}
			f.blame(t.resolve(x))
			if t.asks() {
				f.fields = append(f.fields, t)
				if !not && fd.shown {
					f.needles = append(f.needles, strings.FieldsFunc(values, func(r rune) bool { return r == ',' })...)
				}
			}
		case ok && isName(name) && !x.has(text):
			f.blame("no field " + name + ": " + strings.Join(fieldNames(), " "))
		default:
			t := term{not: not, text: text}
			t.resolve(x)
			f.words = append(f.words, t)
			if !not {
				f.needles = append(f.needles, text)
			}
		}
	}
	return f
}

// isName reports whether a text could be the name of a field.
func isName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz") == ""
}

// blame notes the first thing that is wrong.
func (f *filter) blame(why string) {
	if f.wrong == "" {
		f.wrong = why
	}
}

// on reports whether the filter leaves anything out.
func (f *filter) on() bool { return len(f.fields)+len(f.words) > 0 }

// sought reports whether there are words that must be held.
func (f *filter) sought() bool {
	return slices.ContainsFunc(f.words, func(t term) bool { return !t.not })
}

// decided reports whether what is staged decides what matches.
func (f *filter) decided() bool {
	return slices.ContainsFunc(f.fields, func(t term) bool { return t.field == stagedField })
}

// resolve works out anew which groups the filter asks for.
func (f *filter) resolve(x *index) {
	for _, terms := range [][]term{f.fields, f.words} {
		for i := range terms {
			terms[i].resolve(x)
		}
	}
}

// forget drops what was found in an index that is replaced.
func (f *filter) forget() {
	for i := range f.words {
		f.words[i].groups, f.words[i].objects = nil, nil
	}
}

// narrows reports whether all that matches the filter matches an old one too.
func (f *filter) narrows(old *filter) bool {
	return old.on() && narrow(f.fields, old.fields) && narrow(f.words, old.words)
}

// narrow reports whether terms ask for all that old ones ask for.
func narrow(terms, old []term) bool {
	if len(terms) < len(old) {
		return false
	}
	for i, o := range old {
		t := terms[i]
		same := t.field == o.field && t.not == o.not && t.text == o.text
		more := t.field == nil && !t.not && !o.not && strings.Contains(t.text, o.text)
		if !same && !more {
			return false
		}
	}
	return true
}

// matchFields reports whether a finding is what the fields ask for; taken tells
// which of its fixes is staged.
func (f *filter) matchFields(it *item, taken int8) bool {
	for i := range f.fields {
		if t := &f.fields[i]; t.of(it, taken) == t.not {
			return false
		}
	}
	return true
}

// match reports whether a finding holds the words.
func (f *filter) match(it *item) bool {
	for i := range f.words {
		if t := &f.words[i]; t.of(it, 0) == t.not {
			return false
		}
	}
	return true
}

// matchFuzzy reports whether a finding holds the words as abbreviations.
func (f *filter) matchFuzzy(it *item) bool {
	for i := range f.words {
		t := &f.words[i]
		if t.not && t.of(it, 0) || !t.not && !abbreviates(t.text, it.name) {
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
