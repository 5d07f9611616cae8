package network

import (
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/netpol"
)

// adminKinds are those of the administrators' policies, which decide before the
// NetworkPolicies and after them.
func adminKinds() []fixes.Kind {
	return []fixes.Kind{fixes.KindAdminNetworkPolicy, fixes.KindBaselineAdminNetworkPolicy, fixes.KindClusterNetworkPolicy}
}

// policyKinds are what rules look at that judge or make policies.
func policyKinds() []fixes.Kind {
	return slices.Concat(connections.Kinds(), []fixes.Kind{fixes.KindNetworkPolicy, fixes.KindCiliumNetworkPolicy, fixes.KindNode}, adminKinds())
}

// administration is what the administrators' policies of a cluster say.
type administration struct {
	list []*netpol.AdminPolicy
	// policies are these alone.
	policies *netpol.Policies
	// ipv6: pods have such addresses.
	ipv6 bool
}

// administrationOf reads the administrators' policies. One that does not fit
// its API, which no server holds, is left out.
func administrationOf(inv *fixes.Inventory) *administration {
	return fixes.Memo(inv, append(adminKinds(), fixes.KindPod), func(inv *fixes.Inventory) *administration {
		a := &administration{}
		for _, kind := range adminKinds() {
			for _, c := range fixes.Customs(inv, kind, "") {
				if p, ok := netpol.ReadAdmin(c.Object); ok {
					a.list = append(a.list, p)
				}
			}
		}
		a.policies = netpol.Compile(nil, a.list...)
		a.ipv6 = len(a.list) > 0 && slices.ContainsFunc(fixes.Objects[*corev1.Pod](inv, ""), func(pod *corev1.Pod) bool {
			return !pod.Spec.HostNetwork && slices.ContainsFunc(pod.Status.PodIPs, func(ip corev1.PodIP) bool {
				addr, err := netip.ParseAddr(ip.IP)
				return err == nil && addr.Is6()
			})
		})
		return a
	})
}

// compilePolicies prepares all policies of an inventory for questions.
func compilePolicies(inv *fixes.Inventory) *netpol.Policies {
	return netpol.Compile(fixes.Objects[*networkingv1.NetworkPolicy](inv, ""), administrationOf(inv).list...)
}

// namespaceLabels returns those of a namespace, with the one that the API server
// gives to all.
func namespaceLabels(inv *fixes.Inventory, name string) labels.Set {
	own := labels.Set{corev1.LabelMetadataName: name}
	if obj, ok := fixes.Lookup[*corev1.Namespace](inv, "", name); ok {
		return labels.Merge(obj.Labels, own)
	}
	return own
}

// deniedByAdmin returns the administrators' policy that denies a direction to
// all pods of a namespace, or nil.
func deniedByAdmin(inv *fixes.Inventory, namespace string, direction networkingv1.PolicyType) *netpol.AdminPolicy {
	a := administrationOf(inv)
	if len(a.list) == 0 {
		return nil
	}
	return a.policies.DefaultDeny(direction, namespaceLabels(inv, namespace), a.ipv6)
}

// adminEvidence says which direction the administrators deny already, and what
// of their policies could not be seen.
func (n namespace) adminEvidence(inv *fixes.Inventory) []string {
	var out []string
	for _, iso := range []isolation{n.ingress, n.egress} {
		if iso.by != nil {
			out = append(out, strings.ToLower(string(iso.direction))+": "+iso.by.String()+" denies it by default")
		}
	}
	for _, kind := range adminKinds() {
		if !inv.Covers(kind, "") {
			out = append(out, kind.String()+" could not be listed: they may deny already")
		}
	}
	return out
}

// adminRisks names the policies whose decision comes before that of
// NetworkPolicies.
func (n namespace) adminRisks(inv *fixes.Inventory) []string {
	a := administrationOf(inv)
	if len(a.list) == 0 {
		return nil
	}
	var names []string
	for _, p := range a.policies.Before(namespaceLabels(inv, n.name)) {
		names = append(names, p.String())
	}
	if len(names) == 0 {
		return nil
	}
	return []string{"Decided before these policies are asked, whatever they say: what matches " + some(names) + ". kubectl harden network shows what comes of it."}
}
