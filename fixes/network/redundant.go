package network

import (
	"fmt"
	"reflect"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/netpol"
)

func redundantPolicy() *fixes.Rule {
	return &fixes.Rule{
		ID:         "network-policy-redundant",
		Category:   fixes.Network,
		Title:      "A NetworkPolicy changes nothing",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.Tampering},
		References: []fixes.Reference{fixes.CIS("5.3.2"), fixes.NSA("Network separation and hardening")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindNamespace, fixes.KindNetworkPolicy),
		Phase:      fixes.Enforce,
		Docs:       redundantDocs,
		Check:      checkRedundant,
	}
}

const redundantDocs = `
A policy that changes nothing hides what counts: whoever takes an allowance back
in one of two policies believes it gone, and the other still has it.

## What is looked at
Policies for which others of the namespace do everything: each direction that they
isolate is isolated, and each thing that they allow is allowed, by policies that
select at least the same pods. That is shown from the policies' own fields, so it
holds for pods to come; what cannot be shown so is left alone. So is what only a
rule makes superfluous that allows everything, since that rule is to go
(network-allow-all), and a policy that only denies, unless another does the same by
the very same labels: it stays right whatever becomes of the others. Of two that do
the same, the later by name is reported.

In a running cluster also policies whose labels no pod has, and rules whose peers
are no pods that are there.

## The fix
Deletes the policy. To review: it may be there for a reader, or another tool may
own it. What selects nothing now may be for pods to come, so that is for you to
judge.

## By hand
    kubectl get networkpolicy -n shop -o yaml
    kubectl get pods -n shop -l app=web
`

func checkRedundant(p *fixes.Pass) {
	scanned := redundancyOf(p.Scanned())
	for _, r := range redundancyOf(p.Inventory).list {
		// What a plan makes superfluous is for the next scan: no plan brings findings.
		if !slices.ContainsFunc(scanned.list, func(s redundant) bool { return s.ref == r.ref }) {
			continue
		}
		p.Report(r.finding())
	}
	for _, policy := range fixes.Objects[*networkingv1.NetworkPolicy](p.Inventory, "") {
		if !fixes.IsSystemNamespace(policy.Namespace) {
			reportIdle(p, policy)
		}
	}
}

// redundant is a policy that changes nothing, and those that do all it does.
type redundant struct {
	ref fixes.Ref
	by  []string
}

type redundancy struct{ list []redundant }

// redundancyOf finds the policies that may go, all of them together: each is
// judged beside those that stay.
func redundancyOf(inv *fixes.Inventory) *redundancy {
	return fixes.Memo(inv, []fixes.Kind{fixes.KindNetworkPolicy}, func(inv *fixes.Inventory) *redundancy {
		byNamespace := map[string][]*networkingv1.NetworkPolicy{}
		var order []string
		for _, p := range fixes.Objects[*networkingv1.NetworkPolicy](inv, "") {
			if byNamespace[p.Namespace] == nil {
				order = append(order, p.Namespace)
			}
			byNamespace[p.Namespace] = append(byNamespace[p.Namespace], p)
		}
		out := &redundancy{}
		for _, ns := range order {
			if fixes.IsSystemNamespace(ns) {
				continue
			}
			stay := byNamespace[ns]
			for _, p := range slices.Backward(slices.Clone(stay)) {
				others := slices.DeleteFunc(slices.Clone(stay), func(o *networkingv1.NetworkPolicy) bool { return o == p })
				if by, ok := replaces(p, others); ok {
					out.list = append(out.list, redundant{fixes.RefOf(p), by})
					stay = others
				}
			}
		}
		slices.SortFunc(out.list, func(a, b redundant) int { return a.ref.Compare(b.ref) })
		return out
	})
}

// replaces returns the names of the policies that do all that one does.
func replaces(p *networkingv1.NetworkPolicy, others []*networkingv1.NetworkPolicy) ([]string, bool) {
	var list []*networkingv1.NetworkPolicy
	for _, o := range others {
		if !netpol.SelectsAtLeast(&o.Spec.PodSelector, &p.Spec.PodSelector) {
			continue
		}
		if !onlyDenies(p) || onlyDenies(o) && reflect.DeepEqual(o.Spec.PodSelector, p.Spec.PodSelector) {
			list = append(list, withoutOpenRules(o))
		}
	}
	by, ok := netpol.Redundant(p, list)
	var names []string
	for _, b := range by {
		names = append(names, b.Name)
	}
	return names, ok
}

func onlyDenies(p *networkingv1.NetworkPolicy) bool {
	allows := netpol.Isolates(p, networkingv1.PolicyTypeIngress) && len(p.Spec.Ingress) > 0 ||
		netpol.Isolates(p, networkingv1.PolicyTypeEgress) && len(p.Spec.Egress) > 0
	return !allows
}

// withoutOpenRules returns a policy as it is without the rules that
// network-allow-all is about.
func withoutOpenRules(p *networkingv1.NetworkPolicy) *networkingv1.NetworkPolicy {
	out := *p
	out.Spec.PolicyTypes = nil
	for _, direction := range []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress} {
		if netpol.Isolates(p, direction) {
			out.Spec.PolicyTypes = append(out.Spec.PolicyTypes, direction)
		}
	}
	out.Spec.Ingress = slices.DeleteFunc(slices.Clone(p.Spec.Ingress), func(r networkingv1.NetworkPolicyIngressRule) bool {
		return tooOpen(r.From, len(r.Ports) > 0, true)
	})
	out.Spec.Egress = slices.DeleteFunc(slices.Clone(p.Spec.Egress), func(r networkingv1.NetworkPolicyEgressRule) bool {
		return tooOpen(r.To, len(r.Ports) > 0, false)
	})
	return &out
}

// withoutReplaced leaves out of new policies those that others, or earlier ones
// of them, replace.
func withoutReplaced(list, others []*networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	for _, p := range list {
		if _, ok := replaces(p, slices.Concat(others, out)); !ok {
			out = append(out, p)
		}
	}
	return out
}

func (r redundant) finding() fixes.Finding {
	ref := r.ref
	does := "does all that it does"
	if len(r.by) > 1 {
		does = "do all that it does, together"
	}
	return fixes.Finding{
		Object: ref, Path: "spec", Key: "redundant",
		Message:  fmt.Sprintf("NetworkPolicy %s changes nothing: %s %s.", ref.Name, some(r.by), does),
		Evidence: []string{"for at least the same pods, in each direction that it isolates: " + some(r.by)},
		Fixes: []fixes.Fix{{
			Title: "Delete NetworkPolicy " + ref.Name, Confidence: fixes.Review,
			Why:   "it changes nothing now; whether it is there for a reason is yours to know",
			Risks: []string{"Nothing is cut and nothing is opened. When " + some(r.by) + " changes, this one is not there any more. If the wider one is the mistake, delete that instead."},
			Edit:  func(d *fixes.Draft) error { deleteRedundant(d, ref); return nil },
		}},
	}
}

// deleteRedundant deletes a policy unless other fixes have made it count.
func deleteRedundant(d *fixes.Draft, ref fixes.Ref) {
	policy, ok := d.Get(ref).(*networkingv1.NetworkPolicy)
	if !ok {
		return
	}
	others := slices.DeleteFunc(fixes.Objects[*networkingv1.NetworkPolicy](d.Inventory, ref.Namespace), func(o *networkingv1.NetworkPolicy) bool { return fixes.RefOf(o) == ref })
	if _, ok := replaces(policy, others); ok {
		d.Delete(ref)
	}
}
