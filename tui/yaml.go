package tui

import (
	"regexp"
	"strings"
)

// token is what a byte of a line of YAML belongs to.
type token uint8

const (
	plainToken token = iota
	keyToken
	markToken // dashes, colons, brackets
	numberToken
	commentToken
)

var (
	yamlKey    = regexp.MustCompile(`^("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s:"'#\[\]{},&*!|>%@-][^\s:]*|-[^\s:]+)(:)(?: |$)`)
	yamlNumber = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|~)$`)
)

// lexYAML tells what each byte of a line is of. It knows the YAML that the
// program writes itself, in blocks. A line that goes on with a string above it
// is all plain.
func lexYAML(line string, goes bool) []token {
	out := make([]token, len(line))
	if goes {
		return out
	}
	set := func(from, to int, t token) {
		for i := from; i < to; i++ {
			out[i] = t
		}
	}
	at := indentation(line)
	for strings.HasPrefix(line[at:], "- ") || line[at:] == "-" {
		set(at, at+1, markToken)
		at = min(at+2, len(line))
	}
	if m := yamlKey.FindStringSubmatchIndex(line[at:]); m != nil {
		set(at+m[2], at+m[3], keyToken)
		set(at+m[4], at+m[5], markToken)
		at = min(at+m[1], len(line))
	}
	value := line[at:]
	if strings.HasPrefix(value, "#") {
		set(at, len(line), commentToken)
		return out
	}
	if !strings.HasPrefix(value, `"`) && !strings.HasPrefix(value, "'") {
		if i := strings.Index(value, " #"); i >= 0 {
			set(at+i+1, len(line), commentToken)
			value = value[:i]
		}
	}
	switch value = strings.TrimRight(value, " "); {
	case yamlNumber.MatchString(value):
		set(at, at+len(value), numberToken)
	case value == "{}" || value == "[]" || value == "|" || value == "|-" || value == ">" || value == ">-":
		set(at, at+len(value), markToken)
	}
	return out
}
