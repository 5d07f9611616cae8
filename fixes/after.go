package fixes

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
)

// After returns the result as it is once some objects have changed: what a scan
// of next, the inventory after the change, finds. The result itself stays as it
// was; nothing is ignored in the new one.
//
// Rules that look across namespaces judge all of next. Those that do not (see
// [Rule.Local]) judge only the namespaces in which something has changed, and
// what they have found elsewhere stays: in a large cluster that is nearly all of
// it. Where more than objects differs (what may be listed, what the user
// wishes), or a fact does, all is judged again.
func (r *Result) After(next *Inventory, changed []Ref) *Result {
	namespaces, kinds, ok := spots(changed)
	if !ok || !r.Inventory.Scanned().apart(next) || 2*len(namespaces) > len(next.Namespaces()) {
		return Scan(next, r.Rules)
	}
	part := next.part(namespaces)
	var all, again []*Rule
	stays := map[*Rule]bool{}
	for _, rule := range r.Rules {
		if rule.Local && !slices.ContainsFunc(rule.Kinds, func(k Kind) bool { return kinds[k] }) {
			again, stays[rule] = append(again, rule), true
		} else {
			all = append(all, rule)
		}
	}
	fresh := slices.Concat(NewScanner(next, all).Result().Findings, NewScanner(part, again).Result().Findings)
	SortFindings(fresh)
	had := r.Findings
	if len(r.Others)+len(r.Suppressed) > 0 {
		had = slices.Concat(r.Findings, r.Others, r.suppressed())
		SortFindings(had)
	}
	out := &Result{Inventory: next, Rules: r.Rules, Findings: make([]*Finding, 0, len(had)+len(fresh))}
	for _, f := range had {
		if !stays[f.Rule] || namespaces[f.Namespace()] {
			continue
		}
		for len(fresh) > 0 && compareFindings(fresh[0], f) < 0 {
			out.Findings, fresh = append(out.Findings, fresh[0]), fresh[1:]
		}
		out.Findings = append(out.Findings, f)
	}
	out.Findings = append(out.Findings, fresh...)
	return out
}

// spots returns where objects are: in which namespaces, and of which kinds those
// that are in none. It reports false where that says too little: of facts.
func spots(objects []Ref) (namespaces map[string]bool, kinds map[Kind]bool, ok bool) {
	namespaces, kinds = map[string]bool{}, map[Kind]bool{}
	for _, ref := range objects {
		switch {
		case ref.Kind.Fact():
			return nil, nil, false
		case ref.Kind.Namespaced:
			namespaces[ref.Namespace] = true
		case ref.Kind == KindNamespace:
			namespaces[ref.Name] = true
		default:
			kinds[ref.Kind] = true
		}
	}
	return namespaces, kinds, true
}

// apart reports whether two inventories differ in nothing but their objects, the
// time, and what was decided about connections: rules that judge a namespace by
// itself look at neither of these two.
func (inv *Inventory) apart(next *Inventory) bool {
	was, is := inv.Wishes, next.Wishes
	was.Decisions, is.Decisions = nil, nil
	return inv.Live == next.Live && inv.ServerMinor == next.ServerMinor && inv.Namespace == next.Namespace &&
		slices.Equal(inv.APIVersions, next.APIVersions) && slices.Equal(inv.Skips(), next.Skips()) && reflect.DeepEqual(was, is)
}

// part returns an inventory of some namespaces: of the objects in them, of those
// in no namespace, and of the facts, which tell of no others.
func (inv *Inventory) part(namespaces map[string]bool) *Inventory {
	out := &Inventory{
		Live: inv.Live, ServerMinor: inv.ServerMinor, Now: inv.Now, APIVersions: inv.APIVersions,
		Namespace: inv.Namespace, Wishes: inv.Wishes,
		objects: maps.Clone(inv.objects), skips: inv.skips, origins: inv.origins, recreate: inv.recreate,
	}
	for kind, objects := range inv.objects {
		if kind.Fact() || !kind.Namespaced && kind != KindNamespace {
			continue
		}
		out.objects[kind] = map[key]Object{}
		for k, obj := range objects {
			if namespaces[cmp.Or(k.namespace, k.name)] { // a Namespace is in the one of its own name
				out.objects[kind][k] = obj
			}
		}
	}
	return out
}
