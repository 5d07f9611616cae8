package controlplane

import "github.com/kubectl-harden/kubectl-harden/fixes"

func auditLogOff() *fixes.Rule {
	return &fixes.Rule{
		ID: "audit-log-off", Category: fixes.Logging,
		Title:      "The API server keeps no audit log",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.Repudiation},
		References: []fixes.Reference{fixes.CIS("1.2.16"), fixes.CIS("3.2.1"), fixes.NSA("Audit logging and threat detection"), fixes.OWASP("K05")},
		Docs:       auditLogOffDocs,
		Check:      checkAuditLogOff,
	}
}

const auditLogOffDocs = `
Without an audit log nobody can tell afterwards who read a Secret, changed a role or ran
a command in a pod, nor prove that they did not.

## What is looked at
The command of kube-apiserver in its pod in kube-system: --audit-policy-file, without
which nothing is logged, and where to: --audit-log-path or --audit-webhook-config-file.
Where no pod shows the control plane (managed clusters), that is said, and nothing
claimed: turn the audit log on at the provider.

## The fix
An audit policy, written out whole in the steps, and flags in the static pod's manifest
on each control plane node. The policy writes who did what to everything that changes
and to all that is secret; bodies only of what holds no secret.

## By hand
    kubectl get pods -n kube-system -l component=kube-apiserver -o yaml | grep -e --audit-
`

// auditPolicy is the policy that the steps hold. Bodies are written where they are
// the point (roles, admission) and hold no secret; a pod's may, in a variable.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
omitManagedFields: true
rules:
# What the cluster does with itself all day, and reads that tell nothing.
- level: None
  nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi/*", "/metrics"]
- level: None
  users: ["system:kube-proxy"]
  verbs: [watch]
  resources:
  - group: ""
    resources: [endpoints, services, nodes]
  - group: discovery.k8s.io
    resources: [endpointslices]
- level: None
  userGroups: ["system:nodes"]
  verbs: [get, update, patch]
  resources:
  - group: ""
    resources: [nodes, nodes/status, pods/status]
  - group: coordination.k8s.io
    resources: [leases]
- level: None
  users: ["system:kube-controller-manager", "system:kube-scheduler", "system:apiserver"]
  verbs: [get, update]
  resources:
  - group: coordination.k8s.io
    resources: [leases]
- level: None
  resources:
  - group: ""
    resources: [events]
  - group: events.k8s.io
    resources: [events]
# Who gets at secrets and tokens: never with their content.
- level: Metadata
  resources:
  - group: ""
    resources: [secrets, configmaps, serviceaccounts/token]
  - group: authentication.k8s.io
    resources: [tokenreviews]
# Who gets into pods and onto nodes, and with which command.
- level: Request
  resources:
  - group: ""
    resources: [pods/exec, pods/attach, pods/portforward, pods/proxy, pods/ephemeralcontainers, nodes/proxy, services/proxy]
# Who changes who may do what, and what is let in.
- level: RequestResponse
  verbs: [create, update, patch, delete, deletecollection]
  resources:
  - group: rbac.authorization.k8s.io
  - group: admissionregistration.k8s.io
  - group: certificates.k8s.io
  - group: policy
  - group: networking.k8s.io
    resources: [networkpolicies]
# All other changes, and all other reads.
- level: Metadata
`

// Flags of the audit log.
const (
	auditLogPath    = "audit-log-path"
	auditWebhook    = "audit-webhook-config-file"
	auditPolicyPath = "/etc/kubernetes/audit/policy.yaml"
	auditLogFile    = "/var/log/kubernetes/audit/audit.log"
)

func checkAuditLogOff(p *fixes.Pass) {
	for _, proc := range processesOf(p.Inventory).of(apiServer) {
		f := proc.flags
		noPolicy, nowhere := f.without(auditPolicyFile), f.without(auditLogPath) && f.without(auditWebhook)
		if !noPolicy && !nowhere {
			continue
		}
		out := finding{
			flag: auditLogPath, title: "Keep an audit log",
			message:  "The API server keeps no audit log: who did what cannot be told afterwards.",
			evidence: []string{f.evidence(auditLogPath, ""), f.evidence(auditPolicyFile, "")},
			risk:     "The log takes up to 5 GB of the node's disk (50 files of 100 MB).",
			edit:     auditEdit(),
		}
		if !nowhere {
			out.message = "The API server has a place for an audit log and no policy for it, and so writes nothing."
		}
		proc.report(p, out)
	}
}

// auditEdit is what turns the audit log on.
func auditEdit() edit {
	return edit{
		before: "Write " + auditPolicyPath + ", owned by root, mode 0600:\n" + indent(auditPolicy),
		set: []string{"--" + auditPolicyFile + "=" + auditPolicyPath, "--" + auditLogPath + "=" + auditLogFile,
			"--audit-log-maxage=30", "--audit-log-maxbackup=50", "--audit-log-maxsize=100"},
		mounts: mountsOf("audit", "/etc/kubernetes/audit", true) + mountsOf("audit-log", "/var/log/kubernetes/audit", false),
		after:  "Let the agent that collects the node's logs ship the file too: who has the node can change it.\nOn the node: tail -n 1 " + auditLogFile + "\n",
	}
}
