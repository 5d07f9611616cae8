package plugin

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

func newResumeCommand(streams genericiooptions.IOStreams) *cobra.Command {
	f := newRunFlags(streams)
	cmd := &cobra.Command{
		Use:   "resume [RUN]",
		Short: "Go on with a run that did not come to its end",
		Long: `Go on with a run that was interrupted, killed, stopped, or applied in part: the
latest one, or the one named.

What became of its changes is found out by the cluster. What is not there yet is
checked by the server again, and then made; what was rolled back is tried again.
It goes on as it was begun, with the same waves and timeouts.`,
		Args: f.oneRun,
		RunE: func(cmd *cobra.Command, args []string) error { return f.resume(cmd.Context(), args) },
	}
	setUsage(cmd, f.addTo(cmd, nil))
	return cmd
}

func (f *runFlags) resume(ctx context.Context, args []string) (err error) {
	r, err := f.runner()
	if err != nil {
		return err
	}
	if err := r.mayWrite("resume"); err != nil {
		return err
	}
	a, err := r.applier(ctx)
	if err != nil {
		return err
	}
	if err := r.tidyTrials(ctx, a); err != nil {
		return err
	}
	rec, err := pick(a.Runs, a.Cluster, args, "resumed", resumable)
	if err != nil {
		return err
	}
	if r.onlyTried(rec) {
		return nil
	}
	run, err := a.Resume(ctx, rec.Header.Run)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, run.Close()) }()
	rest := run.Remaining()
	if err := r.check(ctx, a, rest); err != nil {
		return err
	}
	if err := r.show(rest); err != nil {
		return err
	}
	yes, err := r.agree(ctx, fmt.Sprintf("Go on with run %d: %d of %s are to be made on %s?",
		run.ID(), len(rest.Changes), report.Count(len(run.Plan.Changes), "change"), r.where()), len(rest.Changes))
	if err != nil {
		return err
	}
	if !yes {
		fmt.Fprintln(r.ErrOut, "Nothing was written.")
		return nil
	}
	return r.do(ctx, run)
}

// resumable reports whether a run did not come to its end.
func resumable(all []*journal.Record, rec *journal.Record) bool {
	return rec.Header.Kind != journal.Trial && !rec.Running && undoneBy(all, rec.Header.Run) == 0 && (rec.End == nil || rec.End.Result != journal.Done)
}
