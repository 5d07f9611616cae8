package network

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/netpol"
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
	// Before and After tell whether it is allowed.
	Before, After bool
}

// Compare returns the matrix of an inventory and a draft of it, which may be
// the same, for the workloads of one namespace, or of all where it is empty.
func Compare(before, after *fixes.Inventory, namespace string) Matrix {
	was, is := newSimulation(before), newSimulation(after)
	graph := connections.Find(before)
	var m Matrix
	for _, l := range graph.Links {
		if l.To.Place == connections.DNS || !within(l.From, namespace) && !within(l.To, namespace) {
			continue
		}
		m.Rows = append(m.Rows, Row{From: l.From, To: l.To, Ports: l.Ports, Sure: l.Sure, Why: l.Why,
			Before: was.allows(l), After: is.allows(l)})
	}
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
	for _, l := range graph.To(connections.Of(to)) {
		if len(l.Ports) == 0 || slices.Contains(l.Ports, port) {
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

// simulation answers for one state of the objects.
type simulation struct {
	policies *netpol.Policies
	named    []named
	api      connections.API
	peers    map[connections.End]netpol.Peer
}

func newSimulation(inv *fixes.Inventory) *simulation {
	s := &simulation{policies: compilePolicies(inv), named: namedHosts(inv),
		api: connections.Find(inv).API, peers: map[connections.End]netpol.Peer{}}
	for _, w := range inv.Workloads("") {
		s.peers[connections.Of(w)] = peerOf(inv, w)
	}
	return s
}

// allows reports whether the policies allow a link at all of its ports. Of an
// end that is no workload only the other end's policies are asked, for an
// address outside of all private ones.
func (s *simulation) allows(l connections.Link) bool {
	from, to := s.peer(l.From), s.peer(l.To)
	ports := l.Ports
	if l.To.Place == connections.APIServer {
		if s.api.Exact() {
			return s.reachesAPI(from)
		}
		ports = apiPorts[:1]
	}
	if l.From.Place == connections.APIServer && len(s.api.Sources) > 0 {
		from.Addrs = []netip.Addr{s.api.Sources[0].Addr()}
	}
	if len(ports) == 0 {
		ports = []connections.Port{{Protocol: corev1.ProtocolTCP, Number: 65_535}} // any will do
	}
	return !slices.ContainsFunc(ports, func(p connections.Port) bool {
		return !s.policies.Allows(netpol.Connection{From: from, To: to, Protocol: p.Protocol, Port: p.Number}) && !s.byName(from, l.To, p)
	})
}

// byName reports whether a policy of Cilium lets a pod reach a host by its name.
func (s *simulation) byName(from netpol.Peer, to connections.End, port connections.Port) bool {
	return to.Place == connections.Host && slices.ContainsFunc(s.named, func(n named) bool {
		return n.namespace == from.Namespace && n.allow(from.Labels, to.Name, port)
	})
}

// reachesAPI reports whether a pod reaches all addresses of the Kubernetes API.
func (s *simulation) reachesAPI(from netpol.Peer) bool {
	return !slices.ContainsFunc(slices.Concat(s.api.Servers, s.api.Service), func(at netip.AddrPort) bool {
		return !s.policies.Allows(netpol.Connection{From: from, To: netpol.Peer{Addrs: []netip.Addr{at.Addr()}}, Port: int32(at.Port())})
	})
}

func (s *simulation) peer(e connections.End) netpol.Peer {
	if e.IsWorkload() {
		return s.peers[e]
	}
	switch e.Place {
	case connections.Pods:
		return netpol.Peer{Namespace: e.Name, NamespaceLabels: labels.Set{corev1.LabelMetadataName: e.Name}}
	case connections.AnyPod:
		return netpol.Peer{Namespace: "any"} // of a namespace without labels
	}
	p := netpol.Peer{Addrs: addresses(e)}
	if e.Place == connections.Host {
		p.Host = e.Name
	}
	return p
}

// peerOf returns a pod of a workload.
func peerOf(inv *fixes.Inventory, w fixes.Workload) netpol.Peer {
	ns := w.Object.GetNamespace()
	p := netpol.Peer{Namespace: ns, Name: w.Ref().String(), Labels: w.Meta.Labels, HostNetwork: w.Spec.HostNetwork,
		NamespaceLabels: namespaceLabels(inv, ns)}
	if node, ok := fixes.Lookup[*corev1.Node](inv, "", w.Spec.NodeName); ok && p.HostNetwork {
		p.NodeLabels = labels.Set(node.Labels)
	}
	for c := range w.Containers() {
		for _, port := range c.Ports {
			port.Protocol = cmp.Or(port.Protocol, corev1.ProtocolTCP)
			p.Ports = append(p.Ports, port)
		}
	}
	return p
}

// portsOfPod returns the ports that a workload's containers declare, each once.
func portsOfPod(w fixes.Workload) []connections.Port {
	var out []connections.Port
	for c := range w.Containers() {
		for _, p := range c.Ports {
			port := connections.Port{Protocol: cmp.Or(p.Protocol, corev1.ProtocolTCP), Number: p.ContainerPort}
			if !slices.Contains(out, port) {
				out = append(out, port)
			}
		}
	}
	return out
}
