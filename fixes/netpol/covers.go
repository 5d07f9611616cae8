package netpol

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Redundant reports whether a policy changes nothing beside others of its
// namespace, and which of them make it so: each direction that it isolates is
// isolated by one that selects at least the same pods, and each thing that it
// allows is allowed by such a one. That is shown from the policies' structure
// alone, so it holds for pods and namespaces to come as well. What cannot be
// shown so counts as not redundant.
func Redundant(policy *networkingv1.NetworkPolicy, others []*networkingv1.NetworkPolicy) (by []*networkingv1.NetworkPolicy, ok bool) {
	others = slices.DeleteFunc(slices.Clone(others), func(o *networkingv1.NetworkPolicy) bool {
		return o.Namespace != policy.Namespace || o == policy || !SelectsAtLeast(&o.Spec.PodSelector, &policy.Spec.PodSelector)
	})
	for _, direction := range []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress} {
		if !Isolates(policy, direction) {
			continue
		}
		var closed []*networkingv1.NetworkPolicy
		for _, o := range others {
			if Isolates(o, direction) {
				closed = append(closed, o)
			}
		}
		if len(closed) == 0 {
			return nil, false
		}
		covering, ok := covering(policy, closed, direction)
		if !ok {
			return nil, false
		}
		if len(covering) == 0 { // it only isolates
			covering = closed[:1]
		}
		for _, c := range covering {
			if !slices.Contains(by, c) {
				by = append(by, c)
			}
		}
	}
	return by, true
}

// allowance is a rule of either direction.
type allowance struct {
	peers []networkingv1.NetworkPolicyPeer
	ports []networkingv1.NetworkPolicyPort
}

func allowancesOf(p *networkingv1.NetworkPolicy, direction networkingv1.PolicyType) []allowance {
	var out []allowance
	if direction == networkingv1.PolicyTypeIngress {
		for _, r := range p.Spec.Ingress {
			out = append(out, allowance{r.From, r.Ports})
		}
		return out
	}
	for _, r := range p.Spec.Egress {
		out = append(out, allowance{r.To, r.Ports})
	}
	return out
}

// covering returns the policies that allow, together, all that one allows.
func covering(policy *networkingv1.NetworkPolicy, others []*networkingv1.NetworkPolicy, direction networkingv1.PolicyType) (by []*networkingv1.NetworkPolicy, ok bool) {
	for _, a := range allowancesOf(policy, direction) {
		for _, one := range a.single() {
			i := slices.IndexFunc(others, func(o *networkingv1.NetworkPolicy) bool {
				return slices.ContainsFunc(allowancesOf(o, direction), func(b allowance) bool { return b.covers(one, policy.Namespace) })
			})
			if i < 0 {
				return nil, false
			}
			if !slices.Contains(by, others[i]) {
				by = append(by, others[i])
			}
		}
	}
	return by, true
}

// single takes a rule apart into those of at most one peer and one port.
func (a allowance) single() []allowance {
	peers := [][]networkingv1.NetworkPolicyPeer{nil}
	if len(a.peers) > 0 {
		peers = nil
		for i := range a.peers {
			peers = append(peers, a.peers[i:i+1])
		}
	}
	var out []allowance
	for _, p := range peers {
		if len(a.ports) == 0 {
			out = append(out, allowance{peers: p})
		}
		for i := range a.ports {
			out = append(out, allowance{peers: p, ports: a.ports[i : i+1]})
		}
	}
	return out
}

// covers reports whether a rule allows what another, of one peer and one port at
// most, does.
func (a allowance) covers(one allowance, namespace string) bool {
	if len(a.peers) > 0 && (len(one.peers) == 0 ||
		!slices.ContainsFunc(a.peers, func(p networkingv1.NetworkPolicyPeer) bool { return peerCovers(p, one.peers[0], namespace) })) {
		return false
	}
	return len(a.ports) == 0 || len(one.ports) > 0 &&
		slices.ContainsFunc(a.ports, func(p networkingv1.NetworkPolicyPort) bool { return portCovers(p, one.ports[0]) })
}

func peerCovers(a, b networkingv1.NetworkPolicyPeer, namespace string) bool {
	if a.IPBlock != nil || b.IPBlock != nil {
		return a.IPBlock != nil && b.IPBlock != nil && blockCovers(a.IPBlock, b.IPBlock)
	}
	if a.NamespaceSelector == nil && a.PodSelector == nil || b.NamespaceSelector == nil && b.PodSelector == nil {
		return false // no API server holds such a peer
	}
	namespaces := func(p networkingv1.NetworkPolicyPeer) *metav1.LabelSelector {
		if p.NamespaceSelector != nil {
			return p.NamespaceSelector
		}
		return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}}
	}
	pods := func(p networkingv1.NetworkPolicyPeer) *metav1.LabelSelector {
		if p.PodSelector != nil {
			return p.PodSelector
		}
		return &metav1.LabelSelector{}
	}
	return SelectsAtLeast(namespaces(a), namespaces(b)) && SelectsAtLeast(pods(a), pods(b))
}

// blockCovers reports whether one block holds another. Blocks are one in the
// other, or apart.
func blockCovers(a, b *networkingv1.IPBlock) bool {
	outer, err := netip.ParsePrefix(a.CIDR)
	if err != nil {
		return false
	}
	inner, err := netip.ParsePrefix(b.CIDR)
	if err != nil || !holds(outer, inner) {
		return false
	}
	for _, e := range a.Except {
		hole, err := netip.ParsePrefix(e)
		if err != nil {
			return false
		}
		if hole.Overlaps(inner) && !slices.ContainsFunc(b.Except, func(e string) bool {
			own, err := netip.ParsePrefix(e)
			return err == nil && holds(own, hole)
		}) {
			return false
		}
	}
	return true
}

func holds(outer, inner netip.Prefix) bool {
	return outer.Bits() <= inner.Bits() && outer.Overlaps(inner)
}

func portCovers(a, b networkingv1.NetworkPolicyPort) bool {
	protocol := func(p networkingv1.NetworkPolicyPort) corev1.Protocol {
		if p.Protocol == nil {
			return corev1.ProtocolTCP
		}
		return *p.Protocol
	}
	switch {
	case protocol(a) != protocol(b):
		return false
	case a.Port == nil:
		return true
	case b.Port == nil:
		return false
	case a.Port.Type == intstr.String || b.Port.Type == intstr.String:
		return *a.Port == *b.Port
	}
	last := func(p networkingv1.NetworkPolicyPort) int32 {
		if p.EndPort != nil {
			return *p.EndPort
		}
		return p.Port.IntVal
	}
	return a.Port.IntVal <= b.Port.IntVal && last(b) <= last(a)
}

// SelectsAtLeast reports whether a selector can be shown to match everything
// that another does: each of its requirements follows from those of the other.
func SelectsAtLeast(a, b *metav1.LabelSelector) bool {
	if len(b.MatchExpressions) == 0 { // most are so, and of most pairs this tells
		for key, value := range a.MatchLabels {
			if v, ok := b.MatchLabels[key]; !ok || v != value {
				return false
			}
		}
	}
	wide, err := metav1.LabelSelectorAsSelector(a)
	if err != nil {
		return false
	}
	narrow, err := metav1.LabelSelectorAsSelector(b)
	if err != nil {
		return false
	}
	wanted, selectable := wide.Requirements()
	given, _ := narrow.Requirements()
	return selectable && !slices.ContainsFunc(wanted, func(w labels.Requirement) bool {
		return !slices.ContainsFunc(given, func(g labels.Requirement) bool { return implies(g, w) })
	})
}

// implies reports whether what meets one requirement meets another.
func implies(given, wanted labels.Requirement) bool {
	if given.Key() != wanted.Key() {
		return false
	}
	has := wanted.ValuesUnsorted()
	within := func(values []string, in bool) bool {
		return !slices.ContainsFunc(values, func(v string) bool { return slices.Contains(has, v) != in })
	}
	one := func(o selection.Operator) bool {
		return o == selection.In || o == selection.Equals || o == selection.DoubleEquals
	}
	none := func(o selection.Operator) bool { return o == selection.NotIn || o == selection.NotEquals }
	g, w := given.Operator(), wanted.Operator()
	switch {
	case one(w):
		return one(g) && within(given.ValuesUnsorted(), true)
	case none(w) && one(g):
		return within(given.ValuesUnsorted(), false)
	case none(w) && none(g):
		return !slices.ContainsFunc(has, func(v string) bool { return !slices.Contains(given.ValuesUnsorted(), v) })
	case none(w):
		return g == selection.DoesNotExist
	case w == selection.Exists:
		return one(g) || g == selection.Exists
	}
	return w == selection.DoesNotExist && g == selection.DoesNotExist
}
