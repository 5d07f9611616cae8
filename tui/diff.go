package tui

import (
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// contexts are the numbers of lines shown around each change; -1 is all.
var contexts = []int{3, 12, -1}

// changeDiff is a change as it is shown, with all lines of its object.
type changeDiff struct {
	title  string
	change fixes.Change
	lines  []fixes.Line
	hunks  []hunk
	hidden []string // the paths of what is masked
}

// hunk is a block of changed lines without an unchanged one between them, or
// the lines in one of which a part of the object comes or goes.
type hunk struct {
	from, to int // among the lines
	// parts are the parts of the object that the lines show, which other hunks
	// may share: a list without names is one.
	parts []string
	// by are the findings whose fixes make it, in a plan.
	by []*fixes.Finding
}

// diffOf makes the diff of a change, secrets masked.
func diffOf(c fixes.Change, redact fixes.Redactor) (changeDiff, error) {
	d := changeDiff{change: c, title: string(c.Action) + " " + fixes.Clean(c.Object.String())}
	if c.Restarts() {
		d.title += ", restarts its pods"
	}
	var err error
	if d.lines, err = c.Lines(redact); err != nil {
		return changeDiff{}, err
	}
	for i := range d.lines {
		d.lines[i].Text = strings.ReplaceAll(d.lines[i].Text, "\t", "    ")
	}
	parts, err := c.Parts()
	if err != nil {
		return changeDiff{}, err
	}
	d.hunks = hunksOf(d.lines, parts)
	if d.hidden, err = c.Hidden(redact); err != nil {
		return changeDiff{}, err
	}
	return d, nil
}

// hunksOf finds the hunks among lines. One whose lines show nothing that
// changed goes with the one before it, or after it: an element's first line
// carries the list's dash, and shows as changed where another field becomes
// the first.
func hunksOf(lines []fixes.Line, parts []string) []hunk {
	var out []hunk
	for i := 0; i < len(lines); {
		if lines[i].Sign == ' ' {
			i++
			continue
		}
		end := i
		for end < len(lines) && lines[end].Sign != ' ' {
			end++
		}
		out = append(out, splitBlock(lines, i, end, parts)...)
		i = end
	}
	for i := range out {
		if len(out[i].parts) > 0 {
			continue
		}
		if i > 0 {
			out[i].parts = out[i-1].parts
		} else if len(out) > 1 {
			out[i].parts = out[1].parts
		}
	}
	return out
}

// splitBlock makes hunks of a block of changed lines. Where nothing is
// replaced in it, each part is one: what stands together may be the work of
// several fixes.
func splitBlock(lines []fixes.Line, from, to int, parts []string) []hunk {
	mixed := slices.ContainsFunc(lines[from:to], func(l fixes.Line) bool { return l.Sign != lines[from].Sign })
	out := []hunk{{from: from, to: to}}
	for i := from; i < to; i++ {
		h := &out[len(out)-1]
		var own []string
		shared := false
		for _, p := range parts {
			if fixes.Touches(lines[i].Path, p) {
				own = append(own, p)
				shared = shared || slices.Contains(h.parts, p)
			}
		}
		if !mixed && !shared && len(own) > 0 && len(h.parts) > 0 {
			h.to = i
			out = append(out, hunk{from: i, to: to})
			h = &out[len(out)-1]
		}
		for _, p := range own {
			if !slices.Contains(h.parts, p) {
				h.parts = append(h.parts, p)
			}
		}
	}
	return out
}

// attribute tells each hunk of a plan's change whose fixes make it. What no
// fix makes by itself all of them make, or a person did who edited it.
func (d *changeDiff) attribute(causes map[*fixes.Finding][]string) {
	for i := range d.hunks {
		h := &d.hunks[i]
		for _, f := range d.change.Fixes {
			if slices.ContainsFunc(causes[f], func(cause string) bool {
				return slices.ContainsFunc(h.parts, func(p string) bool { return fixes.Touches(p, cause) })
			}) && !slices.Contains(h.by, f) {
				h.by = append(h.by, f)
			}
		}
		if len(h.by) == 0 && !d.change.Amended {
			h.by = d.change.Fixes
		}
	}
}

// section is a run of lines that are shown, or folded.
type section struct {
	from, to int
	folded   bool
}

// sections folds what is further from a change than some lines of context.
func sections(lines []fixes.Line, context int) []section {
	shown := make([]bool, len(lines))
	for i, l := range lines {
		if context < 0 {
			shown[i] = true
		} else if l.Sign != ' ' {
			for j := max(i-context, 0); j <= min(i+context, len(lines)-1); j++ {
				shown[j] = true
			}
		}
	}
	var out []section
	for i := 0; i < len(lines); {
		s := section{from: i, folded: !shown[i]}
		for ; i < len(lines) && shown[i] != s.folded; i++ {
		}
		s.to = i
		out = append(out, s)
	}
	return out
}

// indentOf returns the indentation that all lines have.
func indentOf(lines []fixes.Line) int {
	least := -1
	for _, l := range lines {
		if n := indentation(l.Text); l.Text != "" && (least < 0 || n < least) {
			least = n
		}
	}
	return max(least, 0)
}

func indentation(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

// placeOf tells in what a line stands.
func placeOf(l fixes.Line) string {
	up := 1
	if strings.HasPrefix(strings.TrimLeft(l.Text, " "), "- ") {
		up = 2 // its first field, and the element
	}
	path := l.Path
	for range up {
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
	}
	if path == "" {
		return "top level"
	}
	return fixes.Clean(fixes.PathText(path))
}
