package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// listPane draws the rows of the findings list that are in sight.
func (a *app) listPane() pane {
	l := a.list
	p := pane{title: "by " + l.by.String() + ", " + l.sort.String()}
	if l.filter.on() {
		how := map[bool]string{true: " (abbreviated)"}[l.fuzzy]
		p.title += fmt.Sprintf(" %s %d %s / %s%s", a.glyphs.dot, l.total, a.glyphs.dot, fixes.Clean(l.filter.raw), how)
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
	case a.down() != "":
		text = wrap(a.down()+".", w)
	case a.scan.err != nil:
		text = append(wrap("The scan failed: "+fixes.CleanLines(a.scan.err.Error()), w), "", sentence(a.does("scan", "scans again")))
	case a.scan.running && len(a.list.order) == 0:
		text = wrap("Looking for what can be hardened. Findings appear as they come.", w)
	case a.list.filter.on():
		text = wrap(join(" ", "Nothing matches the filter.", sentence(a.does("back", "ends it"))), w)
	case a.ignoredCount() > 0:
		text = wrap(join(": ", "Nothing found but what is ignored", a.does("showIgnored", "shows it"))+".", w)
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
	style pen
	tail  bool // where it is cut, its end stays
	hits  []span
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
	var b strings.Builder
	under := "" // what of a reversed row is not drawn yet
	reverse := func(style pen) {
		if under != "" {
			b.WriteString(style.Render(under))
			under = ""
		}
	}
	plain := cursor && !a.inDetail
	draw := func(text string, style pen, hit bool) {
		switch {
		case hit && plain:
			reverse(a.styles.reverse)
			under = text
			reverse(pointedOut(a.styles.reverse))
		case hit:
			b.WriteString(pointedOut(style).Render(text))
		case plain:
			under += text
		default:
			b.WriteString(style.Render(text))
		}
	}
	write := func(cells []cell, room int) int {
		for _, c := range cells {
			if room <= 0 {
				break
			}
			c = c.cut(room, a.glyphs.ellipsis)
			room -= ansi.StringWidth(c.text)
			c.parts(func(text string, hit bool) { draw(text, c.style, hit) })
		}
		return room
	}
	room := write(left, w-rw)
	draw(strings.Repeat(" ", max(room, 0)), a.styles.plain, false)
	write(right, rw)
	reverse(a.styles.reverse)
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
	left := append([]cell{{text: arrow}, a.groupMark(id)}, a.groupName(id)...)
	count, mark := " %4d", " %5s "
	if a.lay.left.w < 44 {
		count, mark = " %3d", " %4s "
	}
	right := []cell{
		{text: fmt.Sprintf(" %4s", severityWord(g.severity)), style: a.styles.severity[g.severity]},
		{text: fmt.Sprintf(count, t.n-t.ignored)},
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
		mark, markStyle = a.glyphs.staged, a.styles.good.bold()
	}
	if amended := a.dec.amended(r.item); amended != "" {
		word, wordStyle = amended, a.styles.warn
	}
	if it.by != nil {
		mark, word, wordStyle = a.glyphs.none, "ignored", a.styles.faint
		markStyle = a.styles.faint
	}
	first := cell{text: " "}
	if _, fresh := a.watch.fresh[it.f.Fingerprint]; fresh {
		first = cell{text: "+", style: a.styles.good.bold()}
	}
	if a.list.marks.all[r.item] {
		first = cell{text: a.glyphs.marked, style: a.styles.bold}
	}
	left := append([]cell{first, {text: " "}, {text: mark, style: markStyle}, {text: " "}}, a.rowNames(i, it)...)
	if it.by != nil {
		for i := range left {
			left[i].style = a.styles.faint
		}
	}
	right := []cell{{text: fit(fmt.Sprintf(" %6s ", word), 8, ""), style: wordStyle}}
	if s := it.f.Severity; a.list.by != byRule || s != a.list.groups[byRule][r.group].severity {
		style := a.styles.severity[s]
		if it.by != nil {
			style = a.styles.faint
		}
		right = append([]cell{{text: fmt.Sprintf(" %4s", severityWord(s)), style: style}}, right...)
	}
	return a.drawRow(left, right, a.lay.left.w, cursor)
}

// groupMark tells whether the findings of a group are marked: all, or some.
func (a *app) groupMark(id int32) cell {
	m := &a.list.marks
	if m.n == 0 {
		return cell{text: " "}
	}
	some, all := false, true
	for _, i := range a.list.inGroup(id) {
		some, all = some || m.all[i], all && m.all[i]
	}
	switch {
	case all:
		return cell{text: a.glyphs.marked, style: a.styles.bold}
	case some:
		return cell{text: a.glyphs.partly, style: a.styles.bold}
	}
	return cell{text: " "}
}

// groupName returns what a group is called.
func (a *app) groupName(id int32) []cell {
	l := a.list
	label := l.groups[l.by][id].label
	it := &l.items[l.inGroup(id)[0]]
	object := len(it.f.Rule.ID) + 1 // where the object stands in the name
	switch l.by {
	case byRule:
		return []cell{a.named(label, a.styles.bold, it, 0)}
	case byObject:
		kind := strings.TrimSuffix(label, it.object)
		return []cell{a.named(kind, a.styles.bold, it, elsewhere).and(a.named(it.object, a.styles.bold, it, object))}
	case byNamespace:
		if strings.HasPrefix(it.object, label) {
			return []cell{a.named(label, a.styles.bold, it, object)}
		}
	}
	return []cell{a.named(label, a.styles.bold, it, elsewhere)}
}

// named returns a cell in which is pointed out what the filter looks for. The
// text stands in the finding's name from at on.
func (a *app) named(text string, style pen, it *item, at int) cell {
	return cell{text: text, style: style, hits: a.list.hits(text, it, at)}
}

// rowNames returns what tells a finding from the others of its group, and
// what is good to know beside it.
func (a *app) rowNames(i int, it *item) []cell {
	kind, faint := it.f.Object.Kind.Name, a.styles.faint
	at := len(it.f.Rule.ID) + 1 // where the object stands in the name
	gap := cell{text: "  "}
	rule := []cell{a.named(it.f.Rule.ID, a.styles.plain, it, 0).and(gap)}
	path := a.named(shortPath(it.f.Path), faint, it, elsewhere)
	path.tail = true
	switch a.list.by {
	case byRule:
		beside := a.named(kind, faint, it, elsewhere)
		if a.neighbour(i-1, it) || a.neighbour(i+1, it) {
			beside = path
		}
		return []cell{a.named(it.object, a.styles.plain, it, at).and(gap), beside}
	case byNamespace:
		name := fixes.Clean(it.f.Object.Name)
		return append(rule, a.named(kind+" ", faint, it, elsewhere).and(a.named(name, faint, it, at+len(it.object)-len(name))))
	case byObject:
		return append(rule, path)
	}
	return append(rule, a.named(it.object, faint, it, at).and(a.named(" "+kind, faint, it, elsewhere)))
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
