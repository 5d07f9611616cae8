// Package netpol says which connections NetworkPolicies allow: the semantics of
// networking.k8s.io/v1 as its API documents them and its conformance tests pin
// them down, and around them those of the administrators' policies
// (policy.networking.k8s.io), and nothing else. It knows no Services: a
// connection is one between pods, or a pod and an address, at the port of the
// pod.
package netpol

import (
	"cmp"
	"maps"
	"net/netip"
	"reflect"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Peer is an end of a connection: a pod, or an address outside of all pods.
type Peer struct {
	// Namespace and Name are a pod's. Namespace is empty for an address.
	Namespace, Name string
	// NamespaceLabels are those of the pod's namespace.
	NamespaceLabels labels.Set
	Labels          labels.Set
	// Ports are what the pod's containers declare: named ports are looked up in
	// them.
	Ports []corev1.ContainerPort
	// HostNetwork: the pod shares its node's network. No policy applies to it, and
	// no selector finds it.
	HostNetwork bool
	// Addrs are the peer's addresses, as far as they are known. An ipBlock
	// speaks of pods too, though plugins differ in whether they see the address
	// of a pod or of its node.
	Addrs []netip.Addr
	// NodeLabels are those of the node whose address the peer has, if it has one's.
	NodeLabels labels.Set
	// Host is the name by which an address is known, if it is.
	Host string
}

// pod reports whether policies and their selectors see a pod.
func (p Peer) pod() bool { return p.Namespace != "" && !p.HostNetwork }

// same reports whether two peers are one pod.
func (p Peer) same(o Peer) bool {
	return p.pod() && o.pod() && p.Namespace == o.Namespace && p.Name != "" && p.Name == o.Name
}

// Connection is a connection that is opened, or a datagram that is sent.
type Connection struct {
	From, To Peer
	// Protocol is TCP where it is empty.
	Protocol corev1.Protocol
	// Port is the port of the pod, not of a Service.
	Port int32
}

// Policies are the NetworkPolicies of a cluster, prepared for questions. They
// are safe for concurrent use.
type Policies struct {
	ingress, egress map[string][]side // by namespace
	admin           tiers
}

// side is what a policy says of one direction.
type side struct {
	policy *networkingv1.NetworkPolicy
	pods   labels.Selector
	rules  []rule
}

// rule allows connections with certain peers at certain ports. Without peers
// it allows all of them, without ports all of these.
type rule struct {
	peers []peer
	ports []networkingv1.NetworkPolicyPort
}

// peer is a NetworkPolicyPeer: an address block, or pods by the labels of
// their namespace and their own.
type peer struct {
	block      netip.Prefix
	except     []netip.Prefix
	namespaces labels.Selector // nil: the policy's namespace
	pods       labels.Selector // nil: all pods
}

// Compile prepares policies, with those of the administrators around them. Of a
// policy that no API server would take (a selector or a block that cannot be
// read), the rule in question allows nothing.
func Compile(policies []*networkingv1.NetworkPolicy, admin ...*AdminPolicy) *Policies {
	out := &Policies{ingress: map[string][]side{}, egress: map[string][]side{}, admin: newTiers(admin)}
	for _, p := range policies {
		pods, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if err != nil {
			continue
		}
		if Isolates(p, networkingv1.PolicyTypeIngress) {
			s := side{policy: p, pods: pods}
			for _, r := range p.Spec.Ingress {
				s.rules = append(s.rules, compile(r.From, r.Ports)...)
			}
			out.ingress[p.Namespace] = append(out.ingress[p.Namespace], s)
		}
		if Isolates(p, networkingv1.PolicyTypeEgress) {
			s := side{policy: p, pods: pods}
			for _, r := range p.Spec.Egress {
				s.rules = append(s.rules, compile(r.To, r.Ports)...)
			}
			out.egress[p.Namespace] = append(out.egress[p.Namespace], s)
		}
	}
	return out
}

// Isolates reports whether a policy isolates the pods that it selects in a
// direction. Without policyTypes, which manifests often leave out, it always
// does for ingress, and for egress if it has any egress rule
// (NetworkPolicySpec).
func Isolates(policy *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) bool {
	if len(policy.Spec.PolicyTypes) > 0 {
		return slices.Contains(policy.Spec.PolicyTypes, direction)
	}
	return direction == networkingv1.PolicyTypeIngress || len(policy.Spec.Egress) > 0
}

// compile returns the rule, or none where it has peers and none of them can be
// read: a rule without peers would allow everybody.
func compile(peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) []rule {
	r := rule{ports: ports}
	for _, p := range peers {
		if compiled, ok := compilePeer(p); ok {
			r.peers = append(r.peers, compiled)
		}
	}
	if len(peers) > 0 && len(r.peers) == 0 {
		return nil
	}
	return []rule{r}
}

func compilePeer(p networkingv1.NetworkPolicyPeer) (peer, bool) {
	var out peer
	var err error
	if p.IPBlock != nil {
		if out.block, err = netip.ParsePrefix(p.IPBlock.CIDR); err != nil {
			return peer{}, false
		}
		for _, except := range p.IPBlock.Except {
			block, err := netip.ParsePrefix(except)
			if err != nil {
				return peer{}, false
			}
			out.except = append(out.except, block)
		}
		return out, true
	}
	if p.NamespaceSelector != nil {
		if out.namespaces, err = metav1.LabelSelectorAsSelector(p.NamespaceSelector); err != nil {
			return peer{}, false
		}
	}
	if p.PodSelector != nil {
		if out.pods, err = metav1.LabelSelectorAsSelector(p.PodSelector); err != nil {
			return peer{}, false
		}
	}
	return out, p.NamespaceSelector != nil || p.PodSelector != nil
}

// Verdict is what policies say of a connection.
type Verdict struct {
	Allowed bool
	// Egress and Ingress are the policies that decided, on the side of the one
	// who connects and of the one who is connected to: one that allows it, or all
	// that isolate the pod and do not. They are empty where none isolates it, or
	// an administrator's policy decided.
	Egress, Ingress []*networkingv1.NetworkPolicy
	// EgressAdmin and IngressAdmin are the administrators' policies that decided,
	// where one did.
	EgressAdmin, IngressAdmin *AdminPolicy
}

// Judge says whether a connection is allowed, and by what. A pod always
// reaches itself.
func (p *Policies) Judge(c Connection) Verdict {
	return Judge(p.Endpoint(c.From), p.Endpoint(c.To), c.Protocol, c.Port)
}

// Allows reports whether a connection is allowed.
func (p *Policies) Allows(c Connection) bool { return p.Judge(c).Allowed }

// Endpoint is a peer with the policies that select it, looked up once for many
// questions.
type Endpoint struct {
	Peer
	ingress, egress []side
	admin           tiers
}

// Endpoint looks up which policies select a peer.
func (p *Policies) Endpoint(peer Peer) Endpoint {
	e := Endpoint{Peer: peer}
	if !peer.pod() {
		return e
	}
	selecting := func(all []side) (out []side) {
		for _, s := range all {
			if s.pods.Matches(peer.Labels) {
				out = append(out, s)
			}
		}
		return out
	}
	e.ingress, e.egress = selecting(p.ingress[peer.Namespace]), selecting(p.egress[peer.Namespace])
	e.admin = p.admin.about(peer)
	return e
}

// Same reports whether two endpoints, of two compilations perhaps, are one peer
// that the same policies select, as far as those decide.
func (e *Endpoint) Same(o *Endpoint) bool {
	same := func(a, b []side) bool {
		return slices.EqualFunc(a, b, func(x, y side) bool {
			return x.policy == y.policy || x.policy.Namespace == y.policy.Namespace && reflect.DeepEqual(x.policy.Spec, y.policy.Spec)
		})
	}
	return same(e.ingress, o.ingress) && same(e.egress, o.egress) && maps.EqualFunc(e.admin, o.admin, slices.Equal) && reflect.DeepEqual(e.Peer, o.Peer)
}

// Judge says whether a connection between two endpoints is allowed, and by
// what, as [Policies.Judge] does.
func Judge(from, to Endpoint, protocol corev1.Protocol, port int32) Verdict {
	if from.same(to.Peer) {
		return Verdict{Allowed: true}
	}
	c := Connection{From: from.Peer, To: to.Peer, Protocol: cmp.Or(protocol, corev1.ProtocolTCP), Port: port}
	out := from.decide(networkingv1.PolicyTypeEgress, &c.To, &c)
	in := to.decide(networkingv1.PolicyTypeIngress, &c.From, &c)
	return Verdict{Allowed: out.allowed && in.allowed, Egress: out.policies, Ingress: in.policies,
		EgressAdmin: out.admin, IngressAdmin: in.admin}
}

// decision is a verdict of one side.
type decision struct {
	allowed  bool
	policies []*networkingv1.NetworkPolicy
	admin    *AdminPolicy
}

// decide judges one side by the policies that select the pod there; other is
// the peer at the other end. The administrators' first tier comes first. Then
// NetworkPolicies decide for the pods that they isolate; for the others, the
// second tier does.
func (e *Endpoint) decide(direction networkingv1.PolicyType, other *Peer, c *Connection) decision {
	if action, by := e.admin.decide(AdminTier, direction, other, c); action != Pass {
		return decision{allowed: action == Accept, admin: by}
	}
	sides := e.ingress
	if direction == networkingv1.PolicyTypeEgress {
		sides = e.egress
	}
	if len(sides) > 0 {
		allowed, by := union(sides, other, c)
		return decision{allowed: allowed, policies: by}
	}
	if action, by := e.admin.decide(BaselineTier, direction, other, c); action != Pass {
		return decision{allowed: action == Accept, admin: by}
	}
	return decision{allowed: true}
}

// union asks the NetworkPolicies that isolate a pod: they add up, one that
// allows is enough. It returns those that decided.
func union(selecting []side, other *Peer, c *Connection) (bool, []*networkingv1.NetworkPolicy) {
	for _, s := range selecting {
		if slices.ContainsFunc(s.rules, func(r rule) bool { return r.allows(s.policy.Namespace, other, c) }) {
			return true, []*networkingv1.NetworkPolicy{s.policy}
		}
	}
	var isolating []*networkingv1.NetworkPolicy
	for _, s := range selecting {
		isolating = append(isolating, s.policy)
	}
	return false, isolating
}

func (r rule) allows(namespace string, other *Peer, c *Connection) bool {
	if len(r.peers) > 0 && !slices.ContainsFunc(r.peers, func(p peer) bool { return p.matches(namespace, other) }) {
		return false
	}
	return len(r.ports) == 0 || slices.ContainsFunc(r.ports, func(p networkingv1.NetworkPolicyPort) bool { return opens(p, c) })
}

func (p peer) matches(namespace string, other *Peer) bool {
	if p.block.IsValid() {
		return slices.ContainsFunc(other.Addrs, func(addr netip.Addr) bool {
			addr = addr.Unmap().WithZone("")
			return p.block.Contains(addr) &&
				!slices.ContainsFunc(p.except, func(e netip.Prefix) bool { return e.Contains(addr) })
		})
	}
	switch {
	case !other.pod():
		return false
	case p.namespaces == nil && other.Namespace != namespace:
		return false
	case p.namespaces != nil && !p.namespaces.Matches(other.NamespaceLabels):
		return false
	}
	return p.pods == nil || p.pods.Matches(other.Labels)
}

// opens reports whether a port of a rule is that of a connection. A name is
// looked up in the pod that is connected to; where nothing declares it, it
// opens nothing.
func opens(port networkingv1.NetworkPolicyPort, c *Connection) bool {
	protocol := corev1.ProtocolTCP
	if port.Protocol != nil {
		protocol = *port.Protocol
	}
	switch {
	case protocol != c.Protocol:
		return false
	case port.Port == nil:
		return true
	case port.Port.Type == intstr.String:
		return c.To.declares(port.Port.StrVal, c)
	case port.EndPort != nil:
		return port.Port.IntVal <= c.Port && c.Port <= *port.EndPort
	}
	return port.Port.IntVal == c.Port
}

// declares reports whether a pod gives a connection's port a name.
func (p Peer) declares(name string, c *Connection) bool {
	return p.pod() && slices.ContainsFunc(p.Ports, func(d corev1.ContainerPort) bool {
		return d.Name == name && cmp.Or(d.Protocol, corev1.ProtocolTCP) == c.Protocol && d.ContainerPort == c.Port
	})
}
