package fixes

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// merger carries the difference between two states of an object over to what
// the object is now: a three-way merge. Where base and target are alike,
// nothing changes; where they differ, what is still base's becomes target's,
// and what is not stays as it is and is noted.
//
//   - Maps are merged field by field, and so is one of [apart] that only one
//     side has; any other map that was added or removed stands and falls as
//     a whole, since half of a reference or of a probe is not valid.
//   - Fields of which an object holds one ([unions]) are exchanged together or
//     not at all.
//   - Lists are merged element by element, which are told apart by name; see
//     lists.
//   - What the server adds by itself counts as unchanged; see [defaults].
type merger struct {
	notes []note
	// held are the names of elements that stay because something refers to
	// them, by the path of their list.
	held map[string]map[string]bool
}

// note is a place at which the object is not as base has it.
type note struct {
	path  string
	state noteState
	why   string
	// missing: nothing is at the path now. In a list, its index is then that
	// in base, or in target.
	missing bool
}

type noteState int

const (
	// changed: it is neither as base has it nor as target does.
	changed noteState = iota
	// back: it is as target has it already.
	back
	// bound: it is as base has it, and stays so because of something else.
	bound
)

// The reasons for which something stays as it is.
const (
	whyAdded   = "it has been added since"
	whyChanged = "it has been changed since"
	whyRemoved = "it has been removed since"
	whyAnother = "another of its name has been added since"
	whyPartner = "what it was exchanged for has been changed since"
	whyUsed    = "what is still there refers to it"
)

// apart are structs whose fields each stand for themselves, beside [entries].
var apart = setOf("capabilities", "metadata", "resources", "securityContext")

// unions are sets of fields that belong together: of most, an object holds
// just one; of the others, one says what another means.
var unions = []map[string]bool{
	setOf("value", "valueFrom"), // EnvVar
	jsonFields[corev1.EnvVarSource](),
	jsonFields[corev1.SecretKeySelector](), // the ConfigMap's has the same
	jsonFields[corev1.VolumeSource](),
	jsonFields[corev1.VolumeProjection](),
	jsonFields[corev1.LifecycleHandler](),
	jsonFields[corev1.ProbeHandler](),
	jsonFields[corev1.SeccompProfile](), // AppArmor's has the same
	setOf("configMapRef", "secretRef"),  // EnvFromSource
	setOf("resource", "service"),        // IngressBackend
	setOf("type", "rollingUpdate"),      // the strategies
	setOf("apiGroup", "kind", "name"),   // references
}

// jsonFields returns the names of a struct's fields in JSON.
func jsonFields[T any]() map[string]bool {
	set := map[string]bool{}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[T]()) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" { // "": embedded
			set[name] = true
		}
	}
	return set
}

// merge returns live with the difference between base and target made, and
// notes what could not be.
func merge(base, target, live map[string]any) (map[string]any, []note) {
	m := merger{held: map[string]map[string]bool{}}
	merged, _ := m.value("", "metadata", base, target, live).(map[string]any)
	slices.SortStableFunc(m.notes, func(a, b note) int { return cmp.Compare(a.path, b.path) })
	return merged, m.notes
}

// value merges what is at a path; nil stands for nothing. The name is the
// field's, or "" where people choose it.
func (m *merger) value(path, name string, base, target, live any) any {
	if reflect.DeepEqual(base, target) {
		return live
	}
	if reflect.DeepEqual(live, base) && m.held[path] == nil {
		return target
	}
	split := entries[name] || apart[name]
	if b, t, l, ok := allMaps(base, target, live, split); ok {
		return m.maps(path, name, b, t, l)
	}
	if b, t, l, ok := allLists(base, target, live); ok {
		return m.lists(path, b, t, l)
	}
	switch {
	case reflect.DeepEqual(live, target):
		m.note(path, back, "", live == nil)
	case stillThere(name, base, live):
		return target
	default:
		m.note(path, changed, whyNot(base, live), live == nil)
	}
	return live
}

func (m *merger) note(path string, state noteState, why string, missing bool) {
	m.notes = append(m.notes, note{path, state, why, missing})
}

// whyNot says what became of something.
func whyNot(base, live any) string {
	switch {
	case live == nil:
		return whyRemoved
	case base == nil:
		return whyAdded
	}
	return whyChanged
}

// allMaps returns three values as maps. One that is missing counts as empty
// if the map can be split.
func allMaps(base, target, live any, split bool) (b, t, l map[string]any, ok bool) {
	of := func(v any) (map[string]any, bool) {
		if v == nil {
			return nil, split
		}
		m, ok := v.(map[string]any)
		return m, ok
	}
	var okB, okT, okL bool
	b, okB = of(base)
	t, okT = of(target)
	l, okL = of(live)
	return b, t, l, okB && okT && okL
}

// allLists returns three values as lists. One that is missing counts as empty.
func allLists(base, target, live any) (b, t, l []any, ok bool) {
	of := func(v any) ([]any, bool) {
		l, ok := v.([]any)
		return l, ok || v == nil
	}
	var okB, okT, okL bool
	b, okB = of(base)
	t, okT = of(target)
	l, okL = of(live)
	return b, t, l, okB && okT && okL
}

func (m *merger) maps(path, name string, base, target, live map[string]any) any {
	merged := maps.Clone(live)
	if merged == nil {
		merged = map[string]any{}
	}
	done := map[string]bool{}
	if !entries[name] {
		for _, u := range unions {
			m.union(path, u, done, merged, base, target, live)
		}
	}
	one := func(key string) {
		v := m.value(joinPath(path, key), fieldName(name, key), base[key], target[key], live[key])
		if v == nil && live[key] == nil {
			return // also where a null says so, in a custom object
		}
		if set(merged, key, v); v == nil && isNull(target, key) {
			merged[key] = nil
		}
	}
	for _, key := range sortedKeys(base, target) {
		if !done[key] && referrers[key] == nil {
			one(key)
		}
	}
	for _, key := range sortedKeys(base, target) {
		if !done[key] && referrers[key] != nil {
			m.referred(path, key, merged, live, one)
		}
	}
	followServiceAccount(merged, base, target, live)
	if len(merged) == 0 && (target == nil && base != nil || live == nil) {
		return nil
	}
	return merged
}

// isNull reports whether a map holds a null, which is not the same as nothing
// where a custom object is to be as it was.
func isNull(m map[string]any, key string) bool {
	v, ok := m[key]
	return ok && v == nil
}

func set(m map[string]any, key string, v any) {
	if v == nil {
		delete(m, key)
	} else {
		m[key] = v
	}
}

// union exchanges the fields of a union together, or leaves them all.
func (m *merger) union(path string, union, done map[string]bool, merged, base, target, live map[string]any) {
	var group, differ []string
	for _, key := range sortedKeys(base, target, live) {
		if union[key] && !done[key] {
			group = append(group, key)
			if !reflect.DeepEqual(base[key], target[key]) {
				differ = append(differ, key)
			}
		}
	}
	if len(group) < 2 || len(differ) == 0 {
		return
	}
	intact := true
	for _, key := range group {
		done[key] = true
		intact = intact && stillThere(key, base[key], live[key])
	}
	for _, key := range group {
		at, isDiffer := joinPath(path, key), slices.Contains(differ, key)
		switch {
		case isDiffer && intact:
			set(merged, key, target[key])
		case isDiffer && reflect.DeepEqual(live[key], target[key]):
			m.note(at, back, "", live[key] == nil)
		case !stillThere(key, base[key], live[key]):
			m.note(at, changed, whyNot(base[key], live[key]), live[key] == nil)
		case isDiffer:
			m.note(at, bound, whyPartner, live[key] == nil)
		}
	}
}

// referrers tell of lists whose elements others refer to whether something in
// the map that holds the list refers to a name.
var referrers = map[string]func(holder map[string]any, name string) bool{
	"env":     usesVariable,
	"volumes": usesVolume,
}

// referred merges a list of [referrers]. An element that would go and that
// what stays refers to is held.
func (m *merger) referred(path, key string, merged, live map[string]any, one func(string)) {
	held := map[string]bool{}
	for {
		before := len(m.notes)
		one(key)
		kept, more := names(merged[key]), false
		for name := range names(live[key]) {
			if !kept[name] && !held[name] && referrers[key](merged, name) {
				held[name], more = true, true
			}
		}
		if !more {
			return
		}
		m.notes, m.held[joinPath(path, key)] = m.notes[:before], held // once more
	}
}

// names returns the names of a list's elements.
func names(list any) map[string]bool {
	set := map[string]bool{}
	elements, _ := list.([]any)
	for _, e := range elements {
		if name, ok := identity(e); ok {
			set[name] = true
		}
	}
	return set
}

// usesVariable reports whether a container's command or another of its
// variables refers to a variable.
func usesVariable(container map[string]any, name string) bool {
	reference := "$(" + name + ")"
	for _, key := range []string{"command", "args", "env"} {
		list, _ := container[key].([]any)
		for _, v := range list {
			if env, ok := v.(map[string]any); ok {
				v = env["value"]
			}
			if text, ok := v.(string); ok && strings.Contains(text, reference) {
				return true
			}
		}
	}
	return false
}

// usesVolume reports whether a container of a pod mounts a volume.
func usesVolume(pod map[string]any, name string) bool {
	for _, key := range []string{"initContainers", "containers", "ephemeralContainers"} {
		containers, _ := pod[key].([]any)
		for _, c := range containers {
			c, _ := c.(map[string]any)
			if names(c["volumeMounts"])[name] || names(c["volumeDevices"])[name] {
				return true
			}
		}
	}
	return false
}

// followServiceAccount keeps serviceAccount, the old name of
// serviceAccountName, equal to it, as the server does: left behind, it would
// bring the account back.
func followServiceAccount(merged, base, target, live map[string]any) {
	const field, old = "serviceAccountName", "serviceAccount"
	if live[old] != nil && live[old] == live[field] && base[field] != target[field] {
		set(merged, old, merged[field])
	}
}
