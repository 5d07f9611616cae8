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

// simulation answers for one state of the objects.
type simulation struct {
	policies  *netpol.Policies
	named     []named
	api       connections.API
	endpoints map[connections.End]netpol.Endpoint
}

func newSimulation(inv *fixes.Inventory) *simulation {
	s := &simulation{policies: compilePolicies(inv), named: namedHosts(inv), api: connections.Find(inv).API,
		endpoints: map[connections.End]netpol.Endpoint{}}
	for _, w := range inv.Workloads("") {
		s.endpoints[connections.Of(w)] = s.policies.Endpoint(peerOf(inv, w))
	}
	return s
}

// allows reports whether the policies allow a link at all of its ports. Of an
// end that is no workload only the other end's policies are asked, for an
// address outside of all private ones.
func (s *simulation) allows(l connections.Link) bool {
	return !slices.ContainsFunc(portsAsked(l), func(p connections.Port) bool { return !s.judge(l.From, l.To, p).Allowed })
}

// portsAsked are those that stand for all of a link's.
func portsAsked(l connections.Link) []connections.Port {
	switch {
	case l.To.Place == connections.APIServer:
		return apiPorts[:1]
	case len(l.Ports) == 0:
		return []connections.Port{{Protocol: corev1.ProtocolTCP, Number: 65_535}} // any will do
	}
	return l.Ports
}

// judge asks the policies. A link of a workload to itself is one between two of
// its pods.
func (s *simulation) judge(from, to connections.End, p connections.Port) netpol.Verdict {
	sender := s.endpoint(from)
	if from == to {
		sender.Name += ", another"
	}
	if to.Place == connections.APIServer && s.api.Exact() {
		return s.toAPI(sender)
	}
	v := netpol.Judge(sender, s.endpoint(to), p.Protocol, p.Number)
	v.Allowed = v.Allowed || s.byName(sender.Peer, to, p)
	return v
}

// byName reports whether a policy of Cilium lets a pod reach a host by its name.
func (s *simulation) byName(from netpol.Peer, to connections.End, port connections.Port) bool {
	return to.Place == connections.Host && slices.ContainsFunc(s.named, func(n named) bool {
		return n.namespace == from.Namespace && n.allow(from.Labels, to.Name, port)
	})
}

// toAPI says whether a pod reaches all addresses of the Kubernetes API.
func (s *simulation) toAPI(from netpol.Endpoint) netpol.Verdict {
	var v netpol.Verdict
	for _, at := range slices.Concat(s.api.Servers, s.api.Service) {
		to := netpol.Endpoint{Peer: netpol.Peer{Addrs: []netip.Addr{at.Addr()}}}
		if v = netpol.Judge(from, to, corev1.ProtocolTCP, int32(at.Port())); !v.Allowed {
			break
		}
	}
	return v
}

func (s *simulation) endpoint(e connections.End) netpol.Endpoint {
	if e.IsWorkload() {
		return s.endpoints[e]
	}
	switch e.Place {
	case connections.Pods:
		return s.policies.Endpoint(netpol.Peer{Namespace: e.Name, NamespaceLabels: labels.Set{corev1.LabelMetadataName: e.Name}})
	case connections.AnyPod:
		return s.policies.Endpoint(netpol.Peer{Namespace: "any"}) // of a namespace without labels
	}
	p := netpol.Peer{Addrs: addresses(e)}
	switch {
	case e.Place == connections.Host:
		p.Host = e.Name
	case e.Place == connections.APIServer && len(s.api.Sources) > 0:
		p.Addrs = []netip.Addr{s.api.Sources[0].Addr()}
	}
	return netpol.Endpoint{Peer: p}
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
