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
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
)

// slimmer drops from a cluster's objects what no rule reads, and lets pods of
// one template share what they have in common. A cluster's pods are by far the
// most of it; without this they take several times the memory.
//
// It touches only objects that something controls: fixes are never made there,
// so nothing that is dropped can end up in a patch. Old ReplicaSets that a fix
// may delete stay whole, since an undo creates them again.
type slimmer struct {
	// templates holds a pod's containers for each controller.
	templates map[types.UID][]corev1.Container
	// revisions holds the containers of the old ReplicaSet of a Deployment that
	// came last.
	revisions map[types.UID][]corev1.Container
}

func (s *slimmer) slim(obj fixes.Object) {
	obj.SetManagedFields(lastWritten(obj)) // often half of an object
	fixes.SetOrigin(obj, "")
	owner := metav1.GetControllerOfNoCopy(obj)
	if owner == nil {
		return
	}
	switch o := obj.(type) {
	case *appsv1.ReplicaSet:
		if isOld(o, owner) && secrets.PlainInPod(&o.Spec.Template.Spec) {
			s.shareRevision(o, owner.UID)
			return
		}
		// Its Deployment's template counts, and its pods' specs.
		o.Spec.Template = corev1.PodTemplateSpec{}
		o.Annotations, o.Status = nil, appsv1.ReplicaSetStatus{}
	case *corev1.Pod:
		if owner.Kind != fixes.KindNode.Name { // a static pod has no template: it is what is judged
			s.slimPod(o, owner.UID)
		}
	case *fixes.Custom:
		if kind, _ := fixes.KindOf(o); kind == fixes.KindKnativeRevision { // only on the way from a pod to its Service
			delete(o.Object, "spec")
			delete(o.Object, "status")
		}
	}
}

// lastWritten returns of a Secret's managedFields when it was last written, by
// which its age is judged, and nothing of other objects.
func lastWritten(obj fixes.Object) []metav1.ManagedFieldsEntry {
	if _, ok := obj.(*corev1.Secret); !ok {
		return nil
	}
	var last *metav1.Time
	for _, m := range obj.GetManagedFields() {
		if m.Time != nil && (last == nil || last.Before(m.Time)) {
			last = m.Time
		}
	}
	if last == nil {
		return nil
	}
	return []metav1.ManagedFieldsEntry{{Time: last}}
}

// isOld reports whether a ReplicaSet is, or may be, one that its Deployment only
// keeps to go back to.
func isOld(rs *appsv1.ReplicaSet, owner *metav1.OwnerReference) bool {
	return owner.Kind == fixes.KindDeployment.Name && rs.Spec.Replicas != nil && *rs.Spec.Replicas == 0
}

// shareRevision keeps an old ReplicaSet as it is: a credential stands in it, so
// that it may be deleted, and created again. Revisions of one Deployment mostly
// differ in the image alone, and share the rest.
func (s *slimmer) shareRevision(rs *appsv1.ReplicaSet, owner types.UID) {
	containers := rs.Spec.Template.Spec.Containers
	if s.revisions == nil {
		s.revisions = map[types.UID][]corev1.Container{}
	}
	for i, last := range s.revisions[owner] {
		if i == len(containers) {
			break
		}
		c := &containers[i]
		share(&c.Env, last.Env)
		share(&c.EnvFrom, last.EnvFrom)
		share(&c.Command, last.Command)
		share(&c.Args, last.Args)
		share(&c.Ports, last.Ports)
		share(&c.VolumeMounts, last.VolumeMounts)
		share(&c.Resources, last.Resources)
		share(&c.LivenessProbe, last.LivenessProbe)
		share(&c.ReadinessProbe, last.ReadinessProbe)
		share(&c.SecurityContext, last.SecurityContext)
	}
	s.revisions[owner] = containers
}

// share makes two equal values one, in memory.
func share[T any](v *T, with T) {
	if reflect.DeepEqual(*v, with) {
		*v = with
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
			// A credential in it stands in the template too, where it is found. What
			// it refers to may have another template already, or none that is seen.
			c.Env = slices.DeleteFunc(c.Env, func(e corev1.EnvVar) bool { return e.ValueFrom == nil || e.ValueFrom.SecretKeyRef == nil })
		}
	}
	status.Conditions, status.HostIPs = nil, nil
	if len(status.PodIPs) < 2 { // the one that is there is in podIP too
		status.PodIPs = nil
	}
	if s.templates == nil {
		s.templates = map[types.UID][]corev1.Container{}
	}
	if shared, ok := s.templates[owner]; ok && reflect.DeepEqual(shared, spec.Containers) {
		spec.Containers = shared
		return
	}
	s.templates[owner] = spec.Containers
}
