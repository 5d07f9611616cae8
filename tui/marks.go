package tui

import (
	"fmt"
	"iter"
	"slices"
)

// marks are the findings that the user has marked, so that what is done next is
// done to all of them: one by one, and a range that follows the cursor.
type marks struct {
	on []bool // by item, without those of the range
	// ranging says that there is a range, from the row anchor, which is row from
	// of the list, to the cursor.
	ranging bool
	anchor  row
	from    int
	// all are on and those of the range; n counts them, and hidden those that the
	// filter leaves out. See settle.
	all       []bool
	n, hidden int
	// again holds what was marked before a scan that runs, by fingerprint.
	again map[string]bool
}

// settle works out what is marked, after anything that may have changed it.
func (m *marks) settle(l *list) {
	m.on = append(m.on, make([]bool, len(l.items)-len(m.on))...)
	m.all = append(m.all[:0], m.on...)
	if m.ranging {
		m.each(l, func(id int32) { m.all[id] = true })
	}
	m.n, m.hidden = 0, 0
	for id, is := range m.all {
		if is {
			m.n++
			if id < len(l.matched) && !l.matched[id] {
				m.hidden++
			}
		}
	}
}

// each goes over the findings of the range: those of its rows, and those of
// its groups that are closed.
func (m *marks) each(l *list, do func(int32)) {
	lo, hi := min(m.from, l.scroll.cursor), max(m.from, l.scroll.cursor)
	for _, r := range l.rows[min(lo, len(l.rows)):min(hi+1, len(l.rows))] {
		switch {
		case !r.isGroup():
			do(r.item)
		case !l.listed(r.group):
			for _, id := range l.inGroup(r.group) {
				do(id)
			}
		}
	}
}

// fix ends the range: what is in it stays marked.
func (m *marks) fix(l *list) {
	if m.ranging {
		m.each(l, func(id int32) { m.on[id] = true })
		m.ranging = false
	}
}

// set marks findings, or takes their marks away.
func (m *marks) set(l *list, ids []int32, on bool) {
	m.settle(l) // there may be new ones
	for _, id := range ids {
		m.on[id] = on
	}
	m.settle(l)
}

func (m *marks) clear() {
	clear(m.on)
	clear(m.all)
	m.ranging, m.n, m.hidden, m.again = false, 0, 0, nil
}

// hold notes what is in the range before the rows are made anew.
func (m *marks) hold(l *list) (ids []int32) {
	if m.ranging {
		m.each(l, func(id int32) { ids = append(ids, id) })
	}
	return ids
}

// release finds the range's beginning among the new rows. Where that is gone,
// what was in it stays marked.
func (m *marks) release(l *list, held []int32) {
	if !m.ranging {
		return
	}
	if m.from = slices.Index(l.rows, m.anchor); m.from < 0 {
		m.ranging = false
		m.set(l, held, true)
	}
}

// renew forgets the items, before others come, but not what they stand for.
func (m *marks) renew(l *list) {
	m.fix(l)
	again := map[string]bool{}
	for id, on := range m.on {
		if on {
			again[l.items[id].f.Fingerprint] = true
		}
	}
	*m = marks{again: again}
}

// take marks items that have come, where they were marked before the scan.
func (m *marks) take(l *list, ids []int32) {
	if len(m.again) == 0 {
		return
	}
	m.settle(l)
	for _, id := range ids {
		m.on[id] = m.again[l.items[id].f.Fingerprint]
	}
	m.settle(l)
}

// only takes the marks of findings away that are not listed any more.
func (m *marks) only(l *list) {
	m.settle(l)
	lives := make([]bool, len(m.on))
	for _, id := range l.order {
		lives[id] = true
	}
	for id := range m.on {
		m.on[id] = m.on[id] && lives[id]
	}
	m.again = nil
	m.settle(l)
}

// marked yields the findings that are marked, in reading order.
func (l *list) marked() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for _, id := range l.order {
			if l.marks.all[id] && !yield(id) {
				return
			}
		}
	}
}

// targets returns the findings that an action is for: those that are marked,
// else those of the group under the cursor that the filter leaves, else the one
// under the cursor.
func (a *app) targets() []int32 { return slices.Collect(a.eachTarget()) }

// eachTarget yields them. What a frame asks about them mostly has its answer
// after the first few of what may be all findings.
func (a *app) eachTarget() iter.Seq[int32] {
	if a.list.marks.n > 0 {
		return a.list.marked()
	}
	r, ok := a.list.current()
	switch {
	case !ok:
		return func(func(int32) bool) {}
	case r.isGroup():
		return slices.Values(a.list.inGroup(r.group))
	}
	return slices.Values([]int32{r.item})
}

// mark marks what the cursor is on, or takes its mark away, and goes on to the
// next finding. A range that is under way becomes marks.
func (a *app) mark() {
	l := a.list
	if l.marks.ranging {
		l.marks.fix(l)
		return
	}
	r, _ := l.current()
	if r.isGroup() {
		a.toggleMarks(l.inGroup(r.group))
		return
	}
	a.toggleMarks([]int32{r.item})
	l.scroll.to(l.scroll.cursor + 1)
}

// toggleMarks marks findings, or takes the marks away where all have one.
func (a *app) toggleMarks(ids []int32) {
	m := &a.list.marks
	m.settle(a.list)
	m.set(a.list, ids, slices.ContainsFunc(ids, func(id int32) bool { return !m.on[id] }))
}

// markRange begins a range, or ends the one that follows the cursor.
func (a *app) markRange() {
	l := a.list
	if l.marks.ranging {
		l.marks.fix(l)
		return
	}
	l.marks.settle(l)
	l.marks.anchor, _ = l.current()
	l.marks.ranging, l.marks.from = true, l.scroll.cursor
	a.say(info, join("; ", "a range from here to the cursor", join(", ", a.does("markRange", "ends it"), a.does("back", "drops it"))))
}

// markAll marks all that the filter leaves, or none.
func (a *app) markAll() {
	a.list.marks.fix(a.list)
	var ids []int32
	for _, id := range a.list.order {
		if a.list.matched[id] {
			ids = append(ids, id)
		}
	}
	a.toggleMarks(ids)
}

// unmark drops the range, or the marks, and reports whether there was any.
func (a *app) unmark() bool {
	m := &a.list.marks
	switch {
	case m.ranging:
		m.ranging = false
		m.settle(a.list)
	case m.n > 0:
		m.clear()
	default:
		return false
	}
	return true
}

// marksWord counts the marks, and those among them that the filter hides.
func (a *app) marksWord() string {
	m := &a.list.marks
	if m.n == 0 {
		return when(m.ranging, "range")
	}
	return fmt.Sprintf("%d marked", m.n) + when(m.hidden > 0, fmt.Sprintf(" (%d hidden)", m.hidden))
}
