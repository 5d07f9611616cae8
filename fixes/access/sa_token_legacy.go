package access

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func tokenLegacy() *fixes.Rule {
	return &fixes.Rule{
		ID:         "sa-token-legacy",
		Category:   fixes.Access,
		Title:      "A Secret holds a ServiceAccount's token that never expires",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.Spoofing, fixes.ElevationOfPrivilege},
		References: []fixes.Reference{fixes.CIS("5.1.6"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K06")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindSecret, fixes.KindServiceAccount),
		Docs:       tokenLegacyDocs,
		Check:      checkTokenLegacy,
	}
}

const tokenLegacyDocs = `
Up to Kubernetes 1.23 each ServiceAccount had a Secret with a token, and one can
still be asked for (type kubernetes.io/service-account-token). Such a token is valid
for as long as the Secret is there, from anywhere, for the audience of the API
server; whoever may read Secrets can take it. The tokens that pods are given now
expire within the hour, and end with the pod.

## What is looked at
Secrets of that type; who mounts them or has them in a variable; and, where the
server notes it (1.27), when the token was last used (KEP-2799, the label
kubernetes.io/legacy-token-last-used), which holds for users outside of the cluster
too: a kubeconfig, a pipeline.

## The fix
Deletes the Secret, with which the token is invalid at once (review: a kubeconfig or
a pipeline may hold a copy). An undo makes the Secret anew, with another token. Where
a pod uses the Secret it is manual: let the pod use a projected token instead, whose
audience and expiry it chooses:

    volumes:
    - name: token
      projected:
        sources:
        - serviceAccountToken: {path: token, audience: vault, expirationSeconds: 3600}

## By hand
    kubectl get secrets -A --field-selector type=kubernetes.io/service-account-token --show-labels
    kubectl create token NAME -n NAMESPACE --duration=1h
`

const (
	tokenLastUsed = "kubernetes.io/legacy-token-last-used"
	tokenInvalid  = "kubernetes.io/legacy-token-invalid-since"
)

func checkTokenLegacy(p *fixes.Pass) {
	users := fixes.Memo(p.Inventory, append(fixes.WorkloadKinds(), fixes.KindSecret), tokenUsers)
	for _, s := range fixes.Objects[*corev1.Secret](p.Inventory, "") {
		if !isToken(s) || s.Labels[tokenInvalid] != "" {
			continue
		}
		ref := fixes.RefOf(s)
		account := s.Annotations[corev1.ServiceAccountNameKey]
		f := fixes.Finding{
			Object: ref, Path: "type", Key: "token",
			Message: fmt.Sprintf("It holds a token of ServiceAccount %s that is valid for ever, from anywhere.", account),
		}
		f.Evidence = append(f.Evidence, lastUse(p, s))
		f.Fixes = []fixes.Fix{{
			Title:      "Delete it: the token is invalid then",
			Confidence: fixes.Review,
			Why:        "no workload uses it; whether a kubeconfig or a pipeline holds a copy cannot be seen",
			Risks: []string{"Whoever holds a copy of the token outside of the cluster is refused at once.",
				"An undo makes the Secret anew, with another token."},
			Edit: func(d *fixes.Draft) error {
				if sa, ok := fixes.Lookup[*corev1.ServiceAccount](d.Inventory, ref.Namespace, account); ok &&
					slices.ContainsFunc(sa.Secrets, func(r corev1.ObjectReference) bool { return r.Name == ref.Name }) {
					own, err := fixes.Edit[*corev1.ServiceAccount](d, ref.Namespace, account)
					if err != nil {
						return err
					}
					own.Secrets = slices.DeleteFunc(own.Secrets, func(r corev1.ObjectReference) bool { return r.Name == ref.Name })
				}
				d.Delete(ref)
				return nil
			},
		}}
		if by := users.of[ref]; len(by) > 0 {
			f.Evidence = append(f.Evidence, "used by "+fixes.Listed(by))
			f.Fixes = []fixes.Fix{{
				Title:      "Use a projected token instead",
				Confidence: fixes.Manual,
				Why:        by[0] + " uses the token, and would be refused",
				Steps: "1. In " + fixes.Listed(by) + ", run as ServiceAccount " + account + " and replace the Secret by a projected volume with a serviceAccountToken source (path: token, expirationSeconds: 3600; audience: that of what checks it, or none for the API server). The program must read the file again before the token expires.\n" +
					"2. Once the new pods run, delete the Secret:\n     kubectl delete " + ref.KubectlArgs() +
					"\n3. Check that their logs tell of no 401 (Unauthorized), and that no token is left:\n     kubectl get secrets -n " + ref.Namespace + " --field-selector type=kubernetes.io/service-account-token",
			}}
		}
		p.Report(f)
	}
}

func lastUse(p *fixes.Pass, s *corev1.Secret) string {
	if day := s.Labels[tokenLastUsed]; day != "" {
		return "last used on " + day
	}
	if p.Live && p.ServerMinor >= 27 {
		return "not used since the server notes that (1.27)"
	}
	return "when it was last used is not known"
}

// secretUsers are the workloads that use each token Secret.
type secretUsers struct{ of map[fixes.Ref][]string }

func tokenUsers(inv *fixes.Inventory) *secretUsers {
	users := &secretUsers{of: map[fixes.Ref][]string{}}
	for _, w := range inv.Workloads("") {
		for _, name := range fixes.SecretNames(w.Object) {
			ref := fixes.Ref{Kind: fixes.KindSecret, Namespace: w.Object.GetNamespace(), Name: name}
			if s, ok := inv.Get(ref).(*corev1.Secret); ok && isToken(s) {
				users.of[ref] = append(users.of[ref], w.Ref().String())
			}
		}
	}
	return users
}
