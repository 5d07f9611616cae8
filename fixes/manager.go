package fixes

import (
	"strings"
)

// ManagedBy names what would put an object back after a change ("helm:shop",
// "argocd:web", "flux:apps/shop", "kapp:1557433075084066000"), or returns ""
// when nothing is known to. [PlaceToChange] tells what to do then.
//
// The marks are those the tools themselves document:
//
//   - Argo CD's tracking-id annotation, which must name the object itself: a
//     copy of a managed object is not managed;
//   - Flux's owner labels;
//   - the annotations of Rancher's wrangler, by which K3s and RKE2 keep their
//     addons and Fleet its bundles (wrangler, pkg/apply); they stand beside
//     Helm's, since Fleet installs with Helm;
//   - Helm's app.kubernetes.io/managed-by label with its release annotations;
//   - kapp's label (carvel.dev/kapp, Apps);
//   - the inventory of kpt and Config Sync (cli-utils, pkg/common);
//   - the ApplySet label (KEP-3659), which kubectl apply --applyset and kro set;
//   - OLM's owner labels (operator-lifecycle-manager, pkg/lib/ownerutil);
//   - the addon manager's mode Reconcile (kubernetes, cluster/addons/addon-manager);
//     what is in mode EnsureExists people may edit.
func ManagedBy(obj Object) string {
	annotations, labels := obj.GetAnnotations(), obj.GetLabels()
	if app, ok := argoApplication(obj, annotations["argocd.argoproj.io/tracking-id"]); ok {
		return "argocd:" + app
	}
	for _, toolkit := range []string{"kustomize", "helm"} {
		prefix := toolkit + ".toolkit.fluxcd.io/"
		if name := labels[prefix+"name"]; name != "" {
			return "flux:" + labels[prefix+"namespace"] + "/" + name
		}
	}
	if owner := annotations["objectset.rio.cattle.io/owner-name"]; owner != "" {
		if strings.HasPrefix(annotations["objectset.rio.cattle.io/owner-gvk"], "k3s.cattle.io/") {
			return "k3s:" + owner
		}
		return "rancher:" + owner
	}
	if id := annotations["objectset.rio.cattle.io/id"]; id != "" {
		return "fleet:" + id
	}
	if release := annotations["meta.helm.sh/release-name"]; release != "" && labels["app.kubernetes.io/managed-by"] == "Helm" {
		return "helm:" + release
	}
	for _, mark := range []struct{ tool, name string }{
		{"kapp", labels["kapp.k14s.io/app"]},
		{"cli-utils", annotations["config.k8s.io/owning-inventory"]},
		{"applyset", labels["applyset.kubernetes.io/part-of"]},
		{"olm", labels["olm.owner"]},
	} {
		if mark.name != "" {
			return mark.tool + ":" + mark.name
		}
	}
	if labels["addonmanager.kubernetes.io/mode"] == "Reconcile" {
		return "addon-manager"
	}
	return ""
}

// argoApplication reads a tracking id, "app:group/Kind:namespace/name".
func argoApplication(obj Object, id string) (string, bool) {
	app, rest, ok := strings.Cut(id, ":")
	if !ok {
		return "", false
	}
	ref := RefOf(obj)
	self := ref.Kind.Group + "/" + ref.Kind.Name + ":" + ref.Namespace + "/" + ref.Name
	return app, rest == self
}

// PlaceToChange says in one clause where a change of an object belongs so that
// it lasts, given what [ManagedBy] returned for it; "" for "".
func PlaceToChange(managedBy string, ref Ref) string {
	tool, name, _ := strings.Cut(managedBy, ":")
	name, what := Clean(name), Clean(ref.String())
	switch tool {
	case "argocd":
		return "change " + what + " in the Git repository of Argo CD's Application " + name
	case "flux":
		return "change " + what + " in the source of Flux's Kustomization or HelmRelease " + name
	case "helm":
		return "change " + what + " in the values of Helm release " + name + ", or in a post-renderer where the chart has no value for it, and run helm upgrade"
	case "kapp":
		return "change " + what + " in the configuration of the kapp app with label kapp.k14s.io/app=" + name + ", and run kapp deploy"
	case "cli-utils":
		return "change " + what + " in the package or the repository of inventory " + name + " (kpt or Config Sync)"
	case "applyset":
		return "change " + what + " in the manifests that ApplySet " + name + " is applied from"
	case "olm":
		return "change " + what + " by spec.config of the Subscription of OLM's " + name + " where that can say it, or ask the operator's publisher"
	case "k3s":
		return "change " + what + " in the manifest of addon " + name + " on the server nodes (server/manifests of K3s or RKE2); one that comes with the distribution is written anew at every start, and has to be disabled and replaced by your own"
	case "fleet":
		return "change " + what + " in the Git repository of Fleet's bundle " + name
	case "rancher":
		return "change " + what + " by its owner " + name + " in Rancher"
	case "addon-manager":
		return "change " + what + " in the addon manager's file on the control plane (/etc/kubernetes/addons), or have the cluster's provider do so"
	case "":
		return ""
	}
	return "change " + what + " where " + Clean(managedBy) + " takes it from"
}
