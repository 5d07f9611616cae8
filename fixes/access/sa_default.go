package access

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

func defaultAccount() *fixes.Rule {
	return &fixes.Rule{
		ID:         "sa-default",
		Category:   fixes.Access,
		Title:      "The ServiceAccount default has rights, which every pod of the namespace gets",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege},
		References: []fixes.Reference{fixes.CIS("5.1.5"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K03")},
		Kinds:      slices.Concat(rbac.Kinds(), fixes.WorkloadKinds(), []fixes.Kind{fixes.KindServiceAccount, fixes.KindSecret, fixes.KindActivity}),
		Docs:       defaultAccountDocs,
		Check:      checkDefaultAccount,
	}
}

const defaultAccountDocs = `
A pod that names no ServiceAccount runs as default. Rights that are given to default
for the sake of one workload are those of all others as well, and of each that is
yet to come.

## What is looked at
Workloads that run as default, and get a token, in namespaces whose account default
has a binding; and bindings of accounts default as which nothing runs (any more).

## The fix
Makes a ServiceAccount of the workload's own name, with default's pull secrets, adds
it to the bindings that name default, and lets the workload run as it (review: the
pods restart; what names the account outside of RBAC, a cloud's identity or Vault, has
to know the new one). A binding in all namespaces stays one. The rights of default stay
until the old pods are gone: the next scan finds the bindings as which nothing runs, and
takes default out of them, or them away where nobody else is in them (review: a pod may
be to come). Where a Secret holds a token of default, or the server is not the one that
is looked at (manifests), or an audit log shows somebody at work as it, that is manual.

## By hand
    kubectl get rolebindings,clusterrolebindings -A -o wide | grep /default
    kubectl auth can-i --list -n NAMESPACE --as=system:serviceaccount:NAMESPACE:default
`

func checkDefaultAccount(p *fixes.Pass) {
	bindings := map[rbacv1.Subject][]rbac.Bound{}
	for _, b := range rbac.Of(p.Inventory).Bindings() {
		for _, s := range b.Subjects {
			if s.Kind == rbacv1.ServiceAccountKind && s.Name == "default" && len(b.Rules) > 0 {
				bindings[s] = append(bindings[s], b)
			}
		}
	}
	runs := map[rbacv1.Subject]bool{}
	for _, w := range p.Workloads("") {
		account := rbac.AccountOf(w)
		if w.Finished() || account.Name != "default" {
			continue
		}
		runs[account] = true
		if len(bindings[account]) > 0 && automounts(p.Inventory, w, account.Name) {
			p.Report(ownAccount(p, w, bindings[account]))
		}
	}
	reportIdleDefaults(p, bindings, runs)
}

func ownAccount(p *fixes.Pass, w fixes.Workload, bindings []rbac.Bound) fixes.Finding {
	ns := w.Object.GetNamespace()
	account := fixes.Ref{Kind: fixes.KindServiceAccount, Namespace: ns, Name: p.FreeName(fixes.KindServiceAccount, ns, accountName(w))}
	var paths []string
	for _, b := range bindings {
		paths = append(paths, rbac.Path{Runner: w.Ref(), Subject: rbac.Account(ns, "default"), Binding: b.Binding, Role: b.Role}.String())
	}
	if _, pod := w.Object.(*corev1.Pod); pod && p.Live {
		return fixes.Finding{
			Object: w.Ref(), Path: w.SpecPath + ".serviceAccountName", Key: "serviceAccountName",
			Message:  defaultMessage,
			Evidence: paths,
			Fixes:    []fixes.Fix{accountByHand(account, bindings)},
		}
	}
	return fixes.Finding{
		Object: w.Ref(), Path: w.SpecPath + ".serviceAccountName", Key: "serviceAccountName",
		Message:  defaultMessage,
		Evidence: paths,
		Fixes: []fixes.Fix{{
			Title:      "Run it as a ServiceAccount of its own, with the same bindings",
			Confidence: fixes.Review,
			Why:        "it keeps the rights that it has; what else knows it by its account (a cloud's identity, Vault) cannot be seen",
			Risks:      ownRisks(bindings),
			Creates:    []fixes.Ref{account},
			Edit:       func(d *fixes.Draft) error { return moveToAccount(d, w.Ref(), account, bindings) },
		}},
	}
}

func ownRisks(bindings []rbac.Bound) []string {
	risks := []string{"The pods restart.",
		"default keeps its rights until it is taken out of " + fixes.Listed(bindingNames(bindings)) + ", which the next scan offers."}
	everywhere := slices.DeleteFunc(slices.Clone(bindings), func(b rbac.Bound) bool { return !b.Everywhere() })
	if len(everywhere) > 0 {
		risks = append(risks, "The new account too has the rights of "+fixes.Listed(bindingNames(everywhere))+" in all namespaces: nothing shows that it needs fewer.")
	}
	return risks
}

const defaultMessage = "It runs as the ServiceAccount default, which has rights: every other pod of the namespace that names no account has them too."

// accountByHand is for a pod that runs by itself: it would have to be made anew,
// and the server takes none whose account is not there.
func accountByHand(account fixes.Ref, bindings []rbac.Bound) fixes.Fix {
	steps := []string{"1. Make the account, and bind it:", "     kubectl create serviceaccount " + account.Name + " -n " + account.Namespace}
	for _, b := range bindings {
		steps = append(steps, "     kubectl patch "+words(b.Binding)+` --type=json -p '[{"op":"add","path":"/subjects/-","value":{"kind":"ServiceAccount","name":"`+
			account.Name+`","namespace":"`+account.Namespace+`"}}]'`)
	}
	return fixes.Fix{
		Title:      "Run it as a ServiceAccount of its own, with the same bindings",
		Confidence: fixes.Manual,
		Why:        "a pod that runs cannot change its account",
		Steps: strings.Join(append(steps,
			"2. Delete the pod, and create it again with serviceAccountName: "+account.Name,
			"3. Take default out of the bindings, and check that it has no rights left:",
			"     kubectl auth can-i --list -n "+account.Namespace+" --as=system:serviceaccount:"+account.Namespace+":default"), "\n"),
	}
}

// accountName is the workload's name, as far as a ServiceAccount may have it.
func accountName(w fixes.Workload) string {
	if name := w.Object.GetName(); name != "default" {
		return name
	}
	return "default-" + strings.ToLower(w.Ref().Kind.Name)
}

func bindingNames(bindings []rbac.Bound) []string {
	var names []string
	for _, b := range bindings {
		names = append(names, b.Binding.String())
	}
	return names
}

func moveToAccount(d *fixes.Draft, workload, account fixes.Ref, bindings []rbac.Bound) error {
	w, err := d.EditWorkload(workload)
	if err != nil {
		return err
	}
	if rbac.AccountOf(w).Name != "default" || !automounts(d.Inventory, w, "default") {
		return nil
	}
	old := rbac.Account(account.Namespace, "default")
	if d.Get(account) == nil {
		made := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: account.Namespace, Name: account.Name}}
		if sa, ok := fixes.Lookup[*corev1.ServiceAccount](d.Inventory, account.Namespace, "default"); ok {
			made.ImagePullSecrets = slices.Clone(sa.ImagePullSecrets)
			made.AutomountServiceAccountToken = sa.AutomountServiceAccountToken
		}
		if err := d.Create(made); err != nil {
			return err
		}
	}
	// Other fixes may have narrowed or moved the bindings of the scan.
	refs := createdBindings(d)
	for _, b := range bindings {
		refs = append(refs, b.Binding)
	}
	for _, ref := range refs {
		if bindsTo(d, ref, old) {
			if err := bind(d, ref, fixes.Ref{}, rbac.Account(account.Namespace, account.Name)); err != nil {
				return err
			}
		}
	}
	w.Spec.ServiceAccountName, w.Spec.DeprecatedServiceAccount = account.Name, ""
	return nil
}

func createdBindings(d *fixes.Draft) []fixes.Ref {
	var refs []fixes.Ref
	for _, b := range fixes.CreatedBy[*rbacv1.ClusterRoleBinding](d) {
		refs = append(refs, fixes.RefOf(b))
	}
	for _, b := range fixes.CreatedBy[*rbacv1.RoleBinding](d) {
		refs = append(refs, fixes.RefOf(b))
	}
	return refs
}

// reportIdleDefaults reports bindings of accounts default as which nothing runs.
// What a plan moves away is still running until it is applied, so it is for the
// next scan.
func reportIdleDefaults(p *fixes.Pass, bindings map[rbacv1.Subject][]rbac.Bound, runs map[rbacv1.Subject]bool) {
	before := rbac.RunnersOf(p.Scanned())
	index := rbac.Of(p.Inventory)
	log := fixes.Memo(p.Inventory, []fixes.Kind{fixes.KindActivity}, newDeeds)
	for s, list := range bindings {
		if runs[s] || len(before[s]) > 0 || index.System(s) || !p.Covers(fixes.KindPod, s.Namespace) || p.Namespace != "" && p.Namespace != s.Namespace {
			continue
		}
		evidence := stillUsed(p.Inventory, s, log.of(s))
		for _, b := range list {
			p.Report(fixes.Finding{
				Object: b.Binding, Path: "subjects", Key: "default " + s.Namespace,
				Message:  rbac.Path{Subject: s, Binding: b.Binding, Role: b.Role}.String() + ": nothing runs as it now; every pod to come that names no account gets its rights.",
				Evidence: evidence,
				Fixes:    []fixes.Fix{takeFromDefault(p.Live, b.Binding, s, evidence)},
			})
		}
	}
}

// takeFromDefault takes an account default as which nothing runs out of a binding.
// used are signs that somebody works as it all the same.
func takeFromDefault(live bool, binding fixes.Ref, s rbacv1.Subject, used []string) fixes.Fix {
	fix := fixes.Fix{
		Title:      "Take " + rbac.String(s) + " out of " + binding.String(),
		Confidence: fixes.Review,
		Why:        "nothing runs as it now, and whether something is about to is not known",
		Risks:      []string{"A pod to come that names no account, and needs the rights, is refused: give it an account of its own."},
		Edit:       func(d *fixes.Draft) error { return unbind(d, binding, []rbacv1.Subject{s}) },
	}
	var why string
	switch {
	case !live:
		why = "manifests do not show what runs"
	case len(used) > 0:
		why = used[0]
	default:
		return fix
	}
	fix.Confidence, fix.Why, fix.Risks, fix.Edit = fixes.Manual, why, nil, nil
	fix.Steps = "1. Take it out of the subjects, or delete the binding where no other is left:\n     kubectl edit " + words(binding) +
		"\n2. Check that no right is left:\n     kubectl auth can-i --list -n " + s.Namespace + " --as=system:serviceaccount:" + s.Namespace + ":default"
	return fix
}

// stillUsed tells what shows that somebody works, or can work, as an account as which
// no pod runs: its token in a Secret, what an audit log holds.
func stillUsed(inv *fixes.Inventory, s rbacv1.Subject, uses []fixes.Use) []string {
	var names, signs []string
	for _, secret := range fixes.Objects[*corev1.Secret](inv, s.Namespace) {
		if isToken(secret) && secret.Annotations[corev1.ServiceAccountNameKey] == s.Name {
			names = append(names, s.Namespace+"/"+secret.Name)
		}
	}
	if len(names) > 0 {
		signs = append(signs, "a token of it that does not expire is in Secret "+fixes.Listed(names))
	}
	var last time.Time
	for _, u := range uses {
		if u.Last.After(last) {
			last = u.Last
		}
	}
	if !last.IsZero() {
		signs = append(signs, "the audit log shows somebody at work as it, last on "+last.Format(time.DateOnly))
	}
	return signs
}
