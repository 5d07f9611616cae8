package network

import (
	"cmp"
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
)

// State is how a connection stands after the fixes.
type State uint8

// The states.
const (
	// None: there is no such connection, or it is none of this namespace.
	None State = iota
	// Closed: policies do not allow it now, and will not.
	Closed
	// Lost: it is open now, nothing tells of it, and it is cut.
	Lost
	// Open: nothing tells of it, and it stays open, since others who are kept
	// cannot be told from it.
	Open
	// Blocked: objects tell of it, and yet the policies do not allow it.
	Blocked
	// Guess, Inferred, Proven and Seen are kept, and say how sure it is that they
	// are needed.
	Guess
	Inferred
	Proven
	Seen
	// Kept and Cut are so by the user's decision.
	Kept
	Cut
)

// Cell is a connection of a [Grid].
type Cell struct {
	State State
	// Before and After tell whether policies allow it, now and after the fixes.
	Before, After bool

	told bool // objects tell of it, or it is guessed
}

// Kept reports whether it is to be kept.
func (c Cell) Kept() bool { return c.State >= Blocked && c.State != Cut }

// Unmet reports whether the policies do other than the user has decided: those
// that were there already count too.
func (c Cell) Unmet() bool { return c.State == Kept && !c.After || c.State == Cut && c.After }

// Client is a row of a grid: one who connects.
type Client struct {
	End connections.End
	// Others, if it is not 0, counts workloads of other namespaces of which
	// nothing tells, for which the row stands together.
	Others int
}

// Server is a column of a grid: one who is connected to, at a port, whose
// number is 0 where that is not known.
type Server struct {
	End  connections.End
	Port connections.Port

	declared bool
}

// at reports whether a link leads to the server's port.
func (s Server) at(l connections.Link) bool {
	return l.To == s.End && (len(l.Ports) == 0 || s.Port.Number != 0 && slices.Contains(l.Ports, s.Port))
}

// asked is the port that policies are asked about.
func (s Server) asked() connections.Port {
	l := connections.Link{To: s.End}
	if s.Port.Number != 0 {
		l.Ports = []connections.Port{s.Port}
	}
	return portsAsked(l)[0]
}

// Grid is the matrix of one namespace: who connects, to what, and what becomes
// of it.
type Grid struct {
	Namespace string
	// Clients are the namespace's workloads, who else connects to them, and last
	// those of whom nothing tells.
	Clients []Client
	// Servers are the ports of the namespace's workloads, and what they connect to
	// elsewhere.
	Servers []Server
	// Before and After count the ports that workloads of the cluster reach here,
	// each pair once, of All; the matrix of the namespace has the same figures.
	Before, After, All int
	// Count has the number of cells of each state.
	Count [Cut + 1]int

	cells []Cell
	// others counts, for each server, what those of whom nothing tells reach.
	others []pairs
}

// Cell returns the cell of a client and a server, by their places.
func (g *Grid) Cell(row, col int) Cell { return g.cells[row*len(g.Servers)+col] }

// Grid makes the matrix of a namespace.
func (v *View) Grid(namespace string) *Grid {
	g := &Grid{Namespace: namespace}
	var own, others []connections.End
	for _, w := range v.graph.Workloads {
		if e := connections.Of(w); w.Object.GetNamespace() == namespace {
			own = append(own, e)
		} else {
			others = append(others, e)
		}
	}
	links := slices.Concat(v.graph.Links, v.graph.Cut)
	g.Servers = v.servers(namespace, own, links)
	others = g.addClients(own, others, links)
	v.mu.Lock()
	old := v.last
	v.mu.Unlock()
	v.fill(g, others, newKnown(v, old, g, others))
	v.mu.Lock()
	v.last = &drawn{v.was, v.is, g, others}
	v.mu.Unlock()
	return g
}

// servers returns the columns, those of the namespace first.
func (v *View) servers(namespace string, own []connections.End, links []connections.Link) []Server {
	var out, elsewhere []Server
	seen := map[Server]bool{}
	add := func(list *[]Server, e connections.End, ports []connections.Port) {
		if len(ports) == 0 {
			ports = []connections.Port{{}}
		}
		for _, p := range ports {
			if s := (Server{End: e, Port: p}); !seen[s] {
				seen[s] = true
				*list = append(*list, s)
			}
		}
	}
	for _, e := range own {
		if ports := v.graph.Ports(e); len(ports) > 0 {
			add(&out, e, ports)
		}
	}
	for _, l := range links {
		switch {
		case l.To.Place == connections.DNS:
		case l.To.IsWorkload() && l.To.Workload.Namespace == namespace:
			add(&out, l.To, l.Ports)
		case within(l.From, namespace):
			add(&elsewhere, l.To, l.Ports)
		}
	}
	order := func(a, b Server) int {
		return cmp.Or(compareEnds(a.End, b.End), cmp.Compare(a.Port.Number, b.Port.Number), cmp.Compare(a.Port.Protocol, b.Port.Protocol))
	}
	slices.SortFunc(out, order)
	slices.SortFunc(elsewhere, order)
	declared := map[Server]bool{}
	for _, w := range v.graph.Workloads {
		for _, p := range portsOfPod(w) {
			declared[Server{End: connections.Of(w), Port: p}] = true
		}
	}
	for i := range out {
		out[i].declared = declared[out[i]]
	}
	return append(out, elsewhere...)
}

// addClients makes the rows, and returns the workloads of other namespaces
// that have none.
func (g *Grid) addClients(own, others []connections.End, links []connections.Link) []connections.End {
	seen := map[connections.End]bool{}
	add := func(ends []connections.End) {
		slices.SortFunc(ends, compareEnds)
		for _, e := range ends {
			if !seen[e] {
				seen[e] = true
				g.Clients = append(g.Clients, Client{End: e})
			}
		}
	}
	add(own)
	var outside []connections.End
	for _, l := range links {
		if within(l.To, g.Namespace) && l.To.IsWorkload() {
			outside = append(outside, l.From)
		}
	}
	add(outside)
	others = slices.DeleteFunc(others, func(e connections.End) bool { return seen[e] })
	if len(others) > 0 {
		g.Clients = append(g.Clients, Client{Others: len(others)})
	}
	return others
}

func compareEnds(a, b connections.End) int {
	return cmp.Or(cmp.Compare(a.Place, b.Place), cmp.Compare(a.Workload.Namespace, b.Workload.Namespace), cmp.Compare(a.Workload.Name, b.Workload.Name),
		a.Workload.Compare(b.Workload), cmp.Compare(a.Name, b.Name))
}

// fill judges all cells.
func (v *View) fill(g *Grid, others []connections.End, k *known) {
	g.cells = make([]Cell, len(g.Clients)*len(g.Servers))
	columns := map[connections.End][]int{}
	for i, s := range g.Servers {
		columns[s.End] = append(columns[s.End], i)
	}
	sure := func(graph *connections.Graph, from connections.End) []connections.Certainty {
		out := make([]connections.Certainty, len(g.Servers))
		for _, l := range graph.From(from) {
			for _, col := range columns[l.To] {
				if g.Servers[col].at(l) {
					out[col] = max(out[col], l.Sure)
				}
			}
		}
		return out
	}
	cut := map[connections.End][]connections.Link{}
	for _, l := range v.graph.Cut {
		cut[l.From] = append(cut[l.From], l)
	}
	for row, client := range g.Clients {
		if client.Others > 0 {
			v.fillOthers(g, row, others, k)
			continue
		}
		wanted, told := sure(v.graph, client.End), sure(v.told, client.End)
		for col, server := range g.Servers {
			c := &g.cells[row*len(g.Servers)+col]
			here := within(client.End, g.Namespace) || within(server.End, g.Namespace)
			if !here || client.End == server.End && wanted[col] == 0 && told[col] == 0 {
				continue
			}
			if !k.cell(row, col, c) {
				v.judge(client.End, server, c)
			}
			c.told = told[col] > 0
			if slices.ContainsFunc(cut[client.End], server.at) {
				c.State = Cut
			} else {
				c.State = stateOf(wanted[col], c.Before, c.After)
			}
			if client.End.IsWorkload() && client.End != server.End {
				g.count(server, c.Before, c.After)
			}
		}
	}
	for _, c := range g.cells {
		g.Count[c.State]++
	}
}

func (v *View) judge(from connections.End, to Server, c *Cell) {
	c.Before = v.was.judge(from, to.End, to.asked()).Allowed
	c.After = v.is.judge(from, to.End, to.asked()).Allowed
}

// fillOthers fills the row of those of whom nothing tells: it is open where one
// of them gets through.
func (v *View) fillOthers(g *Grid, row int, others []connections.End, k *known) {
	g.others = make([]pairs, len(g.Servers))
	for col, server := range g.Servers {
		if !within(server.End, g.Namespace) {
			continue
		}
		r := &g.others[col]
		if !k.others(col, r) {
			for _, from := range others {
				var one Cell
				v.judge(from, server, &one)
				r.add(one.Before, one.After)
			}
		}
		if server.declared {
			g.All, g.Before, g.After = g.All+r.all, g.Before+r.before, g.After+r.after
		}
		c := &g.cells[row*len(g.Servers)+col]
		c.Before, c.After = r.before > 0, r.after > 0
		c.State = stateOf(0, c.Before, c.After)
	}
}

// pairs counts who reaches a server.
type pairs struct{ all, before, after int }

func (r *pairs) add(before, after bool) {
	r.all++
	if before {
		r.before++
	}
	if after {
		r.after++
	}
}

func (g *Grid) count(s Server, before, after bool) {
	if s.declared {
		r := pairs{g.All, g.Before, g.After}
		r.add(before, after)
		g.All, g.Before, g.After = r.all, r.before, r.after
	}
}

// stateOf says how a connection stands that is wanted with some certainty, 0
// if it is not.
func stateOf(wanted connections.Certainty, before, after bool) State {
	switch {
	case wanted == connections.Decided:
		return Kept
	case wanted > 0 && !after:
		return Blocked
	case wanted > 0:
		return [...]State{connections.Guessed: Guess, connections.Inferred: Inferred, connections.Proven: Proven, connections.Seen: Seen}[wanted]
	case after:
		return Open
	case before:
		return Lost
	}
	return Closed
}
