package tui

import (
	"fmt"
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// difference is what a new result changes on the list.
type difference struct {
	fresh   []string // the fingerprints of what is new
	gone    int
	dropped []string // of what was staged, objects whose finding is gone
	remade  string   // why the plan that is looked at is made anew
}

func (d *difference) any() bool { return len(d.fresh)+d.gone > 0 }

// String says it in a few words.
func (d *difference) String() string {
	var parts []string
	if d.gone > 0 {
		parts = append(parts, fmt.Sprintf("%d closed", d.gone))
	}
	if n := len(d.fresh); n > 0 {
		parts = append(parts, fmt.Sprintf("%d new", n))
	}
	return join(", ", parts...)
}

// saidDropped says which staged fixes have nothing left to fix.
func (a *app) saidDropped(d difference) string {
	return plural(len(d.dropped), "staged fix", "staged fixes") + " dropped, with nothing left to fix: " +
		joinFitting(60, ", ", a.glyphs.ellipsis, d.dropped...)
}

// takeFindings makes the list hold just the findings of a result, of which items
// were made. What is staged stays so where the finding has the same fix still.
func (a *app) takeFindings(items []item) (d difference) {
	titles := map[int32]string{}
	for id := range a.list.items {
		if fix, ok := a.dec.staged(int32(id)); ok {
			titles[int32(id)] = a.list.items[id].f.Fixes[fix].Title
		}
	}
	l := a.list
	fresh, gone := l.hold(items, a.ignored.shown)
	a.growTo(fresh)
	d.gone = len(gone)
	for _, id := range l.living(fresh) {
		d.fresh = append(d.fresh, l.items[id].f.Fingerprint)
	}
	changed := slices.Clone(gone)
	for id, title := range titles {
		i := slices.IndexFunc(l.items[id].f.Fixes, func(f fixes.Fix) bool { return f.Title == title && f.Edit != nil })
		switch {
		case l.items[id].by != nil: // what is ignored is not fixed
			changed = append(changed, id)
		case i < 0 && !slices.Contains(gone, id):
			changed = append(changed, id)
		case i >= 0 && a.dec.taken[id] != int8(i+1):
			left, edits := a.dec.left[id], a.dec.edits
			a.dec.forget([]int32{id})
			a.dec.keep(id, i, left)
			a.dec.edits = edits
		}
	}
	for _, id := range a.dec.forget(changed) {
		if name := l.items[id].object; !slices.Contains(d.dropped, name) {
			d.dropped = append(d.dropped, name)
		}
	}
	slices.Sort(d.dropped)
	if len(l.items) > 2*len(l.all)+mostBuried {
		a.compact()
	}
	a.keepEdits()
	l.marks.only(l)
	l.refilter(&a.dec)
	return d
}

// mostBuried is how many findings that are gone are kept at least before the
// list is made anew without them.
const mostBuried = 10_000

// compact makes the list anew, without what is gone. The history of decisions
// ends.
func (a *app) compact() {
	var items []item
	for _, id := range a.list.all {
		items = append(items, a.list.items[id])
	}
	a.keepDecisions()
	fresh, _ := a.list.hold(items, a.ignored.shown)
	a.growTo(fresh)
}

// addItems puts findings on the list while a scan runs.
func (a *app) addItems(items []item) {
	if len(items) == 0 {
		return
	}
	a.growTo(a.list.add(items))
	a.list.refilter(&a.dec)
	a.list.rebuild(&a.dec)
}

// growTo makes room for decisions about new items, and takes up those that
// were kept for them.
func (a *app) growTo(ids []int32) {
	a.dec.grow(len(a.list.items))
	a.list.marks.take(a.list, ids)
	a.takeUp(ids)
}

// keepDecisions notes what is staged, beside what was kept before, and empties
// the list. What no scan has come to find yet stays noted.
func (a *app) keepDecisions() {
	for id := range a.list.items {
		if fix, ok := a.dec.staged(int32(id)); ok {
			k := newStaged(a.list.items[id].f, fix)
			a.kept[k.Fingerprint] = k
			if left := a.dec.left[int32(id)]; len(left) > 0 {
				a.keptLeft[k.Fingerprint] = left
			}
		}
	}
	for _, e := range a.dec.edits {
		k := keptEdit{Amendment: e.Amendment}
		for _, id := range e.items {
			k.findings = append(k.findings, a.list.items[id].f.Fingerprint)
		}
		a.keptEdits = append(a.keptEdits, k)
	}
	if id, ok := a.list.currentItem(); ok {
		a.cursorAt = a.list.items[id].f.Fingerprint
	}
	a.dec = decisions{version: a.dec.version + 1}
	a.list.renew()
	a.scan.number++
	a.previews.renew(a.scan.number)
}

// keptEdit is an edit made before the scan that runs.
type keptEdit struct {
	fixes.Amendment
	findings []string // fingerprints
}

// keepEdits takes up the edits that were made before the scan, of objects
// whose fixes are staged still.
func (a *app) keepEdits() {
	for _, k := range a.keptEdits {
		e := edit{Amendment: k.Amendment}
		for _, finding := range k.findings {
			if id, ok := a.list.print[finding]; ok {
				e.items = append(e.items, id)
			}
		}
		a.dec.edits = append(a.dec.edits, e)
	}
	a.keptEdits = nil
	a.dec.edits = a.dec.livingEdits()
}

// returnToCursor puts the cursor back on the finding that it was on before
// the list was emptied.
func (a *app) returnToCursor() {
	id, ok := a.list.print[a.cursorAt]
	if !ok || a.list.scroll.cursor > 0 {
		return
	}
	a.cursorAt = ""
	for i, r := range a.list.rows {
		if r.item == id {
			a.list.scroll.to(i)
			return
		}
	}
}
