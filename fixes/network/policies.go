package network

import (
	"reflect"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// The names of the policies that the fix creates.
const (
	defaultDeny = "default-deny"
	allowDNS    = "allow-dns"
)

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
	return n.isolateCilium(d, created)
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
	s := synthesisOf(inv)
	for _, w := range n.workloads {
		in, egress := n.opens(w)
		p := s.allow(w, in, egress)
		if p == nil {
			continue
		}
		n.leaveOut(&p.Spec.PodSelector, w, len(p.Spec.Ingress) > 0, len(p.Spec.Egress) > 0)
		out = append(out, p)
	}
	return withoutReplaced(out, nil)
}

// leaveOut takes the pods that are isolated already in one of the directions out
// of the selector of a workload.
func (n namespace) leaveOut(selector *metav1.LabelSelector, w fixes.Workload, in, out bool) {
	for _, iso := range []struct {
		isolation
		opens bool
	}{{n.ingress, in}, {n.egress, out}} {
		if iso.opens {
			for _, r := range iso.around(w.Meta.Labels).MatchExpressions {
				selector.MatchExpressions = require(slices.Clip(selector.MatchExpressions), r)
			}
		}
	}
}

// opens reports in which directions a workload is open.
func (n namespace) opens(w fixes.Workload) (in, out bool) {
	return !n.ingress.everything && !n.ingress.selects(w.Meta.Labels), !n.egress.everything && !n.egress.selects(w.Meta.Labels)
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

func has[T any](list []T, v T) bool {
	for _, had := range list {
		if reflect.DeepEqual(had, v) {
			return true
		}
	}
	return false
}
