package fixes_test

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// TestManagedBy reads the marks of every tool, and demands of each a place to
// change that names what has to be found there.
func TestManagedBy(t *testing.T) {
	for _, c := range []struct{ meta, want, place string }{
		{"labels: {app.kubernetes.io/managed-by: Helm}, annotations: {meta.helm.sh/release-name: shop}", "helm:shop", "the values of Helm release shop, or in a post-renderer"},
		{"labels: {app.kubernetes.io/managed-by: Helm}", "", ""},
		{`annotations: {argocd.argoproj.io/tracking-id: "web:apps/Deployment:shop/web"}`, "argocd:web", "the Git repository of Argo CD's Application web"},
		{`annotations: {argocd.argoproj.io/tracking-id: "web:apps/Deployment:other/web"}`, "", ""},
		{"labels: {kustomize.toolkit.fluxcd.io/name: apps, kustomize.toolkit.fluxcd.io/namespace: flux-system}", "flux:flux-system/apps", "HelmRelease flux-system/apps"},
		{"labels: {helm.toolkit.fluxcd.io/name: web, helm.toolkit.fluxcd.io/namespace: shop, app.kubernetes.io/managed-by: Helm}, annotations: {meta.helm.sh/release-name: web}",
			"flux:shop/web", "HelmRelease shop/web"},
		{`labels: {kapp.k14s.io/app: "1557433075084066000"}`, "kapp:1557433075084066000", "kapp.k14s.io/app=1557433075084066000"},
		{"annotations: {config.k8s.io/owning-inventory: config-management-system_root-sync}", "cli-utils:config-management-system_root-sync", "Config Sync"},
		{"labels: {applyset.kubernetes.io/part-of: applyset-x-v1}", "applyset:applyset-x-v1", "ApplySet applyset-x-v1"},
		{"labels: {olm.owner: nexus-operator.v0.6.0, olm.owner.kind: ClusterServiceVersion}", "olm:nexus-operator.v0.6.0", "spec.config of the Subscription"},
		{`annotations: {objectset.rio.cattle.io/id: "", objectset.rio.cattle.io/owner-gvk: "k3s.cattle.io/v1, Kind=Addon", objectset.rio.cattle.io/owner-name: coredns}`, "k3s:coredns", "addon coredns"},
		{`annotations: {objectset.rio.cattle.io/id: x, objectset.rio.cattle.io/owner-gvk: "management.cattle.io/v3, Kind=Cluster", objectset.rio.cattle.io/owner-name: c-4sjtl}`, "rancher:c-4sjtl", "its owner c-4sjtl"},
		{"annotations: {objectset.rio.cattle.io/id: default-web, meta.helm.sh/release-name: web}, labels: {app.kubernetes.io/managed-by: Helm}", "fleet:default-web", "Fleet's bundle default-web"},
		{`annotations: {objectset.rio.cattle.io/id: ""}`, "", ""},
		{"labels: {addonmanager.kubernetes.io/mode: Reconcile}", "addon-manager", "/etc/kubernetes/addons"},
		{"labels: {addonmanager.kubernetes.io/mode: EnsureExists}", "", ""},
		{"labels: {app.kubernetes.io/managed-by: kustomize, app.kubernetes.io/part-of: shop}", "", ""},
	} {
		inv := fixestest.Load(t, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: shop, "+c.meta+"}\n")
		obj := inv.List(fixes.KindDeployment)[0]
		got := fixes.ManagedBy(obj)
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.meta, got, c.want)
		}
		place := fixes.PlaceToChange(got, fixes.RefOf(obj))
		if !strings.Contains(place, c.place) || (place == "") != (got == "") || got != "" && !strings.HasPrefix(place, "change Deployment shop/web ") {
			t.Errorf("%s: %q", got, place)
		}
	}
	if place := fixes.PlaceToChange("argocd:a\x1b[31m", fixes.Ref{}); strings.Contains(place, "\x1b") {
		t.Error("a hostile name is shown")
	}
	if place := fixes.PlaceToChange("other:x", fixes.Ref{Kind: fixes.KindPod, Name: "p"}); place != "change Pod p where other:x takes it from" {
		t.Errorf("%q", place)
	}
}
