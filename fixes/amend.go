package fixes

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
)

// Amendment is what a person made of an object by hand, after the fixes: the
// difference between how a plan had it and how it is to be. It is merged into
// whatever a plan makes of the object, so that fixes that are chosen or left
// out later do not lose it.
type Amendment struct {
	Object   Ref
	From, To Object
}

// amend makes an amendment in the draft. It fails where the draft has
// something else at the places that were edited.
func (d *Draft) amend(a Amendment) error {
	obj, err := d.edit(a.Object)
	if err != nil {
		return fmt.Errorf("your edit of %s: %w", a.Object, err)
	}
	merged, notes, err := mergeObjects(a.From, a.To, obj)
	if err != nil {
		return err
	}
	var lost []string
	for _, n := range notes {
		if n.state != back {
			lost = append(lost, n.path)
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("your edit of %s does not fit what the fixes make of it now, at %s: undo it, or edit the object again",
			a.Object, Listed(lost))
	}
	whole, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return fmt.Errorf("encode %s: %w", a.Object, err)
	}
	keepServerFields(merged, whole)
	after, err := Decode(a.Object.Kind, merged)
	if err != nil {
		return fmt.Errorf("decode your edit of %s: %w", a.Object, err)
	}
	d.replace(a.Object, after)
	return nil
}

// keepServerFields copies what [fields] leaves out.
func keepServerFields(to, from map[string]any) {
	if status, ok := from["status"]; ok {
		to["status"] = status
	}
	fromMeta, _ := from["metadata"].(map[string]any)
	toMeta, ok := to["metadata"].(map[string]any)
	if !ok {
		return
	}
	for _, f := range serverFields {
		if v, ok := fromMeta[f]; ok {
			toMeta[f] = v
		}
	}
}

// amendments are those of a plan that have not been made yet.
type amendments []Amendment

// make makes those whose objects are there and as they were edited, and with
// last all others: enforcement is worked out from workloads as they will be.
// Several of one object are made in their order.
func (list *amendments) make(d *Draft, last bool) error {
	var later amendments
	waits := map[Ref]bool{}
	for _, a := range *list {
		if !last && (waits[a.Object] || d.Get(a.Object) == nil) {
			waits[a.Object] = true
			later = append(later, a)
			continue
		}
		if err := d.amend(a); err != nil {
			if last {
				return err
			}
			waits[a.Object] = true
			later = append(later, a)
		}
	}
	*list = later
	return nil
}
