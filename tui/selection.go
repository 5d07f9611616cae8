package tui

import (
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Selection is what the list shows, as far as flags of the command have words
// for it. What is empty limits nothing.
type Selection struct {
	Namespace   string // the one that is shown
	Rules, Skip []string
	Categories  []fixes.Category
	Threats     []fixes.Threat
	Severity    fixes.Severity // the least
	// Unsaid are the terms of the filter that no flag says ("name:web").
	Unsaid []string
	// Findings are all that the list shows, in reading order.
	Findings []*fixes.Finding
}

// selection says what the list shows.
func (l *list) selection() Selection {
	var s Selection
	for _, id := range l.order {
		if l.matched[id] {
			s.Findings = append(s.Findings, l.items[id].f)
		}
	}
	severities := uint16(1)<<len(fixes.Severities()) - 1
	for i := range l.filter.fields {
		t := &l.filter.fields[i]
		said := false
		switch t.field.name {
		case "sev":
			mask := t.mask
			if t.not {
				mask = ^mask
			}
			severities &= mask
			said = true
		case "ns":
			said = s.sayNamespace(l.index, t)
		case "rule":
			said = s.sayRules(l.index, t)
		case "cat":
			said = s.sayCategories(l.index, t)
		case "threat":
			said = s.sayThreats(t)
		}
		if !said {
			s.Unsaid = append(s.Unsaid, t.written())
		}
	}
	// Flags know only the least severity.
	switch all := uint16(1)<<len(fixes.Severities()) - 1; {
	case severities == all:
	case severities != 0 && (severities|(severities-1)) == all:
		least := slices.IndexFunc(fixes.Severities(), func(v fixes.Severity) bool { return severities&(1<<v>>1) > 0 })
		s.Severity = fixes.Severities()[least]
	default:
		for i := range l.filter.fields {
			if t := &l.filter.fields[i]; t.field.name == "sev" {
				s.Unsaid = append(s.Unsaid, t.written())
			}
		}
	}
	for i := range l.filter.words {
		s.Unsaid = append(s.Unsaid, l.filter.words[i].written())
	}
	return s
}

// written returns a term as it is typed.
func (t *term) written() string {
	text := t.text
	if t.field != nil {
		text = t.field.name + ":" + text
	}
	return when(t.not, "!") + text
}

// keysOf returns the keys of the groups that a term asks for.
func (x *index) keysOf(t *term) []string {
	var keys []string
	for g, is := range t.groups {
		if is {
			keys = append(keys, x.groups[t.field.by][g].key)
		}
	}
	return keys
}

func (s *Selection) sayNamespace(x *index, t *term) bool {
	keys := x.keysOf(t)
	if t.not || len(keys) != 1 || fixes.ManifestNamespace(keys[0]) == "" || s.Namespace != "" {
		return false
	}
	s.Namespace = keys[0]
	return true
}

func (s *Selection) sayRules(x *index, t *term) bool {
	keys := x.keysOf(t)
	switch {
	case t.not:
		s.Skip = append(s.Skip, keys...)
	case s.Rules != nil || len(keys) == 0:
		return false
	default:
		s.Rules = keys
	}
	return true
}

func (s *Selection) sayCategories(x *index, t *term) bool {
	if t.not { // there is no flag for that, but one for their rules
		s.Skip = append(s.Skip, x.keysOf(t)...)
		return true
	}
	if s.Categories != nil {
		return false
	}
	for i, c := range fixes.Categories() {
		if t.mask&(1<<i) > 0 {
			s.Categories = append(s.Categories, c)
		}
	}
	return true
}

func (s *Selection) sayThreats(t *term) bool {
	all := fixes.Threats()
	if t.not || s.Threats != nil || t.mask&(1<<len(all)) > 0 {
		return false
	}
	for i, threat := range all {
		if t.mask&(1<<i) > 0 {
			s.Threats = append(s.Threats, threat)
		}
	}
	return true
}
