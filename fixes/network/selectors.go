package network

import (
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
)

// fleeting are labels that another rollout or another version changes.
var fleeting = []string{"pod-template-hash", "controller-revision-hash", "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index",
	"helm.sh/chart", "app.kubernetes.io/version", "batch.kubernetes.io/controller-uid", "controller-uid", "pod-template-generation", "chart", "version", "heritage"}

// selectors are those of the pods of workloads, each chosen when it is first
// asked for. They are kept with an inventory, since no decision changes them.
type selectors struct {
	graph  *connections.Graph
	mu     sync.Mutex
	chosen map[fixes.Ref]metav1.LabelSelector
}

func selectorsOf(inv *fixes.Inventory) *selectors {
	return fixes.Memo(inv, connections.Kinds(), func(inv *fixes.Inventory) *selectors {
		return &selectors{graph: connections.Told(inv), chosen: map[fixes.Ref]metav1.LabelSelector{}}
	})
}

// of returns a selector of a workload's pods, as a copy of the caller's own; see
// choose.
func (s *selectors) of(w fixes.Workload) metav1.LabelSelector {
	s.mu.Lock()
	defer s.mu.Unlock()
	chosen, ok := s.chosen[w.Ref()]
	if !ok {
		chosen = s.choose(w)
		s.chosen[w.Ref()] = chosen
	}
	return *chosen.DeepCopy()
}

// choose returns a selector of a workload's pods, and as far as labels tell
// them apart, of no others: what its controller selects them by, which does not
// change, or else their labels.
func (s *selectors) choose(w fixes.Workload) metav1.LabelSelector {
	if own := w.Selector(); own != nil && s.exact(*own, w) {
		return *own.DeepCopy()
	}
	set := map[string]string{}
	for key, value := range w.Meta.Labels {
		if !slices.Contains(fleeting, key) {
			set[key] = value
		}
	}
	if len(set) > 0 {
		return metav1.LabelSelector{MatchLabels: set}
	}
	// Without labels it is told by those that all others have.
	var out metav1.LabelSelector
	for _, other := range s.graph.In(w.Object.GetNamespace()) {
		if other.Same(w) {
			continue
		}
		for _, key := range sortedKeys(other.Meta.Labels) {
			r := metav1.LabelSelectorRequirement{Key: key, Operator: metav1.LabelSelectorOpDoesNotExist}
			if !slices.Contains(fleeting, key) && !has(out.MatchExpressions, r) {
				out.MatchExpressions = append(out.MatchExpressions, r)
				break
			}
		}
	}
	return out
}

func sortedKeys(set map[string]string) []string {
	var keys []string
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// exact reports whether a selector selects no other workload's pods.
func (s *selectors) exact(selector metav1.LabelSelector, w fixes.Workload) bool {
	matches, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(s.graph.In(w.Object.GetNamespace()), func(o fixes.Workload) bool {
		return !o.Same(w) && matches.Matches(labels.Set(o.Meta.Labels))
	})
}
