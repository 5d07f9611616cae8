package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// findingsKeys are the keys of the first screen.
func findingsKeys() []binding {
	do := func(f func(*app)) func(*app) tea.Cmd {
		return func(a *app) tea.Cmd { f(a); return nil }
	}
	list := []binding{
		{keys: []string{"space"}, short: "stage", help: "stage or unstage the fix, those of the group, or the marked", group: toChoose,
			off: (*app).cannotStage, run: do((*app).toggleStaged)},
		{keys: []string{"S"}, short: "all safe", help: "stage all safe fixes (of the marked, or of those the filter shows)", group: toChoose,
			off: (*app).noFindings, run: do((*app).stageSafe)},
		{keys: []string{"U"}, help: "unstage all (of the marked, or of those the filter shows)", group: toChoose,
			off: nothingStaged, run: do((*app).unstageAll)},
		{keys: []string{"u"}, help: "undo the last decision", group: toChoose,
			off: func(a *app) string { return when(len(a.dec.past) == 0, "nothing to undo") }, run: do((*app).undo)},
		{keys: []string{"ctrl+r"}, help: "redo it", group: toChoose,
			off: func(a *app) string { return when(len(a.dec.future) == 0, "nothing to redo") }, run: do((*app).redo)},
		{keys: []string{"x"}, short: "mark", help: "mark the finding or those of the group; space, S, U and y then act on the marked", group: toChoose,
			off: (*app).noFindings, run: do((*app).mark)},
		{keys: []string{"v"}, help: "mark a range: from here to where the cursor goes", group: toChoose,
			off: (*app).noFindings, run: do((*app).markRange)},
		{keys: []string{"*"}, help: "mark all that the filter shows, or none", group: toChoose,
			off: (*app).noFindings, run: do((*app).markAll)},
		{keys: []string{"f"}, short: "other fix", help: "look at the next of several fixes", group: toChoose,
			off: (*app).noOtherFix, run: do((*app).nextFix)},
		{keys: []string{"p"}, short: "plan", help: "look at the plan of all staged fixes", group: toAct,
			off: (*app).cannotPlan, run: (*app).openPlan},
		{keys: []string{"a"}, help: "look at the last apply again, to undo it", group: toAct,
			off: (*app).nothingApplied, run: do((*app).returnToApply)},
		{keys: []string{"e"}, help: "export the plan to files", group: toAct,
			off: (*app).cannotExport, run: do((*app).askExport)},
		{keys: []string{"/"}, short: "filter", help: filterHelp(), group: toLook,
			run: do((*app).startFilter)},
		{keys: []string{"t"}, short: "group", help: "group by rule, namespace, object, threat or severity", group: toLook, label: "t T",
			off: (*app).noFindings, run: do(func(a *app) { a.turnGrouping(1) })},
		{keys: []string{"T"}, off: (*app).noFindings, run: do(func(a *app) { a.turnGrouping(-1) })},
		{keys: []string{"s"}, help: "sort by severity, name, confidence or number", group: toLook,
			off: (*app).noFindings, run: do((*app).nextSorting)},
		networkKey("network"),
		{keys: []string{"enter", "right", "l"}, label: "enter", help: "open the group, or go to the details", group: toMove,
			run: do((*app).enter)},
		{keys: []string{"left", "h"}, label: "left, h", help: "back to the list, or close the group", group: toMove,
			run: do((*app).goLeft)},
		{keys: []string{"esc"}, help: "one step back; drops a range, the marks, a filter", group: toMove, run: do((*app).back)},
		{keys: []string{"=", "+"}, label: "= -", help: "open all groups, close them", group: toLook,
			run: do(func(a *app) { a.foldAll(true) })},
		{keys: []string{"-"}, run: do(func(a *app) { a.foldAll(false) })},
		{keys: []string{"c"}, help: "more or less around each change", group: toLook,
			run: do((*app).nextContext)},
		{keys: []string{"!"}, help: "what the scan could not read, and why", group: toLook,
			off: nothingLeftOut, run: do((*app).showSkips)},
		{keys: []string{"y"}, help: "copy: the command or the patch of this fix, names, the session's command line", group: toAct,
			off: (*app).noFindings, run: do((*app).openCopyMenu)},
		{keys: []string{"r"}, help: "scan again", group: toAct,
			off: func(a *app) string { return when(a.scan.running, "a scan is running") }, run: (*app).startScan},
	}
	return append(append(moves(), list...), leave()...)
}

// when returns why if it is so.
func when(so bool, why string) string {
	if so {
		return why
	}
	return ""
}

func nothingStaged(a *app) string { return when(a.dec.count == 0, "nothing is staged") }

func (a *app) noFindings() string { return when(len(a.list.rows) == 0, "no finding is listed") }

func (a *app) noOtherFix() string {
	id, ok := a.list.currentItem()
	return when(!ok || len(a.list.items[id].f.Fixes) < 2, "there is no other fix")
}

func (a *app) nextFix() {
	id, _ := a.list.currentItem()
	it := &a.list.items[id]
	it.shown = int8((int(it.shown) + 1) % len(it.f.Fixes))
}

func (a *app) turnGrouping(by groupBy) {
	a.list.regroup((a.list.by+by+groupings)%groupings, &a.dec)
}

func (a *app) foldAll(open bool) {
	a.touched = true
	a.list.openAll(open, &a.dec)
}

// enter opens the group under the cursor, or goes to the details.
func (a *app) enter() {
	if a.inDetail {
		return
	}
	r, ok := a.list.current()
	switch {
	case !ok:
	case !r.isGroup():
		a.inDetail = true
	case a.list.listed(r.group):
		a.list.scroll.to(a.list.scroll.cursor + 1)
	default:
		a.touched = true
		a.list.toggle(r.group, true, &a.dec)
	}
}

// goLeft goes back from the details, from a finding to its group, and closes
// the group.
func (a *app) goLeft() {
	if a.inDetail {
		a.inDetail = false
		return
	}
	r, ok := a.list.current()
	switch {
	case !ok:
	case !r.isGroup():
		a.list.parent()
	case a.list.listed(r.group):
		a.touched = true
		a.list.toggle(r.group, false, &a.dec)
	}
}

// back goes one step back and never further than to the whole list.
func (a *app) back() {
	switch {
	case a.inDetail:
		a.inDetail = false
	case a.unmark():
	case a.list.filter.raw != "":
		a.list.setFilter("", &a.dec)
	}
}

func nothingLeftOut(a *app) string {
	return when(a.scan.err == nil && (a.scan.result == nil || len(a.scan.result.Inventory.Skips()) == 0), "nothing was left out")
}

// showSkips lists what the scan could not read.
func (a *app) showSkips() {
	if err := a.scan.err; err != nil {
		a.overlay = &message{title: "The scan failed", text: strings.Split(fixes.CleanLines(err.Error()), "\n")}
		return
	}
	m := &message{title: "What the scan could not read", text: []string{
		"Rules that need these stay silent, or ask for a review instead of calling a fix safe.", "",
	}}
	for _, s := range a.scan.result.Inventory.Skips() {
		where := "everywhere"
		if s.Namespace != "" {
			where = "in " + fixes.Clean(s.Namespace)
		}
		m.text = append(m.text, fixes.Clean(s.Resource)+" "+where+": "+fixes.Clean(s.Reason))
	}
	a.overlay = m
}
