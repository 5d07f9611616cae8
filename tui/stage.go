package tui

import (
	"maps"
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// decisions says which fix of each finding is to be made, which parts of it
// are not, and what was edited by hand, and remembers how it came to be so. It
// is pure state: nothing outside changes by it.
type decisions struct {
	// taken holds, for each item, the number of its staged fix counted from 1,
	// or 0.
	taken []int8
	count int
	// left are the parts of staged fixes that are left out, by item.
	left    map[int32][]fixes.Part
	edits   []edit
	version int // changes with every decision
	past    []step
	future  []step
}

// edit is what a person made of an object by hand. It lives as long as one of
// the fixes of the items on which it was made.
type edit struct {
	fixes.Amendment
	items []int32
}

// step is one act of the user, which may decide on many items at once.
type step struct {
	// label says what was done ("staged 12 in env-secret").
	label   string
	changes []decision
	parts   []partDecision
	edits   *editDecision // nil where they stay as they are
	// ignore is what was written down beside it, or nil.
	ignore *ignoreAct
}

type decision struct {
	item     int32
	from, to int8
}

// partDecision says what is left out of an item's staged fix.
type partDecision struct {
	item     int32
	from, to []fixes.Part
}

// editDecision replaces the edits.
type editDecision struct{ from, to []edit }

// grow makes room for n items.
func (d *decisions) grow(n int) {
	for len(d.taken) < n {
		d.taken = append(d.taken, 0)
	}
}

// staged returns the index of an item's staged fix.
func (d *decisions) staged(item int32) (fix int, ok bool) {
	return int(d.taken[item]) - 1, d.taken[item] > 0
}

// decide makes the changes one step of the history and reports whether there
// was anything to change.
func (d *decisions) decide(label string, changes []decision) bool {
	return d.do(step{label: label, changes: changes})
}

// do makes a step of the history. With the choice of a fix goes what was left
// out of it, and with the last fix that an edit was made on the edit.
func (d *decisions) do(s step) bool {
	if len(s.changes) == 0 && len(s.parts) == 0 && s.edits == nil && s.ignore == nil {
		return false
	}
	for _, c := range s.changes {
		told := slices.ContainsFunc(s.parts, func(p partDecision) bool { return p.item == c.item })
		if from := d.left[c.item]; len(from) > 0 && c.to != c.from && !told {
			s.parts = append(s.parts, partDecision{c.item, from, nil})
		}
	}
	d.past, d.future = append(d.past, s), nil
	d.run(s, false)
	if kept := d.livingEdits(); len(kept) < len(d.edits) {
		s.edits = &editDecision{d.edits, kept}
		if past := d.past[len(d.past)-1].edits; past != nil {
			s.edits.from = past.from
		}
		d.past[len(d.past)-1] = s
		d.edits = kept
	}
	return true
}

// lastIgnore returns what the last of some steps has written down, or nil.
func lastIgnore(steps []step) *ignoreAct {
	if len(steps) == 0 {
		return nil
	}
	return steps[len(steps)-1].ignore
}

// livingEdits returns the edits of which a fix is still staged.
func (d *decisions) livingEdits() []edit {
	return slices.DeleteFunc(slices.Clone(d.edits), func(e edit) bool {
		return !slices.ContainsFunc(e.items, func(id int32) bool { return d.taken[id] > 0 })
	})
}

// stage returns the decision to take a fix of an item.
func (d *decisions) stage(item int32, fix int) decision {
	return decision{item, d.taken[item], int8(fix + 1)}
}

// drop returns the decision to take no fix of an item.
func (d *decisions) drop(item int32) decision { return decision{item, d.taken[item], 0} }

// leave returns the decision to leave parts out of an item's staged fix.
func (d *decisions) leave(item int32, parts []fixes.Part) partDecision {
	return partDecision{item, d.left[item], parts}
}

// amend returns the decision to make an edit after the others.
func (d *decisions) amend(e edit) *editDecision {
	return &editDecision{d.edits, append(slices.Clip(d.edits), e)}
}

// without returns the decision to take back the edits of an object, or nil
// where there are none.
func (d *decisions) without(ref fixes.Ref) *editDecision {
	kept := slices.DeleteFunc(slices.Clone(d.edits), func(e edit) bool { return e.Object == ref })
	if len(kept) == len(d.edits) {
		return nil
	}
	return &editDecision{d.edits, kept}
}

// edited reports whether an object was edited by hand.
func (d *decisions) edited(ref fixes.Ref) bool {
	return slices.ContainsFunc(d.edits, func(e edit) bool { return e.Object == ref })
}

// amended says in a word that an item's staged fix is not made as it is.
func (d *decisions) amended(item int32) string {
	if slices.ContainsFunc(d.edits, func(e edit) bool { return slices.Contains(e.items, item) }) && d.taken[item] > 0 {
		return "edited"
	}
	return when(len(d.left[item]) > 0, "part")
}

// amendedCount counts the staged fixes that are not made as they are.
func (a *app) amendedCount() int {
	n := 0
	for _, id := range a.list.order {
		if a.dec.amended(id) != "" {
			n++
		}
	}
	return n
}

// undo takes the last step back and returns its label.
func (d *decisions) undo() (string, bool) {
	if len(d.past) == 0 {
		return "", false
	}
	s := d.past[len(d.past)-1]
	d.past, d.future = d.past[:len(d.past)-1], append(d.future, s)
	d.run(s, true)
	return s.label, true
}

// redo makes the last step taken back again and returns its label.
func (d *decisions) redo() (string, bool) {
	if len(d.future) == 0 {
		return "", false
	}
	s := d.future[len(d.future)-1]
	d.future, d.past = d.future[:len(d.future)-1], append(d.past, s)
	d.run(s, false)
	return s.label, true
}

// keep stages a fix without a step in the history: a decision brought along
// from the scan before, with what was left out of it.
func (d *decisions) keep(item int32, fix int, left []fixes.Part) {
	s := step{changes: []decision{d.stage(item, fix)}}
	if len(left) > 0 {
		s.parts = []partDecision{d.leave(item, left)}
	}
	d.run(s, false)
}

// forget drops what was decided about some items, also from the history, and
// returns those of which a fix was staged.
func (d *decisions) forget(items []int32) (dropped []int32) {
	if len(items) == 0 {
		return nil
	}
	about := make(map[int32]bool, len(items))
	for _, id := range items {
		about[id] = true
		if d.taken[id] > 0 {
			d.run(step{changes: []decision{d.drop(id)}}, false)
			dropped = append(dropped, id)
		}
	}
	if len(dropped) > 0 && len(d.edits) > 0 { // steps about these cannot be told apart
		d.edits = d.livingEdits()
		d.past, d.future = nil, nil
	}
	maps.DeleteFunc(d.left, func(id int32, _ []fixes.Part) bool { return d.taken[id] == 0 })
	prune := func(steps []step) []step {
		for i := range steps {
			steps[i].changes = slices.DeleteFunc(steps[i].changes, func(c decision) bool { return about[c.item] })
			steps[i].parts = slices.DeleteFunc(steps[i].parts, func(p partDecision) bool { return about[p.item] })
		}
		return slices.DeleteFunc(steps, func(s step) bool {
			return len(s.changes) == 0 && len(s.parts) == 0 && s.edits == nil && s.ignore == nil
		})
	}
	d.past, d.future = prune(d.past), prune(d.future)
	return dropped
}

func (d *decisions) run(s step, back bool) {
	d.version++
	for _, c := range s.changes {
		to := c.to
		if back {
			to = c.from
		}
		d.count += staged(to) - staged(d.taken[c.item])
		d.taken[c.item] = to
	}
	for _, p := range s.parts {
		to := p.to
		if back {
			to = p.from
		}
		if d.left == nil {
			d.left = map[int32][]fixes.Part{}
		}
		if d.left[p.item] = to; len(to) == 0 {
			delete(d.left, p.item)
		}
	}
	if s.edits != nil {
		d.edits = s.edits.to
		if back {
			d.edits = s.edits.from
		}
	}
}

func staged(taken int8) int {
	if taken > 0 {
		return 1
	}
	return 0
}
