package connections

import (
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// guess adds what no object tells of. Many applications have the names of their
// peers in code: that nothing tells of a client does not mean that there is none.
func (g *Graph) guess(names *names, strictness fixes.Strictness) {
	g.customs = g.findCustoms()
	switch strictness {
	case fixes.ProvenOnly:
		g.replace(slices.DeleteFunc(g.Links, func(l Link) bool { return l.Sure < Proven }))
	case fixes.WithinNamespace:
		for _, l := range g.webhooks(names) {
			g.add(l)
		}
		for _, w := range g.Workloads {
			neighbours := End{Place: Pods, Name: w.Object.GetNamespace()}
			why := []Reason{{w.Ref(), "", "everything within the namespace is kept"}}
			g.add(Link{From: neighbours, To: Of(w), Sure: Guessed, Why: why})
			g.add(Link{From: Of(w), To: neighbours, Sure: Guessed, Why: why})
		}
	default:
		g.guessClients(names)
	}
}

// guessClients gives clients to what has a Service and none that is known: what
// its name tells of, or all of its namespace that may be one.
func (g *Graph) guessClients(names *names) {
	guesses := g.webhooks(names) // added at the end: one guess is no reason against another
	for _, w := range g.Workloads {
		services := names.services[w.Object.GetNamespace()]
		for _, name := range names.leading[w.Object.GetNamespace()][Of(w)] {
			open := g.unreached(w, names.destinations(services[name].forSiblings(), 0))
			if len(open) == 0 {
				continue
			}
			why := Reason{fixes.RefOf(services[name].Service), "spec.selector", "nothing tells who uses Service " + name}
			clients := g.owners(w)
			if len(clients) > 0 {
				why.Text += "; its name tells"
			} else {
				var left []string
				if clients, left = g.mayConnect(w, services[name]); len(left) > 0 {
					why.Text += "; not " + strings.Join(left, ", nor ")
				}
			}
			for _, from := range clients {
				if ports := portsFor(from, w, open); len(ports) > 0 {
					guesses = append(guesses, Link{From: Of(from), To: Of(w), Ports: ports, Sure: Guessed, Why: []Reason{why}})
				}
			}
		}
	}
	for _, l := range slices.Concat(guesses, g.namedAfter(names), g.callBack(), g.builtIn(names)) {
		g.add(l)
	}
}

// namedAfter returns links of what is named after a store and looks after it:
// a Job like mysql-backup, or redis-exporter. It is a client even if there are
// others.
func (g *Graph) namedAfter(names *names) []Link {
	var out []Link
	for _, w := range g.Workloads {
		kind := w.Ref().Kind
		if kind != fixes.KindJob && kind != fixes.KindCronJob && !isExporter(w) {
			continue
		}
		services := names.services[w.Object.GetNamespace()]
		for _, name := range names.order[w.Object.GetNamespace()] {
			s := services[name]
			for _, d := range names.destinations(s, 0) {
				to, ok := behind(s, d.to)
				if !ok || !IsStore(to) || !containsName(w, name) || g.linked(w, to) {
					continue
				}
				out = append(out, Link{From: Of(w), To: d.to, Ports: forClients(to, d.ports), Sure: Guessed,
					Why: []Reason{{w.Ref(), "metadata.name", "it is named after Service " + name}}})
			}
		}
	}
	return out
}

// behind returns the workload of a Service that an end is.
func behind(s service, e End) (fixes.Workload, bool) {
	i := slices.IndexFunc(s.to, func(w fixes.Workload) bool { return Of(w) == e })
	if i < 0 {
		return fixes.Workload{}, false
	}
	return s.to[i], true
}

// unreached returns the ports of a workload among some destinations that are
// for its siblings, and to which no link leads.
func (g *Graph) unreached(w fixes.Workload, found []destination) []Port {
	var ports []Port
	for _, d := range found {
		if d.to == Of(w) {
			ports = append(ports, d.ports...)
		}
	}
	if len(ports) == 0 {
		return nil
	}
	front := !IsStore(w) && g.customs.fewExposed[w.Object.GetNamespace()]
	counts := func(l Link) bool { return l.From.Place != Anyone || l.host || front }
	return slices.DeleteFunc(forClients(w, ports), func(p Port) bool { return g.hasClient(Of(w), p, counts) })
}

func (g *Graph) isExposed(e End) bool {
	return slices.ContainsFunc(g.To(e), func(l Link) bool { return l.From.Place == Anyone && !l.host })
}

// serves reports whether a Service leads to a workload.
func (g *Graph) serves(w fixes.Workload) bool { return len(g.names.serving[Of(w)]) > 0 }

// neighbours returns the other workloads of a namespace that are no stores, or
// are replicas of the same store by their name (redis-replica of redis-master).
func (g *Graph) neighbours(to fixes.Workload) []fixes.Workload {
	var out []fixes.Workload
	for _, w := range g.In(to.Object.GetNamespace()) {
		if !w.Same(to) && (!IsStore(w) || replicates(w, to)) {
			out = append(out, w)
		}
	}
	return out
}
