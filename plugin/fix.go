package plugin

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/cni"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/export"
	"github.com/kubectl-harden/kubectl-harden/plugin/export/forms"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

// runFix plans the fixes, and shows, exports or applies them.
func (o *Options) runFix(ctx context.Context) error {
	if o.OutputDir != "" {
		if err := export.CheckDir(o.OutputDir); err != nil {
			return err
		}
	}
	if o.DryRun == dryRunNone {
		return o.apply(ctx)
	}
	if o.Settings.Canary {
		fmt.Fprintln(o.ErrOut, "--dry-run starts no copies of pods: nothing is tried (--canary).")
	}
	list, err := o.secretForms(ctx)
	if err != nil {
		return err
	}
	plan, result, scanErr := o.plan(ctx)
	if plan == nil {
		return scanErr
	}
	if err := o.export(ctx, plan, result, list); err != nil {
		return err
	}
	if scanErr != nil {
		return scanErr
	}
	return o.failOn(plan.Remaining)
}

// plan scans and composes the chosen fixes. A plan comes with an error where
// only some manifests could not be read.
func (o *Options) plan(ctx context.Context) (*fixes.Plan, *fixes.Result, error) {
	result, scanErr := o.scanShown(ctx)
	if result == nil {
		return nil, nil, scanErr
	}
	plan, err := o.compose(ctx, result)
	if err != nil {
		return nil, nil, err
	}
	return plan, result, scanErr
}

// compose makes a plan of the chosen fixes.
func (o *Options) compose(ctx context.Context, result *fixes.Result) (*fixes.Plan, error) {
	choices := o.wanted.choose(result.Findings, o.Confidence)
	if o.DryRun != dryRunClient {
		choices = o.leaveManaged(ctx, choices)
	}
	choices = o.leaveUntriable(result.Inventory, choices)
	plan, err := fixes.Compose(result, choices)
	if err != nil {
		return nil, err
	}
	plan.Remaining, _ = o.choose(result.Inventory, plan.Remaining)
	return plan, nil
}

func (o *Options) export(ctx context.Context, plan *fixes.Plan, result *fixes.Result, list []forms.Form) error {
	var answers []fixes.Outcome
	var refused error
	if o.DryRun == dryRunServer {
		a, err := o.runner().applier(ctx)
		if err != nil {
			return err
		}
		refused = a.DryRun(ctx, plan, func(out fixes.Outcome) { answers = append(answers, out) })
		if refused != nil && ctx.Err() != nil {
			return refused
		}
	}
	plan, err := o.inForm(plan, list)
	if err != nil {
		return err
	}
	if plan, err = o.policiesInForm(plan); err != nil {
		return err
	}
	if o.stagedPolicies {
		o.sayStaged(cni.Detect(result.Inventory))
	}
	if err := o.writePlan(plan, result, answers); err != nil {
		return err
	}
	tell := newNarrator(o.ErrOut)
	for _, a := range answers {
		tell.say(a)
	}
	o.sayPlan(plan, result)
	return errors.Join(refused, o.sayEntries(plan))
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
	return export.Diff(o.Out, plan, forms.Redact(secrets.Redact, secrets.Mask), color(o.Out))
}

// sayPlan sums a plan up: what it makes, and what it leaves.
func (o *Options) sayPlan(plan *fixes.Plan, result *fixes.Result) {
	made, restarted := map[fixes.Action]int{}, 0
	for _, c := range plan.Changes {
		made[c.Action]++
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
			report.Count(len(plan.Changes), "change"), report.Count(len(plan.Choices), "finding"),
			made[fixes.Create], made[fixes.Patch])
		if n := made[fixes.Recreate]; n > 0 {
			line += fmt.Sprintf(", %d recreated", n)
		}
		if n := made[fixes.Delete]; n > 0 {
			line += fmt.Sprintf(", %d deleted", n)
		}
		if restarted > 0 {
			line += fmt.Sprintf(", the pods of %s restart", report.Count(restarted, "workload"))
		}
		fmt.Fprintf(o.ErrOut, "%s; %s.\n", line, verified)
	}
	o.wanted.sayMissing(o.ErrOut, result)
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
	if n := len(result.Suppressed); n > 0 {
		fmt.Fprintf(o.ErrOut, "%d ignored.\n", n)
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
