package fixes

import (
	"encoding/json"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AllowRecreate lets fixes of pods that nothing controls and of Jobs, which in
// a running cluster cannot be changed in place, delete them and create them
// anew, where the function says so. It has no say over what would not come
// back as it was: static pods, what has finished, what is being deleted. It is
// to be called before the scan.
func (inv *Inventory) AllowRecreate(match func(Ref) bool) { inv.recreate = match }

func (inv *Inventory) mayRecreate(obj Object) bool {
	if inv.base != nil {
		return inv.base.mayRecreate(obj)
	}
	return inv.recreate != nil && obj.GetDeletionTimestamp() == nil && inv.recreate(RefOf(obj))
}

func immutableTemplate(k Kind) bool { return k == KindPod || k == KindJob }

// isStatic reports whether a kubelet runs a pod from a file: the pod is owned
// by the node then, and marked by the kubelet.
func isStatic(obj Object, owner *Owner) bool {
	_, mirror := obj.GetAnnotations()[corev1.MirrorPodAnnotationKey]
	return mirror || owner != nil && owner.Kind == KindNode.Name
}

// recreates lowers the confidence of a fix whose object is to be created anew.
func (f *Fix) recreates(kind Kind, manager string) {
	why := "the pod is deleted and created anew: nothing brings it back if it is refused then, and it is away for as long as it takes to start"
	if kind == KindJob {
		why = "the Job and its pods are deleted, and it is created anew: nothing brings it back if it is refused then, and its work begins from the start"
	}
	if f.Confidence <= Review {
		why = f.Why + "; and " + why
	}
	if manager != "" {
		why += "; and " + mayPutBack(manager)
	}
	f.Confidence, f.Why = Review, why
}

// recreateSteps say how a pod or a Job that may not be recreated is fixed.
func recreateSteps(ref Ref) string {
	name := ref.KubectlArgs()
	return strings.Join([]string{
		"Have it deleted and created anew, when its downtime is acceptable:",
		"  kubectl harden --fix --confidence=review --recreate " + name,
		"Or by hand:",
		"  kubectl get " + name + " -o yaml > object.yaml",
		"  kubectl harden -f object.yaml --fix --dry-run --confidence=review -o yaml > fixed.yaml",
		"  kubectl replace --force -f fixed.yaml",
		"Then check: kubectl harden -n " + ref.Namespace,
	}, "\n")
}

// Recreated returns a copy of an object as a manifest that the API server
// takes on create: without status, uid and what else the server keeps, and
// without what it, the scheduler and admission put into a pod or a Job by
// themselves, and would refuse, or put there again, the next time.
//
// What admission gave the pod by a LimitRange, a ServiceAccount or a webhook
// stays: it cannot be told from what the author wrote. So does the node of a
// pod without a uid, which comes from a manifest.
func Recreated(obj Object) Object {
	out := obj.DeepCopyObject().(Object)
	out.SetUID("")
	out.SetResourceVersion("")
	out.SetGeneration(0)
	out.SetCreationTimestamp(metav1.Time{})
	out.SetDeletionTimestamp(nil)
	out.SetDeletionGracePeriodSeconds(nil)
	out.SetManagedFields(nil)
	switch o := out.(type) {
	case *corev1.Pod:
		o.Status = corev1.PodStatus{}
		if obj.GetUID() != "" && !pinned(obj) {
			o.Spec.NodeName = ""
		}
		cleanPod(&o.Spec)
	case *batchv1.Job:
		o.Status = batchv1.JobStatus{}
		cleanJob(o)
	}
	return out
}

// cleanPod drops what admission computes: ephemeral containers cannot be
// created with a pod, and priority, preemption policy and overhead are refused
// when they differ from what their classes say now. The volume of the
// ServiceAccount's token comes back where the token is still wanted.
func cleanPod(spec *corev1.PodSpec) {
	spec.EphemeralContainers = nil
	spec.Priority, spec.PreemptionPolicy, spec.Overhead = nil, nil, nil
	token := map[string]bool{}
	spec.Volumes = slices.DeleteFunc(spec.Volumes, func(v corev1.Volume) bool {
		token[v.Name] = isTokenVolume(v)
		return token[v.Name]
	})
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			list[i].VolumeMounts = slices.DeleteFunc(list[i].VolumeMounts, func(m corev1.VolumeMount) bool { return token[m.Name] })
		}
	}
}

// isTokenVolume reports whether ServiceAccount admission added a volume; the
// rest of its name is random (serviceaccount/admission.go, ServiceAccountVolumeName).
func isTokenVolume(v corev1.Volume) bool {
	return strings.HasPrefix(v.Name, "kube-api-access-") && v.Projected != nil &&
		slices.ContainsFunc(v.Projected.Sources, func(s corev1.VolumeProjection) bool { return s.ServiceAccountToken != nil })
}

// jobLabels are those by which a Job finds its pods; the server generates them
// and the selector, unless manualSelector is set, and refuses those of another
// Job (registry/batch/job/strategy.go, generateSelector).
var jobLabels = []string{
	batchv1.ControllerUidLabel, batchv1.JobNameLabel, "controller-uid", "job-name",
}

// cleanJob drops what the server generates. The Job's own labels are copied
// from its template's where it has none, and may hold them too.
func cleanJob(job *batchv1.Job) {
	delete(job.Annotations, "batch.kubernetes.io/job-tracking") // set by servers before 1.27
	if job.Spec.ManualSelector != nil && *job.Spec.ManualSelector {
		return
	}
	job.Spec.Selector = nil
	for _, labels := range []map[string]string{job.Labels, job.Spec.Template.Labels} {
		for _, name := range jobLabels {
			delete(labels, name)
		}
	}
}

// pinned reports whether a pod's author chose its node, as far as can be told:
// the scheduler's choice is in nobody's managedFields, since a binding does
// not pass through them.
func pinned(obj Object) bool {
	var applied struct{ Spec struct{ NodeName string } }
	text := obj.GetAnnotations()[corev1.LastAppliedConfigAnnotation]
	if err := json.Unmarshal([]byte(text), &applied); err == nil && applied.Spec.NodeName != "" {
		return true
	}
	return slices.ContainsFunc(fieldOwners(obj, "spec.nodeName"), func(e metav1.ManagedFieldsEntry) bool { return e.Subresource == "" })
}
