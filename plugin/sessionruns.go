package plugin

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
	"github.com/kubectl-harden/kubectl-harden/tui"
)

// sessionRuns does the runs of a terminal UI, and remembers the latest, which
// the UI can undo.
type sessionRuns struct {
	o *Options

	mu     sync.Mutex
	result *fixes.Result // the latest
	live   *source.Live  // of the latest scan
	latest int
}

func (s *sessionRuns) scan(ctx context.Context, report func(fixes.Progress)) (*fixes.Result, error) {
	result, err := s.o.scan(ctx, report)
	if err != nil {
		return result, err
	}
	live := source.NewLive(s.o.source.(*source.Cluster), result, s.o.decisions.get)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.result, s.live = result, live
	return result, nil
}

// check asks the server about a plan, and refuses itself what something else
// manages.
func (s *sessionRuns) check(ctx context.Context, plan *fixes.Plan, report func(fixes.Outcome)) error {
	a, err := s.o.runner().applier(ctx)
	if err != nil {
		return err
	}
	return s.dryRun(ctx, a, plan, report)
}

func (s *sessionRuns) dryRun(ctx context.Context, a *apply.Applier, plan *fixes.Plan, report func(fixes.Outcome)) error {
	healing := s.o.selfHealing(ctx)
	managed := false
	err := a.DryRun(ctx, plan, func(out fixes.Outcome) {
		if by := managedBy(out.Change); by != "" && !s.o.Managed && healing(by) {
			managed = true
			out.State = fixes.Failed
			out.Detail = "it is managed by " + by + ", which would put it back: " + fixes.PlaceToChange(by, out.Change.Object) +
				". Leave it out here and export it, or start with --include-managed to insist."
		}
		report(out)
	})
	if managed {
		return errors.Join(apply.ErrRefused, err)
	}
	return err
}

func managedBy(c *fixes.Change) string {
	if c.Before == nil {
		return ""
	}
	return fixes.ManagedBy(c.Before)
}

func (s *sessionRuns) apply(ctx context.Context, plan *fixes.Plan, o tui.ApplyOptions, report func(fixes.Outcome)) error {
	r := s.o.runner()
	r.settings.Canary = o.Canary
	a, err := r.applier(ctx)
	if err != nil {
		return err
	}
	if err := s.dryRun(ctx, a, plan, report); err != nil {
		return err
	}
	run, err := a.Begin(plan)
	if err != nil {
		return err
	}
	s.remember(run.ID())
	return run.Do(ctx, o.Stop, report)
}

func (s *sessionRuns) remember(run int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latest = run
}

func (s *sessionRuns) canaryRisks(plan *fixes.Plan) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var lines []string
	for _, c := range apply.Canaries(plan) {
		if risks := s.result.Inventory.CopyRisks(c.Before); risks != "" {
			lines = append(lines, c.Object.String()+": "+risks)
		}
	}
	return lines
}

// list returns the runs of the cluster, the latest first.
func (s *sessionRuns) list(ctx context.Context) ([]tui.PastRun, error) {
	a, err := s.o.runner().applier(ctx)
	if err != nil {
		return nil, err
	}
	all, err := a.Runs.List()
	if err != nil {
		return nil, err
	}
	var list []tui.PastRun
	for _, rec := range all {
		switch {
		case rec.Err != nil: // perhaps of this cluster
			list = append(list, tui.PastRun{Number: rec.Run, Err: rec.Err})
		case sameCluster(rec.Header.Cluster, a.Cluster):
			list = append(list, pastRun(all, rec))
		}
	}
	return list, nil
}

func pastRun(all []*journal.Record, rec *journal.Record) tui.PastRun {
	run := newRunJSON(all, rec)
	out := tui.PastRun{
		Number: run.Run, Started: run.Started, Undoes: run.Undoes, UndoneBy: run.UndoneBy, Trial: run.Kind == journal.Trial,
		State: run.State, WhyNotUndone: notUndoable(rec, run), WhyNotResumed: notResumable(rec, run),
	}
	for i, c := range run.Changes {
		change := tui.RunChange{Action: c.Action, Object: c.Object.String(), State: string(c.State), Detail: c.Detail, Rules: c.Rules}
		switch rec.State(i) {
		case journal.Applied, journal.RolledOut, journal.Unchanged, journal.Tried:
			change.Made = true
		case journal.Unsettled:
			change.Made, change.Left = true, true
		case journal.Removed:
		default:
			change.Left = true
		}
		if change.Made {
			out.Made++
		}
		out.Changes = append(out.Changes, change)
	}
	return out
}

// notUndoable says why a run cannot be undone, or "".
func notUndoable(rec *journal.Record, run runJSON) string {
	switch {
	case run.Kind == journal.Trial:
		return "it only tried copies of pods"
	case rec.Running:
		return "it is going on"
	case run.UndoneBy > 0:
		return fmt.Sprintf("run %d has undone it", run.UndoneBy)
	case !apply.Wrote(rec):
		return "it wrote nothing that is left"
	}
	return ""
}

// notResumable says why a run cannot go on, or "".
func notResumable(rec *journal.Record, run runJSON) string {
	switch {
	case run.Kind == journal.Trial:
		return "it only tried copies of pods"
	case rec.Running:
		return "it is going on"
	case run.UndoneBy > 0:
		return fmt.Sprintf("run %d has undone it", run.UndoneBy)
	case rec.End != nil && rec.End.Result == journal.Done:
		return "it came to its end"
	}
	return ""
}

// record returns a run of the cluster, 0 for the latest of this session.
func (s *sessionRuns) record(a *apply.Applier, run int) (*journal.Record, error) {
	if run == 0 {
		s.mu.Lock()
		run = s.latest
		s.mu.Unlock()
	}
	if run == 0 {
		return nil, errors.New("nothing was written in this session")
	}
	return pick(a.Runs, a.Cluster, []string{strconv.Itoa(run)}, "", nil)
}

func (s *sessionRuns) planUndo(ctx context.Context, run int) (tui.RunPlan, error) {
	a, err := s.o.runner().applier(ctx)
	if err != nil {
		return tui.RunPlan{}, err
	}
	rec, err := s.record(a, run)
	if err != nil {
		return tui.RunPlan{}, err
	}
	if err := a.Tidy(ctx, rec); err != nil {
		return tui.RunPlan{}, err
	}
	undoing, err := a.PlanUndo(ctx, rec, nil)
	if err != nil {
		return tui.RunPlan{}, err
	}
	return tui.RunPlan{Run: rec.Header.Run, Plan: undoing.Plan, Left: undoing.Left}, nil
}

func (s *sessionRuns) undo(ctx context.Context, run int, plan *fixes.Plan, o tui.ApplyOptions, report func(fixes.Outcome)) error {
	a, err := s.o.runner().applier(ctx)
	if err != nil {
		return err
	}
	if err := a.DryRun(ctx, plan, report); err != nil {
		return err
	}
	undoing, err := a.BeginUndo(plan, run)
	if err != nil {
		return err
	}
	return undoing.Do(ctx, o.Stop, report)
}

// planResume finds out how far a run came. It is not held: whoever is asked
// may take long.
func (s *sessionRuns) planResume(ctx context.Context, n int) (tui.RunPlan, error) {
	a, err := s.o.runner().applier(ctx)
	if err != nil {
		return tui.RunPlan{}, err
	}
	if _, err := s.record(a, n); err != nil {
		return tui.RunPlan{}, err
	}
	run, err := a.Resume(ctx, n)
	if err != nil {
		return tui.RunPlan{}, err
	}
	return tui.RunPlan{Run: n, Plan: run.Plan, Remaining: len(run.Remaining().Changes)}, run.Close()
}

func (s *sessionRuns) resume(ctx context.Context, n int, _ *fixes.Plan, o tui.ApplyOptions, report func(fixes.Outcome)) error {
	a, err := s.o.runner().applier(ctx)
	if err != nil {
		return err
	}
	run, err := a.Resume(ctx, n)
	if err != nil {
		return err
	}
	for i, state := range run.States() {
		if state != fixes.Pending {
			report(fixes.Outcome{Change: &run.Plan.Changes[i], State: state})
		}
	}
	if err := a.DryRun(ctx, run.Remaining(), report); err != nil {
		return errors.Join(err, run.Close())
	}
	return run.Do(ctx, o.Stop, report)
}
