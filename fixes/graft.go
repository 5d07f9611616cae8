package fixes

import (
	"reflect"
	"slices"
)

// graft makes the difference between two states of something, as typed
// objects write them, in what they were decoded from, which may hold more and
// write the same in other ways. It returns what becomes of raw, of which it
// changes maps in place.
func graft(raw, before, after any) any {
	if reflect.DeepEqual(before, after) {
		return raw
	}
	switch a := after.(type) {
	case map[string]any:
		b, ok := before.(map[string]any)
		r, isMap := raw.(map[string]any)
		if !ok || !isMap && raw != nil {
			return after
		}
		if r == nil {
			r = map[string]any{}
		}
		for _, key := range sortedKeys(b, a) {
			was, had := b[key]
			is, has := a[key]
			switch {
			case !has:
				delete(r, key)
			case !had || !reflect.DeepEqual(was, is):
				r[key] = graft(r[key], was, is)
			}
		}
		return r
	case []any:
		b, ok := before.([]any)
		r, isList := raw.([]any)
		if !ok || !isList || len(r) != len(b) {
			return after
		}
		return graftList(r, b, a)
	}
	return after
}

// graftList is graft for lists: an element goes on as what it was decoded
// from where it is still there. Elements that did not change are found first,
// since names may repeat.
func graftList(raw, before, after []any) []any {
	out := make([]any, len(after))
	copy(out, after)
	i, j := 0, 0
	stretch := func(toI, toJ int) {
		for _, p := range pair(before[i:toI], after[j:toJ]) {
			out[j+p[1]] = graft(raw[i+p[0]], before[i+p[0]], after[j+p[1]])
		}
	}
	for _, p := range alignBy(before, after, reflect.DeepEqual) {
		stretch(p[0], p[1])
		out[p[1]] = raw[p[0]]
		i, j = p[0]+1, p[1]+1
	}
	stretch(len(before), len(after))
	return out
}

// pair is align for a stretch of elements of which none is as it was. Where
// nothing names them, as the one container of a Knative Service, and none was
// added or taken away, they are those that stood there.
func pair(before, after []any) [][2]int {
	if len(before) != len(after) || slices.ContainsFunc(slices.Concat(before, after), named) {
		return align(before, after)
	}
	pairs := make([][2]int, len(before))
	for i := range pairs {
		pairs[i] = [2]int{i, i}
	}
	return pairs
}

func named(v any) bool {
	_, ok := identity(v)
	return ok
}
