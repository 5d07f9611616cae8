package fixes

import (
	"fmt"
	"slices"
)

// Draft is a copy-on-write overlay on an inventory. It is itself an
// inventory, so rules can judge it; the inventory below is never changed.
type Draft struct {
	*Inventory
	touched []Ref // by the edit being made; see [Compose]
}

// Draft returns an empty draft over the inventory.
func (inv *Inventory) Draft() *Draft {
	over := NewInventory()
	over.base, over.Live, over.ServerMinor, over.Now = inv, inv.Live, inv.ServerMinor, inv.Now
	over.Namespace, over.Wishes, over.APIVersions = inv.Namespace, inv.Wishes, inv.APIVersions
	return &Draft{Inventory: over}
}

// Edit returns the draft's own copy of an object, for editing in place. T is
// the object's pointer type. The object must be there.
func Edit[T Object](d *Draft, namespace, name string) (T, error) {
	return EditRef[T](d, Ref{Kind: kindFor[T](), Namespace: namespace, Name: name})
}

// EditRef is [Edit] for the object that a ref names: of several manifests of
// one name it is the one that was meant.
func EditRef[T Object](d *Draft, ref Ref) (T, error) {
	obj, err := d.edit(ref)
	if err != nil {
		var none T
		return none, err
	}
	return obj.(T), nil
}

// EditObject is [EditRef] where the type does not matter.
func EditObject(d *Draft, ref Ref) (Object, error) { return d.edit(ref) }

// EditWorkload returns the workload view of the draft's own copy of an object.
func (d *Draft) EditWorkload(ref Ref) (Workload, error) {
	obj, err := d.edit(ref)
	if err != nil {
		return Workload{}, err
	}
	w, ok := AsWorkload(obj)
	if !ok {
		return Workload{}, fmt.Errorf("%s holds no pod", ref)
	}
	return w, nil
}

func (d *Draft) edit(ref Ref) (Object, error) {
	k := key{ref.Namespace, ref.Name, ref.Origin}
	if obj, ok := d.objects[ref.Kind][k]; ok && obj != nil {
		d.touch(ref)
		return obj, nil
	}
	obj, ok := d.lookup(ref.Kind, k)
	if !ok {
		return nil, fmt.Errorf("%s is not there any more", ref)
	}
	own := obj.DeepCopyObject().(Object)
	d.set(ref.Kind, k, own)
	d.touch(ref)
	return own, nil
}

// Create adds an object to the draft. It fails when one of that name is there
// already.
func (d *Draft) Create(obj Object) error {
	ref := RefOf(obj)
	if d.Get(ref) != nil {
		return fmt.Errorf("%s is there already", ref)
	}
	d.Add(obj)
	d.touch(ref)
	return nil
}

// Delete takes an object out of the draft. It does nothing where there is none
// of that name.
func (d *Draft) Delete(ref Ref) {
	if d.Get(ref) == nil {
		return
	}
	k := key{ref.Namespace, ref.Name, ref.Origin}
	d.set(ref.Kind, k, nil)
	if d.base.Get(ref) == nil { // the draft itself had added it
		delete(d.objects[ref.Kind], k)
	}
	d.touch(ref)
}

func (d *Draft) touch(ref Ref) {
	if !slices.Contains(d.touched, ref) {
		d.touched = append(d.touched, ref)
	}
}

// Changed reports whether the draft holds its own copy of an object.
func (d *Draft) Changed(ref Ref) bool {
	_, ok := d.objects[ref.Kind][key{ref.Namespace, ref.Name, ref.Origin}]
	return ok
}

// Created reports whether the draft added an object that was not there.
func (d *Draft) Created(ref Ref) bool { return d.Changed(ref) && d.base.Get(ref) == nil }

// CreatedIn returns the objects of type T that the draft added to a namespace,
// in no particular order.
func CreatedIn[T Object](d *Draft, namespace string) []T {
	var out []T
	kind := kindFor[T]()
	for k, obj := range d.objects[kind] {
		if _, there := d.base.lookup(kind, k); k.namespace == namespace && !there && obj != nil {
			out = append(out, obj.(T))
		}
	}
	return out
}

// CreatedBy is [CreatedIn] for all namespaces, and for objects in none.
func CreatedBy[T Object](d *Draft) []T {
	var out []T
	kind := kindFor[T]()
	for k, obj := range d.objects[kind] {
		if _, there := d.base.lookup(kind, k); !there && obj != nil {
			out = append(out, obj.(T))
		}
	}
	return out
}

// Changes returns what the draft differs in from the inventory below, in the
// order in which it is safe to apply; see [Stage].
func (d *Draft) Changes() ([]Change, error) {
	var changes []Change
	for kind, objects := range d.objects {
		for k, after := range objects {
			ref := Ref{Kind: kind, Namespace: k.namespace, Name: k.name, Origin: k.origin}
			c := Change{Action: Patch, Object: ref, Before: d.base.Get(ref), After: after}
			if after == nil {
				c.Action = Delete
			} else if c.Before == nil {
				c.Action = Create
			} else if ops, err := c.ops(); err != nil {
				return nil, err
			} else if len(ops) == 0 {
				continue
			} else if d.Live && immutableTemplate(kind) {
				c.Action, c.After = Recreate, Recreated(after)
			}
			changes = append(changes, c)
		}
	}
	SortChanges(changes)
	return changes, nil
}
