package tui

import (
	"fmt"
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
		{keys: []string{"space"}, short: "stage", help: "stage or unstage the fix, those of the group, or in the details a part of it", group: toChoose,
			off: (*app).cannotStage, run: do((*app).toggleStaged)},
		{keys: []string{"S"}, short: "all safe", help: "stage all safe fixes (of those the filter shows)", group: toChoose,
			off: (*app).noFindings, run: do((*app).stageSafe)},
		{keys: []string{"U"}, help: "unstage all (of those the filter shows)", group: toChoose,
			off: nothingStaged, run: do((*app).unstageAll)},
		{keys: []string{"u"}, help: "undo the last decision", group: toChoose,
			off: func(a *app) string { return when(len(a.dec.past) == 0, "nothing to undo") }, run: do((*app).undo)},
		{keys: []string{"ctrl+r"}, help: "redo it", group: toChoose,
			off: func(a *app) string { return when(len(a.dec.future) == 0, "nothing to redo") }, run: do((*app).redo)},
		{keys: []string{"f"}, short: "other fix", help: "look at the next of several fixes", group: toChoose,
			off: (*app).noOtherFix, run: do((*app).nextFix)},
		{keys: []string{"p"}, short: "plan", help: "look at the plan of all staged fixes", group: toAct,
			off: (*app).cannotPlan, run: (*app).openPlan},
		{keys: []string{"a"}, help: "look at the last apply again, to undo it", group: toAct,
			off: (*app).nothingApplied, run: do((*app).returnToApply)},
		{keys: []string{"E"}, help: "export the plan to files", group: toAct,
			off: (*app).cannotExport, run: do((*app).askExport)},
		{keys: []string{"e"}, help: "edit the result of the fix in $KUBE_EDITOR or $EDITOR", group: toChoose,
			off: (*app).cannotEdit, run: (*app).editObject},
		{keys: []string{"/"}, short: "filter", help: "filter: words, !word for without (!manual, pay high)", group: toLook,
			run: do((*app).startFilter)},
		{keys: []string{"t"}, short: "group", help: "group by rule, namespace, object or threat", group: toLook,
			off: (*app).noFindings, run: do((*app).nextGrouping)},
		networkKey("network"),
		{keys: []string{"enter", "right", "l"}, label: "enter", help: "open the group, or go to the details", group: toMove,
			run: do((*app).enter)},
		{keys: []string{"left", "h"}, label: "left, h", help: "back to the list, or close the group", group: toMove,
			run: do((*app).goLeft)},
		{keys: []string{"esc"}, help: "one step back; ends a filter", group: toMove, run: do((*app).back)},
		{keys: []string{"=", "+"}, label: "= -", help: "open all groups, close them", group: toLook,
			run: do(func(a *app) { a.foldAll(true) })},
		{keys: []string{"-"}, run: do(func(a *app) { a.foldAll(false) })},
		{keys: []string{"c"}, help: "more or less around each change", group: toLook,
			run: do((*app).nextContext)},
		{keys: []string{"!"}, help: "what the scan could not read, and why", group: toLook,
			off: nothingLeftOut, run: do((*app).showSkips)},
		{keys: []string{"y"}, help: "copy the command that shows this fix", group: toAct,
			off: (*app).cannotCopy, run: (*app).copyCommand},
		{keys: []string{"r"}, help: "scan again", group: toAct,
			off: func(a *app) string { return when(a.scan.running, "a scan is running") }, run: (*app).startScan},
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

func (a *app) nextGrouping() { a.list.regroup((a.list.by+1)%groupings, &a.dec) }

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
	case a.list.filter.on():
		a.list.setFilter("", &a.dec)
	}
}

func (a *app) startFilter() {
	in := newInput(a.list.filter.raw)
	a.editing, a.inDetail = &in, false
}

// editFilter takes a key while the filter is typed; the list follows.
func (a *app) editFilter(msg tea.Msg) {
	if press, ok := msg.(tea.KeyPressMsg); ok {
		switch press.String() {
		case "enter":
			a.editing = nil
			return
		case "esc":
			a.editing = nil
			a.list.setFilter("", &a.dec)
			return
		case "down", "ctrl+n":
			a.move(1)
			return
		case "up", "ctrl+p":
			a.move(-1)
			return
		}
	}
	if a.editing.update(msg) && a.editing.value() != a.list.filter.raw {
		a.list.setFilter(a.editing.value(), &a.dec)
	}
}

// filterLine draws the filter while it is typed.
func (a *app) filterLine() string {
	count := fmt.Sprintf("%d of %d ", a.list.total, len(a.list.order))
	room := max(a.lay.w-len(count)-4, 8)
	return spread(" / "+a.editing.view(room, a.styles.reverse), count, a.lay.w, a.glyphs.ellipsis)
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

func (a *app) cannotCopy() string {
	if a.session.Command == nil {
		return "no command line shows the same"
	}
	_, ok := a.list.currentItem()
	return when(!ok, "go to a finding first")
}

// copyCommand puts the command that shows the finding's fix on the clipboard,
// by way of the terminal.
func (a *app) copyCommand() tea.Cmd {
	id, _ := a.list.currentItem()
	command := fixes.Clean(a.session.Command(a.list.items[id].f))
	a.say(info, "copied: "+command)
	return tea.SetClipboard(command)
}
