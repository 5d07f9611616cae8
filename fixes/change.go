package fixes

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/yaml"
)

// Action is what a change does to its object.
type Action string

// The actions.
const (
	Create Action = "create"
	Patch  Action = "patch"
	// Recreate deletes an object and creates it anew: a pod without a
	// controller, or a Job, whose fields cannot be changed in place.
	Recreate Action = "recreate"
	Delete   Action = "delete"
)

// Change is one object before and after a plan.
type Change struct {
	Action Action
	Object Ref
	// Before is nil for an object that is created, After for one that is
	// deleted.
	Before, After Object
	// Fixes are the findings that the change serves.
	Fixes []*Finding
	// Amended says that the object is not as the fixes alone make it: a part was
	// left out, or a person edited it.
	Amended bool
}

// Restarts reports whether applying the change replaces running pods.
func (c Change) Restarts() bool {
	if c.Action == Recreate {
		return true
	}
	return c.Object.Kind.Rolls() && c.ChangesTemplate()
}

// ChangesTemplate reports whether a patch changes the pods that a workload
// makes.
func (c Change) ChangesTemplate() bool {
	if c.Action != Patch {
		return false
	}
	before, ok := AsWorkload(c.Before)
	if !ok {
		return false
	}
	after, _ := AsWorkload(c.After)
	return !equality.Semantic.DeepEqual(before.Spec, after.Spec) || !equality.Semantic.DeepEqual(before.Meta, after.Meta)
}

// serverFields are set by the API server and belong in no manifest.
var serverFields = []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"}

// fields returns an object's JSON form without status and without what the
// server keeps of its own. Both sides of a change go through it, so fields
// unknown to this version never show up in a difference.
func fields(obj Object) (map[string]any, error) {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", RefOf(obj), err)
	}
	delete(m, "status")
	_, custom := obj.(*Custom)
	if kind, ok := KindOf(obj); ok && !custom { // typed answers of a server often leave it out
		m["apiVersion"], m["kind"] = kind.APIVersion(), kind.Name
	}
	if meta, ok := m["metadata"].(map[string]any); ok {
		for _, f := range serverFields {
			delete(meta, f)
		}
		if meta["namespace"] == Unnamed {
			delete(meta, "namespace")
		}
	}
	if !custom { // which stays as it came
		for _, path := range templateMeta {
			dropNullTimestamp(m, path)
		}
	}
	return m, nil
}

// templateMeta are the paths at which a template's metadata carries a null
// creationTimestamp.
var templateMeta = []string{"spec.template.metadata", "spec.jobTemplate.metadata", "spec.jobTemplate.spec.template.metadata"}

func dropNullTimestamp(m map[string]any, path string) {
	for step := range strings.SplitSeq(path, ".") {
		next, ok := m[step].(map[string]any)
		if !ok {
			return
		}
		m = next
	}
	if m["creationTimestamp"] == nil {
		delete(m, "creationTimestamp")
	}
}

// form returns an object in the form in which the change's two sides are
// compared: as a manifest, unless one object is changed in place.
func (c Change) form(obj Object) Object {
	if c.Action != Patch && obj != nil {
		return Recreated(obj)
	}
	return obj
}

func (c Change) ops() ([]op, error) {
	before, err := fields(c.form(c.Before))
	if err != nil {
		return nil, err
	}
	after, err := fields(c.form(c.After))
	if err != nil {
		return nil, err
	}
	return diffJSON(before, after), nil
}

// JSONPatch returns an RFC 6902 patch of the live object that goes through
// only while the object is the one that was looked at: it first tests the
// uid, the generation (the resourceVersion of kinds that have none, since
// that of others churns with their status), the values it replaces and the
// absence of what it adds.
func (c Change) JSONPatch() ([]byte, error) {
	ops, err := c.ops()
	if err != nil {
		return nil, err
	}
	guards := []op{{"test", "/metadata/uid", string(c.Before.GetUID())}}
	if g := c.Before.GetGeneration(); g != 0 {
		guards = append(guards, op{"test", "/metadata/generation", g})
	} else {
		guards = append(guards, op{"test", "/metadata/resourceVersion", c.Before.GetResourceVersion()})
	}
	before, err := fields(c.Before)
	if err != nil {
		return nil, err
	}
	return json.Marshal(append(append(guards, tests(before, ops)...), ops...))
}

// MergePatch returns the change as a patch for people and tools that read
// manifests: a strategic merge patch where that is exact, else a JSON merge
// patch (RFC 7386). The type is "strategic" or "merge".
func (c Change) MergePatch() (patch map[string]any, patchType string, err error) {
	before, after, err := c.encode()
	if err != nil {
		return nil, "", err
	}
	if c.Object.Kind.Custom() {
		// A server knows nothing of how to merge the lists of a custom kind.
	} else if p, err := strategicpatch.CreateTwoWayMergePatch(before, after, c.After); err == nil {
		patch = map[string]any{}
		if err := json.Unmarshal(p, &patch); err != nil {
			return nil, "", fmt.Errorf("decode patch of %s: %w", c.Object, err)
		}
		dropElementOrder(patch)
		p, _ = json.Marshal(patch)
		got, err := strategicpatch.StrategicMergePatch(before, p, c.After)
		if err == nil && jsonpatch.Equal(got, after) {
			return patch, "strategic", nil
		}
	}
	p, err := jsonpatch.CreateMergePatch(before, after)
	if err != nil {
		return nil, "", fmt.Errorf("make patch of %s: %w", c.Object, err)
	}
	patch = map[string]any{}
	return patch, "merge", json.Unmarshal(p, &patch)
}

func (c Change) encode() (before, after []byte, err error) {
	for _, side := range []struct {
		obj Object
		to  *[]byte
	}{{c.Before, &before}, {c.After, &after}} {
		m, err := fields(c.form(side.obj))
		if err != nil {
			return nil, nil, err
		}
		if *side.to, err = json.Marshal(m); err != nil {
			return nil, nil, err
		}
	}
	return before, after, nil
}

// dropElementOrder removes the $setElementOrder directives, which kustomize
// does not know; the caller checks that the patch is exact without them.
func dropElementOrder(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			if strings.HasPrefix(key, "$setElementOrder/") {
				delete(v, key)
				continue
			}
			dropElementOrder(child)
		}
	case []any:
		for _, child := range v {
			dropElementOrder(child)
		}
	}
}

// Manifest returns the object after the change as it stands in a manifest.
func (c Change) Manifest() (map[string]any, error) {
	m, err := fields(c.After)
	if err != nil {
		return nil, err
	}
	if meta, ok := m["metadata"].(map[string]any); ok {
		if annotations, ok := meta["annotations"].(map[string]any); ok {
			delete(annotations, corev1.LastAppliedConfigAnnotation)
			delete(annotations, "deployment.kubernetes.io/revision")
			if len(annotations) == 0 {
				delete(meta, "annotations")
			}
		}
	}
	return m, nil
}

// ApplyManifest returns [Change.Manifest] with every field that the change
// removes set to null. Without that, kubectl apply keeps a field that it did
// not write itself: an env entry would end with value and valueFrom, which
// the API server refuses (kubernetes#46861). Of a custom object these are only
// the fields that kubectl apply would keep.
func (c Change) ApplyManifest() (map[string]any, error) {
	m, err := c.Manifest()
	if err != nil || c.Before == nil || c.Action == Recreate {
		return m, err // nothing is there that could be kept
	}
	before, err := Change{After: c.Before}.Manifest()
	if err != nil {
		return nil, err
	}
	if c.Object.Kind.Custom() {
		if c.Before.GetUID() == "" {
			return m, nil
		}
		appliedBefore(before, c.Before)
	}
	nullRemoved(before, m, !c.Object.Kind.Custom())
	return m, nil
}

// A Redactor returns a copy of an object in which every secret value is
// masked.
type Redactor func(Object) Object

// Diff returns the change as a unified diff of YAML with a number of lines of
// context around each hunk (all lines when negative), secrets masked and
// hostile characters escaped.
func (c Change) Diff(redact Redactor, context int) (string, error) {
	text := func(obj Object) (string, error) {
		if obj == nil {
			return "", nil
		}
		m, err := fields(redact(c.form(obj)))
		if err != nil {
			return "", err
		}
		out, err := yaml.Marshal(m)
		return CleanLines(string(out)), err
	}
	before, err := text(c.Before)
	if err != nil {
		return "", err
	}
	after, err := text(c.After)
	if err != nil {
		return "", err
	}
	if context < 0 {
		context = strings.Count(before, "\n") + strings.Count(after, "\n")
	}
	name := strings.ToLower(c.Object.Kind.Name) + "/" + c.Object.NamespacedName()
	from, to := "a/"+name, "b/"+name
	if c.Before == nil {
		from = "/dev/null"
	}
	if c.After == nil {
		to = "/dev/null"
	}
	return udiff.ToUnified(Clean(from), Clean(to), before, udiff.Lines(before, after), context)
}

// Rebase returns the same minimal difference on the object as it is now, or
// false when it is another object or no longer holds what the change
// replaces.
func (c Change) Rebase(live Object) (Change, bool) {
	if c.Before == nil || c.After == nil || live.GetUID() != c.Before.GetUID() {
		return Change{}, false
	}
	ops, err := c.ops()
	if err != nil {
		return Change{}, false
	}
	before, err := fields(c.form(c.Before))
	if err != nil {
		return Change{}, false
	}
	guards, err := json.Marshal(append(tests(before, ops), ops...))
	if err != nil {
		return Change{}, false
	}
	patch, err := jsonpatch.DecodePatch(guards)
	if err != nil {
		return Change{}, false
	}
	now, err := fields(c.form(live))
	if err != nil {
		return Change{}, false
	}
	doc, err := json.Marshal(now)
	if err != nil {
		return Change{}, false
	}
	patched, err := patch.Apply(doc)
	if err != nil {
		return Change{}, false
	}
	after := c.Object.Kind.New()
	if err := json.Unmarshal(patched, after); err != nil {
		return Change{}, false
	}
	if c.Action != Recreate {
		inherit(after, live)
	}
	c.Before, c.After = live, after
	return c, true
}

// inherit makes an object the next state of another: it has the uid and the
// version of that.
func inherit(obj, of Object) {
	obj.SetUID(of.GetUID())
	obj.SetResourceVersion(of.GetResourceVersion())
	obj.SetGeneration(of.GetGeneration())
	obj.SetSelfLink(of.GetSelfLink())
}

// HeldBy reports whether an object, nil where there is none, holds what the
// change makes of it, in all that the change touches.
func (c Change) HeldBy(live Object) bool {
	switch {
	case c.Action == Delete || live == nil:
		return c.Action == Delete && live == nil
	case c.Action == Create:
		return len(c.TakenBack(live)) == 0
	case c.Action == Recreate:
		return live.GetUID() != c.Before.GetUID() && len(c.TakenBack(live)) == 0
	}
	_, held := Change{Action: Patch, Object: c.Object, Before: c.After, After: c.Before}.Rebase(live)
	return held
}

// SameBase reports whether two changes start from the same state of the same
// object.
func (c Change) SameBase(o Change) bool {
	return c.Before.GetUID() == o.Before.GetUID() && c.Before.GetGeneration() == o.Before.GetGeneration() &&
		c.Before.GetResourceVersion() == o.Before.GetResourceVersion()
}
