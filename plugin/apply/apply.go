// Package apply writes a plan to a cluster: every change is dry-run on the
// server before the first is written, each goes as a JSON Patch that holds
// only for the object that was looked at, and what became of each is told.
package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-harden/kubectl-harden/fixes"
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
	// ErrPartial: some changes were written before one failed.
	ErrPartial = errors.New("the plan was applied in part")
)

// Applier writes plans to a cluster.
type Applier struct {
	Client       *client.Client
	FieldManager string
	// Redact masks secrets in what the server says: it quotes the values that
	// it refuses.
	Redact fixes.Redactor
}

// dryRunWorkers bounds the dry runs under way at a time.
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
				out := a.send(ctx, &plan.Changes[i], true)
				out.Warnings = unexpected(plan, out)
				outcomes[i] <- out
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

// Write applies a plan that [Applier.DryRun] found acceptable, change by
// change, in order. It stops at the first change that fails, and reports the
// outcome of every change. After an interruption no further change is begun.
func (a *Applier) Write(ctx context.Context, plan *fixes.Plan, report func(fixes.Outcome)) error {
	written := false
	for i := range plan.Changes {
		c := &plan.Changes[i]
		if ctx.Err() != nil {
			skipRest(plan.Changes[i:], "interrupted", report)
			return errors.Join(partial(written, nil), ctx.Err())
		}
		report(fixes.Outcome{Change: c, State: fixes.Applying})
		// A write that has begun is brought to its end: cut off in the middle,
		// nobody would know whether it was made.
		out := a.send(context.WithoutCancel(ctx), c, false)
		out.Warnings = unexpected(plan, out)
		report(out)
		switch out.State {
		case fixes.Applied:
			written = true
		case fixes.Unchanged:
		default:
			skipRest(plan.Changes[i+1:], "an earlier change failed", report)
			if out.State == fixes.Stale && !written {
				return ErrStale
			}
			if out.State == fixes.Unknown {
				written = true
			}
			return partial(written, ErrRefused)
		}
	}
	return nil
}

func partial(written bool, otherwise error) error {
	if written {
		return ErrPartial
	}
	return otherwise
}

func skipRest(changes []fixes.Change, why string, report func(fixes.Outcome)) {
	for i := range changes {
		report(fixes.Outcome{Change: &changes[i], State: fixes.NotAttempted, Detail: why})
	}
}

// send writes one change, or asks about it, and gathers what the server says.
func (a *Applier) send(ctx context.Context, c *fixes.Change, dryRun bool) fixes.Outcome {
	var warnings client.Warnings
	ctx = client.CollectWarnings(ctx, &warnings)
	out := a.write(ctx, c, dryRun)
	for _, w := range warnings.List() {
		out.Warnings = append(out.Warnings, a.clean(c, w))
	}
	return out
}

func (a *Applier) write(ctx context.Context, c *fixes.Change, dryRun bool) fixes.Outcome {
	done := fixes.Applied
	if dryRun {
		done = fixes.Checked
	}
	opts := client.WriteOptions{FieldManager: a.FieldManager, DryRun: dryRun}
	var err error
	if c.Action == fixes.Create {
		_, err = a.Client.Create(ctx, c.After, opts)
		if apierrors.IsAlreadyExists(err) {
			return a.exists(ctx, c)
		}
	} else {
		err = a.patch(ctx, c, opts)
	}
	out := fixes.Outcome{Change: c, State: done}
	if err == nil && dryRun {
		var warning string
		if warning, err = a.checkPod(ctx, c); err != nil {
			out.State, out.Detail = fixes.Failed, "its new pods would be refused: "+a.clean(c, err.Error())
			return out
		}
		if warning != "" {
			out.Warnings = append(out.Warnings, warning)
		}
	}
	switch {
	case err == nil:
	case errors.Is(err, errStale):
		out.State = fixes.Stale
	case isRefusal(err):
		out.State = fixes.Failed
	case dryRun:
		out.State = fixes.Failed // nothing was to be written
	default:
		out = a.find(ctx, c, done)
	}
	if err != nil && out.State != done && out.State != fixes.Unchanged {
		out.Detail = a.clean(c, err.Error())
	}
	return out
}

// exists compares an object that is to be created with the one that is there.
func (a *Applier) exists(ctx context.Context, c *fixes.Change) fixes.Outcome {
	live, err := a.Client.Get(ctx, c.Object)
	if err == nil && holds(live, c) {
		return fixes.Outcome{Change: c, State: fixes.Unchanged}
	}
	return fixes.Outcome{Change: c, State: fixes.Failed,
		Detail: fmt.Sprintf("%s is there already, with other content; scan again", c.Object)}
}

// find looks at what the server holds, after a write that nobody knows the
// outcome of.
func (a *Applier) find(ctx context.Context, c *fixes.Change, done fixes.State) fixes.Outcome {
	out := fixes.Outcome{Change: c, State: fixes.Unknown}
	live, err := a.Client.Get(ctx, c.Object)
	if c.Action == fixes.Create {
		switch {
		case err == nil && holds(live, c):
			out.State = done
		case apierrors.IsNotFound(err):
			out.State = fixes.Failed
		}
		return out
	}
	if err != nil {
		return out
	}
	if c.HeldBy(live) {
		out.State = done
	} else if _, asItWas := c.Rebase(live); asItWas {
		out.State = fixes.Failed
	}
	return out
}

// holds reports whether an object has all that the creation of it gives it.
func holds(live fixes.Object, c *fixes.Change) bool {
	got, err := fixes.Change{After: live}.Manifest()
	if err != nil {
		return false
	}
	want, err := c.Manifest()
	if err != nil {
		return false
	}
	delete(want, "metadata")
	return contains(got, want)
}

// contains reports whether got has every field of want; the server adds
// defaults.
func contains(got, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return false
		}
		for key, v := range w {
			if !contains(g[key], v) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !contains(g[i], w[i]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(got, want)
}

// isRefusal reports whether the server answered and said no, so that the
// object is as it was.
func isRefusal(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	code := status.Status().Code
	return code >= 400 && code < 500 && !apierrors.IsTimeout(err)
}

// unexpected returns the warnings without those about pods that the plan is
// about to replace: when a namespace's level is raised, Pod Security Admission
// warns of every pod that runs, a line each after a first one.
func unexpected(plan *fixes.Plan, out fixes.Outcome) []string {
	if out.Change.Object.Kind != fixes.KindNamespace {
		return out.Warnings
	}
	replaced := slices.ContainsFunc(plan.Changes, func(c fixes.Change) bool {
		return c.Object.Namespace == out.Change.Object.Name && c.Restarts()
	})
	first := slices.IndexFunc(out.Warnings, func(w string) bool { return strings.HasPrefix(w, "existing pods in namespace") })
	if !replaced || first < 0 {
		return out.Warnings
	}
	return out.Warnings[:first]
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
