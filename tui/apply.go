package tui

import (
	"context"
	"errors"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// applyView is a plan being made, or that was.
type applyView struct {
	number  int
	running bool
	ended   bool
	rows    []applyRow
	index   map[*fixes.Change]int
	byRef   map[fixes.Ref]int
	counts  map[fixes.State]int
	feed    *feed[fixes.Outcome]
	scroll  scroller
	// follow keeps the cursor on the change that is being made.
	follow  bool
	changed int // counts what was reported
	started time.Time
	took    time.Duration
	err     error
	version int // of the decisions that the plan was made from
}

// applyRow is a change and what became of it.
type applyRow struct {
	change   *fixes.Change
	state    fixes.State
	detail   string
	warnings []string
}

// manyObjects is the number of changes from which on the name of the cluster
// has to be typed.
const manyObjects = 20

func (a *app) cannotApply() string {
	if a.session.Apply == nil {
		if a.session.WhyNoApply != "" {
			return a.session.WhyNoApply
		}
		return "there is no cluster to apply to"
	}
	if why := a.noPlan(); why != "" {
		return why
	}
	return a.cannotPlan()
}

// askApply says what will be done to which cluster, and asks.
func (a *app) askApply() {
	plan, n := a.plan.plan, len(a.plan.plan.Changes)
	to := a.session.Context
	if to == "" {
		to = "the cluster"
	}
	c := &confirm{
		title: "Apply to " + to + "?",
		text:  []string{a.planSum()},
		key:   "y", verb: "apply", yes: (*app).startApply,
	}
	if !plan.Verified {
		c.text = append(c.text, "This plan is not verified: the whole plan tells what would be left, or new.")
	}
	if n > manyObjects {
		c.word = a.session.Context
		if c.word == "" {
			c.word = "apply"
		}
	}
	a.overlay = c
}

// applyReport says that the apply reported something. What it is stays in the
// feed until the model looks, so that it comes in order with the end.
type applyReport struct{ number int }

type applyDone struct {
	number int
	err    error
}

// startApply makes the plan's changes.
func (a *app) startApply() tea.Cmd {
	f := newFeed[fixes.Outcome](a.ctx)
	v := applyView{
		number: a.apply.number + 1, running: true, feed: f, follow: true, started: a.opts.now(), version: a.plan.version,
		index: map[*fixes.Change]int{}, byRef: map[fixes.Ref]int{}, counts: map[fixes.State]int{},
	}
	plan := a.plan.plan
	for i := range plan.Changes {
		c := &plan.Changes[i]
		v.rows = append(v.rows, applyRow{change: c, state: fixes.Pending})
		v.index[c], v.byRef[c.Object] = i, i
	}
	v.counts[fixes.Pending] = len(v.rows)
	a.apply, a.screen, a.inDetail = v, applyScreen, false
	a.applied = true
	number, jobs, do := v.number, &a.jobs, a.session.Apply
	run := func() tea.Msg {
		err := jobs.write(func() error {
			err := do(f.ctx, plan, f.put)
			jobs.setApplyErr(err)
			return err
		})
		return applyDone{number, err}
	}
	return tea.Batch(run, a.nextApplyReport(0), a.animate())
}

func (a *app) nextApplyReport(interval time.Duration) tea.Cmd {
	number, f := a.apply.number, a.apply.feed
	return func() tea.Msg {
		if !f.wait(interval) {
			return nil
		}
		return applyReport{number}
	}
}

func (a *app) onApplyReport(msg applyReport) tea.Cmd {
	if msg.number != a.apply.number || !a.apply.running {
		return nil
	}
	a.apply.take(a.apply.feed.take())
	return a.nextApplyReport(a.opts.interval)
}

func (v *applyView) take(outcomes []fixes.Outcome) {
	for _, o := range outcomes {
		if o.Change == nil {
			continue
		}
		i, ok := v.index[o.Change]
		if !ok {
			if i, ok = v.byRef[o.Change.Object]; !ok {
				continue
			}
		}
		r := &v.rows[i]
		v.counts[r.state]--
		v.counts[o.State]++
		v.changed++
		r.state, r.detail = o.State, fixes.CleanLines(o.Detail)
		for _, w := range o.Warnings {
			r.warnings = append(r.warnings, fixes.CleanLines(w))
		}
		if v.follow && o.State != fixes.NotAttempted {
			v.scroll.cursor = i
		}
	}
}

func (a *app) onApplyDone(msg applyDone) {
	v := &a.apply
	if msg.number != v.number || !v.running {
		return
	}
	v.take(v.feed.take())
	v.feed.end()
	v.running, v.ended, v.err = false, true, msg.err
	v.took = a.opts.now().Sub(v.started)
	if msg.err != nil {
		v.giveUp()
	}
	a.overlay = nil // a question whether to stop has no point any more
	if msg.err == nil {
		a.saved = v.version
		a.say(good, "done in "+elapsed(v.took)+"; r scans again, to see what is left")
		return
	}
	if v.follow {
		v.scroll.to(v.worst())
	}
	text := "apply failed: "
	if errors.Is(msg.err, context.Canceled) {
		text = "stopped: "
	}
	a.say(bad, text+fixes.Clean(firstLine(msg.err.Error())))
}

// giveUp says of the changes whose end was not reported what is known now
// that nothing goes on any more.
func (v *applyView) giveUp() {
	for i := range v.rows {
		r := &v.rows[i]
		was := r.state
		switch was {
		case fixes.Pending, fixes.Checked:
			r.state = fixes.NotAttempted
		case fixes.Applying:
			r.state = fixes.Unknown
		}
		v.counts[was]--
		v.counts[r.state]++
	}
}

// worst returns the first change that did not go well.
func (v *applyView) worst() int {
	for _, s := range []fixes.State{fixes.Failed, fixes.Unknown, fixes.Stale} {
		for i := range v.rows {
			if v.rows[i].state == s {
				return i
			}
		}
	}
	return v.scroll.cursor
}

// settled counts the changes whose end is known.
func (v *applyView) settled() int {
	return len(v.rows) - v.counts[fixes.Pending] - v.counts[fixes.Checked] - v.counts[fixes.Applying]
}

// progress says how far the apply has come.
func (v *applyView) progress() string {
	if v.settled() == 0 && v.counts[fixes.Applying] == 0 {
		return fmt.Sprintf("checking %d/%d", v.counts[fixes.Checked], len(v.rows))
	}
	return fmt.Sprintf("applying %d/%d", v.settled(), len(v.rows))
}

// askToStop asks whether to break off an apply, and what to do then.
func (a *app) askToStop(then tea.Cmd) overlay {
	return &confirm{
		title: "Stop applying?",
		text: []string{"What is written stays written. What has not begun is not attempted. " +
			"The run is in the journal: it can be resumed, or undone."},
		key: "y", verb: "stop",
		yes: func(a *app) tea.Cmd {
			a.apply.feed.end()
			return then
		},
	}
}

// applyKeys are the keys of the apply screen.
func applyKeys() []binding {
	running := func(a *app) string { return when(a.apply.running, "the plan is being applied") }
	do := func(f func(*app)) func(*app) tea.Cmd {
		return func(a *app) tea.Cmd { f(a); return nil }
	}
	list := []binding{
		{keys: []string{"r"}, short: "scan again", help: "scan again, to see what is left", group: toAct,
			off: running, run: func(a *app) tea.Cmd {
				a.screen, a.inDetail = findingsScreen, false
				return a.startScan()
			}},
		{keys: []string{"s"}, short: "stop", help: "stop applying", group: toAct,
			off: func(a *app) string { return when(!a.apply.running, "nothing is being applied") },
			run: do(func(a *app) { a.overlay = a.askToStop(nil) })},
		{keys: []string{"enter", "right", "l"}, label: "enter", help: "to the details", group: toMove,
			run: do(func(a *app) { a.inDetail = true })},
		{keys: []string{"left", "h"}, label: "left, h", help: "back to the list", group: toMove,
			run: do(func(a *app) { a.inDetail = false })},
		{keys: []string{"esc"}, short: "findings", help: "back to the findings", group: toMove,
			off: func(a *app) string {
				return when(a.apply.running && !a.inDetail, "the plan is being applied; s stops it")
			},
			run: do(func(a *app) {
				if a.inDetail {
					a.inDetail = false
					return
				}
				a.screen = findingsScreen
				a.say(warn, "these findings are from before the apply; r scans again")
			})},
	}
	return append(append(moves(), list...), leave()...)
}
