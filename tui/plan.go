package tui

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// planView is the plan that the staged fixes make.
type planView struct {
	composing bool
	number    int // of the latest composition that was asked for
	version   int // of the decisions that the plan was made from
	asked     int // of those that it is being made from
	plan      *fixes.Plan
	*outline
	// canaryRisks say what copies of pods could do by themselves.
	canaryRisks []string
	// open are the fingerprints of chosen findings that stay open.
	open    map[string]bool
	err     error
	check   check
	scroll  scroller
	diffs   map[planDiffKey]planDiff
	diffing bool
	// then is done with the plan once it is there.
	then func(*app) tea.Cmd
}

func (p *planView) changes() []fixes.Change {
	if p.plan == nil {
		return nil
	}
	return p.plan.Changes
}

// cannotPlan says why there is no plan to look at.
func (a *app) cannotPlan() string {
	if why := a.notReady(); why != "" {
		return why
	}
	if a.applied && !a.following() {
		return a.scansAgain("the cluster has changed since the scan")
	}
	if a.net.behind() {
		return "your decision is being worked in"
	}
	ways := join(", ", a.does("stage", "stages a fix"), when(a.screen == findingsScreen, a.does("stageSafe", "all safe ones")))
	return when(a.dec.count == 0, join(": ", "nothing is staged", ways))
}

// openPlan goes to the plan screen and makes the plan.
func (a *app) openPlan() tea.Cmd {
	a.screen, a.inDetail = planScreen, false
	if a.plan.version != a.dec.version {
		a.plan.scroll = scroller{}
	}
	return a.compose(nil)
}

// planDone is a plan that was composed.
type planDone struct {
	number, version int
	plan            *fixes.Plan
	outline         *outline
	canaryRisks     []string
	err             error
}

// compose makes the plan of what is staged, unless it is there, and then does
// what is asked.
func (a *app) compose(then func(*app) tea.Cmd) tea.Cmd {
	p := &a.plan
	if p.plan != nil && p.version == a.dec.version && !p.composing {
		if then != nil {
			return then(a)
		}
		return nil
	}
	if p.composing && p.asked == a.dec.version {
		if then != nil {
			p.then = then
		}
		return nil
	}
	p.check.stop()
	p.number++
	p.composing, p.asked, p.then, p.err = true, a.dec.version, then, nil
	choices, edits := a.planned()
	number, version, result, jobs := p.number, a.dec.version, a.scan.result, &a.jobs
	waveSize, dot, canaryRisks := a.session.WaveSize, a.glyphs.dot, a.session.CanaryRisks
	run := func() tea.Msg {
		done := planDone{number: number, version: version, outline: &outline{}}
		done.err = jobs.onInventory(func() (err error) {
			if done.plan, err = fixes.Compose(result, choices, edits...); err != nil {
				return err
			}
			done.outline = newOutline(done.plan, waveSize, false, dot)
			if done.outline.copyable > 0 && canaryRisks != nil {
				for _, risk := range canaryRisks(done.plan) {
					done.canaryRisks = append(done.canaryRisks, fixes.Clean(risk))
				}
			}
			return nil
		})
		return done
	}
	return tea.Batch(run, a.animate())
}

// planned returns what is staged, with what is left out of it, and the edits.
func (a *app) planned() ([]fixes.Choice, []fixes.Amendment) {
	var choices []fixes.Choice
	for _, id := range a.list.order {
		if fix, ok := a.dec.staged(id); ok {
			f := a.list.items[id].f
			choices = append(choices, fixes.Choice{Finding: f, Fix: &f.Fixes[fix], Leave: a.dec.left[id]})
		}
	}
	var edits []fixes.Amendment
	for _, e := range a.dec.edits {
		edits = append(edits, e.Amendment)
	}
	return choices, edits
}

func (a *app) onPlanDone(msg planDone) tea.Cmd {
	p := &a.plan
	if msg.number != p.number || !p.composing {
		return nil
	}
	p.composing, p.err, p.version = false, msg.err, msg.version
	p.plan, p.outline, p.canaryRisks = msg.plan, msg.outline, msg.canaryRisks
	p.diffs = map[planDiffKey]planDiff{}
	p.open = map[string]bool{}
	if p.plan != nil {
		for _, f := range p.plan.LeftOpen {
			p.open[f.Fingerprint] = true
		}
	}
	p.scroll.n = len(p.rows)
	p.scroll.to(p.scroll.cursor)
	then := p.then
	p.then = nil
	if msg.err != nil {
		a.say(bad, "no plan: "+fixes.Clean(firstLine(msg.err.Error())))
		return nil
	}
	if then != nil {
		return then(a)
	}
	return nil
}

// current returns the row under the cursor.
func (p *planView) current() (planRow, bool) {
	if p.plan == nil || p.scroll.cursor >= len(p.rows) {
		return planRow{}, false
	}
	return p.rows[p.scroll.cursor], true
}

type planDiffKey struct{ number, change int }

type planDiff struct {
	key planDiffKey
	changeDiff
	err error
}

// lookUpPlanDiff makes the diff of the change under the cursor.
func (a *app) lookUpPlanDiff() tea.Cmd {
	p := &a.plan
	r, ok := p.current()
	if !ok || !r.isChange() || p.composing || p.diffing {
		return nil
	}
	key := planDiffKey{p.number, r.change}
	if _, made := p.diffs[key]; made {
		return nil
	}
	p.diffing = true
	plan, result, redact, jobs := p.plan, a.scan.result, a.session.Redact, &a.jobs
	return func() tea.Msg {
		d, err := diffOf(plan.Changes[key.change], redact)
		if err == nil {
			err = jobs.onInventory(func() error {
				d.attribute(plan.Causes(result, key.change))
				return nil
			})
		}
		return planDiff{key, d, err}
	}
}

func (p *planView) onDiff(msg planDiff) {
	p.diffing = false
	if msg.key.number != p.number || p.diffs == nil {
		return
	}
	if len(p.diffs) >= maxPreviews {
		clear(p.diffs)
	}
	p.diffs[msg.key] = msg
}

// planKeys are the keys of the plan screen.
func planKeys() []binding {
	do := func(f func(*app)) func(*app) tea.Cmd {
		return func(a *app) tea.Cmd { f(a); return nil }
	}
	list := []binding{
		{action: "plan.apply", keys: []string{"a"}, short: "apply", help: "apply the plan to the cluster", group: toAct, asks: "y",
			off: (*app).cannotApply, run: do((*app).askApply)},
		{action: "plan.leaveOut", keys: []string{"space", "x"}, label: "space", short: "leave out", help: "leave the change out: unstage all fixes that it serves; in the details, those of the part",
			group: toChoose, off: (*app).cannotLeaveOut, run: (*app).leaveOut},
		{action: "plan.leaveOutRefused", keys: []string{"X"}, help: "leave out all that the server refuses", group: toChoose,
			off: (*app).nothingRefused, run: (*app).leaveOutRefused},
		{action: "plan.canary", keys: []string{"C"}, short: "canary", help: "try the fixes to review on a copy of a pod first, when applying", group: toAct,
			off: (*app).cannotCanary, run: do((*app).toggleCanary)},
		{action: "plan.export", keys: []string{"E"}, short: "export", help: "export the plan to files", group: toAct, asks: "enter",
			off: (*app).cannotExport, run: do((*app).askExport)},
		{action: "plan.undo", keys: []string{"u"}, short: "undo", help: "undo the last decision", group: toChoose,
			off: (*app).cannotUndoDecision, run: func(a *app) tea.Cmd { return tea.Batch(a.undo(), a.recompose()) }},
		{action: "plan.redo", keys: []string{"ctrl+r"}, help: "redo it", group: toChoose,
			off: (*app).cannotRedoDecision, run: func(a *app) tea.Cmd { return tea.Batch(a.redo(), a.recompose()) }},
		{action: "plan.edit", keys: []string{"e"}, short: "edit", help: "edit the result in $KUBE_EDITOR or $EDITOR", group: toChoose,
			off: (*app).cannotEdit, run: (*app).editObject},
		{action: "plan.back", keys: []string{"esc"}, short: "back", help: "back to the findings", group: toMove, run: do((*app).leavePlan)},
		{action: "plan.context", keys: []string{"c"}, short: "context", help: "more or less around each change", group: toLook, run: do((*app).nextContext)},
		{action: "plan.nextRemark", keys: []string{"n"}, help: "to the next change that the server refuses or warns of", group: toMove,
			off: (*app).nothingRemarked, run: do((*app).nextRemark)},
		networkKey(""),
		historyKey(),
		{action: "plan.scan", keys: []string{"r"}, help: "scan again", group: toAct, run: func(a *app) tea.Cmd {
			a.screen, a.inDetail = findingsScreen, false
			return a.startScan()
		}},
		{action: "plan.details", keys: []string{"enter", "right", "l"}, help: "to the details", group: toMove,
			run: do(func(a *app) { a.inDetail = true })},
		{action: "plan.list", keys: []string{"left", "h"}, label: "left, h", help: "back to the list", group: toMove,
			run: do(func(a *app) { a.inDetail = false })},
	}
	return append(append(append(moves(), list...), diffKeys()...), leave()...)
}

// recompose makes the plan anew, or leaves it when nothing is staged any more.
func (a *app) recompose() tea.Cmd {
	if a.dec.count == 0 {
		a.screen, a.inDetail = findingsScreen, false
		return nil
	}
	return a.compose(nil)
}

func (a *app) leavePlan() {
	if a.inDetail {
		a.leaveDetail()
		return
	}
	a.screen = findingsScreen
	if a.plan.composing { // nobody waits for it any more
		a.plan.composing, a.plan.then = false, nil
	}
}

// noPlan says why nothing can be done with the plan.
func (a *app) noPlan() string {
	switch {
	case a.plan.composing:
		return "the plan is being made"
	case a.screen == planScreen && a.plan.err != nil:
		return "there is no plan"
	case a.screen == planScreen && len(a.plan.changes()) == 0:
		return "the plan changes nothing"
	}
	return ""
}

func (a *app) cannotLeaveOut() string {
	if why := a.noPlan(); why != "" {
		return why
	}
	r, ok := a.plan.current()
	return when(!ok || !r.isChange(), "go to a change first")
}

// leaveOut unstages the fixes that the change under the cursor serves, or in
// the details the part of it.
func (a *app) leaveOut() tea.Cmd {
	if a.onHunk() {
		return a.leaveOutHunk()
	}
	r, _ := a.plan.current()
	return a.leaveOutAll([]int{r.change}, fixes.Clean(a.plan.plan.Changes[r.change].Object.String()))
}

func (a *app) nothingRefused() string {
	return when(a.plan.check.counts[refused] == 0, "the server refuses nothing")
}

func (a *app) leaveOutRefused() tea.Cmd {
	list := a.plan.check.refused()
	return a.leaveOutAll(list, plural(len(list), "refused change"))
}

// leaveOutAll unstages, in one step, all fixes that some changes serve.
func (a *app) leaveOutAll(changes []int, what string) tea.Cmd {
	var drop []decision
	dropped := map[int32]bool{}
	for _, i := range changes {
		for _, f := range a.plan.plan.Changes[i].Fixes {
			if id, ok := a.list.print[f.Fingerprint]; ok && a.dec.taken[id] > 0 && !dropped[id] {
				dropped[id] = true
				drop = append(drop, a.dec.drop(id))
			}
		}
	}
	label := fmt.Sprintf("left out %s: %s unstaged", what, plural(len(drop), "fix", "fixes"))
	s := step{label: label, changes: drop}
	for _, i := range changes {
		if e := a.dec.without(a.plan.plan.Changes[i].Object); e != nil {
			if s.edits != nil {
				e.to = slices.DeleteFunc(slices.Clone(s.edits.to), func(x edit) bool { return x.Object == a.plan.plan.Changes[i].Object })
			}
			s.edits = e
		}
	}
	if a.dec.do(s) {
		a.list.recount(&a.dec)
		a.say(info, a.undoes(label))
	}
	return a.recompose()
}

func (a *app) nothingRemarked() string {
	c := &a.plan.check
	return when(c.objections()+c.counts[warned] == 0, "the server has nothing to say against it")
}

// nextRemark goes to the next change that the server has something to say of.
func (a *app) nextRemark() {
	p := &a.plan
	p.scroll.next(func(row int) bool { return p.rows[row].isChange() && p.check.remarked(p.rows[row].change) })
}
