package access

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

func readSecrets() *fixes.Rule {
	return &fixes.Rule{
		ID:         "rbac-read-secrets",
		Category:   fixes.Access,
		Title:      "Somebody may read every Secret",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.InformationDisclosure, fixes.ElevationOfPrivilege},
		References: []fixes.Reference{fixes.CIS("5.1.2"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K03")},
		Kinds:      bindingKinds(),
		Docs:       readSecretsDocs,
		Check: func(p *fixes.Pass) {
			reportGrants(p, findSecretReads, func(g grant) fixes.Finding {
				f := g.finding(p.Inventory, "read every Secret "+where(g.Bound))
				f.Severity = rank(g, fixes.High, fixes.Medium, fixes.Low)
				f.Fixes = g.fix(p)
				return f
			})
		},
	}
}

const readSecretsDocs = `
Whoever may get, list or watch the Secrets of a namespace has all credentials in it:
a list shows values, not names alone. In kube-system, or in all namespaces, that
leads to the rights of every controller whose token is in a Secret.

## What is looked at
Bindings that give get, list or watch on all Secrets, without limiting them to
names, to subjects outside of Kubernetes itself and of controllers whose charts ask
for it. Each is a finding, with the way that leads there: which pods run as which
ServiceAccount, by which binding, to which role. How many may read the Secrets
beside those that use them is told by secret-shared-widely.

## The fix
` + bindingFixDocs + `
## By hand
    kubectl auth can-i list secrets -n NAMESPACE --as=system:serviceaccount:NAMESPACE:NAME
    kubectl harden access who-can get secrets -n NAMESPACE
`

// secretReads show what is in all Secrets.
var secretReads = []power{{verbs: []string{"get", "list", "watch"}, resource: "secrets"}}

func findSecretReads(b rbac.Bound) []rbacv1.PolicyRule { return held(b, secretReads) }
