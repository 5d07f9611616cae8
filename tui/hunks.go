package tui

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// diffKeys are the keys of what shows diffs.
func diffKeys() []binding {
	do := func(f func(*app)) func(*app) tea.Cmd {
		return func(a *app) tea.Cmd { f(a); return nil }
	}
	return []binding{
		{action: "diff.next", keys: []string{"]"}, label: "] [", help: "to the next part of the change, the one before; {stage leaveOut} takes it out or in", group: toMove,
			off: (*app).noHunk, run: do(func(a *app) { a.nextHunk(1) })},
		{action: "diff.previous", keys: []string{"["}, off: (*app).noHunk, run: do(func(a *app) { a.nextHunk(-1) })},
		{action: "diff.fold", keys: []string{"z"}, help: "fold or unfold what does not change", group: toLook, off: (*app).noDiff, run: do((*app).toggleFold)},
		{action: "diff.columns", keys: []string{"|"}, help: "old and new beside each other, or one below the other", group: toLook,
			off: (*app).noDiff, run: do((*app).turnDiff)},
		{action: "diff.object", keys: []string{"o"}, help: "look at the whole object", group: toLook, off: (*app).noObject, run: (*app).showObject},
		{action: "diff.reveal", keys: []string{"V"}, help: "reveal a masked value, after a question", group: toLook, asks: "y", off: (*app).cannotReveal, run: do((*app).askReveal)},
	}
}

// shownDiffs returns the diffs that the details show.
func (a *app) shownDiffs() []changeDiff {
	switch a.screen {
	case findingsScreen:
		p, _ := a.shownPreview()
		return p.changes
	case planScreen:
		r, ok := a.plan.current()
		if !ok || !r.isChange() {
			return nil
		}
		if d, made := a.plan.diffs[planDiffKey{a.plan.number, r.change}]; made && d.err == nil {
			return []changeDiff{d.changeDiff}
		}
	}
	return nil
}

func hunksIn(diffs []changeDiff) int {
	n := 0
	for _, d := range diffs {
		n += len(d.hunks)
	}
	return n
}

func (a *app) noDiff() string {
	return when(len(a.shownDiffs()) == 0, "go to a fix whose change is shown")
}

func (a *app) noHunk() string { return when(hunksIn(a.shownDiffs()) == 0, a.noDiff()) }

// nextHunk goes to another part of the change, and to the details with it.
func (a *app) nextHunk(by int) {
	n := hunksIn(a.shownDiffs())
	if n == 0 {
		return
	}
	a.inDetail = true
	switch {
	case a.detail.hunk < 0 && by < 0:
		a.detail.hunk = n - 1
	default:
		a.detail.hunk = (a.detail.hunk + by + n) % n
	}
	a.measure() // the lines may be new
	if a.detail.hunk < len(a.detail.marks) {
		a.detail.pager.by(a.detail.marks[a.detail.hunk] - 2 - a.detail.pager.offset)
	}
}

// leaveDetail gives the keys back to the list.
func (a *app) leaveDetail() { a.inDetail, a.detail.hunk = false, -1 }

// onHunk reports whether space is about a part of what is shown.
func (a *app) onHunk() bool {
	n := hunksIn(a.shownDiffs())
	return a.inDetail && a.detail.hunk >= 0 && a.detail.hunk < n && (n > 1 || a.screen == planScreen)
}

// currentHunk returns the part that the keys are about.
func (a *app) currentHunk() (changeDiff, *hunk) {
	n := a.detail.hunk
	for _, d := range a.shownDiffs() {
		if n < len(d.hunks) {
			return d, &d.hunks[n]
		}
		n -= len(d.hunks)
	}
	return changeDiff{}, nil
}

// leftOut returns what is left out of the fix of an item that is looked at.
func (a *app) leftOut(id int32) []fixes.Part {
	if fix, ok := a.dec.staged(id); ok && fix == int(a.list.items[id].shown) {
		return a.dec.left[id]
	}
	return nil
}

// leavesOut reports whether a hunk is left out.
func leavesOut(left []fixes.Part, object fixes.Ref, h *hunk) bool {
	return len(h.parts) > 0 && !slices.ContainsFunc(h.parts, func(p string) bool {
		return !slices.Contains(left, fixes.Part{Object: object, Path: p})
	})
}

// toggleHunk takes a part of a finding's fix out, or in again. A fix that is
// not staged becomes so, without the part; one of which no part is left
// unstaged.
func (a *app) toggleHunk() {
	id, _ := a.list.currentItem()
	it := &a.list.items[id]
	d, h := a.currentHunk()
	left := slices.Clone(a.leftOut(id))
	out := !leavesOut(left, d.change.Object, h)
	for _, path := range h.parts {
		part := fixes.Part{Object: d.change.Object, Path: path}
		left = slices.DeleteFunc(left, func(p fixes.Part) bool { return p == part })
		if out {
			left = append(left, part)
		}
	}
	diffs := a.shownDiffs()
	if why := brokenBy(left, diffs); why != "" {
		a.say(warn, why)
		return
	}
	in, all := 0, hunksIn(diffs)
	for _, d := range diffs {
		for i := range d.hunks {
			if !leavesOut(left, d.change.Object, &d.hunks[i]) {
				in++
			}
		}
	}
	word := map[bool]string{true: "out", false: "in"}[out]
	if in == 0 {
		a.decideAndSay("took out the last part of "+it.f.Rule.ID+": unstaged", []decision{a.dec.drop(id)})
		return
	}
	s := step{label: fmt.Sprintf("part %d taken %s: %d of %d staged", a.detail.hunk+1, word, in, all),
		parts: []partDecision{a.dec.leave(id, left)}}
	if fix, ok := a.dec.staged(id); !ok || fix != int(it.shown) {
		s.changes = []decision{a.dec.stage(id, int(it.shown))}
	}
	a.dec.do(s)
	a.recount()
	a.say(good, a.undoes(s.label))
}

// brokenBy says why parts cannot be left out: what stays refers to an object
// that would not be there.
func brokenBy(left []fixes.Part, diffs []changeDiff) string {
	for _, p := range left {
		if p.Path != "" {
			continue
		}
		for _, d := range diffs {
			touched := slices.ContainsFunc(left, func(o fixes.Part) bool { return o.Object == d.change.Object })
			if d.change.After != nil && !touched && d.change.Object != p.Object && fixes.Refers(d.change.After, p.Object) {
				return fixes.Clean(fmt.Sprintf("%s refers to %s: take those parts out first", d.change.Object, p.Object))
			}
		}
	}
	return ""
}

// leaveOutHunk unstages the fixes that make a part of a plan's change.
func (a *app) leaveOutHunk() tea.Cmd {
	d, h := a.currentHunk()
	s := step{}
	if len(h.by) == 0 { // a person edited it
		s.edits = a.dec.without(d.change.Object)
		s.label = "took back your edit of " + fixes.Clean(d.change.Object.String())
	}
	var gone []*fixes.Finding
	for _, f := range h.by {
		if id, ok := a.list.print[f.Fingerprint]; ok && a.dec.taken[id] > 0 {
			s.changes = append(s.changes, a.dec.drop(id))
			gone = append(gone, f)
		}
	}
	if len(gone) > 0 {
		s.label = fmt.Sprintf("left out part %d: %s unstaged (%s)", a.detail.hunk+1, plural(len(gone), "fix", "fixes"), rulesOf(gone))
	}
	if a.dec.do(s) {
		a.recount()
		a.detail.hunk = -1
		a.say(info, a.undoes(s.label))
	} else {
		a.say(warn, "nothing that is staged makes this part alone: it follows from the others")
	}
	return a.recompose()
}

// toggleFold shows all lines, or only those around the changes.
func (a *app) toggleFold() {
	whole := len(contexts) - 1
	if a.context == whole {
		a.context = a.folded
		a.say(info, "folded what does not change")
		return
	}
	a.folded, a.context = a.context, whole
	a.say(info, "changes are shown in the whole object")
}

// turnDiff turns between two columns and one.
func (a *app) turnDiff() {
	w := a.lay.right.w
	switch {
	case a.twoColumned(w):
		a.diffMode = unified
		a.say(info, "old and new lines one below the other")
	case w < leastForTwo:
		a.say(warn, fmt.Sprintf("two columns need %d cells, and the pane has %d", leastForTwo, w))
	default:
		a.diffMode = twoColumns
		a.say(info, "old and new lines beside each other")
	}
}
