package netpol

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// Tier is when a policy of the cluster's administrators is asked: before the
// NetworkPolicies, or after them for pods that none isolates
// (sigs.k8s.io/network-policy-api, ClusterNetworkPolicySpec).
type Tier string

// The tiers.
const (
	AdminTier    Tier = "Admin"
	BaselineTier Tier = "Baseline"
)

// Action is what a rule of an administrator's policy does with a connection
// that it matches.
type Action string

// The actions.
const (
	// Accept ends the decision for the policy's side of the connection. Policies
	// of v1alpha1 call it Allow.
	Accept Action = "Accept"
	Deny   Action = "Deny"
	// Pass leaves the connection to the next tier.
	Pass Action = "Pass"
)

// AdminPolicy is an AdminNetworkPolicy, a BaselineAdminNetworkPolicy
// (policy.networking.k8s.io/v1alpha1) or a ClusterNetworkPolicy (v1alpha2, v1beta1),
// prepared for questions.
type AdminPolicy struct {
	Kind, Name string
	Tier       Tier
	// Priority orders the policies of a tier, the lowest first. Of policies of one
	// priority any may come first, says the API; here it is the name that decides.
	Priority int32

	subject         adminPeer
	ingress, egress []adminRule
}

// String returns "AdminNetworkPolicy strict".
func (p *AdminPolicy) String() string { return p.Kind + " " + p.Name }

// adminRule does something with connections with certain peers at certain
// ports; without ports at all of them.
type adminRule struct {
	action Action
	// all: it matches everything, since it has peers or ports of a sort that is
	// not known; see [failClosed].
	all   bool
	peers []adminPeer
	ports []adminPort
}

// adminPeer is one of: pods by the labels of their namespace and their own,
// nodes, address blocks, host names.
type adminPeer struct {
	namespaces, pods labels.Selector // pods nil: all pods
	nodes            labels.Selector
	networks         []netip.Prefix
	domains          []string
}

// adminPort is a range of ports, or the name of one.
type adminPort struct {
	protocol    corev1.Protocol // empty for a name: whatever the pod declares
	first, last int32
	name        string
}

// ReadAdmin reads a policy from its JSON, of any of the three kinds in any of
// their versions. It returns false for what is none, or does not fit the API.
func ReadAdmin(content map[string]any) (*AdminPolicy, bool) {
	var o adminObject
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, &o); err != nil {
		return nil, false
	}
	p := &AdminPolicy{Kind: o.Kind, Name: o.Metadata.Name, Priority: o.Spec.Priority}
	switch o.Kind {
	case "AdminNetworkPolicy":
		p.Tier = AdminTier
	case "BaselineAdminNetworkPolicy":
		p.Tier = BaselineTier
	case "ClusterNetworkPolicy":
		p.Tier = o.Spec.Tier
	}
	if p.Tier != AdminTier && p.Tier != BaselineTier {
		return nil, false
	}
	var known bool
	if p.subject, known = o.Spec.Subject.compile(); !known || p.subject.namespaces == nil {
		return nil, false
	}
	for _, r := range o.Spec.Ingress {
		p.ingress = append(p.ingress, r.compile(r.From)...)
	}
	for _, r := range o.Spec.Egress {
		p.egress = append(p.egress, r.compile(r.To)...)
	}
	return p, true
}

// adminObject has the fields of all three kinds; no two versions use one name
// for different things.
type adminObject struct {
	Kind     string            `json:"kind"`
	Metadata metav1.ObjectMeta `json:"metadata"`
	Spec     struct {
		Tier     Tier              `json:"tier"`
		Priority int32             `json:"priority"`
		Subject  adminObjectPeer   `json:"subject"`
		Ingress  []adminObjectRule `json:"ingress"`
		Egress   []adminObjectRule `json:"egress"`
	} `json:"spec"`
}

type adminObjectRule struct {
	Action Action            `json:"action"`
	From   []adminObjectPeer `json:"from"`
	To     []adminObjectPeer `json:"to"`
	// Ports are those of v1alpha1, Protocols of v1alpha2 and v1beta1.
	Ports     []adminObjectPort     `json:"ports"`
	Protocols []adminObjectProtocol `json:"protocols"`
}

type adminObjectPeer struct {
	Namespaces *metav1.LabelSelector `json:"namespaces"`
	Pods       *struct {
		NamespaceSelector metav1.LabelSelector `json:"namespaceSelector"`
		PodSelector       metav1.LabelSelector `json:"podSelector"`
	} `json:"pods"`
	Nodes       *metav1.LabelSelector `json:"nodes"`
	Networks    []string              `json:"networks"`
	DomainNames []string              `json:"domainNames"`
}

type adminObjectPort struct {
	PortNumber *struct {
		Protocol corev1.Protocol `json:"protocol"`
		Port     int32           `json:"port"`
	} `json:"portNumber"`
	PortRange *struct {
		Protocol corev1.Protocol `json:"protocol"`
		Start    int32           `json:"start"`
		End      int32           `json:"end"`
	} `json:"portRange"`
	NamedPort string `json:"namedPort"`
}

type adminObjectProtocol struct {
	TCP                  *adminDestination `json:"tcp"`
	UDP                  *adminDestination `json:"udp"`
	SCTP                 *adminDestination `json:"sctp"`
	DestinationNamedPort string            `json:"destinationNamedPort"`
}

type adminDestination struct {
	DestinationPort *struct {
		Number int32 `json:"number"`
		Range  *struct {
			Start int32 `json:"start"`
			End   int32 `json:"end"`
		} `json:"range"`
	} `json:"destinationPort"`
}

// compile returns the rule, or none where it matches nothing.
func (r adminObjectRule) compile(peers []adminObjectPeer) []adminRule {
	out := adminRule{action: r.Action}
	if r.Action == "Allow" {
		out.action = Accept
	}
	for _, p := range peers {
		compiled, known := p.compile()
		if !known {
			return failClosed(out.action)
		}
		out.peers = append(out.peers, compiled)
	}
	for _, p := range r.Ports {
		compiled, known := p.compile()
		if !known {
			return failClosed(out.action)
		}
		out.ports = append(out.ports, compiled)
	}
	for _, p := range r.Protocols {
		compiled, known := p.compile()
		if !known {
			return failClosed(out.action)
		}
		out.ports = append(out.ports, compiled)
	}
	return []adminRule{out}
}

// failClosed is what the API asks for where a rule has something that is not
// known: one that accepts matches nothing, any other denies everything
// (ClusterNetworkPolicyEgressPeer).
func failClosed(action Action) []adminRule {
	if action == Accept {
		return nil
	}
	return []adminRule{{action: Deny, all: true}}
}

func (p adminObjectPeer) compile() (out adminPeer, known bool) {
	selector := func(s *metav1.LabelSelector) labels.Selector {
		compiled, err := metav1.LabelSelectorAsSelector(s)
		known = known && err == nil
		return compiled
	}
	known = true
	switch {
	case p.Namespaces != nil:
		out.namespaces = selector(p.Namespaces)
	case p.Pods != nil:
		out.namespaces, out.pods = selector(&p.Pods.NamespaceSelector), selector(&p.Pods.PodSelector)
	case p.Nodes != nil:
		out.nodes = selector(p.Nodes)
	case len(p.Networks) > 0:
		for _, cidr := range p.Networks {
			block, err := netip.ParsePrefix(cidr)
			known = known && err == nil
			out.networks = append(out.networks, block)
		}
	case len(p.DomainNames) > 0:
		out.domains = p.DomainNames
	default:
		known = false
	}
	return out, known
}

func (p adminObjectPort) compile() (out adminPort, known bool) {
	switch {
	case p.PortNumber != nil:
		return adminPort{protocol: cmp.Or(p.PortNumber.Protocol, corev1.ProtocolTCP), first: p.PortNumber.Port, last: p.PortNumber.Port}, true
	case p.PortRange != nil:
		return adminPort{protocol: cmp.Or(p.PortRange.Protocol, corev1.ProtocolTCP), first: p.PortRange.Start, last: p.PortRange.End}, true
	case p.NamedPort != "":
		return adminPort{name: p.NamedPort}, true
	}
	return adminPort{}, false
}

func (p adminObjectProtocol) compile() (out adminPort, known bool) {
	var d *adminDestination
	switch {
	case p.TCP != nil:
		out.protocol, d = corev1.ProtocolTCP, p.TCP
	case p.UDP != nil:
		out.protocol, d = corev1.ProtocolUDP, p.UDP
	case p.SCTP != nil:
		out.protocol, d = corev1.ProtocolSCTP, p.SCTP
	case p.DestinationNamedPort != "":
		return adminPort{name: p.DestinationNamedPort}, true
	default:
		return out, false
	}
	out.last = 65_535
	if d.DestinationPort != nil {
		switch port := d.DestinationPort; {
		case port.Number != 0:
			out.first, out.last = port.Number, port.Number
		case port.Range != nil:
			out.first, out.last = port.Range.Start, port.Range.End
		default:
			return out, false
		}
	}
	return out, true
}

func (r adminRule) matches(other *Peer, c *Connection) bool {
	if r.all {
		return true
	}
	return slices.ContainsFunc(r.peers, func(p adminPeer) bool { return p.matches(other) }) &&
		(len(r.ports) == 0 || slices.ContainsFunc(r.ports, func(p adminPort) bool { return p.opens(c) }))
}

func (p adminPeer) matches(other *Peer) bool {
	switch {
	case p.namespaces != nil:
		return other.pod() && p.namespaces.Matches(other.NamespaceLabels) && (p.pods == nil || p.pods.Matches(other.Labels))
	case p.nodes != nil:
		return other.NodeLabels != nil && p.nodes.Matches(other.NodeLabels)
	case len(p.networks) > 0:
		if other.pod() && len(other.Addrs) == 0 { // it has one, whichever that is
			return slices.ContainsFunc(p.networks, func(block netip.Prefix) bool { return block.Bits() == 0 })
		}
		return slices.ContainsFunc(other.Addrs, func(addr netip.Addr) bool {
			addr = addr.Unmap().WithZone("")
			return slices.ContainsFunc(p.networks, func(block netip.Prefix) bool { return block.Contains(addr) })
		})
	}
	return other.Host != "" && slices.ContainsFunc(p.domains, func(d string) bool { return domainMatches(d, other.Host) })
}

// domainMatches reports whether a DomainName of the API, which may begin with
// "*." for one label or more, is that of a host.
func domainMatches(domain, host string) bool {
	domain, host = strings.ToLower(strings.TrimSuffix(domain, ".")), strings.ToLower(strings.TrimSuffix(host, "."))
	if suffix, ok := strings.CutPrefix(domain, "*"); ok {
		return len(host) > len(suffix) && strings.HasSuffix(host, suffix)
	}
	return host == domain
}

func (p adminPort) opens(c *Connection) bool {
	if p.name != "" {
		return c.To.declares(p.name, c)
	}
	return p.protocol == c.Protocol && p.first <= c.Port && c.Port <= p.last
}
