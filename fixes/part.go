package fixes

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

// Part is a place of an object that a fix changes, and that a [Choice] can
// leave as it was.
type Part struct {
	Object Ref
	// Path leads there from the object's root as a JSON Pointer (RFC 6901) does,
	// but that a list's element is named by its name, where all have names of
	// their own: "/spec/template/spec/containers/web/env/LEVEL". A list whose
	// elements have none is one part. "" is the whole object.
	Path string
}

// Parts returns the places at which a change makes a difference, in order. Of
// an object that comes or goes it is the whole.
func (c Change) Parts() ([]string, error) {
	if c.Before == nil || c.After == nil {
		return []string{""}, nil
	}
	before, err := fields(c.form(c.Before))
	if err != nil {
		return nil, err
	}
	after, err := fields(c.form(c.After))
	if err != nil {
		return nil, err
	}
	return differences("", before, after), nil
}

// Touches reports whether one of two paths leads to the other's place, or to
// something in it.
func Touches(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/")
}

// PathText writes the path of a [Part] for people: with dots.
func PathText(path string) string {
	out := ""
	if path == "" {
		return ""
	}
	for step := range strings.SplitSeq(path[1:], "/") {
		out = joinPath(out, unescapePointer(step))
	}
	return out
}

func differences(path string, before, after any) []string {
	if reflect.DeepEqual(before, after) {
		return nil
	}
	var out []string
	switch b := before.(type) {
	case map[string]any:
		a, ok := after.(map[string]any)
		if !ok {
			break
		}
		for _, key := range sortedKeys(b, a) {
			at := path + "/" + escapePointer(key)
			was, had := b[key]
			is, has := a[key]
			if had && has {
				out = append(out, differences(at, was, is)...)
			} else {
				out = append(out, at)
			}
		}
		return out
	case []any:
		a, ok := after.([]any)
		if !ok || !sameOrder(b, a) {
			break
		}
		for _, e := range b {
			name, _ := identity(e)
			at := path + "/" + escapePointer(name)
			if i := elementOf(a, name); i >= 0 {
				out = append(out, differences(at, e, a[i])...)
			} else {
				out = append(out, at)
			}
		}
		for _, e := range a {
			if name, _ := identity(e); elementOf(b, name) < 0 {
				out = append(out, path+"/"+escapePointer(name))
			}
		}
		return out
	}
	return []string{path}
}

// sameOrder reports whether all elements of two lists have names of their own,
// and what both have stands in the same order.
func sameOrder(a, b []any) bool {
	in := func(list, other []any) (shared []string, ok bool) {
		seen := map[string]bool{}
		for _, e := range list {
			name, named := identity(e)
			if !named || seen[name] {
				return nil, false
			}
			seen[name] = true
			if elementOf(other, name) >= 0 {
				shared = append(shared, name)
			}
		}
		return shared, true
	}
	sa, okA := in(a, b)
	sb, okB := in(b, a)
	return okA && okB && slices.Equal(sa, sb)
}

// elementOf returns the index of the element of a name, or -1.
func elementOf(list []any, name string) int {
	return slices.IndexFunc(list, func(e any) bool {
		got, ok := identity(e)
		return ok && got == name
	})
}

// absent stands for what is not there, which is not the same as null in a
// custom object.
type absent struct{}

func member(v any, key string) any {
	m, _ := v.(map[string]any)
	if v, ok := m[key]; ok {
		return v
	}
	return absent{}
}

// putBack returns after with what the steps lead to as it is in before. What
// holds nothing else, and is not in before, goes too. It changes after in
// place.
func putBack(before, after any, steps []string) any {
	if len(steps) == 0 {
		if _, none := before.(absent); none {
			return before
		}
		return runtime.DeepCopyJSONValue(before)
	}
	_, wasList := before.([]any)
	_, isList := after.([]any)
	if wasList || isList {
		return putBackElement(before, after, steps)
	}
	_, wasMap := before.(map[string]any)
	a, isMap := after.(map[string]any)
	if !wasMap && !isMap {
		return putBack(before, after, nil) // it has become something else as a whole
	}
	if a == nil {
		a = map[string]any{}
	}
	key := unescapePointer(steps[0])
	v := putBack(member(before, key), member(a, key), steps[1:])
	if _, none := v.(absent); none {
		delete(a, key)
	} else {
		a[key] = v
	}
	if len(a) == 0 && !wasMap {
		return absent{}
	}
	return a
}

// putBackElement is putBack for a list, of whose elements the first step names
// one.
func putBackElement(before, after any, steps []string) any {
	b, wasList := before.([]any)
	a, _ := after.([]any)
	if !sameOrder(b, a) {
		return putBack(before, after, nil)
	}
	name := unescapePointer(steps[0])
	var was, is any = absent{}, absent{}
	from, to := elementOf(b, name), elementOf(a, name)
	if from >= 0 {
		was = b[from]
	}
	if to >= 0 {
		is = a[to]
	}
	v := putBack(was, is, steps[1:])
	_, none := v.(absent)
	switch {
	case none && to >= 0:
		a = slices.Delete(a, to, to+1)
	case none:
	case to >= 0:
		a[to] = v
	default: // it stands again behind what it stood behind
		at := 0
		for _, e := range b[:max(from, 0)] {
			other, _ := identity(e)
			at = max(at, elementOf(a, other)+1)
		}
		a = slices.Insert(a, at, v)
	}
	if len(a) == 0 && !wasList {
		return absent{}
	}
	return a
}

// states returns the objects of some parts as they are in the draft, nil where
// there are none.
func (d *Draft) states(parts []Part) map[Ref]Object {
	was := map[Ref]Object{}
	for _, p := range parts {
		if _, done := was[p.Object]; done {
			continue
		}
		was[p.Object] = nil
		if obj := d.Get(p.Object); obj != nil {
			was[p.Object] = obj.DeepCopyObject().(Object)
		}
	}
	return was
}

// leave puts parts back as they were.
func (d *Draft) leave(parts []Part, was map[Ref]Object) error {
	for _, p := range parts {
		before, now := was[p.Object], d.Get(p.Object)
		switch {
		case p.Path == "" && before == nil:
			d.Delete(p.Object)
			continue
		case p.Path == "" || now == nil:
			if before != nil {
				d.replace(p.Object, before)
			}
			continue
		}
		var from any = absent{}
		if before != nil {
			m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(before)
			if err != nil {
				return fmt.Errorf("encode %s: %w", p.Object, err)
			}
			from = m
		}
		to, err := runtime.DefaultUnstructuredConverter.ToUnstructured(now)
		if err != nil {
			return fmt.Errorf("encode %s: %w", p.Object, err)
		}
		content, _ := putBack(from, to, strings.Split(p.Path, "/")[1:]).(map[string]any)
		obj, err := Decode(p.Object.Kind, content)
		if err != nil {
			return fmt.Errorf("leave a part of %s as it was: %w", p.Object, err)
		}
		d.replace(p.Object, obj)
	}
	return nil
}

// replace makes an object the draft's own.
func (d *Draft) replace(ref Ref, obj Object) {
	d.set(ref.Kind, key{ref.Namespace, ref.Name, ref.Origin}, obj)
	d.touch(ref)
}

// missing fails when an object of the draft refers to one that was left out
// and is not there: its pods would not start.
func (d *Draft) missing(choices []Choice) error {
	for _, c := range choices {
		for _, p := range c.Leave {
			if p.Path != "" || d.Get(p.Object) != nil {
				continue
			}
			for _, objects := range d.objects {
				for _, obj := range objects {
					if obj != nil && Refers(obj, p.Object) {
						return fmt.Errorf("%s would refer to %s, which is left out: leave out that part of it too", RefOf(obj), p.Object)
					}
				}
			}
		}
	}
	return nil
}
