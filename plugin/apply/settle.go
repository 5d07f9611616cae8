package apply

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/rollout"
)

// looks is how often changes are looked at while they settle.
const looks = 4

// settle watches what was written for a while after the last rollout:
// whether something else puts it back (Argo CD heals in five seconds), and
// whether pods that were ready stay so.
func (r *Run) settle(ctx context.Context) {
	last := time.Time{}
	for _, it := range r.items {
		if it.state == fixes.Applied && it.rolledOut.After(last) {
			last = it.rolledOut
		}
	}
	if last.IsZero() || r.a.Settings.Settle <= 0 {
		return
	}
	end := last.Add(r.a.Settings.Settle)
	for n := range looks {
		until := end.Add(-r.a.Settings.Settle * time.Duration(looks-1-n) / looks)
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(until)):
		}
		var group errgroup.Group
		group.SetLimit(dryRunWorkers)
		for i, it := range r.items {
			if it.state == fixes.Applied && it.change.Action != fixes.Delete {
				group.Go(func() error { r.lookAgain(ctx, i, n == looks-1); return nil })
			}
		}
		_ = group.Wait() // lookAgain reports by itself
	}
	for i, it := range r.items {
		if it.state == fixes.RolledBack {
			r.removeUnused(ctx, i)
		}
	}
}

// lookAgain looks whether a change is still there and, the last time, whether
// its pods are still ready.
func (r *Run) lookAgain(ctx context.Context, i int, lastTime bool) {
	it := r.items[i]
	live, err := r.a.look(ctx, it.change.Object)
	if err != nil {
		return // what cannot be seen is not said to be put back
	}
	if by := r.takenBack(it, live); by != "" {
		r.fail(i, fixes.Reverted, by)
		return
	}
	if !lastTime || !it.change.Restarts() || it.held() != "" || it.change.Action != fixes.Patch || !it.wasSettled {
		return
	}
	if settled, err := r.a.watcher(it.change).Settled(ctx, live); err != nil || settled {
		return
	}
	err = r.watch(ctx, it.change, live, func(text string) { r.say(i, fixes.RollingOut, text) })
	if failure, ok := errors.AsType[*rollout.Failure](err); ok {
		failure.Reason = "its pods became ready, and then: " + failure.Reason
		r.onFailure(ctx, i, failure)
		return
	}
	r.say(i, fixes.Applied, "")
}

// takenBack says who put a change back, and where it belongs, or "".
func (r *Run) takenBack(it *item, live fixes.Object) string {
	c := it.change
	if live == nil {
		return "something deleted it"
	}
	if c.Action != fixes.Patch {
		return ""
	}
	fields := c.TakenBack(live)
	if len(fields) == 0 {
		return ""
	}
	var parts []string
	for _, f := range fields {
		parts = append(parts, f.String())
	}
	text := "something put it back: " + strings.Join(parts, ", ")
	if managed := fixes.ManagedBy(live); managed != "" {
		text += "; " + fixes.PlaceToChange(managed, c.Object)
	}
	return fixes.Clean(text)
}
