package controlplane

import (
	"fmt"
	"strconv"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func auditPolicyWeak() *fixes.Rule {
	return &fixes.Rule{
		ID: "audit-policy-weak", Category: fixes.Logging,
		Title:    "The audit log leaves out what matters, or keeps it too short",
		Severity: fixes.Medium,
		Threats:  []fixes.Threat{fixes.Repudiation},
		References: []fixes.Reference{fixes.CIS("1.2.17"), fixes.CIS("1.2.18"), fixes.CIS("1.2.19"), fixes.CIS("3.2.1"), fixes.CIS("3.2.2"),
			fixes.NSA("Audit logging and threat detection"), fixes.OWASP("K05")},
		Kinds:  []fixes.Kind{fixes.KindConfigMap}, // which may hold the policy
		Docs:   auditPolicyWeakDocs,
		Check:  checkAuditPolicyWeak,
		Unseen: unseenPolicy,
	}
}

const auditPolicyWeakDocs = `
An audit log helps when it still holds the day of the break-in, and what was done then:
who read Secrets, changed roles, made tokens, ran commands in pods.

## What is looked at
The command of kube-apiserver in its pod in kube-system: how long --audit-log-maxage,
--audit-log-maxbackup and --audit-log-maxsize keep the log (30 days, 10 files of 100 MB
at least; 0 keeps all), and --audit-log-mode, which as batch drops events under load.
The policy is mostly a file on the node, which the API does not show: that is said, and
nothing claimed. Where the pod mounts it from a ConfigMap (hosted control planes), it is
evaluated for the requests that matter, and for bodies of Secrets in the log.

## The fix
The flags, or the whole policy, in the steps.

## By hand
    kubectl get pods -n kube-system -l component=kube-apiserver -o yaml | grep -e --audit-log
`

// unseenPolicy is [unseen], and says that a policy is not seen.
func unseenPolicy(inv *fixes.Inventory) []fixes.Skip {
	skips := unseen(inv)
	for _, proc := range processesOf(inv).of(apiServer) {
		if looked(inv) && !proc.flags.without(auditPolicyFile) && auditPolicyOf(inv, proc) == "" {
			return append(skips, inFile(apiServer, auditPolicyFile))
		}
	}
	return skips
}

// retention is the least that the benchmark wants kept; 0 is without a limit.
var retention = []struct {
	flag, unit string
	least      int
}{
	{"audit-log-maxage", "days", 30},
	{"audit-log-maxbackup", "files", 10},
	{"audit-log-maxsize", "MB a file", 100},
}

func checkAuditPolicyWeak(p *fixes.Pass) {
	for _, proc := range processesOf(p.Inventory).of(apiServer) {
		f := proc.flags
		if f.without(auditPolicyFile) || f.without(auditLogPath) && f.without(auditWebhook) {
			continue // audit-log-off says so
		}
		if !f.without(auditLogPath) {
			proc.checkRetention(p)
		}
		if mode, known := f.last("audit-log-mode", "blocking"); known && mode == "batch" {
			proc.report(p, finding{
				flag: "audit-log-mode", message: "The audit log is written in batches: what does not fit into the buffer under load is dropped, and a crash loses what is in it.",
				evidence: []string{f.evidence("audit-log-mode", "")}, title: "Write each event at once",
				risk: "Requests wait for the disk.", edit: edit{set: []string{"--audit-log-mode=blocking"}},
			})
		}
		proc.checkPolicy(p)
	}
}

func (proc process) checkRetention(p *fixes.Pass) {
	for _, r := range retention {
		text, known := proc.flags.last(r.flag, "")
		n, err := strconv.Atoi(text)
		if !known || err != nil || n == 0 || n >= r.least {
			continue
		}
		proc.report(p, finding{
			flag: r.flag, message: fmt.Sprintf("The audit log keeps %d %s: what was done before is lost, also to who fills it on purpose.", n, r.unit),
			evidence: []string{proc.flags.evidence(r.flag, "")}, title: "Keep the audit log for longer",
			risk: "The log takes more of the node's disk.", edit: edit{set: []string{fmt.Sprintf("--%s=%d", r.flag, r.least)}},
		})
	}
}

// matters are requests of which a log must tell.
func matters() []request {
	person := request{user: "somebody", groups: []string{"system:authenticated"}, namespace: "default", name: "x"}
	asks := func(what, verb, group, resource string) request {
		r := person
		r.what, r.verb, r.group, r.resource = what, verb, group, resource
		return r
	}
	secret := asks("reads of Secrets", "get", "", "secrets")
	secret.secret = true
	list := asks("lists of Secrets", "list", "", "secrets")
	list.secret, list.name = true, ""
	token := asks("tokens that are made", "create", "", "serviceaccounts/token")
	token.secret = true
	return []request{
		secret, list, token,
		asks("exec into pods", "create", "", "pods/exec"),
		asks("debug containers", "patch", "", "pods/ephemeralcontainers"),
		asks("new pods", "create", "", "pods"),
		asks("changes of Roles", "update", "rbac.authorization.k8s.io", "roles"),
		asks("changes of ClusterRoleBindings", "create", "rbac.authorization.k8s.io", "clusterrolebindings"),
		asks("changes of admission policies", "delete", "admissionregistration.k8s.io", "validatingadmissionpolicies"),
		asks("approved certificates", "update", "certificates.k8s.io", "certificatesigningrequests/approval"),
	}
}

// checkPolicy evaluates the policy, where it is seen.
func (proc process) checkPolicy(p *fixes.Pass) {
	pol, ok := parsePolicy(auditPolicyOf(p.Inventory, proc))
	if !ok {
		return
	}
	var left, bodies []string
	for _, r := range matters() {
		switch level := pol.level(r); {
		case level == "None":
			left = append(left, r.what)
		case r.secret && (level == "RequestResponse" || level == "Request" && r.verb == "create"):
			bodies = append(bodies, r.what)
		}
	}
	e := edit{before: "Put this policy in its place:\n" + indent(auditPolicy)}
	if len(left) > 0 {
		proc.report(p, finding{
			flag: auditPolicyFile, key: "none", message: "The audit policy leaves out " + fixes.Listed(left) + ".",
			evidence: []string{proc.flags.evidence(auditPolicyFile, "")}, title: "Change the audit policy", edit: e,
		})
	}
	if len(bodies) > 0 {
		proc.report(p, finding{
			flag: auditPolicyFile, key: "bodies", message: "The audit log holds secrets: the policy writes the bodies of " + fixes.Listed(bodies) + ".",
			evidence: []string{proc.flags.evidence(auditPolicyFile, "")}, title: "Change the audit policy", edit: e,
		})
	}
}
