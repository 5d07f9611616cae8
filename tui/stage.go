package tui

import "slices"

// decisions says which fix of each finding is to be made, and remembers how
// it came to be so. It is pure state: nothing outside changes by it.
type decisions struct {
	// taken holds, for each item, the number of its staged fix counted from 1,
	// or 0.
	taken   []int8
	count   int
	version int // changes with every decision
	past    []step
	future  []step
}

// step is one act of the user, which may decide on many items at once.
type step struct {
	// label says what was done ("staged 12 in env-secret").
	label   string
	changes []decision
	// ignore is what was written down beside it, or nil.
	ignore *ignoreAct
}

type decision struct {
	item     int32
	from, to int8
}

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
	if len(changes) == 0 {
		return false
	}
	d.do(step{label: label, changes: changes})
	return true
}

// do makes a step the last of the history.
func (d *decisions) do(s step) {
	d.past, d.future = append(d.past, s), nil
	d.run(s, false)
}

// lastIgnore returns what the last of some steps has written down, or nil.
func lastIgnore(steps []step) *ignoreAct {
	if len(steps) == 0 {
		return nil
	}
	return steps[len(steps)-1].ignore
}

// stage returns the decision to take a fix of an item.
func (d *decisions) stage(item int32, fix int) decision {
	return decision{item, d.taken[item], int8(fix + 1)}
}

// drop returns the decision to take no fix of an item.
func (d *decisions) drop(item int32) decision { return decision{item, d.taken[item], 0} }

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
// from the scan before.
func (d *decisions) keep(item int32, fix int) {
	d.run(step{changes: []decision{d.stage(item, fix)}}, false)
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
	prune := func(steps []step) []step {
		for i := range steps {
			steps[i].changes = slices.DeleteFunc(steps[i].changes, func(c decision) bool { return about[c.item] })
		}
		return slices.DeleteFunc(steps, func(s step) bool { return len(s.changes) == 0 && s.ignore == nil })
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
}

func staged(taken int8) int {
	if taken > 0 {
		return 1
	}
	return 0
}
