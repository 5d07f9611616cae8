package network

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/cni"
)

func notEnforced() *fixes.Rule {
	return &fixes.Rule{
		ID:         "network-policies-not-enforced",
		Category:   fixes.Network,
		Title:      "The network plugin does not enforce NetworkPolicies",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.InformationDisclosure, fixes.DenialOfService},
		References: []fixes.Reference{fixes.CIS("5.3.1"), fixes.NSA("Network separation and hardening"), fixes.OWASP("K07")},
		Kinds:      slices.Concat(cni.Kinds(), []fixes.Kind{fixes.KindNamespace, fixes.KindNetworkPolicy}, adminKinds()),
		Docs:       notEnforcedDocs,
		Check:      checkNotEnforced,
	}
}

const notEnforcedDocs = `
The API server takes NetworkPolicies whether or not anything enforces them.
Without such a plugin every pod reaches every other one, and what looks closed is
open.

## What is looked at
What runs on the nodes: DaemonSets and static pods, by image and command, and how
they are set up (Cilium's cilium-config, the flags of kube-router and of Amazon's
policy agent, a K3s server's arguments). Reported is only a plugin that is known
not to enforce policies, where no other part is seen that does: flannel alone, but
not Canal. What is not known, a bridge of the container runtime or a provider's own
network, is said as a risk of network-no-default-deny. The table with its sources
is fixes/cni/cni.tsv.

Where something enforces policies, also what it does not know, at medium severity:
ranges of ports (endPort), and the kinds of policy.networking.k8s.io.

## The fix
By hand, since it is the network of all pods that changes: the steps name what goes
with the plugin that runs. Try it on one node pool, or on another cluster.

## By hand
    kubectl get daemonsets -A
    kubectl create deployment probe --image=registry.k8s.io/e2e-test-images/agnhost:2.47 -- /agnhost netexec
    kubectl expose deployment probe --port 8080
    kubectl apply -f deny-all.yaml && kubectl run -it --rm try --image=busybox --restart=Never -- wget -qO- -T3 probe:8080
`

func checkNotEnforced(p *fixes.Pass) {
	if p.Len(fixes.KindNode) == 0 {
		return
	}
	status := cni.Detect(p.Inventory)
	policies := fixes.Objects[*networkingv1.NetworkPolicy](p.Inventory, "")
	if status.Enforced == cni.Yes {
		for _, policy := range policies {
			reportRange(p, status, policy)
		}
		reportAdmin(p, status)
	}
	if status.Enforced != cni.No || len(policies)+len(p.UserNamespaces()) == 0 {
		return
	}
	running := status.Running[0]
	f := fixes.Finding{
		Object: running.Workload, Path: running.Path, Key: running.Name,
		Message: fmt.Sprintf("%s enforces no NetworkPolicy here: every pod reaches every other one.", enumerate(status.Names())),
		Fixes: []fixes.Fix{{
			Title:      "Let something enforce NetworkPolicies",
			Confidence: fixes.Manual,
			Why:        "the network of all pods changes, and how depends on the provider",
			Risks:      []string{"Policies that are there, and have had no effect until now, begin to cut: look at kubectl harden network first."},
			Steps:      enforceSteps(running.Name),
		}},
	}
	if f.Object.Kind == (fixes.Kind{}) { // only nodes tell of it
		f.Object, f.Path = fixes.RefOf(p.List(fixes.KindNode)[0]), "metadata.annotations"
	}
	for _, r := range status.Running {
		f.Evidence = append(f.Evidence, r.Why+" (source: "+r.Source+")")
	}
	if n := len(policies); n > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%d NetworkPolicies have no effect", n))
	}
	p.Report(f)
}

// reportRange reports a policy with a range of ports that nothing here knows.
func reportRange(p *fixes.Pass, status *cni.Status, policy *networkingv1.NetworkPolicy) {
	enforcer, ok := status.Enforcer()
	if !ok || enforcer.EndPort != cni.No || fixes.IsSystemNamespace(policy.Namespace) {
		return
	}
	ranged := func(ports []networkingv1.NetworkPolicyPort) bool {
		return slices.ContainsFunc(ports, func(p networkingv1.NetworkPolicyPort) bool { return p.EndPort != nil })
	}
	if !slices.ContainsFunc(policy.Spec.Ingress, func(r networkingv1.NetworkPolicyIngressRule) bool { return ranged(r.Ports) }) &&
		!slices.ContainsFunc(policy.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool { return ranged(r.Ports) }) {
		return
	}
	p.Report(fixes.Finding{
		Object: fixes.RefOf(policy), Path: "spec", Key: "endPort", Severity: fixes.Medium,
		Message:  fmt.Sprintf("NetworkPolicy %s has a range of ports, which %s does not know.", policy.Name, enforcer.Name),
		Evidence: []string{enforcer.Why + " (source: " + enforcer.Source + ")"},
		Fixes: []fixes.Fix{{
			Title: "Name the ports one by one", Confidence: fixes.Manual, Why: "which ports of the range are used is not known",
			Steps: "Write an entry for each port in place of endPort: kubectl edit " + fixes.RefOf(policy).KubectlArgs() + "\nThen try a port of the range from a pod that may connect, and from one that may not.",
		}},
	})
}

// reportAdmin reports the administrators' policies of kinds that nothing here is
// known to take.
func reportAdmin(p *fixes.Pass, status *cni.Status) {
	for _, kind := range adminKinds() {
		if slices.ContainsFunc(status.Running, func(r cni.Running) bool { return r.Enforces == cni.Yes && slices.Contains(r.AdminKinds, kind.Name) }) {
			continue
		}
		for _, c := range fixes.Customs(p.Inventory, kind, "") {
			ref := fixes.RefOf(c)
			p.Report(fixes.Finding{
				Object: ref, Path: "spec", Severity: fixes.Medium,
				Message:  fmt.Sprintf("%s may have no effect: %s is not known to take such policies.", ref, enumerate(status.Names())),
				Evidence: []string{"the matrix and the other rules count with it"},
				Fixes: []fixes.Fix{{
					Title: "Check that it is enforced", Confidence: fixes.Manual, Why: "the plugin's version and its switches decide",
					Steps: "1. See who has taken it up: kubectl get " + ref.ResourceName() + " -o jsonpath='{.status.conditions}'\n2. If nobody has, write NetworkPolicies in its place, or move to a plugin that knows it: https://network-policy-api.sigs.k8s.io/implementations/",
				}},
			})
		}
	}
}

// enforceSteps says how policies come to be enforced beside a plugin.
func enforceSteps(plugin string) string {
	switch {
	case plugin == "flannel":
		return `1. Put an enforcer beside flannel, which stays the network:
     kubectl apply -f https://raw.githubusercontent.com/kubernetes-sigs/kube-network-policies/main/install.yaml
   or let flannel's chart install it: helm upgrade flannel flannel/flannel --reuse-values --set netpol.enabled=true
   or move to Canal, which is flannel with Calico's policies: https://docs.tigera.io/calico/latest/getting-started/kubernetes/flannel/install-for-flannel
2. Wait until it runs on every node:
     kubectl get daemonsets -A
3. Check that a policy cuts (see By hand), and scan again.`
	case strings.HasPrefix(plugin, "Amazon VPC CNI"):
		return `1. The plugin must be v1.14 or later:
     kubectl get daemonset aws-node -n kube-system -o jsonpath='{.spec.template.spec.containers[*].image}'
2. Switch its policy agent on: as the EKS add-on
     aws eks update-addon --cluster-name CLUSTER --addon-name vpc-cni --configuration-values '{"enableNetworkPolicy": "true"}'
   or with its chart: --set enableNetworkPolicy=true
3. Wait: kubectl rollout status daemonset/aws-node -n kube-system
4. Check that a policy cuts (see By hand), and scan again.`
	case plugin == "Cilium" || plugin == "GKE Dataplane V2":
		return `1. See what switches it off:
     kubectl get configmap cilium-config -n kube-system -o yaml | grep -E 'enable-policy|policy-audit-mode|enable-k8s-networkpolicy'
2. Let it enforce: with its chart --set policyEnforcementMode=default --set policyAuditMode=false, or
     cilium config set enable-policy default && cilium config set policy-audit-mode false
3. Wait: kubectl rollout status daemonset/cilium -n kube-system
4. Check that a policy cuts (see By hand), and scan again.`
	case plugin == "kube-router":
		return `1. Take --run-firewall=false out of the arguments of DaemonSet kube-router, or set it to true.
2. Wait: kubectl rollout status daemonset/kube-router -n kube-system
3. Check that a policy cuts (see By hand), and scan again.`
	case plugin == "kindnet":
		return `1. kindnet enforces policies since kind 0.24. A cluster of kind is made anew with a later version; or put an enforcer beside it:
     kubectl apply -f https://raw.githubusercontent.com/kubernetes-sigs/kube-network-policies/main/install.yaml
2. Check that a policy cuts (see By hand), and scan again.`
	case strings.HasPrefix(plugin, "K3s"):
		return `1. Take --disable-network-policy out of every server's arguments (/etc/systemd/system/k3s.service, /etc/rancher/k3s/config.yaml).
2. On each server: systemctl daemon-reload && systemctl restart k3s
3. Check that a policy cuts (see By hand), and scan again.`
	}
	return `1. Put an enforcer beside ` + plugin + `, or move to a plugin that is one (Calico, Cilium, Antrea, kube-router, OVN-Kubernetes):
     https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/network-plugins/
     https://github.com/kubernetes-sigs/kube-network-policies
2. Check that a policy cuts (see By hand), and scan again.`
}

// enforcementRisks says what the cluster's plugin makes of new policies. Of
// manifests nothing is said: there are no nodes.
func enforcementRisks(inv *fixes.Inventory, hosts bool) []string {
	if inv.Len(fixes.KindNode) == 0 {
		return nil
	}
	status := cni.Detect(inv)
	switch status.Enforced {
	case cni.No:
		return []string{enumerate(status.Names()) + " enforces no NetworkPolicy here: until something does, these cut nothing (network-policies-not-enforced)."}
	case cni.Unknown:
		return []string{"Whether the network plugin enforces NetworkPolicies could not be told: check that before you count on them."}
	}
	enforcer, ok := status.Enforcer()
	if !ok {
		return nil
	}
	var out []string
	switch enforcer.Trial {
	case cni.CalicoStaged:
		out = append(out, "To see what would be cut first: --fix --dry-run --policies-as calico-staged writes them as staged policies, which Calico only logs.")
	case cni.CiliumAudit:
		out = append(out, "To see what would be cut first: Cilium's policy-audit-mode logs instead of dropping (kubectl harden explain "+RuleNoDefaultDeny+").")
	}
	if hosts && enforcer.HostNames != "" {
		out = append(out, enforcer.Name+" runs here, whose "+enforcer.HostNames+" can name hosts.")
	}
	return out
}
