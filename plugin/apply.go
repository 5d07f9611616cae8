package plugin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

func (o *Options) runner() *runner {
	return &runner{IOStreams: o.IOStreams, cluster: o.cluster, settings: o.Settings, guard: o.guard, yes: o.Yes}
}

// replans bounds how often a plan is made anew since objects have changed.
const replans = 3

// apply plans the fixes, asks, and makes them.
func (o *Options) apply(ctx context.Context) error {
	r := o.runner()
	if err := r.mayWrite("--fix"); err != nil {
		return err
	}
	a, err := r.applier(ctx)
	if err != nil {
		return err
	}
	if err := r.tidyTrials(ctx, a); err != nil {
		return err
	}
	tried := &trials{o: o, r: r, a: a, known: map[fixes.Ref]*fixes.Trial{}, untried: map[fixes.Ref]string{}}
	for n := 1; ; n++ {
		result, err := o.scanShown(ctx)
		if err != nil {
			return err
		}
		if result, err = tried.learn(ctx, result); err != nil {
			return err
		}
		plan, err := o.compose(ctx, result)
		if err != nil {
			return err
		}
		err = o.applyPlanned(ctx, r, a, plan, result)
		if !errors.Is(err, apply.ErrStale) || o.Yes || n == replans {
			return err
		}
		// What was approved is not what would be done now: show it anew.
		fmt.Fprintln(o.ErrOut, "Objects have changed since the scan, and nothing was written. Scanning again.")
	}
}

func (o *Options) applyPlanned(ctx context.Context, r *runner, a *apply.Applier, plan *fixes.Plan, result *fixes.Result) error {
	if len(plan.Changes) == 0 {
		o.sayPlan(plan, result)
		return nil
	}
	if !plan.Verified {
		return unverified(plan)
	}
	if err := o.oneEach(plan); err != nil {
		return err
	}
	if err := r.check(ctx, a, plan); err != nil {
		return err
	}
	if !o.Yes {
		if err := r.show(plan); err != nil {
			return err
		}
		o.sayPlan(plan, result)
	}
	o.sayLimits(plan)
	yes, err := r.agree(ctx, fmt.Sprintf("Apply %s to %s?", report.Count(len(plan.Changes), "change"), r.where()), len(plan.Changes))
	if err != nil {
		return err
	}
	if !yes {
		fmt.Fprintln(o.ErrOut, "Nothing was written.")
		return nil
	}
	declined, err := o.askCanaries(ctx, r, plan, result)
	if err != nil {
		return err
	}
	run, err := a.Begin(plan)
	if err != nil {
		return err
	}
	run.Declined = declined
	if err := r.do(ctx, run); err != nil {
		return err
	}
	o.sayPlan(plan, result)
	return o.failOn(plan.Remaining)
}

// unverified says what a plan would leave or bring that it should not.
func unverified(plan *fixes.Plan) error {
	const most = 3
	var first []string
	all := slices.Concat(plan.Unfixed, plan.New)
	for i := range all[:min(len(all), most)] {
		first = append(first, all[i].Rule.ID+" of "+all[i].Object.String())
	}
	if len(all) > most {
		first = append(first, "…")
	}
	return fmt.Errorf("the plan is not verified: it would leave or bring %s (%s); nothing was written",
		report.Count(len(all), "finding"), fixes.Clean(strings.Join(first, ", ")))
}

// oneEach fails when a name given to --recreate means objects of several
// namespaces: one of them may be meant, and the others would go too.
func (o *Options) oneEach(plan *fixes.Plan) error {
	for _, name := range o.RecreateNames {
		match, err := fixes.ParseObjectName(name)
		if err != nil {
			return err
		}
		var meant []string
		for _, c := range plan.Changes {
			if c.Action == fixes.Recreate && match(c.Object) {
				meant = append(meant, c.Object.String())
			}
		}
		if len(meant) > 1 {
			return usageError(fmt.Errorf("--recreate %s means %s: write NAMESPACE/KIND/NAME, or add -n", name, strings.Join(meant, " and ")))
		}
	}
	return nil
}

// sayLimits says what an apply cannot take back, and what it does not protect
// from.
func (o *Options) sayLimits(plan *fixes.Plan) {
	for _, text := range fixes.Limits(plan.Changes) {
		fmt.Fprintln(o.ErrOut, fixes.Clean(text))
	}
}

// askCanaries asks about every workload whose copy would act by itself, and
// returns those that are not to be copied.
func (o *Options) askCanaries(ctx context.Context, r *runner, plan *fixes.Plan, result *fixes.Result) (map[fixes.Ref]bool, error) {
	if !o.Settings.Canary {
		return nil, nil
	}
	declined := map[fixes.Ref]bool{}
	for _, c := range apply.Canaries(plan) {
		risks := result.Inventory.CopyRisks(c.Before)
		if risks == "" {
			continue
		}
		yes, err := r.ask(ctx, fmt.Sprintf("Start a copy of a pod of %s? %s.", c.Object, risks))
		if err != nil {
			return nil, err
		}
		if !yes {
			declined[c.Object] = true
		}
	}
	return declined, nil
}

// leaveManaged drops the fixes of objects that something else manages: it
// would put them back. Fixes that are exported belong at the source anyway.
func (o *Options) leaveManaged(ctx context.Context, choices []fixes.Choice) []fixes.Choice {
	if o.Managed {
		return choices
	}
	left := map[string]int{}
	place := map[string]string{}
	managed := o.putBack(ctx)
	kept := slices.DeleteFunc(choices, func(c fixes.Choice) bool {
		by := c.Finding.ManagedBy
		if !managed(c) {
			return false
		}
		left[by]++
		place[by] = fixes.PlaceToChange(by, c.Finding.Object)
		return true
	})
	for _, by := range slices.Sorted(maps.Keys(left)) {
		fmt.Fprintf(o.ErrOut, "left out: %s of objects that %s manages: %s. Export them with --dry-run --output-dir, or insist with --include-managed.\n",
			report.Count(left[by], "fix"), by, place[by])
	}
	return kept
}

// putBack returns a function that reports whether something else manages a
// fix's object, and would put it back; never where the user insists.
func (o *Options) putBack(ctx context.Context) func(fixes.Choice) bool {
	healing := o.selfHealing(ctx)
	return func(c fixes.Choice) bool {
		by := c.Finding.ManagedBy
		return !o.Managed && by != "" && healing(by)
	}
}
