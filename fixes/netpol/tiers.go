package netpol

import (
	"cmp"
	"net/netip"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// tiers are the administrators' policies, in the order in which they are asked.
type tiers map[Tier][]*AdminPolicy

func newTiers(policies []*AdminPolicy) tiers {
	out := tiers{}
	for _, p := range policies {
		out[p.Tier] = append(out[p.Tier], p)
	}
	for _, list := range out {
		slices.SortStableFunc(list, func(a, b *AdminPolicy) int {
			return cmp.Or(cmp.Compare(a.Priority, b.Priority), cmp.Compare(a.Name, b.Name))
		})
	}
	return out
}

func (p *AdminPolicy) rules(direction networkingv1.PolicyType) []adminRule {
	if direction == networkingv1.PolicyTypeIngress {
		return p.ingress
	}
	return p.egress
}

// about returns the policies whose subject a pod is.
func (t tiers) about(pod Peer) tiers {
	out := tiers{}
	for tier, list := range t {
		for _, p := range list {
			if p.subject.matches(&pod) {
				out[tier] = append(out[tier], p)
			}
		}
	}
	return out
}

// decide returns the action of the first rule of a tier that matches, and its
// policy; [Pass] and nil where none does.
func (t tiers) decide(tier Tier, direction networkingv1.PolicyType, other *Peer, c *Connection) (Action, *AdminPolicy) {
	for _, p := range t[tier] {
		for _, r := range p.rules(direction) {
			if r.matches(other, c) {
				return r.action, p
			}
		}
	}
	return Pass, nil
}

// DefaultDeny returns the administrators' policy that denies a direction to
// every pod of a namespace with the given labels, for all that no rule before
// it accepts and, in the Baseline tier, no NetworkPolicy decides; nil where
// there is none. For ingress that is what comes from pods, since these policies
// know no other source; for egress also what goes to addresses, those of IPv6
// too where the cluster has them.
func (p *Policies) DefaultDeny(direction networkingv1.PolicyType, namespace labels.Set, ipv6 bool) *AdminPolicy {
	for _, tier := range []Tier{AdminTier, BaselineTier} {
		deny, accepts := p.admin.defaultDeny(tier, direction, namespace, ipv6)
		if deny != nil || accepts {
			return deny
		}
	}
	return nil
}

// defaultDeny returns a tier's policy, or whether the tier accepts everything,
// at least for some pods.
func (t tiers) defaultDeny(tier Tier, direction networkingv1.PolicyType, namespace labels.Set, ipv6 bool) (deny *AdminPolicy, accepts bool) {
	for _, policy := range t[tier] {
		if !policy.subject.namespaces.Matches(namespace) {
			continue
		}
		allPods := policy.subject.pods == nil || policy.subject.pods.Empty()
		for _, r := range policy.rules(direction) {
			if !r.everything(direction, ipv6) {
				continue
			}
			switch {
			case r.action == Accept:
				return nil, true
			case r.action == Pass:
				return nil, false
			case allPods:
				return policy, false
			}
		}
	}
	return nil, false
}

// everything reports whether a rule matches all connections that its policy
// could speak of.
func (r adminRule) everything(direction networkingv1.PolicyType, ipv6 bool) bool {
	if r.all {
		return true
	}
	if len(r.ports) > 0 {
		return false
	}
	if direction == networkingv1.PolicyTypeIngress {
		return slices.ContainsFunc(r.peers, func(p adminPeer) bool {
			return p.namespaces != nil && p.namespaces.Empty() && (p.pods == nil || p.pods.Empty())
		})
	}
	every := func(cidr string) bool {
		return slices.ContainsFunc(r.peers, func(p adminPeer) bool { return slices.Contains(p.networks, netip.MustParsePrefix(cidr)) })
	}
	return every("0.0.0.0/0") && (!ipv6 || every("::/0"))
}

// Before returns the policies of the Admin tier that decide on connections of
// pods of a namespace with the given labels before NetworkPolicies are asked.
func (p *Policies) Before(namespace labels.Set) []*AdminPolicy {
	return slices.DeleteFunc(slices.Clone(p.admin[AdminTier]), func(a *AdminPolicy) bool {
		return len(a.ingress)+len(a.egress) == 0 || !a.subject.namespaces.Matches(namespace)
	})
}
