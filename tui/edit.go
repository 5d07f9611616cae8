package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// cannotEdit says why there is no result to edit.
func (a *app) cannotEdit() string {
	if why := a.notReady(); why != "" {
		return why
	}
	if a.applied {
		return a.scansAgain("the cluster has changed since the scan")
	}
	if a.screen == planScreen {
		if why := a.cannotLeaveOut(); why != "" {
			return why
		}
		r, _ := a.plan.current()
		return when(a.plan.plan.Changes[r.change].After == nil, "it is deleted")
	}
	_, fix, ok := a.previewWanted()
	if !ok {
		return "go to a finding with an automatic fix"
	}
	p, made := a.shownPreview()
	switch {
	case !made:
		return "the change is being made"
	case p.err != nil:
		return "the change cannot be made"
	case target(p.changes, a.list.items[a.mustItem()].f.Object) == nil:
		return fix.Title + ": nothing is left to edit"
	}
	return ""
}

func (a *app) mustItem() int32 {
	id, _ := a.list.currentItem()
	return id
}

// target returns the change of a fix that is meant by its finding: that of
// the finding's object, or else the first that leaves an object.
func target(diffs []changeDiff, object fixes.Ref) *fixes.Change {
	var first *fixes.Change
	for i := range diffs {
		c := &diffs[i].change
		switch {
		case c.After == nil:
		case c.Object == object:
			return c
		case first == nil:
			first = c
		}
	}
	return first
}

// editObject opens the editor on the object that the cursor is about, as it
// will be: by the plan, or by the one fix where that is not staged.
func (a *app) editObject() tea.Cmd {
	if a.screen == planScreen {
		r, _ := a.plan.current()
		return a.editChange(r.change)
	}
	id := a.mustItem()
	p, _ := a.shownPreview()
	c := target(p.changes, a.list.items[id].f.Object)
	if fix, ok := a.dec.staged(id); ok && fix == int(a.list.items[id].shown) || a.dec.edited(c.Object) {
		object := c.Object
		return a.compose(func(a *app) tea.Cmd {
			if i, ok := a.plan.byRef[object]; ok && a.plan.plan.Changes[i].After != nil {
				return a.editChange(i)
			}
			a.say(warn, "the plan leaves "+fixes.Clean(object.String())+" as it is")
			return nil
		})
	}
	return a.startEdit(&editJob{change: *c, item: id, prints: []string{a.list.items[id].f.Fingerprint}})
}

// editChange opens the editor on the object of a change of the plan.
func (a *app) editChange(change int) tea.Cmd {
	c := a.plan.plan.Changes[change]
	job := &editJob{change: c, item: heading}
	for _, f := range c.Fixes {
		job.prints = append(job.prints, f.Fingerprint)
	}
	for _, e := range a.dec.edits {
		if e.Object != c.Object {
			continue
		}
		for _, id := range e.items {
			job.prints = append(job.prints, a.list.items[id].f.Fingerprint)
		}
	}
	return a.startEdit(job)
}

// takeEdit makes an edit part of the plan.
func (a *app) takeEdit(job *editJob, object fixes.Object) tea.Cmd {
	e := edit{Amendment: fixes.Amendment{Object: job.change.Object, From: job.change.After, To: object}}
	s := step{label: "edited " + fixes.Clean(job.change.Object.String())}
	for _, finding := range job.prints {
		id, ok := a.list.print[finding]
		if !ok || slices.Contains(e.items, id) {
			continue
		}
		e.items = append(e.items, id)
		if id == job.item {
			s.changes = append(s.changes, a.dec.stage(id, int(a.list.items[id].shown)))
		}
	}
	s.edits = a.dec.amend(e)
	a.dec.do(s)
	a.recount()
	if len(a.dec.edits) < len(s.edits.to) {
		a.say(warn, "the fixes that were edited are not staged any more: nothing is edited")
		return nil
	}
	a.say(good, a.undoes(s.label+when(len(s.changes) > 0, " and staged its fix")))
	if a.screen == planScreen {
		return a.recompose()
	}
	return nil
}
