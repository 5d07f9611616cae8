package tui

import (
	"fmt"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// watch is the following of the cluster after its scan.
type watch struct {
	on     bool // wanted: it begins again after every scan
	number int  // counts the watches of the session
	feed   *feed[fixes.Update]
	// lost says why the cluster is not followed right now, which is tried again
	// at retry.
	lost  error
	retry time.Time
	// polled are kinds that cannot be watched.
	polled []string
	// held is an update that waits until it does not disturb.
	held *heldUpdate
	// came and went count the findings since the watch began.
	came, went int
	// fresh are the fingerprints of findings that have come of late, and until
	// when they are marked.
	fresh map[string]time.Time
}

// heldUpdate is an update of the findings, with items made of them.
type heldUpdate struct {
	fixes.Update
	items []item
}

// freshFor is how long a finding that has come is marked.
const freshFor = 15 * time.Second

// following reports whether the list follows the cluster by itself.
func (a *app) following() bool { return a.watch.feed != nil && a.watch.lost == nil }

func (a *app) cannotWatch() string {
	if a.session.Watch == nil {
		return "there is no cluster to follow"
	}
	return ""
}

// toggleWatch follows the cluster, or ends that.
func (a *app) toggleWatch() tea.Cmd {
	w := &a.watch
	w.on = !w.on
	if !w.on {
		a.stopWatch()
		a.say(info, "the cluster is not followed any more")
		return nil
	}
	if a.scan.running || a.scan.result == nil {
		a.say(info, "the cluster is followed once the scan is done")
		return nil
	}
	a.say(info, join("; ", "following the cluster: findings come and go with what changes", a.does("watch", "ends it")))
	return a.startWatch()
}

// watchReport is what a watch has told since the last one.
type watchReport struct {
	number int
	state  fixes.Update // the latest; without a result
	update *heldUpdate  // nil where there is no new result
}

type watchEnded struct{ number int }

// startWatch follows the cluster from the scan on, where that is wanted.
func (a *app) startWatch() tea.Cmd {
	w := &a.watch
	if !w.on || a.session.Watch == nil || w.feed != nil {
		return nil
	}
	f := newFeed[fixes.Update](a.ctx)
	*w = watch{on: true, number: w.number + 1, feed: f, fresh: map[string]time.Time{}}
	number, jobs, follow := w.number, &a.jobs, a.session.Watch
	run := func() tea.Msg {
		jobs.watching.Lock() // the one before has to end first
		defer jobs.watching.Unlock()
		if f.ctx.Err() == nil {
			follow(f.ctx, f.put)
		}
		return watchEnded{number}
	}
	return tea.Batch(run, a.nextWatchReport(0))
}

// stopWatch ends the following of the cluster for now.
func (a *app) stopWatch() {
	w := &a.watch
	if w.feed != nil {
		w.feed.end()
	}
	*w = watch{on: w.on, number: w.number}
}

// nextWatchReport waits for the watch to tell something, and makes items of the
// findings.
func (a *app) nextWatchReport(interval time.Duration) tea.Cmd {
	w := &a.watch
	number, f, jobs := w.number, w.feed, &a.jobs
	decided, decisions := a.net.version > 0, a.net.decisions
	return func() tea.Msg {
		if !f.wait(interval) {
			return nil
		}
		report := watchReport{number: number}
		var changed []fixes.Ref
		for _, u := range f.take() {
			report.state = u
			if u.Result != nil {
				changed = append(changed, u.Changed...)
				report.update = &heldUpdate{Update: u}
			}
		}
		report.state.Result = nil
		if report.update != nil {
			report.update.Changed = changed
			report.update.prepare(jobs, decided, decisions)
		}
		return report
	}
}

// prepare makes what an update has for the list, by the user's decisions.
func (u *heldUpdate) prepare(jobs *jobs, decided bool, decisions []fixes.Decision) {
	if decided && !slices.Equal(u.Result.Inventory.Decisions, decisions) {
		err := jobs.onInventory(func() error {
			u.Result = u.Result.Decide(decisions)
			return nil
		})
		if err != nil { // a bug in a rule: what it found before stays
			u.Result = nil
			return
		}
	}
	u.items = itemsOf(u.Result)
}

func (a *app) onWatchReport(msg watchReport) tea.Cmd {
	w := &a.watch
	if msg.number != w.number || w.feed == nil {
		return nil
	}
	lost := w.lost
	w.lost, w.retry = msg.state.Lost, msg.state.Retry
	switch {
	case w.lost != nil && lost == nil:
		a.notice = notice{} // for what is down
	case lost != nil && w.lost == nil:
		a.say(good, "the cluster is followed again")
	case len(msg.state.Polled) > len(w.polled):
		a.say(info, "not to be watched, so read every half minute: "+joinFitting(60, ", ", a.glyphs.ellipsis, msg.state.Polled...))
	}
	w.polled = msg.state.Polled
	if msg.update != nil && msg.update.Result != nil {
		if w.held != nil {
			msg.update.Changed = append(w.held.Changed, msg.update.Changed...)
		}
		w.held = msg.update
	}
	return tea.Batch(a.nextWatchReport(a.opts.interval), a.animate())
}

// onWatchEnded says so where a watch has ended by itself.
func (a *app) onWatchEnded(msg watchEnded) {
	if msg.number == a.watch.number && a.watch.feed != nil {
		a.stopWatch()
		a.watch.on = false
		a.say(warn, join("; ", "the cluster is not followed any more", a.does("watch", "follows it again")))
	}
}

// takeHeld takes an update in once it disturbs nothing: a question that is
// asked is about what is seen, and what is being made is made of what is there.
func (a *app) takeHeld() tea.Cmd {
	u := a.watch.held
	if u == nil || a.overlay != nil || a.apply.running || a.net.making || a.plan.composing || a.scan.running {
		return nil
	}
	a.watch.held = nil
	d, cmd := a.takeUpdate(*u)
	switch {
	case len(d.dropped) > 0:
		a.say(warn, join("; ", d.remade, a.saidDropped(d)))
	case d.remade != "":
		a.say(info, d.remade)
	}
	return cmd
}

// takeUpdate makes the findings those of an update, unless it is an old one.
func (a *app) takeUpdate(u heldUpdate) (d difference, cmd tea.Cmd) {
	if u.Number <= a.scan.updates || a.scan.result == nil {
		return d, nil
	}
	a.scan.updates = u.Number
	a.scan.number++
	a.scan.result = u.Result
	planned := a.planTouched(u.Changed)
	d = a.takeFindings(u.items)
	a.list.rebuild(&a.dec)
	a.watch.came, a.watch.went = a.watch.came+len(d.fresh), a.watch.went+d.gone
	cmd = a.markFresh(d.fresh)
	if planned == "" && d.any() && a.plan.plan != nil {
		planned = d.String()
	}
	if planned == "" {
		return d, cmd
	}
	remake := a.remake()
	if a.screen == planScreen {
		d.remade = "re-made: " + planned
	}
	return d, tea.Batch(cmd, remake)
}

// planTouched returns what of the plan, or of what is staged, has changed, or "".
func (a *app) planTouched(changed []fixes.Ref) string {
	if a.dec.count == 0 || len(changed) == 0 {
		return ""
	}
	about := map[fixes.Ref]bool{}
	for _, c := range a.plan.changes() {
		about[c.Object] = true
	}
	for id := range a.list.items {
		if a.dec.taken[id] > 0 {
			about[a.list.items[id].f.Object] = true
		}
	}
	var names []string
	for _, ref := range changed {
		if name := fixes.Clean(ref.NamespacedName()); about[ref] && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return joinFitting(60, ", ", a.glyphs.ellipsis, names...) + " changed"
}

// remake makes the plan anew, at once where it is looked at.
func (a *app) remake() tea.Cmd {
	a.dec.version++
	if a.screen != planScreen {
		return nil
	}
	return a.recompose()
}

// freshOver is due when a mark of a new finding may end.
type freshOver struct{}

// markFresh marks findings that have come.
func (a *app) markFresh(prints []string) tea.Cmd {
	if len(prints) == 0 || a.watch.fresh == nil {
		return nil
	}
	for _, fingerprint := range prints {
		a.watch.fresh[fingerprint] = a.opts.now().Add(freshFor)
	}
	if !a.opts.animate {
		return nil
	}
	return tea.Tick(freshFor, func(time.Time) tea.Msg { return freshOver{} })
}

func (a *app) onFreshOver() {
	now := a.opts.now()
	for fingerprint, until := range a.watch.fresh {
		if !now.Before(until) {
			delete(a.watch.fresh, fingerprint)
		}
	}
}

// down says that the server does not answer, and when it is asked again; or "".
func (a *app) down() string {
	switch {
	case a.watch.lost != nil:
		return inWords(a.watch.lost) + "; " + a.retrying(a.watch.retry)
	case !a.scan.retry.IsZero() && !a.scan.running:
		return inWords(a.scan.err) + "; " + a.retrying(a.scan.retry)
	}
	return ""
}

// watchWord says in the header how the following goes.
func (a *app) watchWord() string {
	w := &a.watch
	switch {
	case w.feed == nil:
		return ""
	case w.lost != nil:
		return a.styles.bad.Render(fmt.Sprintf("connection lost, retry in %d s", a.until(w.retry)))
	case w.came+w.went == 0:
		return a.styles.good.Render("watching")
	}
	return a.styles.good.Render("watching") + fmt.Sprintf(" +%d -%d", w.came, w.went)
}
