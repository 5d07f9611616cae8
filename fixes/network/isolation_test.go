package network

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// Whatever policies and workloads there are, the fix isolates every pod, lets
// every pod that was open reach DNS, and opens nothing that was isolated, not
// even for pods that are not there yet.
func TestFixKeepsWhatIsClosed(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	universe := podLabels()
	directions := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	for round := range 150 {
		inv := fixes.NewInventory()
		for i := range rng.IntN(4) {
			d := &appsv1.Deployment{}
			d.Namespace, d.Name = "shop", fmt.Sprintf("w%d", i)
			d.Spec.Template.Labels = universe[rng.IntN(len(universe))]
			inv.Add(d)
		}
		for i := range rng.IntN(4) {
			p := &networkingv1.NetworkPolicy{}
			p.Namespace, p.Name = "shop", fmt.Sprintf("p%d", i)
			p.Spec.PodSelector = randomSelector(rng)
			p.Spec.PolicyTypes = [][]networkingv1.PolicyType{nil, directions, directions[:1], directions[1:]}[rng.IntN(4)]
			inv.Add(p)
		}
		inv.Add(namespaceObject("shop"))
		result := fixes.Scan(inv, Rules())
		fixestest.ClosedLoop(t, result)
		draft := inv.Draft()
		for _, f := range result.Findings {
			if err := f.Fix().Edit(draft); err != nil {
				t.Fatal(err)
			}
		}
		for _, direction := range directions {
			before := isolationOf(inv, "shop", direction, inv.Workloads("shop"))
			after := isolationOf(draft.Inventory, "shop", direction, draft.Workloads("shop"))
			if !after.everything || len(after.open) > 0 {
				t.Fatalf("round %d: %s stays open", round, direction)
			}
			for _, pod := range universe {
				for _, p := range created(t, inv, draft) {
					selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
					if err != nil {
						t.Fatal(err)
					}
					rules := len(p.Spec.Ingress)
					if direction == networkingv1.PolicyTypeEgress {
						rules = len(p.Spec.Egress)
					}
					if rules > 0 && selector.Matches(pod) && before.selects(pod) {
						t.Fatalf("round %d: %s %s opens %v, which was isolated", round, direction, p.Name, pod)
					}
				}
			}
			for _, w := range before.open {
				if direction == networkingv1.PolicyTypeEgress && allowances(t, inv, draft, direction, w.Meta.Labels) == 0 {
					t.Fatalf("round %d: %v may not reach DNS", round, w.Meta.Labels)
				}
			}
		}
	}
}

// created returns the policies that the draft adds.
func created(t *testing.T, inv *fixes.Inventory, draft *fixes.Draft) []*networkingv1.NetworkPolicy {
	t.Helper()
	var out []*networkingv1.NetworkPolicy
	for _, p := range fixes.Objects[*networkingv1.NetworkPolicy](draft.Inventory, "shop") {
		if inv.Get(fixes.RefOf(p)) == nil {
			out = append(out, p)
		}
	}
	return out
}

// allowances counts the rules that the draft adds for a pod.
func allowances(t *testing.T, inv *fixes.Inventory, draft *fixes.Draft, direction networkingv1.PolicyType, pod labels.Set) int {
	t.Helper()
	n := 0
	for _, p := range created(t, inv, draft) {
		selector, err := metav1.LabelSelectorAsSelector(&p.Spec.PodSelector)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case !selector.Matches(pod):
		case direction == networkingv1.PolicyTypeIngress:
			n += len(p.Spec.Ingress)
		default:
			n += len(p.Spec.Egress)
		}
	}
	return n
}

// podLabels returns all labels that a pod has in these tests: three keys, each
// absent or of two values.
func podLabels() []labels.Set {
	all := []labels.Set{{}}
	for _, key := range []string{"a", "b", "c"} {
		for _, pod := range all {
			for _, value := range []string{"x", "y"} {
				with := labels.Set{key: value}
				maps.Copy(with, pod)
				all = append(all, with)
			}
		}
	}
	return all
}

func randomSelector(rng *rand.Rand) metav1.LabelSelector {
	var s metav1.LabelSelector
	for _, key := range []string{"a", "b", "c"} {
		switch rng.IntN(7) {
		case 0:
			s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: key, Operator: metav1.LabelSelectorOpExists})
		case 1:
			s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: key, Operator: metav1.LabelSelectorOpDoesNotExist})
		case 2:
			s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: key, Operator: metav1.LabelSelectorOpNotIn, Values: []string{"y"}})
		case 3:
			s.MatchExpressions = append(s.MatchExpressions, metav1.LabelSelectorRequirement{Key: key, Operator: metav1.LabelSelectorOpIn, Values: []string{"y", "x"}})
		case 4:
			metav1.AddLabelToSelector(&s, key, "x")
		}
	}
	return s
}

func namespaceObject(name string) *corev1.Namespace {
	ns := &corev1.Namespace{}
	ns.Name = name
	return ns
}

func BenchmarkRules(b *testing.B) {
	inv := fixestest.Load(b, "")
	for n := range 100 {
		for i := range 50 {
			d := &appsv1.Deployment{}
			d.Namespace, d.Name = fmt.Sprintf("ns%d", n), fmt.Sprintf("w%d", i)
			d.UID = types.UID(d.Namespace + d.Name)
			d.Spec.Template.Labels = labels.Set{"app": d.Name}
			d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "c", Image: "x", Env: []corev1.EnvVar{
				{Name: "DATABASE_URL", Value: "postgres://u:p@db.data.svc:5432/x"}, {Name: "LOG_LEVEL", Value: "info"},
				{Name: "API", Value: "https://api.example.com"}, {Name: "MODE", Value: "production"},
			}}}
			inv.Add(d)
			for r := range 2 {
				p := &corev1.Pod{Spec: d.Spec.Template.Spec}
				p.Namespace, p.Name = d.Namespace, fmt.Sprintf("%s-%d", d.Name, r)
				p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))}
				inv.Add(p)
			}
		}
		svc := &corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Selector: labels.Set{"app": "w1"}}}
		svc.Namespace, svc.Name = fmt.Sprintf("ns%d", n), "web"
		inv.Add(svc)
	}
	inv.Live = true
	for b.Loop() {
		if got := len(fixes.Scan(inv, Rules()).Findings); got != 200 { // each namespace, and its Service
			b.Fatal(got)
		}
	}
}
