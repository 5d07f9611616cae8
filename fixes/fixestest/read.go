package fixestest

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"regexp"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Versions that are no longer served are read as their successors, as the
// program does.
var (
	oldApps  = regexp.MustCompile(`(?m)^([- ]*"?apiVersion"?: *"?)(?:extensions|apps)/v1beta[12]`)
	oldBatch = regexp.MustCompile(`(?m)^([- ]*"?apiVersion"?: *"?)batch/v1beta1`)
)

// ReadFiles reads what can be read of manifests into one inventory, and leaves
// out what cannot: templates, custom resources.
func ReadFiles(t testing.TB, files ...string) *fixes.Inventory {
	t.Helper()
	inv := fixes.NewInventory()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
		for n := 0; ; n++ {
			doc, err := reader.Read()
			if err != nil {
				break
			}
			doc = oldBatch.ReplaceAll(oldApps.ReplaceAll(doc, []byte("${1}apps/v1")), []byte("${1}batch/v1"))
			obj, err := decode(doc)
			if err != nil {
				continue
			}
			for i, o := range unlist(obj) {
				if inv.Get(fixes.RefOf(o)) != nil {
					fixes.SetOrigin(o, fmt.Sprintf("%s:%d:%d", file, n, i))
				}
				inv.Add(o)
			}
		}
	}
	return inv
}

// decode reads a document of a typed or of a custom kind.
func decode(doc []byte) (runtime.Object, error) {
	obj, _, err := scheme.Codecs.UniversalDeserializer().Decode(doc, nil, nil)
	if err == nil {
		return obj, nil
	}
	text, jsonErr := yaml.ToJSON(doc)
	var content map[string]any
	if jsonErr != nil || utiljson.Unmarshal(text, &content) != nil {
		return nil, err
	}
	kind, ok := fixes.LookupKind((&unstructured.Unstructured{Object: content}).GroupVersionKind().GroupKind())
	if !ok || !kind.Custom() {
		return nil, err
	}
	return fixes.Decode(kind, content)
}

func unlist(obj runtime.Object) []fixes.Object {
	list, ok := obj.(*corev1.List)
	if !ok {
		o, ok := obj.(fixes.Object)
		if _, known := fixes.KindOf(obj); !ok || !known {
			return nil
		}
		return []fixes.Object{o}
	}
	var out []fixes.Object
	for _, item := range list.Items {
		if o, err := decode(item.Raw); err == nil {
			out = append(out, unlist(o)...)
		}
	}
	return out
}
