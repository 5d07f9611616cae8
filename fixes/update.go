package fixes

import (
	"maps"
	"slices"
)

// ObjectChange is what became of one object: After is what it is now, nil where
// it is gone.
type ObjectChange struct {
	Object Ref
	After  Object
}

// Updated returns the inventory of a scan as it is after some of its objects
// have changed, and leaves the inventory itself as it was. Objects that did not
// change are shared. It holds what a scan of the new objects would hold: what is
// in a namespace that is being deleted is left out. What was skipped stays
// skipped, and facts stay as they were. Drafts are not looked at: the inventory
// that is updated is that below them, see [Inventory.Scanned].
func (inv *Inventory) Updated(changes []ObjectChange) *Inventory {
	old := inv.Scanned()
	next := &Inventory{
		Live: old.Live, ServerMinor: old.ServerMinor, Now: old.Now, APIVersions: old.APIVersions,
		Namespace: old.Namespace, Wishes: inv.Wishes,
		objects: maps.Clone(old.objects), skips: slices.Clone(old.skips), origins: old.origins, recreate: old.recreate,
	}
	own := map[Kind]bool{} // the kinds whose objects are a copy already
	edit := func(kind Kind) map[key]Object {
		if !own[kind] {
			own[kind] = true
			if next.objects[kind] = maps.Clone(next.objects[kind]); next.objects[kind] == nil {
				next.objects[kind] = map[key]Object{}
			}
		}
		return next.objects[kind]
	}
	going := map[string]bool{}
	for _, c := range changes {
		k := key{c.Object.Namespace, c.Object.Name, c.Object.Origin}
		if c.After == nil {
			delete(edit(c.Object.Kind), k)
			continue
		}
		if !c.Object.Kind.Custom() {
			c.After.GetObjectKind().SetGroupVersionKind(c.Object.Kind.GVK())
		}
		edit(c.Object.Kind)[k] = c.After
	}
	for k, ns := range next.objects[KindNamespace] {
		if ns.GetDeletionTimestamp() != nil {
			going[k.name] = true
		}
	}
	if len(going) > 0 {
		next.leave(going, edit)
	}
	old.mu.Lock()
	defer old.mu.Unlock()
	next.derived.sorted = maps.Clone(old.derived.sorted)
	for kind := range own {
		delete(next.derived.sorted, kind)
	}
	return next
}

// leave takes out what is in namespaces that are being deleted: it goes by
// itself.
func (inv *Inventory) leave(going map[string]bool, edit func(Kind) map[key]Object) {
	for kind, objects := range inv.objects {
		if !kind.Namespaced || kind.Fact() {
			continue
		}
		for k := range objects {
			if going[k.namespace] {
				delete(edit(kind), k)
			}
		}
	}
}

// Reskip replaces what could not be looked at.
func (inv *Inventory) Reskip(skips []Skip) {
	inv.skips = nil
	for _, s := range skips {
		inv.Skip(s)
	}
}
