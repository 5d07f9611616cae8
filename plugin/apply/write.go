package apply

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// written is what became of a request to write a change.
type written struct {
	fixes.Outcome
	// Object is what the server holds now, where it said so.
	Object fixes.Object
}

// attempts bounds the tries of a write that did not reach the server.
const attempts = 5

// patience is how long a server that does not answer is waited for, to learn
// what became of a write: long enough for an API server to restart.
const patience = time.Minute

// send writes one change, or asks about it, and gathers what the server says.
func (a *Applier) send(ctx context.Context, c *fixes.Change, dryRun bool) written {
	var warnings client.Warnings
	ctx = client.CollectWarnings(ctx, &warnings)
	w := a.write(ctx, c, dryRun)
	w.Change = c
	for _, text := range warnings.List() {
		w.Warnings = append(w.Warnings, a.clean(c, text))
	}
	if w.Object != nil && !dryRun {
		// Old or new, it is there: its manifest need not be kept any more.
		if err := a.release(ctx, c.Object); err != nil {
			w.Warnings = append(w.Warnings, "Secret "+keptName(c.Object)+" is left: "+a.clean(c, err.Error()))
		}
	}
	if text := altered(c, w.Object); text != "" && w.State == fixes.Checked {
		w.State, w.Detail = fixes.Failed, text
	}
	return w
}

// altered says what the server made of a change other than was approved, as
// mutating webhooks do, or "".
func altered(c *fixes.Change, obj fixes.Object) string {
	if c.Action != fixes.Patch || obj == nil {
		return ""
	}
	var paths []string
	for _, f := range c.TakenBack(obj) {
		paths = append(paths, f.Path)
	}
	if len(paths) == 0 {
		return ""
	}
	return "admission alters it, so that it is not as approved: " + fixes.Clean(strings.Join(paths, ", "))
}

func (a *Applier) write(ctx context.Context, c *fixes.Change, dryRun bool) written {
	if dryRun {
		obj, err := a.try(ctx, c, true)
		return a.judge(ctx, c, fixes.Checked, obj, err)
	}
	var w written
	for range attempts {
		obj, err := a.try(ctx, c, false)
		w = a.judge(ctx, c, fixes.Applied, obj, err)
		if w.State != fixes.Pending {
			return w
		}
		// The server never saw it, and answers again.
	}
	w.State = fixes.Failed
	return w
}

// try makes the request of a change once.
func (a *Applier) try(ctx context.Context, c *fixes.Change, dryRun bool) (fixes.Object, error) {
	opts := client.WriteOptions{FieldManager: a.Settings.FieldManager, DryRun: dryRun}
	switch c.Action {
	case fixes.Create:
		return a.Client.Create(ctx, c.After, opts)
	case fixes.Delete:
		return nil, a.delete(ctx, c, opts)
	case fixes.Recreate:
		return a.recreate(ctx, c, opts)
	}
	return a.patch(ctx, c, opts)
}

// judge says what became of a change, by the server's answer or, where there
// was none, by what the server holds. Pending means: not written, try again.
func (a *Applier) judge(ctx context.Context, c *fixes.Change, done fixes.State, obj fixes.Object, err error) written {
	var w written
	w.Object = obj
	switch {
	case err == nil:
		w.State = done
		return w
	case apierrors.IsAlreadyExists(err) && c.Action == fixes.Create:
		return a.exists(ctx, c, done)
	case errors.Is(err, errHeld):
		w.State = fixes.Unchanged
		return w
	case errors.Is(err, errStale), errors.Is(err, errRestless):
		w.State = fixes.Stale
	case errors.Is(err, errAway):
		w.State = fixes.Unknown
	case isRefusal(err), done == fixes.Checked: // nothing was to be written
		w.State = fixes.Failed
	default:
		w = a.find(ctx, c, done)
	}
	if w.State != done {
		w.Detail = a.clean(c, err.Error())
	}
	if w.State == fixes.Stale {
		w.Detail = a.whyStale(ctx, c, w.Detail)
	}
	return w
}

// exists compares an object that is to be created with the one that is there.
func (a *Applier) exists(ctx context.Context, c *fixes.Change, done fixes.State) written {
	var w written
	live, err := a.Client.Get(ctx, c.Object)
	if err == nil && holds(live, c) {
		w.State, w.Object = fixes.Unchanged, live
		if done == fixes.Applied && a.wrote(live) {
			w.State = fixes.Applied // by a request whose answer was lost
		}
		return w
	}
	w.State = fixes.Failed
	w.Detail = fmt.Sprintf("%s is there already, with other content; scan again", c.Object)
	return w
}

// wrote reports whether this program wrote an object.
func (a *Applier) wrote(obj fixes.Object) bool {
	for _, m := range obj.GetManagedFields() {
		if m.Manager == a.Settings.FieldManager {
			return true
		}
	}
	return false
}

// find looks at what the server holds, after a write that nobody knows the
// outcome of.
func (a *Applier) find(ctx context.Context, c *fixes.Change, done fixes.State) written {
	w := written{Outcome: fixes.Outcome{State: fixes.Unknown}}
	live, err := a.look(ctx, c.Object)
	if err != nil {
		return w
	}
	w.State = a.probe(c, live)
	if w.State == fixes.Applied {
		w.State, w.Object = done, live
	}
	return w
}

// probe says by what the server holds whether a change was written: Applied,
// Pending, or Unknown when it is neither as before nor as after.
func (a *Applier) probe(c *fixes.Change, live fixes.Object) fixes.State {
	switch c.Action {
	case fixes.Create:
		switch {
		case live == nil:
			return fixes.Pending
		case holds(live, c):
			return fixes.Applied
		}
	case fixes.Delete:
		switch {
		case live == nil, live.GetUID() != c.Before.GetUID(), live.GetDeletionTimestamp() != nil:
			return fixes.Applied
		}
		return fixes.Pending
	case fixes.Recreate:
		switch {
		case live == nil, live.GetUID() == c.Before.GetUID() && live.GetDeletionTimestamp() == nil:
			return fixes.Pending
		case live.GetUID() == c.Before.GetUID(): // on its way out
		case holds(live, c):
			return fixes.Applied
		}
	case fixes.Patch:
		if live == nil {
			return fixes.Stale
		}
		if c.HeldBy(live) {
			return fixes.Applied
		}
		if _, asItWas := c.Rebase(live); asItWas {
			return fixes.Pending
		}
	}
	return fixes.Unknown
}

// look reads an object, or nil where there is none. A server that does not
// answer is waited for.
func (a *Applier) look(ctx context.Context, ref fixes.Ref) (fixes.Object, error) {
	backoff := wait.Backoff{Duration: 200 * time.Millisecond, Factor: 1.5, Steps: 40, Cap: 5 * time.Second}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		live, err := a.Client.Get(ctx, ref)
		switch {
		case err == nil:
			return live, nil
		case apierrors.IsNotFound(err):
			return nil, nil
		case isRefusal(err):
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(backoff.Step()):
		}
	}
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
		if !ok || len(g) < len(w) {
			return false // admission may add tolerations and volumes at the end
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
	return code >= 400 && code < 500 && !apierrors.IsTimeout(err) && !apierrors.IsTooManyRequests(err)
}
