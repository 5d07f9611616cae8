package access

import (
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

func namespaceDefault() *fixes.Rule {
	return &fixes.Rule{
		ID:         "namespace-default",
		Category:   fixes.Access,
		Title:      "Applications share a namespace that keeps nothing apart",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.InformationDisclosure, fixes.DenialOfService},
		References: []fixes.Reference{fixes.CIS("5.6.1"), fixes.CIS("5.6.4"), fixes.NSA("Namespaces"), fixes.OWASP("K03")},
		Kinds: slices.Concat(fixes.WorkloadKinds(), rbac.Kinds(), []fixes.Kind{fixes.KindNamespace, fixes.KindService,
			fixes.KindServiceAccount, fixes.KindConfigMap, fixes.KindIngress, fixes.KindNetworkPolicy, fixes.KindHPA}),
		Docs:  namespaceDefaultDocs,
		Check: checkNamespaceDefault,
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
Manual: no object can change its namespace. The finding writes the move out: the
manifest of the new namespace, of the bindings that the application has, and of
Services that keep the old names working (type ExternalName); the commands that make
everything else anew there; and what breaks: short DNS names, Secrets and ConfigMaps
that others share, volumes, bindings that name ServiceAccounts of the old namespace.

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
			app := application(w)
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

// application names what a workload is a part of.
func application(w fixes.Workload) string {
	if release := releaseOf(w); release != "" {
		return release
	}
	for _, key := range []string{"app.kubernetes.io/part-of", "app.kubernetes.io/instance", "app"} {
		if name := w.Object.GetLabels()[key]; name != "" {
			return name
		}
	}
	return w.Object.GetName()
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
