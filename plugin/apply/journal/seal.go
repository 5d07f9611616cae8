package journal

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Seal cuts every secret value out of the changes of a run: what stands in a
// Secret, what redact masks, and the same values wherever else they stand but
// in names. All changes of a run are sealed together, since a value that one of
// them takes from an object may be found again in another.
func Seal(changes []fixes.Change, redact fixes.Redactor) ([]Change, error) {
	s := sealer{vault: newVault(), redact: redact}
	if err := s.learn(changes); err != nil {
		return nil, err
	}
	sealed := make([]Change, len(changes))
	for i := range changes {
		var err error
		if sealed[i], err = s.change(&changes[i]); err != nil {
			return nil, fmt.Errorf("seal the change of %s: %w", changes[i].Object, err)
		}
	}
	return sealed, nil
}

type sealer struct {
	vault  *vault
	redact fixes.Redactor
}

// side is one side of a change, sealed, with what was cut out by its place.
type side struct {
	*Doc
	hidden map[string]string
	// whole are the places in the last-applied manifest that are hidden as a
	// whole.
	whole []string
}

func (s *sealer) change(c *fixes.Change) (Change, error) {
	out := Change{Action: c.Action, Object: RefOf(c.Object)}
	before, err := s.side(c.Before)
	if err != nil {
		return Change{}, err
	}
	after, err := s.side(c.After)
	if err != nil {
		return Change{}, err
	}
	s.mark(before, after)
	s.mark(after, before)
	if c.After == nil {
		before.markOwn()
	}
	out.Before, out.After = before.Doc, after.Doc
	if c.Before != nil {
		out.UID, out.ResourceVersion = string(c.Before.GetUID()), c.Before.GetResourceVersion()
		out.Generation = c.Before.GetGeneration()
		if c.Action == fixes.Recreate {
			out.ManagedFields = c.Before.GetManagedFields()
		}
	}
	for _, f := range c.Fixes {
		out.Rules = append(out.Rules, f.Rule.ID)
	}
	slices.Sort(out.Rules)
	out.Rules = slices.Compact(out.Rules)
	return out, nil
}

// redacted returns an object's tree, and that of its redacted copy.
func (s *sealer) redacted(obj fixes.Object) (plain, masked map[string]any, err error) {
	if plain, err = manifest(obj); err == nil {
		masked, err = manifest(s.redact(obj))
	}
	return plain, masked, err
}

func (s *sealer) side(obj fixes.Object) (side, error) {
	if obj == nil {
		return side{}, nil
	}
	plain, masked, err := s.redacted(obj)
	if err != nil {
		return side{}, err
	}
	out := side{Doc: &Doc{Object: plain}, hidden: map[string]string{}}
	ref := fixes.RefOf(obj)
	ref.Origin = "" // a cluster's objects have none
	eachPair(plain, masked, "", func(path, text string, other any) {
		parts := s.hide(ref, path, text, other)
		if parts != nil && !isName(path) {
			out.hide(path, text, parts)
		}
	})
	if len(out.Secrets) == 0 {
		return out, nil
	}
	// To mask one word of a command may change what another is taken for.
	for range maxChecks {
		if found, err := s.check(&out, ref, masked); err != nil {
			return side{}, err
		} else if !found {
			break
		}
	}
	for path := range out.hidden {
		if err := put(plain, path, ""); err != nil {
			return side{}, err
		}
	}
	return out, nil
}

// maxChecks bounds how often a side is checked. Nearly always, nothing is found
// the first time.
const maxChecks = 5

// hide divides the string at a place, of which the redaction has made other.
// It returns nil where nothing is to be hidden.
func (s *sealer) hide(ref fixes.Ref, path, text string, other any) []Part {
	masked, isString := other.(string)
	switch {
	case text == "":
		return nil
	case isBinary(ref.Kind, path):
		value, err := decode(text, []string{encBase64})
		if err != nil || !isSecretData(ref.Kind, path) && s.vault.find(value) == nil {
			return nil
		}
		return []Part{{Secret: s.vault.number(value), Encoding: []string{encBase64}}}
	case !isString || !utf8.ValidString(text):
		return s.whole(text)
	case path == lastApplied:
		return s.hideJSON(ref.Namespace, text, masked, nil)
	}
	return s.cut(path, text, regions(text, masked), ref.Namespace)
}

// cut divides a string, in which the redaction has masked some spans.
func (s *sealer) cut(path, text string, spans []span, namespace string) []Part {
	masked := len(spans) > 0
	parts := s.vault.cut(text, spans, namespace)
	if !masked && !isProse(path) {
		return s.vault.asWords(parts)
	}
	return parts
}

// whole hides a string as one value.
func (s *sealer) whole(text string) []Part { return []Part{{Secret: s.vault.number(text)}} }

// mark tells at which places one side of a change can be told from the other,
// and so the live object's string there be made use of.
func (s *sealer) mark(this, other side) {
	if this.Doc == nil {
		return
	}
	for i := range this.Secrets {
		h := &this.Secrets[i]
		text := this.hidden[h.At]
		own, readable := match(h.Parts, text)
		var misled []string // what would be taken for the parts in the other state
		if opposite, ok := other.hidden[h.At]; ok {
			h.Own = opposite == text
			_, alike := match(other.parts(h.At), text)
			h.Apart = !alike
			if alike {
				misled, _ = match(h.Parts, opposite)
			}
		}
		for k := range h.Parts {
			if p := &h.Parts[k]; p.Secret != 0 {
				value := s.vault.values[p.Secret-1]
				p.Blind = !readable || !holds(*p, own[k], value) ||
					misled != nil && !holds(*p, misled[k], value)
			}
		}
	}
}

// holds reports whether a value is what a text is decoded to.
func holds(p Part, raw, value string) bool {
	got, ok := p.value(raw)
	return ok && got == value
}

// parts returns the parts of the string at a place.
func (d side) parts(path string) []Part {
	return d.Secrets[slices.IndexFunc(d.Secrets, func(h Hidden) bool { return h.At == path })].Parts
}

// markOwn tells that an object that is deleted has one state only.
func (d side) markOwn() {
	for i := range d.Secrets {
		d.Secrets[i].Own = true
	}
}

// hide cuts a string out, in place of what was cut out of it before.
func (d *side) hide(path, plain string, parts []Part) {
	d.hidden[path] = plain
	d.Secrets = slices.DeleteFunc(d.Secrets, func(h Hidden) bool { return h.At == path })
	d.Secrets = append(d.Secrets, Hidden{At: path, Parts: parts})
}

// eachPair calls f for every string of a tree, in a fixed order, with what
// stands at its place in another tree.
func eachPair(tree, other any, path string, f func(path, text string, other any)) {
	switch t := tree.(type) {
	case string:
		f(path, t, other)
	case map[string]any:
		o, _ := other.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(t)) {
			eachPair(t[key], o[key], join(path, key), f)
		}
	case []any:
		o, _ := other.([]any)
		for i, step := range steps(t) {
			var opposite any
			if i < len(o) {
				opposite = o[i]
			}
			eachPair(t[i], opposite, join(path, step), f)
		}
	}
}
