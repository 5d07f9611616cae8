package journal

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
)

// shortest is the length in bytes from which a value of a Secret is looked for
// inside other strings. A shorter one would be found everywhere, and is
// compared with whole strings only.
const shortest = 6

// vault knows the secret values of a run by number, and finds them in strings.
type vault struct {
	numbers map[string]int
	values  []string // the value of number i+1
	// words are the numbers of values that other things are called by.
	words map[string]int
	// kept tells the namespaces in which a Secret holds a value.
	kept map[int]map[string]bool
	// written maps all that is looked for to the values that are written so.
	written map[string][]writing
	// within are the texts that are looked for inside strings, by how they
	// begin, the longest first.
	within map[[shortest]byte][]string
	// begins tells the pairs of bytes that one of them begins with: nearly no
	// place in a string does.
	begins [1 << 16]bool
}

// writing is a way to write a value.
type writing struct {
	secret   int
	encoding []string
}

// writings are the ways in which a value is looked for.
var writings = [][]string{
	nil, {encEnv}, {encJSON}, {encJSONHTML}, {encEnv, encJSON}, {encEnv, encJSONHTML},
	{encPercent}, {encQuery}, {encBase64},
}

func newVault() *vault {
	return &vault{
		numbers: map[string]int{}, words: map[string]int{}, kept: map[int]map[string]bool{},
		written: map[string][]writing{}, within: map[[shortest]byte][]string{},
	}
}

// number returns the number of a value.
func (v *vault) number(value string) int { return v.numberIn(v.numbers, value) }

func (v *vault) numberIn(numbers map[string]int, value string) int {
	n, ok := numbers[value]
	if !ok {
		v.values = append(v.values, value)
		n = len(v.values)
		numbers[value] = n
	}
	return n
}

// asWords renumbers the secrets of a string that is no secret, and is only
// called by one: an image "postgres" in a run where that is a password too.
// Each has another number then, so that neither is taken for the other once
// the password is changed.
func (v *vault) asWords(parts []Part) []Part {
	for i := range parts {
		if p := &parts[i]; p.Secret != 0 {
			p.Secret = v.numberIn(v.words, v.values[p.Secret-1])
		}
	}
	return parts
}

// learnSecret takes in the values of a Secret. That a value is empty is no
// secret.
func (v *vault) learnSecret(s *corev1.Secret) {
	for _, key := range slices.Sorted(maps.Keys(s.Data)) {
		v.keep(string(s.Data[key]), s.Namespace)
	}
	for _, key := range slices.Sorted(maps.Keys(s.StringData)) {
		v.keep(s.StringData[key], s.Namespace)
	}
}

func (v *vault) keep(value, namespace string) {
	if value == "" {
		return
	}
	v.learn(value)
	n := v.number(value)
	if v.kept[n] == nil {
		v.kept[n] = map[string]bool{}
	}
	v.kept[n][namespace] = true
}

// learn takes in a value that is to be found wherever it stands.
func (v *vault) learn(value string) {
	if _, known := v.numbers[value]; known {
		return
	}
	n := v.number(value)
	for _, encoding := range writings {
		if !utf8.ValidString(value) && (slices.Contains(encoding, encJSON) || slices.Contains(encoding, encJSONHTML)) {
			continue // no JSON can hold it
		}
		text, _ := encode(value, encoding)
		if slices.ContainsFunc(v.written[text], func(w writing) bool { return w.secret == n }) {
			continue // written alike in a simpler way
		}
		if len(v.written[text]) == 0 && len(value) >= shortest {
			key := [shortest]byte([]byte(text[:shortest]))
			v.within[key] = append(v.within[key], text)
			slices.SortFunc(v.within[key], func(a, b string) int { return cmp.Compare(len(b), len(a)) })
			v.begins[pair(text, 0)] = true
		}
		v.written[text] = append(v.written[text], writing{n, encoding})
	}
}

func pair(s string, i int) int { return int(s[i])<<8 | int(s[i+1]) }

// span is a part of a string that is to be hidden: s[from:to].
type span struct {
	from, to int
	// ways are the values that may be written here. There are none where only
	// the redaction tells that it is a secret.
	ways []writing
}

// find returns where values stand in a string, at each place the longest.
func (v *vault) find(s string) []span {
	var found []span
	if ways := v.written[s]; ways != nil {
		found = append(found, span{0, len(s), ways})
	} else if w, ok := v.dollars(s); ok {
		found = append(found, span{0, len(s), []writing{w}})
	}
	for i := 0; i+shortest <= len(s); i++ {
		if !v.begins[pair(s, i)] {
			continue
		}
		for _, text := range v.within[[shortest]byte([]byte(s[i:i+shortest]))] {
			if strings.HasPrefix(s[i:], text) {
				found = append(found, span{i, i + len(text), v.written[text]}.wholeRunes(s))
				break
			}
		}
	}
	return found
}

// wholeRunes returns the span, with all of a character of which it holds a
// part: a value of any bytes may begin in the middle of one.
func (sp span) wholeRunes(s string) span {
	inside := func(i int) bool { return i > 0 && i < len(s) && !utf8.RuneStart(s[i]) }
	for inside(sp.from) {
		sp.from, sp.ways = sp.from-1, nil
	}
	for inside(sp.to) {
		sp.to, sp.ways = sp.to+1, nil
	}
	return sp
}

// dollars recognises a literal in which some dollars are doubled and others
// are not, if its value is known.
func (v *vault) dollars(literal string) (writing, bool) {
	if !strings.Contains(literal, "$$") {
		return writing{}, false
	}
	n, known := v.numbers[unescape(literal)]
	return writing{n, []string{someDoubled(literal)}}, known
}

// knows reports whether a text is a value, however it is written.
func (v *vault) knows(text string) bool {
	_, inPart := v.dollars(text)
	return v.written[text] != nil || inPart
}

// cut divides a string of an object in a namespace into text and secrets: what
// spans holds, and all known values. It returns nil where there are none.
func (v *vault) cut(s string, spans []span, namespace string) []Part {
	spans = v.choose(s, v.find(s), spans)
	slices.SortStableFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to))
	})
	var parts []Part
	at := 0
	for len(spans) > 0 {
		// Spans that overlap are hidden as a whole, as one value.
		whole, n := spans[0], 1
		for ; n < len(spans) && spans[n].from < whole.to; n++ {
			if spans[n].to > whole.to {
				whole.to, whole.ways = spans[n].to, nil
			}
		}
		parts = appendText(parts, s[at:whole.from])
		parts = append(parts, v.part(s[whole.from:whole.to], whole.ways, namespace))
		at, spans = whole.to, spans[n:]
	}
	if parts == nil {
		return nil
	}
	return appendText(parts, s[at:])
}

// choose returns the spans to hide in a string, of those that are found and
// those that the redaction has masked. Where they overlap, what a Secret holds
// goes first that is the whole string, or just what is masked in it: that is
// what fixes move. Then come the rest of what Secrets hold and of what is
// masked, and then what is masked elsewhere only.
func (v *vault) choose(s string, found, masked []span) []span {
	var ranks [4][]span
	for _, sp := range found {
		switch {
		case !v.isKept(sp.ways):
			ranks[3] = append(ranks[3], sp)
		case sp.to-sp.from == len(s):
			ranks[0] = append(ranks[0], sp)
		default:
			ranks[2] = append(ranks[2], sp)
		}
	}
	for _, sp := range masked {
		rank := 2
		if ways := v.written[s[sp.from:sp.to]]; v.isKept(ways) {
			rank, sp.ways = 1, ways
		}
		ranks[rank] = append(ranks[rank], sp)
	}
	var chosen []span
	for _, spans := range ranks {
		before := chosen
		for _, sp := range spans {
			if !slices.ContainsFunc(before, func(b span) bool { return sp.from < b.to && b.from < sp.to }) {
				chosen = append(chosen, sp)
			}
		}
	}
	return chosen
}

// isKept reports whether a Secret holds one of the values.
func (v *vault) isKept(ways []writing) bool {
	return slices.ContainsFunc(ways, func(w writing) bool { return v.kept[w.secret] != nil })
}

func appendText(parts []Part, text string) []Part {
	if text == "" {
		return parts
	}
	if n := len(parts); n > 0 && parts[n-1].Secret == 0 {
		parts[n-1].Text += text
		return parts
	}
	return append(parts, Part{Text: text})
}

// part returns the part that a hidden text is, written in one of several ways.
func (v *vault) part(text string, ways []writing, namespace string) Part {
	var way writing
	for _, w := range ways {
		if way.secret == 0 || v.nearness(w.secret, namespace) > v.nearness(way.secret, namespace) {
			way = w
		}
	}
	if way.secret == 0 {
		var ok bool
		if way, ok = v.dollars(text); !ok {
			way = writing{secret: v.number(text)}
		}
	}
	return Part{Secret: way.secret, Encoding: way.encoding}
}

// nearness tells how likely a value is the one that an object in a namespace
// is about: of a Secret beside it, of any Secret, or of none.
func (v *vault) nearness(secret int, namespace string) int {
	switch kept := v.kept[secret]; {
	case kept[namespace]:
		return 2
	case kept != nil:
		return 1
	}
	return 0
}
