package fixes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const owners = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: shop
  uid: d
  labels: {app.kubernetes.io/name: web, "7": seven}
  finalizers: [example.com/a, example.com/b]
spec:
  replicas: 2
  template:
    spec:
      containers:
      - name: other
        image: other:1
        securityContext: {runAsNonRoot: true}
      - name: web
        image: web:1
        args: [--listen, ":80"]
        env:
        - {name: A, value: a}
        - {name: P, value: x}
        ports:
        - {containerPort: 80, protocol: TCP}
        - {containerPort: 80, protocol: UDP}
`

func manager(name, operation, subresource string, age int, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{
		Manager: name, Operation: metav1.ManagedFieldsOperationType(operation), Subresource: subresource,
		Time:     &metav1.Time{Time: time.Date(2026, 1, 1, 0, 0, -age, 0, time.UTC)},
		FieldsV1: metav1.NewFieldsV1(fields),
	}
}

func ownedWeb(t *testing.T) *appsv1.Deployment {
	t.Helper()
	d := fixestest.Load(t, owners).List(fixes.KindDeployment)[0].(*appsv1.Deployment)
	d.ManagedFields = []metav1.ManagedFieldsEntry{
		manager("kubectl-create", "Update", "", 90, `{"f:metadata":{"f:labels":{".":{},"f:app.kubernetes.io/name":{},"f:7":{}}},
			"f:spec":{"f:replicas":{},"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:name":{},"f:image":{},"f:args":{},
			"f:env":{".":{},"k:{\"name\":\"A\"}":{".":{},"f:name":{},"f:value":{}}},
			"f:ports":{".":{},"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{".":{},"f:containerPort":{},"f:protocol":{}}}}}}}}}`),
		manager("argocd-controller", "Apply", "", 10, `{"f:metadata":{"f:finalizers":{"v:\"example.com/b\"":{}}},
			"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{"f:image":{},"f:env":{"k:{\"name\":\"P\"}":{".":{},"f:name":{},"f:value":{}}}}}}}}}`),
		manager("kubectl-edit", "Update", "", 20, `{"f:spec":{"f:replicas":{},"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{"f:image":{}}}}}}}`),
		manager("kubectl-edit", "Update", "", 30, `{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{"f:image":{}}}}}}}`),
		manager("kube-controller-manager", "Update", "status", 5, `{"f:status":{"f:replicas":{}}}`),
		manager("autoscaler", "Update", "scale", 1, `{"f:spec":{"f:replicas":{}}}`),
		{Manager: "no-time", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:replicas":{}}}`)},
		{Manager: "odd", FieldsV1: metav1.NewFieldsV1(`[]`)},
		{Manager: "empty"},
		manager("first", "Update", "", 99, `{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"other\"}":{"f:securityContext":{}}}}}}}`),
		manager("second", "Update", "", 98, `{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"other\"}":{"f:securityContext":{"f:runAsNonRoot":{}}}}}}}}`),
	}
	return d
}

func TestFieldOwners(t *testing.T) {
	d := ownedWeb(t)
	for path, want := range map[string]string{
		"spec.replicas":                                                 "autoscaler (scale), kubectl-edit, kubectl-create, no-time",
		"/spec/replicas":                                                "autoscaler (scale), kubectl-edit, kubectl-create, no-time",
		"spec.template.spec.containers[1].image":                        "argocd-controller, kubectl-edit, kubectl-create",
		"/spec/template/spec/containers/1/image":                        "argocd-controller, kubectl-edit, kubectl-create",
		"spec.template.spec.containers[0].image":                        "",
		"spec.template.spec.containers[0].securityContext.runAsNonRoot": "second", // the other owned an empty one
		"spec.template.spec.containers[0].securityContext.privileged":   "first",
		"spec.template.spec.containers[0].securityContext":              "second, first",
		"spec.template.spec.containers[9].image":                        "",
		"spec.template.spec.containers[1].env[0].value":                 "kubectl-create",
		"spec.template.spec.containers[1].env[1].value":                 "argocd-controller",
		"spec.template.spec.containers[1].env[1].valueFrom":             "",
		"spec.template.spec.containers[1].env[1]":                       "argocd-controller",
		"spec.template.spec.containers[1].env":                          "argocd-controller, kubectl-create",
		"spec.template.spec.containers[1].args":                         "kubectl-create",
		"spec.template.spec.containers[1].args[1]":                      "kubectl-create", // the list is one whole
		"spec.template.spec.containers[1].ports[0].protocol":            "kubectl-create",
		"spec.template.spec.containers[1].ports[1].protocol":            "",
		"spec.template.spec.containers[1].image.nothing":                "argocd-controller, kubectl-edit, kubectl-create",
		`metadata.labels["app.kubernetes.io/name"]`:                     "kubectl-create",
		"/metadata/labels/app.kubernetes.io~1name":                      "kubectl-create",
		"/metadata/labels/7":                                            "kubectl-create",
		"metadata.finalizers[1]":                                        "argocd-controller",
		"metadata.finalizers[0]":                                        "",
		"status":                                                        "kube-controller-manager (status)",
		"":                                                              "autoscaler (scale), kube-controller-manager (status), argocd-controller, kubectl-edit, kubectl-create, second, first, no-time",
		"spec.template.spec.containers[x]":                              "",
		"spec..replicas":                                                "",
		"spec[":                                                         "", `metadata.labels["a`: "", "spec.template.spec.containers[1": "", `metadata.labels["a"x`: "",
	} {
		if got := strings.Join(fixes.FieldOwners(d, path), ", "); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	d.ManagedFields = []metav1.ManagedFieldsEntry{manager("a\x1b[31m", "Update", "s\n", 1, `{"f:spec":{}}`)}
	if got := fixes.FieldOwners(d, "spec"); len(got) != 1 || strings.ContainsAny(got[0], "\x1b\n") {
		t.Errorf("a hostile name: %q", got)
	}
	d.ManagedFields = nil
	if got := fixes.FieldOwners(d, "spec"); got != nil {
		t.Errorf("nobody: %q", got)
	}
}

// moveP is a change of the Deployment of owners that moves variable P into a
// Secret and closes the container.
func moveP(t *testing.T) (c fixes.Change, live func(edit func(*corev1.Container)) *appsv1.Deployment) {
	t.Helper()
	before := ownedWeb(t)
	after := before.DeepCopy()
	web := &after.Spec.Template.Spec.Containers[1]
	web.Env[1].Value, web.Env[1].ValueFrom = "", &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: "web-env"}, Key: "P",
	}}
	web.SecurityContext = &corev1.SecurityContext{RunAsNonRoot: new(bool)}
	c = fixes.Change{Action: fixes.Patch, Object: fixes.RefOf(before), Before: before, After: after}
	return c, func(edit func(*corev1.Container)) *appsv1.Deployment {
		d := after.DeepCopy()
		edit(&d.Spec.Template.Spec.Containers[1])
		return d
	}
}

func said(fields []fixes.Field) []string {
	var out []string
	for _, f := range fields {
		out = append(out, f.String())
	}
	return out
}

func TestTakenBack(t *testing.T) {
	c, live := moveP(t)
	const web = "spec.template.spec.containers[1]"
	for name, l := range map[string]struct {
		live fixes.Object
		want []string
	}{
		"it is there":           {live(func(*corev1.Container) {}), nil},
		"with others' edits":    {live(func(c *corev1.Container) { c.Image = "web:2"; c.SecurityContext.Privileged = new(bool) }), nil},
		"all of it is put back": {c.Before, []string{web + ".env[1].value (argocd-controller)", web + ".env[1].valueFrom", web + ".securityContext.runAsNonRoot"}},
		"a field is put back":   {live(func(c *corev1.Container) { c.SecurityContext = nil }), []string{web + ".securityContext.runAsNonRoot"}},
		"both stand there": {live(func(c *corev1.Container) { c.Env[1].Value = "x" }),
			[]string{web + ".env[1].value (argocd-controller)"}},
		"the variable is gone": {live(func(c *corev1.Container) { c.Env = c.Env[:1] }), []string{web + ".env[1]"}},
		"the object is gone":   {nil, []string{"the object"}},
	} {
		if got := said(c.TakenBack(l.live)); !slices.Equal(got, l.want) {
			t.Errorf("%s: %q, want %q", name, got, l.want)
		}
	}

	// What stands where something stood is not what took it away.
	first := c.Before.DeepCopyObject().(*appsv1.Deployment)
	container := &first.Spec.Template.Spec.Containers[1]
	container.Env = slices.Insert(container.Env, 0, corev1.EnvVar{Name: "N", Value: "n"})
	added := fixes.Change{Action: fixes.Patch, Object: c.Object, Before: c.Before, After: first}
	if got := said(added.TakenBack(c.Before)); !slices.Equal(got, []string{web + ".env[0]"}) {
		t.Errorf("an element that is gone: %q", got)
	}

	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s", Namespace: "shop"}, Data: map[string][]byte{"P": []byte("x")}}
	create := fixes.Change{Action: fixes.Create, Object: fixes.RefOf(secret), After: secret}
	more := secret.DeepCopy()
	more.Data["Q"], more.Type, more.UID = []byte("y"), corev1.SecretTypeOpaque, "u"
	other := more.DeepCopy()
	other.Data["P"] = []byte("z")
	if got := said(create.TakenBack(more)); got != nil || !create.HeldBy(more) {
		t.Errorf("created: %q", got)
	}
	if got := said(create.TakenBack(other)); !slices.Equal(got, []string{"data.P"}) || create.HeldBy(other) {
		t.Errorf("created, and changed: %q", got)
	}
	if create.HeldBy(nil) || len(create.TakenBack(nil)) != 1 {
		t.Error("created, and gone")
	}
	gone := fixes.Change{Action: fixes.Delete, Object: fixes.RefOf(secret), Before: secret}
	if len(gone.TakenBack(nil)) != 0 || !gone.HeldBy(nil) || len(gone.TakenBack(more)) != 1 || gone.HeldBy(more) {
		t.Error("deleted")
	}
}

func TestDrift(t *testing.T) {
	c, _ := moveP(t)
	const web = "spec.template.spec.containers[1]"
	now := func(edit func(*appsv1.Deployment)) *appsv1.Deployment {
		d := ownedWeb(t)
		edit(d)
		return d
	}
	container := func(d *appsv1.Deployment) *corev1.Container { return &d.Spec.Template.Spec.Containers[1] }
	recreate := c
	recreate.Action = fixes.Recreate
	create := fixes.Change{Action: fixes.Create, Object: c.Object, After: c.After}
	for name, l := range map[string]struct {
		change fixes.Change
		live   fixes.Object
		want   []string
	}{
		"as it was":     {c, now(func(*appsv1.Deployment) {}), nil},
		"another field": {c, now(func(d *appsv1.Deployment) { container(d).Image = "web:2"; d.Spec.Replicas = nil }), nil},
		"the field":     {c, now(func(d *appsv1.Deployment) { container(d).Env[1].Value = "y" }), []string{web + ".env[1].value (argocd-controller)"}},
		"a field that comes": {c, now(func(d *appsv1.Deployment) {
			container(d).SecurityContext = &corev1.SecurityContext{RunAsNonRoot: func() *bool { b := true; return &b }()}
		}),
			[]string{web + ".securityContext.runAsNonRoot"}},
		"its container is gone": {c, now(func(d *appsv1.Deployment) { d.Spec.Template.Spec.Containers = d.Spec.Template.Spec.Containers[:1] }), []string{web}},
		"another object":        {c, now(func(d *appsv1.Deployment) { d.UID = "e" }), []string{"metadata.uid"}},
		"no object":             {c, nil, []string{"the object"}},
		"recreated: any field":  {recreate, now(func(d *appsv1.Deployment) { container(d).Image = "web:2" }), []string{web + ".image (argocd-controller, kubectl-edit, kubectl-create)"}},
		"to be created":         {create, nil, nil},
		"there already":         {create, now(func(d *appsv1.Deployment) { d.ManagedFields = d.ManagedFields[1:2] }), []string{"the object (argocd-controller)"}},
	} {
		if got := said(l.change.Drift(l.live)); !slices.Equal(got, l.want) {
			t.Errorf("%s: %q, want %q", name, got, l.want)
		}
		for _, f := range l.change.Drift(l.live) {
			if strings.Contains(fmt.Sprint(f), `"y"`) {
				t.Errorf("%s: a value is told", name)
			}
		}
	}
}
