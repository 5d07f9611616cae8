package export

import (
	"encoding/json"
	"reflect"
	"slices"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/kustomize/kyaml/yaml/merge2"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// baseManifest returns the object as it is, without the secret values that
// the change removes.
func baseManifest(c fixes.Change, redact fixes.Redactor) (map[string]any, error) {
	manifest := func(obj fixes.Object) (map[string]any, error) { return fixes.Change{After: obj}.Manifest() }
	before, err := manifest(c.Before)
	if err != nil {
		return nil, err
	}
	masked, err := manifest(redact(c.Before))
	if err != nil {
		return nil, err
	}
	after, err := manifest(c.After)
	if err != nil {
		return nil, err
	}
	withoutRemoved(before, masked, after)
	return before, nil
}

// withoutRemoved returns an object without the secret values that the object
// after the change does not hold in the same place: a field is left out, an
// element of a list is as it will be, or masked. masked is the object redacted.
func withoutRemoved(before, masked, after any) any {
	switch b := before.(type) {
	case map[string]any:
		m, _ := masked.(map[string]any)
		a, _ := after.(map[string]any)
		for key := range b {
			if _, kept := a[key]; !kept && !reflect.DeepEqual(b[key], m[key]) {
				delete(b, key)
				continue
			}
			b[key] = withoutRemoved(b[key], m[key], a[key])
		}
	case []any:
		m, _ := masked.([]any)
		a, _ := after.([]any)
		if len(m) != len(b) {
			return masked // redaction keeps lists as long as they are
		}
		for i, was := range slices.Clone(b) {
			b[i] = withoutRemoved(was, m[i], counterpart(b, i, was, a))
		}
	case string:
		if m, _ := masked.(string); m != b && after != before {
			if a, ok := after.(string); ok {
				return a
			}
			return m
		}
	}
	return before
}

// counterpart finds in a changed list what an element has become: by its name,
// counted where names repeat; else by its value; else by its place in a list of
// the same length.
func counterpart(list []any, i int, element any, after []any) any {
	if named, ok := element.(map[string]any); ok && named["name"] != nil {
		same := func(v any) bool {
			m, ok := v.(map[string]any)
			return ok && m["name"] == named["name"]
		}
		nth := 0
		for _, before := range list[:i] {
			if same(before) {
				nth++
			}
		}
		for _, v := range after {
			if !same(v) {
				continue
			}
			if nth == 0 {
				return v
			}
			nth--
		}
		return nil
	}
	if j := slices.IndexFunc(after, func(v any) bool { return reflect.DeepEqual(v, element) }); j >= 0 {
		return after[j]
	}
	if len(after) == len(list) {
		return after[i]
	}
	return nil
}

// patchText returns a strategic merge patch where that is exact as kustomize
// applies it, else a JSON patch of the base. Kustomize puts the elements of a
// patch first in their list, which changes what $(NAME) means in a variable
// after it.
func patchText(c fixes.Change, base map[string]any) ([]byte, error) {
	after, err := c.Manifest()
	if err != nil {
		return nil, err
	}
	body, patchType, err := c.MergePatch()
	if err != nil {
		return nil, err
	}
	if patchType == "strategic" {
		identify(body, c.Object)
		text, err := yaml.Marshal(body)
		if err != nil {
			return nil, err
		}
		if exact, err := mergesTo(text, base, after); err != nil || exact {
			return text, err
		}
	}
	ops, err := fixes.DiffJSON(base, after)
	if err != nil {
		return nil, err
	}
	return yaml.JSONToYAML(ops)
}

// identify gives a patch the fields by which kustomize finds its object, and
// takes out what a base does not hold.
func identify(body map[string]any, ref fixes.Ref) {
	body["apiVersion"], body["kind"] = ref.Kind.APIVersion(), ref.Kind.Name
	meta, _ := body["metadata"].(map[string]any)
	if meta == nil {
		meta = map[string]any{}
		body["metadata"] = meta
	}
	meta["name"] = ref.Name
	if ns := fixes.ManifestNamespace(ref.Namespace); ns != "" {
		meta["namespace"] = ns
	}
	if annotations, ok := meta["annotations"].(map[string]any); ok {
		delete(annotations, corev1.LastAppliedConfigAnnotation)
		if len(annotations) == 0 {
			delete(meta, "annotations")
		}
	}
}

// mergesTo reports whether kustomize makes of a base and a patch what is
// wanted.
func mergesTo(patch []byte, base, want map[string]any) (bool, error) {
	baseText, err := yaml.Marshal(base)
	if err != nil {
		return false, err
	}
	merged, err := merge2.MergeStrings(string(patch), string(baseText), false,
		kyaml.MergeOptions{ListIncreaseDirection: kyaml.MergeOptionsListPrepend})
	if err != nil {
		return false, err
	}
	got, err := yaml.YAMLToJSON([]byte(merged))
	if err != nil {
		return false, err
	}
	wanted, err := json.Marshal(want)
	if err != nil {
		return false, err
	}
	return jsonpatch.Equal(got, wanted), nil
}
