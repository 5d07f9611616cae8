package admission

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/podsecurity"
)

// psaWeak is the other half of CIS 5.2.1: a level is enforced, but a weaker one
// than need be.
func psaWeak() *fixes.Rule {
	return &fixes.Rule{
		ID:         "psa-weak",
		Category:   fixes.Admission,
		Title:      "A namespace enforces a weaker Pod Security Standard than its pods meet",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering, fixes.InformationDisclosure},
		References: psaReferences(),
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindNamespace),
		Phase:      fixes.Enforce,
		Docs:       psaWeakDocs,
		Check:      checkPSAWeak,
	}
}

const psaWeakDocs = `
The label pod-security.kubernetes.io/enforce of a namespace is the door that a pod
goes through. Where everything that runs there would pass a narrower one, the
wider one serves nobody but an attacker, who may create the pods that it lets in.

## What is looked at
Namespaces that enforce "privileged" or "baseline", and everything that runs in
them, judged by the library that the API server itself uses. A namespace in which
nothing runs is left alone: it does not show what it is for. What the fixes of a
plan make stricter is seen by the next scan.

## The fix
Raises enforce to the strictest level that everything in the namespace meets, and
pins its version. warn and audit are set where they are not. Nothing restarts and
nothing that runs is stopped; a pod that is weaker is refused from then on.

Safe when everything that runs in the namespace could be listed.

## By hand
    kubectl label --dry-run=server --overwrite ns NAME pod-security.kubernetes.io/enforce=restricted
warns of every pod that is weaker.
`

func checkPSAWeak(p *fixes.Pass) {
	judge := podsecurity.NewJudge(p.Inventory)
	// What a plan makes stricter is no fault that the plan brings.
	found := p.Scanned()
	for _, ns := range fixes.Objects[*corev1.Namespace](p.Inventory, "") {
		if fixes.IsSystemNamespace(ns.Name) || ns.DeletionTimestamp != nil {
			continue
		}
		enforced, ok := enforcedLevel(ns)
		if !ok || enforced == api.LevelRestricted {
			continue
		}
		t := count(found, judge, found.Workloads(ns.Name), func(fixes.Ref) bool { return false })
		if t.looked == 0 || api.CompareLevels(t.level, enforced) <= 0 {
			continue
		}
		p.Report(fixes.Finding{
			Object: fixes.RefOf(ns),
			Path:   fmt.Sprintf("metadata.labels[%q]", api.EnforceLevelLabel),
			Key:    "psa",
			Message: fmt.Sprintf("Namespace %s enforces %s, and everything that runs in it meets %s: the difference serves nobody but an attacker.",
				ns.Name, enforced, t.level),
			Evidence: t.evidence(),
			Fixes:    []fixes.Fix{raise(p, ns, judge.Version(), t)},
		})
	}
}

// enforcedLevel returns the level of a namespace's label; a label that is no
// level is for the API server to complain of, which takes it for restricted.
func enforcedLevel(ns *corev1.Namespace) (api.Level, bool) {
	level, err := api.ParseLevel(ns.Labels[api.EnforceLevelLabel])
	return level, err == nil && ns.Labels[api.EnforceLevelLabel] != ""
}

func raise(p *fixes.Pass, ns *corev1.Namespace, version string, t *tally) fixes.Fix {
	ref, name := fixes.RefOf(ns), ns.Name
	fix := fixes.Fix{
		Title:      "Enforce " + string(t.level) + " on namespace " + name,
		Confidence: fixes.Safe,
		Why:        "everything that runs in the namespace meets " + string(t.level),
		Risks:      refusals(t.level),
		Edit: func(d *fixes.Draft) error {
			ns, err := fixes.EditRef[*corev1.Namespace](d, ref)
			if err != nil {
				return err
			}
			// Other fixes may have made the pods stricter than they were.
			t := count(d.Inventory, podsecurity.NewJudge(d.Inventory), d.Workloads(name), d.Changed)
			if enforced, ok := enforcedLevel(ns); ok && api.CompareLevels(t.level, enforced) > 0 {
				ns.Labels[api.EnforceLevelLabel], ns.Labels[api.EnforceVersionLabel] = string(t.level), version
			}
			label(ns, t.level, version)
			return nil
		},
	}
	unproven(&fix, p, name, t)
	return fix
}
