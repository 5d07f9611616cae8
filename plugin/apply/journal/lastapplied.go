package journal

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// token is a string value in a JSON text.
type token struct {
	path     string // a place in the tree, with the plain index of an element
	from, to int    // where it stands, without its quotes
	text     string // what it says
}

// tokens returns the string values of a JSON text, in order, or false when it
// is no JSON.
func tokens(text string) ([]token, bool) {
	if !json.Valid([]byte(text)) {
		return nil, false
	}
	w := tokenWalk{text: text, in: json.NewDecoder(strings.NewReader(text))}
	w.in.UseNumber()
	ok := w.value("")
	return w.found, ok
}

type tokenWalk struct {
	text  string
	in    *json.Decoder
	found []token
}

func (w *tokenWalk) value(path string) bool {
	start := int(w.in.InputOffset())
	t, err := w.in.Token()
	if err != nil {
		return false
	}
	switch t := t.(type) {
	case string:
		// Only space, a comma or a colon stand before it.
		quote := strings.IndexByte(w.text[start:], '"')
		w.found = append(w.found, token{path, start + quote + 1, int(w.in.InputOffset()) - 1, t})
	case json.Delim:
		for i := 0; w.in.More(); i++ {
			step := strconv.Itoa(i)
			if t == '{' {
				key, err := w.in.Token()
				if err != nil {
					return false
				}
				step, _ = key.(string)
			}
			if !w.value(join(path, step)) {
				return false
			}
		}
		_, err = w.in.Token() // its end
	}
	return err == nil
}

// eachToken calls f for the strings of a JSON text, in order, with what the
// redaction, which writes the text anew, has made of each. It returns false
// where one of them is no JSON.
func eachToken(text, masked string, f func(t token, other any)) bool {
	found, ok := tokens(text)
	redacted, readable := tokens(masked)
	if !ok || !readable {
		return false
	}
	shown := make(map[string]any, len(redacted))
	for _, t := range redacted {
		shown[t.path] = t.text
	}
	for _, t := range found {
		f(t, shown[t.path])
	}
	return true
}

// hideJSON divides a manifest in an annotation. The strings at the places in
// whole are hidden as a whole.
func (s *sealer) hideJSON(namespace, text, masked string, whole []string) []Part {
	var parts []Part
	hidden, unknown, at := false, false, 0
	ok := eachToken(text, masked, func(t token, other any) {
		if slices.Contains(whole, t.path) {
			other = nil
		}
		cut := s.hideToken(namespace, t, other)
		if cut == nil {
			return
		}
		encoding := encodingOf(t.text, text[t.from:t.to])
		unknown = unknown || encoding == ""
		parts = appendText(parts, text[at:t.from])
		for _, p := range cut {
			if p.Secret == 0 {
				parts = appendText(parts, quote(p.Text, encoding == encJSONHTML))
				continue
			}
			p.Encoding = append(slices.Clip(p.Encoding), encoding)
			parts = append(parts, p)
		}
		hidden, at = true, t.to
	})
	if !ok || unknown {
		return s.whole(text)
	}
	if !hidden {
		return nil
	}
	return appendText(parts, text[at:])
}

func (s *sealer) hideToken(namespace string, t token, other any) []Part {
	if t.text == "" {
		return nil
	}
	spans := []span{{from: 0, to: len(t.text)}}
	if shown, ok := other.(string); ok {
		spans = regions(t.text, shown)
	}
	return s.cut(t.path, t.text, spans, namespace)
}

// encodingOf tells how a string is written in JSON, or "" where it is in no
// way that is known.
func encodingOf(s, raw string) string {
	for _, encoding := range []string{encJSON, encJSONHTML} {
		if quote(s, encoding == encJSONHTML) == raw {
			return encoding
		}
	}
	return ""
}

// showMoreJSON returns the places of the strings in a manifest that show more
// than they should, as showsMore tells, or false where that cannot be told.
func showMoreJSON(text, redacted string) (paths []string, ok bool) {
	ok = eachToken(text, redacted, func(t token, other any) {
		if showsMore(t.text, other) {
			paths = append(paths, t.path)
		}
	})
	return paths, ok
}
