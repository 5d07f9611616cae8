package journal

import (
	"fmt"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
)

// A place in an object is a JSON pointer (RFC 6901), in which an element of a
// list that has a name is found by it: "/spec/template/spec/containers/0:web/
// env/0:DB_PASSWORD/value". The number counts the elements of that name, since
// the names of variables may repeat. So no element that is inserted before
// leads to a wrong place. An element without a name has its index alone.

var (
	toPointer   = strings.NewReplacer("~", "~0", "/", "~1")
	fromPointer = strings.NewReplacer("~1", "/", "~0", "~")
)

func join(path, step string) string { return path + "/" + toPointer.Replace(step) }

func split(path string) []string {
	if path == "" {
		return nil
	}
	steps := strings.Split(path, "/")[1:]
	for i := range steps {
		steps[i] = fromPointer.Replace(steps[i])
	}
	return steps
}

// nameOf returns the name of a list's element.
func nameOf(element any) string {
	m, _ := element.(map[string]any)
	name, _ := m["name"].(string)
	return name
}

// steps returns the steps to each element of a list.
func steps(list []any) []string {
	out := make([]string, len(list))
	seen := map[string]int{}
	for i, element := range list {
		if name := nameOf(element); name != "" {
			out[i] = strconv.Itoa(seen[name]) + ":" + name
			seen[name]++
		} else {
			out[i] = strconv.Itoa(i)
		}
	}
	return out
}

// indexOf returns the place of the element that a step leads to, or -1.
func indexOf(list []any, step string) int {
	number, name, named := strings.Cut(step, ":")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 {
		return -1
	}
	if !named {
		if n < len(list) && nameOf(list[n]) == "" {
			return n
		}
		return -1
	}
	for i, element := range list {
		if nameOf(element) != name {
			continue
		}
		if n == 0 {
			return i
		}
		n--
	}
	return -1
}

// lookup returns what stands at a place of a tree.
func lookup(tree any, path string) (any, bool) {
	for _, step := range split(path) {
		switch t := tree.(type) {
		case map[string]any:
			v, ok := t[step]
			if !ok {
				return nil, false
			}
			tree = v
		case []any:
			i := indexOf(t, step)
			if i < 0 {
				return nil, false
			}
			tree = t[i]
		default:
			return nil, false
		}
	}
	return tree, true
}

func lookupString(tree any, path string) (string, bool) {
	v, ok := lookup(tree, path)
	s, isString := v.(string)
	return s, ok && isString
}

// put replaces the string at a place.
func put(tree any, path, s string) error {
	all := split(path)
	if _, ok := lookupString(tree, path); !ok || len(all) == 0 {
		return fmt.Errorf("no string at %s", path)
	}
	last := all[len(all)-1]
	parent, _ := lookup(tree, path[:strings.LastIndexByte(path, '/')])
	switch p := parent.(type) {
	case map[string]any:
		p[last] = s
	case []any:
		p[indexOf(p, last)] = s
	}
	return nil
}

// adopt returns a tree with what stands at a place as another tree has it.
func adopt(tree, other any, path []string) any {
	if len(path) == 0 {
		return runtime.DeepCopyJSONValue(other)
	}
	switch t := tree.(type) {
	case map[string]any:
		if o, ok := other.(map[string]any); ok {
			if v, has := o[path[0]]; has {
				t[path[0]] = adopt(t[path[0]], v, path[1:])
			} else {
				delete(t, path[0])
			}
			return t
		}
	case []any:
		if o, ok := other.([]any); ok {
			if i, j := indexOf(t, path[0]), indexOf(o, path[0]); i >= 0 && j >= 0 {
				t[i] = adopt(t[i], o[j], path[1:])
				return t
			}
		}
	}
	return runtime.DeepCopyJSONValue(other)
}

// indexes returns the index of each step of a path that leads to an element of
// a list, and -1 for one that is a key.
func indexes(tree any, path []string) []int {
	out := make([]int, len(path))
	for i, step := range path {
		out[i] = -1
		switch t := tree.(type) {
		case map[string]any:
			tree = t[step]
		case []any:
			if n := indexOf(t, step); n >= 0 {
				out[i], tree = n, t[n]
			}
		}
	}
	return out
}

// field writes a place as findings do: "spec.template.spec.containers[0].env[2]
// .value", `metadata.annotations["example.com/note"]`.
func field(tree any, path string) string {
	var b strings.Builder
	all := split(path)
	for i, index := range indexes(tree, all) {
		switch {
		case index >= 0:
			fmt.Fprintf(&b, "[%d]", index)
		case strings.IndexFunc(all[i], notInField) >= 0:
			fmt.Fprintf(&b, "[%q]", all[i])
		case b.Len() > 0:
			b.WriteString("." + all[i])
		default:
			b.WriteString(all[i])
		}
	}
	return b.String()
}

func notInField(r rune) bool {
	return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}
