package network

import (
	"cmp"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
)

// synthesis makes the policies of a namespace from the links of its workloads.
type synthesis struct {
	graph *connections.Graph
	// cilium: what a NetworkPolicy cannot say is said in a CiliumNetworkPolicy.
	cilium    bool
	dns       networkingv1.NetworkPolicyEgressRule
	selectors *selectors
}

func synthesisOf(inv *fixes.Inventory) synthesis {
	return synthesis{connections.Find(inv), writesCilium(inv), dnsRule(inv), selectorsOf(inv)}
}

// allow returns the policy that lets through, for one workload, what the graph
// tells of, in the given directions; nil where there is nothing to let through.
func (s synthesis) allow(w fixes.Workload, in, out bool) *networkingv1.NetworkPolicy {
	own := connections.Of(w)
	p := newPolicy("allow-"+w.Object.GetName(), s.selectors.of(w), nil)
	if in {
		for _, l := range s.graph.To(own) {
			p.Spec.Ingress = addIngress(p.Spec.Ingress, s.callers(l.From, w.Object.GetNamespace()), portsOf(l.Ports))
		}
	}
	if out {
		for _, l := range s.graph.From(own) {
			switch {
			case l.To.Place == connections.DNS: // see allowDNS
			case l.To.Place == connections.Host && s.byName(l.To.Name): // see ciliumPolicy
			case l.To.Place == connections.APIServer && s.graph.API.Exact():
				p.Spec.Egress = addAPI(p.Spec.Egress, s.graph.API)
			default:
				p.Spec.Egress = addEgress(p.Spec.Egress, s.peers(l.To, w.Object.GetNamespace()), portsOf(reached(l)))
			}
		}
	}
	if len(p.Spec.Ingress) > 0 {
		p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networkingv1.PolicyTypeIngress)
	}
	if len(p.Spec.Egress) > 0 {
		p.Spec.PolicyTypes = append(p.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
	}
	if len(p.Spec.PolicyTypes) == 0 {
		return nil
	}
	return p
}

// addAPI lets out to the addresses of the Kubernetes API: those of its servers,
// which policies see in most clusters, and that of its Service.
func addAPI(rules []networkingv1.NetworkPolicyEgressRule, api connections.API) []networkingv1.NetworkPolicyEgressRule {
	for _, at := range slices.Concat(api.Servers, api.Service) {
		block := netip.PrefixFrom(at.Addr(), at.Addr().BitLen())
		port := connections.Port{Protocol: corev1.ProtocolTCP, Number: int32(at.Port())}
		rules = addEgress(rules, blocks([]netip.Prefix{block}), portsOf([]connections.Port{port}))
	}
	return rules
}

func blocks(list []netip.Prefix) []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	for _, block := range list {
		out = append(out, networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: block.String()}})
	}
	return out
}

// apiPorts are those of the Kubernetes API where its addresses are not known: of
// its Service, and of its servers.
var apiPorts = []connections.Port{{Protocol: corev1.ProtocolTCP, Number: 443}, {Protocol: corev1.ProtocolTCP, Number: 6443}}

// reached returns the ports of a link as a rule for egress names them.
func reached(l connections.Link) []connections.Port {
	if l.To.Place == connections.APIServer {
		return apiPorts
	}
	return l.Ports
}

// anywhere is every address but those of the link's own network, at which
// clouds give out credentials of nodes.
func anywhere() []networkingv1.NetworkPolicyPeer {
	return []networkingv1.NetworkPolicyPeer{
		{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"169.254.0.0/16"}}},
		{IPBlock: &networkingv1.IPBlock{CIDR: "::/0", Except: []string{"fd00:ec2::/32", "fe80::/10"}}},
	}
}

// outside is every address that is no private one (RFC 1918, RFC 6598, RFC
// 4193, RFC 3927, RFC 4291).
func outside() []networkingv1.NetworkPolicyPeer {
	return []networkingv1.NetworkPolicyPeer{
		{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}}},
		{IPBlock: &networkingv1.IPBlock{CIDR: "::/0", Except: []string{"fc00::/7", "fe80::/10"}}},
	}
}

// callers returns what a rule for ingress names for an end: like peers, but that
// the Kubernetes API comes from other addresses than it is reached at.
func (s synthesis) callers(e connections.End, namespace string) []networkingv1.NetworkPolicyPeer {
	if e.Place == connections.APIServer {
		return blocks(s.graph.API.Sources) // none is anyone: a policy cannot name it
	}
	return s.peers(e, namespace)
}

// peers returns what a rule of a policy in a namespace names for an end. No
// peers at all mean anyone.
func (s synthesis) peers(e connections.End, namespace string) []networkingv1.NetworkPolicyPeer {
	in := func(ns string) *metav1.LabelSelector {
		switch ns {
		case namespace:
			return nil
		case fixes.Unnamed: // one that whoever applies the manifests chooses
			return &metav1.LabelSelector{}
		}
		return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: ns}}
	}
	switch e.Place {
	case connections.AnyPod:
		return []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{}}}
	case connections.Pods:
		return []networkingv1.NetworkPolicyPeer{{NamespaceSelector: in(e.Name), PodSelector: &metav1.LabelSelector{}}}
	case connections.Block:
		return []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: e.Name}}}
	case connections.Host:
		if addr, err := netip.ParseAddr(e.Name); err == nil {
			return []networkingv1.NetworkPolicyPeer{{IPBlock: &networkingv1.IPBlock{CIDR: netip.PrefixFrom(addr, addr.BitLen()).String()}}}
		}
		if inside(e.Name) {
			return anywhere()
		}
		return outside()
	case connections.APIServer:
		return anywhere()
	case connections.Anyone:
		return nil
	}
	w, ok := s.graph.Workload(e)
	if !ok {
		return nil
	}
	selector := s.selectors.of(w)
	return []networkingv1.NetworkPolicyPeer{{NamespaceSelector: in(e.Workload.Namespace), PodSelector: &selector}}
}

// inside reports whether a host's name is one of those that only private
// networks have (RFC 6762, RFC 8375, ICANN's reservation of .internal).
func inside(host string) bool {
	top := host[strings.LastIndexByte(host, '.')+1:]
	return slices.Contains([]string{"local", "internal", "intranet", "private", "corp", "home", "lan", "arpa"}, top)
}

func portsOf(ports []connections.Port) []networkingv1.NetworkPolicyPort {
	var out []networkingv1.NetworkPolicyPort
	for _, p := range ports {
		rule := networkingv1.NetworkPolicyPort{Protocol: &p.Protocol}
		if p.Number != 0 {
			number := intstr.FromInt32(p.Number)
			rule.Port = &number
		}
		out = append(out, rule)
	}
	return out
}

// addIngress adds a rule, or its peers to the rule with the same ports.
func addIngress(rules []networkingv1.NetworkPolicyIngressRule, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) []networkingv1.NetworkPolicyIngressRule {
	i := slices.IndexFunc(rules, func(r networkingv1.NetworkPolicyIngressRule) bool { return reflect.DeepEqual(r.Ports, ports) })
	if i < 0 {
		return append(rules, networkingv1.NetworkPolicyIngressRule{From: peers, Ports: ports})
	}
	rules[i].From = joinPeers(rules[i].From, peers)
	return rules
}

func addEgress(rules []networkingv1.NetworkPolicyEgressRule, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) []networkingv1.NetworkPolicyEgressRule {
	i := slices.IndexFunc(rules, func(r networkingv1.NetworkPolicyEgressRule) bool { return reflect.DeepEqual(r.Ports, ports) })
	if i < 0 {
		return append(rules, networkingv1.NetworkPolicyEgressRule{To: peers, Ports: ports})
	}
	rules[i].To = joinPeers(rules[i].To, peers)
	return rules
}

// joinPeers returns the peers of two rules; none, which is anyone, if one of
// them has none.
func joinPeers(a, b []networkingv1.NetworkPolicyPeer) []networkingv1.NetworkPolicyPeer {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	for _, p := range b {
		if !has(a, p) {
			a = append(a, p)
		}
	}
	slices.SortStableFunc(a, func(x, y networkingv1.NetworkPolicyPeer) int { return cmp.Compare(x.String(), y.String()) })
	return a
}

// publicAddress stands for all addresses outside (RFC 5737 keeps it free).
var publicAddress = netip.MustParseAddr("192.0.2.1")

// addresses returns an address that stands for a place.
func addresses(e connections.End) []netip.Addr {
	if addr, err := netip.ParseAddr(e.Name); err == nil {
		return []netip.Addr{addr}
	}
	if block, err := netip.ParsePrefix(e.Name); err == nil {
		return []netip.Addr{block.Addr()}
	}
	return []netip.Addr{publicAddress}
}
