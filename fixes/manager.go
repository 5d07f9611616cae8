package fixes

import (
	"strings"
)

// ManagedBy names what would put an object back after a change ("helm:shop",
// "argocd:web", "flux:apps/shop"), or returns "" when nothing is known to.
//
// The marks are those the tools themselves document: Helm's
// app.kubernetes.io/managed-by label with its release annotations, Argo CD's
// tracking-id annotation, which must name the object itself (a copy of a
// managed object is not managed), and Flux's owner labels.
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
	if release := annotations["meta.helm.sh/release-name"]; release != "" && labels["app.kubernetes.io/managed-by"] == "Helm" {
		return "helm:" + release
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
