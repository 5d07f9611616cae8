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
	// by is the ignore that hides the finding, or nil.
	by *fixes.Ignore
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
			it.namespace = fixes.Clean(f.Object.Name)
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
	// all are the findings that are held, and order those of them to list, both
	// in reading order.
	all, order []int32
	// ignored counts those in the order that are ignored, and yet shown.
	ignored int
	// bySeverity counts the others in the order.
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
		x.assign(id, &it)
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

// assign puts an item into its groups.
func (x *index) assign(id int32, it *item) {
	f := it.f
	put := func(by groupBy, key, label string) { it.group[by] = x.groupFor(id, by, key, label, f.Severity) }
	put(byRule, f.Rule.ID, f.Rule.ID)
	label := fixes.NamespaceLabel(it.namespace)
	if label == "" {
		label = "(whole cluster)"
	}
	put(byNamespace, it.namespace, label)
	object := f.Object.Kind.Name + " " + it.object
	put(byObject, object, object)
	put(bySeverity, f.Severity.String(), f.Severity.String())
	put(byManager, f.ManagedBy, f.ManagedBy)
	put(byWords, it.words, it.words)
}

func (x *index) groupFor(id int32, by groupBy, key, label string, severity fixes.Severity) int32 {
	g, ok := x.keys[by][key]
	if !ok {
		g = int32(len(x.groups[by]))
		x.groups[by] = append(x.groups[by], group{key: key, label: label, open: x.opened[by][key], first: id})
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

// hold makes the index hold just the items given, all findings in reading order,
// and returns the ids of those that are new and of those that are gone. A finding
// that stays keeps its id. What is ignored is in the order only where it is to be
// shown.
func (x *index) hold(items []item, ignored bool) (fresh, gone []int32) {
	known := len(x.items)
	fresh = x.add(items)
	held := make([]bool, len(x.items))
	all := make([]int32, 0, len(items))
	for i := range items {
		id := x.print[items[i].f.Fingerprint]
		if held[id] {
			continue
		}
		held[id] = true
		all = append(all, id)
		if int(id) < known {
			x.update(id, items[i])
		}
	}
	for _, id := range x.print {
		if !held[id] {
			gone = append(gone, id)
		}
	}
	slices.Sort(gone)
	for _, id := range gone {
		x.bury(id)
	}
	x.all = all
	x.show(ignored)
	return fresh, gone
}

// show makes the order that of what is held, with what is ignored or without.
func (x *index) show(ignored bool) {
	x.order, x.ignored = make([]int32, 0, len(x.all)), 0
	for _, id := range x.all {
		switch {
		case x.items[id].by == nil:
			x.order = append(x.order, id)
		case ignored:
			x.order = append(x.order, id)
			x.ignored++
		}
	}
	x.version++
	x.weigh()
}

// update replaces what is known of a finding. The fix that is looked at stays.
func (x *index) update(id int32, it item) {
	old := &x.items[id]
	x.assign(id, &it)
	if fix := old.fix(); fix != nil {
		it.shown = int8(max(slices.IndexFunc(it.f.Fixes, func(f fixes.Fix) bool { return f.Title == fix.Title }), 0))
	}
	*old = it
}

// bury takes a finding out that is gone. Its fixes hold on to the inventory that
// it was found in, and must not.
func (x *index) bury(id int32) {
	it := &x.items[id]
	f := it.f
	delete(x.print, f.Fingerprint)
	it.f = &fixes.Finding{Rule: f.Rule, Fingerprint: f.Fingerprint, Object: f.Object, Path: f.Path, Severity: f.Severity}
	it.shown, it.by = 0, nil
}

// weigh counts the severities of the findings in the order, and finds the worst
// of each group.
func (x *index) weigh() {
	clear(x.bySeverity[:])
	for by := range x.groups {
		x.sorted[by] = nil
		for g := range x.groups[by] {
			x.groups[by][g].severity = 0
		}
	}
	var buf [8]int32
	for _, id := range x.order {
		severity := x.items[id].f.Severity
		if x.items[id].by == nil {
			x.bySeverity[severity]++
		}
		for by := range allGroupings {
			for _, g := range x.groupsOf(id, by, buf[:0]) {
				group := &x.groups[by][g]
				group.severity = max(group.severity, severity)
			}
		}
	}
}

// count counts the findings in the order that are not ignored.
func (x *index) count() int { return len(x.order) - x.ignored }

// living returns those of some items that are not ignored.
func (x *index) living(ids []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(ids), func(id int32) bool { return x.items[id].by != nil })
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
