package tui

import (
	"errors"
	"fmt"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// scan is how far looking for findings has come.
type scan struct {
	number   int // counts the scans of the session
	running  bool
	progress fixes.Progress
	feed     *feed[fixes.Progress]
	started  time.Time
	took     time.Duration
	err      error
	// result is nil until the scan has ended well.
	result *fixes.Result
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

// startScan begins a scan. Decisions about findings that it finds again stay.
func (a *app) startScan() tea.Cmd {
	a.keepDecisions()
	f := newFeed[fixes.Progress](a.ctx)
	a.scan = scan{number: a.scan.number + 1, running: true, feed: f, started: a.opts.now()}
	a.applied = false
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
		return scanDone{number: number, result: result, items: newItems(result.Findings)}
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
	a.addItems(msg.items)
	return a.nextScanReport(a.opts.interval)
}

func (a *app) onScanDone(msg scanDone) {
	if msg.number != a.scan.number {
		return
	}
	a.scan.feed.end()
	a.scan.running, a.scan.err, a.scan.result = false, msg.err, msg.result
	a.scan.took = a.opts.now().Sub(a.scan.started)
	if msg.err != nil {
		a.addItems(newScanReport(msg.number, a.scan.feed.take()).items)
		a.say(bad, "scan failed: "+fixes.Clean(firstLine(msg.err.Error()))+"; r scans again")
		return
	}
	if a.net.version == 0 {
		a.net.decisions = msg.result.Inventory.Decisions // of flags
	}
	a.takeFindings(msg.items, msg.result)
	l := a.list
	// A list that fits the screen needs no folding.
	if !a.touched && len(l.order)+len(l.groups[l.by]) <= l.scroll.h {
		l.openAll(true, &a.dec)
	}
	l.rebuild(&a.dec)
	a.returnToCursor()
	text := plural(len(l.order), "finding") + " in " + elapsed(a.scan.took)
	if skips := len(msg.result.Inventory.Skips()); skips > 0 {
		a.say(warn, text+"; "+plural(skips, "kind")+" could not be read: ! tells which")
		return
	}
	a.say(info, text)
}

// takeFindings makes the list hold just the findings of a result.
func (a *app) takeFindings(items []item, result *fixes.Result) {
	a.growTo(a.list.add(items))
	a.list.only(result.Findings)
	a.dec.forget(a.list.order)
	a.keepEdits()
	a.list.refilter()
}

// addItems puts findings on the list while a scan runs.
func (a *app) addItems(items []item) {
	if len(items) == 0 {
		return
	}
	a.growTo(a.list.add(items))
	a.list.refilter()
	a.list.rebuild(&a.dec)
}

// growTo makes room for decisions about new items, and takes up those that
// were made about them before this scan.
func (a *app) growTo(ids []int32) {
	a.dec.grow(len(a.list.items))
	for _, id := range ids {
		f := a.list.items[id].f
		title, ok := a.kept[f.Fingerprint]
		if !ok {
			continue
		}
		delete(a.kept, f.Fingerprint)
		for i := range f.Fixes {
			if f.Fixes[i].Title == title && f.Fixes[i].Edit != nil {
				a.dec.keep(id, i, a.keptLeft[f.Fingerprint])
				a.list.items[id].shown = int8(i)
				break
			}
		}
	}
}

// keepDecisions notes what is staged, by finding and title, for the scan that
// begins, and empties the list.
func (a *app) keepDecisions() {
	a.kept, a.keptLeft = map[string]string{}, map[string][]fixes.Part{}
	for id := range a.list.items {
		if fix, ok := a.dec.staged(int32(id)); ok {
			f := a.list.items[id].f
			a.kept[f.Fingerprint], a.keptLeft[f.Fingerprint] = f.Fixes[fix].Title, a.dec.left[int32(id)]
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
	a.plan.check.stop()
	a.plan = planView{number: a.plan.number, check: a.plan.check, outline: &outline{}}
	a.previews.clear()
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
// the scan.
func (a *app) returnToCursor() {
	id, ok := a.list.print[a.cursorAt]
	if !ok || a.list.scroll.cursor > 0 {
		return
	}
	for i, r := range a.list.rows {
		if r.item == id {
			a.list.scroll.to(i)
			return
		}
	}
}
