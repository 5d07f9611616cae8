package admission

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
	"github.com/kubectl-harden/kubectl-harden/fixes/podsecurity"
)

const (
	namespace = `
apiVersion: v1
kind: Namespace
metadata: {name: shop}
`
	restricted = `{allowPrivilegeEscalation: false, runAsNonRoot: true, runAsUser: 7, capabilities: {drop: [ALL]}, seccompProfile: {type: RuntimeDefault}}`
	finding    = `Namespace shop metadata.labels["pod-security.kubernetes.io/enforce"] `
)

func deployment(name, spec string) string {
	return fmt.Sprintf(`
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: shop, uid: %[1]s}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: %[2]s}
`, name, spec)
}

func podOf(phase, spec string) string {
	const deployment = "web"
	return fmt.Sprintf(`
---
apiVersion: v1
kind: Pod
metadata:
  name: %[1]s-1
  namespace: shop
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: %[1]s, uid: %[1]s, controller: true}]
spec: %[3]s
status: {phase: %[2]s}
`, deployment, phase, spec)
}

func containers(security string) string {
	return "{containers: [{name: c, image: x, securityContext: " + security + "}]}"
}

func TestPSAMissing(t *testing.T) {
	const enforce = "+ pod-security.kubernetes.io/enforce: "
	fixestest.Table(t, psaMissing(), []fixestest.Case{{
		Name:    "everything meets restricted",
		Objects: namespace + deployment("web", containers(restricted)) + podOf("Running", containers(restricted)),
		Live:    true,
		Want:    []string{finding + "safe"},
		Diff: []string{enforce + "restricted", "+ pod-security.kubernetes.io/enforce-version: v1.37",
			"+ pod-security.kubernetes.io/warn: restricted", "+ pod-security.kubernetes.io/audit: restricted"},
	}, {
		Name:    "one meets only baseline",
		Objects: namespace + deployment("web", containers(restricted)) + deployment("api", containers("{}")),
		Live:    true,
		Want:    []string{finding + "safe"},
		Diff:    []string{enforce + "baseline", "+ pod-security.kubernetes.io/warn: restricted"},
	}, {
		Name:    "one needs privileged",
		Objects: namespace + deployment("web", containers("{}")) + deployment("agent", containers("{privileged: true}")),
		Live:    true,
		Want:    []string{finding + "safe"},
		Diff:    []string{enforce + "privileged", "+ pod-security.kubernetes.io/audit: restricted"},
	}, {
		Name: "a sidecar was injected into the running pod",
		Objects: namespace + deployment("web", containers(restricted)) +
			podOf("Running", "{initContainers: [{name: mesh-init, image: x, securityContext: {capabilities: {add: [NET_ADMIN]}}}], containers: [{name: c, image: x}]}"),
		Live: true,
		Want: []string{finding + "safe"},
		Diff: []string{enforce + "privileged"},
	}, {
		Name:    "a pod that has run to its end does not count",
		Objects: namespace + deployment("web", containers(restricted)) + podOf("Succeeded", containers("{privileged: true}")),
		Live:    true,
		Want:    []string{finding + "safe"},
		Diff:    []string{enforce + "restricted"},
	}, {
		Name:    "warn was chosen by somebody",
		Objects: strings.Replace(namespace, "shop", "shop, labels: {pod-security.kubernetes.io/warn: baseline}", 1) + deployment("web", containers("{}")),
		Live:    true,
		Want:    []string{finding + "safe"},
		Diff:    []string{enforce + "baseline", "+ pod-security.kubernetes.io/audit: restricted"},
		NotDiff: []string{"- pod-security.kubernetes.io/warn: baseline", "+ pod-security.kubernetes.io/warn-version: v1.37"},
	}, {
		Name:    "an empty namespace shows nothing",
		Objects: namespace,
		Live:    true,
		Want:    []string{finding + "review"},
		Diff:    []string{enforce + "restricted"},
	}, {
		Name:    "manifests do not show what else runs",
		Objects: namespace + deployment("web", containers(restricted)),
		Want:    []string{finding + "review"},
		Diff:    []string{enforce + "restricted"},
	}, {
		Name: "labelled, the system's own, and on its way out",
		Objects: strings.Replace(namespace, "shop", "shop, labels: {pod-security.kubernetes.io/enforce: privileged}", 1) + `
---
apiVersion: v1
kind: Namespace
metadata: {name: kube-system}
---
apiVersion: v1
kind: Namespace
metadata: {name: old, deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: [x]}
`,
		Live: true,
	}})
}

func TestPSAMissingWords(t *testing.T) {
	objects := namespace
	for i := range 8 {
		objects += deployment(fmt.Sprint("web", i), containers("{}"))
	}
	inv := fixestest.Load(t, objects)
	inv.Live = true
	f := psaMissing().Run(inv)[0]
	if want := "Enforce baseline on namespace shop, warn and audit restricted"; f.Fix().Title != want {
		t.Errorf("title %q, want %q", f.Fix().Title, want)
	}
	if n := len(f.Evidence); n != 7 || f.Evidence[0] != "pods and pod templates looked at: 8; the strictest level that all meet: baseline" ||
		!strings.HasPrefix(f.Evidence[1], "restricted refused: Deployment shop/web0: ") || f.Evidence[6] != "restricted refused by 3 more" {
		t.Errorf("evidence %q", f.Evidence)
	}
}

func TestPSAMissingHidden(t *testing.T) {
	inv := fixestest.Load(t, namespace+deployment("web", containers(restricted)))
	inv.Live = true
	inv.Skip(fixes.Skip{Resource: "pods", Namespace: "shop", Reason: "forbidden"})
	if fix := psaMissing().Run(inv)[0].Fix(); fix.Confidence != fixes.Review || !strings.Contains(fix.Why, "pods") {
		t.Errorf("got %v, %q", fix.Confidence, fix.Why)
	}
}

// TestPSAVersion pins the server's version, and nothing newer than the library.
func TestPSAVersion(t *testing.T) {
	for minor, want := range map[int]string{0: "v1.37", 99: "v1.37", 31: "v1.31", 22: ""} {
		inv := fixestest.Load(t, namespace+deployment("web", containers(restricted)))
		inv.ServerMinor = minor
		result := fixes.Scan(inv, Rules())
		plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, c := range plan.Changes {
			got = c.After.GetLabels()["pod-security.kubernetes.io/enforce-version"]
		}
		if got != want {
			t.Errorf("minor %d: got %q, want %q", minor, got, want)
		}
	}
}

// TestPlanRaisesLevel shows that the level follows from the plan's other fixes:
// from what they make of the templates, but not of what is injected.
func TestPlanRaisesLevel(t *testing.T) {
	const sidecar = "{containers: [{name: c, image: x, securityContext: {privileged: true}}, {name: mesh, image: x}]}"
	for _, c := range []struct{ name, pod, want string }{
		{"nothing injected", containers("{privileged: true}"), "restricted"},
		{"a sidecar that is not restricted", sidecar, "baseline"},
	} {
		inv := fixestest.Load(t, namespace+deployment("web", containers("{privileged: true}"))+podOf("Running", c.pod))
		inv.Live, inv.ServerMinor = true, 37
		result := fixes.Scan(inv, slices.Concat(Rules(), podsecurity.Rules()))
		plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
		if err != nil {
			t.Fatal(err)
		}
		last := plan.Changes[len(plan.Changes)-1].After
		if got := last.GetLabels()["pod-security.kubernetes.io/enforce"]; got != c.want || !plan.Verified {
			t.Errorf("%s: enforced %q, want %q; verified %v", c.name, got, c.want, plan.Verified)
		}
	}
}

// large returns a cluster of 5,000 Deployments and 10,000 pods in 50 namespaces.
func large() *fixes.Inventory {
	inv := fixes.NewInventory()
	inv.Live, inv.ServerMinor = true, 37
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "x"}, {Name: "d", Image: "x"}}}
	yes := true
	for n := range 50 {
		ns := fmt.Sprint("ns", n)
		inv.Add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
		for d := range 100 {
			dep := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("d", d), Namespace: ns, UID: "d"}}
			dep.Spec.Template.Spec = *spec.DeepCopy()
			inv.Add(dep)
			rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: dep.Name, Namespace: ns, UID: "r", OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "apps/v1", Kind: "Deployment", Name: dep.Name, UID: "d", Controller: &yes}}}}
			inv.Add(rs)
			for p := range 2 {
				inv.Add(&corev1.Pod{Spec: *spec.DeepCopy(), ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint(dep.Name, "-", p), Namespace: ns,
					OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: rs.Name, UID: "r", Controller: &yes}}}})
			}
		}
	}
	return inv
}

func TestLargeClusterIsFast(t *testing.T) {
	inv := large()
	inv.Workloads("") // sorts the lists, which is the scan's and not the rule's
	start := time.Now()
	if n := len(psaMissing().Run(inv)); n != 50 {
		t.Errorf("%d findings", n)
	}
	if d := time.Since(start); d > 5*time.Second { // under a tenth of it on an idle machine
		t.Errorf("took %v", d)
	}
}

func BenchmarkPSAMissing(b *testing.B) {
	inv := large()
	rule := psaMissing()
	for b.Loop() {
		rule.Run(inv)
	}
}

func BenchmarkPlan(b *testing.B) {
	inv := large()
	rules := slices.Concat(Rules(), podsecurity.Rules())
	result := fixes.Scan(inv, rules)
	choices := fixes.Choose(result.Findings, fixes.Review)
	for b.Loop() {
		draft := inv.Draft()
		for _, c := range choices {
			if err := c.Fix.Edit(draft); err != nil {
				b.Fatal(err)
			}
		}
	}
}
