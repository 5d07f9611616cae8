package tui

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// field is something of a finding that a filter asks for by name.
type field struct {
	name, long string // long is another name, or empty
	what       string // as messages call a value
	shown      bool   // as it is, in the rows
	// values are those that there are, of a field that has a few. They rise
	// where the field is ordered: >=high, high+.
	values  []string
	ordered bool
	// bits returns which of the values a finding has. It is nil for a field that
	// is the same for all findings of a group.
	bits func(it *item, taken int8) uint16
	// by is the grouping whose groups have a value each, and of returns it.
	by groupBy
	of func(*item) string
}

// stagedField asks for what is decided.
var stagedField = &field{name: "staged", what: "answer", values: []string{"yes", "no"}, bits: func(_ *item, taken int8) uint16 {
	if taken > 0 {
		return 1
	}
	return 2
}}

// wholeCluster is what the namespace of an object without one is called.
const wholeCluster = "-"

// nobody manages an object that nothing else would put back.
const nobody = "none"

var fields = []*field{
	{name: "ns", long: "namespace", what: "namespace", shown: true, by: byNamespace, of: func(it *item) string {
		if fixes.ManifestNamespace(it.namespace) == "" {
			return wholeCluster
		}
		return it.namespace
	}},
	{name: "sev", long: "severity", what: "severity", values: spelled(fixes.Severities()), ordered: true,
		bits: func(it *item, _ int8) uint16 { return 1 << it.f.Severity >> 1 }},
	{name: "rule", what: "rule", shown: true, by: byRule, of: func(it *item) string { return it.f.Rule.ID }},
	{name: "kind", what: "kind", shown: true, by: byObject, of: func(it *item) string { return it.f.Object.Kind.Name }},
	{name: "name", what: "object", shown: true, by: byObject, of: func(it *item) string { return fixes.Clean(it.f.Object.Name) }},
	{name: "threat", what: "threat", values: append(spelled(fixes.Threats()), "none"),
		bits: func(it *item, _ int8) uint16 { return uint16(it.threats) }},
	{name: "fix", what: "fix", values: []string{"none", fixes.Manual.String(), fixes.Review.String(), fixes.Safe.String()}, ordered: true,
		bits: func(it *item, _ int8) uint16 { return 1 << it.best }},
	{name: "cat", long: "category", what: "category", values: spelled(fixes.Categories()), by: byRule,
		of: func(it *item) string { return string(it.f.Rule.Category) }},
	{name: "by", what: "manager", by: byManager, of: func(it *item) string {
		if it.f.ManagedBy == "" {
			return nobody
		}
		return it.f.ManagedBy
	}},
	stagedField,
}

// spelled returns values as they are written.
func spelled[T any](values []T) []string {
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprint(v))
	}
	return out
}

// fieldOf returns the field of a name, or nil.
func fieldOf(name string) *field {
	for _, f := range fields {
		if name == f.name || name == f.long && name != "" {
			return f
		}
	}
	return nil
}

func fieldNames() []string {
	var out []string
	for _, f := range fields {
		out = append(out, f.name)
	}
	return out
}

// filterHelp says what a filter can be.
func filterHelp() string {
	return "filter: words, !word for without, and fields " + strings.Join(fieldNames(), ": ") +
		": (ns:shop,pay !sev:low sev:high+ rule:env fix:safe); tab completes, ctrl+p ctrl+n recall"
}

// asks reports whether a term leaves anything out: it does not before a value
// is typed, nor where there is none of those typed.
func (t *term) asks() bool { return t.mask > 0 || t.groups != nil }

// of reports whether a finding holds the word, or has one of the values of the
// term's field.
func (t *term) of(it *item, taken int8) bool {
	if t.field == nil {
		return t.groups[it.group[byWords]] || t.objects[it.group[byObject]] || strings.Contains(it.message, t.text)
	}
	if t.field.bits != nil {
		return t.field.bits(it, taken)&t.mask > 0
	}
	g := it.group[t.field.by]
	return int(g) < len(t.groups) && t.groups[g]
}

// resolve works out which values the term asks for, and says what is wrong
// with them, if anything is.
func (t *term) resolve(x *index) (wrong string) {
	if t.field == nil {
		t.groups = x.holding(byWords, t.text, t.groups)
		t.objects = x.holding(byObject, t.text, t.objects)
		return ""
	}
	var accepted []string // values of groups, or what they are to hold
	var held []bool
	t.mask, t.groups = 0, nil
	for value := range strings.SplitSeq(t.text, ",") {
		if value == "" {
			continue
		}
		switch {
		case len(t.field.values) > 0:
			mask, known := t.field.maskOf(value)
			if !known {
				wrong = "no " + t.field.what + " " + value + ": " + strings.Join(t.field.values, " ")
			}
			t.mask |= mask
		default:
			exact, some := x.hasValue(t.field, value)
			if !some {
				wrong = "no " + t.field.what + " " + value
				continue
			}
			accepted, held = append(accepted, value), append(held, !exact)
		}
	}
	if t.field.bits != nil || t.mask == 0 && accepted == nil {
		return wrong
	}
	for _, have := range x.valuesOf(t.field) {
		is := false
		for i, want := range accepted {
			is = is || have == want || held[i] && strings.Contains(have, want)
		}
		if t.mask > 0 {
			at := slices.Index(t.field.values, have)
			is = at >= 0 && t.mask&(1<<at) > 0
		}
		t.groups = append(t.groups, is)
	}
	return wrong
}

// maskOf returns the values that a text stands for: itself, or those that
// begin so; of an ordered field also those above or below it. It is not known
// when there are none, and empty when there is only an operator yet.
func (f *field) maskOf(text string) (mask uint16, known bool) {
	op, rest := "", text
	if f.ordered {
		rest = strings.TrimLeft(text, "<>=")
		op = text[:len(text)-len(rest)]
		if plus, ok := strings.CutSuffix(rest, "+"); ok && op == "" {
			op, rest = ">=", plus
		}
	}
	if rest == "" {
		return 0, op != ""
	}
	for i, v := range f.values {
		if v == rest {
			mask = 1 << i
			break
		}
		if strings.HasPrefix(v, rest) {
			mask |= 1 << i
		}
	}
	if mask == 0 {
		return 0, false
	}
	all := uint16(1)<<len(f.values) - 1
	lowest, highest := bits.TrailingZeros16(mask), bits.Len16(mask)-1
	switch op {
	case "", "=":
		return mask, true
	case ">=":
		return all &^ (1<<lowest - 1), true
	case ">":
		return all &^ (1<<(highest+1) - 1), true
	case "<=":
		return 1<<(highest+1) - 1, true
	case "<":
		return 1<<lowest - 1, true
	}
	return 0, false
}

// valuesOf returns a field's values of all groups that have one each, in lower
// case, by the number of the group.
func (x *index) valuesOf(f *field) []string {
	have := x.values[f]
	for _, g := range x.groups[f.by][len(have):] {
		have = append(have, strings.ToLower(f.of(&x.items[g.first])))
	}
	x.values[f] = have
	return have
}

// holding notes of the groups that have come since which of them hold a text in
// their names.
func (x *index) holding(by groupBy, text string, noted []bool) []bool {
	for _, g := range x.groups[by][len(noted):] {
		noted = append(noted, strings.Contains(strings.ToLower(g.label), text))
	}
	return noted
}

// hasValue reports whether a value is there as it is, or is part of some.
func (x *index) hasValue(f *field, value string) (exact, some bool) {
	for _, have := range x.valuesOf(f) {
		exact = exact || have == value
		some = some || strings.Contains(have, value)
	}
	return exact, some
}

// has reports whether some finding holds a text.
func (x *index) has(text string) bool {
	w := term{text: text}
	w.resolve(x)
	return slices.ContainsFunc(x.order, func(id int32) bool { return w.of(&x.items[id], 0) })
}
