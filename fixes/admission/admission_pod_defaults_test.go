package admission

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestPodDefaults(t *testing.T) {
	const policy = `
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: kubectl-harden-pod-defaults}
spec: {mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: "Object{}"}}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: kubectl-harden-pod-defaults}
spec: {policyName: `
	find := []string{"MutatingAdmissionPolicy kubectl-harden-pod-defaults spec review"}
	fixestest.Table(t, podDefaults(), []fixestest.Case{
		{Name: "manifests", Objects: namespace},
		{Name: "none", Objects: namespace, Live: true, Want: find,
			Diff: []string{"+ failurePolicy: Ignore", "+ reinvocationPolicy: IfNeeded", "+ - kube-system", "+ policyName: kubectl-harden-pod-defaults"}},
		{Name: "an older one", Objects: policy + "kubectl-harden-pod-defaults}", Live: true, Want: find},
		{Name: "bound to another", Objects: policy + "other}", Live: true, Want: find, Diff: []string{"+ policyName: kubectl-harden-pod-defaults"}},
	})
	inv := fixes.NewInventory()
	inv.Live = true
	inv.Skip(fixes.Skip{Resource: "mutatingadmissionpolicies.admissionregistration.k8s.io", Reason: "not found on the server"})
	if found := podDefaults().Run(inv); len(found) > 0 {
		t.Errorf("a server that has none: %q", fixestest.Lines(found))
	}
}
