package secrets

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func unused() *fixes.Rule {
	return &fixes.Rule{
		ID:         "secret-unused",
		Category:   fixes.Secrets,
		Title:      "A Secret is used by nothing that can be seen",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.InformationDisclosure},
		References: []fixes.Reference{fixes.NSA("Authentication and authorization"), fixes.OWASP("K08")},
		Kinds:      append(usingKinds(), fixes.KindSecret),
		Docs:       unusedDocs,
		Check:      checkUnused,
	}
}

const unusedDocs = `
A credential that nothing needs any more can still be stolen. It is also the one
that nobody rotates.

## What is looked at
Whether any pod or workload of the namespace (environment, volumes, pull
secrets), any ServiceAccount or any Ingress refers to it. Only in a running
cluster, where all of these could be listed. Left out are tokens of
ServiceAccounts and nodes, records of Helm releases, and what an owner, a
manager or an operator keeps.

Custom resources, storage classes and programs that ask the API for a Secret by
its name cannot be seen: an unused Secret is a suspicion, not a fact.

## The fix
Make sure, keep a copy, and delete it: the steps say how.

## By hand
    kubectl get pods,deployments,serviceaccounts,ingresses -n shop -o yaml | grep -w NAME
`

// usingKinds are the kinds that refer to Secrets.
func usingKinds() []fixes.Kind {
	return append(fixes.WorkloadKinds(), fixes.KindServiceAccount, fixes.KindIngress)
}

func checkUnused(p *fixes.Pass) {
	if !p.Live {
		return
	}
	// What a plan makes of the references is not judged: a Secret that a fix
	// leaves unused is for the next scan, when the pods are gone that read it.
	inv := p.Scanned()
	used := fixes.Memo(inv, usingKinds(), findUsed)
	covered := map[string]bool{}
	for _, s := range fixes.Objects[*corev1.Secret](inv, "") {
		ns := s.Namespace
		if _, known := covered[ns]; !known {
			covered[ns] = !fixes.IsSystemNamespace(ns) &&
				!slices.ContainsFunc(usingKinds(), func(k fixes.Kind) bool { return !inv.Covers(k, ns) })
		}
		if !covered[ns] || used[usedSecret{ns, s.Name}] || notForPods(s) || keeper(s) != "" || p.Get(fixes.RefOf(s)) == nil {
			continue
		}
		name := s.Name + " -n " + ns
		p.Report(fixes.Finding{
			Object:   fixes.RefOf(s),
			Path:     "metadata.name",
			Message:  "No pod, workload, ServiceAccount or Ingress of its namespace refers to it.",
			Evidence: []string{"custom resources and programs that read it by name are not seen"},
			Fixes: []fixes.Fix{{
				Title:      "Delete it, if nothing reads it",
				Confidence: fixes.Manual,
				Why:        "what reads it through the API, or by a custom resource, cannot be seen",
				Steps: strings.Join([]string{
					"1. Look for custom resources and configuration that name it, and in the API server's audit log for who gets it.",
					"2. Keep a copy where Secrets may be kept:",
					"     kubectl get secret " + name + " -o yaml",
					"3. Delete it, and watch for pods and controllers that miss it:",
					"     kubectl delete secret " + name,
					"     kubectl get events -n " + ns + " --watch",
					"4. Revoke the credential that it held.",
				}, "\n"),
			}},
		})
	}
}

// notForPods reports whether a Secret is of a type that the system itself
// reads, without anything that refers to it.
func notForPods(s *corev1.Secret) bool {
	switch s.Type {
	case corev1.SecretTypeServiceAccountToken, corev1.SecretTypeBootstrapToken, helmRelease:
		return true
	}
	return strings.HasPrefix(string(s.Type), "helm.sh/")
}

// usedSecret names a Secret that something refers to.
type usedSecret struct{ namespace, name string }

type usedSecrets map[usedSecret]bool

func findUsed(inv *fixes.Inventory) usedSecrets {
	used := usedSecrets{}
	for _, kind := range usingKinds() {
		for _, obj := range inv.List(kind) {
			for _, name := range fixes.SecretNames(obj) {
				used[usedSecret{obj.GetNamespace(), name}] = true
			}
		}
	}
	return used
}
