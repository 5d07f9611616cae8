package fixes

import (
	"slices"
	"time"
)

// Suppressed is a finding that an ignore hides.
type Suppressed struct {
	*Finding
	By Ignore
}

// ignoring is what findings are looked at with to tell which are hidden.
type ignoring struct {
	list []Ignore
	now  time.Time
}

// Ignore returns the result with the findings hidden that a list of ignores or
// the annotations of objects select. Those that were hidden before are looked
// at anew. The result itself, and its findings, stay as they are.
func (r *Result) Ignore(list []Ignore, now time.Time) *Result {
	out := *r
	out.ignoring = &ignoring{list, now}
	all := r.Findings
	if len(r.Suppressed) > 0 {
		all = slices.Clone(all)
		for _, s := range r.Suppressed {
			all = append(all, s.Finding)
		}
		SortFindings(all)
	}
	out.Findings, out.Suppressed = nil, nil
	judge := out.ignoring.judge(r.Inventory)
	for _, f := range all {
		by, note := judge(f)
		if f.Note != note {
			noted := *f
			noted.Note, f = note, &noted
		}
		if by != nil {
			out.Suppressed = append(out.Suppressed, Suppressed{f, *by})
		} else {
			out.Findings = append(out.Findings, f)
		}
	}
	return &out
}

// ignoreAgain ignores in one result what is ignored in another.
func (r *Result) ignoreAgain(as *Result) *Result {
	if as.ignoring == nil {
		return r
	}
	return r.Ignore(as.ignoring.list, as.ignoring.now)
}

// suppressed returns the findings that are hidden.
func (r *Result) suppressed() []*Finding {
	list := make([]*Finding, len(r.Suppressed))
	for i, s := range r.Suppressed {
		list[i] = s.Finding
	}
	return list
}

// ignores returns what tells whether a finding about objects of an inventory is
// ignored.
func (r *Result) ignores(inv *Inventory) func(*Finding) bool {
	if r.ignoring == nil {
		return func(*Finding) bool { return false }
	}
	judge := r.ignoring.judge(inv)
	return func(f *Finding) bool {
		by, _ := judge(f)
		return by != nil
	}
}

// IgnoredBy returns the first ignore of a list that hides a finding, or nil.
func IgnoredBy(list []Ignore, now time.Time, f *Finding) *Ignore {
	for n := range list {
		if list[n].Selects(f) && !list[n].Ended(now) {
			return &list[n]
		}
	}
	return nil
}

// judge returns what tells of a finding which ignore hides it, or what is to be
// said of one that does not.
func (g *ignoring) judge(inv *Inventory) func(*Finding) (by *Ignore, note string) {
	seen := map[Ref][]annotated{} // most objects have several findings
	return func(f *Finding) (*Ignore, string) {
		if by := IgnoredBy(g.list, g.now, f); by != nil {
			return by, ""
		}
		annotations, ok := seen[f.Object]
		if !ok {
			annotations = annotationIgnores(inv, f.Object)
			seen[f.Object] = annotations
		}
		note := ""
		for n := range annotations {
			a := &annotations[n]
			switch {
			case !a.SelectsRule(f.Rule.ID):
			case a.fault != "":
				note = "the ignore of " + a.At + " does not count: " + a.fault
			case a.Ended(g.now):
				note = endedNote(&a.Ignore)
			default:
				return &a.Ignore, ""
			}
		}
		for n := range g.list {
			if g.list[n].Selects(f) { // and has ended
				note = endedNote(&g.list[n])
			}
		}
		return nil, note
	}
}

func endedNote(i *Ignore) string { return "the ignore of " + i.At + " ended on " + i.Until() }

// UnusedIgnores returns the ignores of the list that select no finding, though
// the scan looked at all that they could: all of the rules that they name were
// checked, on all objects. all are the rules that there are.
func (r *Result) UnusedIgnores(all []*Rule) []Ignore {
	if r.ignoring == nil {
		return nil
	}
	found := slices.Concat(r.Findings, r.suppressed(), r.Others)
	told := map[string]bool{} // rules with findings
	for _, f := range found {
		told[f.Rule.ID] = true
	}
	var unused []Ignore
	for n := range r.ignoring.list {
		i := &r.ignoring.list[n]
		if !slices.ContainsFunc(found, i.Selects) && r.lookedFor(i, all, told) {
			unused = append(unused, *i)
		}
	}
	return unused
}

// lookedFor reports whether the scan would have found what an ignore selects.
func (r *Result) lookedFor(i *Ignore, all []*Rule, told map[string]bool) bool {
	if r.Inventory.Namespace != "" && r.Inventory.Namespace != i.Namespace {
		return false
	}
	looked := false
	for _, rule := range all {
		switch {
		case !i.SelectsRule(rule.ID):
		case !slices.ContainsFunc(r.Rules, func(had *Rule) bool { return had.ID == rule.ID }):
			if rule.Option == "" || slices.Contains(i.Rules, rule.ID) {
				return false
			}
		case !r.sees(rule, told[rule.ID]):
			return false
		default:
			looked = true
		}
	}
	return looked
}

// sees reports whether a rule has reported all that it could: nothing that it
// looks at was left out, nor is only there when it is asked for. Where it has
// findings, what it asks for is there.
func (r *Result) sees(rule *Rule, found bool) bool {
	for _, kind := range rule.Kinds {
		if !r.Inventory.Covers(kind, "") || kind.Fact() && r.Inventory.Len(kind) == 0 && !found {
			return false
		}
	}
	return found || rule.Unseen == nil || len(rule.Unseen(r.Inventory)) == 0
}
