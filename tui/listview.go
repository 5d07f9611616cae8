package tui

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// listPane draws the rows of the findings list that are in sight.
func (a *app) listPane() pane {
	l := a.list
	p := pane{title: "by " + l.by.String()}
	if l.filter.on() {
		how := map[bool]string{true: " (abbreviated)"}[l.fuzzy]
		p.title += fmt.Sprintf(" %s / %s%s %s %d", a.glyphs.dot, fixes.Clean(l.filter.raw), how, a.glyphs.dot, l.total)
	}
	if len(l.rows) == 0 {
		p.lines = a.emptyList()
		return p
	}
	if len(l.rows) > l.scroll.h {
		p.note = fmt.Sprintf("%d/%d", l.scroll.cursor+1, len(l.rows))
	}
	from, to := l.scroll.window()
	for i := from; i < to; i++ {
		p.lines = append(p.lines, a.listRow(i))
	}
	return p
}

// emptyList says why no finding is listed.
func (a *app) emptyList() []string {
	w := max(a.lay.left.w-2, 1)
	var text []string
	switch {
	case a.scan.err != nil:
		text = append(wrap("The scan failed: "+fixes.CleanLines(a.scan.err.Error()), w), "", "r scans again.")
	case a.scan.running && len(a.list.order) == 0:
		text = wrap("Looking for what can be hardened. Findings appear as they come.", w)
	case a.list.filter.on():
		text = wrap("Nothing matches the filter. esc ends it.", w)
	default:
		text = wrap("Nothing found: every rule that could look is content.", w)
	}
	out := []string{""}
	for _, t := range text {
		out = append(out, " "+t)
	}
	return out
}

// cell is a piece of a row with its look.
type cell struct {
	text  string
	style lipgloss.Style
	tail  bool // where it is cut, its end stays
}

// drawRow puts cells to the left and right ends of a row. The right ones stay
// when it is narrow. A row with the cursor has a mark, and is reversed where
// the keys go to the list.
func (a *app) drawRow(left, right []cell, w int, cursor bool) string {
	mark := " "
	if cursor {
		mark = a.glyphs.cursor
	}
	left = append([]cell{{text: mark, style: a.styles.bold}}, left...)
	rw := 0
	for _, c := range right {
		rw += ansi.StringWidth(c.text)
	}
	if rw > w/2 {
		right, rw = nil, 0
	}
	plain := cursor && !a.inDetail
	write := func(b *strings.Builder, cells []cell, room int) int {
		for _, c := range cells {
			if room <= 0 {
				break
			}
			text := c.text
			tw := ansi.StringWidth(text)
			if tw > room {
				if c.tail {
					text = ansi.TruncateLeft(text, tw-room+1, a.glyphs.ellipsis)
				} else {
					text = ansi.Truncate(text, room, a.glyphs.ellipsis)
				}
				tw = ansi.StringWidth(text)
			}
			room -= tw
			if plain {
				b.WriteString(text)
			} else {
				b.WriteString(c.style.Render(text))
			}
		}
		return room
	}
	var b strings.Builder
	room := write(&b, left, w-rw)
	b.WriteString(strings.Repeat(" ", max(room, 0)))
	write(&b, right, rw)
	if plain {
		return a.styles.reverse.Render(b.String())
	}
	return b.String()
}

func (a *app) listRow(i int) string {
	r := a.list.rows[i]
	cursor := i == a.list.scroll.cursor
	if r.isGroup() {
		return a.groupRow(r.group, cursor)
	}
	return a.findingRow(i, r, cursor)
}

func (a *app) groupRow(id int32, cursor bool) string {
	g, t := &a.list.groups[a.list.by][id], a.list.tallies[id]
	arrow := a.glyphs.shut
	if a.list.listed(id) {
		arrow = a.glyphs.open
	}
	chosen := ""
	if t.staged > 0 {
		chosen = fmt.Sprintf("%d%s", t.staged, a.glyphs.staged)
	}
	left := []cell{{text: arrow + " "}, {text: g.label, style: a.styles.bold}}
	count, mark := " %4d", " %5s "
	if a.lay.left.w < 44 {
		count, mark = " %3d", " %4s "
	}
	right := []cell{
		{text: fmt.Sprintf(" %4s", severityWord(g.severity)), style: a.styles.severity[g.severity]},
		{text: fmt.Sprintf(count, t.n)},
		{text: fmt.Sprintf(mark, chosen), style: a.styles.good}, // marks are one cell wide
	}
	return a.drawRow(left, right, a.lay.left.w, cursor)
}

func (a *app) findingRow(i int, r row, cursor bool) string {
	it := &a.list.items[r.item]
	mark, markStyle := a.glyphs.none, a.styles.faint
	word, wordStyle := "no fix", a.styles.faint
	fix := it.fix()
	if staged, ok := a.dec.staged(r.item); ok {
		fix = &it.f.Fixes[staged]
	}
	if fix != nil {
		word, wordStyle = fix.Confidence.String(), a.styles.confidence[fix.Confidence]
		if fix.Edit != nil {
			mark = a.glyphs.unstaged
		}
	}
	if a.dec.taken[r.item] > 0 {
		mark, markStyle = a.glyphs.staged, a.styles.good.Bold(true)
	}
	if amended := a.dec.amended(r.item); amended != "" {
		word, wordStyle = amended, a.styles.warn
	}
	first, second := a.rowNames(i, it)
	path := a.list.by == byObject || second == shortPath(it.f.Path)
	left := []cell{{text: "  "}, {text: mark, style: markStyle}, {text: " " + first + "  "}, {text: second, style: a.styles.faint, tail: path}}
	right := []cell{{text: fmt.Sprintf(" %6s ", word), style: wordStyle}}
	if s := it.f.Severity; a.list.by != byRule || s != a.list.groups[byRule][r.group].severity {
		right = append([]cell{{text: fmt.Sprintf(" %4s", severityWord(s)), style: a.styles.severity[s]}}, right...)
	}
	return a.drawRow(left, right, a.lay.left.w, cursor)
}

// rowNames returns what tells a finding from the others of its group, and
// what is good to know beside it.
func (a *app) rowNames(i int, it *item) (first, second string) {
	kind := it.f.Object.Kind.Name
	switch a.list.by {
	case byRule:
		if a.neighbour(i-1, it) || a.neighbour(i+1, it) {
			return it.object, shortPath(it.f.Path)
		}
		return it.object, kind
	case byNamespace:
		return it.f.Rule.ID, kind + " " + fixes.Clean(it.f.Object.Name)
	case byObject:
		return it.f.Rule.ID, shortPath(it.f.Path)
	}
	return it.f.Rule.ID, it.object + " " + kind
}

// neighbour reports whether the row's finding is of the same object.
func (a *app) neighbour(i int, it *item) bool {
	if i < 0 || i >= len(a.list.rows) || a.list.rows[i].isGroup() {
		return false
	}
	return a.list.items[a.list.rows[i].item].f.Object == it.f.Object
}

// shortPath leaves out of a path how one gets to the pod.
func shortPath(path string) string {
	for _, prefix := range []string{"spec.jobTemplate.spec.template.spec.", "spec.template.spec.", "spec.template.", "spec."} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			return rest
		}
	}
	return path
}
