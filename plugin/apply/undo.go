package apply

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

// Undoing is what taking back a run comes to.
type Undoing struct {
	Plan *fixes.Plan
	// Left are what is not put back, and why, a line each: others have changed
	// it since, or no place holds the value any more.
	Left []string
}

// PlanUndo makes the plan that takes back what a run wrote: only fields that
// still hold it, and what it created only where nothing else refers to it.
// With only, it is for the objects that match, and what was made for them.
func (a *Applier) PlanUndo(ctx context.Context, rec *journal.Record, only func(fixes.Ref) bool) (*Undoing, error) {
	changes, lost, err := journal.Unseal(ctx, rec.Header.Changes, a.getOrKept)
	if err != nil {
		return nil, fmt.Errorf("read what run %d wrote: %w", rec.Header.Run, err)
	}
	u := &undoer{a: a, rec: rec, changes: changes, out: &Undoing{Plan: &fixes.Plan{Verified: true}}}
	for i := range changes {
		u.chosen = append(u.chosen, mayBeThere(rec.State(i)) && (only == nil || only(changes[i].Object)))
	}
	if only != nil {
		if !slices.Contains(u.chosen, true) {
			return nil, fmt.Errorf("run %d wrote no such object; see kubectl harden history %d", rec.Header.Run, rec.Header.Run)
		}
		u.chooseMadeFor()
	}
	for _, l := range lost {
		if u.chosen[l.Change] {
			u.left(l.Object, l.Path+" (no place holds its value any more)")
		}
	}
	if err := u.revert(ctx); err != nil {
		return nil, err
	}
	return u.out, nil
}

// mayBeThere reports whether the server may hold a change, by the last step
// that is noted of it.
func mayBeThere(s journal.Step) bool {
	switch s {
	case "", journal.Unchanged, journal.Failed, journal.Stale, journal.RolledBack:
		return false
	}
	return true
}

// Wrote reports whether the server may hold anything that a run wrote.
func Wrote(rec *journal.Record) bool {
	for i := range rec.Header.Changes {
		if mayBeThere(rec.State(i)) {
			return true
		}
	}
	return false
}

type undoer struct {
	a       *Applier
	rec     *journal.Record
	changes []fixes.Change
	chosen  []bool
	out     *Undoing
}

// chooseMadeFor adds what was created for the chosen changes alone.
func (u *undoer) chooseMadeFor() {
	for i, made := range u.changes {
		if u.chosen[i] || made.Action != fixes.Create || !mayBeThere(u.rec.State(i)) {
			continue
		}
		refers := func(chosen bool) bool {
			for j, c := range u.changes {
				if u.chosen[j] == chosen && j != i && c.After != nil && mayBeThere(u.rec.State(j)) && fixes.Refers(c.After, made.Object) {
					return true
				}
			}
			return false
		}
		u.chosen[i] = refers(true) && !refers(false)
	}
}

// revert makes the inverse changes, the last first.
func (u *undoer) revert(ctx context.Context) error {
	var removals []fixes.Change
	for i, c := range slices.Backward(u.changes) {
		if !u.chosen[i] {
			continue
		}
		live, err := u.a.liveOrKept(ctx, &c)
		if err != nil {
			return fmt.Errorf("read %s: %w", c.Object, err)
		}
		if c.Action == fixes.Create && live == nil {
			continue // gone already
		}
		inverse, kept, err := c.Revert(live)
		if err != nil {
			return fmt.Errorf("undo the change of %s: %w", c.Object, err)
		}
		for _, k := range kept {
			u.left(c.Object, k.String())
		}
		if inverse.Empty() {
			continue
		}
		if inverse.Action == fixes.Delete {
			removals = append(removals, inverse)
			continue
		}
		u.out.Plan.Changes = append(u.out.Plan.Changes, inverse)
	}
	return u.remove(ctx, removals)
}

// remove adds the removal of what was created, where nothing else uses it.
func (u *undoer) remove(ctx context.Context, removals []fixes.Change) error {
	for _, c := range removals {
		if c.Stage() == fixes.Preparation {
			users, err := u.a.users(ctx, c.Object, func(ref fixes.Ref) bool { return u.letsGo(ref, c.Object) })
			if apierrors.IsForbidden(err) {
				u.left(c.Object, "whether something uses it may not be seen: "+err.Error())
				continue
			}
			if err != nil {
				return fmt.Errorf("look what uses %s: %w", c.Object, err)
			}
			if len(users) > 0 {
				u.left(c.Object, "it is still used by "+users[0].String())
				continue
			}
		}
		u.out.Plan.Changes = append(u.out.Plan.Changes, c)
	}
	fixes.SortChanges(u.out.Plan.Changes)
	if u.wasForward() {
		slices.Reverse(u.out.Plan.Changes) // enforcement is lifted first, what others refer to goes last
	}
	fixes.ConfigFirst(u.out.Plan.Changes)
	fixes.RightsFirst(u.out.Plan.Changes)
	return nil
}

// wasForward reports whether the run made its changes in the order in which a
// plan is applied: an undo of an undo does, too.
func (u *undoer) wasForward() bool {
	sorted := slices.Clone(u.changes)
	fixes.SortChanges(sorted)
	return slices.EqualFunc(sorted, u.changes, func(a, b fixes.Change) bool { return a.Object == b.Object })
}

// letsGo reports whether an object is put back by the plan, and refers to
// another no more then.
func (u *undoer) letsGo(ref, to fixes.Ref) bool {
	i := slices.IndexFunc(u.out.Plan.Changes, func(c fixes.Change) bool { return c.Object == ref })
	if i < 0 {
		return false
	}
	after := u.out.Plan.Changes[i].After
	return after == nil || !fixes.Refers(after, to)
}

func (u *undoer) left(ref fixes.Ref, why string) {
	u.out.Left = append(u.out.Left, fixes.Clean(ref.String()+": "+why))
}

// liveOrKept reads a change's object. One that is gone in the middle of its
// recreation, or about to be, is taken from where it is kept.
func (a *Applier) liveOrKept(ctx context.Context, c *fixes.Change) (fixes.Object, error) {
	live, err := a.look(ctx, c.Object)
	if live != nil && c.Action == fixes.Recreate && live.GetUID() == c.Before.GetUID() && live.GetDeletionTimestamp() != nil {
		if err := a.gone(ctx, live); err != nil {
			return nil, err
		}
		live, err = a.look(ctx, c.Object)
	}
	if err != nil || live != nil || c.Action != fixes.Recreate {
		return live, err
	}
	kept, err := a.kept(ctx, c.Object)
	if kept != nil {
		c.Before = kept
	}
	return nil, err
}
