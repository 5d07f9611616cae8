package fixes

import (
	"fmt"
)

// Kept is something that undoing a change leaves as it is, because it no
// longer is as the change made it.
type Kept struct {
	// Path leads there from the object's root, as [Finding.Path] does; it is
	// empty for the object itself. What is not there any more has the index
	// that it had.
	Path string
	// Why is a clause ("it has been changed since"). Neither holds a value,
	// which may be a secret.
	Why string
}

// String returns "spec.hostPID (it has been changed since)".
func (k Kept) String() string {
	if k.Path == "" {
		return k.Why
	}
	return k.Path + " (" + k.Why + ")"
}

// Revert returns the change that takes back on the object as it is now, which
// is nil where there is none any more, what this change made of it: only what
// still is as the change left it, and what is kept otherwise. With nothing to
// take back the returned change is [Change.Empty].
//
// After may be what was written or what the server made of it; the defaults
// that the server adds count as unchanged either way. In the second case
// Before must be what the server held until then: what others changed in
// between would be taken for part of the change.
//
//   - A patch is taken back by a three-way merge; see [merger].
//   - A created object is deleted, where it has nothing but what was written.
//   - A deleted object is created, where no other has taken its name.
//   - A recreated object is recreated as it was, with what others changed
//     since. Where it is gone, in the middle of its recreation perhaps, it is
//     created as it was. One that has finished is kept: it would run again.
//
// The error tells of an object that has no JSON form.
func (c Change) Revert(live Object) (Change, []Kept, error) {
	switch c.Action {
	case Create:
		return c.revertCreate(live)
	case Delete:
		return c.revertDelete(live)
	case Recreate:
		return c.revertRecreate(live)
	}
	if live == nil {
		return c.keep(live, "it is gone")
	}
	if another(c.Before, live) {
		return c.keep(live, "it has been replaced since by another of its name")
	}
	return c.mergeBack(live)
}

// Empty reports whether the change does nothing.
func (c Change) Empty() bool {
	switch {
	case c.Before == nil || c.After == nil:
		return c.Before == nil && c.After == nil
	case c.Before == c.After:
		return true
	}
	ops, err := c.ops()
	return err == nil && len(ops) == 0
}

// nothing is the change that leaves an object as it is.
func (c Change) nothing(live Object) Change {
	return Change{Action: Patch, Object: c.Object, Before: live, After: live, Fixes: c.Fixes}
}

// keep leaves an object as it is, for one reason.
func (c Change) keep(live Object, why string) (Change, []Kept, error) {
	return c.nothing(live), []Kept{{Why: why}}, nil
}

// another reports whether two objects of one name are not the same. Objects
// without a uid come from a manifest.
func another(a, b Object) bool {
	return a != nil && a.GetUID() != "" && b.GetUID() != "" && a.GetUID() != b.GetUID()
}

func (c Change) revertCreate(live Object) (Change, []Kept, error) {
	if live == nil {
		return c.nothing(nil), nil, nil
	}
	if another(c.After, live) {
		return c.keep(live, "it has been replaced since by another of its name")
	}
	wrote, err := fields(c.form(c.After))
	if err != nil {
		return Change{}, nil, err
	}
	now, err := fields(c.form(live))
	if err != nil {
		return Change{}, nil, err
	}
	var kept []Kept
	for _, m := range mismatches("", "", wrote, now) {
		why := whyChanged
		if m.added {
			why = whyAdded
		}
		kept = append(kept, Kept{m.path, why})
	}
	if len(kept) > 0 {
		return c.nothing(live), kept, nil
	}
	return Change{Action: Delete, Object: c.Object, Before: live, Fixes: c.Fixes}, nil, nil
}

func (c Change) revertDelete(live Object) (Change, []Kept, error) {
	switch {
	case live == nil:
		return Change{Action: Create, Object: c.Object, After: Recreated(c.Before), Fixes: c.Fixes}, nil, nil
	case another(c.Before, live):
		return c.keep(live, "another of its name has been created since")
	case live.GetDeletionTimestamp() != nil:
		return c.keep(live, "its deletion has not come to an end")
	}
	return c.nothing(live), nil, nil
}

func (c Change) revertRecreate(live Object) (Change, []Kept, error) {
	if live == nil {
		return Change{Action: Create, Object: c.Object, After: Recreated(c.Before), Fixes: c.Fixes}, nil, nil
	}
	if c.Before.GetUID() != "" && c.Before.GetUID() == live.GetUID() {
		return c.nothing(live), nil, nil // it was not recreated
	}
	if another(c.After, live) && c.After.GetUID() != c.Before.GetUID() {
		return c.keep(live, "it has been replaced since by another of its name")
	}
	if w, ok := AsWorkload(live); ok && w.Finished() {
		return c.keep(live, "it has finished: created anew, it would run once more")
	}
	return c.mergeBack(live)
}

// mergeBack merges the difference from After to Before into live.
func (c Change) mergeBack(live Object) (Change, []Kept, error) {
	merged, notes, err := mergeObjects(c.form(c.After), c.form(c.Before), c.form(live))
	if err != nil {
		return Change{}, nil, err
	}
	var kept []Kept
	for _, n := range notes {
		if n.state != back {
			kept = append(kept, Kept{n.path, n.why})
		}
	}
	after, err := Decode(RefOf(live).Kind, merged)
	if err != nil {
		return Change{}, nil, fmt.Errorf("decode %s: %w", c.Object, err)
	}
	if c.Action == Patch {
		inherit(after, live)
	}
	out := Change{Action: c.Action, Object: c.Object, Before: live, After: after, Fixes: c.Fixes}
	if out.Empty() {
		out = c.nothing(live)
	}
	return out, kept, nil
}

// mergeObjects is [merge] for typed objects.
func mergeObjects(base, target, live Object) (map[string]any, []note, error) {
	var states [3]map[string]any
	for i, obj := range []Object{base, target, live} {
		var err error
		if states[i], err = fields(obj); err != nil {
			return nil, nil, err
		}
	}
	merged, notes := merge(states[0], states[1], states[2])
	return merged, notes, nil
}
