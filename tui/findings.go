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
		{action: "findings.stage", keys: []string{"space"}, short: "stage", help: "stage or unstage the fix, those of the group or the marked, or in the details a part of it", group: toChoose,
			off: (*app).cannotStage, run: do((*app).toggleStaged)},
		{action: "findings.stageSafe", keys: []string{"S"}, short: "all safe", help: "stage all safe fixes (of the marked, or of those the filter shows)", group: toChoose,
			off: (*app).noFindings, run: do((*app).stageSafe)},
		{action: "findings.unstageAll", keys: []string{"U"}, help: "unstage all (of the marked, or of those the filter shows)", group: toChoose,
			off: (*app).nothingToUnstage, run: do((*app).unstageAll)},
		{action: "findings.undo", keys: []string{"u"}, help: "undo the last decision", group: toChoose,
			off: (*app).cannotUndoDecision, run: (*app).undo},
		{action: "findings.redo", keys: []string{"ctrl+r"}, help: "redo it", group: toChoose,
			off: (*app).cannotRedoDecision, run: (*app).redo},
		{action: "findings.mark", keys: []string{"x"}, short: "mark", help: "mark the finding or those of the group; {stage stageSafe unstageAll ignore copy} then act on the marked", group: toChoose,
			off: (*app).noFindings, run: do((*app).mark)},
		{action: "findings.markRange", keys: []string{"v"}, help: "mark a range: from here to where the cursor goes", group: toChoose,
			off: (*app).noFindings, run: do((*app).markRange)},
		{action: "findings.markAll", keys: []string{"*"}, help: "mark all that the filter shows, or none", group: toChoose,
			off: (*app).noFindings, run: do((*app).markAll)},
		{action: "findings.nextFix", keys: []string{"f"}, short: "other fix", help: "look at the next of several fixes", group: toChoose,
			off: (*app).noOtherFix, run: do((*app).nextFix)},
		{action: "findings.plan", keys: []string{"p"}, short: "plan", help: "look at the plan of all staged fixes", group: toAct,
			off: (*app).cannotPlan, run: (*app).openPlan},
		{action: "findings.ignore", keys: []string{"i"}, short: "ignore", help: "ignore the finding, or those of the group, with a reason; end that", group: toChoose, asks: "y",
			off: (*app).cannotIgnore, run: do((*app).askIgnore)},
		{action: "findings.showIgnored", keys: []string{"I"}, help: "show what is ignored, or hide it", group: toLook,
			off: func(a *app) string { return when(a.ignoredCount() == 0, "nothing is ignored") }, run: do((*app).toggleIgnored)},
		{action: "findings.lastApply", keys: []string{"a"}, help: "look at the last apply again, to undo it", group: toAct,
			off: (*app).nothingApplied, run: do((*app).returnToApply)},
		{action: "findings.export", keys: []string{"E"}, help: "export the plan to files", group: toAct, asks: "enter",
			off: (*app).cannotExport, run: do((*app).askExport)},
		{action: "findings.edit", keys: []string{"e"}, help: "edit the result of the fix in $KUBE_EDITOR or $EDITOR", group: toChoose,
			off: (*app).cannotEdit, run: (*app).editObject},
		{action: "findings.filter", keys: []string{"/"}, short: "filter", help: filterHelp(), group: toLook,
			run: do((*app).startFilter)},
		{action: "findings.group", keys: []string{"t"}, short: "group", help: "group by rule, namespace, object, threat or severity", group: toLook, label: "t T",
			off: (*app).noFindings, run: do(func(a *app) { a.turnGrouping(1) })},
		{action: "findings.groupBack", keys: []string{"T"}, off: (*app).noFindings, run: do(func(a *app) { a.turnGrouping(-1) })},
		{action: "findings.sort", keys: []string{"s"}, help: "sort by severity, name, confidence or number", group: toLook,
			off: (*app).noFindings, run: do((*app).nextSorting)},
		networkKey("network"),
		historyKey(),
		{action: "findings.restore", keys: []string{"B"}, help: "bring back what was staged in the last session", group: toChoose, asks: "r d",
			off: (*app).nothingOffered, run: do((*app).askKept)},
		{action: "findings.open", keys: []string{"enter", "right", "l"}, help: "open the group, or go to the details", group: toMove,
			run: do((*app).enter)},
		{action: "findings.close", keys: []string{"left", "h"}, label: "left, h", help: "back to the list, or close the group", group: toMove,
			run: do((*app).goLeft)},
		{action: "findings.back", keys: []string{"esc"}, help: "one step back; drops a range, the marks, a filter", group: toMove, run: do((*app).back)},
		{action: "findings.openAll", keys: []string{"=", "+"}, help: "open all groups, close them", group: toLook,
			run: do(func(a *app) { a.foldAll(true) })},
		{action: "findings.closeAll", keys: []string{"-"}, run: do(func(a *app) { a.foldAll(false) })},
		{action: "findings.context", keys: []string{"c"}, help: "more or less around each change", group: toLook,
			run: do((*app).nextContext)},
		{action: "findings.skips", keys: []string{"!"}, help: "what the scan could not read, and why", group: toLook,
			off: nothingLeftOut, run: do((*app).showSkips)},
		{action: "findings.copy", keys: []string{"y"}, help: "copy: the command or the patch of this fix, names, the session's command line", group: toAct,
			off: (*app).noFindings, run: do((*app).openCopyMenu)},
		{action: "findings.scan", keys: []string{"r"}, help: "scan again", group: toAct,
			off: func(a *app) string { return when(a.scan.running, "a scan is running") }, run: (*app).startScan},
		{action: "findings.rescan", keys: []string{"R"}, help: "read the finding's object anew, and judge again", group: toAct,
			off: (*app).cannotRescan, run: (*app).rescan},
		{action: "findings.watch", keys: []string{"W"}, short: "watch", help: "follow the cluster: findings come and go with what changes", group: toAct,
			off: (*app).cannotWatch, run: (*app).toggleWatch},
		{action: "findings.switchNamespace", keys: []string{"n"}, help: "look at one namespace, or at all", group: toLook,
			off: (*app).cannotMove, run: (*app).askNamespace},
		{action: "findings.switchContext", keys: []string{"C"}, help: "look at another context of the kubeconfig", group: toLook,
			off: (*app).cannotMove, run: (*app).askContext},
	}
	return append(append(append(moves(), list...), diffKeys()...), leave()...)
}

// when returns why if it is so.
func when(so bool, why string) string {
	if so {
		return why
	}
	return ""
}

func nothingStaged(a *app) string { return when(a.dec.count == 0, "nothing is staged") }

func (a *app) nothingToUnstage() string {
	return when(a.dec.count == 0 && !a.awaits(), "nothing is staged")
}

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
	a.scan.looked = true
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
		a.leaveDetail()
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
		a.leaveDetail()
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
	m.text = append(m.text, skipLines(a.scan.result.Inventory.Skips())...)
	if len(a.watch.polled) > 0 {
		m.text = append(m.text, "", "Not to be watched, so read every half minute: "+fixes.Clean(strings.Join(a.watch.polled, ", ")))
	}
	a.overlay = m
}
