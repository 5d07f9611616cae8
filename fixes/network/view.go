package network

import (
	"cmp"
	"slices"
	"sync"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/netpol"
)

// View is what the matrices of a scan's namespaces are made of: the connections
// that objects tell of, as the user wants them, and the policies before and
// after the fixes that close namespaces. It is safe for concurrent use.
type View struct {
	// Segments are the namespaces: first those that are open, the largest first, and
	// last those in which nothing connects to anything.
	Segments []Segment

	graph, told *connections.Graph
	was, is     *simulation

	mu   sync.Mutex // guards last
	last *drawn
}

// Segment is a namespace and how its connections stand.
type Segment struct {
	Namespace string
	// Workloads counts those with a network of their own.
	Workloads int
	// Kept counts the connections to and from them with evidence, Guessed those
	// without, Decided those that the user keeps and Cut those that he cuts.
	Kept, Guessed, Decided, Cut int
	// Finding is that of the namespace being open; nil where policies close it
	// already.
	Finding *fixes.Finding
}

// Looked reports whether the rule that closes namespaces was among those of a
// scan, without which there is nothing to view.
func Looked(result *fixes.Result) bool {
	return slices.ContainsFunc(result.Rules, func(r *fixes.Rule) bool { return r.ID == RuleNoDefaultDeny })
}

// NewView makes the fixes of all open namespaces on a draft, and compares.
func NewView(result *fixes.Result) (*View, error) {
	after, err := CloseAll(result)
	if err != nil {
		return nil, err
	}
	inv := result.Inventory
	v := &View{graph: connections.Find(inv), told: connections.Told(inv),
		was: newSimulation(inv), is: newSimulation(after.Inventory)}
	v.survey(result)
	return v, nil
}

// After returns the view of a result that the user's decisions have made of the
// one that this view is of. What both agree in is not worked out again.
func (v *View) After(result *fixes.Result) (*View, error) {
	next, err := NewView(result)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	next.last = v.last
	return next, nil
}

// CloseAll returns a draft in which all namespaces are closed that a scan found
// open.
func CloseAll(result *fixes.Result) (*fixes.Draft, error) {
	after := result.Inventory.Draft()
	for _, f := range slices.Concat(result.Findings, result.Others) {
		if f.Rule.ID != RuleNoDefaultDeny || f.Fix() == nil || f.Fix().Edit == nil {
			continue
		}
		if err := f.Fix().Edit(after); err != nil {
			return nil, err
		}
	}
	return after, nil
}

func (v *View) survey(result *fixes.Result) {
	at := map[string]*Segment{}
	for _, name := range result.Inventory.UserNamespaces() {
		at[name] = &Segment{Namespace: name}
	}
	for _, f := range slices.Concat(result.Findings, result.Others) {
		if s := at[f.Object.Name]; s != nil && f.Rule.ID == RuleNoDefaultDeny {
			s.Finding = f
		}
	}
	for _, w := range v.graph.Workloads {
		if s := at[w.Object.GetNamespace()]; s != nil {
			s.Workloads++
		}
	}
	count := func(links []connections.Link, counter func(*Segment, connections.Link) *int) {
		for _, l := range links {
			if l.To.Place == connections.DNS {
				continue
			}
			from, to := at[l.From.Workload.Namespace], at[l.To.Workload.Namespace]
			if from != nil {
				*counter(from, l)++
			}
			if to != nil && to != from {
				*counter(to, l)++
			}
		}
	}
	count(v.graph.Links, func(s *Segment, l connections.Link) *int {
		switch l.Sure {
		case connections.Decided:
			return &s.Decided
		case connections.Guessed:
			return &s.Guessed
		}
		return &s.Kept
	})
	count(v.graph.Cut, func(s *Segment, _ connections.Link) *int { return &s.Cut })
	for _, name := range result.Inventory.UserNamespaces() {
		if s := at[name]; s.Workloads > 0 {
			v.Segments = append(v.Segments, *s)
		}
	}
	slices.SortStableFunc(v.Segments, func(a, b Segment) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(b.Workloads, a.Workloads))
	})
}

// rank puts first what is to be looked at first.
func (s Segment) rank() int {
	switch {
	case s.Kept+s.Guessed+s.Decided+s.Cut == 0:
		return 2
	case s.Finding == nil:
		return 1
	}
	return 0
}

// Why returns what tells of a cell's connection, and how sure each is.
func (v *View) Why(g *Grid, row, col int) []connections.Link {
	from, to := g.Clients[row].End, g.Servers[col]
	var out []connections.Link
	for _, l := range slices.Concat(v.graph.From(from), v.graph.Cut) {
		if l.From == from && to.at(l) {
			out = append(out, l)
		}
	}
	return out
}

// Policies returns what the policies say of a cell's connection, now and after
// the fixes.
func (v *View) Policies(g *Grid, row, col int) (now, after netpol.Verdict) {
	from, to := g.Clients[row].End, g.Servers[col]
	return v.was.judge(from, to.End, to.asked()), v.is.judge(from, to.End, to.asked())
}

// Decide returns some decisions with one about a cell's connection: that it is
// kept, or cut. A decision is taken back, rather than another added, where the
// same would be so without any.
func (v *View) Decide(decisions []fixes.Decision, g *Grid, row, col int, keep bool) []fixes.Decision {
	return v.decide(decisions, g, row, col, keep, g.Cell(row, col).told == keep)
}

// Confirm returns some decisions with one that a cell's connection is kept,
// even where it would be anyway.
func (v *View) Confirm(decisions []fixes.Decision, g *Grid, row, col int) []fixes.Decision {
	return v.decide(decisions, g, row, col, true, false)
}

func (v *View) decide(decisions []fixes.Decision, g *Grid, row, col int, keep, anyway bool) []fixes.Decision {
	from, to := g.Clients[row].End, g.Servers[col]
	alone := func(d fixes.DecidedEnd, e connections.End) bool {
		return connections.Named(d, e) && (d.Place == "") == e.IsWorkload()
	}
	var out []fixes.Decision
	for _, d := range decisions {
		named := connections.Named(d.From, from) && connections.Named(d.To, to.End)
		switch {
		case named && d.Port == to.Port.Number && (d.Port == 0 || d.Protocol == to.Port.Protocol) && alone(d.From, from) && alone(d.To, to.End):
			continue
		case named && (d.Port == 0 || d.Port == to.Port.Number):
			anyway = false // another decision speaks of it
		}
		out = append(out, d)
	}
	if anyway {
		return out
	}
	d := fixes.Decision{Keep: keep, From: v.graph.EndOf(from), To: v.graph.EndOf(to.End)}
	if to.Port.Number != 0 {
		d.Port, d.Protocol = to.Port.Number, to.Port.Protocol
	}
	return append(out, d)
}
