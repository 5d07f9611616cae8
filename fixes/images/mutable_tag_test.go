package images

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const digest = "sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1"

func deployment(image string) string {
	return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, uid: d}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "` + image + `"}]}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: web-1
  namespace: shop
  uid: r
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d, controller: true}]
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "` + image + `"}]}
`
}

func pod(name, image, imageID string) string {
	return `
---
apiVersion: v1
kind: Pod
metadata:
  name: ` + name + `
  namespace: shop
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: r, controller: true}]
spec: {containers: [{name: web, image: "` + image + `"}]}
status: {containerStatuses: [{name: web, image: x, imageID: "` + imageID + `"}]}
`
}

func TestMutableTag(t *testing.T) {
	const path = "Deployment shop/web spec.template.spec.containers[0].image "
	fixestest.Table(t, mutableTag(), []fixestest.Case{{
		Name:    "all pods agree",
		Objects: deployment("nginx:1.27") + pod("a", "nginx:1.27", "docker.io/library/nginx@"+digest) + pod("b", "nginx:1.27", "docker-pullable://nginx@"+digest),
		Live:    true,
		Want:    []string{path + "safe"},
		Diff:    []string{"+ - image: nginx:1.27@" + digest},
	}, {
		Name:    "a pod of the last release does not count",
		Objects: deployment("nginx:1.27") + pod("a", "nginx:1.27", "nginx@"+digest) + pod("b", "nginx:1.26", "nginx@sha256:0000000000000000000000000000000000000000000000000000000000000000"),
		Live:    true,
		Want:    []string{path + "safe"},
	}, {
		Name:    "pods disagree",
		Objects: deployment("nginx") + pod("a", "nginx", "nginx@"+digest) + pod("b", "nginx", "nginx@sha256:0000000000000000000000000000000000000000000000000000000000000000"),
		Live:    true,
		Want:    []string{path + "manual"},
	}, {
		Name:    "pulled from a mirror",
		Objects: deployment("nginx:1.27") + pod("a", "nginx:1.27", "mirror.example.com/library/nginx@"+digest),
		Live:    true,
		Want:    []string{path + "review"},
	}, {
		Name:    "loaded by hand, without a repository digest",
		Objects: deployment("nginx:1.27") + pod("a", "nginx:1.27", digest),
		Live:    true,
		Want:    []string{path + "manual"},
	}, {
		Name:    "nothing runs",
		Objects: deployment("registry.example.com:5000/web"),
		Want:    []string{path + "manual"},
	}, {
		Name:    "pinned, with and without a tag",
		Objects: deployment("nginx:1.27@" + digest),
	}, {
		Name:    "not an image name",
		Objects: deployment("{{ .Values.image }}"),
	}})
}
