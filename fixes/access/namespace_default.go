package access

import (
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/move"
)

func namespaceDefault() *fixes.Rule {
	return &fixes.Rule{
		ID:         "namespace-default",
		Category:   fixes.Access,
		Title:      "Applications share a namespace that keeps nothing apart",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.InformationDisclosure, fixes.DenialOfService},
		References: []fixes.Reference{fixes.CIS("5.6.1"), fixes.CIS("5.6.4"), fixes.NSA("Namespaces"), fixes.OWASP("K03")},
		Kinds:      move.Kinds(),
		Docs:       namespaceDefaultDocs,
		Check:      checkNamespaceDefault,
	}
}

const namespaceDefaultDocs = `
A namespace is what roles, quotas, network policies and Pod Security levels are set
for. Whoever may read a Secret or make a pod for one application in it may do so for
all others. The namespace default is where objects land whose author named none, and
where rights are given away most easily.

## What is looked at
Workloads in the namespace default, one finding for each application (by Helm
release, or the labels app.kubernetes.io/part-of, app.kubernetes.io/instance, app,
else the workload itself). And other namespaces in which there are workloads of
several Helm releases, or that several teams call theirs (labels team or owner).

## The fix
Manual: no object can change its namespace, data and clients outside are not known, and
until the old one stops there are two. The finding has the steps, and

    kubectl harden move APP -n default --to NEW --output-dir DIR

writes the manifests for them: everything anew in a namespace of its own (workloads,
Services, ConfigMaps, Secrets apart from what Git takes, accounts and their rights,
policies, claims), names that meant the old namespace rewritten; in DIR/switch what leads
clients over, and in DIR/back the way back.

## By hand
    kubectl get all -n default
    kubectl get deployments,statefulsets -A -o custom-columns=NS:.metadata.namespace,NAME:.metadata.name,RELEASE:.metadata.annotations.meta\.helm\.sh/release-name
`

func checkNamespaceDefault(p *fixes.Pass) {
	apps := map[string][]fixes.Workload{}
	releases, teams := map[string]owners{}, map[string]owners{}
	for _, w := range p.Workloads("") {
		ns := w.Object.GetNamespace()
		switch {
		case w.Finished() || fixes.IsSystemNamespace(ns):
		case ns == "default":
			app := move.Application(w)
			apps[app] = append(apps[app], w)
		default:
			note(releases, ns, releaseOf(w), w)
			note(teams, ns, teamOf(w), w)
		}
	}
	for _, app := range slices.Sorted(maps.Keys(apps)) {
		p.Report(inDefault(p.Inventory, app, apps[app]))
	}
	for _, ns := range p.UserNamespaces() {
		switch {
		case len(teams[ns]) > 1:
			p.Report(shared(p.Inventory, ns, "teams", teams[ns]))
		case len(releases[ns]) > 1:
			p.Report(shared(p.Inventory, ns, "releases", releases[ns]))
		}
	}
}

// owners are the workloads of each team, or each release, of a namespace.
type owners map[string][]fixes.Workload

func note(to map[string]owners, ns, owner string, w fixes.Workload) {
	if owner == "" {
		return
	}
	if to[ns] == nil {
		to[ns] = owners{}
	}
	to[ns][owner] = append(to[ns][owner], w)
}

func releaseOf(w fixes.Workload) string {
	if release, ok := strings.CutPrefix(fixes.ManagedBy(w.Object), "helm:"); ok {
		return release
	}
	return ""
}

// teamOf reads the labels by which people say whose a workload is; there is no
// standard one.
func teamOf(w fixes.Workload) string {
	for _, key := range []string{"team", "owner"} {
		if team := w.Object.GetLabels()[key]; team != "" {
			return team
		}
	}
	return ""
}

func inDefault(inv *fixes.Inventory, app string, list []fixes.Workload) fixes.Finding {
	return fixes.Finding{
		Object: list[0].Ref(), Path: "metadata.namespace", Key: "application " + app,
		Message:  "Application " + app + " (" + count(len(list), "workload") + ") runs in the namespace default, which nothing keeps it apart in.",
		Evidence: []string{fixes.Listed(refNames(list))},
		Fixes:    []fixes.Fix{moveTo(inv, "default", app, list)},
	}
}

func shared(inv *fixes.Inventory, ns, what string, by owners) fixes.Finding {
	names := slices.Sorted(maps.Keys(by))
	f := fixes.Finding{
		Object: fixes.Ref{Kind: fixes.KindNamespace, Name: ns}, Path: "metadata.name", Key: what,
		Message: "Several " + what + " share the namespace: " + fixes.Listed(names) + ". Who may read a Secret or make a pod of one may do so of all.",
	}
	for _, name := range names[:min(len(names), named)] {
		f.Evidence = append(f.Evidence, name+": "+fixes.Listed(refNames(by[name])))
	}
	last := names[len(names)-1]
	f.Fixes = []fixes.Fix{moveTo(inv, ns, last, by[last])}
	return f
}

func refNames(list []fixes.Workload) []string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = w.Ref().String()
	}
	return out
}

// moveTo is the move of an application into a namespace of its own.
func moveTo(inv *fixes.Inventory, from, app string, list []fixes.Workload) fixes.Fix {
	m := move.Of(inv, app, from, move.FreeNamespace(inv, app), list)
	dir := m.To + "-move"
	return fixes.Fix{
		Title:      "Move " + app + " into a namespace of its own (" + m.To + ")",
		Confidence: fixes.Manual,
		Why:        "no object can change its namespace, and what depends on the names is not all known",
		Steps: "Write the manifests, and read them:\n     " + m.Command(dir) + "\n" + m.Steps(dir, true) +
			"\nWhat does not go by itself:\n- " + strings.Join(m.Stays, "\n- "),
	}
}
