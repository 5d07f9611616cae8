package apply_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/quota"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

const vpaDefinition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: verticalpodautoscalers.autoscaling.k8s.io
  annotations: {api-approved.kubernetes.io: "https://github.com/kubernetes/kubernetes/pull/63797"}
spec:
  group: autoscaling.k8s.io
  names: {kind: VerticalPodAutoscaler, plural: verticalpodautoscalers, singular: verticalpodautoscaler}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// A cluster without vertical autoscalers has none to skip; where they are
// served, what they set is left to them.
func TestVerticalAutoscaler(t *testing.T) {
	namespace, _ := shop(t)
	look := func() (requests bool) {
		result, err := source.Scan(t.Context(), &source.Cluster{Client: api, Namespace: namespace}, nil, quota.Rules(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if skips := result.Inventory.Skips(); len(skips) > 0 {
			t.Errorf("skips: %v", skips)
		}
		return slices.ContainsFunc(result.Findings, func(f *fixes.Finding) bool { return f.Rule.ID == "container-no-requests" })
	}
	if !look() {
		t.Error("no finding without a vertical autoscaler")
	}
	control.Apply(t, vpaDefinition)
	t.Cleanup(func() {
		control.Kubectl(t, "delete", "crd", "verticalpodautoscalers.autoscaling.k8s.io", "--wait=false")
	})
	control.Kubectl(t, "wait", "crd/verticalpodautoscalers.autoscaling.k8s.io", "--for=condition=Established", "--timeout=180s")
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if _, stderr, err := control.KubectlErr("get", "verticalpodautoscalers", "-A"); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(stderr)
		}
	}
	control.Apply(t, `
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: web, namespace: `+namespace+`}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  updatePolicy: {updateMode: Recreate}
`)
	if look() {
		t.Error("a vertical autoscaler sets the requests, and yet they are missed")
	}
}
