package network

import (
	"cmp"
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
)

// Matrix is who may connect to whom, before a plan and after it.
type Matrix struct {
	// Rows are the connections that objects tell of, and for each workload what
	// else could reach it.
	Rows []Row
	// Before and After count the ports of workloads that other workloads reach,
	// each pair and port once, of All.
	Before, After, All int
}

// Row is a connection, or what all those have in common of which nothing tells.
type Row struct {
	From, To connections.End
	Ports    []connections.Port
	// Sure is 0 for what nothing tells of: then Others counts the workloads that
	// the row stands for, and From is empty.
	Sure   connections.Certainty
	Others int
	Why    []connections.Reason
	// Cut: the user has decided to cut it.
	Cut bool
	// Before and After tell whether it is allowed.
	Before, After bool
}

// Compare returns the matrix of an inventory and a draft of it, which may be
// the same, for the workloads of one namespace, or of all where it is empty.
func Compare(before, after *fixes.Inventory, namespace string) Matrix {
	was, is := newSimulation(before), newSimulation(after)
	graph := connections.Find(before)
	var m Matrix
	add := func(links []connections.Link, cut bool) {
		for _, l := range links {
			if l.To.Place == connections.DNS || !within(l.From, namespace) && !within(l.To, namespace) {
				continue
			}
			m.Rows = append(m.Rows, Row{From: l.From, To: l.To, Ports: l.Ports, Sure: l.Sure, Why: l.Why, Cut: cut,
				Before: was.allows(l), After: is.allows(l)})
		}
	}
	add(graph.Links, false)
	add(graph.Cut, true)
	for _, to := range graph.Workloads {
		if namespace != "" && to.Object.GetNamespace() != namespace {
			continue
		}
		for _, port := range portsOfPod(to) {
			m.count(graph, was, is, to, port)
		}
	}
	slices.SortStableFunc(m.Rows, func(a, b Row) int {
		return cmp.Or(a.To.Workload.Compare(b.To.Workload), cmp.Compare(b.Sure, a.Sure))
	})
	return m
}

// count adds to the matrix who reaches a port of a workload without anything
// that tells of it.
func (m *Matrix) count(graph *connections.Graph, was, is *simulation, to fixes.Workload, port connections.Port) {
	told := map[connections.End]bool{}
	for _, l := range slices.Concat(graph.To(connections.Of(to)), graph.Cut) {
		if l.To == connections.Of(to) && (len(l.Ports) == 0 || slices.Contains(l.Ports, port)) {
			told[l.From] = true
		}
	}
	others := map[[2]bool]int{}
	for _, from := range graph.Workloads {
		if from.Ref() == to.Ref() {
			continue
		}
		l := connections.Link{From: connections.Of(from), To: connections.Of(to), Ports: []connections.Port{port}}
		before, after := was.allows(l), is.allows(l)
		m.All++
		if before {
			m.Before++
		}
		if after {
			m.After++
		}
		if !told[l.From] {
			others[[2]bool{before, after}]++
		}
	}
	for _, states := range [][2]bool{{true, true}, {true, false}} {
		if n := others[states]; n > 0 {
			m.Rows = append(m.Rows, Row{To: connections.Of(to), Ports: []connections.Port{port}, Others: n, Before: states[0], After: states[1]})
		}
	}
}

func within(e connections.End, namespace string) bool {
	return namespace == "" || e.IsWorkload() && e.Workload.Namespace == namespace
}
