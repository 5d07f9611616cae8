package access

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

func tokenAutomounted() *fixes.Rule {
	return &fixes.Rule{
		ID:         "sa-token-automounted",
		Category:   fixes.Access,
		Title:      "A pod mounts an API token that nothing shows it to need",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("5.1.6"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K03")},
		Kinds: append(fixes.WorkloadKinds(), fixes.KindServiceAccount,
			fixes.KindRoleBinding, fixes.KindClusterRoleBinding),
		Docs:  tokenAutomountedDocs,
		Check: checkTokenAutomounted,
	}
}

const tokenAutomountedDocs = `
Every pod gets a token for the API server unless it says otherwise. Whoever
breaks into the container can then talk to the API as its ServiceAccount, and
learns at least the cluster's version and API groups; with a binding added
later, much more.

## What is looked at
A pod needs its token when its own ServiceAccount has a RoleBinding or a
ClusterRoleBinding. Such pods are not reported. Of the others, some still use
the token (to log in to Vault, say), so names of API clients in images,
commands and variables are taken as a hint, and lower the fix to "review".

## The fix
Sets automountServiceAccountToken: false in the pod template. The pods restart.
Projected tokens that the pod asks for by a volume of its own stay.

Where one container looks like a client, another fix is offered beside it: the pod's
token is not mounted into all containers, but projected into that one, for an hour at
a time, and with the audience "vault" where its variables are Vault's (the role in
Vault then needs that audience: https://developer.hashicorp.com/vault/docs/auth/kubernetes).

## By hand
    kubectl get deployment web -o jsonpath='{.spec.template.spec.automountServiceAccountToken}'
`

func checkTokenAutomounted(p *fixes.Pass) {
	bound := rbac.Named(p.Inventory)
	for _, w := range p.Workloads("") {
		account := rbac.AccountOf(w).Name
		if !automounts(p.Inventory, w, account) {
			continue
		}
		isBound := bound.Has(w.Object.GetNamespace(), account)
		if isBound && account != "default" {
			continue
		}
		fix := fixes.Fix{
			Title:      "Set automountServiceAccountToken: false",
			Confidence: fixes.Safe,
			Why:        "ServiceAccount " + account + " has no rights that the pod could use",
			Risks:      []string{"The pods restart."},
			Edit: func(d *fixes.Draft) error {
				w, err := d.EditWorkload(w.Ref())
				if err != nil {
					return err
				}
				if rbac.AccountOf(w).Name != account {
					return nil // sa-default has given it an account of its own, with its rights
				}
				w.Spec.AutomountServiceAccountToken = new(bool)
				return nil
			},
		}
		evidence := []string{"ServiceAccount " + account + " has no binding"}
		hint, container := rbac.ClientHint(w)
		switch {
		case !p.Covers(fixes.KindRoleBinding, w.Object.GetNamespace()) || !p.Covers(fixes.KindClusterRoleBinding, ""):
			fix.Confidence, fix.Why = fixes.Review, "bindings could not be listed: the ServiceAccount may have rights"
			evidence = []string{"bindings of ServiceAccount " + account + " are not known"}
		case isBound:
			fix.Confidence, fix.Why = fixes.Review, "ServiceAccount default has rights; whether this pod uses them is not known"
			evidence = []string{"ServiceAccount default, shared by all pods of the namespace, has a binding"}
		case hint != "":
			fix.Confidence, fix.Why = fixes.Review, hint+" looks like a client of the API"
			evidence = append(evidence, hint)
		}
		alternatives := []fixes.Fix{fix}
		if hint != "" {
			alternatives = append(alternatives, projectToken(w, account, container, hint))
		}
		p.Report(fixes.Finding{
			Object: w.Ref(),
			Path:   w.SpecPath + ".automountServiceAccountToken",
			Message: fmt.Sprintf("Its pods mount a token of ServiceAccount %s: whoever breaks into one can use the API with it.",
				account),
			Evidence: evidence,
			Fixes:    alternatives,
		})
	}
}

// automounts tells whether pods of the workload get a token: the pod's word
// counts before its ServiceAccount's, and the default is yes.
func automounts(inv *fixes.Inventory, w fixes.Workload, account string) bool {
	if v := w.Spec.AutomountServiceAccountToken; v != nil {
		return *v
	}
	if sa, ok := fixes.Lookup[*corev1.ServiceAccount](inv, w.Object.GetNamespace(), account); ok && sa.AutomountServiceAccountToken != nil {
		return *sa.AutomountServiceAccountToken
	}
	return true
}
