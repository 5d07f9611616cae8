// Package apply writes plans to a cluster, and takes them back: every change
// is dry-run on the server before the first is written; a journal has it
// before the server does; each goes as a JSON Patch that holds only for the
// object that was looked at; workloads change in waves whose rollouts are
// watched; and what became of each is told.
package apply

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/rollout"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// FieldManager is the name under which changes are written. Flux takes over
// fields of managers that start with "kubectl", and so reverts them cleanly.
const FieldManager = "kubectl-harden"

// The ways in which applying a plan ends short of its end.
var (
	// ErrRefused: the dry run was refused; nothing is written.
	ErrRefused = errors.New("the server would refuse the plan; nothing was written")
	// ErrStale: objects have changed since they were looked at; nothing is
	// written.
	ErrStale = errors.New("the plan is stale: objects have changed since the scan; nothing was written")
	// ErrPartial: not every change is there, and some are.
	ErrPartial = errors.New("the plan was applied in part")
	// ErrRolledBack: it failed, and all is as it was.
	ErrRolledBack = errors.New("the plan failed and was rolled back: all is as it was")
)

// Applier writes plans to a cluster.
type Applier struct {
	Client *client.Client
	// Redact masks secrets in what the server says: it quotes the values that
	// it refuses.
	Redact fixes.Redactor
	// Runs keeps the journals.
	Runs *journal.Store
	// Cluster and Program are noted in them.
	Cluster journal.Cluster
	Program string
	// Settings say how changes are written. They are kept with the run, so that
	// it is resumed as it was begun.
	Settings journal.Settings
	// Step, where it is not nil, is called at every boundary between two steps
	// of a run. Tests end the process there.
	Step func(name string)
}

// The values of [journal.Settings.OnFailure]: what happens after a change has
// failed. A rollout that fails is put back in any case.
const (
	// Stop leaves the rest as it is.
	Stop = "stop"
	// Continue goes on with what does not depend on it.
	Continue = "continue"
	// RollbackAll puts back all that the run has written.
	RollbackAll = "rollback-all"
)

// dryRunWorkers bounds the requests under way at a time, where many are made.
const dryRunWorkers = 8

// DryRun asks the server about every change of a plan, and about a pod of
// every changed template, without writing, and reports each outcome in the
// order of the plan. It returns [ErrRefused] or [ErrStale] when a change would
// not go through.
func (a *Applier) DryRun(ctx context.Context, plan *fixes.Plan, report func(fixes.Outcome)) error {
	outcomes := make([]chan fixes.Outcome, len(plan.Changes))
	for i := range outcomes {
		outcomes[i] = make(chan fixes.Outcome, 1)
	}
	var group errgroup.Group
	group.SetLimit(dryRunWorkers)
	var failed error
	go func() {
		for i := range plan.Changes {
			group.Go(func() error {
				outcomes[i] <- a.ask(ctx, plan, &plan.Changes[i])
				return nil
			})
		}
	}()
	for _, outcome := range outcomes {
		out := <-outcome
		if ctx.Err() != nil {
			continue // every answer is waited for: none may come after the return
		}
		report(out)
		switch out.State {
		case fixes.Stale:
			if failed == nil {
				failed = ErrStale
			}
		case fixes.Failed, fixes.Unknown:
			failed = ErrRefused
		}
	}
	return cmp.Or(ctx.Err(), failed)
}

// ask dry-runs a change.
func (a *Applier) ask(ctx context.Context, plan *fixes.Plan, c *fixes.Change) fixes.Outcome {
	w := a.send(ctx, c, true)
	out := w.Outcome
	switch {
	case out.State != fixes.Checked:
	case lifts(plan, c):
		// What would refuse its pods now, or warns of them, is taken away before.
		out.Warnings = slices.DeleteFunc(out.Warnings, func(w string) bool { return strings.HasPrefix(w, "would violate PodSecurity") })
	default:
		warning, err := a.checkPod(ctx, plan, c)
		if err != nil {
			out.State, out.Detail = fixes.Failed, "its new pods would be refused: "+a.clean(c, err.Error())
		}
		if warning != "" {
			out.Warnings = append(out.Warnings, warning)
		}
	}
	a.confirmLevel(ctx, plan, &out)
	return out
}

// lifts reports whether a plan takes back enforcement in a change's namespace
// before it makes the change.
func lifts(plan *fixes.Plan, c *fixes.Change) bool {
	for i := range plan.Changes {
		o := &plan.Changes[i]
		switch {
		case o == c:
			return false
		case o.Stage() == fixes.Enforcement && (o.Object.Namespace == c.Object.Namespace || o.Object.Kind == fixes.KindNamespace && o.Object.Name == c.Object.Namespace):
			return true
		}
	}
	return false
}

// clean makes a text of the server one line, without the secrets of the
// object that it may quote.
func (a *Applier) clean(c *fixes.Change, text string) string {
	text = strings.Join(strings.Fields(text), " ")
	for _, obj := range []fixes.Object{c.Before, c.After} {
		if obj != nil {
			text = mask(text, obj, a.Redact)
		}
	}
	return fixes.Clean(text)
}

// watcher returns what watches the rollout of a change.
func (a *Applier) watcher(c *fixes.Change) *rollout.Watcher {
	return &rollout.Watcher{
		Client: a.Client, Timeout: a.Settings.RolloutTimeout,
		Soak:  min(max(a.Settings.Settle, time.Nanosecond), rollout.DefaultSoak),
		Clean: func(text string) string { return a.clean(c, text) },
	}
}

func (a *Applier) step(name string) {
	if a.Step != nil {
		a.Step(name)
	}
}
