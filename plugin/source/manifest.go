package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// ManifestError is a document that could not be read. The others were.
type ManifestError struct {
	fixes.Position
	Err error
}

// Error returns "file:line: reason".
func (e *ManifestError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

// Unwrap returns the reason.
func (e *ManifestError) Unwrap() error { return e.Err }

// isPartial reports whether an error speaks of some manifests only.
func isPartial(err error) bool {
	var bad *ManifestError
	return errors.As(err, &bad)
}

// document is one YAML document of a file.
type document struct {
	fixes.Position // of its first line
	text           []byte
}

// splitDocuments cuts a file at its "---" lines, as kubectl does, and keeps
// count of the lines.
func splitDocuments(file string, text []byte) []document {
	var docs []document
	start, line, first := 0, 1, 1
	cut := func(end int) {
		if len(bytes.TrimSpace(text[start:end])) > 0 {
			docs = append(docs, document{fixes.Position{File: file, Line: first}, text[start:end]})
		}
	}
	for i := 0; i < len(text); line++ {
		next := len(text)
		if n := bytes.IndexByte(text[i:], '\n'); n >= 0 {
			next = i + n + 1
		}
		if isSeparator(text[i:next]) {
			cut(i)
			start, first = next, line+1
		}
		i = next
	}
	cut(len(text))
	return docs
}

func isSeparator(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(bytes.TrimSpace(rest)) == 0 || bytes.HasPrefix(bytes.TrimLeft(rest, " \t"), []byte("#")))
}

// parsed is an object and the place where it stands.
type parsed struct {
	obj fixes.Object
	at  fixes.Position
}

// parseDocument returns the objects of a document whose kind is known. A
// document without a kind is not a manifest, and yields none.
func parseDocument(doc document) ([]parsed, []fixes.Skip, error) {
	raw, err := yaml.YAMLToJSON(doc.text)
	if err != nil {
		return nil, nil, yamlError(doc, err)
	}
	objects, skips, err := parseObject(raw, schema.GroupVersionKind{})
	if err != nil {
		at := doc.Position
		at.Line += leadingBlank(doc.text)
		return nil, nil, &ManifestError{at, err}
	}
	var out []parsed
	for _, obj := range objects {
		at := doc.Position
		at.Line += leadingBlank(doc.text)
		out = append(out, parsed{obj, at})
	}
	return out, skips, nil
}

// parseObject decodes an object, or each item of a list; items may leave out
// what the list says of their kind.
func parseObject(raw []byte, listed schema.GroupVersionKind) (objects []fixes.Object, skips []fixes.Skip, err error) {
	var head struct {
		metav1.TypeMeta `json:",inline"`
		Items           []json.RawMessage `json:"items"`
	}
	if notManifest := json.Unmarshal(raw, &head); notManifest != nil {
		//nolint:nilerr // a scalar, a sequence, or a kind that is no string: other YAML
		return nil, nil, nil
	}
	gvk := head.GroupVersionKind()
	if gvk.Kind == "" || gvk.Version == "" {
		gvk = listed
	}
	if items, ok := strings.CutSuffix(gvk.Kind, "List"); ok {
		for i, item := range head.Items {
			o, s, err := parseObject(item, gvk.GroupVersion().WithKind(items))
			if err != nil {
				return nil, nil, fmt.Errorf("items[%d]: %w", i, err)
			}
			objects, skips = append(objects, o...), append(skips, s...)
		}
		return objects, skips, nil
	}
	if gvk.Kind == "" {
		return nil, nil, nil
	}
	if kind, ok := succeeded(gvk); ok {
		gvk = kind.GVK()
		if raw, err = withAPIVersion(raw, kind.APIVersion()); err != nil {
			return nil, nil, err
		}
	}
	kind, ok := fixes.LookupKind(gvk.GroupKind())
	if ok && kind.Custom() {
		return parseCustom(kind, gvk.GroupVersion().String(), raw)
	}
	if ok && kind.Version != gvk.Version {
		return nil, []fixes.Skip{{Resource: kind.String(), Reason: "version " + gvk.Version + " is not read, only " + kind.Version}}, nil
	}
	if !ok || kind.Fact() {
		return nil, nil, nil
	}
	obj, _, err := scheme.Codecs.UniversalDeserializer().Decode(raw, &gvk, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%s is not valid: %w", gvk.Kind, shortDecodeError(err))
	}
	return named(obj.(fixes.Object))
}

// parseCustom decodes an object of a custom kind, in whatever version.
func parseCustom(kind fixes.Kind, apiVersion string, raw []byte) ([]fixes.Object, []fixes.Skip, error) {
	var content map[string]any
	if err := utiljson.Unmarshal(raw, &content); err != nil {
		return nil, nil, fmt.Errorf("%s is not valid: %w", kind.Name, shortDecodeError(err))
	}
	content["apiVersion"] = apiVersion // which a list may say for its items
	custom := fixes.NewCustom(kind, content)
	if err := custom.TemplateErr(); err != nil {
		return nil, nil, fmt.Errorf("%s is not valid: %w", kind.Name, err)
	}
	return named(custom)
}

// named returns an object as read from a manifest, in which it has a name.
func named(obj fixes.Object) ([]fixes.Object, []fixes.Skip, error) {
	fixes.SetOrigin(obj, "")
	if obj.GetName() == "" {
		if obj.GetGenerateName() == "" {
			return nil, nil, fmt.Errorf("%s has no name", obj.GetObjectKind().GroupVersionKind().Kind)
		}
		obj.SetName(obj.GetGenerateName())
	}
	return []fixes.Object{obj}, nil, nil
}

var yamlLine = regexp.MustCompile(`(?s)line (\d+): (.*)`)

// yamlError gives the line in the file rather than in the document.
func yamlError(doc document, err error) error {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		msg := strings.TrimPrefix(err.Error(), "error converting YAML to JSON: ")
		return &ManifestError{doc.Position, errors.New(strings.TrimPrefix(msg, "yaml: "))}
	}
	n, _ := strconv.Atoi(m[1])
	at := doc.Position
	at.Line += n - 1
	return &ManifestError{at, errors.New(oneLine(m[2]))}
}

// shortDecodeError drops the type names of Go from a decoder's message, and
// the text of the manifest, which may hold a secret.
func shortDecodeError(err error) error {
	if mismatch, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("%s cannot be a %s", mismatch.Field, mismatch.Value)
	}
	msg := strings.TrimPrefix(err.Error(), "json: ")
	if m := goField.FindStringSubmatch(msg); m != nil {
		return fmt.Errorf("%s cannot be a %s", m[2], m[1])
	}
	return errors.New(oneLine(msg))
}

var goField = regexp.MustCompile(`cannot unmarshal (\w+) into Go struct field \w+\.([\w.]+) of type`)

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// leadingBlank counts the lines before the first one that says something.
func leadingBlank(text []byte) int {
	n := 0
	for line := range bytes.Lines(text) {
		trimmed := bytes.TrimSpace(line)
		if len(trimmed) > 0 && trimmed[0] != '#' {
			return n
		}
		n++
	}
	return 0
}
