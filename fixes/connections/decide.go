package connections

import (
	"cmp"
	"slices"
	"sync"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// decider makes of what objects tell what the user has decided, and remembers
// the latest.
type decider struct {
	told *Graph

	mu        sync.Mutex
	decisions []fixes.Decision
	decided   *Graph
}

func (d *decider) with(decisions []fixes.Decision) *Graph {
	if len(decisions) == 0 {
		return d.told
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.decided == nil || !slices.Equal(d.decisions, decisions) {
		d.decisions, d.decided = slices.Clone(decisions), d.told.decide(decisions)
	}
	return d.decided
}

// decide returns the graph after some decisions, the coarse ones first, so
// that the finer ones count.
func (g *Graph) decide(decisions []fixes.Decision) *Graph {
	out := &Graph{Workloads: g.Workloads, Blocked: g.Blocked, API: g.API, names: g.names, nodes: g.nodes}
	out.replace(g.Links)
	ordered := slices.Clone(decisions)
	slices.SortStableFunc(ordered, func(a, b fixes.Decision) int { return cmp.Compare(fineness(a), fineness(b)) })
	for _, d := range ordered {
		if d.Keep {
			out.keep(d)
		} else {
			out.cut(d)
		}
	}
	out.order()
	slices.SortStableFunc(out.Cut, compareLinks)
	return out
}

// fineness is higher for a decision about less.
func fineness(d fixes.Decision) int {
	of := func(e fixes.DecidedEnd) int {
		switch {
		case Place(e.Place) == Pods:
			return 0
		case e.Place == "" && e.Kind == (fixes.Kind{}):
			return 1
		}
		return 2
	}
	fine := 2 * (of(d.From) + of(d.To))
	if d.Port != 0 {
		fine++
	}
	return fine
}

// Named reports whether a decision's end names an end of a link: one that
// names all pods of a namespace names its workloads too.
func Named(d fixes.DecidedEnd, e End) bool {
	switch {
	case d.Place == "":
		return e.IsWorkload() && e.Workload.Namespace == d.Namespace && e.Workload.Name == d.Name &&
			(d.Kind == (fixes.Kind{}) || d.Kind == e.Workload.Kind)
	case Place(d.Place) == Pods && e.IsWorkload():
		return e.Workload.Namespace == d.Name
	}
	return e.Place == Place(d.Place) && e.Name == d.Name
}

// portDecided returns the port that a decision names, if it names one.
func portDecided(d fixes.Decision) (Port, bool) {
	return Port{Protocol: d.Protocol, Number: d.Port}, d.Port != 0
}

// cut takes links out.
func (g *Graph) cut(d fixes.Decision) {
	why := Reason{Text: "you decided to cut it"}
	var left []Link
	for _, l := range g.Links {
		for _, part := range g.narrow(l, d) {
			if !Named(d.From, part.From) || !Named(d.To, part.To) {
				left = append(left, part)
				continue
			}
			gone, rest := g.without(part, d)
			if len(gone) > 0 || rest == nil {
				part.Ports, part.Why = gone, append(slices.Clip(part.Why), why)
				g.addCut(part)
			}
			if rest != nil {
				left = append(left, *rest)
			}
		}
	}
	g.replace(left)
}

// addCut notes what was cut, once.
func (g *Graph) addCut(l Link) {
	i := slices.IndexFunc(g.Cut, func(had Link) bool {
		return had.From == l.From && had.To == l.To && slices.Equal(had.Ports, l.Ports)
	})
	if i < 0 {
		g.Cut = append(g.Cut, l)
		return
	}
	g.Cut[i].Sure = max(g.Cut[i].Sure, l.Sure)
}

// narrow returns what a link stands for, so that a decision about some
// workloads of a namespace finds them: one link for each.
func (g *Graph) narrow(l Link, d fixes.Decision) []Link {
	each := func(e End, named fixes.DecidedEnd) []End {
		if e.Place != Pods || named.Place != "" || named.Namespace != e.Name {
			return []End{e}
		}
		var out []End
		for _, w := range g.In(e.Name) {
			out = append(out, Of(w))
		}
		return out
	}
	froms, tos := each(l.From, d.From), each(l.To, d.To)
	if len(froms) == 1 && len(tos) == 1 {
		return []Link{l}
	}
	if len(tos) == 1 && !Named(d.To, tos[0]) || len(froms) == 1 && !Named(d.From, froms[0]) {
		return []Link{l} // it is about another
	}
	var out []Link
	for _, from := range froms {
		for _, to := range tos {
			if from != to {
				l.From, l.To = from, to
				out = append(out, l)
			}
		}
	}
	return out
}

// without parts the ports of a link into those that a cut takes and what is
// left of the link, nil if nothing is.
func (g *Graph) without(l Link, d fixes.Decision) (gone []Port, rest *Link) {
	port, one := portDecided(d)
	if !one {
		return l.Ports, nil
	}
	ports := l.Ports
	if len(ports) == 0 {
		if ports = g.Ports(l.To); len(ports) == 0 {
			return nil, &l // every port but one: no policy says that
		}
	}
	if !slices.Contains(ports, port) {
		return nil, &l
	}
	l.Ports = slices.DeleteFunc(slices.Clone(ports), func(p Port) bool { return p == port })
	if len(l.Ports) == 0 {
		return []Port{port}, nil
	}
	return []Port{port}, &l
}

// keep makes links certain, and adds those that are not there.
func (g *Graph) keep(d fixes.Decision) {
	why := []Reason{{Text: "you decided to keep it"}}
	port, one := portDecided(d)
	for _, from := range g.ends(d.From) {
		for _, to := range g.ends(d.To) {
			if from == to && Place(d.From.Place) == Pods {
				continue
			}
			var ports [][]Port
			for _, i := range g.from[from] {
				if l := g.Links[i]; l.To == to && !one {
					ports = append(ports, l.Ports)
				}
			}
			switch {
			case one:
				ports = [][]Port{{port}}
			case len(ports) == 0:
				ports = [][]Port{g.Ports(to)}
			}
			for _, list := range ports {
				g.add(Link{From: from, To: to, Ports: list, Sure: Decided, Why: why})
			}
			g.uncut(from, to, d)
		}
	}
}

// uncut forgets that something was cut which is kept after all.
func (g *Graph) uncut(from, to End, d fixes.Decision) {
	var left []Link
	for _, l := range g.Cut {
		if l.From == from && l.To == to {
			_, rest := g.without(l, d)
			if rest == nil {
				continue
			}
			l = *rest
		}
		left = append(left, l)
	}
	g.Cut = left
}

// ends returns the ends that a decision to keep names.
func (g *Graph) ends(d fixes.DecidedEnd) []End {
	if d.Place != "" {
		return []End{{Place: Place(d.Place), Name: d.Name}}
	}
	var out []End
	for _, w := range g.In(d.Namespace) {
		if Named(d, Of(w)) {
			out = append(out, Of(w))
		}
	}
	return out
}

// Ports returns the ports at which an end is known to be reached: those of its
// Services and of links to it, and those that its containers declare. There
// are none for most places.
func (g *Graph) Ports(to End) []Port {
	var out []Port
	for _, i := range g.to[to] {
		out = append(out, g.Links[i].Ports...)
	}
	if w, ok := g.Workload(to); ok {
		out = append(out, declared(w)...)
		for _, s := range g.names.serving[to] {
			out = append(out, all(g.names.destinations(s, 0), to)...)
		}
	}
	slices.SortFunc(out, comparePorts)
	return slices.Compact(out)
}
