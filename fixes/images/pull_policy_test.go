package images

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// imageFactOf is what a registry says of an image.
func imageFactOf(name string, set func(*fixes.Image)) fixes.Object {
	fact := &fixes.Image{ObjectMeta: metav1.ObjectMeta{Name: name}, Digest: digest}
	if set != nil {
		set(fact)
	}
	return fact
}

// withPolicy is a Deployment whose container has a pull policy.
func withPolicy(image, policy string) string {
	return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, uid: d}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "` + image + `", imagePullPolicy: ` + policy + `}]}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: web-1
  namespace: shop
  uid: r
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d, controller: true}]
spec: {selector: {matchLabels: {app: web}}}
`
}

func TestPullPolicy(t *testing.T) {
	const path = "Deployment shop/web spec.template.spec.containers[0].imagePullPolicy "
	fixestest.Table(t, pullPolicy(), []fixestest.Case{{
		Name:    "two containers of a name, which the API server refuses: no edit would find the second",
		Objects: "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: [{name: c, image: 'nginx:1.27'}], initContainers: [{name: c, image: 'nginx:1.27'}]}\n",
		Want:    []string{"Pod shop/web spec.containers[0].imagePullPolicy manual", "Pod shop/web spec.initContainers[0].imagePullPolicy manual"},
	}, {
		Name:    "pulled once, from a registry",
		Objects: withPolicy("nginx:1.27", "IfNotPresent") + pod("a", "nginx:1.27", "docker.io/library/nginx@"+digest),
		Live:    true,
		Want:    []string{path + "safe"},
		Diff:    []string{"+ imagePullPolicy: Always"},
	}, {
		Name:    "latest, which somebody keeps from being pulled",
		Objects: withPolicy("nginx", "IfNotPresent"),
		Want:    []string{path + "safe"},
	}, {
		Name:    "never pulled",
		Objects: withPolicy("nginx:1.27", "Never") + pod("a", "nginx:1.27", "docker.io/library/nginx@"+digest),
		Live:    true,
		Want:    []string{path + "review"},
	}, {
		Name:    "loaded by hand",
		Objects: withPolicy("nginx:1.27", "IfNotPresent") + pod("a", "nginx:1.27", digest),
		Live:    true,
		Want:    []string{path + "manual"},
	}, {
		Name:    "loaded by hand, and never pulled",
		Objects: withPolicy("nginx:1.27", "Never") + pod("a", "nginx:1.27", digest),
		Live:    true,
		Want:    []string{path + "manual"},
	}, {
		Name:    "from a mirror",
		Objects: withPolicy("nginx:1.27", "IfNotPresent") + pod("a", "nginx:1.27", "mirror.example.com/library/nginx@"+digest),
		Live:    true,
		Want:    []string{path + "review"},
	}, {
		Name:    "the registry does not have it",
		Objects: withPolicy("nginx:1.27", "IfNotPresent") + pod("a", "nginx:1.27", "docker.io/library/nginx@"+digest),
		Live:    true,
		Facts:   []fixes.Object{imageFactOf("nginx:1.27", func(f *fixes.Image) { f.Err = "404: the registry does not have it" })},
		Want:    []string{path + "review"},
	}, {
		Name:    "a manifest that leaves it to the default",
		Objects: deployment("nginx:1.27"),
		Want:    []string{path + "safe"},
	}, {
		Name:    "the default of latest is Always",
		Objects: deployment("nginx:latest"),
	}, {
		Name:    "the default of no tag is Always",
		Objects: deployment("registry.example.com:5000/web"),
	}, {
		Name:    "always",
		Objects: withPolicy("nginx:1.27", "Always"),
	}, {
		Name:    "a digest names one content",
		Objects: withPolicy("nginx:1.27@"+digest, "IfNotPresent"),
	}, {
		Name:    "not an image name",
		Objects: withPolicy("{{ .Values.image }}", "IfNotPresent"),
	}})
}

// TestPinnedAndPulled takes the fixes of both rules about tags: pinned, there is
// nothing left to pull anew.
func TestPinnedAndPulled(t *testing.T) {
	inv := fixestest.Load(t, withPolicy("nginx:1.27", "IfNotPresent")+pod("a", "nginx:1.27", "docker.io/library/nginx@"+digest))
	inv.Live = true
	for _, rules := range [][]*fixes.Rule{{mutableTag(), pullPolicy()}, {pullPolicy(), mutableTag()}} {
		result := fixes.Scan(inv, rules)
		if len(result.Findings) != 2 {
			t.Fatalf("findings: %q", fixestest.Lines(result.Findings))
		}
		fixestest.ClosedLoop(t, result)
	}
}
