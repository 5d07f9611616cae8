package fixes

import (
	"encoding/base64"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Mask stands for a secret value in everything that is shown.
const Mask = "••••••••"

// masked is a string of an object that is not shown as it is: a redactor
// hides it or a part of it, or it holds what would do harm on a screen.
type masked struct {
	path        string
	shown, real string
	secret      bool // and not just escaped
}

// plain returns an object's manifest with the data of a Secret as text, where
// a redactor leaves masks.
func plain(obj Object) (map[string]any, error) {
	m, err := fields(obj)
	if err != nil {
		return nil, err
	}
	s, ok := obj.(*corev1.Secret)
	if !ok || len(s.Data) == 0 {
		return m, nil
	}
	texts := map[string]any{}
	for key, value := range s.Data {
		texts[key] = string(value)
	}
	for key, value := range s.StringData {
		texts[key] = value
	}
	delete(m, "data")
	m["stringData"] = texts
	return m, nil
}

// asShown returns an object's manifest as it may be shown, and what in it is
// not as it is.
func asShown(obj Object, redact Redactor) (map[string]any, []masked, error) {
	shown, err := plain(redact(obj))
	if err != nil {
		return nil, nil, err
	}
	whole, err := plain(obj)
	if err != nil {
		return nil, nil, err
	}
	reals := stringsOf(whole)
	var list []masked
	clean := eachString("", shown, func(path, s string) string {
		is, ok := reals[path]
		text := CleanLines(s)
		if !ok || text != is {
			list = append(list, masked{path, text, is, s != is})
		}
		return text
	})
	m, _ := clean.(map[string]any)
	return m, list, nil
}

// eachString returns v with each string replaced, in the order of the paths.
// It changes v in place.
func eachString(path string, v any, f func(path, s string) string) any {
	switch v := v.(type) {
	case string:
		return f(path, v)
	case map[string]any:
		for _, key := range sortedKeys(v) {
			v[key] = eachString(path+"/"+escapePointer(key), v[key], f)
		}
	case []any:
		names := sameOrder(v, v)
		for i := range v {
			v[i] = eachString(path+"/"+escapePointer(stepTo(v, i, names)), v[i], f)
		}
	}
	return v
}

// stepTo returns the step of a path that leads to an element of a list.
func stepTo(list []any, i int, named bool) string {
	if name, ok := identity(list[i]); ok && named {
		return name
	}
	return fmt.Sprint(i)
}

// stringsOf returns all strings of v by their paths.
func stringsOf(v any) map[string]string {
	out := map[string]string{}
	eachString("", v, func(path, s string) string {
		out[path] = s
		return s
	})
	return out
}

// Hidden returns the paths of what masking hides in the object that a change
// makes, or deletes.
func (c Change) Hidden(redact Redactor) ([]string, error) {
	list, err := c.hidden(redact)
	var paths []string
	for _, m := range list {
		paths = append(paths, m.path)
	}
	return paths, err
}

// Reveal returns what masking hides at a path of [Change.Hidden]: the whole
// value, of which a part may be secret.
func (c Change) Reveal(redact Redactor, path string) (string, error) {
	list, err := c.hidden(redact)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(list, func(m masked) bool { return m.path == path })
	if i < 0 {
		return "", fmt.Errorf("%s hides nothing at %s", c.Object, path)
	}
	return list[i].real, nil
}

// hidden returns what masking hides, with paths for people.
func (c Change) hidden(redact Redactor) ([]masked, error) {
	obj := c.After
	if obj == nil {
		obj = c.Before
	}
	if obj == nil {
		return nil, nil
	}
	_, list, err := asShown(obj, redact)
	list = slices.DeleteFunc(list, func(m masked) bool { return !m.secret })
	for i := range list {
		if s, ok := obj.(*corev1.Secret); ok {
			list[i].path = dataPath(s, list[i].path)
		}
		list[i].path = PathText(list[i].path)
	}
	return list, err
}

// fromPlain takes the data of a Secret back from text: what stood in
// stringData stays there.
func fromPlain(m map[string]any, obj Object) {
	s, ok := obj.(*corev1.Secret)
	texts, _ := m["stringData"].(map[string]any)
	if !ok || len(texts) == 0 {
		return
	}
	data, _ := m["data"].(map[string]any)
	if data == nil {
		data = map[string]any{}
	}
	for _, key := range sortedKeys(texts) {
		value, isText := texts[key].(string)
		if _, stays := s.StringData[key]; !isText || stays {
			continue
		}
		data[key] = base64.StdEncoding.EncodeToString([]byte(value))
		delete(texts, key)
	}
	if len(data) > 0 {
		m["data"] = data
	}
	if len(texts) == 0 {
		delete(m, "stringData")
	}
}
