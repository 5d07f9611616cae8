package fixes

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// Custom is an object of a custom kind, one that a server has only where
// somebody installed it; see [CustomKinds]. It holds the JSON as it came, so
// that fields of which this program knows nothing stay as they are.
//
// Where the kind has a pod template, that is decoded once, and [AsWorkload]
// leads into it: rules read and edit it as that of any workload. Whoever takes
// the object to JSON (a patch, a manifest, the server) gets the edits merged
// into what came: what no edit touched is as it was, null fields, unknown ones
// and numbers in another notation included. All else is read and edited in the
// embedded Object.
type Custom struct {
	unstructured.Unstructured
	template *customTemplate
	err      error
}

// customTemplate is the pod template inside a custom object.
type customTemplate struct {
	path []string
	// now is what rules see and edit; read is its JSON as it was decoded, which
	// nobody changes.
	now  corev1.PodTemplateSpec
	read map[string]any
}

// NewCustom returns an object of a custom kind with a content, which it takes
// over: numbers are int64 or float64, as in all unstructured content. The
// content's own apiVersion stands; without one it is the kind's.
func NewCustom(kind Kind, content map[string]any) *Custom {
	if content == nil {
		content = map[string]any{}
	}
	if v, _ := content["apiVersion"].(string); v == "" {
		content["apiVersion"] = kind.APIVersion()
	}
	content["kind"] = kind.Name
	c := &Custom{}
	c.SetUnstructuredContent(content)
	return c
}

// TemplateErr says in a phrase why the object's pod template cannot be read,
// where there is one; then the object counts as one without.
func (c *Custom) TemplateErr() error { return c.err }

// SetUnstructuredContent implements [runtime.Unstructured].
func (c *Custom) SetUnstructuredContent(content map[string]any) {
	c.Object, c.template, c.err = content, nil, nil
	kind, _ := KindOf(c)
	if path := customKinds[kind].template; path != "" {
		c.template, c.err = decodeTemplate(content, strings.Split(path, "."))
	}
}

// decodeTemplate reads the template at a path; there may be none.
func decodeTemplate(content map[string]any, path []string) (*customTemplate, error) {
	for i, step := range path {
		child, ok := content[step]
		if !ok || child == nil {
			return nil, nil
		}
		if content, ok = child.(map[string]any); !ok {
			return nil, fmt.Errorf("%s is not an object", strings.Join(path[:i+1], "."))
		}
	}
	t := &customTemplate{path: path}
	unreadable := errors.New(strings.Join(path, ".") + " is not a pod template: a field of it is of another type") // no value: it may be a secret
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, &t.now); err != nil {
		return nil, unreadable
	}
	read, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&t.now)
	if err != nil {
		return nil, unreadable
	}
	t.read = read
	return t, nil
}

// UnstructuredContent implements [runtime.Unstructured]: it returns a copy of
// the object's JSON, with the edits of its template.
func (c *Custom) UnstructuredContent() map[string]any {
	out := runtime.DeepCopyJSON(c.Object)
	if out == nil {
		out = map[string]any{}
	}
	if c.template != nil {
		c.template.mergeInto(out)
	}
	return out
}

// form returns the template's JSON as it is now.
func (t *customTemplate) form() map[string]any {
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&t.now)
	if err != nil {
		return t.read // a type that came from there: cannot be
	}
	return m
}

// mergeInto makes the edits of a template in the object that it came from.
func (t *customTemplate) mergeInto(object map[string]any) {
	last := len(t.path) - 1
	for _, step := range t.path[:last] {
		next, ok := object[step].(map[string]any)
		if !ok {
			return
		}
		object = next
	}
	object[t.path[last]] = graft(object[t.path[last]], t.read, t.form())
}

// NewEmptyInstance implements [runtime.Unstructured].
func (c *Custom) NewEmptyInstance() runtime.Unstructured { return &Custom{} }

// DeepCopy returns a copy that shares nothing that may change.
func (c *Custom) DeepCopy() *Custom {
	out := &Custom{Unstructured: *c.Unstructured.DeepCopy(), err: c.err}
	if c.template != nil {
		t := *c.template
		t.now = *t.now.DeepCopy()
		out.template = &t
	}
	return out
}

// DeepCopyObject implements [runtime.Object].
func (c *Custom) DeepCopyObject() runtime.Object { return c.DeepCopy() }

// MarshalJSON implements [json.Marshaler].
func (c *Custom) MarshalJSON() ([]byte, error) { return json.Marshal(c.UnstructuredContent()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (c *Custom) UnmarshalJSON(text []byte) error {
	var content map[string]any
	if err := utiljson.Unmarshal(bytes.TrimSpace(text), &content); err != nil {
		return err
	}
	c.SetUnstructuredContent(content)
	return nil
}

// workload is [AsWorkload] for custom objects.
func (c *Custom) workload() (Workload, bool) {
	t := c.template
	if t == nil {
		return Workload{}, false
	}
	path := strings.Join(t.path, ".")
	return Workload{c, &t.now.ObjectMeta, &t.now.Spec, path + ".metadata", path + ".spec"}, true
}

// Customs returns the objects of a custom kind in a namespace, or all of them
// when the namespace is empty.
func Customs(inv *Inventory, kind Kind, namespace string) []*Custom {
	list := inv.listIn(kind, namespace)
	out := make([]*Custom, 0, len(list))
	for _, obj := range list {
		if c, ok := obj.(*Custom); ok {
			out = append(out, c)
		}
	}
	return out
}

// As reads a custom object into a type that has the fields that matter. One
// that the type does not fit is none.
func As[T any](c *Custom) (*T, bool) {
	v := new(T)
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(c.Object, v)
	return v, err == nil
}

// Decode returns an object of a kind from its JSON.
func Decode(kind Kind, content map[string]any) (Object, error) {
	if kind.Custom() {
		return NewCustom(kind, content), nil
	}
	obj := kind.New()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, obj); err != nil {
		return nil, err
	}
	return obj, nil
}
