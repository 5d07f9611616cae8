package tui

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// contexts are the numbers of lines shown around each change; -1 is all.
var contexts = []int{3, 12, -1}

// diffLine is one line of a diff: '+', '-', ' ', or '@' where lines are left
// out, with the place of the next one in the object.
type diffLine struct {
	sign byte
	text string
}

// changeDiff is a change as it is shown, with all lines of its object.
type changeDiff struct {
	title string
	lines []diffLine
}

// diffOf makes the diff of a change, secrets masked.
func diffOf(c fixes.Change, redact fixes.Redactor) (changeDiff, error) {
	text, err := c.Diff(redact, -1)
	if err != nil {
		return changeDiff{}, err
	}
	title := string(c.Action) + " " + fixes.Clean(c.Object.String())
	if c.Restarts() {
		title += ", restarts its pods"
	}
	return changeDiff{title, parseDiff(text)}, nil
}

// parseDiff reads a unified diff of one file that is a single hunk.
func parseDiff(text string) []diffLine {
	var lines []diffLine
	body := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "@@ "):
			body = true
		case body && line != "" && strings.IndexByte("+- ", line[0]) >= 0:
			lines = append(lines, diffLine{line[0], line[1:]})
		}
	}
	return lines
}

// hunks leaves of a diff what is changed and some lines around, without the
// indentation that all of those have. Where lines are left out, the place in
// the object is told instead.
func hunks(lines []diffLine, context int) []diffLine {
	if context < 0 {
		return lines
	}
	keep := make([]bool, len(lines))
	for i, l := range lines {
		if l.sign == ' ' {
			continue
		}
		for j := max(i-context, 0); j <= min(i+context, len(lines)-1); j++ {
			keep[j] = true
		}
	}
	var out []diffLine
	var at place
	for i := 0; i < len(lines); {
		if !keep[i] {
			at.pass(lines[i])
			i++
			continue
		}
		end := i
		for end < len(lines) && keep[end] {
			end++
		}
		if i > 0 {
			out = append(out, diffLine{'@', cmp.Or(at.before(lines[i].text), "top level")})
		}
		out = append(out, dedent(lines[i:end])...)
		for ; i < end; i++ {
			at.pass(lines[i])
		}
	}
	return out
}

// dedent takes away the indentation that all lines have.
func dedent(lines []diffLine) []diffLine {
	least := -1
	for _, l := range lines {
		if n := indentation(l.text); l.text != "" && (least < 0 || n < least) {
			least = n
		}
	}
	out := make([]diffLine, len(lines))
	for i, l := range lines {
		out[i] = diffLine{l.sign, l.text[min(max(least, 0), len(l.text)):]}
	}
	return out
}

func indentation(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

// place follows the lines of a YAML text and knows the path that leads to
// each. It takes lines for what they look like: in a text that stands in the
// object it can be wrong, and it is only a hint.
type place struct{ stack []pathStep }

type pathStep struct {
	indent int
	key    string
	item   int // of a list, counted from 1; 0 for a key
}

var yamlKey = regexp.MustCompile(`^("[^"]*"|'[^']*'|[^\s:"'#][^\s:]*):(?: |$)`)

// pass goes on over a line, unless it is only in the object as it will be.
func (p *place) pass(l diffLine) {
	if l.sign == '+' {
		return
	}
	indent, rest := indentation(l.text), strings.TrimLeft(l.text, " ")
	for strings.HasPrefix(rest, "- ") {
		item := p.cut(indent, true) + 1
		p.stack = append(p.stack, pathStep{indent, "", item})
		indent, rest = indent+2, rest[2:]
	}
	if m := yamlKey.FindStringSubmatch(rest); m != nil {
		p.cut(indent, false)
		p.stack = append(p.stack, pathStep{indent, strings.Trim(m[1], `"'`), 0})
	}
}

// cut ends what a line at an indentation ends, and returns the number of the
// list item before it. A list may stand at the indentation of its key.
func (p *place) cut(indent int, isItem bool) (before int) {
	for n := len(p.stack); n > 0; n-- {
		top := p.stack[n-1]
		if top.indent < indent || isItem && top.indent == indent && top.item == 0 {
			break
		}
		if isItem && top.indent == indent {
			before = top.item
		}
		p.stack = p.stack[:n-1]
	}
	return before
}

// before returns the path that leads to what a line, which comes next, stands
// in.
func (p *place) before(line string) string {
	indent, isItem := indentation(line), strings.HasPrefix(strings.TrimLeft(line, " "), "- ")
	var path strings.Builder
	for _, s := range p.stack {
		if s.indent > indent || s.indent == indent && (!isItem || s.item > 0) {
			break
		}
		switch {
		case s.item > 0:
			fmt.Fprintf(&path, "[%d]", s.item-1)
		case path.Len() > 0:
			path.WriteString("." + s.key)
		default:
			path.WriteString(s.key)
		}
	}
	return path.String()
}
