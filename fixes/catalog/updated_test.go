package catalog_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
)

// TestUpdatedAsScanned changes random objects of inventories, again and again:
// what a result becomes after that is what a scan finds in an inventory that was
// filled with the same objects. The manifests in one cluster, as its many
// namespaces, are where most of a result stays.
func TestUpdatedAsScanned(t *testing.T) {
	all := manifests(t)
	all["town"] = town(all)
	for name, inv := range all {
		if strings.HasSuffix(name, " tried") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(7, uint64(len(name))))
			state := map[fixes.Ref]fixes.Object{}
			for _, kind := range kindsOf(inv) {
				for _, obj := range inv.List(kind) {
					state[fixes.RefOf(obj)] = obj
				}
			}
			gone := map[fixes.Ref]fixes.Object{}
			result := fixes.Scan(inv, catalog.Rules())
			rounds := 12
			if name == "town" {
				rounds = 24
			}
			if testing.Short() {
				rounds /= 4
			}
			stayed := 0
			for round := range rounds {
				var changes []fixes.ObjectChange
				var changed []fixes.Ref
				for range 1 + random.IntN(3) {
					c := randomChange(random, state, gone)
					if c.After != nil {
						state[c.Object] = c.After
						delete(gone, c.Object)
					} else {
						gone[c.Object] = state[c.Object]
						delete(state, c.Object)
					}
					changes, changed = append(changes, c), append(changed, c.Object)
				}
				before := pointers(result)
				next := result.Inventory.Updated(changes)
				if !next.Now.IsZero() {
					next.Now = next.Now.Add(time.Duration(random.IntN(90*24)) * time.Hour)
				}
				result = result.After(next, changed)
				fresh := fixes.NewInventory()
				fresh.Live, fresh.ServerMinor, fresh.Now, fresh.APIVersions = inv.Live, inv.ServerMinor, next.Now, inv.APIVersions
				fresh.Namespace, fresh.Wishes = inv.Namespace, inv.Wishes
				for _, obj := range state {
					fresh.Add(obj)
				}
				for _, s := range inv.Skips() {
					fresh.Skip(s)
				}
				got, want := told(result), told(fixes.Scan(fresh, catalog.Rules()))
				if !slices.Equal(got, want) {
					t.Fatalf("round %d, after %v: the update finds %d, a scan %d:\n%s", round, changed, len(got), len(want), firstDifference(got, want))
				}
				for _, f := range result.Findings {
					if before[f] {
						stayed++
					}
				}
			}
			if per := stayed / rounds; name == "town" && per < 300 {
				t.Errorf("%d of %d findings stay: nothing is shown", per, len(result.Findings))
			}
		})
	}
}

func pointers(r *fixes.Result) map[*fixes.Finding]bool {
	set := map[*fixes.Finding]bool{}
	for _, f := range r.Findings {
		set[f] = true
	}
	return set
}

// town returns a cluster that runs all manifests, each in namespaces of its own.
func town(all map[string]*fixes.Inventory) *fixes.Inventory {
	out := fixes.NewInventory()
	out.Live, out.ServerMinor, out.Now = true, 37, time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		file, live := strings.CutSuffix(name, ".yaml live")
		if !live {
			continue
		}
		in := func(ns string) string {
			if ns == "" || fixes.IsSystemNamespace(ns) {
				return ns
			}
			return file + "-" + ns
		}
		for _, kind := range kindsOf(all[name]) {
			for _, obj := range all[name].List(kind) {
				obj = obj.DeepCopyObject().(fixes.Object)
				fixes.SetOrigin(obj, "")
				obj.SetNamespace(in(obj.GetNamespace()))
				switch o := obj.(type) {
				case *corev1.Namespace:
					o.Name = in(o.Name)
				case *rbacv1.RoleBinding:
					for i := range o.Subjects {
						o.Subjects[i].Namespace = in(o.Subjects[i].Namespace)
					}
				case *rbacv1.ClusterRoleBinding:
					for i := range o.Subjects {
						o.Subjects[i].Namespace = in(o.Subjects[i].Namespace)
					}
				}
				if kind.Namespaced && obj.GetNamespace() == "" {
					obj.SetNamespace(file)
				}
				out.Add(obj)
			}
		}
	}
	return out
}

func kindsOf(inv *fixes.Inventory) []fixes.Kind {
	return slices.DeleteFunc(fixes.Needs(catalog.Rules()), func(k fixes.Kind) bool { return inv.Len(k) == 0 })
}

// randomChange deletes an object, brings one back, edits one, or adds one. What it
// adds and edits reaches into other namespaces too.
func randomChange(random *rand.Rand, state, gone map[fixes.Ref]fixes.Object) fixes.ObjectChange {
	pick := func(from map[fixes.Ref]fixes.Object) fixes.Ref {
		refs := make([]fixes.Ref, 0, len(from))
		for ref := range from {
			refs = append(refs, ref)
		}
		slices.SortFunc(refs, fixes.Ref.Compare)
		return refs[random.IntN(len(refs))]
	}
	namespace := func() string { return cmp.Or(pick(state).Namespace, "default") }
	switch n := random.IntN(12); {
	case n < 2 && len(state) > 2:
		return fixes.ObjectChange{Object: pick(state)}
	case n < 4 && len(gone) > 0:
		ref := pick(gone)
		return fixes.ObjectChange{Object: ref, After: gone[ref]}
	case n < 6:
		obj := randomObject(random, metav1.ObjectMeta{Namespace: namespace(), Name: fmt.Sprintf("new-%d", random.IntN(3))}, namespace())
		return fixes.ObjectChange{Object: fixes.RefOf(obj), After: obj}
	}
	ref := pick(state)
	obj := state[ref].DeepCopyObject().(fixes.Object)
	if w, ok := fixes.AsWorkload(obj); ok && len(w.Spec.Containers) > 0 {
		c := &w.Spec.Containers[random.IntN(len(w.Spec.Containers))]
		switch random.IntN(6) {
		case 0:
			c.Image = "registry.example.com/other:latest"
		case 1:
			c.Env = append(c.Env, corev1.EnvVar{Name: "DB_PASSWORD", Value: "Tr0ub4dor&3-horse"})
		case 2:
			c.SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
		case 3:
			w.Spec.ServiceAccountName = "other"
		case 4:
			other := pick(state)
			c.Env = append(c.Env, corev1.EnvVar{Name: "PEER_URL", Value: "http://" + other.Name + "." + cmp.Or(other.Namespace, "default") + ":80"})
		case 5:
			c.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}
		}
	} else {
		labels := map[string]string{}
		maps.Copy(labels, obj.GetLabels())
		labels["pod-security.kubernetes.io/enforce"] = []string{"baseline", "restricted", "privileged"}[random.IntN(3)]
		obj.SetLabels(labels)
	}
	return fixes.ObjectChange{Object: ref, After: obj}
}

// randomObject returns an object to add. What can speaks of another namespace.
func randomObject(random *rand.Rand, meta metav1.ObjectMeta, elsewhere string) fixes.Object {
	nowhere := metav1.ObjectMeta{Name: meta.Name}
	account := []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: elsewhere, Name: []string{"default", "other", "web"}[random.IntN(3)]}}
	role := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: meta.Name}
	switch random.IntN(9) {
	case 0:
		return &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: role, Subjects: account}
	case 1:
		return &rbacv1.ClusterRoleBinding{ObjectMeta: nowhere, RoleRef: role, Subjects: account}
	case 2:
		return &rbacv1.ClusterRole{ObjectMeta: nowhere, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"", "apps"}, Resources: []string{"*"}, Verbs: []string{"*"}}}}
	case 3:
		return &corev1.ResourceQuota{ObjectMeta: meta, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourceLimitsCPU: resource.MustParse("1")}}}
	case 4:
		return &corev1.LimitRange{ObjectMeta: meta, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer,
			DefaultRequest: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")}}}}}
	case 5:
		node := &corev1.Node{ObjectMeta: nowhere}
		node.Status.Allocatable = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("4Gi")}
		return node
	case 6:
		return &corev1.ConfigMap{ObjectMeta: meta, Data: map[string]string{"peer": "http://web." + elsewhere + ":80", "password": "Tr0ub4dor&3-horse"}}
	case 7:
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: elsewhere}}
	}
	return &networkingv1.NetworkPolicy{ObjectMeta: meta, Spec: networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}}}
}

// told writes all that findings say.
func told(r *fixes.Result) []string {
	var out []string
	for _, f := range r.Findings {
		line := fmt.Sprint(f.Fingerprint, f.Rule.ID, f.Object, f.Path, f.Severity, f.Message, f.Evidence, f.ManagedBy)
		for _, fix := range f.Fixes {
			line += fmt.Sprint(fix.Title, fix.Confidence, fix.Why, fix.Risks, fix.Creates, fix.Steps)
		}
		out = append(out, line)
	}
	for _, s := range fixes.Unseen(r.Inventory, r.Rules) {
		out = append(out, fmt.Sprint(s))
	}
	return out
}

func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		g, w := "", ""
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			return "got  " + g + "\nwant " + w
		}
	}
	return ""
}

// TestNamespaceThatGoes leaves out what is in a namespace that is being deleted.
func TestNamespaceThatGoes(t *testing.T) {
	inv := manifests(t)["demo.yaml live"]
	ns, ok := fixes.Lookup[*corev1.Namespace](inv, "", "shop")
	if !ok {
		t.Fatal("the demo has no namespace shop")
	}
	going := ns.DeepCopy()
	going.DeletionTimestamp = new(metav1.Now())
	next := inv.Updated([]fixes.ObjectChange{{Object: fixes.RefOf(ns), After: going}})
	if n := len(fixes.Objects[*corev1.Secret](next, "shop")) + len(next.Workloads("shop")); n > 0 {
		t.Errorf("%d objects are left", n)
	}
	if len(inv.Workloads("shop")) == 0 || len(next.Workloads("payments")) == 0 {
		t.Error("objects are gone that should be there")
	}
}
