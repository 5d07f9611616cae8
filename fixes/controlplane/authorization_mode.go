package controlplane

import (
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func authorizationMode() *fixes.Rule {
	return &fixes.Rule{
		ID: "authorization-mode", Category: fixes.Access,
		Title:      "The API server's authorization lets too much pass",
		Severity:   fixes.High,
		Threats:    takeover,
		References: []fixes.Reference{fixes.CIS("1.2.6"), fixes.CIS("1.2.7"), fixes.CIS("1.2.8"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K03")},
		Docs:       authorizationModeDocs,
		Check:      checkAuthorizationMode,
	}
}

const authorizationModeDocs = `
The modes of --authorization-mode are asked one after another whether a request is
allowed. AlwaysAllow, the default where neither the flag nor --authorization-config
is given, lets everything pass, so that roles mean nothing. ABAC reads its policy from
a file: nobody sees it through the API, and a change needs a restart. Without RBAC no
Role counts; without Node each kubelet needs rights over all nodes' Secrets and pods.

## What is looked at
The command of kube-apiserver in its pod in kube-system. With --authorization-config
(Kubernetes 1.30) the modes stand in a file that the API does not show: that is said,
and nothing claimed. So it is where no pod shows the control plane.

## The fix
In the static pod's manifest on each control plane node:

    - --authorization-mode=Node,RBAC

Who relied on AlwaysAllow or on the ABAC file loses what no role gives. Write the roles
first, and ask for each user and ServiceAccount that matters:
kubectl auth can-i --list --as USER.

## By hand
    kubectl get pods -n kube-system -l component=kube-apiserver -o yaml | grep authorization-
`

const authorizationFlag = "authorization-mode"

func checkAuthorizationMode(p *fixes.Pass) {
	for _, proc := range processesOf(p.Inventory).of(apiServer) {
		if proc.flags.has(authorizationConfig) {
			continue
		}
		modes, known := proc.flags.list(authorizationFlag)
		if !known {
			continue
		}
		if len(modes) == 0 {
			modes = []string{"AlwaysAllow"}
		}
		severity, message, set := judgeModes(modes)
		if message == "" {
			continue
		}
		proc.report(p, finding{
			flag: authorizationFlag, severity: severity, message: message,
			evidence: []string{proc.flags.evidence(authorizationFlag, "AlwaysAllow")},
			title:    "Authorize by Node and RBAC",
			risk:     "Whoever has rights by no role loses them.",
			edit: edit{
				before: "First give by roles what is needed, and ask: kubectl auth can-i --list --as USER\n",
				set:    []string{"--" + authorizationFlag + "=" + strings.Join(set, ",")},
			},
		})
	}
}

// judgeModes says what is wrong with a list of modes, and which it should be. A
// webhook stays where it is.
func judgeModes(modes []string) (severity fixes.Severity, message string, should []string) {
	should = []string{"Node", "RBAC"}
	if slices.Contains(modes, "Webhook") {
		should = append(should, "Webhook")
	}
	has := func(mode string) bool { return slices.Contains(modes, mode) }
	switch {
	case has("AlwaysAllow"):
		return fixes.Critical, "The API server allows every request (AlwaysAllow): whoever gets in rules the cluster, and roles mean nothing.", should
	case has("ABAC"):
		return fixes.High, "The API server authorizes by a file (ABAC) too: what it allows is seen by nobody through the API, and no role takes it away.", should
	case !has("RBAC") && !has("Webhook"):
		return fixes.High, "The API server does not authorize by RBAC: no Role or ClusterRole counts.", should
	case !has("RBAC"):
		return fixes.Low, "The API server leaves authorization to a webhook alone, without RBAC: no Role or ClusterRole counts.", should
	case !has("Node"):
		return fixes.Medium, "The API server has no Node authorizer: each kubelet needs rights over the Secrets and pods of all nodes.", should
	}
	return 0, "", nil
}
