package nodes

import "github.com/kubectl-harden/kubectl-harden/fixes"

func hostnameOverride() *fixes.Rule {
	return &fixes.Rule{
		ID:         "kubelet-hostname-override",
		Category:   fixes.Nodes,
		Title:      "A kubelet goes by another name than its host",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.Spoofing, fixes.Repudiation},
		References: []fixes.Reference{fixes.CIS("4.2.7"), fixes.OWASP("K09")},
		Kinds:      []fixes.Kind{fixes.KindNode, fixes.KindKubelet},
		Docs:       hostnameOverrideDocs,
		Check:      checkHostnameOverride,
	}
}

const hostnameOverrideDocs = `
A kubelet that is told its name (--hostname-override) is known to the cluster by another
one than to the machine's own logs, its certificates and the network: who reads a log has
to know which is which, and a certificate for the name may not be the host's.

## What is looked at
The flag in what each kubelet shows of its command line (GET nodes/NAME/proxy/flagz, from
Kubernetes 1.36 on), with --kubelet-config only; no object shows it. Kubelets that do not
show their flags are told as not looked at.

## The fix
By hand: the node gets another name, so it leaves the cluster and joins it again. Where an
installer or a cloud's image sets the flag (EKS, kubeadm's nodeRegistration.name), its names
are what the provider knows the node by: leave it, and skip this rule
(--skip kubelet-hostname-override).

## By hand
    kubectl get --raw /api/v1/nodes/NODE/proxy/flagz
`

func checkHostnameOverride(p *fixes.Pass) {
	for _, k := range fixes.Objects[*fixes.Kubelet](p.Inventory, "") {
		name := k.Flags["hostname-override"]
		if name == "" {
			continue
		}
		p.Report(fixes.Finding{
			Object: fixes.Ref{Kind: fixes.KindNode, Name: k.Name}, Path: "--hostname-override", Key: "--hostname-override",
			Message:  "The kubelet is told its node's name, rather than to take its host's: logs and certificates of the host may name another.",
			Evidence: []string{"its flagz says hostname-override: " + name},
			Fixes: []fixes.Fix{{
				Title: "Let the kubelet take its host's name", Confidence: fixes.Manual,
				Why:   "a node cannot change its name, and its flags stand on it",
				Risks: []string{"The node leaves the cluster under its old name: its pods move, what selects nodes by name or kubernetes.io/hostname follows by hand, local volumes stay behind."},
				Steps: hostnameSteps(k.Name),
			}},
		})
	}
}

func hostnameSteps(node string) string {
	return "If a provider or an installer sets the name, leave it: kubectl harden --kubelet-config --skip kubelet-hostname-override\n" +
		"Else:\n" +
		"1. Take the pods off: kubectl drain " + node + " --ignore-daemonsets --delete-emptydir-data\n" +
		"2. On the node, set the host's name to what it should be (hostnamectl), and take --hostname-override out of the kubelet's flags\n" +
		"   (kubeadm: /var/lib/kubelet/kubeadm-flags.env; else: systemctl cat kubelet).\n" +
		"3. Let it join anew, with a certificate for its name (kubeadm reset, kubeadm join), and: kubectl delete node " + node + "\n" +
		"Check: kubectl harden --kubelet-config --rule kubelet-hostname-override"
}
