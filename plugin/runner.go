package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/kubectl/pkg/util/term"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/export"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

// runner does runs: it asks before, tells meanwhile, and says afterwards how
// to go on or back.
type runner struct {
	genericiooptions.IOStreams
	cluster  *connection
	settings journal.Settings
	guard    guard
	yes      bool
}

// applier returns what writes to the cluster.
func (r *runner) applier(ctx context.Context) (*apply.Applier, error) {
	runs, err := openRuns()
	if err != nil {
		return nil, err
	}
	id, err := r.cluster.identity(ctx)
	if err != nil {
		return nil, err
	}
	return &apply.Applier{
		Client: r.cluster.Client, Redact: secrets.Redact, Settings: r.settings,
		Runs: runs, Cluster: id, Program: BuildVersion().Version,
	}, nil
}

// openRuns returns the journals of this user.
func openRuns() (*journal.Store, error) {
	dir, err := journal.DefaultDir()
	if err != nil {
		return nil, err
	}
	return journal.Open(dir), nil
}

// canAsk fails when there is nobody to ask.
func (r *runner) canAsk(what string) error {
	if !r.yes && !(term.TTY{In: r.In}).IsTerminalIn() {
		return fmt.Errorf("%s asks before it writes, and standard input is not a terminal: add --yes, or --dry-run", what)
	}
	return nil
}

// ask reads a yes or a no. Anything but a yes is a no.
func (r *runner) ask(ctx context.Context, question string) (bool, error) {
	answer, err := r.answer(ctx, question+" [y/N] ")
	answer = strings.ToLower(answer)
	return r.yes || answer == "y" || answer == "yes", err
}

// answer asks, and reads a line. Nothing is asked of who answers yes to all.
func (r *runner) answer(ctx context.Context, question string) (string, error) {
	if r.yes {
		return "", nil
	}
	fmt.Fprint(r.ErrOut, fixes.Clean(question))
	answer := make(chan string, 1)
	go func() { // ends with the process if nobody answers: a read cannot be called off
		line, _ := bufio.NewReader(r.In).ReadString('\n')
		answer <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(r.ErrOut)
		return "", ctx.Err()
	case a := <-answer:
		return a, nil
	}
}

// check asks the server about a plan, and tells what it would refuse or warns
// of.
func (r *runner) check(ctx context.Context, a *apply.Applier, plan *fixes.Plan) error {
	tell := newNarrator(r.ErrOut)
	return a.DryRun(ctx, plan, func(out fixes.Outcome) {
		if out.State != fixes.Checked || len(out.Warnings) > 0 {
			tell.say(out)
		}
	})
}

// show writes a plan's diff.
func (r *runner) show(plan *fixes.Plan) error {
	return export.Diff(r.Out, plan, secrets.Redact, color(r.Out))
}

// where names the cluster.
func (r *runner) where() string { return fmt.Sprintf("%s (%s)", r.cluster.context, r.cluster.Host()) }

// do makes the changes of a run, and tells what becomes of them.
func (r *runner) do(ctx context.Context, run *apply.Run) error {
	tell := newNarrator(r.Out)
	tell.progress(r.ErrOut)
	err := run.Do(ctx, nil, tell.report)
	tell.end()
	written := report.Count(tell.written, "change") + " of " + fmt.Sprint(len(run.Plan.Changes)) + " made"
	switch {
	case err == nil:
		fmt.Fprintf(r.ErrOut, "Run %d: %s. kubectl %s undo %d takes it back.\n", run.ID(), written, Name, run.ID())
	case errors.Is(err, apply.ErrPartial):
		fmt.Fprintf(r.ErrOut, "Run %d: %s. kubectl %s resume %d goes on, kubectl %s undo %d takes back what was done.\n",
			run.ID(), written, Name, run.ID(), Name, run.ID())
	}
	return err
}
