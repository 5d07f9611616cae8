package tui

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// undoing is the planning of an undo.
type undoing struct {
	number int                // counts them
	cancel context.CancelFunc // nil when none is planned
}

// drop ends the planning: nobody waits for it any more.
func (u *undoing) drop() {
	if u.cancel != nil {
		u.cancel()
		u.cancel = nil
	}
}

func (a *app) cannotUndo() string {
	v := &a.apply
	switch {
	case a.session.PlanUndo == nil || a.session.Undo == nil:
		return "nothing can be undone here: no record is kept"
	case v.running:
		return "the plan is being " + v.doing() + "; s stops it"
	case v.undoing.cancel != nil:
		return "the undo is being planned"
	case !v.undo && v.nothingWritten():
		return "nothing was applied"
	case v.undo && v.err == nil && v.counts.wrong()+v.counts.of(fixes.NotAttempted) == 0:
		return "it is undone; r scans again"
	}
	return ""
}

// undoPlanned is a plan that takes back an apply.
type undoPlanned struct {
	number  int
	plan    *fixes.Plan
	outline *outline
	left    []string
	err     error
}

// planUndo asks what would take the last apply back. The answer is dropped
// when the screen is left.
func (a *app) planUndo() tea.Cmd {
	u := &a.apply.undoing
	ctx, cancel := context.WithCancel(a.ctx)
	u.number, u.cancel = u.number+1, cancel
	number, waveSize, dot, jobs, look := u.number, a.session.WaveSize, a.glyphs.dot, &a.jobs, a.session.PlanUndo
	run := func() tea.Msg {
		done := undoPlanned{number: number}
		var left []string
		done.err = jobs.ask(ctx, func(ctx context.Context) (err error) {
			done.plan, left, err = look(ctx)
			return err
		})
		for _, l := range left {
			done.left = append(done.left, fixes.Clean(l))
		}
		if done.plan == nil {
			done.plan = &fixes.Plan{}
		}
		done.outline = newOutline(done.plan, waveSize, true, dot)
		return done
	}
	return tea.Batch(run, a.animate())
}

// onUndoPlanned says what undoing comes to, and asks.
func (a *app) onUndoPlanned(msg undoPlanned) {
	u := &a.apply.undoing
	if msg.number != u.number || u.cancel == nil {
		return
	}
	u.drop()
	var left []string
	if len(msg.left) > 0 {
		left = append(left, "", a.styles.warn.Bold(true).Render("Not put back:"))
		for _, l := range msg.left {
			left = append(left, "- "+l)
		}
	}
	switch n := len(msg.plan.Changes); {
	case a.overlay != nil:
		// A key that is meant for another question must not answer this one.
		a.say(warn, "the undo is ready: u asks")
	case msg.err != nil:
		a.say(bad, "no undo: "+fixes.Clean(firstLine(msg.err.Error())))
		a.overlay = &message{title: "The undo could not be planned", text: strings.Split(fixes.CleanLines(msg.err.Error()), "\n")}
	case n == 0:
		a.overlay = &message{title: "Nothing to undo", text: append([]string{"Nothing that was applied is left to be taken back."}, left...)}
	default:
		sum := strings.Join(msg.outline.parts(), " "+a.glyphs.dot+" ")
		a.overlay = &confirm{
			title:   "Undo in " + a.where() + "?",
			text:    append([]string{plural(n, "change") + ": " + sum}, left...),
			answers: []reply{{"y", "undo", func(a *app) tea.Cmd { return a.startUndo(msg.plan, msg.outline) }}},
		}
	}
}

// startUndo takes back what was applied.
func (a *app) startUndo(plan *fixes.Plan, o *outline) tea.Cmd {
	return a.write(a.session.Undo, applyView{undo: true, plan: plan, progress: newProgress(o)}, false)
}
