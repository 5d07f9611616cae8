package tui

import (
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// applyView is a plan being applied or undone, or that was.
type applyView struct {
	progress
	number  int
	undo    bool // it takes back another
	resumed bool // it goes on with one that did not come to its end
	run     int  // the run that it takes back or goes on with, or 0
	plan    *fixes.Plan
	running bool
	feed    *feed[fixes.Outcome]
	stop    chan struct{} // closed to end after the wave under way
	halt    halt
	scroll  scroller
	// follow keeps the cursor on what is under way.
	follow  bool
	started time.Time
	now     time.Time // when the screen was measured
	took    time.Duration
	err     error
	version int    // of the decisions that the plan was made from
	result  result // once it has ended
}

// halt is how an apply was asked to end.
type halt int

const (
	goesOn halt = iota
	afterWave
	atOnce
)

func (a *app) noCluster() string {
	if a.session.WhyNoApply != "" {
		return a.session.WhyNoApply
	}
	return "there is no cluster to apply to"
}

func (a *app) cannotApply() string {
	if a.session.Apply == nil {
		return a.noCluster()
	}
	if why := a.noPlan(); why != "" {
		return why
	}
	if why := a.cannotPlan(); why != "" {
		return why
	}
	c := &a.plan.check
	leave, _ := a.keys.key(planScreen, "leaveOut")
	switch n := c.counts[refused]; {
	case c.counts[stale] > 0:
		return a.scansAgain("objects have changed since the scan")
	case n == 1:
		return join(" ", "the server refuses 1 change; leave it out", inBrackets(join("; ", leave, a.does("nextRemark", "goes to it"))))
	case n > 1:
		return join(" ", fmt.Sprintf("the server refuses %d changes; leave them out", n), inBrackets(join("; ", leave, a.does("leaveOutRefused", "all"))))
	}
	return ""
}

// where names the cluster in a question.
func (a *app) where() string {
	if a.session.Context == "" {
		return "the cluster"
	}
	return a.session.Context
}

// askApply says what will be done to which cluster, and asks.
func (a *app) askApply() {
	plan := a.plan.plan
	sep := " " + a.glyphs.dot + " "
	c := &confirm{
		title:   "Apply to " + a.where() + "?",
		text:    []string{join(sep, append([]string{a.verified()}, a.planParts()...)...)},
		answers: []reply{{"y", "apply", (*app).startApply}},
	}
	if n := len(a.plan.waves); n > 1 {
		c.text = append(c.text, fmt.Sprintf("In %d waves: each begins when the rollouts of the one before have ended.", n))
	}
	if !plan.Verified {
		c.text = append(c.text, "", "This plan is not verified: the whole plan tells what would be left, or new.")
	}
	c.text = append(c.text, a.askedText()...)
	c.text = append(c.text, a.canaryText()...)
	a.sayFixCommand(c)
	a.guard(c, "apply", len(plan.Changes))
	a.overlay = c
}

// askedText says what of the plan the server has not plainly accepted.
func (a *app) askedText() []string {
	c := &a.plan.check
	switch n := c.counts[warned]; {
	case c.plan == 0:
		return nil
	case c.running:
		return []string{"", "The server has not answered about all of it yet. The apply asks again before it writes."}
	case c.counts[accepted]+n < len(c.answers):
		return []string{"", "The server could not be asked about all of it. The apply asks again before it writes."}
	case n > 0:
		return []string{"", a.styles.warn.Render(join("; ", "The server warns of "+plural(n, "change"), a.does("nextRemark", "goes to them")) + ".")}
	}
	return nil
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
	p := &a.plan
	return a.write(a.session.Apply, applyView{plan: p.plan, version: p.version, progress: newProgress(p.outline)}, a.canaryOn())
}

// write makes the changes of a plan in a way, which is that of applying or of
// undoing, and shows what becomes of them.
func (a *app) write(do func(context.Context, *fixes.Plan, ApplyOptions, func(fixes.Outcome)) error, v applyView, canary bool) tea.Cmd {
	f := newFeed[fixes.Outcome](a.ctx)
	v.number, v.running, v.feed, v.follow = a.apply.number+1, true, f, true
	v.stop, v.started = make(chan struct{}), a.opts.now()
	a.apply, a.screen, a.inDetail = v, applyScreen, false
	a.applied = true
	number, plan, jobs := v.number, v.plan, &a.jobs
	o := ApplyOptions{Canary: canary, Stop: v.stop}
	run := func() tea.Msg {
		err := jobs.write(func() error {
			err := do(f.ctx, plan, o, f.put)
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
	a.takeReports()
	return a.nextApplyReport(a.opts.interval)
}

// takeReports takes in what was reported, and keeps the cursor on it.
func (a *app) takeReports() {
	v := &a.apply
	v.take(v.feed.take(), a.opts.now())
	if v.follow && v.wave > 0 {
		v.scroll.to(v.rowOf(v.at))
	}
}

func (a *app) onApplyDone(msg applyDone) {
	v := &a.apply
	if msg.number != v.number || !v.running {
		return
	}
	a.takeReports()
	v.feed.end()
	now := a.opts.now()
	v.running, v.err, v.took = false, msg.err, now.Sub(v.started)
	v.giveUp(now)
	v.result = a.sumUp()
	a.overlay, a.notice = nil, notice{} // a question whether to stop has no point any more
	if msg.err == nil && !v.undo && !v.resumed {
		a.saved, a.net.saved = v.version, a.net.version
		a.made, a.net.written = v.version, a.net.version
	}
	r := v.rows[v.scroll.cursor]
	switch worst, found := v.worst(); {
	case found && (v.follow || !r.isChange() || !wentWrong(v.changes[r.change].state)):
		v.scroll.to(v.rowOf(worst))
	case v.follow:
		v.scroll.to(0)
	}
}

// applyKeys are the keys of the apply screen.
func applyKeys() []binding {
	running := func(a *app) string { return when(a.apply.running, "the plan is being "+a.apply.doing()) }
	do := func(f func(*app)) func(*app) tea.Cmd {
		return func(a *app) tea.Cmd { f(a); return nil }
	}
	list := []binding{
		{action: "apply.undo", keys: []string{"u"}, short: "undo", help: "undo what was applied", group: toAct, asks: "y",
			off: (*app).cannotUndo, run: (*app).undoApplied},
		{action: "apply.scan", keys: []string{"r"}, short: "scan again", help: "scan again, to see what is left", group: toAct,
			off: running, run: func(a *app) tea.Cmd {
				a.screen, a.inDetail = findingsScreen, false
				return a.startScan()
			}},
		{action: "apply.stop", keys: []string{"s"}, short: "stop", help: "stop, after the wave under way or at once", group: toAct, asks: "y x",
			off: (*app).cannotStop, run: do((*app).askStop)},
		{action: "apply.back", keys: []string{"esc"}, short: "findings", help: "back to the findings; {lastApply} comes here again", group: toMove,
			off: func(a *app) string {
				return when(a.apply.running && !a.inDetail, join("; ", "the plan is being "+a.apply.doing(), a.does("stop", "stops it")))
			},
			run: do((*app).leaveApply)},
		historyKey(),
		{action: "apply.nextWrong", keys: []string{"n"}, help: "to the next change that went wrong", group: toMove,
			off: func(a *app) string { return when(a.apply.counts.wrong() == 0, "nothing went wrong") },
			run: do((*app).nextWrong)},
		{action: "apply.details", keys: []string{"enter", "right", "l"}, help: "to the details", group: toMove,
			run: do(func(a *app) { a.inDetail = true })},
		{action: "apply.list", keys: []string{"left", "h"}, label: "left, h", help: "back to the list", group: toMove,
			run: do(func(a *app) { a.inDetail = false })},
	}
	return append(append(moves(), list...), leave()...)
}

func (a *app) leaveApply() {
	if a.inDetail {
		a.inDetail = false
		return
	}
	a.screen = findingsScreen
	if a.applied && !a.following() {
		a.say(warn, a.scansAgain("these findings are from before the apply"))
	}
}

func (a *app) nextWrong() {
	v := &a.apply
	v.follow = false
	v.scroll.next(func(row int) bool { return v.rows[row].isChange() && wentWrong(v.changes[v.rows[row].change].state) })
}

// returnToApply goes back to the last apply, or to the undo of it.
func (a *app) returnToApply() { a.screen, a.inDetail = applyScreen, false }

func (a *app) nothingApplied() string {
	return when(a.apply.number == 0, join(": ", "nothing was applied yet", a.does("plan", "makes the plan, to apply it")))
}
