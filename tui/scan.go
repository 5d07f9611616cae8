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
func (a *app) notReady() string {
	switch s := &a.scan; {
	case s.running && s.progress.Kinds > 0:
		return fmt.Sprintf("the scan is still running: %d of %d kinds", s.progress.Loaded, s.progress.Kinds)
	case s.running:
		return "the scan is still running"
	case s.result == nil:
		return a.scansAgain("the scan failed")
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
		a.say(warn, text+"; "+join(": ", plural(skips, "kind")+" could not be read", a.does("skips", "tells which")))
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
