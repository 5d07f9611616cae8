package network

import (
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/netpol"
)

func allowAll() *fixes.Rule {
	return &fixes.Rule{
		ID:          "network-allow-all",
		Category:    fixes.Network,
		Title:       "A NetworkPolicy allows everything",
		Severity:    fixes.Medium,
		Threats:     []fixes.Threat{fixes.ElevationOfPrivilege, fixes.InformationDisclosure, fixes.DenialOfService},
		References:  []fixes.Reference{fixes.CIS("5.3.2"), fixes.NSA("Network separation and hardening"), fixes.OWASP("K07")},
		Connections: true,
		Kinds:       policyKinds(),
		Phase:       fixes.Enforce,
		Docs:        allowAllDocs,
		Check:       checkAllowAll,
	}
}

const allowAllDocs = `
A rule without peers and without ports undoes a default-deny: the pods look
closed, and are not. Policies add up, so one such rule is enough.

## What is looked at
Rules of NetworkPolicies that allow every peer on every port: empty ones, and
those for 0.0.0.0/0 or for all namespaces without ports. For a database, a cache
or a queue also a rule that lets in the pods of all namespaces, whatever the port:
high. Rules with ports for everyone are left alone: something has to serve the
outside. So are policies that select no workload.

## The fix
Takes the rule out, and adds for each workload that it was for a policy with the
connections that the cluster's objects tell of, as network-no-default-deny does,
guesses included. Which connections those are, kubectl harden network shows.

## By hand
    kubectl get networkpolicy -A -o yaml | grep -B2 -A2 -E '^ *- \{\}'
`

func checkAllowAll(p *fixes.Pass) {
	graph := connections.Find(p.Inventory)
	for _, policy := range fixes.Objects[*networkingv1.NetworkPolicy](p.Inventory, "") {
		if fixes.IsSystemNamespace(policy.Namespace) {
			continue
		}
		selected := selectedBy(graph, policy)
		if len(selected) == 0 {
			continue
		}
		stores := slices.ContainsFunc(selected, connections.IsStore)
		open := func(r networkingv1.NetworkPolicyIngressRule) bool { return ingressTooOpen(graph, r, selected) }
		if i := slices.IndexFunc(policy.Spec.Ingress, open); i >= 0 && netpol.Isolates(policy, networkingv1.PolicyTypeIngress) {
			p.Report(allowAllFinding(p.Inventory, policy, selected, networkingv1.PolicyTypeIngress, i, stores))
		}
		if i := slices.IndexFunc(policy.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool { return tooOpen(r.To, len(r.Ports) > 0, false) }); i >= 0 && netpol.Isolates(policy, networkingv1.PolicyTypeEgress) {
			p.Report(allowAllFinding(p.Inventory, policy, selected, networkingv1.PolicyTypeEgress, i, false))
		}
	}
}

// selectedBy returns the workloads that a policy selects.
func selectedBy(graph *connections.Graph, policy *networkingv1.NetworkPolicy) []fixes.Workload {
	selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
	if err != nil {
		return nil
	}
	var out []fixes.Workload
	for _, w := range graph.In(policy.Namespace) {
		if selector.Matches(labels.Set(w.Meta.Labels)) {
			out = append(out, w)
		}
	}
	return out
}

// tooOpen reports whether a rule lets through everybody on all ports, or, to a
// store, the pods of all namespaces.
func tooOpen(peers []networkingv1.NetworkPolicyPeer, ports, store bool) bool {
	if len(peers) == 0 {
		return !ports
	}
	return slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		if p.IPBlock != nil {
			return !ports && len(p.IPBlock.Except) == 0 && (p.IPBlock.CIDR == "0.0.0.0/0" || p.IPBlock.CIDR == "::/0")
		}
		all := p.NamespaceSelector != nil && empty(p.NamespaceSelector) && (p.PodSelector == nil || empty(p.PodSelector))
		return all && (!ports || store)
	})
}

// ingressTooOpen reports whether a rule lets too many in to the pods of some
// workloads. The ports of a store that are there for metrics alone, as objects
// ask for, are not those of its data.
func ingressTooOpen(graph *connections.Graph, r networkingv1.NetworkPolicyIngressRule, selected []fixes.Workload) bool {
	data := slices.ContainsFunc(selected, func(w fixes.Workload) bool {
		return connections.IsStore(w) && (len(r.Ports) == 0 || slices.ContainsFunc(r.Ports, func(p networkingv1.NetworkPolicyPort) bool {
			return p.Port == nil || p.EndPort != nil || !graph.Scraped(w, p.Port.IntVal)
		}))
	})
	return tooOpen(r.From, len(r.Ports) > 0, data)
}

func empty(s *metav1.LabelSelector) bool { return len(s.MatchLabels)+len(s.MatchExpressions) == 0 }

func allowAllFinding(inv *fixes.Inventory, policy *networkingv1.NetworkPolicy, selected []fixes.Workload, direction networkingv1.PolicyType, i int, stores bool) fixes.Finding {
	ref, in := fixes.RefOf(policy), direction == networkingv1.PolicyTypeIngress
	does, path := "lets its pods connect to everything", fmt.Sprintf("spec.egress[%d]", i)
	if in {
		does, path = "lets everybody connect to its pods", fmt.Sprintf("spec.ingress[%d]", i)
	}
	f := fixes.Finding{
		Object: ref, Path: path, Key: string(direction),
		Message:  "NetworkPolicy " + policy.Name + " " + does + ".",
		Evidence: []string{"for " + some(namesOf(selected))},
		Fixes: []fixes.Fix{{
			Title:      "Allow only what objects tell of",
			Confidence: fixes.Review,
			Why:        "objects do not tell all connections: some have them in their code",
			Risks:      []string{"Cut: every connection that no object tells of. kubectl harden network lists what is kept."},
			Edit:       func(d *fixes.Draft) error { return narrow(d, ref, in) },
		}},
	}
	if stores {
		f.Severity = fixes.High
	}
	trial := inv.Draft()
	if err := narrow(trial, ref, in); err == nil {
		for _, p := range fixes.CreatedIn[*networkingv1.NetworkPolicy](trial, ref.Namespace) {
			f.Fixes[0].Creates = append(f.Fixes[0].Creates, fixes.RefOf(p))
		}
		for _, c := range fixes.Customs(trial.Inventory, fixes.KindCiliumNetworkPolicy, ref.Namespace) {
			if p := fixes.RefOf(c); trial.Created(p) {
				f.Fixes[0].Creates = append(f.Fixes[0].Creates, p)
			}
		}
		slices.SortFunc(f.Fixes[0].Creates, fixes.Ref.Compare)
	}
	return f
}

// graphPolicies returns what lets through, for some workloads in one direction,
// what objects tell of.
func graphPolicies(s synthesis, workloads []fixes.Workload, in bool) []*networkingv1.NetworkPolicy {
	var out []*networkingv1.NetworkPolicy
	for _, w := range workloads {
		if p := s.allow(w, in, !in); p != nil {
			p.Namespace = w.Object.GetNamespace()
			out = append(out, p)
		}
	}
	return out
}

// narrow takes the rules that are too open out of a policy.
func narrow(d *fixes.Draft, ref fixes.Ref, in bool) error {
	graph := connections.Find(d.Inventory)
	policy, err := fixes.EditRef[*networkingv1.NetworkPolicy](d, ref)
	if err != nil {
		return err
	}
	selected := selectedBy(graph, policy)
	// Without rules and types it would isolate other than before.
	if len(policy.Spec.PolicyTypes) == 0 {
		policy.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
		if len(policy.Spec.Egress) > 0 {
			policy.Spec.PolicyTypes = append(policy.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		}
	}
	before := len(policy.Spec.Ingress) + len(policy.Spec.Egress)
	if in {
		policy.Spec.Ingress = slices.DeleteFunc(policy.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool { return ingressTooOpen(graph, r, selected) })
	} else {
		policy.Spec.Egress = slices.DeleteFunc(policy.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool { return tooOpen(r.To, len(r.Ports) > 0, false) })
	}
	if len(policy.Spec.Ingress)+len(policy.Spec.Egress) == before {
		return nil
	}
	s := synthesisOf(d.Inventory)
	made := graphPolicies(s, selected, in)
	if !in {
		dns := newPolicy(allowDNS, policy.Spec.PodSelector, []networkingv1.PolicyType{networkingv1.PolicyTypeEgress})
		dns.Namespace = policy.Namespace
		dns.Spec.Egress = []networkingv1.NetworkPolicyEgressRule{dnsRule(d.Inventory)}
		made = append(made, dns)
	}
	for _, p := range withoutReplaced(made, fixes.Objects[*networkingv1.NetworkPolicy](d.Inventory, ref.Namespace)) {
		p.Name = d.FreeName(fixes.KindNetworkPolicy, p.Namespace, p.Name)
		if err := d.Create(p); err != nil {
			return err
		}
	}
	for _, w := range selected {
		if _, err := createCilium(d, s.ciliumPolicy(w, in, !in, nil)); err != nil {
			return err
		}
	}
	return nil
}
