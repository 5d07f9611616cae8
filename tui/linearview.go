package tui

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// told is what was said already, so that only what is new is.
type told struct {
	scanned, checked string
	made             []int // versions of the changes of the apply
	apply            int   // whose
	version          int   // of the decisions
	list             bool  // the list of the screen
	scan, plan       int   // of which that is, and how it is grouped
	by               groupBy
}

// mostRows bounds how much of a list is written at once.
const mostRows = 50

// write writes lines: without what only a screen needs, and never two empty
// ones.
func (l *linear) write(lines ...string) {
	for _, line := range lines {
		line = spoken(line)
		if line == "" && l.empty {
			continue
		}
		l.empty = line == ""
		if _, err := io.WriteString(l.out, contain(line)+"\n"); err != nil && l.err == nil {
			l.err = err
		}
	}
}

// spoken takes styles out of a line, and what is left of its marks.
func spoken(line string) string {
	line = strings.ReplaceAll(strings.TrimRight(ansi.Strip(line), " "), " , ", ", ")
	return strings.TrimPrefix(line, ", ")
}

// tellProgress tells how far what goes on has come.
func (l *linear) tellProgress() {
	if p := l.scan.progress; l.scan.running && p.Kinds > 0 {
		l.tellOnce(&l.told.scanned, fmt.Sprintf("scanned %d/%d kinds, %s", p.Loaded, p.Kinds, plural(len(l.list.order), "finding")))
	}
	if c := &l.plan.check; c.running {
		l.tellOnce(&l.told.checked, fmt.Sprintf("the server has answered about %d/%d changes", c.answered(), len(c.answers)))
	}
	v := &l.apply
	if v.number == 0 {
		return
	}
	if l.told.apply != v.number {
		l.told.apply, l.told.made = v.number, make([]int, len(v.changes))
	}
	said := 0
	for i := range v.changes {
		m := &v.changes[i]
		if l.told.made[i] == m.version {
			continue
		}
		l.told.made[i] = m.version
		if m.state == fixes.Checked || m.state == fixes.Pending {
			continue
		}
		if said++; said > mostRows {
			continue
		}
		l.write(l.madeLine(i))
		for _, w := range m.warnings {
			l.write("  warning: " + firstLine(w))
		}
	}
	if said > mostRows {
		l.write(fmt.Sprintf("and %d more", said-mostRows))
	}
}

func (l *linear) tellOnce(last *string, line string) {
	if *last != line {
		*last = line
		l.write(line)
	}
}

// madeLine says what became of a change.
func (l *linear) madeLine(i int) string {
	v := &l.apply
	m := &v.changes[i]
	return join(": ", v.word(m.state)+" "+fixes.Clean(v.plan.Changes[i].Object.String()), firstLine(m.detail))
}

// tellAll says what came of a line: what happened, what is asked, and where
// the program is now.
func (l *linear) tellAll() {
	if l.quits {
		return
	}
	t := &l.told
	if t.scan != l.scan.number || t.by != l.list.by {
		t.scan, t.by, t.list, t.scanned, l.group = l.scan.number, l.list.by, false, "", noGroup
	}
	if t.plan != l.plan.number {
		t.plan, t.checked = l.plan.number, ""
		t.list = t.list && l.screen != planScreen
	}
	if l.notice.text != "" {
		l.write(l.notice.text)
	}
	switch o := l.overlay.(type) {
	case nil:
		switch {
		case l.shown != l.screen || !t.list:
			l.page = 0
			l.writeList()
		case t.version != l.dec.version:
			l.write(fmt.Sprintf("%d staged", l.dec.count))
		}
	case *message:
		l.overlay = nil // there is nothing to answer
		l.write("", o.title)
		l.write(o.text...)
	default:
		lines := []string{""}
		for _, line := range l.overlay.box(l.app, unbound, unbound) {
			if line = strings.TrimSpace(spoken(line)); line != ">" {
				lines = append(lines, line)
			}
		}
		l.write(lines...)
	}
}

// question ends what is written: it says what may be typed.
func (l *linear) question() string {
	switch l.overlay.(type) {
	case nil:
	case *prompt:
		return "Answer, or an empty line for what stands there:"
	default:
		return "Answer, or an empty line to go back:"
	}
	var words []string
	for i := range l.keys[l.screen] {
		if b := &l.keys[l.screen][i]; b.short != "" && b.linear() && b.disabled(l.app) == "" {
			words = append(words, b.short)
		}
	}
	return "A number or a command (" + join(", ", append(words, "back", "details", "list", "quit")...) + ", or ? for all):"
}

// writeHelp lists the commands.
func (l *linear) writeHelp() {
	l.write("N: open number N of the list", "COMMAND N M: do it for these numbers of the list",
		"list, more: write the list again, or go on with it", "details: all about what was opened last, or about its rule",
		"back: one step back")
	for i := range l.keys[l.screen] {
		b := &l.keys[l.screen][i]
		if !b.linear() || b.help == "" {
			continue
		}
		name := b.short
		if name == "" {
			name = firstWord(b.help)
		}
		if l.named(name) != b {
			name = ""
		}
		why := b.disabled(l.app)
		l.write(join(" or ", append([]string{name}, b.keys[:min(len(b.keys), 1)]...)...) + ": " + b.help + when(why != "", " (not now: "+why+")"))
	}
}

func (l *linear) writeDetails() {
	l.send(nil)
	l.write(append([]string{l.detail.title}, l.detail.lines...)...)
}

// rows returns the list of the screen, of which each line has its number, but
// for what begins with a space.
func (l *linear) rows() (title string, rows []string) {
	switch l.screen {
	case findingsScreen:
		if l.group != noGroup {
			return l.groupLine(l.group), l.findingLines()
		}
		title = fmt.Sprintf("%s by %s, %d staged", plural(len(l.list.order), "finding"), l.list.by, l.dec.count)
		if l.list.filter.on() {
			title += fmt.Sprintf("; the filter %s leaves %d", fixes.Clean(l.list.filter.raw), l.list.total)
		}
		for _, g := range l.groups() {
			rows = append(rows, l.groupLine(g))
		}
		if len(rows) == 0 {
			title = strings.TrimSpace(strings.Join(l.emptyList(), " "))
		}
	case planScreen:
		return l.planLines()
	case applyScreen:
		v := &l.apply
		for i := range v.changes {
			rows = append(rows, l.madeLine(i))
		}
		return v.result.text, rows
	case namespacesScreen, matrixScreen:
		return l.networkLines()
	}
	return title, rows
}

func (l *linear) planLines() (title string, rows []string) {
	p := &l.plan
	if p.plan == nil || p.err != nil {
		return "no plan", l.planErrDetail(unbound)
	}
	title = "the plan: " + l.planSum(unbound)
	for n := range p.waves {
		for k, i := range p.waves[n].Changes {
			c := &p.plan.Changes[i]
			row := join(", ", fmt.Sprintf("%s %s", c.Action, fixes.Clean(c.Object.String())),
				when(p.restarts[i], "restarts its pods"), "closes "+plural(len(c.Fixes), "finding"), p.check.verdictOf(i).word())
			if k == 0 {
				row += " (begins " + p.waves[n].label + ")"
			}
			rows = append(rows, row)
		}
	}
	return title, rows
}

func (l *linear) networkLines() (title string, rows []string) {
	left, _, status := l.namespacesPanes()
	if l.screen == matrixScreen {
		left, _, status = l.matrixPanes()
	}
	for _, line := range left.lines {
		if strings.TrimSpace(spoken(line)) != "" {
			rows = append(rows, line)
		}
	}
	return join(", ", left.title, left.note, status), rows
}

func (l *linear) writeList() {
	l.send(nil)
	l.shown, l.told.list = l.screen, true
	title, rows := l.rows()
	from := min(l.page*mostRows, len(rows))
	to := min(from+mostRows, len(rows))
	words := func(s string) string { return strings.Join(strings.Fields(spoken(s)), " ") }
	lines := []string{"", words(title)}
	for i := from; i < to; i++ {
		lines = append(lines, fmt.Sprintf("%d. %s", i+1, words(rows[i])))
	}
	if to < len(rows) {
		lines = append(lines, fmt.Sprintf("and %d more: more goes on", len(rows)-to))
	}
	l.write(lines...)
}

// groups are those listed, in their order.
func (l *linear) groups() []int32 {
	var ids []int32
	for _, r := range l.list.rows {
		if r.isGroup() {
			ids = append(ids, r.group)
		}
	}
	return ids
}

func (l *linear) groupLine(id int32) string {
	g, t := &l.list.groups[l.list.by][id], l.list.tallies[id]
	return join(", ", g.label, g.severity.String(), plural(int(t.n), "finding"), when(t.staged > 0, fmt.Sprintf("%d staged", t.staged)))
}

// findingLines are the findings of the group that is open.
func (l *linear) findingLines() []string {
	var lines []string
	for i, r := range l.list.rows {
		if r.group != l.group || r.isGroup() {
			continue
		}
		it := &l.list.items[r.item]
		var names strings.Builder
		for _, c := range l.rowNames(i, it) {
			names.WriteString(c.text)
		}
		fix, state := it.fix(), "no fix"
		if staged, ok := l.dec.staged(r.item); ok {
			fix = &it.f.Fixes[staged]
		}
		if fix != nil {
			state = fix.Confidence.String()
		}
		severity := it.f.Severity.String()
		if l.list.by == byRule {
			severity = ""
		}
		lines = append(lines, join(", ", strings.Join(strings.Fields(names.String()), " "), severity, state, when(l.dec.taken[r.item] > 0, "staged")))
	}
	return lines
}

// point puts the cursor on a number of the list, and says so where there is
// none.
func (l *linear) point(n int) bool {
	_, rows := l.rows()
	if n < 1 || n > len(rows) {
		l.say(warn, fmt.Sprintf("the list has no number %d", n))
		return false
	}
	l.inDetail = false
	switch l.screen {
	case findingsScreen:
		at := row{l.group, heading}
		if l.group == noGroup {
			at.group = l.groups()[n-1]
		}
		l.list.seek(at, 0)
		if l.group != noGroup {
			l.list.scroll.to(l.list.scroll.cursor + n)
		}
	case planScreen, applyScreen:
		s := l.scroller()
		for i, r := range l.outlineRows() {
			if r.isChange() {
				if n--; n == 0 {
					s.to(i)
				}
			}
		}
	default:
		l.scroller().to(n - 1)
	}
	l.send(nil)
	return true
}

func (l *linear) outlineRows() []planRow {
	if l.screen == applyScreen {
		return l.apply.rows
	}
	return l.plan.rows
}

// open opens a number of the list: a group has a list of its own, all else has
// details.
func (l *linear) open(n int) {
	switch ok := l.point(n); {
	case !ok:
	case l.screen == findingsScreen && l.group == noGroup:
		r, _ := l.list.current()
		l.list.toggle(r.group, true, &l.dec)
		l.group, l.told.list = r.group, false
	case l.screen == namespacesScreen:
		l.do(l.openMatrix())
	default:
		l.writeDetails()
	}
}

// goBack leaves a group, or a screen.
func (l *linear) goBack() {
	if l.screen == findingsScreen && l.group != noGroup {
		l.group, l.told.list = noGroup, false
		return
	}
	for i := range l.keys[l.screen] {
		if b := &l.keys[l.screen][i]; verbOf(b.action) == "back" {
			l.perform(b)
			break
		}
	}
	l.told.list = false
}
