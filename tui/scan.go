package tui

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// scan is how far looking for findings has come.
type scan struct {
	// number counts the results of the session, and the scans: whatever was made
	// from one of another number is not of this one.
	number   int
	running  bool
	progress fixes.Progress
	feed     *feed[fixes.Progress]
	started  time.Time
	took     time.Duration
	err      error
	// result is nil until the scan has ended well.
	result *fixes.Result
	// updates is the number of the latest update of the result; see
	// [fixes.Update].
	updates int
	// again says that there was a scan before, whose findings are listed still.
	again bool
	// looked is set once the user has moved about.
	looked bool
	// tries counts the scans one after the other that the server has not
	// answered; the next begins at retry, unless that is zero.
	tries int
	retry time.Time
}

// notReady returns why no plan can be made, or "".
func (s *scan) notReady() string {
	switch {
	case s.running && s.progress.Kinds > 0:
		return fmt.Sprintf("the scan is still running: %d of %d kinds", s.progress.Loaded, s.progress.Kinds)
	case s.running:
		return "the scan is still running"
	case s.result == nil:
		return "the scan failed; r scans again"
	}
	return ""
}

// scanReport is what a scan reported since the last one.
type scanReport struct {
	number   int
	progress fixes.Progress
	items    []item
}

type scanDone struct {
	number int
	result *fixes.Result
	items  []item // of all findings, in reading order
	err    error
}

// startScan begins a scan. What an earlier one found stays on the list until
// this one has ended, and so do decisions about it.
func (a *app) startScan() tea.Cmd {
	a.stopWatch()
	a.plan.check.stop()
	a.plan = planView{number: a.plan.number, check: a.plan.check, outline: &outline{}}
	f := newFeed[fixes.Progress](a.ctx)
	a.scan = scan{number: a.scan.number + 1, running: true, feed: f, started: a.opts.now(),
		again: len(a.list.order) > 0, looked: len(a.list.order) > 0, tries: a.scan.tries}
	a.applied, a.ignored.changed = false, false
	a.scans++
	number, jobs, look := a.scan.number, &a.jobs, a.session.Scan
	decided, decisions := a.net.version > 0, a.net.decisions
	run := func() tea.Msg {
		result, err := look(f.ctx, f.put)
		if err == nil && result != nil && decided && !slices.Equal(result.Inventory.Decisions, decisions) {
			result = result.Decide(decisions)
		}
		if err == nil && result == nil {
			err = errors.New("the scan gave no result")
		}
		if f.ctx.Err() == nil {
			jobs.setScanErr(err)
		}
		if err != nil {
			return scanDone{number: number, err: err}
		}
		return scanDone{number: number, result: result, items: itemsOf(result)}
	}
	return tea.Batch(run, a.nextScanReport(0), a.animate())
}

// nextScanReport waits for the scan to report something, and makes items of it.
func (a *app) nextScanReport(interval time.Duration) tea.Cmd {
	number, f := a.scan.number, a.scan.feed
	return func() tea.Msg {
		if !f.wait(interval) {
			return nil
		}
		return newScanReport(number, f.take())
	}
}

func newScanReport(number int, list []fixes.Progress) scanReport {
	r := scanReport{number: number}
	var found []*fixes.Finding
	for _, p := range list {
		r.progress = p
		found = append(found, p.Found...)
	}
	r.progress.Found = nil
	r.items = newItems(found)
	return r
}

func (a *app) onScanReport(msg scanReport) tea.Cmd {
	if msg.number != a.scan.number || a.scan.result != nil {
		return nil // the result has it all
	}
	a.scan.progress = msg.progress
	a.scan.took = a.opts.now().Sub(a.scan.started)
	a.addItems(msg.items)
	return a.nextScanReport(a.opts.interval)
}

func (a *app) onScanDone(msg scanDone) tea.Cmd {
	if msg.number != a.scan.number {
		return nil
	}
	a.scan.feed.end()
	a.scan.running, a.scan.err, a.scan.result = false, msg.err, msg.result
	a.scan.took = a.opts.now().Sub(a.scan.started)
	if msg.err != nil {
		a.addItems(newScanReport(msg.number, a.scan.feed.take()).items)
		return a.scanFailed(msg.err)
	}
	a.scan.tries = 0
	if a.net.version == 0 {
		a.net.decisions = msg.result.Inventory.Decisions // of flags
	}
	again := a.scan.again
	d := a.takeFindings(msg.items)
	l := a.list
	a.unfold()
	l.rebuild(&a.dec)
	a.returnToCursor()
	defer a.settleKept()
	text := plural(l.count(), "finding") + " in " + elapsed(a.scan.took)
	if n := a.ignoredCount(); n > 0 {
		text += fmt.Sprintf(", %d ignored", n)
	}
	if again && d.any() {
		text += ": " + d.String()
	}
	watch := a.startWatch()
	skips := len(msg.result.Inventory.Skips())
	switch {
	case len(d.dropped) > 0:
		a.say(warn, text+"; "+a.saidDropped(d))
	case skips > 0:
		a.say(warn, text+"; "+plural(skips, "kind")+" could not be read: ! tells which")
	default:
		a.say(info, text)
	}
	return watch
}

// unfold opens all groups where the list fits the screen: it needs no folding.
func (a *app) unfold() {
	if l := a.list; !a.touched && len(l.order)+len(l.groups[l.by]) <= l.scroll.h {
		l.openAll(true, &a.dec)
	}
}

// retryScan is due when a server that did not answer is to be tried again.
type retryScan struct{ number int }

// scanFailed says why, and tries again by itself where a later try may do.
func (a *app) scanFailed(err error) tea.Cmd {
	var down *fixes.UnreachableError
	if !errors.As(err, &down) || a.opts.backoff == nil {
		a.say(bad, "scan failed: "+inWords(err)+"; r scans again")
		return nil
	}
	a.scan.tries++
	a.notice = notice{} // for what is down
	wait := a.opts.backoff(a.scan.tries)
	a.scan.retry = a.opts.now().Add(wait)
	number := a.scan.number
	return tea.Batch(tea.Tick(wait, func(time.Time) tea.Msg { return retryScan{number} }), a.animate())
}

func (a *app) onRetryScan(msg retryScan) tea.Cmd {
	if msg.number != a.scan.number || a.scan.running || a.scan.retry.IsZero() {
		return nil
	}
	return a.startScan()
}

// inWords says in a line why something failed, safe to show.
func inWords(err error) string {
	if down, ok := errors.AsType[*fixes.UnreachableError](err); ok {
		return fixes.Clean("the API server at " + strings.TrimPrefix(down.Host, "https://") + " " + down.Reason)
	}
	return fixes.Clean(firstLine(err.Error()))
}

// saidOf says all that is said of an error, safe to show.
func saidOf(err error) string {
	if _, ok := errors.AsType[*fixes.UnreachableError](err); ok {
		return inWords(err)
	}
	return fixes.CleanLines(err.Error())
}

// retrying says when a server is tried again.
func (a *app) retrying(at time.Time) string {
	if wait := a.until(at); wait > 0 {
		return fmt.Sprintf("retrying in %d s (r: now)", wait)
	}
	return "retrying now"
}

// until counts the seconds until a time.
func (a *app) until(at time.Time) int {
	return max(int(at.Sub(a.opts.now()).Round(time.Second).Seconds()), 0)
}

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
