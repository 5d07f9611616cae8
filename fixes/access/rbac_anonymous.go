package access

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

func anonymous() *fixes.Rule {
	return &fixes.Rule{
		ID:         "rbac-anonymous",
		Category:   fixes.Access,
		Title:      "Rights are bound to everybody",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.Spoofing, fixes.InformationDisclosure, fixes.ElevationOfPrivilege},
		References: []fixes.Reference{fixes.CIS("5.1.7"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K03")},
		Kinds:      rbac.Kinds(),
		Docs:       anonymousDocs,
		Check:      checkAnonymous,
	}
}

const anonymousDocs = `
What is bound to system:anonymous or system:unauthenticated, anybody has who reaches
the API server, without a password or a token. What is bound to
system:authenticated, everybody has who may log in at all, and to
system:serviceaccounts, every pod that has a token.

## What is looked at
Bindings to these subjects, beside those that every API server makes itself
(system:public-info-viewer, system:basic-user, system:discovery), and beside
kubeadm's, by which new nodes read the cluster's address (kube-public/cluster-info).
An API server with --anonymous-auth=false lets nobody in as anonymous; bindings are
reported all the same, since they wait for the flag to change.

## The fix
Takes the subject out of the binding, and the binding away if nobody else is left in
it (review: whoever relies on it has to be bound by name, or by a group of their
own).

## By hand
    kubectl get clusterrolebindings,rolebindings -A -o json | jq -r '.items[] | select(.subjects[]?.name | test("^system:(anonymous|unauthenticated|authenticated|serviceaccounts)$")) | .metadata.name'
    kubectl auth can-i --list --as=system:anonymous --as-group=system:unauthenticated
`

func checkAnonymous(p *fixes.Pass) {
	for _, b := range rbac.Of(p.Inventory).Bindings() {
		var everybody []rbacv1.Subject
		for _, s := range b.Subjects {
			if rbac.Everybody(s) && spokenOf(p.Inventory, b.Binding, s) && !slices.Contains(everybody, s) {
				everybody = append(everybody, s)
			}
		}
		if len(everybody) == 0 || publicByDesign(p.Inventory, b) {
			continue
		}
		names := make([]string, len(everybody))
		for i, s := range everybody {
			names[i] = rbac.String(s)
		}
		p.Report(fixes.Finding{
			Object: b.Binding, Path: "subjects", Key: "everybody",
			Severity: anonymousSeverity(b, everybody),
			Message:  strings.Join(names, ", ") + " -> " + b.Binding.String() + " -> " + b.Role.String() + ": " + whoThatIs(everybody) + " has its rights " + where(b) + ".",
			Evidence: []string{"may " + rules(b.Rules)},
			Fixes: []fixes.Fix{{
				Title:      "Take " + strings.Join(names, ", ") + " out of " + b.Binding.String(),
				Confidence: fixes.Review,
				Why:        "who relies on it is not known",
				Risks:      []string{"Whoever used these rights without a binding of their own is refused from then on."},
				Edit:       func(d *fixes.Draft) error { return unbind(d, b.Binding, everybody) },
			}},
		})
	}
}

// publicByDesign reports whether a binding is one of those that every API server
// has, with its own role, or kubeadm's of the ConfigMap cluster-info.
func publicByDesign(inv *fixes.Inventory, b rbac.Bound) bool {
	if rbac.Of(inv).Own(b.Role) && strings.HasPrefix(b.Role.Name, "system:") {
		return true
	}
	return b.Binding.Namespace == "kube-public" && len(b.Rules) == 1 &&
		slices.Equal(b.Rules[0].Verbs, []string{"get"}) && slices.Equal(b.Rules[0].Resources, []string{"configmaps"}) &&
		slices.Equal(b.Rules[0].ResourceNames, []string{"cluster-info"})
}

func unknownCaller(s rbacv1.Subject) bool {
	return s.Name == rbac.Anonymous || s.Name == rbac.Unauthenticated
}

func whoThatIs(list []rbacv1.Subject) string {
	switch {
	case slices.ContainsFunc(list, unknownCaller):
		return "anybody who reaches the API server"
	case slices.ContainsFunc(list, func(s rbacv1.Subject) bool { return s.Name == rbac.Authenticated }):
		return "everybody who may log in"
	}
	return "every pod with a token"
}

func anonymousSeverity(b rbac.Bound, list []rbacv1.Subject) fixes.Severity {
	dangerous := everything(b.Rules) || len(held(b, slices.Concat(escalations, secretReads, workloadWrites))) > 0
	open := slices.ContainsFunc(list, unknownCaller)
	switch {
	case dangerous && open:
		return fixes.Critical
	case dangerous || open:
		return fixes.High
	}
	return fixes.Medium
}
