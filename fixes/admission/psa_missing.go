package admission

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/podsecurity"
)

// psaMissing is CIS 5.2.1: an active policy control mechanism, which with
// PodSecurity admission (KEP-2579) is a label of the namespace.
func psaMissing() *fixes.Rule {
	return &fixes.Rule{
		ID:         "psa-missing",
		Category:   fixes.Admission,
		Title:      "A namespace enforces no Pod Security Standard",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering, fixes.InformationDisclosure},
		References: psaReferences(),
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindNamespace),
		Local:      true,
		Phase:      fixes.Enforce,
		Docs:       psaMissingDocs,
		Check:      checkPSAMissing,
	}
}

func psaReferences() []fixes.Reference {
	return []fixes.Reference{fixes.PSS("Pod Security Admission"), fixes.CIS("5.2.1"),
		fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K04")}
}

const psaMissingDocs = `
Whoever may create a pod in a namespace without a level may create a privileged
one, and with it takes a node. The API server has an admission plugin against
that (PodSecurity, stable since 1.25), which a label of the namespace switches on.

## What is looked at
The label pod-security.kubernetes.io/enforce of every namespace but the system's
own. A default level for all namespaces, in the API server's configuration, cannot
be seen from outside, nor what other policy engines do.

## The fix
Sets enforce to the strictest level that everything in the namespace meets, judged
by the library that the API server itself uses: the pod templates as the plan
leaves them, and the pods that run, with the containers that were injected into
them. So pods that other fixes of the plan put right count as right. warn and
audit are set to restricted where they are not set: they refuse nothing, and show
what is left to do. The version is pinned, so that a new release of Kubernetes
does not change what is admitted.

Nothing restarts and nothing that runs is stopped. Refused is, from then on, a pod
that is weaker than the level: kubectl debug with a privileged profile, a rollback
to a weaker revision, a new workload.

Safe when everything that runs in the namespace could be listed. Manifests do not
show what else runs there, and an empty namespace does not show what it is for.

## By hand
    kubectl label --dry-run=server ns NAME pod-security.kubernetes.io/enforce=restricted
warns of every pod that is weaker.
`

func checkPSAMissing(p *fixes.Pass) {
	if p.ServerMinor != 0 && p.ServerMinor < 23 {
		return // such a server does not know the label
	}
	judge := podsecurity.NewJudge(p.Inventory)
	var workloads map[string][]fixes.Workload
	for _, ns := range fixes.Objects[*corev1.Namespace](p.Inventory, "") {
		if fixes.IsSystemNamespace(ns.Name) || ns.DeletionTimestamp != nil || ns.Labels[api.EnforceLevelLabel] != "" {
			continue
		}
		if workloads == nil {
			workloads = map[string][]fixes.Workload{}
			for _, w := range p.Workloads("") {
				workloads[w.Object.GetNamespace()] = append(workloads[w.Object.GetNamespace()], w)
			}
		}
		t := count(p.Inventory, judge, workloads[ns.Name], func(fixes.Ref) bool { return false })
		p.Report(fixes.Finding{
			Object: fixes.RefOf(ns),
			Path:   fmt.Sprintf("metadata.labels[%q]", api.EnforceLevelLabel),
			Key:    "psa",
			Message: fmt.Sprintf("Whoever may create a pod in %s may create a privileged one: the namespace enforces no level of the Pod Security Standards.",
				ns.Name),
			Evidence: t.evidence(),
			Fixes:    []fixes.Fix{psaFix(p, ns, judge.Version(), t)},
		})
	}
}

func psaFix(p *fixes.Pass, ns *corev1.Namespace, version string, t *tally) fixes.Fix {
	ref, name := fixes.RefOf(ns), ns.Name
	fix := fixes.Fix{
		Title:      "Enforce " + string(t.level) + " on namespace " + name,
		Confidence: fixes.Safe,
		Why:        "everything that runs in the namespace meets " + string(t.level),
		Edit: func(d *fixes.Draft) error {
			ns, err := fixes.EditRef[*corev1.Namespace](d, ref)
			if err != nil || ns.Labels[api.EnforceLevelLabel] != "" {
				return err
			}
			// Other fixes may have made the pods stricter than they were when
			// the title was written.
			t := count(d.Inventory, podsecurity.NewJudge(d.Inventory), d.Workloads(name), d.Changed)
			label(ns, t.level, version)
			return nil
		},
	}
	if rest := unset(ns); len(rest) > 0 {
		fix.Title += ", " + strings.Join(rest, " and ") + " " + string(api.LevelRestricted)
	}
	const raised = "; fixes of its workloads in the same plan raise the level"
	switch t.level {
	case api.LevelPrivileged:
		fix.Why = "it refuses nothing, since something that runs in the namespace needs privileged" + raised
	case api.LevelBaseline:
		fix.Why += raised
	}
	if t.level != api.LevelPrivileged {
		fix.Risks = refusals(t.level)
	}
	unproven(&fix, p, name, t)
	return fix
}

// refusals says what a level keeps out.
func refusals(level api.Level) []string {
	return []string{"A pod weaker than " + string(level) + " is refused from then on: a debug pod, a new workload, a rollback to an older revision."}
}

// unproven lowers a fix's confidence where what runs in the namespace is not
// all known.
func unproven(fix *fixes.Fix, p *fixes.Pass, namespace string, t *tally) {
	hidden := hiddenKinds(p.Inventory, namespace)
	switch {
	case len(hidden) > 0:
		fix.Confidence, fix.Why = fixes.Review, "not everything in the namespace could be listed: "+strings.Join(hidden, ", ")
	case !p.Live:
		fix.Confidence, fix.Why = fixes.Review, "manifests do not show what else runs in the namespace"
	case t.looked == 0:
		fix.Confidence, fix.Why = fixes.Review, "nothing runs in the namespace that would show what it needs"
	}
}

// label sets the labels that are not set. A level that somebody chose stays.
func label(ns *corev1.Namespace, enforce api.Level, version string) {
	if ns.Labels == nil {
		ns.Labels = map[string]string{}
	}
	for _, mode := range []struct {
		level, version string
		to             api.Level
	}{
		{api.EnforceLevelLabel, api.EnforceVersionLabel, enforce},
		{api.WarnLevelLabel, api.WarnVersionLabel, api.LevelRestricted},
		{api.AuditLevelLabel, api.AuditVersionLabel, api.LevelRestricted},
	} {
		if ns.Labels[mode.level] == "" {
			ns.Labels[mode.level], ns.Labels[mode.version] = string(mode.to), version
		}
	}
}

// unset lists the modes beside enforce that the namespace does not set.
func unset(ns *corev1.Namespace) []string {
	var modes []string
	if ns.Labels[api.WarnLevelLabel] == "" {
		modes = append(modes, "warn")
	}
	if ns.Labels[api.AuditLevelLabel] == "" {
		modes = append(modes, "audit")
	}
	return modes
}

// hiddenKinds lists the kinds of which not every object in a namespace was
// looked at.
func hiddenKinds(inv *fixes.Inventory, namespace string) []string {
	var kinds []string
	for _, kind := range fixes.WorkloadKinds() {
		if !inv.Covers(kind, namespace) {
			kinds = append(kinds, kind.String())
		}
	}
	return kinds
}
