package fixes

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// FieldOwners returns the managers that own what is at a path of an object, or
// something inside it, the one that wrote last first: "kubectl-edit",
// "kube-controller-manager (status)". Where nobody does, they are those that
// own the whole around it. The path is written as findings do
// (spec.containers[0].image) or as a JSON pointer (/spec/containers/0/image);
// the empty one is the object's. The result is nil where managedFields are
// missing, as in what a scan keeps, and for a path that cannot be read.
func FieldOwners(obj Object, path string) []string {
	var owners []string
	for _, e := range fieldOwners(obj, path) {
		owner := Clean(e.Manager)
		if e.Subresource != "" {
			owner += " (" + Clean(e.Subresource) + ")"
		}
		if !slices.Contains(owners, owner) {
			owners = append(owners, owner)
		}
	}
	return owners
}

func fieldOwners(obj Object, path string) []metav1.ManagedFieldsEntry {
	entries := obj.GetManagedFields()
	steps, err := parsePath(path)
	if len(entries) == 0 || err != nil {
		return nil
	}
	root, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil
	}
	var own, around []metav1.ManagedFieldsEntry
	for _, e := range entries {
		var set map[string]any
		if e.FieldsV1 == nil || json.Unmarshal(e.FieldsV1.GetRawBytes(), &set) != nil {
			continue
		}
		switch owns(set, root, steps) {
		case ownsIt:
			own = append(own, e)
		case ownsAround:
			around = append(around, e)
		}
	}
	if len(own) == 0 {
		own = around
	}
	slices.SortStableFunc(own, func(a, b metav1.ManagedFieldsEntry) int { return written(b).Compare(written(a)) })
	return own
}

func written(e metav1.ManagedFieldsEntry) time.Time {
	if e.Time == nil {
		return time.Time{}
	}
	return e.Time.Time
}

// ownership is what a manager has of a field, in rising order.
type ownership int

const (
	ownsNothing ownership = iota
	// ownsAround: the manager owns an ancestor, and nothing is said of what is
	// inside it: a list or map that is written as a whole, for one.
	ownsAround
	ownsIt
)

// owns tells what a set of fields, as FieldsV1 has it, owns of what steps lead
// to from a value. Its keys name fields (f:), and list elements by their keys
// (k:), values (v:) or places (i:); a "." among them stands for the value
// itself (KEP-555, sigs.k8s.io/structured-merge-diff).
func owns(set map[string]any, at any, steps []any) ownership {
	if len(steps) == 0 {
		return ownsIt
	}
	step, child := stepInto(at, steps[0])
	best := ownsNothing
	for key, inside := range set {
		if key == "." {
			continue
		}
		e, err := fieldpath.DeserializePathElement(key)
		if err != nil || !leadsTo(e, step, child) {
			continue
		}
		inside, _ := inside.(map[string]any)
		if len(inside) == 0 && len(steps) > 1 {
			best = max(best, ownsAround)
		} else {
			best = max(best, owns(inside, child, steps[1:]))
		}
	}
	return best
}

// leadsTo reports whether a path element names the child that a step leads to.
func leadsTo(e fieldpath.PathElement, step, child any) bool {
	switch {
	case e.FieldName != nil:
		return step == any(*e.FieldName)
	case e.Index != nil:
		return step == any(*e.Index)
	case e.Value != nil:
		return child != nil && value.Equals(*e.Value, value.NewValueInterface(child))
	case e.Key != nil:
		m, ok := child.(map[string]any)
		return ok && !slices.ContainsFunc(*e.Key, func(f value.Field) bool {
			v, has := m[f.Name]
			return !has || !value.Equals(f.Value, value.NewValueInterface(v))
		})
	}
	return false
}

// stepInto returns a step as the key or the index that it is in a value, and
// what it leads to.
func stepInto(at, step any) (key, child any) {
	i, isIndex := step.(int)
	if list, ok := at.([]any); ok && isIndex {
		if i < 0 || i >= len(list) {
			return step, nil
		}
		return step, list[i]
	}
	name, _ := step.(string)
	if isIndex { // of a JSON pointer: a number may be a key as well
		name = strconv.Itoa(i)
	}
	m, _ := at.(map[string]any)
	return name, m[name]
}

// parsePath parts a path into keys (strings) and indices (ints).
func parsePath(path string) ([]any, error) {
	if strings.HasPrefix(path, "/") {
		return parsePointer(path), nil
	}
	var steps []any
	for rest := path; rest != ""; {
		inBrackets, ok := strings.CutPrefix(rest, "[")
		if !ok {
			rest = strings.TrimPrefix(rest, ".")
			end := strings.IndexAny(rest+".", ".[")
			if end == 0 {
				return nil, fmt.Errorf("bad path %q", path)
			}
			steps, rest = append(steps, rest[:end]), rest[end:]
			continue
		}
		text, err := strconv.QuotedPrefix(inBrackets)
		if err == nil {
			key, _ := strconv.Unquote(text) // is one, or QuotedPrefix fails
			steps = append(steps, key)
		} else {
			text, _, _ = strings.Cut(inBrackets, "]")
			i, err := strconv.Atoi(text)
			if err != nil {
				return nil, fmt.Errorf("bad path %q", path)
			}
			steps = append(steps, i)
		}
		if rest, ok = strings.CutPrefix(inBrackets[len(text):], "]"); !ok {
			return nil, fmt.Errorf("bad path %q", path)
		}
	}
	return steps, nil
}

// parsePointer parts a JSON pointer (RFC 6901).
func parsePointer(path string) []any {
	var steps []any
	for step := range strings.SplitSeq(path[1:], "/") {
		step = unescapePointer(step)
		if i, err := strconv.Atoi(step); err == nil && strconv.Itoa(i) == step {
			steps = append(steps, i)
		} else {
			steps = append(steps, step)
		}
	}
	return steps
}
