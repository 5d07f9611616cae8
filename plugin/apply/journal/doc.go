package journal

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Doc is one side of a change, sealed: an object without its secrets.
type Doc struct {
	// Object is the object's JSON, without status and what the server keeps of
	// its own. A string that holds a secret is empty here.
	Object map[string]any `json:"object"`
	// Secrets are the strings that were cut out.
	Secrets []Hidden `json:"secrets,omitempty"`
}

// UnmarshalJSON keeps whole numbers whole, as the API machinery wants them.
func (d *Doc) UnmarshalJSON(text []byte) error {
	type bare Doc
	return utiljson.Unmarshal(text, (*bare)(d))
}

// Hidden is a string that holds secrets.
type Hidden struct {
	// At is its place in the object; see path.go.
	At string `json:"at"`
	// Own: nothing but this string can stand at this place, before or after, so
	// the live object's own is taken where there is one.
	Own bool `json:"own,omitempty"`
	// Apart: the object's other state has a string with secrets here as well, and
	// this one is not made up like that.
	Apart bool `json:"apart,omitempty"`
	// Parts make up the string.
	Parts []Part `json:"parts"`
}

// Part is a piece of a string: literal text, or a secret value.
//
// Values are numbered in a run, from 1. Every place in every object of the run
// at which a number stands holds that value, in one state of the object or the
// other, and it is found again at any of them.
type Part struct {
	Text   string `json:"text,omitempty"`
	Secret int    `json:"secret,omitempty"`
	// Encoding is how the value is written here; see encoding.go.
	Encoding []string `json:"encoding,omitempty"`
	// Blind: the value cannot be taken from here with certainty.
	Blind bool `json:"blind,omitempty"`
}

// serverFields are set by the API server, and are no part of a change.
var serverFields = []string{"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink"}

// manifest returns an object as a tree of JSON, without status and what the
// server keeps of its own.
func manifest(obj fixes.Object) (map[string]any, error) {
	kind, ok := fixes.KindOf(obj)
	if !ok {
		return nil, fmt.Errorf("no kind is known for a %T", obj)
	}
	m, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", fixes.RefOf(obj), err)
	}
	if !kind.Custom() { // typed answers of a server often leave it out
		m["apiVersion"], m["kind"] = kind.APIVersion(), kind.Name
	}
	delete(m, "status")
	if meta, ok := m["metadata"].(map[string]any); ok {
		for _, f := range serverFields {
			delete(meta, f)
		}
	}
	if kind == fixes.KindSecret {
		foldStringData(m)
	}
	return m, nil
}

// foldStringData does what the server does when it stores a Secret.
func foldStringData(m map[string]any) {
	text, ok := m["stringData"].(map[string]any)
	if !ok {
		return
	}
	data, _ := m["data"].(map[string]any)
	if data == nil {
		data = map[string]any{}
	}
	for key, v := range text {
		s, _ := v.(string)
		data[key] = base64.StdEncoding.EncodeToString([]byte(s))
	}
	delete(m, "stringData")
	m["data"] = data
}

// typed is the reverse of manifest.
func typed(m map[string]any, ref fixes.Ref) (fixes.Object, error) {
	obj, err := fixes.Decode(ref.Kind, m)
	if err != nil {
		return nil, fmt.Errorf("decode %s: %w", ref, err)
	}
	if got := fixes.RefOf(obj); got != ref {
		return nil, fmt.Errorf("decode %s: it holds %s", ref, got)
	}
	if !ref.Kind.Custom() { // which has it, in its own version
		obj.GetObjectKind().SetGroupVersionKind(ref.Kind.GVK())
	}
	return obj, nil
}

// identify gives an object the identity that guards a change of it.
func (c *Change) identify(obj fixes.Object) {
	obj.SetUID(types.UID(c.UID))
	obj.SetResourceVersion(c.ResourceVersion)
	obj.SetGeneration(c.Generation)
	obj.SetManagedFields(slices.Clone(c.ManagedFields))
}

// lastApplied is the place of the manifest that kubectl apply keeps.
var lastApplied = join("/metadata/annotations", corev1.LastAppliedConfigAnnotation)

// isSecretData reports whether a place is a value of a Secret.
func isSecretData(kind fixes.Kind, path string) bool {
	return kind == fixes.KindSecret && strings.HasPrefix(path, "/data/")
}

// isBinary reports whether the string at a place is bytes in base64.
func isBinary(kind fixes.Kind, path string) bool {
	return isSecretData(kind, path) || kind == fixes.KindConfigMap && strings.HasPrefix(path, "/binaryData/")
}

// isName reports whether what stands at a place names something: an object, a
// container, a key. Names are no secrets, and the journal is full of them.
func isName(path string) bool {
	all := split(path)
	if len(all) == 1 {
		return true // apiVersion, kind
	}
	switch all[len(all)-1] {
	case "name", "namespace", "apiVersion", "kind", "key":
	default:
		return false
	}
	switch all[len(all)-2] {
	case "data", "labels", "annotations", "matchLabels", "nodeSelector", "selector", "volumeAttributes", "options":
		return false // of a person's choosing
	}
	return true
}

// isProse reports whether a place may hold any text, as a variable does. Other
// strings are what Kubernetes goes by: labels, images, kinds of volumes.
func isProse(path string) bool {
	return slices.ContainsFunc(split(path), func(step string) bool {
		switch step {
		case "env", "args", "command", "annotations", "data", "binaryData", "stringData":
			return true
		}
		return false
	})
}
