package tui

import (
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// row is one line of the list: a finding, or the heading of a group.
type row struct{ group, item int32 }

// heading marks the row of a group itself.
const heading = -1

func (r row) isGroup() bool { return r.item == heading }

// tally is what the filter leaves of a group.
type tally struct {
	n, staged, ignored int32
	from               int32 // its findings are members[from:from+n]
	// fixable counts them by the confidence of their recommended fix.
	fixable [fixes.Safe + 1]int32
}

// list is the findings as they are listed: grouped, filtered, some groups
// open, with a cursor. Only [list.rebuild] and [list.recount] go through all
// findings; a frame looks at the rows in sight.
type list struct {
	*index
	by     groupBy
	filter filter
	// fuzzy says that the filter's words are taken as abbreviations.
	fuzzy   bool
	matched []bool
	total   int // that match
	tallies []tally
	members []int32
	rows    []row
	scroll  scroller
	sort    sorting
	sorted  sorted
	marks   marks
}

func newList() *list { return &list{index: newIndex()} }

// renew empties the list and keeps how it is looked at: the grouping, the
// filter, the groups that are open.
func (l *list) renew() {
	next := newIndex()
	for by := range l.groups {
		next.opened[by] = map[string]bool{}
		for _, g := range l.groups[by] {
			if g.open {
				next.opened[by][g.key] = true
			}
		}
	}
	for i := range next.groups[byThreat] {
		g := &next.groups[byThreat][i]
		g.open = next.opened[byThreat][g.key]
	}
	l.marks.renew(l)
	l.filter.forget()
	l.index, l.scroll, l.sorted = next, scroller{h: l.scroll.h}, sorted{}
	l.matched, l.total, l.rows, l.members, l.tallies = nil, 0, nil, nil, nil
}

// current returns the row under the cursor, or false when there is none.
func (l *list) current() (row, bool) {
	if l.scroll.cursor >= len(l.rows) {
		return row{}, false
	}
	return l.rows[l.scroll.cursor], true
}

// currentItem returns the finding under the cursor.
func (l *list) currentItem() (int32, bool) {
	r, ok := l.current()
	if !ok || r.isGroup() {
		return 0, false
	}
	return r.item, true
}

// inGroup returns the findings of a group that the filter leaves.
func (l *list) inGroup(g int32) []int32 {
	t := l.tallies[g]
	return l.members[t.from : t.from+t.n]
}

// listed reports whether a group's findings are listed.
func (l *list) listed(g int32) bool {
	if l.filter.on() {
		return !l.groups[l.by][g].folded
	}
	return l.groups[l.by][g].open
}

func (l *list) setOpen(g int32, open bool) {
	if l.filter.on() {
		l.groups[l.by][g].folded = !open
	} else {
		l.groups[l.by][g].open = open
	}
}

// setFilter replaces the filter.
func (l *list) setFilter(raw string, d *decisions) {
	l.marks.fix(l)
	old := l.filter
	l.filter = newFilter(raw, l.index)
	for by := range l.groups {
		for g := range l.groups[by] {
			l.groups[by][g].folded = false
		}
	}
	// One letter more is looked for only where the others are.
	if l.filter.narrows(&old) {
		l.match(l.matched, d)
	} else {
		l.refilter(d)
	}
	l.rebuild(d)
}

// refilter looks at all findings anew.
func (l *list) refilter(d *decisions) {
	l.matched = append(l.matched, make([]bool, len(l.items)-len(l.matched))...)
	l.filter.resolve(l.index)
	l.fuzzy = false
	l.match(nil, d)
}

// match notes the findings that match, of all or of some. Where there are
// none it takes the filter's words as abbreviations; it begins with that when
// it has come to that already.
func (l *list) match(among []bool, d *decisions) {
	if !l.fuzzy {
		if l.choose(among, d, l.filter.match) || !l.filter.sought() {
			return
		}
		among = nil
	}
	l.fuzzy = l.choose(among, d, l.filter.matchFuzzy)
}

// rematch looks at all findings anew after a decision, where the filter asks
// for what is staged. The cursor goes on to what has come in its finding's
// place.
func (l *list) rematch(d *decisions) {
	at, had := l.current()
	cursor := l.scroll.cursor
	l.refilter(d)
	l.rebuild(d)
	if had && !at.isGroup() && !l.matched[at.item] {
		l.scroll.to(cursor)
	}
}

// choose notes which findings match and reports whether there are any.
func (l *list) choose(among []bool, d *decisions, words func(*item) bool) bool {
	l.total = 0
	for _, id := range l.order {
		it := &l.items[id]
		l.matched[id] = (among == nil || among[id]) && l.filter.matchFields(it, d.taken[id]) && words(it)
		if l.matched[id] {
			l.total++
		}
	}
	return l.total > 0
}

// rebuild makes the rows anew and keeps the cursor on its finding or group,
// and that at its place on the screen.
func (l *list) rebuild(d *decisions) {
	at, had := l.current()
	seen := l.scroll.cursor - l.scroll.offset
	held := l.marks.hold(l)
	l.tally()
	l.fill()
	l.rows = l.rows[:0]
	for _, g := range l.groupSequence() {
		if l.tallies[g].n == 0 {
			continue
		}
		l.rows = append(l.rows, row{g, heading})
		if l.listed(g) {
			for _, id := range l.inGroup(g) {
				l.rows = append(l.rows, row{g, id})
			}
		}
	}
	l.recount(d)
	l.scroll.n = len(l.rows)
	if had && l.scroll.cursor > 0 { // at the top it stays at the top
		l.seek(at, seen)
	} else {
		l.scroll.to(l.scroll.cursor)
	}
	l.marks.release(l, held)
}

// tally counts what the filter leaves of each group.
func (l *list) tally() {
	l.tallies = append(l.tallies[:0], make([]tally, len(l.groups[l.by]))...)
	var buf [8]int32
	for _, id := range l.order {
		if !l.matched[id] {
			continue
		}
		for _, g := range l.groupsOf(id, l.by, buf[:0]) {
			t := &l.tallies[g]
			t.n++
			t.fixable[l.items[id].best]++
		}
	}
	from := int32(0)
	for g := range l.tallies {
		l.tallies[g].from = from
		from += l.tallies[g].n
	}
	l.members = slices.Grow(l.members[:0], int(from))[:from]
}

// fill puts the findings into their groups, sorted.
func (l *list) fill() {
	next := make([]int32, len(l.tallies))
	for g := range l.tallies {
		next[g] = l.tallies[g].from
	}
	var buf [8]int32
	for _, id := range l.sequence() {
		if l.matched[id] {
			for _, g := range l.groupsOf(id, l.by, buf[:0]) {
				l.members[next[g]] = id
				next[g]++
			}
		}
	}
}

// seek puts the cursor on a row, or on the heading of its group, at a place
// on the screen.
func (l *list) seek(at row, seen int) {
	if int(at.group) >= len(l.tallies) {
		l.scroll.to(0)
		return
	}
	found := -1
	for i, r := range l.rows {
		if r == at {
			found = i
			break
		}
		if r == (row{at.group, heading}) {
			found = i
		}
	}
	if found < 0 || l.closed(at) { // where it was, the next one is now
		l.scroll.to(l.scroll.cursor)
		return
	}
	l.scroll.offset = found - seen
	l.scroll.to(found)
}

// closed reports whether a row's finding is gone while its group is listed still.
func (l *list) closed(r row) bool {
	if r.isGroup() || !l.listed(r.group) {
		return false
	}
	id, ok := l.print[l.items[r.item].f.Fingerprint]
	return !ok || id != r.item
}

// recount counts the staged findings of each group, and those that are ignored.
func (l *list) recount(d *decisions) {
	for g := range l.tallies {
		l.tallies[g].staged, l.tallies[g].ignored = 0, 0
		for _, id := range l.inGroup(int32(g)) {
			if l.items[id].by != nil {
				l.tallies[g].ignored++
			}
			l.tallies[g].staged += int32(staged(d.taken[id]))
		}
	}
}

// regroup groups by something else and keeps the cursor on its finding, whose
// group there is opened.
func (l *list) regroup(by groupBy, d *decisions) {
	l.marks.fix(l)
	id, on := l.currentItem()
	l.by = by
	if !on {
		l.scroll.to(0)
		l.rebuild(d)
		return
	}
	g := l.groupsOf(id, by, nil)[0]
	l.setOpen(g, true)
	seen := l.scroll.cursor - l.scroll.offset
	l.scroll.cursor = 0
	l.rebuild(d)
	l.seek(row{g, id}, seen)
}

// openAll opens or closes all groups.
func (l *list) openAll(open bool, d *decisions) {
	for g := range l.groups[l.by] {
		l.setOpen(int32(g), open)
	}
	l.rebuild(d)
}

// toggle opens or closes a group.
func (l *list) toggle(g int32, open bool, d *decisions) {
	l.setOpen(g, open)
	l.rebuild(d)
}

// parent puts the cursor on the heading of the group that it is in.
func (l *list) parent() {
	at, ok := l.current()
	if !ok {
		return
	}
	for i := l.scroll.cursor; i >= 0; i-- {
		if l.rows[i] == (row{at.group, heading}) {
			l.scroll.to(i)
			return
		}
	}
}
