package secrets

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets/detect"
)

// argMove takes one credential out of a container's command line. It is found
// again by what it is, since others in the same word may have moved before.
type argMove struct {
	workload         fixes.Ref
	container        string
	index            int
	flag, credential string
}

// errTangled: what else has changed in the word lets the value not be moved.
var errTangled = errors.New("the value cannot be taken out of the command line as it is now")

func (m argMove) edit(d *fixes.Draft) error {
	w, err := d.EditWorkload(m.workload)
	if err != nil {
		return err
	}
	c, ok := w.Container(m.container)
	if !ok {
		return errGone
	}
	words := slices.Concat(c.Command, c.Args)
	at, ok := m.find(words)
	if !ok {
		return nil // moved already
	}
	name := freeArgument(d.Inventory, w, c, m.flag)
	out, ok := rewriteWord(words, m.index, at, name)
	if !ok {
		return errTangled
	}
	ref, err := store(d, w, m.container, name, out.value)
	if err != nil {
		return err
	}
	list, i := place(c, m.index)
	if list == "command" {
		c.Command[i] = out.word
	} else {
		c.Args[i] = out.word
	}
	c.Env = append(c.Env, corev1.EnvVar{Name: name, ValueFrom: ref})
	return scrubWord(w.Object, m.container, list, i, m.credential)
}

// minUnmistakable is the length from which a credential is looked for without
// the detector's help: masking one may change what another is taken for.
const minUnmistakable = 8

func (m argMove) find(words []string) (detect.Range, bool) {
	if m.index >= len(words) {
		return detect.Range{}, false
	}
	word := words[m.index]
	for _, f := range commandSecrets(words) {
		if f.Index == m.index && f.Flag == m.flag && word[f.Range.Start:f.Range.End] == m.credential {
			return f.Range, true
		}
	}
	if len(m.credential) >= minUnmistakable {
		if i := strings.Index(word, m.credential); i >= 0 {
			return detect.Range{Start: i, End: i + len(m.credential)}, true
		}
	}
	return detect.Range{}, false
}

var notInVariable = regexp.MustCompile(`[^A-Z0-9]+`)

// maxVariable bounds the names of new variables, which are made from options.
const maxVariable = 60

// variablePrefix keeps new variables apart from those that programs look for by
// themselves.
const variablePrefix = "ARG_"

// variableFor names the variable that a credential of an option moves to.
func variableFor(flag string) string {
	name := strings.Trim(notInVariable.ReplaceAllString(strings.ToUpper(flag), "_"), "_")
	if name == "" {
		name = "CREDENTIAL"
	}
	return variablePrefix + name[:min(len(name), maxVariable)]
}

// freeArgument returns the name of a variable that nothing in the container
// sets or speaks of: a reference that led nowhere must not lead to it.
func freeArgument(inv *fixes.Inventory, w fixes.Workload, c fixes.Container, flag string) string {
	texts := slices.Concat(c.Command, c.Args)
	for _, e := range c.Env {
		texts = append(texts, e.Name, e.Value)
	}
	for _, from := range c.EnvFrom {
		if from.ConfigMapRef == nil {
			continue
		}
		if cm, ok := fixes.Lookup[*corev1.ConfigMap](inv, w.Object.GetNamespace(), from.ConfigMapRef.Name); ok {
			for key := range cm.Data {
				texts = append(texts, from.Prefix+key)
			}
		}
	}
	base := variableFor(flag)
	name := base
	for n := 2; slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, name) }); n++ {
		name = numbered(base, n)
	}
	return name
}

// rewritten is a word without its credential, and what the variable in its
// place has to hold.
type rewritten struct{ word, value string }

// rewriteWord puts a variable in the place of a part of a word such that the
// program gets what it got; false where that cannot be said.
func rewriteWord(words []string, index int, at detect.Range, name string) (rewritten, bool) {
	word := words[index]
	before, credential, after := word[:at.Start], word[at.Start:at.End], word[at.End:]
	if credential == "" || hasReference(credential) {
		return rewritten{}, false
	}
	if index == scriptIndex(words) {
		if form, ok := shellForm(word, at, name); ok {
			return rewritten{before + form + after, credential}, true
		}
		if strings.ContainsAny(credential, "\\'\"`$") {
			return rewritten{}, false // the script's text is not the value
		}
	}
	out := rewritten{before + "$(" + name + ")" + after, unescape(credential)}
	return out, seen(out.word, name, out.value) == seen(word, name, out.value)
}

// seen is what a program gets of a word; other references stay marked as such.
func seen(word, name, value string) string {
	var b strings.Builder
	walk(word, func(text string, reference bool) {
		switch {
		case reference && text == "$("+name+")":
			b.WriteString(value)
		case reference:
			b.WriteString("\x00" + text + "\x00")
		default:
			b.WriteString(text)
		}
	})
	return b.String()
}
