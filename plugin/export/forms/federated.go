package forms

import (
	"errors"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// KubeFed is the form of a FederatedSecret, of which KubeFed makes a Secret in
// each of some clusters, or in all where none is named. Its template holds the
// values.
func KubeFed(clusters []string) Form {
	return func(secret *unstructured.Unstructured) (*unstructured.Unstructured, []*unstructured.Unstructured, error) {
		if secret.GetNamespace() == "" {
			return nil, nil, errors.New("it has no namespace, and KubeFed federates a namespace first: name it with -n")
		}
		template := map[string]any{}
		if meta := marks(secret); len(meta) > 0 {
			template["metadata"] = meta
		}
		copyFields(template, secret, "type", "immutable", "data")
		placement := map[string]any{"clusterSelector": map[string]any{}} // empty: all
		if len(clusters) > 0 {
			named := []any{}
			for _, c := range clusters {
				named = append(named, map[string]any{"name": c})
			}
			placement = map[string]any{"clusters": named}
		}
		return newObject(KindFederatedSecret, secret, map[string]any{"template": template, "placement": placement}), nil, nil
	}
}

// Karmada puts a PropagationPolicy beside what stands for a Secret: Karmada
// brings that to some clusters, or to all where none is named.
func Karmada(clusters []string) Form {
	return func(obj *unstructured.Unstructured) (*unstructured.Unstructured, []*unstructured.Unstructured, error) {
		selector := map[string]any{"apiVersion": obj.GetAPIVersion(), "kind": obj.GetKind(), "name": obj.GetName()}
		placement := map[string]any{}
		if len(clusters) > 0 {
			named := []any{}
			for _, c := range clusters {
				named = append(named, c)
			}
			placement["clusterAffinity"] = map[string]any{"clusterNames": named}
		}
		policy := newObject(KindPropagationPolicy, obj, map[string]any{
			"resourceSelectors": []any{selector}, "placement": placement,
		})
		return obj, []*unstructured.Unstructured{policy}, nil
	}
}
