package tui

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// groupBy says what the findings are grouped by.
type groupBy int

const (
	byRule groupBy = iota
	byNamespace
	byObject
	byThreat
	bySeverity
	groupings
)

// The groupings of which nothing is seen: a filter looks once at what their
// findings have in common.
const (
	byManager = groupings + iota
	byWords
	allGroupings
)

func (by groupBy) String() string {
	return [...]string{"rule", "namespace", "object", "threat", "severity"}[by]
}

// item is one finding on the list.
type item struct {
	f *fixes.Finding
	// object is the object's namespace and name, safe to show.
	object string
	// namespace is the one that it is in, or is, safe to show.
	namespace string
	// A filter looks for words in the message, in the words that many findings
	// share, and in what its object is called; for abbreviations in name. All are
	// in lower case.
	message, words, name string
	// group holds the item's group for each grouping but byThreat, where an
	// item may stand in several.
	group   [allGroupings]int32
	threats uint8
	// best is the confidence of the recommended fix, 0 where there is none; auto
	// says that it has an edit.
	best uint8
	auto bool
	// shown is the index of the fix that is looked at.
	shown int8
}

// fix returns the fix that is looked at, or nil where there is none.
func (it *item) fix() *fixes.Fix {
	if int(it.shown) >= len(it.f.Fixes) {
		return nil
	}
	return &it.f.Fixes[it.shown]
}

// newItems makes items of findings, in reading order. It is the costly part
// of adding them, and touches nothing else.
func newItems(found []*fixes.Finding) []item {
	items := make([]item, len(found))
	for i, f := range found {
		it := item{f: f, object: fixes.Clean(f.Object.NamespacedName()), namespace: fixes.Clean(f.Object.Namespace)}
		if f.Object.Kind == fixes.KindNamespace {
			it.namespace = it.object
		}
		it.name = strings.ToLower(f.Rule.ID + " " + it.object)
		it.message = strings.ToLower(f.Message)
		parts := []string{f.Rule.ID, f.Path, string(f.Rule.Category), f.Severity.String(), f.ManagedBy}
		for _, t := range f.Threats {
			parts = append(parts, string(t))
			if at := slices.Index(fixes.Threats(), t); at >= 0 {
				it.threats |= 1 << at
			}
		}
		if it.threats == 0 {
			it.threats = 1 << len(fixes.Threats())
		}
		if fix := f.Fix(); fix != nil {
			parts = append(parts, fix.Confidence.String(), fix.Title)
			it.best, it.auto = uint8(fix.Confidence), fix.Edit != nil
		}
		it.words = strings.ToLower(strings.Join(parts, " "))
		items[i] = it
	}
	slices.SortStableFunc(items, func(a, b item) int { return readingOrder(a.f, b.f) })
	return items
}

// readingOrder is the order of [fixes.SortFindings].
func readingOrder(a, b *fixes.Finding) int {
	return cmp.Or(
		-cmp.Compare(a.Severity, b.Severity),
		cmp.Compare(a.Rule.ID, b.Rule.ID),
		a.Object.Compare(b.Object),
		cmp.Compare(a.Path, b.Path),
		cmp.Compare(a.Fingerprint, b.Fingerprint))
}

// group is a set of findings under one heading.
type group struct {
	key, label string
	severity   fixes.Severity // of the worst in it
	place      int            // before the name in the order; used for threats
	first      int32          // a finding of it, of the groupings that a finding has one group of
	// open says that its findings are listed, and folded that they are not
	// even under a filter, which opens all others.
	open, folded bool
}

// index holds all findings with their groups, in reading order.
type index struct {
	items []item
	print map[string]int32 // by fingerprint
	order []int32
	// bySeverity counts the findings in the order.
	bySeverity [fixes.Critical + 1]int

	groups [allGroupings][]group
	keys   [allGroupings]map[string]int32
	sorted [allGroupings][]int32 // the groups in order; nil when it must be made
	// values holds what the groups have of a field, in lower case.
	values map[*field][]string
	// version changes with the order.
	version int
	// opened holds the keys of groups that are to be open when they come.
	opened [allGroupings]map[string]bool
}

func newIndex() *index {
	x := &index{print: map[string]int32{}, values: map[*field][]string{}}
	for by := range x.keys {
		x.keys[by] = map[string]int32{}
	}
	for i, t := range fixes.Threats() {
		x.groups[byThreat] = append(x.groups[byThreat], group{key: string(t), label: threatWords(t), place: i + 1})
	}
	x.groups[byThreat] = append(x.groups[byThreat], group{label: "(no threat named)", place: len(fixes.Threats()) + 1})
	return x
}

// add takes in new items, which are in reading order, and leaves out those
// that it has. It returns the ids of the new ones.
func (x *index) add(items []item) []int32 {
	var ids []int32
	for _, it := range items {
		if _, ok := x.print[it.f.Fingerprint]; ok {
			continue
		}
		id := int32(len(x.items))
		x.print[it.f.Fingerprint] = id
		f := it.f
		it.group[byRule] = x.groupFor(byRule, f.Rule.ID, f.Rule.ID, f.Severity)
		label := it.namespace
		if label == "" {
			label = "(whole cluster)"
		}
		it.group[byNamespace] = x.groupFor(byNamespace, it.namespace, label, f.Severity)
		object := f.Object.Kind.Name + " " + it.object
		it.group[byObject] = x.groupFor(byObject, object, object, f.Severity)
		it.group[bySeverity] = x.groupFor(bySeverity, f.Severity.String(), f.Severity.String(), f.Severity)
		it.group[byManager] = x.groupFor(byManager, f.ManagedBy, f.ManagedBy, f.Severity)
		it.group[byWords] = x.groupFor(byWords, it.words, it.words, f.Severity)
		for t := it.threats; t != 0; t &= t - 1 {
			g := &x.groups[byThreat][bits.TrailingZeros8(t)]
			if g.severity < f.Severity {
				g.severity = f.Severity
				x.sorted[byThreat] = nil
			}
		}
		x.items = append(x.items, it)
		ids = append(ids, id)
		x.bySeverity[f.Severity]++
	}
	x.merge(ids)
	x.version++
	return ids
}

func (x *index) groupFor(by groupBy, key, label string, severity fixes.Severity) int32 {
	g, ok := x.keys[by][key]
	if !ok {
		g = int32(len(x.groups[by]))
		x.groups[by] = append(x.groups[by], group{key: key, label: label, open: x.opened[by][key], first: int32(len(x.items))})
		x.keys[by][key] = g
		x.sorted[by] = nil
	}
	if x.groups[by][g].severity < severity {
		x.groups[by][g].severity = severity
		x.sorted[by] = nil
	}
	return g
}

// merge puts ids, which are in reading order, into the order.
func (x *index) merge(ids []int32) {
	after := func(a, b int32) bool { return readingOrder(x.items[a].f, x.items[b].f) > 0 }
	if len(ids) == 0 {
		return
	}
	if len(x.order) == 0 || !after(x.order[len(x.order)-1], ids[0]) {
		x.order = append(x.order, ids...)
		return
	}
	merged := make([]int32, 0, len(x.order)+len(ids))
	old := x.order
	for len(old) > 0 && len(ids) > 0 {
		if after(old[0], ids[0]) {
			merged, ids = append(merged, ids[0]), ids[1:]
		} else {
			merged, old = append(merged, old[0]), old[1:]
		}
	}
	x.order = append(append(merged, old...), ids...)
}

// only leaves in the order just the findings given.
func (x *index) only(found []*fixes.Finding) {
	keep := make([]bool, len(x.items))
	for _, f := range found {
		if id, ok := x.print[f.Fingerprint]; ok {
			keep[id] = true
			x.items[id].f = f
		}
	}
	x.order = slices.DeleteFunc(x.order, func(id int32) bool { return !keep[id] })
	x.version++
	clear(x.bySeverity[:])
	for _, id := range x.order {
		x.bySeverity[x.items[id].f.Severity]++
	}
}

// groupOrder returns the groups of a grouping, the worst first.
func (x *index) groupOrder(by groupBy) []int32 {
	if x.sorted[by] == nil {
		ids := make([]int32, len(x.groups[by]))
		for i := range ids {
			ids[i] = int32(i)
		}
		slices.SortFunc(ids, func(a, b int32) int {
			ga, gb := &x.groups[by][a], &x.groups[by][b]
			return cmp.Or(-cmp.Compare(ga.severity, gb.severity), cmp.Compare(ga.place, gb.place), cmp.Compare(ga.label, gb.label))
		})
		x.sorted[by] = ids
	}
	return x.sorted[by]
}

// groupsOf appends to buf the groups that an item stands in.
func (x *index) groupsOf(id int32, by groupBy, buf []int32) []int32 {
	it := &x.items[id]
	if by != byThreat {
		return append(buf, it.group[by])
	}
	for t := it.threats; t != 0; t &= t - 1 {
		buf = append(buf, int32(bits.TrailingZeros8(t)))
	}
	return buf
}

// threatWords writes a threat as words.
func threatWords(t fixes.Threat) string { return strings.ReplaceAll(string(t), "-", " ") }
