package network

import (
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/netpol"
)

// reportIdle reports what of a policy is about no pod that is there. It takes a
// running cluster of which all pods are seen.
func reportIdle(p *fixes.Pass, policy *networkingv1.NetworkPolicy) {
	if !p.Live || p.Namespace != "" || slices.ContainsFunc(append(fixes.WorkloadKinds(), fixes.KindNamespace), func(k fixes.Kind) bool { return !p.Covers(k, "") }) {
		return
	}
	pods, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
	// A policy for whatever has no labels is one for pods to come.
	if err == nil && !pods.Matches(labels.Set{}) && !anyPod(p.Inventory, policy.Namespace, pods) {
		p.Report(idle(policy, "spec.podSelector", "NetworkPolicy "+policy.Name+" selects nothing now: no pod of "+policy.Namespace+" has its labels.",
			metav1.FormatLabelSelector(&policy.Spec.PodSelector)))
		return
	}
	for i, r := range policy.Spec.Ingress {
		if netpol.Isolates(policy, networkingv1.PolicyTypeIngress) && noPeer(p.Inventory, policy.Namespace, r.From) {
			p.Report(idle(policy, fmt.Sprintf("spec.ingress[%d].from", i), "A rule of NetworkPolicy "+policy.Name+" lets nobody in now: its peers select no pod.", peerTexts(r.From)...))
		}
	}
	for i, r := range policy.Spec.Egress {
		if netpol.Isolates(policy, networkingv1.PolicyTypeEgress) && noPeer(p.Inventory, policy.Namespace, r.To) {
			p.Report(idle(policy, fmt.Sprintf("spec.egress[%d].to", i), "A rule of NetworkPolicy "+policy.Name+" lets nothing out now: its peers select no pod.", peerTexts(r.To)...))
		}
	}
}

func idle(policy *networkingv1.NetworkPolicy, path, message string, selects ...string) fixes.Finding {
	ref := fixes.RefOf(policy)
	return fixes.Finding{
		Object: ref, Path: path, Message: message, Evidence: selects,
		Fixes: []fixes.Fix{{
			Title: "Delete what is not needed, or correct the labels", Confidence: fixes.Manual,
			Why: "it may be for pods to come, or its labels may be wrong",
			Steps: "1. Compare the labels: kubectl get networkpolicy " + policy.Name + " -n " + policy.Namespace + " -o yaml; kubectl get pods -n " + policy.Namespace + ` --show-labels
2. If they are wrong, the pods that were meant are not covered: correct them, and see with kubectl harden network what changes.
3. If nothing is to have these labels, take the rule out, or the policy: kubectl delete ` + ref.KubectlArgs(),
		}},
	}
}

// anyPod reports whether a selector finds a pod of a namespace, as the workloads
// tell of them.
func anyPod(inv *fixes.Inventory, namespace string, pods labels.Selector) bool {
	return slices.ContainsFunc(inv.Workloads(namespace), func(w fixes.Workload) bool {
		return !w.Spec.HostNetwork && pods.Matches(labels.Set(w.Meta.Labels))
	})
}

// dnsPods are the labels of the cluster's DNS. A policy that names them waits
// for it, as those that this program makes do.
var dnsPods = labels.Set{"k8s-app": "kube-dns"}

// noPeer reports whether a rule has peers, and all are pods of which there are
// none.
func noPeer(inv *fixes.Inventory, namespace string, peers []networkingv1.NetworkPolicyPeer) bool {
	return len(peers) > 0 && !slices.ContainsFunc(peers, func(p networkingv1.NetworkPolicyPeer) bool {
		if p.IPBlock != nil {
			return true
		}
		pods, namespaces := labels.Everything(), labels.Selector(nil)
		var err error
		if p.PodSelector != nil {
			if pods, err = metav1.LabelSelectorAsSelector(p.PodSelector); err != nil {
				return true
			}
			if !pods.Empty() && pods.Matches(dnsPods) {
				return true
			}
		}
		if p.NamespaceSelector == nil {
			return pods.Matches(labels.Set{}) || anyPod(inv, namespace, pods)
		}
		if namespaces, err = metav1.LabelSelectorAsSelector(p.NamespaceSelector); err != nil {
			return true
		}
		return slices.ContainsFunc(inv.Namespaces(), func(name string) bool {
			return namespaces.Matches(namespaceLabels(inv, name)) && anyPod(inv, name, pods)
		})
	})
}

// peerTexts writes peers for a person.
func peerTexts(peers []networkingv1.NetworkPolicyPeer) []string {
	var out []string
	for _, p := range peers {
		text := "pods: " + metav1.FormatLabelSelector(p.PodSelector)
		if p.NamespaceSelector != nil {
			text += ", namespaces: " + metav1.FormatLabelSelector(p.NamespaceSelector)
		}
		out = append(out, text)
	}
	return out
}
