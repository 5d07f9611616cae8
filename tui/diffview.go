package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// diffMode says how diffs are laid out.
type diffMode int

const (
	byWidth diffMode = iota // two columns where there is room
	unified
	twoColumns
)

// Cells of a pane from which on a diff has two columns: by itself, and when
// they are asked for.
const (
	roomForTwo  = 116
	leastForTwo = 50
)

// twoColumned reports whether a diff of a pane of w cells has two columns.
func (a *app) twoColumned(w int) bool {
	return a.diffMode == byWidth && w >= roomForTwo || a.diffMode == twoColumns && w >= leastForTwo
}

// look says how the hunks of a diff are drawn.
type look struct {
	// first is the number of the first hunk among those of the pane, and all
	// how many the pane has.
	first, all int
	current    int // the one that keys are about, -1 for none
	out        func(*hunk) bool
	// label says whose a hunk is; without one only several are labelled.
	label func(*hunk) string
}

// drawDiff draws a change, and tells the line of each hunk. Long lines go on
// below, since nothing that is applied may stay unseen.
func (a *app) drawDiff(d changeDiff, l look, w int) (out []string, marks []int) {
	for _, line := range wrap(d.title, w) {
		out = append(out, a.styles.bold.Render(line))
	}
	if len(d.lines) == 0 {
		return append(out, a.styles.faint.Render("no visible change")), nil
	}
	columns := a.twoColumned(w) && d.change.Before != nil && d.change.After != nil
	all := sections(d.lines, contexts[a.context])
	for n, s := range all {
		if s.folded {
			text := fmt.Sprintf("%s folded", plural(s.to-s.from, "line"))
			if n+1 < len(all) {
				text = placeOf(d.lines[s.to]) + " " + a.glyphs.dot + " " + text
			}
			for _, part := range hang("@ ", text, w) {
				out = append(out, a.styles.faint.Render(part))
			}
			continue
		}
		in := indentOf(d.lines[s.from:s.to])
		for i := s.from; i < s.to; {
			h := d.hunkAt(i)
			if h < 0 {
				out = append(out, a.drawLine(d.lines[i], nil, in, false, columns, w)...)
				i++
				continue
			}
			marks = append(marks, len(out))
			left := l.out != nil && l.out(&d.hunks[h])
			out = append(out, a.hunkLabel(&d.hunks[h], l, l.first+h, left, w)...)
			out = append(out, a.drawHunk(d.lines[i:d.hunks[h].to], in, left, columns, w)...)
			i = d.hunks[h].to
		}
	}
	return out, marks
}

// hunkAt returns the hunk that begins at a line, or -1.
func (d *changeDiff) hunkAt(line int) int {
	for i := range d.hunks {
		if d.hunks[i].from == line {
			return i
		}
	}
	return -1
}

// hunkLabel writes above a hunk which it is.
func (a *app) hunkLabel(h *hunk, l look, n int, left bool, w int) []string {
	text := ""
	if l.all > 1 {
		text = fmt.Sprintf("part %d of %d", n+1, l.all)
	}
	if l.label != nil {
		text = join(" "+a.glyphs.dot+" ", text, l.label(h))
	}
	if left {
		text = join(" "+a.glyphs.dot+" ", text, "left out")
	}
	if text == "" {
		return nil
	}
	mark, style := "  ", a.styles.faint
	if n == l.current {
		mark, style = a.glyphs.cursor+" ", a.styles.bold
	}
	var out []string
	for _, line := range hang(mark, text, w) {
		out = append(out, style.Render(line))
	}
	return out
}

// drawHunk draws lines that change. A line and the one that replaces it show
// the words in which they differ.
func (a *app) drawHunk(lines []fixes.Line, in int, left, columns bool, w int) []string {
	var out []string
	for i := 0; i < len(lines); {
		minus := i
		for i < len(lines) && lines[i].Sign == '-' {
			i++
		}
		plus := i
		for i < len(lines) && lines[i].Sign == '+' {
			i++
		}
		gone, come := lines[minus:plus], lines[plus:i]
		var was, is [][]bool
		for n := range max(len(gone), len(come)) {
			var x, y []bool
			if n < len(gone) && n < len(come) {
				x, y = changedWords(gone[n].Text, come[n].Text)
			}
			was, is = append(was, x), append(is, y)
		}
		if columns {
			out = append(out, a.drawPairs(gone, come, was, is, in, left, w)...)
			continue
		}
		for n, l := range gone {
			out = append(out, a.drawLine(l, was[n], in, left, false, w)...)
		}
		for n, l := range come {
			out = append(out, a.drawLine(l, is[n], in, left, false, w)...)
		}
	}
	return out
}

// drawPairs draws lines beside those that replace them.
func (a *app) drawPairs(gone, come []fixes.Line, was, is [][]bool, in int, left bool, w int) []string {
	var out []string
	for n := range max(len(gone), len(come)) {
		var l, r []string
		column := (w - 3) / 2
		if n < len(gone) {
			l = a.signed(gone[n], was[n], in, left, column)
		}
		if n < len(come) {
			r = a.signed(come[n], is[n], in, left, w-3-column)
		}
		out = append(out, a.beside(l, r, column)...)
	}
	return out
}

// beside sets two texts beside each other.
func (a *app) beside(l, r []string, column int) []string {
	var out []string
	bar := " " + a.styles.faint.Render(a.glyphs.vertical) + " "
	for i := range max(len(l), len(r)) {
		left, right := "", ""
		if i < len(l) {
			left = l[i]
		}
		if i < len(r) {
			right = r[i]
		}
		out = append(out, fit(left, column, "")+bar+right)
	}
	return out
}

// drawLine draws a line by itself, in both columns where there are two.
func (a *app) drawLine(l fixes.Line, words []bool, in int, left, columns bool, w int) []string {
	if !columns {
		return a.signed(l, words, in, left, w)
	}
	column := (w - 3) / 2
	return a.beside(a.signed(l, words, in, left, column), a.signed(l, words, in, left, w-3-column), column)
}

// signed draws a line behind its sign, cut into as many as it needs.
func (a *app) signed(l fixes.Line, words []bool, in int, left bool, w int) []string {
	base := a.styles.plain
	switch l.Sign {
	case '+':
		base = a.styles.good
	case '-':
		base = a.styles.bad
	}
	if left {
		base = a.styles.faint
	}
	in = min(in, len(l.Text))
	look := func(t token, changed bool) pen {
		s := base
		if !left {
			s = a.tokenStyle(t, base, l.Sign == ' ')
		}
		if changed {
			s = pointedOut(s)
		}
		return s
	}
	tokens := lexYAML(l.Text, l.Goes)
	var out []string
	for i, part := range a.paint(l.Text[in:], tokens[in:], words[min(in, len(words)):], look, w-2) {
		sign := string(l.Sign) + " "
		if i > 0 {
			sign = string(l.Sign) + a.glyphs.ellipsis
		}
		out = append(out, base.Render(sign)+part)
	}
	return out
}

// tokenStyle is the look of a token: values of changed lines have the colour
// of the change.
func (a *app) tokenStyle(t token, base pen, unchanged bool) pen {
	switch {
	case t == keyToken:
		return a.styles.key
	case t == commentToken, t == markToken && unchanged:
		return a.styles.faint
	case t == numberToken && unchanged:
		return a.styles.number
	}
	return base
}

// paint cuts a text into lines of at most w cells and gives each token its
// look.
func (a *app) paint(text string, tokens []token, words []bool, look func(token, bool) pen, w int) []string {
	at := 0
	changed := func(i int) bool { return i < len(words) && words[i] }
	var out []string
	for part := range strings.SplitSeq(ansi.Hardwrap(text, max(w, 1), true), "\n") {
		var b strings.Builder
		for from := 0; from < len(part); {
			to := from + 1
			for to < len(part) && tokens[at+to] == tokens[at+from] && changed(at+to) == changed(at+from) {
				to++
			}
			b.WriteString(look(tokens[at+from], changed(at+from)).Render(part[from:to]))
			from = to
		}
		at += len(part)
		out = append(out, b.String())
	}
	return out
}
