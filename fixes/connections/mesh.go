package connections

import (
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// detour is a route of a mesh: who calls a Service comes to other pods (Gateway API,
// GEP-1426).
type detour struct {
	ref    fixes.Ref
	parent string        // the Service's name
	called []destination // behind the Service
	leads  []destination // where the route leads to
	own    string        // the namespace of callers that it is for; empty: all
}

// detours returns the routes that hang on Services.
func detours(inv *fixes.Inventory, names *names) []detour {
	var out []detour
	for _, kind := range fixes.RouteKinds() {
		for _, c := range fixes.Customs(inv, kind, "") {
			route, ok := fixes.AsRoute(c)
			if !ok {
				continue
			}
			leads := backendsOf(inv, names, route, fixes.RefOf(c))
			for _, parent := range route.Spec.ParentRefs {
				namespace := parent.Namespace
				if namespace == "" {
					namespace = c.GetNamespace()
				}
				s, ok := names.service(namespace, parent.Name)
				if parent.Kind != fixes.KindService.Name || !ok {
					continue
				}
				d := detour{ref: fixes.RefOf(c), parent: parent.Name, called: names.destinations(s, parent.Port), leads: leads}
				if namespace != c.GetNamespace() {
					d.own = c.GetNamespace() // a consumer's route is for its own pods
				}
				out = append(out, d)
			}
		}
	}
	return out
}

// backendsOf returns what a route leads to, as far as it may.
func backendsOf(inv *fixes.Inventory, names *names, route *fixes.Route, ref fixes.Ref) []destination {
	var out []destination
	for _, b := range route.Backends() {
		if s, ok := names.service(b.Namespace, b.Name); ok && fixes.Granted(inv, ref, b.Namespace, b.Name) {
			out = append(out, names.destinations(s, b.Port)...)
		}
	}
	return out
}

// follow adds where routes of a mesh take those who call a Service. A detour may
// lead to another, so it goes on for as long as there are new links.
func (g *Graph) follow(detours []detour) {
	for had := -1; had < len(g.Links); {
		had = len(g.Links)
		for _, d := range detours {
			why := Reason{d.ref, "spec.parentRefs", d.ref.Kind.Name + " " + d.ref.Name + " takes there who calls Service " + d.parent}
			for _, called := range d.called {
				for _, l := range g.To(called.to) {
					if l.scrape || !l.From.IsWorkload() || d.own != "" && l.From.Workload.Namespace != d.own || !called.overlaps(l) {
						continue
					}
					for _, lead := range d.leads {
						if lead.to != l.From {
							g.add(Link{From: l.From, To: lead.to, Ports: lead.ports, Sure: min(l.Sure, Proven), Why: []Reason{why}})
						}
					}
				}
			}
		}
	}
}

// overlaps reports whether a link leads to one of the destination's ports.
func (d destination) overlaps(l Link) bool {
	return len(l.Ports) == 0 || slices.ContainsFunc(l.Ports, func(p Port) bool { return slices.Contains(d.ports, p) })
}
