package connections

import (
	"maps"
	"slices"
	"sync"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// guess adds what no object tells of. Many applications have the names of their
// peers in code: that nothing tells of a client does not mean that there is none.
func (g *Graph) guess(names *names, strictness fixes.Strictness) {
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
		for _, name := range slices.Sorted(maps.Keys(services)) {
			open := g.unreached(w, names.destinations(services[name], 0))
			if len(open) == 0 {
				continue
			}
			why := Reason{fixes.RefOf(services[name].Service), "spec.selector", "nothing tells who uses Service " + name}
			clients := g.owners(w)
			if len(clients) > 0 {
				why.Text += "; its name tells"
			} else {
				clients = g.mayConnect(w, services[name])
			}
			for _, from := range clients {
				guesses = append(guesses, Link{From: Of(from), To: Of(w), Ports: open, Sure: Guessed, Why: []Reason{why}})
			}
		}
	}
	for _, l := range append(guesses, g.namedAfter(names)...) {
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
		for _, name := range slices.Sorted(maps.Keys(services)) {
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
	// It looks at the whole namespace, and few workloads need to know.
	front := sync.OnceValue(func() bool { return !IsStore(w) && g.exposesFew(w.Object.GetNamespace()) })
	counts := func(l Link) bool { return l.From.Place != Anyone || front() }
	return slices.DeleteFunc(forClients(w, ports), func(p Port) bool { return g.hasClient(Of(w), p, counts) })
}

// exposesFew reports whether not all of what serves something in a namespace is
// open to the outside, or that is little. Then what is so is a front, which calls
// its siblings and is not called by them. A store is never a front.
func (g *Graph) exposesFew(namespace string) bool {
	exposed, all := 0, 0
	for _, w := range g.Workloads {
		if w.Object.GetNamespace() != namespace || IsStore(w) || !g.serves(w) {
			continue
		}
		all++
		if g.isExposed(Of(w)) {
			exposed++
		}
	}
	return exposed < all || exposed < 3
}

func (g *Graph) isExposed(e End) bool {
	return slices.ContainsFunc(g.To(e), func(l Link) bool { return l.From.Place == Anyone })
}

// serves reports whether a Service leads to a workload.
func (g *Graph) serves(w fixes.Workload) bool {
	for _, s := range g.names.services[w.Object.GetNamespace()] {
		if slices.ContainsFunc(s.to, func(behind fixes.Workload) bool { return behind.Ref() == w.Ref() }) {
			return true
		}
	}
	return false
}

// mayConnect returns the workloads of a namespace that may be clients of one
// through a Service. Left out are those that are hardly any:
//
//   - stores, which wait for others to connect;
//   - what stands behind the same Service, which are other versions of it;
//   - of a front, what serves something itself;
//   - of an application's service, what is no part of an application;
//   - of a database, who has one already (see homeless);
//   - visitors, and leaves where it is the custom to name peers.
func (g *Graph) mayConnect(to fixes.Workload, through service) []fixes.Workload {
	clients := slices.DeleteFunc(g.neighbours(to), func(w fixes.Workload) bool {
		return slices.ContainsFunc(through.to, func(same fixes.Workload) bool { return same.Ref() == w.Ref() }) || g.visits(w)
	})
	if isFront(to) {
		clients = slices.DeleteFunc(clients, g.serves)
	}
	switch {
	case isDatabase(to):
		clients = orAll(g.homeless(clients, isCache(to)), clients)
	case !IsStore(to) && !isProduct(to):
		clients = slices.DeleteFunc(clients, isProduct)
	}
	if g.namesPeers(to.Object.GetNamespace()) {
		clients = orAll(slices.DeleteFunc(slices.Clone(clients), g.isLeaf), clients)
	}
	return clients
}

// orAll returns some, or all where there are none.
func orAll(some, all []fixes.Workload) []fixes.Workload {
	if len(some) == 0 {
		return all
	}
	return some
}

// homeless returns the clients that have no database of their own, or no cache
// if one is asked for: none that belongs to them by its name, and none that they
// name.
func (g *Graph) homeless(clients []fixes.Workload, cache bool) []fixes.Workload {
	return slices.DeleteFunc(slices.Clone(clients), func(w fixes.Workload) bool {
		return slices.ContainsFunc(g.Workloads, func(store fixes.Workload) bool {
			return store.Object.GetNamespace() == w.Object.GetNamespace() && isDatabase(store) && isCache(store) == cache &&
				(belongs(store, w) || g.linked(w, store))
		})
	})
}

// linked reports whether a workload names another.
func (g *Graph) linked(from, to fixes.Workload) bool {
	return slices.ContainsFunc(g.from[Of(from)], func(i int) bool { return g.Links[i].To == Of(to) && !g.Links[i].scrape })
}

// visits reports whether a workload comes to an application as its users do: it
// serves nothing, and all the siblings that it names are open to the outside.
func (g *Graph) visits(w fixes.Workload) bool {
	named := 0
	for _, l := range g.From(Of(w)) {
		if !l.To.IsWorkload() || l.scrape {
			continue
		}
		if !g.isExposed(l.To) {
			return false
		}
		named++
	}
	return named > 0 && len(declared(w)) == 0
}

// namesPeers reports whether most workloads of a namespace that are no stores
// name a sibling: then the custom there is to do so.
func (g *Graph) namesPeers(namespace string) bool {
	name, all := 0, 0
	for _, w := range g.Workloads {
		if w.Object.GetNamespace() != namespace || IsStore(w) || isProduct(w) {
			continue
		}
		all++
		if g.namesSibling(w) {
			name++
		}
	}
	return 2*name >= all
}

func (g *Graph) namesSibling(w fixes.Workload) bool {
	return slices.ContainsFunc(g.From(Of(w)), func(l Link) bool {
		return l.To.IsWorkload() && l.To != l.From && l.To.Workload.Namespace == w.Object.GetNamespace() && !l.scrape
	})
}

// isLeaf reports whether a workload is named by siblings, and names none.
func (g *Graph) isLeaf(w fixes.Workload) bool {
	return !g.namesSibling(w) && slices.ContainsFunc(g.To(Of(w)), func(l Link) bool {
		return l.From.IsWorkload() && l.From != l.To && !l.scrape
	})
}

// neighbours returns the other workloads of a namespace that are no stores, or
// are replicas of the same store by their name (redis-replica of redis-master).
func (g *Graph) neighbours(to fixes.Workload) []fixes.Workload {
	var out []fixes.Workload
	for _, w := range g.Workloads {
		if w.Object.GetNamespace() == to.Object.GetNamespace() && w.Ref() != to.Ref() && (!IsStore(w) || replicates(w, to)) {
			out = append(out, w)
		}
	}
	return out
}

// owners returns the workloads to which a store belongs by its name.
func (g *Graph) owners(store fixes.Workload) []fixes.Workload {
	if !IsStore(store) {
		return nil
	}
	return slices.DeleteFunc(g.neighbours(store), func(w fixes.Workload) bool { return !belongs(store, w) })
}
