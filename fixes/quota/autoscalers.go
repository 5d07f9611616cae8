package quota

import (
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// autoscalers are what changes the number of pods of a workload, or what they
// request.
type autoscalers struct {
	horizontal map[fixes.Ref][]*autoscalingv2.HorizontalPodAutoscaler
	vertical   map[fixes.Ref][]*fixes.VPA
}

func autoscalersOf(inv *fixes.Inventory, namespace string) autoscalers {
	a := autoscalers{map[fixes.Ref][]*autoscalingv2.HorizontalPodAutoscaler{}, map[fixes.Ref][]*fixes.VPA{}}
	for _, hpa := range fixes.Objects[*autoscalingv2.HorizontalPodAutoscaler](inv, namespace) {
		if ref, ok := target(hpa.Spec.ScaleTargetRef, namespace); ok {
			a.horizontal[ref] = append(a.horizontal[ref], hpa)
		}
	}
	for _, c := range fixes.Customs(inv, fixes.KindVPA, namespace) {
		vpa, ok := fixes.AsVPA(c)
		if !ok || vpa.Spec.TargetRef == nil || c.GetNamespace() != namespace {
			continue
		}
		if ref, ok := target(*vpa.Spec.TargetRef, namespace); ok {
			a.vertical[ref] = append(a.vertical[ref], vpa)
		}
	}
	return a
}

func target(t autoscalingv2.CrossVersionObjectReference, namespace string) (fixes.Ref, bool) {
	gv, err := schema.ParseGroupVersion(t.APIVersion)
	if err != nil {
		return fixes.Ref{}, false
	}
	kind, ok := fixes.LookupKind(schema.GroupKind{Group: gv.Group, Kind: t.Kind})
	return fixes.Ref{Kind: kind, Namespace: namespace, Name: t.Name}, ok
}

// maximum returns the most replicas to which autoscalers may bring a workload,
// or 0.
func (a autoscalers) maximum(w fixes.Ref) int64 {
	most := int64(0)
	for _, hpa := range a.horizontal[w] {
		most = max(most, int64(hpa.Spec.MaxReplicas))
	}
	return most
}

// scalesBy returns the autoscaler that changes the number of a workload's pods
// by how much of what a container requests is used, or nil.
func (a autoscalers) scalesBy(w fixes.Ref, container string, r corev1.ResourceName) *autoscalingv2.HorizontalPodAutoscaler {
	for _, hpa := range a.horizontal[w] {
		byShare := func(t autoscalingv2.MetricTarget, of corev1.ResourceName) bool {
			return of == r && t.Type == autoscalingv2.UtilizationMetricType
		}
		if slices.ContainsFunc(hpa.Spec.Metrics, func(m autoscalingv2.MetricSpec) bool {
			switch {
			case m.Resource != nil:
				return byShare(m.Resource.Target, m.Resource.Name)
			case m.ContainerResource != nil:
				return m.ContainerResource.Container == container && byShare(m.ContainerResource.Target, m.ContainerResource.Name)
			}
			return false
		}) {
			return hpa
		}
		if len(hpa.Spec.Metrics) == 0 && r == corev1.ResourceCPU {
			return hpa // the API's default: 80% of the cpu
		}
	}
	return nil
}

// sets returns the vertical autoscaler that itself sets what a container
// requests of a resource, or nil.
func (a autoscalers) sets(w fixes.Ref, container string, r corev1.ResourceName) *fixes.VPA {
	for _, vpa := range a.vertical[w] {
		if vpa.Sets(container, r) {
			return vpa
		}
	}
	return nil
}

// recommended returns what a vertical autoscaler recommends for a container.
func (a autoscalers) recommended(w fixes.Ref, container string) (fixes.VPARecommendation, *fixes.VPA) {
	for _, vpa := range a.vertical[w] {
		if rec, ok := vpa.Recommended(container); ok {
			return rec, vpa
		}
	}
	return fixes.VPARecommendation{}, nil
}

// raised returns a pod's spec with the most that vertical autoscalers now
// expect its containers to need, and the autoscalers that may change it.
func (a autoscalers) raised(w fixes.Workload) (*corev1.PodSpec, []string) {
	if len(a.vertical[w.Ref()]) == 0 {
		return w.Spec, nil
	}
	spec := w.Spec.DeepCopy()
	var by []string
	for i := range spec.Containers {
		c := &spec.Containers[i]
		for _, r := range requested() {
			vpa := a.sets(w.Ref(), c.Name, r)
			if vpa == nil {
				continue
			}
			if name := "VerticalPodAutoscaler " + vpa.Name; !slices.Contains(by, name) {
				by = append(by, name)
			}
			rec, _ := vpa.Recommended(c.Name)
			if q, ok := rec.UpperBound[r]; ok {
				if had, named := names(c, r); !named || q.Cmp(had) > 0 {
					if c.Resources.Requests == nil {
						c.Resources.Requests = corev1.ResourceList{}
					}
					c.Resources.Requests[r] = q
				}
			}
		}
	}
	return spec, by
}
