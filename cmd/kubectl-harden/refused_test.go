package main

import (
	"strings"
	"testing"
)

// TestManaged leaves alone what something else manages and would put back,
// says where the change belongs, and makes it when told to.
func TestManaged(t *testing.T) {
	t.Parallel()
	keepState(t)
	ns := namespace(t, "managed")
	control.Apply(t, service(ns, "web", "needs: nothing"))
	control.Kubectl(t, "label", "deployment/web", "-n", ns, "app.kubernetes.io/managed-by=Helm")
	control.Kubectl(t, "annotate", "deployment/web", "-n", ns, "meta.helm.sh/release-name=front", "meta.helm.sh/release-namespace="+ns)
	begin := snapshot(t, ns)
	fix := []string{"-n", ns, "--rule", "env-secret", "--confidence=review", "--fix"}

	r := succeed(t, append(fix, "--yes", "--settle=0s")...)
	if snapshot(t, ns) != begin {
		t.Error("what Helm manages was changed")
	}
	for _, want := range []string{"left out: 1 fix", "helm:front", "--include-managed", "helm upgrade"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("%q is not said:\n%s", want, r.stderr)
		}
	}
	// For Git, it is right all the same.
	if r := succeed(t, append(fix, "--dry-run")...); !strings.Contains(r.stdout, "secretKeyRef") {
		t.Errorf("not exported:\n%s", r.stdout)
	}
	succeed(t, append(fix, "--yes", "--settle=0s", "--include-managed")...)
	if got := snapshot(t, ns); !strings.Contains(got, "secretKeyRef") {
		t.Error("it was not changed when told to")
	}
}

const applicationCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: applications.argoproj.io}
spec:
  group: argoproj.io
  scope: Namespaced
  names: {plural: applications, singular: application, kind: Application}
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

// TestArgoCD leaves alone what an Application heals, and not what one leaves
// as it is.
func TestArgoCD(t *testing.T) {
	keepState(t)
	ns := namespace(t, "argo")
	control.Apply(t, applicationCRD)
	t.Cleanup(func() { control.Kubectl(t, "delete", "crd", "applications.argoproj.io") })
	control.Kubectl(t, "wait", "--for=condition=Established", "crd/applications.argoproj.io", "--timeout=180s")
	for name, policy := range map[string]string{"healed": "{automated: {selfHeal: true}}", "left": "{automated: {selfHeal: false}}"} {
		control.Apply(t, `
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: `+name+`, namespace: `+ns+`}
spec: {syncPolicy: `+policy+`}
`+"---"+service(ns, name, "needs: nothing"))
		control.Kubectl(t, "annotate", "deployment/"+name, "-n", ns, "argocd.argoproj.io/tracking-id="+name+":apps/Deployment:"+ns+"/"+name)
	}
	r := succeed(t, "-n", ns, "--rule", "env-secret", "--confidence=review", "--fix", "--yes", "--settle=0s")
	if strings.Contains(r.stdout, "deployment.apps/healed") || !strings.Contains(r.stdout, "deployment.apps/left in "+ns+" patched") {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
}

// TestRecreate deletes and creates anew a pod that nothing controls, only
// when it is named, and brings it back.
func TestRecreate(t *testing.T) {
	t.Parallel()
	keepState(t)
	ns := namespace(t, "recreate")
	for _, name := range []string{"worker", "other"} {
		control.Apply(t, `
apiVersion: v1
kind: Pod
metadata: {name: `+name+`, namespace: `+ns+`, labels: {app: worker}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: example.com/web:1
    args: ["--password=`+killedPassword+`"]
    env: [{name: DB_PASSWORD, value: "`+killedPassword+`"}]
`)
	}
	control.Kubectl(t, "wait", "--for=condition=Ready", "pod/worker", "pod/other", "-n", ns, "--timeout=180s")
	uid := func(name string) string {
		return control.Kubectl(t, "get", "pod", name, "-n", ns, "-o", "jsonpath={.metadata.uid}")
	}
	env := func() string {
		return control.Kubectl(t, "get", "pod", "worker", "-n", ns, "-o", "jsonpath={.spec.containers[0].env}")
	}
	worker, other, before := uid("worker"), uid("other"), env()
	fix := []string{"-n", ns, "--rule", "env-secret", "--confidence=review", "--fix", "--yes", "--settle=0s"}

	if r := succeed(t, fix...); !strings.Contains(r.stderr, "Nothing to change") || uid("worker") != worker {
		t.Errorf("a pod was replaced that nobody named:\n%s%s", r.stdout, r.stderr)
	}
	r := succeed(t, append(fix, "--recreate", "pod/worker")...)
	if !strings.Contains(r.stdout, "pod/worker in "+ns+" recreated") || uid("worker") == worker || uid("other") != other {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
	if strings.Contains(env(), killedPassword) {
		t.Error("the password is still in its environment")
	}
	succeed(t, "undo", "--yes", "--settle=0s")
	if env() != before {
		t.Errorf("undone, its environment is %s", env())
	}
	if left := control.Kubectl(t, "get", "secrets", "-n", ns, "-o", "name"); left != "" {
		t.Errorf("left: %s", left)
	}
}
