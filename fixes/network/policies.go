package network

import (
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

// The names of the policies that the fix creates.
const (
	defaultDeny = "default-deny"
	allowDNS    = "allow-dns"
)

// nodeLocalDNS is the address at which NodeLocal DNSCache answers on every
// node. It runs on the host network, so no pod selector reaches it
// (kubernetes#70555).
const nodeLocalDNS = "169.254.20.10/32"

// isolate closes a namespace in the draft in the directions in which pods
// that no policy selects are open, and returns the policies it adds. It adds
// nothing that is there: a direction in which a policy selects all pods is
// left alone, and no allowance reaches a pod that is isolated already.
func (n namespace) isolate(d *fixes.Draft) ([]fixes.Ref, error) {
	var policies []*networkingv1.NetworkPolicy
	if deny := n.denial(); deny != nil {
		policies = append(policies, deny)
	}
	policies = append(policies, n.allowances(d.Inventory)...)
	var created []fixes.Ref
	for _, p := range policies {
		p.Namespace = n.name
		p.Name = d.FreeName(fixes.KindNetworkPolicy, n.name, nameFor(p))
		if err := d.Create(p); err != nil {
			return nil, err
		}
		created = append(created, fixes.RefOf(p))
	}
	return created, nil
}

// denial returns the policy that isolates all pods.
func (n namespace) denial() *networkingv1.NetworkPolicy {
	var types []networkingv1.PolicyType
	for _, iso := range n.broken() {
		types = append(types, iso.direction)
	}
	if len(types) == 0 {
		return nil
	}
	return newPolicy(defaultDeny, metav1.LabelSelector{}, types)
}

// allowances returns the policies that let the pods which were open go on with
// what the inventory tells of: DNS for all of them, and for each workload its
// own connections.
func (n namespace) allowances(inv *fixes.Inventory) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	if !n.egress.everything {
		for _, pods := range n.egress.outside() {
			p := newPolicy(allowDNS, pods, []networkingv1.PolicyType{networkingv1.PolicyTypeEgress})
			p.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{dnsRule(inv)}
			out = append(out, p)
		}
	}
	s := newSynthesis(connections.Find(inv))
	for _, w := range n.workloads {
		in := !n.ingress.everything && !n.ingress.selects(w.Meta.Labels)
		egress := !n.egress.everything && !n.egress.selects(w.Meta.Labels)
		p := s.allow(w, in, egress)
		if p == nil {
			continue
		}
		for _, iso := range []struct {
			isolation
			opens bool
		}{{n.ingress, len(p.Spec.Ingress) > 0}, {n.egress, len(p.Spec.Egress) > 0}} {
			if iso.opens {
				for _, r := range iso.around(w.Meta.Labels).MatchExpressions {
					p.Spec.PodSelector.MatchExpressions = require(slices.Clip(p.Spec.PodSelector.MatchExpressions), r)
				}
			}
		}
		out = append(out, p)
	}
	return out
}

// nameFor returns the policy's name; that of a denial has the direction if it is
// for one only.
func nameFor(p *networkingv1.NetworkPolicy) string {
	if p.Name != defaultDeny || len(p.Spec.PolicyTypes) > 1 {
		return p.Name
	}
	return p.Name + "-" + strings.ToLower(string(p.Spec.PolicyTypes[0]))
}

// newPolicy returns a policy without rules.
func newPolicy(name string, pods metav1.LabelSelector, types []networkingv1.PolicyType) *networkingv1.NetworkPolicy {
	p := &networkingv1.NetworkPolicy{}
	p.Name = name
	p.Spec.PodSelector = pods
	p.Spec.PolicyTypes = types
	return p
}

// dnsRule allows queries to the cluster's DNS: its pods, NodeLocal DNSCache,
// and the Service's own address, for network plugins that look at packets
// before it is replaced by a pod's.
func dnsRule(inv *fixes.Inventory) networkingv1.NetworkPolicyEgressRule {
	peers := []networkingv1.NetworkPolicyPeer{{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: metav1.NamespaceSystem}},
		PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{"k8s-app": "kube-dns"}},
	}, {
		IPBlock: &networkingv1.IPBlock{CIDR: nodeLocalDNS},
	}}
	ports := []intstr.IntOrString{intstr.FromInt32(53)}
	for _, svc := range dnsServices(inv) {
		for _, ip := range append([]string{svc.Spec.ClusterIP}, svc.Spec.ClusterIPs...) {
			// "" and "None" are no addresses.
			addr, err := netip.ParseAddr(ip)
			if err != nil {
				continue
			}
			peer := networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: netip.PrefixFrom(addr, addr.BitLen()).String()}}
			if !has(peers, peer) {
				peers = append(peers, peer)
			}
		}
		for _, port := range svc.Spec.Ports {
			// Policies see the pods' port, which is not 53 everywhere.
			target := port.TargetPort
			if strings.HasPrefix(port.Name, "dns") && target.IntValue() != 0 && !has(ports, target) {
				ports = append(ports, target)
			}
		}
	}
	rule := networkingv1.NetworkPolicyEgressRule{To: peers}
	for _, port := range ports {
		for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
			rule.Ports = append(rule.Ports, networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: &port})
		}
	}
	return rule
}

// dnsServices returns the Services of the cluster's DNS, which carries the
// name or the label kube-dns whatever serves it.
func dnsServices(inv *fixes.Inventory) []*corev1.Service {
	var out []*corev1.Service
	for _, svc := range fixes.Objects[*corev1.Service](inv, metav1.NamespaceSystem) {
		if svc.Name == "kube-dns" || svc.Labels["k8s-app"] == "kube-dns" {
			out = append(out, svc)
		}
	}
	return out
}

func has[T any](list []T, v T) bool {
	for _, had := range list {
		if reflect.DeepEqual(had, v) {
			return true
		}
	}
	return false
}
