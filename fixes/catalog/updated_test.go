package catalog_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
)

// TestUpdatedAsScanned changes random objects of inventories, again and again:
// what is found in the inventory that was updated is what is found in one that
// was filled with the same objects.
func TestUpdatedAsScanned(t *testing.T) {
	for name, inv := range manifests(t) {
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
			updated := inv
			fixes.Scan(updated, catalog.Rules()) // so that all that is derived is there
			rounds := 12
			if testing.Short() {
				rounds = 3
			}
			for round := range rounds {
				var changes []fixes.ObjectChange
				for range 1 + random.IntN(3) {
					c := randomChange(random, state, gone)
					if c.After != nil {
						state[c.Object] = c.After
						delete(gone, c.Object)
					} else {
						gone[c.Object] = state[c.Object]
						delete(state, c.Object)
					}
					changes = append(changes, c)
				}
				updated = updated.Updated(changes)
				fresh := fixes.NewInventory()
				fresh.Live, fresh.ServerMinor, fresh.Now, fresh.APIVersions = inv.Live, inv.ServerMinor, inv.Now, inv.APIVersions
				fresh.Namespace, fresh.Wishes = inv.Namespace, inv.Wishes
				for _, obj := range state {
					fresh.Add(obj)
				}
				for _, s := range inv.Skips() {
					fresh.Skip(s)
				}
				got, want := told(fixes.Scan(updated, catalog.Rules())), told(fixes.Scan(fresh, catalog.Rules()))
				if !slices.Equal(got, want) {
					t.Fatalf("round %d, after %v: the update finds %d, a scan %d:\n%s", round, changes, len(got), len(want), firstDifference(got, want))
				}
			}
		})
	}
}

func kindsOf(inv *fixes.Inventory) []fixes.Kind {
	return slices.DeleteFunc(fixes.Needs(catalog.Rules()), func(k fixes.Kind) bool { return inv.Len(k) == 0 })
}

// randomChange deletes an object, brings one back, edits one, or adds one.
func randomChange(random *rand.Rand, state, gone map[fixes.Ref]fixes.Object) fixes.ObjectChange {
	pick := func(from map[fixes.Ref]fixes.Object) fixes.Ref {
		refs := make([]fixes.Ref, 0, len(from))
		for ref := range from {
			refs = append(refs, ref)
		}
		slices.SortFunc(refs, fixes.Ref.Compare)
		return refs[random.IntN(len(refs))]
	}
	switch n := random.IntN(10); {
	case n < 2 && len(state) > 2:
		return fixes.ObjectChange{Object: pick(state)}
	case n < 4 && len(gone) > 0:
		ref := pick(gone)
		return fixes.ObjectChange{Object: ref, After: gone[ref]}
	case n < 5:
		ns := pick(state).Namespace
		if ns == "" {
			ns = "default"
		}
		policy := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: fmt.Sprintf("deny-%d", random.IntN(3))},
			Spec: networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}}}
		return fixes.ObjectChange{Object: fixes.RefOf(policy), After: policy}
	}
	ref := pick(state)
	obj := state[ref].DeepCopyObject().(fixes.Object)
	if w, ok := fixes.AsWorkload(obj); ok && len(w.Spec.Containers) > 0 {
		c := &w.Spec.Containers[random.IntN(len(w.Spec.Containers))]
		switch random.IntN(4) {
		case 0:
			c.Image = "registry.example.com/other:latest"
		case 1:
			c.Env = append(c.Env, corev1.EnvVar{Name: "DB_PASSWORD", Value: "Tr0ub4dor&3-horse"})
		case 2:
			c.SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
		case 3:
			w.Spec.ServiceAccountName = "other"
		}
	} else {
		labels := map[string]string{}
		maps.Copy(labels, obj.GetLabels())
		labels["pod-security.kubernetes.io/enforce"] = []string{"baseline", "restricted", "privileged"}[random.IntN(3)]
		obj.SetLabels(labels)
	}
	return fixes.ObjectChange{Object: ref, After: obj}
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
