package tui

import (
	"fmt"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// cannotStage says why space does nothing.
func (a *app) cannotStage() string {
	r, ok := a.list.current()
	if !ok {
		return "no finding is listed"
	}
	if r.isGroup() {
		for _, id := range a.list.inGroup(r.group) {
			if fix := a.list.items[id].fix(); fix != nil && fix.Edit != nil || a.dec.taken[id] > 0 {
				return ""
			}
		}
		return "no finding of this group has an automatic fix"
	}
	if a.onHunk() {
		return ""
	}
	it := &a.list.items[r.item]
	fix := it.fix()
	switch {
	case a.dec.taken[r.item] > 0:
		return ""
	case fix == nil:
		return "this finding has no fix"
	case fix.Edit == nil && len(it.f.Fixes) > 1:
		return "this fix is made by hand; f shows another"
	case fix.Edit == nil:
		return "this fix is made by hand: its steps are in the details"
	}
	return ""
}

// toggleStaged stages or unstages what the cursor is on.
func (a *app) toggleStaged() {
	if a.onHunk() {
		a.toggleHunk()
		return
	}
	r, _ := a.list.current()
	if r.isGroup() {
		a.toggleGroup(r.group)
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

// toggleGroup stages all fixes of a group, or unstages them where all are.
func (a *app) toggleGroup(g int32) {
	var stage, drop []decision
	counts := map[fixes.Confidence]int{}
	byHand := 0
	ids := a.list.inGroup(g)
	for _, id := range ids {
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
	label := a.list.groups[a.list.by][g].label
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
	a.say(t, fmt.Sprintf("staged %d: %s; u undoes", len(stage), join(", ", what...)))
}

// decide makes decisions one step.
func (a *app) decide(label string, changes []decision) {
	a.dec.decide(label, changes)
	a.list.recount(&a.dec)
}

// decideAndSay makes decisions one step and says so, which a mark on the row
// of one finding does by itself.
func (a *app) decideAndSay(label string, changes []decision) {
	a.decide(label, changes)
	a.say(good, label+"; u undoes")
}

// stageSafe stages the recommended fix of every finding listed whose fix is
// safe.
func (a *app) stageSafe() {
	var changes []decision
	for _, id := range a.list.order {
		if fix := a.list.items[id].f.Fix(); a.list.matched[id] && a.dec.taken[id] == 0 &&
			fix != nil && fix.Edit != nil && fix.Confidence == fixes.Safe {
			changes = append(changes, a.dec.stage(id, 0))
		}
	}
	if len(changes) == 0 {
		a.say(info, "no safe fix is left to stage"+a.inFilter())
		return
	}
	a.decideAndSay(fmt.Sprintf("staged %d safe%s", len(changes), a.inFilter()), changes)
	if a.scan.running {
		a.say(good, fmt.Sprintf("staged %d safe%s so far; the scan is still running", len(changes), a.inFilter()))
	}
}

func (a *app) inFilter() string { return when(a.list.filter.on(), " in the filter") }

func (a *app) unstageAll() {
	var changes []decision
	for _, id := range a.list.order {
		if a.list.matched[id] && a.dec.taken[id] > 0 {
			changes = append(changes, a.dec.drop(id))
		}
	}
	if len(changes) == 0 {
		a.say(info, "nothing is staged"+a.inFilter())
		return
	}
	a.decideAndSay(fmt.Sprintf("unstaged %d%s", len(changes), a.inFilter()), changes)
}

func (a *app) undo() {
	if label, ok := a.dec.undo(); ok {
		a.list.recount(&a.dec)
		a.say(info, "undone: "+label)
	}
}

func (a *app) redo() {
	if label, ok := a.dec.redo(); ok {
		a.list.recount(&a.dec)
		a.say(info, "redone: "+label)
	}
}
