package tui

import (
	"cmp"
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// sorting says in which order the groups, and the findings of each, are listed.
type sorting int

const (
	worstFirst sorting = iota
	aToZ
	safeFirst
	mostFirst
	sortings
)

func (s sorting) String() string {
	return [...]string{"worst first", "a to z", "safe first", "most first"}[s]
}

// words says what comes first.
func (s sorting) words() string {
	return [...]string{
		"by severity, the worst first",
		"by name, a to z",
		"by confidence: what can be fixed safely first",
		"by number: most findings first",
	}[s]
}

// sorted is the order of all findings in a sorting, and what it was made for.
type sorted struct {
	sorting sorting
	by      groupBy
	version int
	ids     []int32
}

// sequence returns all findings in the order in which they stand in a group.
func (l *list) sequence() []int32 {
	if l.sort == worstFirst {
		return l.order
	}
	have := &l.sorted
	if have.ids != nil && have.sorting == l.sort && have.by == l.by && have.version == l.version {
		return have.ids
	}
	type keyed struct {
		key uint64
		at  int // in reading order, which stays where the keys are the same
	}
	key := l.sortKey()
	list := make([]keyed, len(l.order))
	for at, id := range l.order {
		list[at] = keyed{key(&l.items[id]), at}
	}
	slices.SortFunc(list, func(a, b keyed) int { return cmp.Or(cmp.Compare(a.key, b.key), a.at-b.at) })
	*have = sorted{l.sort, l.by, l.version, have.ids[:0]}
	for _, k := range list {
		have.ids = append(have.ids, l.order[k.at])
	}
	return have.ids
}

// sortKey returns what findings are sorted by within their groups. By name and
// by number it is what the rows of a grouping tell apart: the objects of a
// rule, the rules of anything else.
func (l *list) sortKey() func(*item) uint64 {
	first, second := byRule, byObject
	if l.by == byRule {
		first, second = byObject, byRule
	}
	switch l.sort {
	case safeFirst:
		return func(it *item) uint64 { return uint64(fixes.Safe) - uint64(it.best) }
	case mostFirst:
		counts := make([]uint64, len(l.groups[first]))
		for _, id := range l.order {
			counts[l.items[id].group[first]]++
		}
		return func(it *item) uint64 { return uint64(len(l.order)) - counts[it.group[first]] }
	}
	high, low := l.ranks(first), l.ranks(second)
	return func(it *item) uint64 { return uint64(high[it.group[first]])<<32 | uint64(low[it.group[second]]) }
}

// ranks returns the place of each group of a grouping in the order of names.
func (l *list) ranks(by groupBy) []uint32 {
	ranks := make([]uint32, len(l.groups[by]))
	for rank, g := range l.nameOrder(by) {
		ranks[g] = uint32(rank)
	}
	return ranks
}

// nameOrder returns the groups of a grouping in the order of their names: of
// objects by namespace and name first, as their rows have them.
func (x *index) nameOrder(by groupBy) []int32 {
	ids := make([]int32, len(x.groups[by]))
	for i := range ids {
		ids[i] = int32(i)
	}
	slices.SortFunc(ids, func(a, b int32) int {
		ga, gb := &x.groups[by][a], &x.groups[by][b]
		if by == byObject {
			if c := cmp.Compare(x.items[ga.first].object, x.items[gb.first].object); c != 0 {
				return c
			}
		}
		return cmp.Compare(ga.label, gb.label)
	})
	return ids
}

// groupSequence returns the groups in the order in which they are listed.
func (l *list) groupSequence() []int32 {
	base := l.groupOrder(l.by)
	var weight func(*tally) uint64
	switch l.sort {
	case aToZ:
		if l.by == bySeverity { // their names mean their order
			return base
		}
		return l.nameOrder(l.by)
	case safeFirst:
		weight = func(t *tally) uint64 { return uint64(t.fixable[fixes.Safe])<<32 | uint64(t.fixable[fixes.Review]) }
	case mostFirst:
		weight = func(t *tally) uint64 { return uint64(t.n) }
	default:
		return base
	}
	ids := slices.Clone(base)
	slices.SortStableFunc(ids, func(a, b int32) int { return cmp.Compare(weight(&l.tallies[b]), weight(&l.tallies[a])) })
	return ids
}

// resort sorts anew. A cursor at the top stays there, any other on what it is
// on.
func (l *list) resort(s sorting, d *decisions) {
	l.marks.fix(l)
	l.sort = s
	l.rebuild(d)
}

func (a *app) nextSorting() {
	a.list.resort((a.list.sort+1)%sortings, &a.dec)
	a.say(info, "sorted "+a.list.sort.words())
}
