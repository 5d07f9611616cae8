package secrets

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func stale() *fixes.Rule {
	return &fixes.Rule{
		ID:         "secret-stale",
		Category:   fixes.Secrets,
		Title:      "A credential has not been changed for a year",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.InformationDisclosure, fixes.Spoofing},
		References: []fixes.Reference{fixes.NSA("Authentication and authorization"), fixes.OWASP("K08")},
		Kinds:      []fixes.Kind{fixes.KindSecret},
		Docs:       staleDocs,
		Check:      checkStale,
	}
}

const staleDocs = `
A credential that is never changed stays good for everybody who has ever seen
it: former colleagues, old backups, logs.

## What is looked at
Secrets of a running cluster that hold a credential and have not been written
for 365 days, by their managedFields, or since they were created where they have
none. Left out are certificates, which expire by themselves, tokens of
ServiceAccounts, and records of Helm releases.

## The fix
Rotate it: the steps say how, without an outage. Where rotation is automatic
(External Secrets, Vault), it is never forgotten again.

## By hand
    kubectl get secrets -A --sort-by=.metadata.creationTimestamp
`

// staleAfter is how long a credential may stay as it is. CIS and the NSA give no
// number; PCI DSS 4.0 (8.6.3) and most policies ask for a year or less.
const staleAfter = 365 * 24 * time.Hour

func checkStale(p *fixes.Pass) {
	if p.Now.IsZero() {
		return
	}
	for _, s := range fixes.Objects[*corev1.Secret](p.Inventory, "") {
		at := touched(s)
		if at.IsZero() || p.Now.Sub(at) < staleAfter || fixes.IsSystemNamespace(s.Namespace) || !isCredential(s) {
			continue
		}
		name := s.Name + " -n " + s.Namespace
		p.Report(fixes.Finding{
			Object:   fixes.RefOf(s),
			Path:     "data",
			Message:  fmt.Sprintf("It has not been written for %d days: whoever saw the credential since then can still use it.", int(p.Now.Sub(at).Hours()/24)),
			Evidence: []string{"last written " + at.UTC().Format(time.DateOnly)},
			Fixes: []fixes.Fix{{
				Title:      "Rotate the credential",
				Confidence: fixes.Manual,
				Why:        "only the system that takes the credential can give out a new one",
				Steps: strings.Join([]string{
					"1. Make a second credential where it is used (a second database user, a second API key), so that both are good for a while.",
					"2. Write it into the Secret, or into the store that it comes from:",
					"     kubectl edit secret " + name,
					"3. Restart what reads it from its environment; files are updated by themselves within some minutes:",
					"     kubectl rollout restart deployment -n " + s.Namespace,
					"4. When nothing uses the old one any more, revoke it.",
				}, "\n"),
			}},
		})
	}
}

// touched returns when a Secret was last written, as far as is known.
func touched(s *corev1.Secret) time.Time {
	at := s.CreationTimestamp.Time
	for _, m := range s.ManagedFields {
		if m.Time != nil && m.Time.After(at) {
			at = m.Time.Time
		}
	}
	return at
}
