package source

import (
	"reflect"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// slimmer drops from a cluster's objects what no rule reads, and lets pods of
// one template share what they have in common. A cluster's pods are by far the
// most of it; without this they take several times the memory.
//
// It touches only objects that something controls: fixes are never made there,
// so nothing that is dropped can end up in a patch.
type slimmer struct {
	// templates holds a pod's containers for each controller.
	templates map[types.UID][]corev1.Container
}

func (s *slimmer) slim(obj fixes.Object) {
	obj.SetManagedFields(nil) // often half of an object
	fixes.SetOrigin(obj, "")
	owner := metav1.GetControllerOfNoCopy(obj)
	if owner == nil {
		return
	}
	switch o := obj.(type) {
	case *appsv1.ReplicaSet:
		// Its Deployment's template counts, and its pods' specs.
		o.Spec.Template = corev1.PodTemplateSpec{}
		o.Annotations, o.Status = nil, appsv1.ReplicaSetStatus{}
	case *corev1.Pod:
		s.slimPod(o, owner.UID)
	}
}

// tokenVolume begins the name of the volume that the API server adds to a pod
// for its token; the rest of the name is random.
const tokenVolume = "kube-api-access-"

func (s *slimmer) slimPod(pod *corev1.Pod, owner types.UID) {
	spec, status := &pod.Spec, &pod.Status
	spec.Tolerations = nil
	spec.Volumes = slices.DeleteFunc(spec.Volumes, func(v corev1.Volume) bool { return strings.HasPrefix(v.Name, tokenVolume) })
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			c := &list[i]
			c.VolumeMounts = slices.DeleteFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return strings.HasPrefix(m.Name, tokenVolume) })
			c.Env = nil // a credential in it stands in the template too, where it is found
		}
	}
	status.Conditions, status.HostIPs, status.PodIPs = nil, nil, nil
	if s.templates == nil {
		s.templates = map[types.UID][]corev1.Container{}
	}
	if shared, ok := s.templates[owner]; ok && reflect.DeepEqual(shared, spec.Containers) {
		spec.Containers = shared
		return
	}
	s.templates[owner] = spec.Containers
}
