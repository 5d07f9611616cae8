package fixes

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// op is one operation of a JSON Patch (RFC 6902).
type op struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// diffJSON returns the operations that turn before into after. Every path is
// valid in before as well as at the operation's turn: lists are worked on
// from their end.
func diffJSON(before, after map[string]any) []op {
	var d differ
	d.maps("", before, after)
	return d.ops
}

// DiffJSON returns the RFC 6902 patch that turns one manifest into another.
func DiffJSON(before, after map[string]any) ([]byte, error) {
	return json.Marshal(diffJSON(before, after))
}

type differ struct{ ops []op }

func (d *differ) value(path string, before, after any) {
	switch b := before.(type) {
	case map[string]any:
		if a, ok := after.(map[string]any); ok {
			d.maps(path, b, a)
			return
		}
	case []any:
		if a, ok := after.([]any); ok {
			d.lists(path, b, a)
			return
		}
	}
	if !reflect.DeepEqual(before, after) {
		d.ops = append(d.ops, op{"replace", path, after})
	}
}

func (d *differ) maps(path string, before, after map[string]any) {
	for _, key := range sortedKeys(before, after) {
		at := path + "/" + escapePointer(key)
		b, had := before[key]
		a, has := after[key]
		switch {
		case had && has:
			d.value(at, b, a)
		case had:
			d.ops = append(d.ops, op{Op: "remove", Path: at})
		default:
			d.ops = append(d.ops, op{"add", at, a})
		}
	}
}

// lists aligns the elements of two lists by what identifies them, and works
// from the end, so that no operation shifts the place of a later one.
func (d *differ) lists(path string, before, after []any) {
	pairs := align(before, after)
	i, j := len(before), len(after)
	for k := len(pairs); k >= 0; k-- {
		bi, aj := -1, -1
		if k > 0 {
			bi, aj = pairs[k-1][0], pairs[k-1][1]
		}
		insertAt := i
		for i--; i > bi; i-- {
			d.ops = append(d.ops, op{Op: "remove", Path: path + "/" + strconv.Itoa(i)})
			insertAt = i
		}
		for j--; j > aj; j-- {
			d.ops = append(d.ops, op{"add", path + "/" + strconv.Itoa(insertAt), after[j]})
		}
		if k > 0 {
			d.value(path+"/"+strconv.Itoa(bi), before[bi], after[aj])
		}
		i, j = bi, aj
	}
}

// align returns the index pairs of a longest common subsequence of two lists
// whose elements are the same when their identity is.
func align(before, after []any) [][2]int { return alignBy(before, after, sameElement) }

// sameElement reports whether two elements of lists are one and the same, by
// their identity, or where they have none because they are equal.
func sameElement(a, b any) bool {
	nameA, okA := identity(a)
	nameB, okB := identity(b)
	if okA && okB {
		return nameA == nameB
	}
	return reflect.DeepEqual(a, b)
}

func alignBy(before, after []any, equal func(a, b any) bool) [][2]int {
	same := func(i, j int) bool { return equal(before[i], after[j]) }
	n, m := len(before), len(after)
	length := make([][]int, n+1)
	for i := range length {
		length[i] = make([]int, m+1)
	}
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			if same(i, j) {
				length[i][j] = length[i+1][j+1] + 1
			} else {
				length[i][j] = max(length[i+1][j], length[i][j+1])
			}
		}
	}
	var pairs [][2]int
	for i, j := 0, 0; i < n && j < m; {
		switch {
		case same(i, j):
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case length[i+1][j] >= length[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}

// identity returns what names an element of a list of objects.
func identity(v any) (string, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		return "", false
	}
	name, ok := m["name"].(string)
	return name, ok
}

// tests returns the operations that make a patch fail on an object that no
// longer holds what the patch replaces, or whose lists have shifted.
func tests(before map[string]any, ops []op) []op {
	var out []op
	add := func(path string, value any) {
		t := op{"test", path, value}
		if !slices.ContainsFunc(out, func(o op) bool { return o.Path == t.Path }) {
			out = append(out, t)
		}
	}
	for _, o := range ops {
		steps := strings.Split(o.Path, "/")[1:]
		var at any = before
		path := ""
		for i, step := range steps {
			last := i == len(steps)-1
			switch v := at.(type) {
			case map[string]any:
				path += "/" + step
				at = v[unescapePointer(step)]
				if last {
					add(path, at) // null when absent, which is what is tested
				}
			case []any:
				n, _ := strconv.Atoi(step)
				if last && o.Op == "add" {
					// An insertion is held in place by its neighbour.
					if n == len(v) {
						n--
					}
					if n >= 0 {
						addIdentity(add, path+"/"+strconv.Itoa(n), v[n])
					}
					break
				}
				path += "/" + step
				at = v[n]
				if _, named := identity(at); last && o.Op == "remove" && !named {
					add(path, at) // nothing less tells it from its neighbours (a rule of a role)
					break
				}
				addIdentity(add, path, at)
			}
		}
	}
	return out
}

func addIdentity(add func(string, any), path string, v any) {
	if name, ok := identity(v); ok {
		add(path+"/name", name)
	} else if _, isMap := v.(map[string]any); !isMap {
		add(path, v)
	}
}

// nullRemoved sets to null in after what before has and after has not. The
// lists of custom objects are replaced as they are, and a null would stay in
// their elements.
func nullRemoved(before, after map[string]any, inLists bool) {
	for key, b := range before {
		a, has := after[key]
		if !has {
			after[key] = nil
			continue
		}
		switch b := b.(type) {
		case map[string]any:
			if a, ok := a.(map[string]any); ok {
				nullRemoved(b, a, inLists)
			}
		case []any:
			if a, ok := a.([]any); ok && inLists {
				for _, pair := range align(b, a) {
					bm, bok := b[pair[0]].(map[string]any)
					am, aok := a[pair[1]].(map[string]any)
					if bok && aok {
						nullRemoved(bm, am, inLists)
					}
				}
			}
		}
	}
}

// appliedBefore takes out of a manifest what kubectl apply wrote of the object,
// as its annotation says, and removes by itself where a later manifest leaves
// it out. A server validates the nulls of a custom object that is applied by
// the server, and refuses them.
func appliedBefore(manifest map[string]any, obj Object) {
	var applied map[string]any
	if json.Unmarshal([]byte(obj.GetAnnotations()[corev1.LastAppliedConfigAnnotation]), &applied) == nil {
		subtract(manifest, applied)
	}
}

// subtract takes out of a map what another has.
func subtract(m, other map[string]any) {
	for key, o := range other {
		inner, ok := m[key].(map[string]any)
		if o, isMap := o.(map[string]any); ok && isMap {
			subtract(inner, o)
		} else {
			delete(m, key)
		}
	}
}

func sortedKeys(maps ...map[string]any) []string {
	var keys []string
	for _, m := range maps {
		for key := range m {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

func escapePointer(s string) string {
	if !strings.ContainsAny(s, "~/") {
		return s
	}
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
}

func unescapePointer(s string) string {
	if !strings.Contains(s, "~") {
		return s
	}
	return strings.NewReplacer("~1", "/", "~0", "~").Replace(s)
}
