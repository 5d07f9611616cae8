package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/kubectl/pkg/util/term"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/export"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

// runFix plans the fixes, and shows, exports or applies them.
func (o *Options) runFix(ctx context.Context) error {
	if o.OutputDir != "" {
		if err := export.CheckDir(o.OutputDir); err != nil {
			return err
		}
	}
	applying := o.DryRun == dryRunNone
	if applying && !o.Yes && !(term.TTY{In: o.In}).IsTerminalIn() {
		return errors.New("--fix asks before it writes, and standard input is not a terminal: add --yes, or --dry-run")
	}
	result, scanErr := o.scanShown(ctx)
	if result == nil {
		return scanErr
	}
	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, o.Confidence))
	if err != nil {
		return err
	}
	plan.Remaining, _ = o.choose(result.Inventory, plan.Remaining)
	if applying {
		return o.apply(ctx, plan, result)
	}
	if err := o.export(ctx, plan, result); err != nil {
		return err
	}
	if scanErr != nil {
		return scanErr
	}
	return o.failOn(plan.Remaining)
}

func (o *Options) export(ctx context.Context, plan *fixes.Plan, result *fixes.Result) error {
	var answers []fixes.Outcome
	var refused error
	if o.DryRun == dryRunServer {
		refused = o.applier().DryRun(ctx, plan, func(out fixes.Outcome) { answers = append(answers, out) })
		if refused != nil && ctx.Err() != nil {
			return refused
		}
	}
	err := o.writePlan(plan, result, answers)
	if err != nil {
		return err
	}
	for _, a := range answers {
		o.sayOutcome(o.ErrOut, a)
	}
	o.sayPlan(plan, result)
	return refused
}

func (o *Options) writePlan(plan *fixes.Plan, result *fixes.Result, answers []fixes.Outcome) error {
	switch o.Output {
	case outputYAML:
		return export.YAML(o.Out, plan)
	case outputJSON:
		return export.JSON(o.Out, plan, result.Inventory, answers)
	case outputKustomize:
		if len(plan.Changes) == 0 {
			fmt.Fprintf(o.ErrOut, "%s was not made: there is nothing to put into it.\n", o.OutputDir)
			return nil
		}
		if err := export.Kustomize(o.OutputDir, plan, secrets.Redact); err != nil {
			return err
		}
		fmt.Fprintf(o.ErrOut, "Written to %s; its README.md says how to apply it.\n", o.OutputDir)
		return nil
	}
	return export.Diff(o.Out, plan, secrets.Redact, color(o.Out))
}

func (o *Options) applier() *apply.Applier {
	return &apply.Applier{Client: o.client, FieldManager: o.FieldManager, Redact: secrets.Redact}
}

func (o *Options) apply(ctx context.Context, plan *fixes.Plan, result *fixes.Result) error {
	if len(plan.Changes) == 0 {
		o.sayPlan(plan, result)
		return nil
	}
	if !plan.Verified {
		return fmt.Errorf("the plan is not verified: it would leave or bring %s; nothing was written",
			report.Count(len(plan.Unfixed)+len(plan.New), "finding"))
	}
	a := o.applier()
	err := a.DryRun(ctx, plan, func(out fixes.Outcome) {
		if out.State != fixes.Checked || len(out.Warnings) > 0 {
			o.sayOutcome(o.ErrOut, out)
		}
	})
	if err != nil {
		return err
	}
	if !o.Yes {
		if err := export.Diff(o.Out, plan, secrets.Redact, color(o.Out)); err != nil {
			return err
		}
		o.sayPlan(plan, result)
		yes, err := o.ask(ctx, fmt.Sprintf("Apply %s to %s (%s)?", report.Count(len(plan.Changes), "change"), o.Context, o.client.Host()))
		if err != nil {
			return err
		}
		if !yes {
			fmt.Fprintln(o.ErrOut, "Nothing was written.")
			return nil
		}
	}
	err = a.Write(ctx, plan, func(out fixes.Outcome) {
		if out.State != fixes.Applying {
			o.sayOutcome(o.Out, out)
		}
	})
	if err != nil {
		return err
	}
	o.sayPlan(plan, result)
	return o.failOn(plan.Remaining)
}

// ask reads a yes or a no. Anything but a yes is a no.
func (o *Options) ask(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(o.ErrOut, "%s [y/N] ", fixes.Clean(question))
	answer := make(chan string, 1)
	go func() { // ends with the process if nobody answers: a read cannot be called off
		line, _ := bufio.NewReader(o.In).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(o.ErrOut)
		return false, ctx.Err()
	case a := <-answer:
		return a == "y" || a == "yes", nil
	}
}

// sayOutcome writes what became of a change, as kubectl does
// ("deployment.apps/web patched").
func (o *Options) sayOutcome(w io.Writer, out fixes.Outcome) {
	ref := out.Change.Object
	name := ref.ResourceName()
	if ref.Namespace != "" {
		name += " in " + ref.Namespace
	}
	verb := string(out.State)
	switch {
	case out.State == fixes.Applied && out.Change.Action == fixes.Create:
		verb = "created"
	case out.State == fixes.Applied:
		verb = "patched"
	case out.State == fixes.Checked:
		verb = "would be accepted (server dry run)"
	}
	line := name + " " + verb
	if out.Detail != "" {
		line += ": " + out.Detail
	}
	fmt.Fprintln(w, fixes.Clean(line))
	for _, warning := range out.Warnings {
		fmt.Fprintln(w, fixes.Clean("  warning: "+warning))
	}
}

// sayPlan sums a plan up: what it makes, and what it leaves.
func (o *Options) sayPlan(plan *fixes.Plan, result *fixes.Result) {
	created, patched, restarted := 0, 0, 0
	for _, c := range plan.Changes {
		if c.Action == fixes.Create {
			created++
		} else {
			patched++
		}
		if c.Restarts() {
			restarted++
		}
	}
	verified := "verified"
	if !plan.Verified {
		verified = "NOT verified"
	}
	if len(plan.Changes) == 0 {
		fmt.Fprintln(o.ErrOut, "Nothing to change.")
	} else {
		line := fmt.Sprintf("%s for %s: %d created, %d patched",
			report.Count(len(plan.Changes), "change"), report.Count(len(plan.Choices), "finding"), created, patched)
		if restarted > 0 {
			line += fmt.Sprintf(", the pods of %s restart", report.Count(restarted, "workload"))
		}
		fmt.Fprintf(o.ErrOut, "%s; %s.\n", line, verified)
	}
	left := report.Summarize(plan.Remaining).Fixable
	var parts []string
	if n := left[fixes.Review.String()]; n > 0 && o.Confidence > fixes.Review {
		parts = append(parts, fmt.Sprintf("%d to review (--confidence=review)", n))
	}
	if n := left[fixes.Manual.String()]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d to fix by hand", n))
	}
	if len(plan.Remaining) > 0 {
		line := report.Count(len(plan.Remaining), "finding") + " left"
		if len(parts) > 0 {
			line += ": " + strings.Join(parts, ", ")
		}
		fmt.Fprintln(o.ErrOut, line+".")
	}
	for _, f := range plan.Unfixed {
		fmt.Fprintf(o.ErrOut, "still there: %s of %s\n", f.Rule.ID, fixes.Clean(f.Object.String()))
	}
	for _, f := range plan.New {
		fmt.Fprintf(o.ErrOut, "new: %s of %s\n", f.Rule.ID, fixes.Clean(f.Object.String()))
	}
	if err := o.saySkipped(result.Inventory); err != nil {
		return
	}
}
