package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Parse reads the text of a file. It fails with an [*Error].
func Parse(path string, text []byte) (*File, error) {
	f := &File{Path: path, Exists: true, text: text}
	root, err := document(text)
	if err == nil {
		err = strict(root, reflect.TypeFor[Config](), "the file")
	}
	if err == nil {
		err = root.Decode(&f.Config)
	}
	if err == nil {
		err = f.checkHeader(root)
	}
	if err == nil {
		err = f.checkGuard()
	}
	for i := range f.Ignore {
		f.Ignore[i].file = path
	}
	if err != nil {
		return nil, inFile(path, err)
	}
	return f, nil
}

// document returns the one value that a text holds.
func document(text []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		return nil, &Error{Msg: "it is empty: it begins with apiVersion: " + APIVersion + " and kind: " + Kind}
	}
	if err != nil {
		return nil, err
	}
	var more yaml.Node
	switch err := dec.Decode(&more); {
	case err == nil:
		return nil, &Error{Line: more.Line, Msg: "a second document begins here: the file has one"}
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	return doc.Content[0], nil
}

func (f *File) checkHeader(root *yaml.Node) error {
	for _, h := range []struct{ name, has, wants string }{{"apiVersion", f.APIVersion, APIVersion}, {"kind", f.Kind, Kind}} {
		if h.has == h.wants {
			continue
		}
		if _, value := entryOf(root, h.name); value != nil {
			return &Error{Line: value.Line, Msg: fmt.Sprintf("%s is %q, and this version reads %s", h.name, h.has, h.wants)}
		}
		return &Error{Line: root.Line, Msg: fmt.Sprintf("%s is missing: %s: %s", h.name, h.name, h.wants)}
	}
	return nil
}

// entryOf returns the key of a name in a mapping, and its value, or nil.
func entryOf(mapping *yaml.Node, name string) (key, value *yaml.Node) {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == name {
			return mapping.Content[i], mapping.Content[i+1]
		}
	}
	return nil, nil
}

// strict demands that a value has the form of a type, and no field that the type
// has not.
func strict(n *yaml.Node, t reflect.Type, what string) error {
	switch {
	case n.Kind == yaml.AliasNode:
		return &Error{Line: n.Line, Msg: "anchors and their aliases are not read here: write it out"}
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return nil
	case t == reflect.TypeFor[Words]() && n.Kind == yaml.ScalarNode:
		return nil
	}
	switch t.Kind() {
	case reflect.Struct:
		return strictStruct(n, t, what)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			return &Error{Line: n.Line, Msg: what + " is a list: each entry begins with a dash"}
		}
		for _, item := range n.Content {
			if err := strict(item, t.Elem(), "an entry of "+what); err != nil {
				return err
			}
		}
	case reflect.Map:
		if n.Kind != yaml.MappingNode {
			return &Error{Line: n.Line, Msg: what + " is made of names and values"}
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if err := strict(n.Content[i+1], t.Elem(), n.Content[i].Value); err != nil {
				return err
			}
		}
	default:
		if n.Kind != yaml.ScalarNode {
			return &Error{Line: n.Line, Msg: what + " is a single value"}
		}
	}
	return nil
}

func strictStruct(n *yaml.Node, t reflect.Type, what string) error {
	if n.Kind != yaml.MappingNode {
		return &Error{Line: n.Line, Msg: what + " is made of fields: " + strings.Join(fieldNames(t), ", ")}
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name := key.Value
		at := slices.Index(fieldNames(t), name)
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!merge":
			return &Error{Line: key.Line, Msg: what + " is made of fields: " + strings.Join(fieldNames(t), ", ")}
		case at < 0:
			return unknownField(key.Line, name, t)
		case seen[name]:
			return &Error{Line: key.Line, Msg: name + " is there twice"}
		}
		seen[name] = true
		if err := strict(value, fieldTypes(t)[at], name); err != nil {
			return err
		}
	}
	return nil
}

func unknownField(line int, name string, t reflect.Type) error {
	if near := fixes.Nearest(name, fieldNames(t)); near != "" {
		return &Error{Line: line, Msg: fmt.Sprintf("unknown field %q; did you mean %q?", name, near)}
	}
	return &Error{Line: line, Msg: fmt.Sprintf("unknown field %q; valid: %s", name, strings.Join(fieldNames(t), ", "))}
}

func fieldNames(t reflect.Type) (names []string) {
	for field := range t.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("yaml"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}

func fieldTypes(t reflect.Type) (types []reflect.Type) {
	for field := range t.Fields() {
		if field.Tag.Get("yaml") != "" {
			types = append(types, field.Type)
		}
	}
	return types
}

var (
	yamlLine = regexp.MustCompile(`(?s)line (\d+): (.*)`)
	// lineBefore are the complaints of the YAML library's parser, as against its
	// scanner: for these it counts lines from 0 (its decode.go, fail).
	lineBefore = regexp.MustCompile(`^did not find expected (<|node content|'-' indicator|key|',' or)`)
)

// inFile makes an error one line that names the file.
func inFile(path string, err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		e.File = path
		return e
	}
	msg, line := strings.TrimPrefix(err.Error(), "yaml: "), 0
	if mismatch, ok := errors.AsType[*yaml.TypeError](err); ok {
		msg = mismatch.Errors[0]
	}
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = m[2]
	}
	if lineBefore.MatchString(msg) {
		line++
	}
	return &Error{File: path, Line: line, Msg: fixes.Clean(strings.Join(strings.Fields(msg), " "))}
}
