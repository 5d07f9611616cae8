// Package forms gives the Secrets that a plan creates another form for export:
// one that may stand in Git, or that reaches several clusters.
package forms

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/export/sops"
)

// Form makes of an object that stands for a Secret (at first the Secret
// itself) another one. What else it returns goes beside it.
type Form func(obj *unstructured.Unstructured) (stands *unstructured.Unstructured, beside []*unstructured.Unstructured, err error)

// The kinds that the forms write.
var (
	KindSealedSecret      = fixes.Kind{Group: "bitnami.com", Version: "v1alpha1", Name: "SealedSecret", Resource: "sealedsecrets", Namespaced: true}
	KindExternalSecret    = fixes.Kind{Group: "external-secrets.io", Version: "v1", Name: "ExternalSecret", Resource: "externalsecrets", Namespaced: true}
	KindFederatedSecret   = fixes.Kind{Group: "types.kubefed.io", Version: "v1beta1", Name: "FederatedSecret", Resource: "federatedsecrets", Namespaced: true}
	KindPropagationPolicy = fixes.Kind{Group: "policy.karmada.io", Version: "v1alpha1", Name: "PropagationPolicy", Resource: "propagationpolicies", Namespaced: true}
)

func kinds() []fixes.Kind {
	return []fixes.Kind{fixes.KindSecret, KindSealedSecret, KindExternalSecret, KindFederatedSecret, KindPropagationPolicy}
}

// Apply returns the plan with every Secret that it creates in the form that
// the given ones make of it, one after another. What goes beside them is
// created last: a change keeps its place.
func Apply(plan *fixes.Plan, forms ...Form) (*fixes.Plan, error) {
	out := *plan
	out.Changes = slices.Clone(plan.Changes)
	for i, c := range plan.Changes {
		secret, ok := c.After.(*corev1.Secret)
		if !ok || c.Action != fixes.Create {
			continue
		}
		obj, beside, err := convert(secret, forms)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.Object, err)
		}
		out.Changes[i] = change(obj, c)
		for _, o := range beside {
			out.Changes = append(out.Changes, change(o, c))
		}
	}
	return &out, nil
}

func convert(secret *corev1.Secret, forms []Form) (obj *unstructured.Unstructured, beside []*unstructured.Unstructured, err error) {
	secret = secret.DeepCopy()
	for key, value := range secret.StringData { // as the API server stores it
		if secret.Data == nil {
			secret.Data = map[string][]byte{}
		}
		secret.Data[key] = []byte(value)
	}
	secret.StringData = nil
	manifest, err := fixes.Change{After: secret}.Manifest()
	if err != nil {
		return nil, nil, err
	}
	obj = &unstructured.Unstructured{Object: manifest}
	for _, form := range forms {
		var more []*unstructured.Unstructured
		if obj, more, err = form(obj); err != nil {
			return nil, nil, err
		}
		beside = append(beside, more...)
	}
	return obj, beside, nil
}

// change creates an object in the place of a change, or beside it.
func change(obj *unstructured.Unstructured, of fixes.Change) fixes.Change {
	ref := fixes.Ref{Namespace: obj.GetNamespace(), Name: obj.GetName(), Origin: of.Object.Origin}
	for _, kind := range kinds() {
		if kind.Name == obj.GetKind() {
			ref.Kind = kind
		}
	}
	return fixes.Change{Action: fixes.Create, Object: ref, After: obj, Fixes: of.Fixes}
}

// Plain reports whether a change writes the values of a Secret as they are, so
// that its manifest is not for Git.
func Plain(c fixes.Change) bool {
	if c.After == nil {
		return false
	}
	obj, ok := c.After.(*unstructured.Unstructured)
	if !ok {
		return c.Object.Kind == fixes.KindSecret
	}
	switch c.Object.Kind {
	case fixes.KindSecret, KindFederatedSecret:
		return !sops.Encrypted(obj.Object)
	}
	return false
}

// Redact returns a redactor that masks the values in the forms too, and leaves
// all else to another.
func Redact(others fixes.Redactor, mask string) fixes.Redactor {
	return func(o fixes.Object) fixes.Object {
		obj, ok := o.(*unstructured.Unstructured)
		if !ok {
			return others(o)
		}
		obj = obj.DeepCopy()
		if sops.Encrypted(obj.Object) {
			return obj
		}
		for _, path := range [][]string{{"data"}, {"spec", "template", "data"}} {
			data, _, _ := unstructured.NestedMap(obj.Object, path...)
			if len(data) == 0 {
				continue
			}
			masked := map[string]any{}
			for key := range data {
				masked[key] = mask
			}
			// In stringData, since data would show the masks encoded.
			unstructured.RemoveNestedField(obj.Object, path...)
			path = append(slices.Clone(path[:len(path)-1]), "stringData")
			if err := unstructured.SetNestedMap(obj.Object, masked, path...); err != nil {
				panic(err) // the map that data was in is there
			}
		}
		return obj
	}
}

// Encrypt is the form of a SOPS file: the object stays as it is, its values
// are encrypted.
func Encrypt(encrypt func(map[string]any) (map[string]any, error)) Form {
	return func(obj *unstructured.Unstructured) (*unstructured.Unstructured, []*unstructured.Unstructured, error) {
		out, err := encrypt(obj.Object)
		return &unstructured.Unstructured{Object: out}, nil, err
	}
}

// newObject returns an object of a kind with the name and the namespace of
// another.
func newObject(kind fixes.Kind, of *unstructured.Unstructured, spec map[string]any) *unstructured.Unstructured {
	meta := map[string]any{"name": of.GetName()}
	if ns := of.GetNamespace(); ns != "" {
		meta["namespace"] = ns
	}
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": kind.APIVersion(), "kind": kind.Name, "metadata": meta, "spec": spec,
	}}
}

// marks returns the labels and annotations of an object, for a template.
func marks(obj *unstructured.Unstructured) map[string]any {
	out := map[string]any{}
	for name, set := range map[string]map[string]string{"labels": obj.GetLabels(), "annotations": obj.GetAnnotations()} {
		if len(set) == 0 {
			continue
		}
		values := map[string]any{}
		for key, value := range set {
			values[key] = value
		}
		out[name] = values
	}
	return out
}

// keysOf returns the keys of a Secret's data in order.
func keysOf(obj *unstructured.Unstructured) []string {
	data, _, _ := unstructured.NestedMap(obj.Object, "data")
	return slices.Sorted(maps.Keys(data))
}
