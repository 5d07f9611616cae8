package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Sizes from which on the screen is divided.
const (
	sideBySide = 80 // cells for two panes beside each other
	stacked    = 26 // lines for two panes below each other
	withRules  = 10 // lines for titles and a line below
	minimal    = 3  // lines for a header and a footer
)

type arrangement int

const (
	side   arrangement = iota // panes beside each other
	stack                     // panes below each other
	single                    // the pane that has the keys
)

type size struct{ w, h int }

// layout says what goes where on a screen of w cells and h lines.
type layout struct {
	w, h    int
	arrange arrangement
	rules   bool // titles, and a line below
	status  bool // a line for what the whole comes to
	bars    bool // header and footer
	detail  bool // single: the right pane is the one seen
	left    size
	right   size
	// shares is how much of a screen the left or upper pane has, in thousandths,
	// where the user has moved the divider.
	shares map[screen]int
	// noScreen says that lines are written one after the other: all of them are
	// there, and the terminal breaks them.
	noScreen bool
}

// unbound is more cells and lines than anything written needs.
const unbound = 1 << 14

func (l *layout) fit(s screen, detail bool) {
	if l.noScreen {
		l.arrange, l.left, l.right = single, size{unbound, unbound}, size{unbound, unbound}
		return
	}
	l.rules, l.bars = l.h >= withRules, l.h > minimal
	l.status = s != findingsScreen && l.bars
	l.detail = detail
	body := l.h
	if l.bars {
		body -= 2
	}
	if l.rules {
		body -= 2
	}
	if l.status {
		body--
	}
	body = max(body, 1)
	if s == matrixScreen {
		l.fitMatrix(body)
	} else {
		l.fitPanes(s, body)
	}
	l.fitShare(s, body)
}

func (l *layout) fitPanes(s screen, body int) {
	switch {
	case l.w >= sideBySide:
		l.arrange = side
		w := min(max(l.w*42/100, 36), 76)
		if s == applyScreen { // what goes on is in the list there
			w = min(l.w*55/100, 90)
		}
		l.left, l.right = size{w, body}, size{l.w - w - 2, body}
	case l.h >= stacked:
		l.arrange = stack
		h := (body - 1) * 45 / 100
		l.left, l.right = size{l.w, h}, size{l.w, body - 1 - h}
	default:
		l.arrange = single
		l.left, l.right = size{l.w, body}, size{l.w, body}
	}
}

// fitMatrix gives a matrix most of the screen, and its details a side of it, or
// some lines below.
func (l *layout) fitMatrix(body int) {
	switch {
	case l.w >= 120:
		w := min(max(l.w*30/100, 40), 64)
		l.arrange, l.left, l.right = side, size{l.w - w - 2, body}, size{w, body}
	case l.h >= 18:
		h := min(max(body/3, 5), 9)
		l.arrange, l.left, l.right = stack, size{l.w, body - 1 - h}, size{l.w, h}
	default:
		l.arrange, l.left, l.right = single, size{l.w, body}, size{l.w, body}
	}
}

// pane is one part of the screen: a title, a note at its end, lines.
type pane struct {
	title, note string
	lines       []string
	focused     bool
}

// lines draws the whole screen: exactly h lines of exactly w cells.
func (a *app) lines() []string {
	l := a.lay
	if l.w < 1 || l.h < 1 {
		return nil
	}
	var left, right pane
	status := ""
	switch a.screen {
	case findingsScreen:
		left, right = a.listPane(), a.detailPane()
	case planScreen:
		left, right, status = a.planPanes()
	case applyScreen:
		left, right, status = a.applyPanes()
	case namespacesScreen:
		left, right, status = a.namespacesPanes()
	case matrixScreen:
		left, right, status = a.matrixPanes()
	case historyScreen:
		left, right, status = a.historyPanes()
	}
	left.focused, right.focused = !a.inDetail, a.inDetail
	var out []string
	if l.bars {
		out = append(out, a.header())
	}
	out = append(out, a.body(left, right)...)
	if l.status {
		out = append(out, " "+status)
	}
	if l.bars {
		out = append(out, a.footer())
	}
	for i := range out {
		out[i] = fit(out[i], l.w, a.glyphs.ellipsis)
	}
	for len(out) < l.h {
		out = append(out, strings.Repeat(" ", l.w))
	}
	out = out[:l.h]
	if a.overlay != nil {
		a.lay.place(out, a.overlay.box(a, l.w, l.h))
	}
	return out
}

func (a *app) body(left, right pane) []string {
	l := a.lay
	var out []string
	add := func(p pane, s size) {
		for i := range s.h {
			line := ""
			if i < len(p.lines) {
				line = p.lines[i]
			}
			out = append(out, fit(line, s.w, a.glyphs.ellipsis))
		}
	}
	switch l.arrange {
	case side:
		if l.rules {
			out = append(out, a.rule(left, l.left.w)+a.styles.faint.Render(a.glyphs.teeDown)+a.rule(right, l.right.w+1))
		}
		add(left, l.left)
		from := len(out) - l.left.h
		for i := range l.left.h {
			line := ""
			if i < len(right.lines) {
				line = right.lines[i]
			}
			out[from+i] += a.styles.faint.Render(a.glyphs.vertical) + " " + fit(line, l.right.w, a.glyphs.ellipsis)
		}
	case stack:
		if l.rules {
			out = append(out, a.rule(left, l.w))
		}
		add(left, l.left)
		out = append(out, a.rule(right, l.w))
		add(right, l.right)
	case single:
		p := left
		if l.detail {
			p = right
		}
		if l.rules {
			out = append(out, a.rule(p, l.w))
		}
		add(p, l.left)
	}
	if l.rules {
		out = append(out, a.bottom())
	}
	return out
}

// rule draws a line with the title of a pane in it.
func (a *app) rule(p pane, w int) string {
	line := func(n int) string { return a.styles.faint.Render(strings.Repeat(a.glyphs.horizontal, max(n, 0))) }
	title := p.title
	note := p.note
	if note != "" && ansi.StringWidth(title)+ansi.StringWidth(note)+8 > w {
		note = ""
	}
	room := w - 4
	if note != "" {
		room -= ansi.StringWidth(note) + 3
	}
	if room < 3 {
		return line(w)
	}
	title = ansi.Truncate(title, room, a.glyphs.ellipsis)
	style := a.styles.plain
	if p.focused {
		style = a.styles.bold
	}
	out := line(1) + " " + style.Render(title) + " "
	used := 3 + ansi.StringWidth(title)
	if note == "" {
		return out + line(w-used)
	}
	return out + line(w-used-ansi.StringWidth(note)-3) + " " + note + " " + line(1)
}

// bottom draws the line below the panes, with the notice in it.
func (a *app) bottom() string {
	l := a.lay
	n := a.notice
	if down := a.down(); n.text == "" && down != "" && !a.apply.running { // stays
		n = notice{bad, down}
	}
	if n.text == "" && a.screen == applyScreen && !a.apply.running { // stays
		n = notice{a.apply.result.tone, a.apply.result.text}
	}
	if n.text != "" {
		text := ansi.Truncate(n.text, max(l.w-4, 1), a.glyphs.ellipsis)
		rest := max(l.w-3-ansi.StringWidth(text), 0)
		return a.styles.faint.Render(a.glyphs.horizontal) + " " + a.tone(n.tone, text) + " " +
			a.styles.faint.Render(strings.Repeat(a.glyphs.horizontal, rest))
	}
	if l.arrange != side {
		return a.styles.faint.Render(strings.Repeat(a.glyphs.horizontal, l.w))
	}
	return a.styles.faint.Render(strings.Repeat(a.glyphs.horizontal, l.left.w) + a.glyphs.teeUp +
		strings.Repeat(a.glyphs.horizontal, max(l.w-l.left.w-1, 0)))
}

func (a *app) tone(t tone, text string) string { return a.toneStyle(t).Render(text) }

func (a *app) toneStyle(t tone) pen {
	switch t {
	case good:
		return a.styles.good.bold()
	case warn:
		return a.styles.warn.bold()
	case bad:
		return a.styles.bad.bold()
	}
	return a.styles.bold
}

// place lays a box over the middle of the screen's lines.
func (l *layout) place(lines, box []string) {
	if len(box) == 0 {
		return
	}
	w := min(ansi.StringWidth(box[0]), l.w)
	top, left := max((l.h-len(box))/2, 0), max((l.w-w)/2, 0)
	for i, b := range box {
		if top+i >= len(lines) {
			return
		}
		under := lines[top+i]
		before := fit(ansi.Truncate(under, left, ""), left, "")
		after := ansi.TruncateLeft(under, left+w, "")
		lines[top+i] = fit(before+"\x1b[m"+fit(b, w, "")+"\x1b[m"+after, l.w, "")
	}
}
