package connections

import (
	"strconv"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// nodes finds the workloads of a graph: there are thousands of them, and much is
// asked about those of one namespace.
type nodes struct {
	places map[End]int // of [Graph.Workloads]
	in     map[string][]fixes.Workload
}

func newNodes(workloads []fixes.Workload) nodes {
	n := nodes{make(map[End]int, len(workloads)), map[string][]fixes.Workload{}}
	for i, w := range workloads {
		n.places[Of(w)] = i
		ns := w.Object.GetNamespace()
		n.in[ns] = append(n.in[ns], w)
	}
	return n
}

// linkKey is what a link is known by.
type linkKey struct {
	from, to End
	ports    string
}

func keyOf(l Link) linkKey {
	var ports []byte
	for _, p := range l.Ports {
		ports = append(append(strconv.AppendInt(ports, int64(p.Number), 10), p.Protocol...), ' ')
	}
	return linkKey{l.From, l.To, string(ports)}
}
