package fixes_test

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const owned = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, uid: d}
spec: {selector: {}, template: {spec: {containers: [{name: c, image: x}]}}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  {name: web-1, namespace: shop, uid: r, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d, controller: true}]}
---
apiVersion: v1
kind: Pod
metadata:
  {name: web-1-a, namespace: shop, uid: p, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: r, controller: true}]}
---
apiVersion: v1
kind: Pod
metadata:
  {name: kafka-0, namespace: shop, uid: k, ownerReferences: [{apiVersion: kafka.strimzi.io/v1, kind: Kafka, name: main, uid: z, controller: true}]}
---
apiVersion: v1
kind: Pod
metadata:
  {name: orphan, namespace: shop, uid: o, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: gone, controller: true}]}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  {name: loop, namespace: shop, uid: l, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: loop, uid: l, controller: true}]}
`

func TestTop(t *testing.T) {
	inv := fixestest.Load(t, owned)
	for name, want := range map[string]string{
		"web-1-a": "Deployment shop/web", "kafka-0": "Pod shop/kafka-0 under Kafka main", "orphan": "Pod shop/orphan under ReplicaSet web-1",
	} {
		pod, _ := fixes.Lookup[*corev1.Pod](inv, "shop", name)
		top, owner := inv.Top(pod)
		got := fixes.RefOf(top).String()
		if owner != nil {
			got += " under " + owner.Kind + " " + owner.Name
		}
		if got != want {
			t.Errorf("the top of %s is %s, want %s", name, got, want)
		}
	}
	loop, _ := fixes.Lookup[*appsv1.ReplicaSet](inv, "shop", "loop")
	if _, owner := inv.Top(loop); owner == nil {
		t.Error("a loop of owners has a top")
	}
	web, _ := fixes.Lookup[*appsv1.Deployment](inv, "shop", "web")
	w, _ := fixes.AsWorkload(web)
	if pods := inv.Pods(w); len(pods) != 1 || pods[0].Name != "web-1-a" {
		t.Errorf("the pods of web are %v", pods)
	}
}

func TestDraftLeavesTheInventoryAlone(t *testing.T) {
	inv := fixestest.Load(t, owned)
	d := inv.Draft()
	pod, err := fixes.Edit[*corev1.Pod](d, "shop", "orphan")
	if err != nil {
		t.Fatal(err)
	}
	pod.Spec.HostPID = true
	if err := d.Create(&corev1.Pod{ObjectMeta: pod.ObjectMeta}); err == nil {
		t.Error("an object that is there was created")
	}
	before, _ := fixes.Lookup[*corev1.Pod](inv, "shop", "orphan")
	after, _ := fixes.Lookup[*corev1.Pod](d.Inventory, "shop", "orphan")
	if before.Spec.HostPID || !after.Spec.HostPID {
		t.Error("the edit is not in the draft alone")
	}
	if inv.Len(fixes.KindPod) != d.Len(fixes.KindPod) {
		t.Error("the draft lists other pods")
	}
	if _, err := fixes.Edit[*corev1.Pod](d, "shop", "nobody"); err == nil {
		t.Error("an object that is not there was edited")
	}
	changes, err := d.Changes()
	if err != nil || len(changes) != 1 || changes[0].Object.Name != "orphan" {
		t.Errorf("changes: %v %v", changes, err)
	}
}

func TestCovers(t *testing.T) {
	inv := fixes.NewInventory()
	inv.Skip(fixes.Skip{Resource: "pods", Namespace: "a"})
	inv.Skip(fixes.Skip{Resource: "secrets"})
	inv.Skip(fixes.Skip{Resource: "jobs.batch", Namespace: fixes.OtherNamespaces})
	for _, c := range []struct {
		kind      fixes.Kind
		namespace string
		want      bool
	}{
		{fixes.KindPod, "a", false}, {fixes.KindPod, "b", true}, {fixes.KindPod, "", false},
		{fixes.KindSecret, "b", false}, {fixes.KindJob, "home", true}, {fixes.KindJob, "", false},
		{fixes.KindDeployment, "", true},
	} {
		if got := inv.Covers(c.kind, c.namespace); got != c.want {
			t.Errorf("Covers(%s, %q) = %v", c.kind, c.namespace, got)
		}
	}
}

// TestOwnersDecideTheFix demands that no edit is offered below an owner that
// would undo it.
func TestOwnersDecideTheFix(t *testing.T) {
	inv := fixestest.Load(t, owned)
	inv.Live = true
	rule := &fixes.Rule{ID: "r", Severity: fixes.Low, Kinds: fixes.WorkloadKinds(), Check: func(p *fixes.Pass) {
		for _, w := range p.Workloads("") {
			p.Report(fixes.Finding{Object: w.Ref(), Path: "x\x1b", Message: "m", Fixes: []fixes.Fix{{
				Title: "t", Confidence: fixes.Safe, Why: "w", Edit: func(*fixes.Draft) error { return nil },
			}}})
		}
	}}
	got := map[string]string{}
	for _, f := range rule.Run(inv) {
		got[f.Object.Name] = f.Fix().Confidence.String()
		if f.Path != `x\x1b` {
			t.Errorf("the path is not cleaned: %q", f.Path)
		}
		if (f.Fix().Confidence == fixes.Manual) != (f.Fix().Edit == nil) {
			t.Errorf("%s: confidence %s and its edit do not agree", f.Object.Name, f.Fix().Confidence)
		}
	}
	for name, want := range map[string]string{"web": "safe", "kafka-0": "manual", "orphan": "manual"} {
		if got[name] != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
	if slices.Contains([]string{got["web-1"], got["web-1-a"]}, "safe") {
		t.Error("a fix is offered below a Deployment")
	}
}
