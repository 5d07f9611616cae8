package network

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/netpol"
)

func metadataEgress() *fixes.Rule {
	return &fixes.Rule{
		ID:         "network-metadata-egress",
		Category:   fixes.Network,
		Title:      "A NetworkPolicy lets pods reach the cloud's metadata service",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.NSA("Network separation and hardening"), fixes.OWASP("K07")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindNetworkPolicy, fixes.KindNode, fixes.KindServiceAccount),
		Docs:       metadataEgressDocs,
		Check:      checkMetadataEgress,
	}
}

const metadataEgressDocs = `
At 169.254.169.254 the clouds give whoever asks the credentials of the node: a
pod broken into becomes the node, and often the account.

## What is looked at
Rules for egress of NetworkPolicies that let pods reach 169.254.169.254, or
fd00:ec2::254, by a block that contains it or by naming no peer. Pods that no
policy isolates reach it too: that is network-no-default-deny, whose policies do
not allow it. Where the nodes are those of no cloud, the severity is low. Policies
only for workloads with Workload Identity Federation for GKE are left out: their
pods get their own credentials at that address.

## The fix
Takes the address out of the block (except). A rule without peers becomes one for
all addresses but these, and for the pods of all namespaces, which is the same
otherwise. To review: a pod may get its own credentials there (kube2iam, kiam, old
SDKs). The address of EKS Pod Identity, 169.254.170.23, stays reachable.

## By hand
    kubectl exec POD -- wget -qO- -T2 http://169.254.169.254/
`

// metadata are the addresses of the clouds' metadata services.
var metadata = connections.NodeMetadata

func checkMetadataEgress(p *fixes.Pass) {
	severity := fixes.High
	if onNoCloud(p.Inventory) {
		severity = fixes.Low
	}
	for _, policy := range fixes.Objects[*networkingv1.NetworkPolicy](p.Inventory, "") {
		if fixes.IsSystemNamespace(policy.Namespace) || !netpol.Isolates(policy, networkingv1.PolicyTypeEgress) ||
			!slices.ContainsFunc(policy.Spec.Egress, reachesMetadata) {
			continue
		}
		own, others := gkeMetadata(p.Inventory, policy)
		if len(own) > 0 && !others {
			continue
		}
		risks := []string{"Pods that ask the metadata service for credentials fail (kube2iam, kiam, SDKs without workload identity)."}
		if len(own) > 0 {
			risks = append(risks, "These get credentials of their own there, by Workload Identity Federation for GKE, and need a policy that lets them: "+some(own)+".")
		}
		ref := fixes.RefOf(policy)
		p.Report(fixes.Finding{
			Object: ref, Path: "spec.egress", Severity: severity,
			Message: "NetworkPolicy " + policy.Name + " lets its pods reach the cloud's metadata service, which gives out the node's credentials.",
			Fixes: []fixes.Fix{{
				Title: "Except the metadata service's addresses", Confidence: fixes.Review,
				Why:   "whether a pod gets credentials of its own there is not known",
				Risks: risks,
				Edit: func(d *fixes.Draft) error {
					policy, err := fixes.EditRef[*networkingv1.NetworkPolicy](d, ref)
					if err != nil {
						return err
					}
					var rules []networkingv1.NetworkPolicyEgressRule
					for _, rule := range policy.Spec.Egress {
						// A rule that has lost all its peers would let through everybody.
						if exceptMetadata(&rule); len(rule.To) > 0 || !reachesMetadata(rule) {
							rules = append(rules, rule)
						}
					}
					// Without rules, and without types, it would not isolate any more.
					if len(policy.Spec.PolicyTypes) == 0 {
						policy.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
					}
					policy.Spec.Egress = rules
					return nil
				},
			}},
		})
	}
}

// gkeMetadata returns which of the workloads that a policy is for get credentials
// of their own from the metadata server of GKE, and whether it is for others too.
func gkeMetadata(inv *fixes.Inventory, policy *networkingv1.NetworkPolicy) (own []string, others bool) {
	pods, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
	if err != nil {
		return nil, true
	}
	for _, w := range inv.Workloads(policy.Namespace) {
		if w.Spec.HostNetwork || w.Finished() || !pods.Matches(labels.Set(w.Meta.Labels)) {
			continue
		}
		if _, ok := connections.UsesGKEMetadata(inv, w); ok {
			own = append(own, nameOf(w))
		} else {
			others = true
		}
	}
	return own, others
}

// onNoCloud reports whether nodes are known, and none says that a cloud made
// it.
func onNoCloud(inv *fixes.Inventory) bool {
	nodes := fixes.Objects[*corev1.Node](inv, "")
	return len(nodes) > 0 && !slices.ContainsFunc(nodes, func(n *corev1.Node) bool { return n.Spec.ProviderID != "" })
}

func reachesMetadata(rule networkingv1.NetworkPolicyEgressRule) bool {
	if !webPort(rule.Ports) {
		return false
	}
	return len(rule.To) == 0 || slices.ContainsFunc(rule.To, func(p networkingv1.NetworkPolicyPeer) bool {
		return p.IPBlock != nil && len(inBlock(*p.IPBlock)) > 0
	})
}

// webPort reports whether ports hold TCP 80, at which metadata services answer.
func webPort(ports []networkingv1.NetworkPolicyPort) bool {
	rule := []*networkingv1.NetworkPolicy{{Spec: networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
		Egress:      []networkingv1.NetworkPolicyEgressRule{{Ports: ports}},
	}}}
	rule[0].Namespace = "x"
	return netpol.Compile(rule).Allows(netpol.Connection{From: netpol.Peer{Namespace: "x"}, To: netpol.Peer{Addrs: metadata}, Port: 80})
}

// inBlock returns the metadata addresses that a block allows.
func inBlock(block networkingv1.IPBlock) []netip.Addr {
	cidr, err := netip.ParsePrefix(block.CIDR)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(metadata), func(addr netip.Addr) bool {
		return !cidr.Contains(addr) || slices.ContainsFunc(block.Except, func(except string) bool {
			e, err := netip.ParsePrefix(except)
			return err == nil && e.Contains(addr)
		})
	})
}

func exceptMetadata(rule *networkingv1.NetworkPolicyEgressRule) {
	if !webPort(rule.Ports) {
		return
	}
	if len(rule.To) == 0 {
		rule.To = []networkingv1.NetworkPolicyPeer{
			{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0"}},
			{IPBlock: &networkingv1.IPBlock{CIDR: "::/0"}},
			{NamespaceSelector: &metav1.LabelSelector{}},
		}
	}
	kept := rule.To[:0]
	for _, p := range rule.To {
		if p.IPBlock == nil {
			kept = append(kept, p)
			continue
		}
		single := false
		for _, addr := range inBlock(*p.IPBlock) {
			host := netip.PrefixFrom(addr, addr.BitLen()).String()
			// The API server refuses an exception that is the whole block.
			if single = p.IPBlock.CIDR == host; !single {
				p.IPBlock.Except = append(p.IPBlock.Except, host)
			}
		}
		if !single {
			kept = append(kept, p)
		}
	}
	rule.To = kept
}
