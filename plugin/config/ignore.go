package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Ignore is an entry of the section ignore, as it is written.
type Ignore struct {
	Rule        Words  `yaml:"rule"`
	Namespace   string `yaml:"namespace"`
	Kind        string `yaml:"kind"`
	Name        string `yaml:"name"`
	Path        string `yaml:"path"`
	Fingerprint Words  `yaml:"fingerprint"`
	Reason      string `yaml:"reason"`
	Expires     string `yaml:"expires"`

	file string
	line int
	kind string // as the API has it
	last time.Time
}

// Words is a word, or a list of them.
type Words []string

// UnmarshalYAML implements [yaml.Unmarshaler].
func (w *Words) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		var one string
		if err := n.Decode(&one); err != nil {
			return err
		}
		*w = Words{one}
		return nil
	}
	return n.Decode((*[]string)(w))
}

// UnmarshalYAML implements [yaml.Unmarshaler].
func (i *Ignore) UnmarshalYAML(n *yaml.Node) error {
	type plain Ignore
	if err := n.Decode((*plain)(i)); err != nil {
		return err
	}
	i.line = n.Line
	if err := i.check(); err != nil {
		return &Error{Line: n.Line, Msg: err.Error()}
	}
	return nil
}

func (i *Ignore) check() (err error) {
	empty := func(s string) bool { return strings.TrimSpace(s) == "" }
	switch {
	case len(i.Rule) == 0 && i.Namespace == "" && i.Kind == "" && i.Name == "" && i.Path == "" && len(i.Fingerprint) == 0:
		return errors.New("it does not say what to ignore: give rule, namespace, kind, name, path or fingerprint (rule: \"*\" is every rule)")
	case slices.ContainsFunc(i.Rule, empty) || slices.ContainsFunc(i.Fingerprint, empty):
		return errors.New("a rule or a fingerprint has a name")
	case empty(i.Reason):
		return errors.New("reason is missing: say why this is ignored")
	}
	if i.last, err = fixes.ParseDay(i.Expires); err != nil {
		return fmt.Errorf("expires: %w", err)
	}
	if i.Kind != "" {
		kind, err := fixes.ParseKind(i.Kind)
		if err != nil {
			return fmt.Errorf("kind: %w", err)
		}
		i.kind = kind.Name
	}
	return nil
}

// Line is where the entry begins in its file.
func (i *Ignore) Line() int { return i.line }

// Ignores returns what the file ignores, in its order.
func (f *File) Ignores() []fixes.Ignore {
	list := make([]fixes.Ignore, len(f.Ignore))
	for n := range f.Ignore {
		i := &f.Ignore[n]
		list[n] = fixes.Ignore{
			Rules: i.Rule, Namespace: i.Namespace, Kind: i.kind, Name: i.Name, Path: i.Path, Fingerprints: i.Fingerprint,
			Reason: fixes.Clean(strings.TrimSpace(i.Reason)), Expires: i.last,
			At: fixes.Clean(fmt.Sprintf("%s:%d", f.Path, i.line)),
		}
	}
	return list
}

// CheckIgnore fails where a file could not hold an ignore.
func CheckIgnore(i fixes.Ignore) error {
	entry := Ignore{Rule: i.Rules, Namespace: i.Namespace, Kind: i.Kind, Name: i.Name, Path: i.Path, Fingerprint: i.Fingerprints, Reason: i.Reason}
	return entry.check()
}

// write returns the lines of an entry, the first of which begins with a dash.
func write(i fixes.Ignore) (string, error) {
	mapping := &yaml.Node{Kind: yaml.MappingNode}
	add := func(name string, value *yaml.Node) {
		mapping.Content = append(mapping.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, value)
	}
	text := func(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }
	one := func(name, value string) {
		if value != "" {
			add(name, text(value))
		}
	}
	words := func(name string, list []string) {
		if len(list) == 1 {
			one(name, list[0])
			return
		}
		if len(list) > 1 {
			seq := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
			for _, s := range list {
				seq.Content = append(seq.Content, text(s))
			}
			add(name, seq)
		}
	}
	words("rule", i.Rules)
	one("namespace", i.Namespace)
	one("kind", i.Kind)
	one("name", i.Name)
	one("path", i.Path)
	words("fingerprint", i.Fingerprints)
	one("reason", oneLine(i.Reason))
	add("expires", &yaml.Node{Kind: yaml.ScalarNode, Value: i.Until()})
	out, err := yaml.Marshal(mapping)
	if err != nil {
		return "", err
	}
	return "- " + strings.ReplaceAll(strings.TrimSuffix(string(out), "\n"), "\n", "\n  ") + "\n", nil
}

// oneLine puts a text into one line.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
