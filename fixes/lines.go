package fixes

import (
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	yamlv3 "go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// Line is a line of an object's YAML, safe to show, in a difference or by
// itself.
type Line struct {
	// Sign is '+', '-' or ' ', as in a unified diff.
	Sign byte
	Text string
	// Path leads to what the line is of, as that of a [Part] does.
	Path string
	// Goes says that the line goes on with the string that began above it.
	Goes bool
}

// Lines returns a change as the lines of its whole object, secrets masked.
func (c Change) Lines(redact Redactor) ([]Line, error) {
	before, err := objectLines(c.form(c.Before), redact)
	if err != nil {
		return nil, err
	}
	after, err := objectLines(c.form(c.After), redact)
	if err != nil {
		return nil, err
	}
	was, is := text(before), text(after)
	var out []Line
	i, j := 0, 0
	equal := func(n int) {
		for range n {
			out = append(out, after[j])
			i++
			j++
		}
	}
	for _, e := range udiff.Lines(was, is) {
		equal(strings.Count(was[:e.Start], "\n") - i)
		for range strings.Count(was[e.Start:e.End], "\n") {
			before[i].Sign = '-'
			out = append(out, before[i])
			i++
		}
		for range strings.Count(e.New, "\n") {
			after[j].Sign = '+'
			out = append(out, after[j])
			j++
		}
	}
	equal(len(before) - i)
	return out, nil
}

// ObjectLines returns an object's YAML, without its status and what the server
// keeps of its own, secrets masked.
func ObjectLines(obj Object, redact Redactor) ([]Line, error) { return objectLines(obj, redact) }

func text(lines []Line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.Text)
		b.WriteByte('\n')
	}
	return b.String()
}

func objectLines(obj Object, redact Redactor) ([]Line, error) {
	if obj == nil {
		return nil, nil
	}
	m, err := fields(redact(obj))
	if err != nil {
		return nil, err
	}
	out, err := yaml.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", RefOf(obj), err)
	}
	paths, err := linePaths(out)
	if err != nil {
		return nil, fmt.Errorf("read the YAML of %s: %w", RefOf(obj), err)
	}
	var lines []Line
	last := ""
	for i, line := range strings.Split(strings.TrimSuffix(CleanLines(string(out)), "\n"), "\n") {
		l := Line{Sign: ' ', Text: line, Path: last, Goes: true}
		if path, ok := paths[i+1]; ok {
			l.Path, l.Goes = path, false
			if s, ok := obj.(*corev1.Secret); ok {
				l.Path = dataPath(s, path)
			}
		}
		last = l.Path
		lines = append(lines, l)
	}
	return lines, nil
}

// dataPath returns where what is masked in a Secret's stringData stands.
func dataPath(s *corev1.Secret, path string) string {
	key, ok := strings.CutPrefix(path, "/stringData")
	if _, text := s.StringData[unescapePointer(strings.TrimPrefix(key, "/"))]; !ok || text {
		return path
	}
	return "/data" + key
}

// linePaths returns the path of the innermost value that begins on each line,
// counted from 1.
func linePaths(text []byte) (map[int]string, error) {
	var doc yamlv3.Node
	if err := yamlv3.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	paths := map[int]string{}
	var walk func(path string, n *yamlv3.Node)
	walk = func(path string, n *yamlv3.Node) {
		switch n.Kind {
		case yamlv3.DocumentNode:
			walk(path, n.Content[0])
		case yamlv3.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				at := path + "/" + escapePointer(n.Content[i].Value)
				paths[n.Content[i].Line] = at
				walk(at, n.Content[i+1])
			}
		case yamlv3.SequenceNode:
			for i, e := range n.Content {
				at := path + "/" + escapePointer(elementName(e, i))
				paths[e.Line] = at
				walk(at, e)
			}
		}
	}
	if len(doc.Content) > 0 {
		walk("", &doc)
	}
	return paths, nil
}

// elementName returns what a [Part] calls an element of a list.
func elementName(e *yamlv3.Node, i int) string {
	if e.Kind == yamlv3.MappingNode {
		for k := 0; k+1 < len(e.Content); k += 2 {
			if e.Content[k].Value == "name" {
				return e.Content[k+1].Value
			}
		}
	}
	return fmt.Sprint(i)
}
