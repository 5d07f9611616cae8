package plugin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

// trials tries workloads on copies of their pods before a plan is made, so
// that it has the tightest settings with which they run.
type trials struct {
	o *Options
	r *runner
	a *apply.Applier
	// known is what was learned for a plan before this one, untried the templates
	// of which nothing could be, and declined tells that the user wants no copies.
	known    map[fixes.Ref]*fixes.Trial
	untried  map[fixes.Ref]string
	declined bool
}

// learn tries the workloads whose pods a plan is to confine, and returns what
// the rules say once that is known.
func (t *trials) learn(ctx context.Context, result *fixes.Result) (*fixes.Result, error) {
	if !t.o.Settings.Canary {
		return result, nil
	}
	inv := result.Inventory
	var open []fixes.Workload
	jobs := 0
	for _, w := range t.candidates(ctx, result) {
		digest := fixes.TemplateDigest(w)
		switch known := t.known[w.Ref()]; {
		case known != nil && known.Template == digest:
			inv.Add(known)
		case t.untried[w.Ref()] == digest:
		case w.Ref().Kind == fixes.KindCronJob && !t.o.TryCronJobs:
			jobs++
		default:
			open = append(open, w)
		}
	}
	if jobs > 0 {
		fmt.Fprintf(t.o.ErrOut, "not tried: %s, whose copies would do their job once more at each try (--canary-cronjobs tries them).\n", report.Count(jobs, "CronJob"))
	}
	if err := t.try(ctx, inv, open); err != nil {
		return nil, err
	}
	return t.o.sift(fixes.Scan(inv, result.Rules)), nil
}

// candidates returns the workloads with findings about their pods' security
// that a fix could close. A fix to review counts whatever confidence was asked
// for: a trial shows that it is safe.
func (t *trials) candidates(ctx context.Context, result *fixes.Result) []fixes.Workload {
	managed := t.o.putBack(ctx)
	wanted := map[fixes.Ref]bool{}
	for _, c := range fixes.Choose(result.Findings, fixes.Review) {
		if c.Finding.Rule.Category == fixes.PodSecurity && !managed(c) {
			wanted[c.Finding.Object] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(result.Inventory.Workloads("")), func(w fixes.Workload) bool {
		return !wanted[w.Ref()] || !apply.Triable(w)
	})
}

// try asks, tries, and adds what was learned to the inventory.
func (t *trials) try(ctx context.Context, inv *fixes.Inventory, workloads []fixes.Workload) error {
	if len(workloads) == 0 || t.declined {
		return nil
	}
	yes, err := t.ask(ctx, inv, workloads)
	if err != nil {
		return err
	}
	if !yes {
		t.declined = true
		fmt.Fprintln(t.o.ErrOut, "No copies are tried.")
		return nil
	}
	run, err := t.a.BeginTrials(inv, workloads)
	if err != nil {
		return err
	}
	learned, err := run.Do(ctx, func(try apply.Tried) {
		fmt.Fprintln(t.o.ErrOut, fixes.Clean(nameOf(try.Workload)+": try "+try.Line))
	})
	if err != nil {
		return err
	}
	for _, trial := range learned {
		inv.Add(trial)
		t.known[trial.Workload] = trial
	}
	untried := run.Untried()
	for _, w := range workloads {
		if untried[w.Ref()] != "" {
			t.untried[w.Ref()] = fixes.TemplateDigest(w)
		}
	}
	if run.NoLogs() {
		fmt.Fprintln(t.o.ErrOut, "You may not read the logs of copies (pods/log): why they failed was guessed by what else is seen of them.")
	}
	t.tell(learned, untried)
	return nil
}

// ask says what copies do, and asks whether to start them.
func (t *trials) ask(ctx context.Context, inv *fixes.Inventory, workloads []fixes.Workload) (bool, error) {
	count := report.Count(len(workloads), "workload")
	fmt.Fprintf(t.o.ErrOut, "%s can be tried on copies of their pods, to find the tightest settings with which they run. "+
		"A copy runs the workload's program with its ServiceAccount, Secrets and ConfigMaps. No Service sends it anything, "+
		"a policy cuts it off from the network where the cluster enforces policies, claims are empty folders in it, "+
		"and it is removed before the next one. The workloads are not touched.\n", count)
	for _, w := range workloads {
		if risks := inv.CopyRisks(w.Object); risks != "" {
			fmt.Fprintln(t.o.ErrOut, fixes.Clean(fmt.Sprintf("  %s: %s", nameOf(w.Ref()), risks)))
		}
	}
	return t.r.ask(ctx, fmt.Sprintf("Start copies of pods of %s on %s?", count, t.r.where()))
}

// tell says what was learned, a line for each workload; what keeps several
// from being tried is said once.
func (t *trials) tell(learned []*fixes.Trial, untried map[fixes.Ref]string) {
	for _, trial := range learned {
		name := nameOf(trial.Workload)
		switch {
		case trial.Err != "":
			fmt.Fprintln(t.o.ErrOut, fixes.Clean(name+": nothing was learned: "+trial.Err))
		case len(trial.Kept) == 0:
			fmt.Fprintln(t.o.ErrOut, fixes.Clean(name+" runs with all that the restricted level asks for, and a read-only root file system."))
		default:
			fmt.Fprintln(t.o.ErrOut, fixes.Clean(name+" runs; it keeps: "+strings.Join(trial.Kept, "; ")+"."))
		}
	}
	names := map[string][]string{}
	for _, ref := range slices.SortedFunc(maps.Keys(untried), fixes.Ref.Compare) {
		names[untried[ref]] = append(names[untried[ref]], nameOf(ref))
	}
	for _, why := range slices.Sorted(maps.Keys(names)) {
		fmt.Fprintln(t.o.ErrOut, fixes.Clean(fmt.Sprintf("not tried: %s: %s", strings.Join(names[why], ", "), why)))
	}
}

// leaveUntriable drops the fixes to review of workloads whose trial has found
// nothing that runs: a canary would fail as well, and stop the run.
func (o *Options) leaveUntriable(inv *fixes.Inventory, choices []fixes.Choice) []fixes.Choice {
	left := map[fixes.Ref]int{}
	kept := slices.DeleteFunc(choices, func(c fixes.Choice) bool {
		ref := c.Finding.Object
		t, _ := fixes.Lookup[*fixes.Trial](inv, ref.Namespace, fixes.TrialName(ref))
		if t == nil || t.Err == "" || c.Fix.Confidence != fixes.Review {
			return false
		}
		left[ref]++
		return true
	})
	for _, ref := range slices.SortedFunc(maps.Keys(left), fixes.Ref.Compare) {
		fmt.Fprintln(o.ErrOut, fixes.Clean(fmt.Sprintf("left out: %s to review of %s: no copy of its pod runs, so none could show that it runs with them. Make them without --canary.",
			report.Count(left[ref], "fix"), nameOf(ref))))
	}
	return kept
}

// tidyTrials removes the copies that trials on the cluster have left which were
// killed.
func (r *runner) tidyTrials(ctx context.Context, a *apply.Applier) error {
	all, err := a.Runs.List()
	if err != nil {
		return err
	}
	for _, rec := range all {
		if rec.Err != nil || !sameCluster(rec.Header.Cluster, a.Cluster) {
			continue
		}
		tidied, err := a.TidyTrials(ctx, rec)
		if err != nil {
			return fmt.Errorf("tidy up after the trials of run %d: %w", rec.Run, err)
		}
		if tidied {
			fmt.Fprintf(r.ErrOut, "Removed the copies of pods that the trials of run %d had left.\n", rec.Run)
		}
	}
	return nil
}

// onlyTried says of a run of trials that it has changed nothing.
func (r *runner) onlyTried(rec *journal.Record) bool {
	if rec.Header.Kind != journal.Trial {
		return false
	}
	fmt.Fprintf(r.ErrOut, "Run %d only tried copies of pods: there is nothing to go on with, nor to put back.\n", rec.Run)
	return true
}
