package quota

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// bound is one resource that a namespace's quotas should bound.
type bound struct {
	name corev1.ResourceName
	// word is what people call it.
	word string
	// also are other names under which a quota bounds it: a quota of limits
	// bounds the requests too, which are never above them.
	also []corev1.ResourceName
	// compute tells what pods ask for from objects that are counted.
	compute bool
	// kind is what has to be counted, count how many there are, and spare how many
	// more there may be at the least.
	kind  fixes.Kind
	count func(namespace) int64
	spare int64
}

// bounds lists what quotas should bound.
func bounds() []bound {
	return []bound{
		{name: corev1.ResourceRequestsCPU, word: "cpu", also: []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceLimitsCPU}, compute: true},
		{name: corev1.ResourceRequestsMemory, word: "memory", also: []corev1.ResourceName{corev1.ResourceMemory, corev1.ResourceLimitsMemory}, compute: true},
		{name: corev1.ResourcePods, word: "pods", also: []corev1.ResourceName{"count/pods"}, compute: true},
		{name: corev1.ResourceRequestsEphemeralStorage, word: "ephemeral storage",
			also: []corev1.ResourceName{corev1.ResourceEphemeralStorage, corev1.ResourceLimitsEphemeralStorage}},
		{name: corev1.ResourceSecrets, word: "Secrets", also: []corev1.ResourceName{"count/secrets"}, kind: fixes.KindSecret, count: namespace.secrets, spare: 20},
		{name: corev1.ResourceServicesLoadBalancers, word: "load balancers", kind: fixes.KindService, count: namespace.loadBalancers, spare: 2},
		{name: corev1.ResourceServicesNodePorts, word: "node ports", kind: fixes.KindService, count: namespace.nodePorts, spare: 10},
	}
}

// quotas returns the quotas that bound the whole namespace. One with a scope (a
// PriorityClass, Terminating …) bounds some pods only.
func (n namespace) quotas() []*corev1.ResourceQuota {
	return slices.DeleteFunc(fixes.Objects[*corev1.ResourceQuota](n.inv, n.name), func(q *corev1.ResourceQuota) bool {
		return len(q.Spec.Scopes) > 0 || q.Spec.ScopeSelector != nil
	})
}

// unbounded returns what no quota bounds, of what can be counted.
func (n namespace) unbounded() []bound {
	quotas := n.quotas()
	return slices.DeleteFunc(bounds(), func(b bound) bool {
		if b.count != nil && !n.inv.Covers(b.kind, n.name) {
			return true
		}
		return slices.ContainsFunc(quotas, func(q *corev1.ResourceQuota) bool {
			return slices.ContainsFunc(append(b.also, b.name), func(r corev1.ResourceName) bool {
				_, ok := q.Spec.Hard[r]
				return ok
			})
		})
	})
}

// hard returns the quota's values of the given bounds.
func (n namespace) hard(of []bound, size amount) corev1.ResourceList {
	sizes, out := size.list(), corev1.ResourceList{}
	for _, b := range of {
		if b.count == nil {
			out[b.name] = sizes[b.name]
			continue
		}
		there := b.count(n)
		out[b.name] = *resource.NewQuantity(there+max((there+1)/2, b.spare), resource.DecimalSI)
	}
	return out
}

// helmHistory is the number of revisions that Helm keeps of a release, each in
// a Secret (helm upgrade --history-max).
const helmHistory = 10

// secrets counts Secrets, and for each Helm release those that it may come to.
func (n namespace) secrets() int64 {
	total, releases := int64(0), map[string]int64{}
	for _, s := range fixes.Objects[*corev1.Secret](n.inv, n.name) {
		if s.Type == "helm.sh/release.v1" {
			name := s.Name
			if at := strings.LastIndex(name, ".v"); at > 0 {
				name = name[:at]
			}
			releases[name]++
		} else {
			total++
		}
	}
	for _, revisions := range releases {
		total += max(revisions, helmHistory)
	}
	return total
}

func (n namespace) loadBalancers() int64 {
	total := int64(0)
	for _, s := range fixes.Objects[*corev1.Service](n.inv, n.name) {
		if s.Spec.Type == corev1.ServiceTypeLoadBalancer {
			total++
		}
	}
	return total
}

// nodePorts counts ports as the quota does (pkg/quota/v1/evaluator/core,
// services.go): those of a load balancer too, unless it gets none.
func (n namespace) nodePorts() int64 {
	total := int64(0)
	for _, s := range fixes.Objects[*corev1.Service](n.inv, n.name) {
		allocated := s.Spec.AllocateLoadBalancerNodePorts
		for _, port := range s.Spec.Ports {
			switch s.Spec.Type {
			case corev1.ServiceTypeNodePort:
				total++
			case corev1.ServiceTypeLoadBalancer:
				if allocated == nil || *allocated || port.NodePort != 0 {
					total++
				}
			}
		}
	}
	return total
}
