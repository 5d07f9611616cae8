package tui

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// runVerb is what is done with an earlier run, as on the command line.
type runVerb string

const (
	toUndo   runVerb = "undo"
	toResume runVerb = "resume"
)

// planning is the making of the plan that takes back a run, or goes on with it.
type planning struct {
	number int // counts them
	verb   runVerb
	cancel context.CancelFunc // nil when none is made
}

func (p *planning) running() bool { return p.cancel != nil }

// drop ends the planning: nobody waits for it any more.
func (p *planning) drop() {
	if p.cancel != nil {
		p.cancel()
		p.cancel = nil
	}
}

// doing says what is being planned.
func (p *planning) doing() string {
	if p.verb == toResume {
		return "looking how far the run came"
	}
	return "planning the undo"
}

// cannotUndo says why what the apply screen shows is not undone now.
func (a *app) cannotUndo() string {
	v := &a.apply
	switch {
	case a.cannotWriteRuns() != "":
		return a.cannotWriteRuns()
	case !v.undo && v.nothingWritten():
		return "nothing was applied"
	case v.undo && v.err == nil && v.counts.wrong()+v.counts.of(fixes.NotAttempted) == 0:
		return a.scansAgain("it is undone")
	}
	return ""
}

// cannotWriteRuns says why no run can be undone or resumed now.
func (a *app) cannotWriteRuns() string {
	v := &a.apply
	switch {
	case a.session.WhyReadOnly != "":
		return a.session.WhyReadOnly
	case a.session.PlanUndo == nil || a.session.Undo == nil:
		return "nothing can be undone here: no record is kept"
	case v.running:
		return join("; ", "the plan is being "+v.doing(), when(a.screen == applyScreen, a.does("stop", "stops it")))
	case a.planning.running() && a.planning.verb == toUndo:
		return "the undo is being planned"
	case a.planning.running():
		return "it is being looked how far the run came"
	}
	return ""
}

// runPlanned is a plan that takes back a run, or goes on with one.
type runPlanned struct {
	number  int
	verb    runVerb
	plan    RunPlan
	outline *outline
	err     error
}

// undoApplied asks what would take back what the apply screen shows.
func (a *app) undoApplied() tea.Cmd { return a.planRun(toUndo, a.apply.run) }

// planRun asks what taking back a run comes to, or going on with it. The
// answer is dropped when the screen is left.
func (a *app) planRun(verb runVerb, run int) tea.Cmd {
	u := &a.planning
	ctx, cancel := context.WithCancel(a.ctx)
	u.number, u.verb, u.cancel = u.number+1, verb, cancel
	number, waveSize, dot, jobs, look := u.number, a.session.WaveSize, a.glyphs.dot, &a.jobs, a.session.PlanUndo
	if verb == toResume {
		look = a.session.PlanResume
	}
	do := func() tea.Msg {
		done := runPlanned{number: number, verb: verb}
		done.err = jobs.ask(ctx, func(ctx context.Context) (err error) {
			done.plan, err = look(ctx, run)
			return err
		})
		for i, l := range done.plan.Left {
			done.plan.Left[i] = fixes.Clean(l)
		}
		if done.plan.Plan == nil {
			done.plan.Plan = &fixes.Plan{}
		}
		done.outline = newOutline(done.plan.Plan, waveSize, verb == toUndo, dot)
		return done
	}
	return tea.Batch(do, a.animate())
}

// onRunPlanned says what undoing or going on comes to, and asks.
func (a *app) onRunPlanned(msg runPlanned) {
	u := &a.planning
	if msg.number != u.number || u.cancel == nil {
		return
	}
	u.drop()
	n := len(msg.plan.Plan.Changes)
	switch {
	case a.overlay != nil:
		// A key that is meant for another question must not answer this one.
		a.say(warn, join(": ", map[runVerb]string{toUndo: "the undo is ready", toResume: "the rest of the run is ready"}[msg.verb], a.does(string(msg.verb), "asks")))
	case msg.err != nil:
		a.say(bad, "no "+string(msg.verb)+": "+fixes.Clean(firstLine(msg.err.Error())))
		a.overlay = &message{
			title: map[runVerb]string{toUndo: "The undo could not be planned", toResume: "The run cannot be resumed"}[msg.verb],
			text:  strings.Split(fixes.CleanLines(msg.err.Error()), "\n"),
		}
	case msg.verb == toResume:
		a.askResume(msg)
	case n == 0:
		a.overlay = &message{title: "Nothing to undo", text: append([]string{"Nothing that was applied is left to be taken back."}, a.notPutBack(msg.plan)...)}
	default:
		sum := strings.Join(msg.outline.parts(), " "+a.glyphs.dot+" ")
		c := &confirm{
			title:   "Undo in " + a.where() + "?",
			text:    append([]string{plural(n, "change") + ": " + sum}, a.notPutBack(msg.plan)...),
			answers: []reply{{"y", "undo", func(a *app) tea.Cmd { return a.startUndo(msg.plan, msg.outline) }}},
		}
		a.sayCommand(c, a.runCommand(toUndo, msg.plan.Run))
		a.guard(c, string(toUndo), n)
		a.overlay = c
	}
}

// notPutBack lists what an undo leaves.
func (a *app) notPutBack(plan RunPlan) []string {
	if len(plan.Left) == 0 {
		return nil
	}
	left := []string{"", a.styles.warn.bold().Render("Not put back:")}
	for _, l := range plan.Left {
		left = append(left, "- "+l)
	}
	return left
}

// askResume says what is left to do of a run, and asks.
func (a *app) askResume(msg runPlanned) {
	n := len(msg.plan.Plan.Changes)
	c := &confirm{
		title: fmt.Sprintf("Go on with run %d in %s?", msg.plan.Run, a.where()),
		text: []string{
			fmt.Sprintf("%d of %s are to be made. The server is asked about each of them again before it is written.", msg.plan.Remaining, plural(n, "change")),
		},
		answers: []reply{{"y", "go on", func(a *app) tea.Cmd { return a.startResume(msg.plan, msg.outline) }}},
	}
	if msg.plan.Remaining == 0 {
		c.text = []string{"All of its changes are written: it is watched to its end."}
	}
	a.sayCommand(c, a.runCommand(toResume, msg.plan.Run))
	a.guard(c, string(toResume), n)
	a.overlay = c
}

// startUndo takes back what a run wrote.
func (a *app) startUndo(p RunPlan, o *outline) tea.Cmd {
	undo := a.session.Undo
	do := func(ctx context.Context, plan *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error {
		return undo(ctx, p.Run, plan, o, report)
	}
	return a.write(do, applyView{undo: true, run: p.Run, plan: p.Plan, progress: newProgress(o)}, false)
}

// startResume makes what is left to make of a run.
func (a *app) startResume(p RunPlan, o *outline) tea.Cmd {
	resume := a.session.Resume
	do := func(ctx context.Context, plan *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error {
		return resume(ctx, p.Run, plan, o, report)
	}
	return a.write(do, applyView{resumed: true, run: p.Run, plan: p.Plan, progress: newProgress(o)}, false)
}
