package plugin

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

func newUndoCommand(streams genericiooptions.IOStreams) *cobra.Command {
	f := newRunFlags(streams)
	var only []string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "undo [RUN]",
		Short: "Take back what a run wrote",
		Long: `Take back what a run wrote to the cluster: the latest one that is not undone, or
the one named.

Only fields are put back that still hold what the run wrote: what others have
changed since is listed, and left as it is. What the run created is removed
where nothing else refers to it by now. An undo is itself a run, with the
rollouts watched, and can be undone.`,
		Example: `  # See what it would do, then do it
  kubectl harden undo --dry-run
  kubectl harden undo

  # Take back what run 7 did to one workload
  kubectl harden undo 7 --only shop/deployment/web`,
		Args: f.oneRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			match, err := parseObjects(only)
			if err != nil {
				return usageError(fmt.Errorf("--only: %w", err))
			}
			return f.undo(cmd.Context(), args, match, dryRun)
		},
	}
	groups := f.addTo(cmd, func(fs *pflag.FlagSet) {
		fs.StringSliceVar(&only, "only", nil, "Only these objects, and what was made for them: [NAMESPACE/]KIND/NAME.")
		fs.BoolVar(&dryRun, "dry-run", false, "Show what would be put back; the server is asked about it, and nothing is written.")
	})
	setUsage(cmd, groups)
	return cmd
}

func (f *runFlags) undo(ctx context.Context, args []string, only func(fixes.Ref) bool, dryRun bool) error {
	r, err := f.runner()
	if err != nil {
		return err
	}
	if !dryRun {
		if err := r.mayWrite("undo"); err != nil {
			return err
		}
	}
	a, err := r.applier(ctx)
	if err != nil {
		return err
	}
	if !dryRun {
		if err := r.tidyTrials(ctx, a); err != nil {
			return err
		}
	}
	rec, err := pick(a.Runs, a.Cluster, args, "undone", undoable)
	if err != nil {
		return err
	}
	n := rec.Header.Run
	if rec.Running {
		return fmt.Errorf("run %d is going on; stop it first (Ctrl-C there)", n)
	}
	if !dryRun {
		if err := a.Tidy(ctx, rec); err != nil {
			return err
		}
	}
	if r.onlyTried(rec) {
		return nil
	}
	undoing, err := a.PlanUndo(ctx, rec, only)
	if err != nil {
		return err
	}
	plan := undoing.Plan
	if err := r.show(plan); err != nil {
		return err
	}
	for _, left := range undoing.Left {
		fmt.Fprintln(r.ErrOut, "left as it is: "+left)
	}
	if len(plan.Changes) == 0 {
		fmt.Fprintf(r.ErrOut, "There is nothing to put back of run %d.\n", n)
		return nil
	}
	if err := r.check(ctx, a, plan); err != nil {
		return err
	}
	for _, text := range fixes.Limits(plan.Changes) {
		fmt.Fprintln(r.ErrOut, fixes.Clean(text))
	}
	if dryRun {
		fmt.Fprintf(r.ErrOut, "%s would take back run %d.\n", report.Count(len(plan.Changes), "change"), n)
		return nil
	}
	yes, err := r.agree(ctx, fmt.Sprintf("Take back run %d: %s on %s?", n, report.Count(len(plan.Changes), "change"), r.where()), len(plan.Changes))
	if err != nil {
		return err
	}
	if !yes {
		fmt.Fprintln(r.ErrOut, "Nothing was written.")
		return nil
	}
	run, err := a.BeginUndo(plan, n)
	if err != nil {
		return err
	}
	return r.do(ctx, run)
}

// undoable reports whether a run wrote something that was not taken back.
func undoable(all []*journal.Record, rec *journal.Record) bool {
	return rec.Header.Kind == journal.Apply && undoneBy(all, rec.Header.Run) == 0 && apply.Wrote(rec)
}

// parseObjects returns what matches any of the objects named, or nil where
// none is.
func parseObjects(names []string) (func(fixes.Ref) bool, error) {
	if len(names) == 0 {
		return nil, nil
	}
	var matches []func(fixes.Ref) bool
	for _, name := range names {
		match, err := fixes.ParseObjectName(name)
		if err != nil {
			return nil, err
		}
		matches = append(matches, match)
	}
	return func(ref fixes.Ref) bool {
		for _, match := range matches {
			if match(ref) {
				return true
			}
		}
		return false
	}, nil
}
