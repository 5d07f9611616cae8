package apply

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/rollout"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// held says why a change that was written does not reach the pods by itself,
// or "".
func (it *item) held() string {
	if it.change.Action != fixes.Patch || !it.change.Restarts() || it.object == nil {
		return ""
	}
	return rollout.Held(it.object)
}

// watch waits for the rollout of a change.
func (r *Run) watch(ctx context.Context, c *fixes.Change, obj fixes.Object, progress func(string)) error {
	w := r.a.watcher(c)
	if pod, ok := obj.(*corev1.Pod); ok {
		return w.WaitPod(ctx, pod, progress)
	}
	return w.Wait(ctx, obj, progress)
}

// roll watches the rollout of a change to its end, and puts back what fails.
func (r *Run) roll(ctx context.Context, i int) {
	it := r.items[i]
	err := r.watch(ctx, it.change, it.object, func(text string) { r.say(i, fixes.RollingOut, text) })
	var failure *rollout.Failure
	switch {
	case err == nil, errors.Is(err, rollout.ErrAtStep):
		r.note(i, journal.RolledOut, it.object, "")
		it.rolledOut = time.Now()
		detail := ""
		if err != nil {
			detail = err.Error()
		}
		if it.altered != "" {
			r.fail(i, fixes.Reverted, it.altered)
		} else {
			r.say(i, fixes.Applied, detail)
		}
	case ctx.Err() != nil:
		r.say(i, fixes.Unsettled, "it was applied; its rollout was not waited for")
	case errors.Is(err, rollout.ErrReplaced), errors.Is(err, rollout.ErrChanged), errors.Is(err, rollout.ErrHeld):
		r.fail(i, fixes.Unsettled, "it was applied, and then "+err.Error()+"; it is left as it is now")
	case errors.As(err, &failure):
		r.onFailure(ctx, i, failure)
	default:
		r.fail(i, fixes.Unsettled, "it was applied; its rollout cannot be followed: "+r.a.clean(it.change, err.Error()))
	}
	r.a.step("rolled")
}

// onFailure puts a change back whose rollout failed, unless it was failing
// before.
func (r *Run) onFailure(ctx context.Context, i int, failure *rollout.Failure) {
	it := r.items[i]
	why := strings.Join(append([]string{failure.Reason}, failure.Details...), "\n")
	if it.change.Action == fixes.Patch && !it.wasSettled {
		r.fail(i, fixes.Unsettled, "its rollout does not complete, and did not before the change either: "+why)
		return
	}
	r.rollback(ctx, i, why)
}

// rollback puts back what a change made.
func (r *Run) rollback(ctx context.Context, i int, why string) {
	it := r.items[i]
	r.setFailed()
	if !r.note(i, journal.Rollback, nil, why) {
		r.say(i, fixes.Unsettled, "it was not put back, since the journal cannot be written: "+why)
		return
	}
	r.a.step("rollback")
	r.restoreConfig(ctx, it.change)
	state, problem := r.putBack(ctx, it)
	if problem != "" {
		why = problem + "; it was to be put back since " + why
	}
	it.object = nil
	r.note(i, stepOf(state), nil, why)
	r.say(i, state, why)
	r.a.step("rolled back")
}

// restoreConfig puts back the ConfigMaps that a workload reads when it starts,
// before it is put back itself: it would start with what it failed with.
func (r *Run) restoreConfig(ctx context.Context, workload *fixes.Change) {
	if workload.Before == nil || !workload.Restarts() {
		return
	}
	r.restoring.Lock()
	defer r.restoring.Unlock()
	for i, it := range r.items {
		r.mu.Lock()
		there := it.there()
		r.mu.Unlock()
		if there && it.change.AltersConfig() && fixes.Refers(workload.Before, it.change.Object) {
			r.rollback(ctx, i, workload.Object.String()+" reads it, and was put back")
		}
	}
}

// putBack writes the inverse of a change, and waits until what was before
// runs again.
func (r *Run) putBack(ctx context.Context, it *item) (state fixes.State, problem string) {
	// A rollback is brought to its end even when the run is interrupted.
	writing := context.WithoutCancel(ctx)
	live, err := r.a.look(writing, it.change.Object)
	if err != nil {
		return fixes.Unsettled, "it cannot be read: " + r.a.clean(it.change, err.Error())
	}
	inverse, kept, err := it.change.Revert(live)
	if err != nil {
		return fixes.Unsettled, "it cannot be put back: " + err.Error()
	}
	if !inverse.Empty() {
		w := r.a.send(writing, &inverse, false)
		if w.State != fixes.Applied && w.State != fixes.Unchanged {
			return fixes.Unsettled, "it could not be put back: " + w.Detail
		}
		if inverse.Restarts() && w.Object != nil {
			problem = r.restored(ctx, &inverse, w.Object)
		}
	}
	if len(kept) > 0 {
		return fixes.Unsettled, "not all could be put back: " + sayKept(kept)
	}
	return fixes.RolledBack, problem
}

// restored waits until a workload that was put back runs again, and says what
// keeps it from that.
func (r *Run) restored(ctx context.Context, inverse *fixes.Change, obj fixes.Object) string {
	stuck, err := r.a.watcher(inverse).Stuck(ctx, obj)
	if err == nil {
		// Pods of the failed revision that keep a StatefulSet from going on
		// (kubernetes#67250).
		for _, pod := range stuck {
			removal := fixes.Change{Action: fixes.Delete, Object: fixes.RefOf(pod), Before: pod}
			if err := r.a.delete(ctx, &removal, client.WriteOptions{}); err != nil {
				return "it was put back, and its pod " + pod.GetName() + " has to be deleted by hand: " + r.a.clean(inverse, err.Error())
			}
		}
	}
	if err := r.watch(ctx, inverse, obj, func(string) {}); err != nil && !errors.Is(err, rollout.ErrAtStep) {
		return "it was put back, and what was before is not ready again: " + r.a.clean(inverse, err.Error())
	}
	return ""
}

func sayKept(kept []fixes.Kept) string {
	var parts []string
	for _, k := range kept {
		parts = append(parts, k.String())
	}
	return fixes.Clean(strings.Join(parts, ", "))
}

// blocked says why a change cannot be made after what became of the others,
// or "".
func (r *Run) blocked(i int) string {
	c := r.items[i].change
	for _, it := range r.items {
		o := it.change
		if it.done() || it.state == fixes.Pending || o == c {
			continue
		}
		switch {
		case c.After != nil && o.Action == fixes.Create && fixes.Refers(c.After, o.Object):
			return o.Object.String() + ", which it refers to, is not there"
		case (c.Action == fixes.Delete || c.Stage() == fixes.Removal) && o.Before != nil && o.After != nil && fixes.Refers(o.Before, c.Object):
			return o.Object.String() + " still refers to it"
		case rejects(c, o):
			return o.Object.String() + " was not fixed, and its next pods would be refused"
		}
	}
	return ""
}

// rejects reports whether a change, in force, refuses pods of a workload that
// was to be fixed first.
func rejects(c, workload *fixes.Change) bool {
	if workload.Stage() != fixes.Rollout || c.Action == fixes.Delete {
		return false
	}
	switch c.Object.Kind {
	case fixes.KindNamespace:
		return workload.Object.Namespace == c.Object.Name
	case fixes.KindLimitRange, fixes.KindResourceQuota:
		return workload.Object.Namespace == c.Object.Namespace
	}
	return false
}

// removeUnused removes what was created for a change that was rolled back,
// unless something else uses it.
func (r *Run) removeUnused(ctx context.Context, i int) {
	c := r.items[i].change
	for j, it := range r.items {
		o := it.change
		if o.Action != fixes.Create || it.state != fixes.Applied || c.After == nil || !fixes.Refers(c.After, o.Object) {
			continue
		}
		wanted := slices.ContainsFunc(r.items, func(other *item) bool {
			return (other.there() || other.state == fixes.Pending) && other.change.After != nil && fixes.Refers(other.change.After, o.Object)
		})
		if wanted {
			continue
		}
		users, err := r.a.users(ctx, o.Object, nil)
		if err != nil || len(users) > 0 {
			continue
		}
		r.rollback(ctx, j, "it was made for "+c.Object.String()+", which is not there")
	}
}

// rollbackAll puts back all that the run has written, the last first.
func (r *Run) rollbackAll(ctx context.Context) {
	for i, it := range slices.Backward(r.items) {
		if it.there() {
			r.rollback(ctx, i, "another change failed, and all was to be rolled back (--on-failure="+RollbackAll+")")
		}
	}
}
