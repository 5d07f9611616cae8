package fixes

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// ErrNoEdit is returned by [ReadEdit] for a text that leaves the object as it
// is, or is empty.
var ErrNoEdit = errors.New("nothing was edited")

// maxEdit bounds what is read, in bytes: etcd takes no larger object.
const maxEdit = 3 << 20

// EditText returns an object as YAML to be edited by hand: without its status
// and what the server keeps of its own, secrets masked.
func EditText(obj Object, redact Redactor) (string, error) {
	m, _, err := asShown(obj, redact)
	if err != nil {
		return "", err
	}
	out, err := yaml.Marshal(m)
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", RefOf(obj), err)
	}
	return string(out), nil
}

// furtherDocument begins another object in a file of YAML.
var furtherDocument = regexp.MustCompile(`(?m)^---(\s|$)`)

// ReadEdit reads what has become of the text that [EditText] gave of an
// object. A mask that was left alone stands for what it hides. It fails for
// anything that the API does not know, and where the object would become
// another one.
func ReadEdit(obj Object, redact Redactor, text string) (Object, error) {
	if len(text) > maxEdit {
		return nil, fmt.Errorf("it is larger than %d MiB, more than a server takes", maxEdit>>20)
	}
	if furtherDocument.MatchString(strings.TrimPrefix(strings.TrimSpace(text), "---")) {
		return nil, errors.New("it holds more than one object: \"---\" begins another")
	}
	encoded, err := yaml.YAMLToJSONStrict([]byte(text))
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var content map[string]any
	if err := utiljson.Unmarshal(encoded, &content); err != nil {
		return nil, errors.New("it is not an object: a list of fields is wanted, as apiVersion and kind")
	}
	if len(content) == 0 {
		return nil, ErrNoEdit
	}
	shown, masks, err := asShown(obj, redact)
	if err != nil {
		return nil, err
	}
	if err := sameObject(shown, content); err != nil {
		return nil, err
	}
	if err := unmask(content, masks); err != nil {
		return nil, err
	}
	fromPlain(content, obj)
	after, err := decodeStrictly(RefOf(obj).Kind, content)
	if err != nil {
		return nil, err
	}
	after.SetSelfLink(obj.GetSelfLink())
	if err := stillHidden(after, redact, masks); err != nil {
		return nil, err
	}
	if (Change{Action: Patch, Object: RefOf(obj), Before: obj, After: after}).Empty() {
		return nil, ErrNoEdit
	}
	return after, nil
}

// sameObject fails when an edit touches what makes the object this one, or
// what only the server may set.
func sameObject(was, is map[string]any) error {
	for _, path := range [][]string{{"apiVersion"}, {"kind"}, {"metadata", "name"}, {"metadata", "namespace"}} {
		var a, b any = was, is
		for _, step := range path {
			a, b = member(a, step), member(b, step)
		}
		if a != b {
			return fmt.Errorf("%s may not be changed: it would be another object", strings.Join(path, "."))
		}
	}
	if _, ok := is["status"]; ok {
		return errors.New("status is the server's, and cannot be edited")
	}
	meta, _ := is["metadata"].(map[string]any)
	for _, f := range serverFields {
		if _, ok := meta[f]; ok {
			return fmt.Errorf("metadata.%s is the server's, and cannot be edited", f)
		}
	}
	return nil
}

// unmask puts in what masks hide, where they were left alone.
func unmask(content map[string]any, masks []masked) error {
	at := map[string]masked{}
	texts := map[string]bool{}
	for _, m := range masks {
		at[m.path] = m
		texts[m.shown] = true
	}
	var err error
	eachString("", content, func(path, s string) string {
		if m, ok := at[path]; ok && m.shown == s {
			return m.real
		}
		if err == nil && (texts[s] || strings.Contains(s, Mask)) {
			err = fmt.Errorf("%s: a mask stands only for what it hid at its own place: leave it there, or write the whole value", PathText(path))
		}
		return s
	})
	return err
}

// stillHidden fails where a secret value, left alone, would be shown from now
// on: what stands around it has told that it is one.
func stillHidden(after Object, redact Redactor, masks []masked) error {
	m, err := plain(after)
	if err != nil {
		return err
	}
	_, now, err := asShown(after, redact)
	if err != nil {
		return err
	}
	hidden, reals := map[string]bool{}, stringsOf(m)
	for _, n := range now {
		hidden[n.path] = n.secret
	}
	for _, was := range masks {
		if is, ok := reals[was.path]; ok && was.secret && is == was.real && !hidden[was.path] {
			return fmt.Errorf("%s: as the object is now, the value would not be masked any more: leave what stands around it, or write another value", PathText(was.path))
		}
	}
	return nil
}

// decodeStrictly decodes an object, and fails for fields that its kind does
// not have. The fields of custom kinds only the server knows.
func decodeStrictly(kind Kind, content map[string]any) (Object, error) {
	if kind.Custom() {
		c := NewCustom(kind, content)
		return c, c.TemplateErr()
	}
	encoded, err := json.Marshal(content)
	if err != nil {
		return nil, err
	}
	obj := kind.New()
	strict, err := kjson.UnmarshalStrict(encoded, obj)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return obj, errors.Join(strict...)
}
