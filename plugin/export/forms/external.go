package forms

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// The kinds of stores of the External Secrets Operator.
const (
	SecretStore        = "SecretStore"
	ClusterSecretStore = "ClusterSecretStore"
)

// refreshInterval is how often the operator reads the store.
const refreshInterval = "1h0m0s"

// External is the form of an ExternalSecret, which the External Secrets
// Operator fills from a store: a SecretStore of its namespace, or a
// ClusterSecretStore. The values are to be put there; [Entries] lists them.
func External(kind, store string) Form {
	return func(secret *unstructured.Unstructured) (*unstructured.Unstructured, []*unstructured.Unstructured, error) {
		data := []any{}
		for _, key := range keysOf(secret) {
			data = append(data, map[string]any{
				"secretKey": key,
				"remoteRef": map[string]any{"key": remoteKey(secret), "property": key},
			})
		}
		target := map[string]any{"name": secret.GetName(), "creationPolicy": "Owner"}
		copyFields(target, secret, "immutable")
		template := map[string]any{}
		if meta := marks(secret); len(meta) > 0 {
			template["metadata"] = meta
		}
		if secret.Object["type"] != string(corev1.SecretTypeOpaque) {
			copyFields(template, secret, "type")
		}
		if len(template) > 0 {
			target["template"] = template
		}
		return newObject(KindExternalSecret, secret, map[string]any{
			"refreshInterval": refreshInterval,
			"secretStoreRef":  map[string]any{"kind": kind, "name": store},
			"target":          target,
			"data":            data,
		}), nil, nil
	}
}

// remoteKey is the path of a Secret in a store.
func remoteKey(secret *unstructured.Unstructured) string {
	if ns := secret.GetNamespace(); ns != "" {
		return ns + "/" + secret.GetName()
	}
	return secret.GetName()
}

// Entry is a value that a store is to hold for an ExternalSecret.
type Entry struct {
	// Kind and Store name the store.
	Kind, Store string
	// Key is the path in it, Property the field there.
	Key, Property string
}

// Entries lists what a plan with ExternalSecrets expects of their stores.
func Entries(plan *fixes.Plan) []Entry {
	var entries []Entry
	for _, c := range plan.Changes {
		obj, ok := c.After.(*unstructured.Unstructured)
		if !ok || c.Object.Kind != KindExternalSecret {
			continue
		}
		kind, _, _ := unstructured.NestedString(obj.Object, "spec", "secretStoreRef", "kind")
		store, _, _ := unstructured.NestedString(obj.Object, "spec", "secretStoreRef", "name")
		data, _, _ := unstructured.NestedSlice(obj.Object, "spec", "data")
		for _, d := range data {
			d, _ := d.(map[string]any)
			key, _, _ := unstructured.NestedString(d, "remoteRef", "key")
			property, _, _ := unstructured.NestedString(d, "remoteRef", "property")
			entries = append(entries, Entry{kind, store, key, property})
		}
	}
	return entries
}
