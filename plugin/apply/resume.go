package apply

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

// notSettledBefore is noted with the intent of a change whose workload was not
// rolled out before.
const notSettledBefore = "its rollout was not complete before"

// Resume opens a run that did not come to its end, and finds out by the
// cluster how far it came. What failed then is tried again by [Run.Do].
func (a *Applier) Resume(ctx context.Context, n int) (*Run, error) {
	j, err := a.Runs.Resume(n)
	if err != nil {
		return nil, err
	}
	r, err := a.takeUp(ctx, j)
	if err != nil {
		return nil, fmt.Errorf("resume run %d: %w", n, joinClose(err, j))
	}
	return r, nil
}

func joinClose(err error, j *journal.Run) error {
	if closeErr := j.Close(); closeErr != nil {
		return fmt.Errorf("%w (%w)", err, closeErr)
	}
	return err
}

func (a *Applier) takeUp(ctx context.Context, j *journal.Run) (*Run, error) {
	h := j.Header()
	settings := *a
	settings.Settings = h.Settings
	a = &settings
	changes, lost, err := journal.Unseal(ctx, h.Changes, a.getOrKept)
	if err != nil {
		return nil, err
	}
	if len(lost) > 0 {
		return nil, fmt.Errorf("%s: no place holds the value of %s any more; undo the run, and scan again", lost[0].Object, lost[0].Path)
	}
	r := &Run{a: a, journal: j, Plan: &fixes.Plan{Changes: changes, Verified: true}, review: map[int]bool{}}
	rec := &journal.Record{Header: *h, Entries: j.Entries()}
	for i := range changes {
		it := &item{change: &r.Plan.Changes[i], state: fixes.Pending, wasSettled: true}
		for _, e := range rec.Entries {
			if e.Change == i && e.Step == journal.Intent {
				it.wasSettled = e.Detail != notSettledBefore
			}
			if e.Change == i && e.Step == journal.Failed && e.UID != "" {
				// The old one was put back, as another of its name.
				it.change.Before.SetUID(types.UID(e.UID))
				it.change.After.SetUID(types.UID(e.UID))
			}
		}
		r.items = append(r.items, it)
		r.review[i] = h.Changes[i].Review
		_, it.canaryLeft = rec.Canary(i)
		if err := r.findOut(ctx, it, rec.State(i)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// findOut sets how far a change came, by the last step that was noted of it
// and by what the server holds.
func (r *Run) findOut(ctx context.Context, it *item, last journal.Step) error {
	switch last {
	case journal.Unchanged:
		it.state = fixes.Unchanged
		return nil
	case journal.RolledOut:
		it.state = fixes.Applied
	case journal.Rollback:
		it.state, it.rollback = fixes.Unsettled, true
	case journal.Intent, journal.Unknown, journal.Applied, journal.Unsettled:
		live, err := r.a.liveOrKept(ctx, it.change)
		if err != nil {
			return fmt.Errorf("read %s: %w", it.change.Object, err)
		}
		if c := it.change; c.Action == fixes.Recreate && live != nil && live.GetUID() == c.Before.GetUID() {
			return nil // it stands there still, perhaps on its way out
		}
		it.object = live
		switch state := r.a.probe(it.change, live); {
		case state == fixes.Applied && it.change.Restarts() && it.held() == "":
			it.state = fixes.RollingOut
		case state == fixes.Applied:
			it.state = fixes.Applied
		case state == fixes.Pending:
			// Not written, or put back since: its turn comes (again).
		default:
			it.state = fixes.Stale
		}
		it.found = (it.state == fixes.Applied || it.state == fixes.RollingOut) && last != journal.Applied
	}
	return nil
}

// recover ends what a run left half done that is resumed: copies of pods, and
// rollbacks.
func (r *Run) recover(ctx context.Context) {
	for i, it := range r.items {
		if it.canaryLeft {
			r.removeCanary(ctx, i)
		}
		if it.found {
			if err := r.a.release(ctx, it.change.Object); err != nil {
				r.say(i, it.state, "Secret "+keptName(it.change.Object)+" is left: "+r.a.clean(it.change, err.Error()))
			}
			r.note(i, journal.Applied, it.object, "")
		}
		if it.rollback {
			r.rollback(ctx, i, "its rollout had failed")
		}
		if it.state == fixes.Stale {
			r.fail(i, fixes.Stale, "it holds neither what it held before the run nor what the run makes of it: "+r.a.whyStale(ctx, it.change, "it was changed since"))
		}
	}
}

// Remaining returns the changes that are yet to be written, as a plan.
func (r *Run) Remaining() *fixes.Plan {
	plan := &fixes.Plan{Verified: true}
	for _, it := range r.items {
		if it.state == fixes.Pending {
			plan.Changes = append(plan.Changes, *it.change)
		}
	}
	return plan
}

// States returns how far each change of the plan has come.
func (r *Run) States() []fixes.State {
	states := make([]fixes.State, len(r.items))
	for i, it := range r.items {
		states[i] = it.state
	}
	return states
}

// Close gives up a run without doing it; it can be resumed.
func (r *Run) Close() error { return r.journal.Close() }
