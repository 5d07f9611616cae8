package plugin

import (
	"context"
	"errors"
	"sync"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
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

func (s *sessionRuns) planUndo(ctx context.Context) (*fixes.Plan, []string, error) {
	a, err := s.o.runner().applier(ctx)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	latest := s.latest
	s.mu.Unlock()
	if latest == 0 {
		return nil, nil, errors.New("nothing was written in this session")
	}
	rec, err := a.Runs.Read(latest)
	if err != nil {
		return nil, nil, err
	}
	if err := a.Tidy(ctx, rec); err != nil {
		return nil, nil, err
	}
	undoing, err := a.PlanUndo(ctx, rec, nil)
	if err != nil {
		return nil, nil, err
	}
	return undoing.Plan, undoing.Left, nil
}

func (s *sessionRuns) undo(ctx context.Context, plan *fixes.Plan, o tui.ApplyOptions, report func(fixes.Outcome)) error {
	a, err := s.o.runner().applier(ctx)
	if err != nil {
		return err
	}
	if err := a.DryRun(ctx, plan, report); err != nil {
		return err
	}
	s.mu.Lock()
	latest := s.latest
	s.mu.Unlock()
	run, err := a.BeginUndo(plan, latest)
	if err != nil {
		return err
	}
	return run.Do(ctx, o.Stop, report)
}
