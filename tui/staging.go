package tui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// cannotStage says why nothing can be staged or unstaged.
func (a *app) cannotStage() string {
	r, ok := a.list.current()
	if !ok {
		return "no finding is listed"
	}
	if a.list.marks.n > 0 || r.isGroup() {
		for id := range a.eachTarget() {
			it := &a.list.items[id]
			if fix := it.fix(); it.by == nil && (fix != nil && fix.Edit != nil || a.dec.taken[id] > 0) {
				return ""
			}
		}
		return "no " + map[bool]string{true: "marked finding", false: "finding of this group"}[a.list.marks.n > 0] + " has an automatic fix"
	}
	if a.onHunk() {
		return ""
	}
	it := &a.list.items[r.item]
	fix := it.fix()
	switch {
	case a.dec.taken[r.item] > 0:
		return ""
	case it.by != nil:
		return join("; ", "it is ignored", a.does("ignore", "ends that"))
	case fix == nil:
		return "this finding has no fix"
	case fix.Edit == nil && len(it.f.Fixes) > 1:
		return join("; ", "this fix is made by hand", a.does("nextFix", "shows another"))
	case fix.Edit == nil:
		return "this fix is made by hand: its steps are in the details"
	}
	return ""
}

// toggleStaged stages or unstages what is marked, or what the cursor is on.
func (a *app) toggleStaged() {
	if a.onHunk() {
		a.toggleHunk()
		return
	}
	a.list.marks.fix(a.list)
	r, _ := a.list.current()
	switch {
	case a.list.marks.n > 0:
		a.toggleAll(a.targets(), "the marked")
		return
	case r.isGroup():
		a.toggleAll(a.targets(), a.list.groups[a.list.by][r.group].label)
		return
	}
	it := &a.list.items[r.item]
	where := it.f.Rule.ID + " of " + it.object
	if fix, ok := a.dec.staged(r.item); ok && (fix == int(it.shown) || it.fix().Edit == nil) {
		a.decide("unstaged "+where, []decision{a.dec.drop(r.item)})
	} else {
		a.decide("staged "+where, []decision{a.dec.stage(r.item, int(it.shown))})
	}
}

// toggleAll stages all fixes of some findings, or unstages them where all are.
func (a *app) toggleAll(ids []int32, label string) {
	var stage, drop []decision
	counts := map[fixes.Confidence]int{}
	byHand := 0
	for _, id := range a.list.living(ids) {
		if a.dec.taken[id] > 0 {
			drop = append(drop, a.dec.drop(id))
			continue
		}
		it := &a.list.items[id]
		fix := it.fix()
		if fix == nil || fix.Edit == nil {
			byHand++
			continue
		}
		counts[fix.Confidence]++
		stage = append(stage, a.dec.stage(id, int(it.shown)))
	}
	if len(stage) == 0 {
		a.decideAndSay(fmt.Sprintf("unstaged %d of %s", len(drop), label), drop)
		return
	}
	a.decide(fmt.Sprintf("staged %d of %s", len(stage), label), stage)
	var what []string
	for _, c := range []fixes.Confidence{fixes.Safe, fixes.Review} {
		if n := counts[c]; n > 0 {
			what = append(what, fmt.Sprintf("%d %s", n, map[fixes.Confidence]string{fixes.Safe: "safe", fixes.Review: "to review"}[c]))
		}
	}
	if byHand > 0 {
		what = append(what, fmt.Sprintf("%d by hand not staged", byHand))
	}
	t := good
	if counts[fixes.Review] > 0 {
		t = warn
	}
	a.say(t, a.undoes(fmt.Sprintf("staged %d: %s", len(stage), join(", ", what...))))
}

// decide makes decisions one step.
func (a *app) decide(label string, changes []decision) {
	a.dec.decide(label, changes)
	a.recount()
}

// recount brings the list up to date with the decisions.
func (a *app) recount() {
	if a.list.filter.decided() {
		a.list.rematch(&a.dec)
		return
	}
	a.list.recount(&a.dec)
}

// decideAndSay makes decisions one step and says so, which a mark on the row
// of one finding does by itself.
func (a *app) decideAndSay(label string, changes []decision) {
	a.decide(label, changes)
	a.say(good, a.undoes(label))
}

// chosen returns the findings that an action on all is for: those that are
// marked, or all that the filter leaves. It says which these are, too.
func (a *app) chosen() (ids []int32, which string) {
	a.list.marks.fix(a.list)
	if a.list.marks.n > 0 {
		return a.targets(), " of the marked"
	}
	for _, id := range a.list.order {
		if a.list.matched[id] {
			ids = append(ids, id)
		}
	}
	return ids, when(a.list.filter.on(), " in the filter")
}

// stageSafe stages the recommended fix of every finding chosen whose fix is
// safe.
func (a *app) stageSafe() {
	var changes []decision
	ids, which := a.chosen()
	for _, id := range a.list.living(ids) {
		if it := &a.list.items[id]; it.auto && it.best == uint8(fixes.Safe) && a.dec.taken[id] == 0 {
			changes = append(changes, a.dec.stage(id, 0))
		}
	}
	if len(changes) == 0 {
		a.say(info, "no safe fix is left to stage"+which)
		return
	}
	a.decideAndSay(fmt.Sprintf("staged %d safe%s", len(changes), which), changes)
	if a.scan.running {
		a.say(good, fmt.Sprintf("staged %d safe%s so far; the scan is still running", len(changes), which))
	}
}

func (a *app) unstageAll() {
	var changes []decision
	ids, which := a.chosen()
	for _, id := range ids {
		if a.dec.taken[id] > 0 {
			changes = append(changes, a.dec.drop(id))
		}
	}
	awaited := 0
	if which == "" && a.awaits() {
		awaited, a.keeper.restored = len(a.kept), 0
		clear(a.kept)
		a.forgetAmended()
	}
	switch {
	case len(changes) > 0:
		a.decideAndSay(fmt.Sprintf("unstaged %d%s", len(changes), which), changes)
	case awaited == 0:
		a.say(info, "nothing is staged"+which)
		return
	}
	if awaited > 0 {
		a.say(good, fmt.Sprintf("unstaged %d, and %d that the scan has not found again yet", len(changes), awaited))
	}
}

// awaits reports whether fixes that were staged before are to be staged again
// as the scan finds them, all of them in the place that is looked at.
func (a *app) awaits() bool {
	return a.scan.running && len(a.kept) > 0 && (!a.roamed || a.place.Namespace == "")
}

// undo takes the last decision back. What is written down is taken out first.
func (a *app) undo() tea.Cmd {
	if act := lastIgnore(a.dec.past); act != nil {
		return a.writeIgnore(ignoreDone{act: act, way: backward})
	}
	if label, ok := a.dec.undo(); ok {
		a.recount()
		a.say(info, "undone: "+label)
	}
	return nil
}

func (a *app) redo() tea.Cmd {
	if act := lastIgnore(a.dec.future); act != nil {
		return a.writeIgnore(ignoreDone{act: act, way: again})
	}
	if label, ok := a.dec.redo(); ok {
		a.recount()
		a.say(info, "redone: "+label)
	}
	return nil
}
