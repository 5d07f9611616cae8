package fixes

import (
	"slices"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// VPA is a VerticalPodAutoscaler, as far as rules look at it
// (github.com/kubernetes/autoscaler, vertical-pod-autoscaler/pkg/apis/autoscaling.k8s.io/v1).
type VPA struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              VPASpec   `json:"spec"`
	Status            VPAStatus `json:"status,omitzero"`
}

// AsVPA reads an object of [KindVPA]. One that its types do not fit is none.
func AsVPA(c *Custom) (*VPA, bool) { return As[VPA](c) }

// VPASpec is what a VPA is to do.
type VPASpec struct {
	TargetRef    *autoscalingv2.CrossVersionObjectReference `json:"targetRef,omitempty"`
	UpdatePolicy struct {
		// UpdateMode is Off, Initial, Recreate, InPlaceOrRecreate or Auto, which an
		// empty one means.
		UpdateMode string `json:"updateMode,omitempty"`
	} `json:"updatePolicy,omitzero"`
	ResourcePolicy struct {
		ContainerPolicies []VPAContainerPolicy `json:"containerPolicies,omitempty"`
	} `json:"resourcePolicy,omitzero"`
}

// VPAContainerPolicy is what a VPA is to do with one container.
type VPAContainerPolicy struct {
	// ContainerName is "*" for all that have no policy of their own.
	ContainerName string `json:"containerName,omitempty"`
	// Mode is Auto, which an empty one means, or Off.
	Mode string `json:"mode,omitempty"`
	// MaxAllowed bounds what is recommended.
	MaxAllowed corev1.ResourceList `json:"maxAllowed,omitempty"`
	// ControlledResources are cpu and memory where it is nil.
	ControlledResources []corev1.ResourceName `json:"controlledResources,omitempty"`
}

// VPAStatus is what a VPA has come to.
type VPAStatus struct {
	Recommendation struct {
		ContainerRecommendations []VPARecommendation `json:"containerRecommendations,omitempty"`
	} `json:"recommendation,omitzero"`
}

// VPARecommendation is what a VPA recommends that a container requests.
type VPARecommendation struct {
	ContainerName string              `json:"containerName,omitempty"`
	Target        corev1.ResourceList `json:"target"`
	UpperBound    corev1.ResourceList `json:"upperBound,omitempty"`
}

// Sets reports whether the VPA itself sets what a container requests of a
// resource, so that a request in the pod template is only a first guess.
func (v *VPA) Sets(container string, r corev1.ResourceName) bool {
	if v.Spec.UpdatePolicy.UpdateMode == "Off" {
		return false
	}
	policy := v.policy(container)
	if policy.Mode == "Off" {
		return false
	}
	if policy.ControlledResources == nil {
		return r == corev1.ResourceCPU || r == corev1.ResourceMemory
	}
	return slices.Contains(policy.ControlledResources, r)
}

// Recommended returns what the VPA recommends for a container, if anything.
func (v *VPA) Recommended(container string) (VPARecommendation, bool) {
	for _, rec := range v.Status.Recommendation.ContainerRecommendations {
		if rec.ContainerName == container {
			return rec, true
		}
	}
	return VPARecommendation{}, false
}

func (v *VPA) policy(container string) VPAContainerPolicy {
	var others VPAContainerPolicy
	for _, p := range v.Spec.ResourcePolicy.ContainerPolicies {
		switch p.ContainerName {
		case container:
			return p
		case "*":
			others = p
		}
	}
	return others
}
