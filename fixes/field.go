package fixes

import (
	"cmp"
	"strings"
)

// Field is one place in an object, and who wrote what is there. It holds no
// value.
type Field struct {
	// Path leads there from the object's root, as [Finding.Path] does; it is
	// empty for the object itself. What is not there any more has the index
	// that it had.
	Path string
	// Owners are as [FieldOwners] gives them. Nobody owns what is not there.
	Owners []string
}

// String returns "spec.replicas (kubectl-edit)".
func (f Field) String() string {
	path := cmp.Or(f.Path, "the object")
	if len(f.Owners) == 0 {
		return path
	}
	return path + " (" + strings.Join(f.Owners, ", ") + ")"
}

// TakenBack returns what the change wrote and the object, which is nil where
// there is none, does not hold any more, whoever holds what instead.
func (c Change) TakenBack(live Object) []Field {
	switch {
	case c.Action == Delete && live == nil:
		return nil
	case c.Action == Delete, live == nil:
		return object(live)
	case c.Action == Create:
		return c.differing(c.After, live, false)
	}
	return c.moved(c.After, c.Before, live)
}

// Drift returns what the change replaces and the object, which is nil where
// there is none, does not hold as it was looked at: of an object that is
// patched, the fields that the patch touches; of one that goes, all that it
// has; of one that is created, itself, if it is there.
func (c Change) Drift(live Object) []Field {
	switch {
	case c.Action == Create && live == nil:
		return nil
	case c.Action == Create, live == nil:
		return object(live)
	case another(c.Before, live):
		return []Field{{Path: "metadata.uid"}}
	case c.Action != Patch:
		return c.differing(c.Before, live, true)
	}
	return c.moved(c.Before, c.After, live)
}

// object is the object itself as a field.
func object(live Object) []Field {
	if live == nil {
		return []Field{{}}
	}
	return []Field{{Owners: FieldOwners(live, "")}}
}

// moved returns where base and target differ and live is not as base.
func (c Change) moved(base, target, live Object) []Field {
	now := c.formOwned(live)
	_, notes, err := mergeObjects(c.form(base), c.form(target), now)
	if err != nil {
		return object(live)
	}
	var out []Field
	for _, n := range notes {
		if n.state == bound {
			continue
		}
		f := Field{Path: n.path}
		if !n.missing {
			f.Owners = FieldOwners(now, n.path)
		}
		out = append(out, f)
	}
	return out
}

// differing returns where live is not as it was written, with or without what
// was added to it.
func (c Change) differing(wrote, live Object, added bool) []Field {
	now := c.formOwned(live)
	w, err := fields(c.form(wrote))
	if err != nil {
		return object(live)
	}
	l, err := fields(now)
	if err != nil {
		return object(live)
	}
	var out []Field
	for _, m := range mismatches("", "", w, l) {
		if added || !m.added {
			out = append(out, Field{m.path, FieldOwners(now, m.path)})
		}
	}
	return out
}

// formOwned is form, with the managers of the fields left in.
func (c Change) formOwned(live Object) Object {
	now := c.form(live)
	if c.Action != Patch {
		now.SetManagedFields(live.GetManagedFields())
	}
	return now
}
