package fixes

import (
	"reflect"
	"slices"
)

// listMerge merges lists element by element. Base and target are aligned into
// hunks, as diff does: runs that only one of them has, between elements that
// both have. What only base has goes, where it is unchanged; what only target
// has comes to the place where the hunk is now.
//
// An element without a name that is not found any more may have been changed
// or removed; its hunk is left alone then, since target's elements could come
// beside what became of it.
type listMerge struct {
	*merger
	path               string
	base, target, live []any
	pairs              [][2]int // of base and target
	// at gives for each element of base its place in live, or -1.
	at []int

	merged []any // live, with elements that all have merged
	gone   []bool
	// spoken: the element of live is the one that target has, or has no more.
	spoken []bool
	insert map[int][]any // what comes before a place in live
}

// hunk is a run of base and one of target, between the pairs n-1 and n.
type hunk struct {
	n            int
	base, target [2]int
}

// lists merges lists; nil stands for one that is missing.
func (m *merger) lists(path string, base, target, live []any) any {
	l := listMerge{
		merger: m, path: path, base: base, target: target, live: live,
		pairs: alignExact(base, target), at: locate(base, live),
		merged: slices.Clone(live), gone: make([]bool, len(live)), spoken: make([]bool, len(live)),
		insert: map[int][]any{},
	}
	for _, p := range l.pairs {
		l.pair(p[0], p[1])
	}
	hunks := slices.DeleteFunc(l.hunks(), l.lost)
	for _, h := range hunks {
		l.drop(h)
	}
	for _, h := range hunks {
		l.restore(h)
	}
	return l.result()
}

// hunks returns what base and target do not share.
func (l *listMerge) hunks() []hunk {
	var hunks []hunk
	base, target := 0, 0
	for n, p := range append(slices.Clone(l.pairs), [2]int{len(l.base), len(l.target)}) {
		if base < p[0] || target < p[1] {
			hunks = append(hunks, hunk{n, [2]int{base, p[0]}, [2]int{target, p[1]}})
		}
		base, target = p[0]+1, p[1]+1
	}
	return hunks
}

// pair merges an element that both base and target have.
func (l *listMerge) pair(i, t int) {
	j := l.at[i]
	if j >= 0 {
		l.spoken[j] = true
		l.merged[j] = l.value(elementPath(l.path, j), "", l.base[i], l.target[t], l.live[j])
	} else if !reflect.DeepEqual(l.base[i], l.target[t]) {
		l.note(elementPath(l.path, i), changed, whyRemoved, true)
	}
}

// lost reports, and notes, that nothing tells what became of a hunk.
func (l *listMerge) lost(h hunk) bool {
	unnamed := func(list []any, but func(i int) bool) bool {
		for i, v := range list {
			if _, named := identity(v); !named && !but(i) {
				return true
			}
		}
		return false
	}
	lost := unnamed(l.base[h.base[0]:h.base[1]], func(i int) bool { return l.at[h.base[0]+i] >= 0 })
	if h.base[0] == h.base[1] && len(l.live) > 0 {
		// Nothing marks the place but the neighbours.
		beside := h.n > 0 && l.at[l.pairs[h.n-1][0]] >= 0 || h.n < len(l.pairs) && l.at[l.pairs[h.n][0]] >= 0
		lost = unnamed(l.target[h.target[0]:h.target[1]], func(int) bool { return beside })
	}
	if lost {
		state := changed
		if reflect.DeepEqual(l.live, l.target) {
			state = back
		}
		l.note(l.path, state, whyChanged, l.live == nil)
	}
	return lost
}

// drop takes away what a hunk has in base.
func (l *listMerge) drop(h hunk) {
	for i := h.base[0]; i < h.base[1]; i++ {
		j := l.at[i]
		name, _ := identity(l.base[i])
		switch {
		case j < 0:
			l.note(elementPath(l.path, i), back, "", true)
		case !stillThere("", l.base[i], l.live[j]):
			l.note(elementPath(l.path, j), changed, whyChanged, false)
		case l.held[l.path][name]:
			l.note(elementPath(l.path, j), bound, whyUsed, false)
		default:
			l.gone[j], l.spoken[j] = true, true
		}
	}
}

// restore brings what a hunk has in target, but for what is there already.
func (l *listMerge) restore(h hunk) {
	place := l.place(h)
	for _, v := range l.target[h.target[0]:h.target[1]] {
		j := l.rival(v)
		switch {
		case j < 0:
			l.insert[place] = append(l.insert[place], v)
		case reflect.DeepEqual(l.live[j], v):
			l.note(elementPath(l.path, j), back, "", false)
			l.spoken[j] = true
		default:
			l.note(elementPath(l.path, j), changed, whyAnother, false)
			l.spoken[j] = true
		}
	}
}

// rival returns the place in live of an element that is the same and that
// nothing accounts for yet, or -1.
func (l *listMerge) rival(v any) int {
	for j := range l.live {
		if !l.spoken[j] && sameElement(v, l.live[j]) {
			return j
		}
	}
	return -1
}

// place returns where a hunk is in live: where an element of it is, or beside
// the nearest element that is left.
func (l *listMerge) place(h hunk) int {
	for _, j := range l.at[h.base[0]:h.base[1]] {
		if j >= 0 {
			return j
		}
	}
	for _, p := range slices.Backward(l.pairs[:h.n]) {
		if j := l.at[p[0]]; j >= 0 {
			return j + 1
		}
	}
	for _, p := range l.pairs[h.n:] {
		if j := l.at[p[0]]; j >= 0 {
			return j
		}
	}
	return len(l.live)
}

func (l *listMerge) result() any {
	var out []any
	for j := range len(l.live) + 1 {
		out = append(out, l.insert[j]...)
		if j < len(l.live) && !l.gone[j] {
			out = append(out, l.merged[j])
		}
	}
	switch {
	case len(out) > 0:
		return out
	case l.live == nil || l.target == nil && l.base != nil:
		return nil
	}
	return []any{}
}

// alignExact is [align] for lists in which names repeat: elements that are
// equal find each other first.
func alignExact(before, after []any) [][2]int {
	var pairs [][2]int
	i, j := 0, 0
	equal := alignBy(before, after, reflect.DeepEqual)
	for _, e := range append(equal, [2]int{len(before), len(after)}) {
		for _, p := range align(before[i:e[0]], after[j:e[1]]) {
			pairs = append(pairs, [2]int{i + p[0], j + p[1]})
		}
		if e[0] < len(before) {
			pairs = append(pairs, e)
		}
		i, j = e[0]+1, e[1]+1
	}
	return pairs
}

// locate returns for each element of base its place in live, wherever it has
// been moved, or -1.
func locate(base, live []any) []int {
	at := slices.Repeat([]int{-1}, len(base))
	taken := make([]bool, len(live))
	for _, p := range alignExact(base, live) {
		at[p[0]], taken[p[1]] = p[1], true
	}
	for i := range base {
		for j := range live {
			if at[i] < 0 && !taken[j] && (sameElement(base[i], live[j]) || stillThere("", base[i], live[j])) {
				at[i], taken[j] = j, true
			}
		}
	}
	return at
}
