package quota_test

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
	"github.com/kubectl-harden/kubectl-harden/fixes/quota"
)

const shop = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: app, image: x, resources: {requests: {cpu: 250m}}}
      - {name: proxy, image: x}
---
apiVersion: v1
kind: LimitRange
metadata: {name: container-defaults, namespace: shop}
spec: {limits: [{type: Container, defaultRequest: {cpu: 50m}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec: {podSelector: {matchLabels: {app: db}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: data}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: app, image: x}]
---
apiVersion: v1
kind: Namespace
metadata: {name: empty}
`

func rules() []*fixes.Rule { return slices.Concat(quota.Rules(), network.Rules()) }

// Any of the fixes, made in any order, leave the same draft, in which none of
// their findings is left.
func TestFixesCompose(t *testing.T) {
	inv := fixestest.Load(t, shop)
	result := fixes.Scan(inv, rules())
	fixestest.ClosedLoop(t, result)
	for _, ns := range inv.UserNamespaces() {
		var found []*fixes.Finding
		for _, f := range result.Findings {
			if f.Object.Name == ns {
				found = append(found, f)
			}
		}
		if len(found) != 3 {
			t.Fatalf("%s: %q", ns, fixestest.Lines(found))
		}
		drafts := map[string]string{} // by the set of fixes
		permute(found, func(order []*fixes.Finding) {
			draft := inv.Draft()
			for made, f := range order {
				for range 2 { // a fix made again does nothing
					if err := f.Fix().Edit(draft); err != nil {
						t.Fatal(err)
					}
				}
				set := fixestest.Lines(order[:made+1])
				slices.Sort(set)
				got := fmt.Sprint(manifests(t, draft))
				if want, ok := drafts[fmt.Sprint(set)]; ok && got != want {
					t.Errorf("%v made in the order %v gives\n%s\nelse\n%s", set, fixestest.Lines(order), got, want)
				}
				drafts[fmt.Sprint(set)] = got
				left := fixes.Scan(draft.Inventory, rules()).Findings
				for _, f := range order[:made+1] {
					if slices.ContainsFunc(left, func(l *fixes.Finding) bool { return l.Fingerprint == f.Fingerprint }) {
						t.Errorf("%s is left of %v", f.Rule.ID, set)
					}
				}
			}
		})
		if len(drafts) != 7 {
			t.Errorf("%d subsets tried", len(drafts))
		}
	}
}

func manifests(t *testing.T, draft *fixes.Draft) []map[string]any {
	t.Helper()
	changes, err := draft.Changes()
	if err != nil {
		t.Fatal(err)
	}
	var out []map[string]any
	for _, c := range changes {
		m, err := c.Manifest()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	return out
}

func permute[T any](list []T, visit func([]T)) {
	if len(list) < 2 {
		visit(list)
		return
	}
	for i := range list {
		rest := slices.Delete(slices.Clone(list), i, i+1)
		permute(rest, func(tail []T) { visit(append([]T{list[i]}, tail...)) })
	}
}

// cluster has 100 namespaces of 50 Deployments with two pods each.
func cluster() *fixes.Inventory {
	inv := fixes.NewInventory()
	inv.Live = true
	for n := range 100 {
		for i := range 50 {
			d := &appsv1.Deployment{}
			d.Namespace, d.Name = fmt.Sprintf("ns%d", n), fmt.Sprintf("w%d", i)
			d.UID = types.UID(d.Namespace + d.Name)
			d.Spec.Template.Labels = map[string]string{"app": d.Name}
			d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "app", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi"),
			}}}, {Name: "proxy"}}
			inv.Add(d)
			for r := range 2 {
				p := &corev1.Pod{Spec: d.Spec.Template.Spec}
				p.Namespace, p.Name = d.Namespace, fmt.Sprintf("%s-%d", d.Name, r)
				p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(d, fixes.KindDeployment.GVK())}
				inv.Add(p)
			}
		}
	}
	return inv
}

func BenchmarkScan(b *testing.B) {
	inv := cluster()
	for b.Loop() {
		if n := len(fixes.Scan(inv, rules()).Findings); n != 300+3*5000 {
			b.Fatal(n)
		}
	}
}

func BenchmarkCompose(b *testing.B) {
	result := fixes.Scan(cluster(), rules())
	for b.Loop() {
		plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
		if err != nil || !plan.Verified {
			b.Fatal(err)
		}
	}
}
