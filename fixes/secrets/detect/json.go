package detect

import (
	"encoding/base64"
	"slices"
	"strings"
)

// plainOf decodes base64, or gives "".
func plainOf(v string) string {
	raw, err := base64.StdEncoding.DecodeString(v)
	if err != nil {
		return ""
	}
	return string(raw)
}

// jsonScan walks JSON with positions, which encoding/json does not give for
// values. Strings stay as written: an escape inside a credential changes
// nothing for finding it.
type jsonScan struct {
	text  string
	depth int
	path  []string
	hits  []hit
	// named: the text stands under a credential's name, so that a bare "key"
	// in it is one.
	named bool
}

// namedJSON finds the key in the JSON that a variable like JWT_SECRET holds:
// {"type":"HS256","key":"x"}.
func namedJSON(text string, depth int) []hit {
	j := jsonScan{text: text, depth: depth, named: true}
	if !j.all(0) {
		return nil
	}
	return j.hits
}

// maxNesting bounds recursion on hostile input.
const maxNesting = 200

// all scans one document that starts at i and tells whether it was JSON.
func (j *jsonScan) all(i int) bool {
	i, ok := j.value(i, 0)
	return ok && span(j.text[i:], isSpace) == len(j.text)-i
}

func (j *jsonScan) space(i int) int { return i + span(j.text[i:], isSpace) }

// value scans one value and gives the position after it.
func (j *jsonScan) value(i, nesting int) (int, bool) {
	i = j.space(i)
	if i >= len(j.text) || nesting > maxNesting {
		return i, false
	}
	switch j.text[i] {
	case '{':
		return j.object(i+1, nesting)
	case '[':
		return j.array(i+1, nesting)
	case '"':
		r, next, ok := j.str(i)
		if ok {
			j.judge(r)
		}
		return next, ok
	}
	n := span(j.text[i:], func(c byte) bool { return isAlnum(c) || c == '-' || c == '+' || c == '.' })
	if n == 0 {
		return i, false
	}
	if isDigit(j.text[i]) {
		j.judge(Range{i, i + n})
	}
	return i + n, true
}

// object scans members. An object of a name and a value ({"name": "DB_PASSWORD",
// "value": "x"}) is judged as a whole too.
func (j *jsonScan) object(i, nesting int) (int, bool) {
	var name string
	var value Range
	for first := true; ; first = false {
		i = j.space(i)
		if i < len(j.text) && j.text[i] == '}' {
			j.pair(name, value)
			return i + 1, true
		}
		if !first {
			if i >= len(j.text) || j.text[i] != ',' {
				return i, false
			}
			i = j.space(i + 1)
		}
		if i >= len(j.text) || j.text[i] != '"' {
			return i, false
		}
		k, next, ok := j.str(i)
		i = j.space(next)
		if !ok || i >= len(j.text) || j.text[i] != ':' {
			return i, false
		}
		i = j.space(i + 1)
		key := j.text[k.Start:k.End]
		if i < len(j.text) && j.text[i] == '"' {
			if r, _, ok := j.str(i); ok {
				switch key {
				case "name", "key", "Name", "Key", "type", "parameter":
					if name == "" || key != "type" {
						name = j.text[r.Start:r.End]
					}
				case "value", "Value":
					value = r
				}
			}
		}
		j.path = append(j.path, key)
		i, ok = j.value(i, nesting+1)
		j.path = j.path[:len(j.path)-1]
		if !ok {
			return i, false
		}
	}
}

func (j *jsonScan) array(i, nesting int) (int, bool) {
	for first := true; ; first = false {
		i = j.space(i)
		if i < len(j.text) && j.text[i] == ']' {
			return i + 1, true
		}
		if !first {
			if i >= len(j.text) || j.text[i] != ',' {
				return i, false
			}
			i++
		}
		var ok bool
		if i, ok = j.value(i, nesting+1); !ok {
			return i, false
		}
	}
}

// str scans a string: its content and the position after it.
func (j *jsonScan) str(i int) (Range, int, bool) {
	for e := i + 1; e < len(j.text); e++ {
		switch j.text[e] {
		case '\\':
			e++
		case '"':
			return Range{i + 1, e}, e + 1, true
		}
	}
	return Range{}, len(j.text), false
}

// judge looks at a value under the keys that lead to it.
func (j *jsonScan) judge(r Range) {
	v := j.text[r.Start:r.End]
	if v == "" {
		return
	}
	key := ""
	if n := len(j.path); n > 0 {
		key = j.path[n-1]
		if referring(j.path[:n-1]) {
			return
		}
	}
	named := key
	if j.named && (key == "key" || key == "k") {
		named = "secret.key"
	}
	if n := len(j.path); n > 1 {
		named = inContext(j.path[n-2], named)
	}
	hits := entry(named, j.text, r, j.depth)
	if len(hits) == 0 && len(v) > 8 {
		hits = embedded(v, r.Start, j.depth+1)
	}
	for _, h := range hits {
		if h.conf < certain && metadata(j.path) {
			continue
		}
		h.key = strings.Join(j.path, ".")
		j.hits = append(j.hits, h)
	}
}

func (j *jsonScan) pair(name string, value Range) {
	if name == "" || value.End == 0 || referring(j.path) {
		return
	}
	for _, h := range entry(name, j.text, value, j.depth) {
		h.key = strings.Join(append(slices.Clip(j.path), name), ".")
		j.hits = append(j.hits, h)
	}
}

// certain is the confidence from which a finding counts below annotations and
// labels, whose keys name objects.
const certain = 0.9

// metadata tells whether an entry is an annotation or a label.
func metadata(path []string) bool {
	for _, p := range path {
		if p == "annotations" || p == "labels" || p == "matchLabels" {
			return true
		}
	}
	return false
}

// referring tells whether an entry lies below one that points to a Secret:
// there "key: password" is the name of a key.
func referring(path []string) bool {
	for _, p := range path {
		if hasSuffixFold(p, "ref") || hasSuffixFold(p, "secretname") || hasSuffixFold(p, "selector") ||
			hasSuffixFold(p, "valuefrom") || hasSuffixFold(p, "passwordsecret") || hasSuffixFold(p, "keysecret") {
			return true
		}
	}
	return false
}
