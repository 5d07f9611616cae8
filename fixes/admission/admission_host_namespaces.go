package admission

import (
	"fmt"
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/vap"
)

func hostNamespaces() *fixes.Rule {
	return &fixes.Rule{
		ID:         "admission-host-namespaces",
		Category:   fixes.Admission,
		Title:      "Nothing keeps pods with escalated privileges out of the hosts' namespaces and files",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering, fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("5.2.1"), fixes.CIS("5.2.3"), fixes.CIS("5.2.4"), fixes.CIS("5.2.5"), fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K04")},
		Kinds:      slices.Concat(fixes.WorkloadKinds(), []fixes.Kind{fixes.KindNamespace}, vap.Kinds(), engineKinds()),
		Phase:      fixes.Enforce,
		Enforces:   true,
		Docs:       hostNamespacesDocs,
		Check:      checkHostNamespaces,
	}
}

const hostNamespacesDocs = `
A pod in its host's PID, IPC or network namespace sees what all others do there;
with privileges that may rise it reaches into them, and has the node. A mount of
the node's files is as good. Where nothing refuses such pods, whoever may create a
pod anywhere may have every node.

## What is looked at
Whether something of the cluster refuses them:

- Pod Security Admission: baseline or restricted in every namespace but the system's
- a ValidatingAdmissionPolicy that reads the three host namespaces and hostPath of
  pods, and is bound to deny in every such namespace: this program's, or another's
- what other engines enforce (Kyverno, Gatekeeper), where it can be read

What covers a part, or only warns, is named in the evidence. A default level for
all namespaces, in the API server's own configuration, cannot be seen from outside.

## The fix
Creates the ValidatingAdmissionPolicy kubectl-harden-host-access, its binding and its
parameters, ConfigMap kube-system/kubectl-harden-host-access. It looks at pods,
ephemeral containers included, and at the templates of all workload kinds, and does
not let in

- hostPID, hostIPC or hostNetwork with a container that is privileged, may escalate
  (allowPrivilegeEscalation is not false), adds capabilities other than
  NET_BIND_SERVICE, has an unmasked /proc, or is a Windows HostProcess container
- hostPath volumes but for the parameter allowedHostPaths, one path a line, which
  stands for itself and not for what is below it

At first it warns, and writes to the audit log; with --enforce it denies. The system's
namespaces are exempt in the policy. The binding leaves out namespaces in which only known agents of
nodes have such access (network, storage, metrics, logs). The paths that others mount now are put
on the list, but for those that give the node away. What runs and would be refused is
listed. An update that brings nothing new goes through, so that what is there can
still be scaled, labelled and deleted; a new pod of it is refused like every other.

The parameters are in kube-system, since whoever may edit ConfigMaps there rules the
cluster's DNS already. While they are missing, --enforce refuses pods.

Validating admission policies need Kubernetes 1.30. To raise the level of namespaces
is simpler, and closes more: see psa-missing and psa-weak.

## By hand
    kubectl get validatingadmissionpolicy kubectl-harden-host-access -o yaml
    kubectl edit configmap -n kube-system kubectl-harden-host-access
    kubectl run probe --image=x --dry-run=server --overrides='{"spec":{"hostPID":true}}'
`

func checkHostNamespaces(p *fixes.Pass) {
	if !vap.Covered(p.Inventory) {
		return // manifests, a namespace alone, or a server that has no such policies
	}
	users := hostUsers(p.Inventory)
	policy := hostPolicy(p, users)
	lack := policy.Lack(p.Inventory)
	if lack == vap.Nothing {
		return
	}
	covers := hostCovers(p.Inventory, policy.Outside)
	if lack == vap.Absent && covers.all() {
		return
	}
	p.Report(fixes.Finding{
		Object:   policy.Ref(),
		Path:     "spec",
		Key:      "policy",
		Message:  sentenceOf(lack, "Nothing keeps a pod with privileges that may rise out of its host's namespaces and files: whoever may create pods may have the nodes.", "keeps pods out of their hosts' namespaces and files"),
		Evidence: append(covers.evidence(), hostEvidence(policy, users)...),
		Fixes:    []fixes.Fix{hostFix(p, policy, users)},
	})
}

// sentenceOf says what a policy lacks: absent, in its own words, or else in
// those that all policies have.
func sentenceOf(lack vap.Lack, absent, what string) string {
	switch lack {
	case vap.Absent:
		return absent
	case vap.Unbound:
		return "The policy that " + what + " is bound to nothing, and has no effect."
	case vap.Outdated:
		return "The policy that " + what + " has other expressions than this program's."
	case vap.Unparameterised:
		return "The policy that " + what + " lacks parameters."
	case vap.Lenient:
		return "The policy that " + what + " only warns."
	}
	return ""
}

func hostEvidence(policy vap.Policy, users []hostUser) []string {
	var lines []string
	if refused := hostRefused(policy, users); len(refused) > 0 {
		lines = append(lines, fmt.Sprintf("workloads that run and would be refused: %d", len(refused)))
		lines = append(lines, refused[:min(len(refused), maxAgainst)]...)
	}
	if len(policy.Outside) > 0 {
		lines = append(lines, "namespaces of node agents: "+fixes.Listed(policy.Outside))
	}
	return lines
}

// hostRefused names the workloads that would get no new pods, and why.
func hostRefused(policy vap.Policy, users []hostUser) []string {
	var names []string
	for _, u := range users {
		why := u.access.refused(policy.Params[allowedHostPaths])
		if why != "" && !slices.Contains(policy.Outside, u.Object.GetNamespace()) {
			names = append(names, u.Ref().String()+": "+why)
		}
	}
	return names
}

func hostFix(p *fixes.Pass, policy vap.Policy, users []hostUser) fixes.Fix {
	fix := fixes.Fix{
		Title:      "Warn of pods in their hosts' namespaces and files",
		Confidence: fixes.Review,
		Why:        "what people will want to run is not known; it warns, and refuses nothing",
		Risks:      []string{"Every API request that brings such a pod gets a warning, and is marked in the audit log."},
		Creates:    policy.Creates(p.Inventory),
		Edit:       policy.Edit,
	}
	if policy.Enforce {
		fix.Title = "Refuse pods in their hosts' namespaces and files"
		fix.Why = "what people will want to run is not known"
		fix.Risks = enforceRisks()
		if refused := hostRefused(policy, users); len(refused) > 0 {
			fix.Risks = append(fix.Risks, "These would get no new pods: "+fixes.Listed(refused)+".")
		}
	}
	return fix
}

// enforceRisks are those of every policy that denies.
func enforceRisks() []string {
	return []string{
		"Such pods are not created any more, also where a Deployment or a Job there is already wants a new one.",
		"While the policy or its parameters cannot be read, requests are refused (failurePolicy: Fail).",
	}
}
