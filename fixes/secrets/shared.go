package secrets

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

func sharedWidely() *fixes.Rule {
	return &fixes.Rule{
		ID:         "secret-shared-widely",
		Category:   fixes.Secrets,
		Title:      "Many more may read the Secrets than use them",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.CIS("5.1.2"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K03")},
		Kinds:      slices.Concat(usingKinds(), rbac.Kinds(), []fixes.Kind{fixes.KindSecret, fixes.KindNamespace}),
		Docs:       sharedWidelyDocs,
		Check:      checkSharedWidely,
	}
}

const sharedWidelyDocs = `
Who may get, list or watch Secrets in a namespace has every credential in it: a
list shows the values, not only the names. The pods that need them read them
through the kubelet, and need no right at all.

## What is looked at
The subjects (users, groups, ServiceAccounts) that may read all Secrets of a
namespace, by roles and bindings as the API server evaluates them, without those
of Kubernetes itself, and without the ServiceAccounts whose pods use a Secret
there anyway. Three or more such subjects, and more than use the Secrets, are
too many; a group that everybody is in is too much by itself.

Those that may read the Secrets of the whole cluster are reported once, at the
binding that lets in most of them, and a namespace only when its own bindings
let in more.

## The fix
Take "secrets" out of the roles, or bind them to fewer: name the Secrets that
are needed by resourceNames, with the verb get alone. The rules of the category
access say more of each binding.

## By hand
    kubectl auth can-i get secrets -n shop --as=USER
    kubectl get rolebindings,clusterrolebindings -A -o wide
`

// tooMany is how many subjects beside those that use the Secrets are reported.
const tooMany = 3

func checkSharedWidely(p *fixes.Pass) {
	if !p.Live || !rbac.Covered(p.Inventory, "") {
		return
	}
	cache := fixes.Memo(p.Inventory, rbac.Kinds(), newReaderCache)
	accounts := fixes.Memo(p.Scanned(), append(usingKinds(), fixes.KindSecret), findAccounts)
	everywhere := cache.subjects(readable{fixes.KindSecret, ""})
	var all []rbacv1.Subject
	for _, list := range accounts {
		all = append(all, list...)
	}
	if extra := beside(everywhere, all); len(accounts) > 0 && excessive(extra, len(all)) {
		reportCluster(p, cache.index, extra, len(all))
	}
	for _, ns := range p.UserNamespaces() {
		using, holds := accounts[ns]
		if !holds {
			continue // no credential to be read
		}
		own := beside(cache.subjects(readable{fixes.KindSecret, ns}), everywhere)
		if extra := beside(own, using); excessive(extra, len(using)) {
			p.Report(sharedFinding(fixes.Ref{Kind: fixes.KindNamespace, Name: ns}, "metadata.name", "readers",
				fmt.Sprintf("%s may read all Secrets of the namespace; %s.", subjects(len(extra)), usersOf(len(using))), extra,
				"kubectl get rolebindings -n "+ns+" -o wide", ns))
		}
	}
}

// reportCluster reports those that may read every Secret, at the binding that
// lets in most of them.
func reportCluster(p *fixes.Pass, index *rbac.Index, extra []rbacv1.Subject, using int) {
	count := map[fixes.Ref]int{}
	for _, g := range index.WhoCan(rbac.To("get", fixes.KindSecret, "")) {
		if slices.ContainsFunc(extra, func(s rbacv1.Subject) bool { return rbac.String(s) == rbac.String(g.Subject) }) {
			count[g.Binding]++
		}
	}
	var most fixes.Ref
	for ref, n := range count {
		if n > count[most] || n == count[most] && ref.Compare(most) < 0 {
			most = ref
		}
	}
	if most.Name == "" {
		return // they may list or watch, by bindings that are rare: access rules name each
	}
	p.Report(sharedFinding(most, "subjects", "readers",
		fmt.Sprintf("%s may read the Secrets of all namespaces; %s.", subjects(len(extra)), usersOf(using)), extra,
		"kubectl get clusterrolebindings -o wide", "kube-system"))
}

func subjects(n int) string {
	if n == 1 {
		return "1 subject that uses none"
	}
	return fmt.Sprintf("%d subjects that use none", n)
}

func usersOf(n int) string {
	if n == 1 {
		return "1 ServiceAccount's pods use them"
	}
	return fmt.Sprintf("the pods of %d ServiceAccounts use them", n)
}

func sharedFinding(ref fixes.Ref, path, key, message string, extra []rbacv1.Subject, list, namespace string) fixes.Finding {
	return fixes.Finding{
		Object: ref, Path: path, Key: key, Message: message,
		Evidence: []string{nameSubjects(extra)},
		Fixes: []fixes.Fix{{
			Title:      "Let fewer read Secrets",
			Confidence: fixes.Manual,
			Why:        "who needs the right is not known",
			Steps: strings.Join([]string{
				"1. See by which bindings they have it:",
				"     " + list,
				"2. Bind those that read no Secret to a role without secrets (the built-in role view has none), or name the Secrets that are needed by resourceNames, with the verb get alone.",
				"3. Check, for each:",
				"     kubectl auth can-i list secrets -n " + namespace + " --as=USER --as-group=GROUP",
			}, "\n"),
		}},
	}
}

// excessive reports whether too many may read what some use.
func excessive(extra []rbacv1.Subject, using int) bool {
	return len(extra) >= tooMany && len(extra) > using || slices.ContainsFunc(extra, rbac.Everybody)
}

// beside returns the subjects that are not among others.
func beside(list, others []rbacv1.Subject) []rbacv1.Subject {
	known := map[rbacv1.Subject]bool{}
	for _, s := range others {
		known[s] = true
	}
	return slices.DeleteFunc(slices.Clone(list), func(s rbacv1.Subject) bool { return known[s] })
}

// accounts maps the namespaces that hold a credential to the ServiceAccounts
// whose pods use a Secret there.
type accounts map[string][]rbacv1.Subject

func findAccounts(inv *fixes.Inventory) accounts {
	found := accounts{}
	for _, s := range fixes.Objects[*corev1.Secret](inv, "") {
		if _, known := found[s.Namespace]; !known && !fixes.IsSystemNamespace(s.Namespace) && isCredential(s) {
			found[s.Namespace] = nil
		}
	}
	seen := map[rbacv1.Subject]bool{}
	for _, w := range inv.Workloads("") {
		ns := w.Object.GetNamespace()
		if _, holds := found[ns]; !holds || len(fixes.SecretNames(w.Object)) == 0 {
			continue
		}
		name := w.Spec.ServiceAccountName
		if name == "" {
			name = "default"
		}
		s := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: ns, Name: name}
		if !seen[s] {
			seen[s] = true
			found[ns] = append(found[ns], s)
		}
	}
	return found
}
