package connections

import (
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// narrowing leaves out of the clients that are guessed those that are hardly any.
type narrowing struct {
	what string // who is left out, in a phrase
	no   func(fixes.Workload) bool
}

// mayConnect returns the workloads of a namespace that may be clients of one
// through a Service, and whom it leaves out, for what they are:
//
//   - stores, which wait for others to connect, as some products do;
//   - what stands behind the same Service, or is of its name but for a version;
//   - of a front, what serves something itself, or names whom it calls;
//   - of a Service for metrics, whoever does not collect any;
//   - of an application's service, what is no part of an application, and who
//     has at least two other services named in its settings: it names all;
//   - of a database, the front of an application that has other tiers, and who has
//     one already (see homeless);
//   - visitors and loads, tools of other stores, and leaves where it is the custom to name peers.
//
// It goes by what a client is, and never only by others being more likely.
func (g *Graph) mayConnect(to fixes.Workload, through service) (clients []fixes.Workload, left []string) {
	clients = slices.DeleteFunc(g.neighbours(to), func(w fixes.Workload) bool {
		return slices.ContainsFunc(through.to, func(same fixes.Workload) bool { return same.Ref() == w.Ref() })
	})
	for _, n := range g.narrowings(to, through) {
		all := len(clients)
		if clients = slices.DeleteFunc(clients, n.no); len(clients) < all {
			left = append(left, n.what)
		}
	}
	some := func(what string, fewer []fixes.Workload) {
		if len(fewer) > 0 && len(fewer) < len(clients) {
			clients, left = fewer, append(left, what)
		}
	}
	if IsStore(to) {
		some("who has been given no password for it, as others have", provided(to, clients))
	}
	if isDatabase(to) {
		if !isCache(to) { // where sessions are
			some("the front of an application of more tiers", g.behindFront(clients))
		}
		some("web servers, which pass requests on", slices.DeleteFunc(slices.Clone(clients), func(w fixes.Workload) bool { return runsNamed(w, webServers) }))
		some("who has a store of its own", g.homeless(clients, to))
	}
	if g.namesPeers(to.Object.GetNamespace()) {
		some("who names no peer, as others do", slices.DeleteFunc(slices.Clone(clients), g.isLeaf))
	}
	return clients, left
}

// narrowings are those that hold whoever remains.
func (g *Graph) narrowings(to fixes.Workload, through service) []narrowing {
	out := []narrowing{
		{"who visits as users do", func(w fixes.Workload) bool { return g.visits(w) || g.loads(w, to) }},
		{"another version of it", func(w fixes.Workload) bool { return areVersions(w, to) }},
		{"what calls nobody", func(w fixes.Workload) bool { return runsNamed(w, silentImages) }},
	}
	if isFront(to) {
		out = append(out, narrowing{"what serves something itself, or names whom it calls", func(w fixes.Workload) bool { return g.serves(w) || g.namesSibling(w) }})
	}
	switch {
	case g.forMetrics(to, through):
		out = append(out, narrowing{"what collects no metrics", func(w fixes.Workload) bool { return !isProduct(w) }})
	case IsStore(to):
		out = append(out, narrowing{"what keeps nothing in stores", func(w fixes.Workload) bool { return runsNamed(w, storelessImages) }},
			narrowing{"tools of other stores", func(w fixes.Workload) bool { return looksAtOthers(w, to) }})
	case isProduct(to):
		if asksOnly(to) {
			out = append(out, narrowing{"what it collects from", func(w fixes.Workload) bool { return !isProduct(w) && !runsNamed(w, askersImages) }})
		}
		out = append(out, narrowing{"what calls only stores", func(w fixes.Workload) bool { return runsNamed(w, askedImages) }})
		if isWatched(to) {
			out = append(out, narrowing{"what is no such product", func(w fixes.Workload) bool { return !isProduct(w) }})
		}
	default:
		out = append(out, narrowing{"products that know nothing of applications", isProduct})
		if !g.customs.directory[Of(to)] {
			out = append(out,
				narrowing{"what others register with", func(w fixes.Workload) bool { return g.customs.directory[Of(w)] }},
				narrowing{"who names the services that it calls", func(w fixes.Workload) bool { return g.customs.namesAll[Of(w)] }})
		}
	}
	return out
}

// homeless returns the clients that have no other database than one, or no other
// cache if it is one: none that belongs to them by its name, and none that they
// name.
func (g *Graph) homeless(clients []fixes.Workload, than fixes.Workload) []fixes.Workload {
	return slices.DeleteFunc(slices.Clone(clients), func(w fixes.Workload) bool {
		return slices.ContainsFunc(g.In(w.Object.GetNamespace()), func(store fixes.Workload) bool {
			return store.Ref() != than.Ref() && isDatabase(store) && isCache(store) == isCache(than) &&
				(g.isOwner(w, store) || g.linked(w, store))
		})
	})
}

// loads reports whether a workload only puts load on an application, and another is
// not where that begins: its front, or another part of the load.
func (g *Graph) loads(w, to fixes.Workload) bool {
	return g.customs.loads[Of(w)] && !g.customs.loads[Of(to)] && g.customs.fronts[to.Object.GetNamespace()] && !isFront(to) && (IsStore(to) || !g.isExposed(Of(to)))
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
	for _, w := range g.In(namespace) {
		if IsStore(w) || isProduct(w) {
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
