package apply

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// checkPod asks the server whether it would take a pod of a changed template.
// The dry run of a Deployment passes by what judges pods only: Pod Security
// Admission, quotas, LimitRanges and pod webhooks; without this, they would
// refuse the new pods once the old template is gone.
//
// It returns a warning instead of an error where the user may not create pods
// and so cannot ask, and where the workload's pods are refused as they are now:
// what does not run cannot be broken, and would hold up all the rest.
func (a *Applier) checkPod(ctx context.Context, plan *fixes.Plan, c *fixes.Change) (warning string, err error) {
	pod := podOf(c.After)
	if pod == nil || !c.Restarts() {
		return "", nil
	}
	if makes(plan, fixes.Ref{Kind: fixes.KindServiceAccount, Namespace: pod.Namespace, Name: pod.Spec.ServiceAccountName}) {
		// The server refuses a pod whose account is not there yet. All else is judged
		// with the account that it has now.
		pod.Spec.ServiceAccountName = podOf(c.Before).Spec.ServiceAccountName
	}
	opts := client.WriteOptions{FieldManager: a.Settings.FieldManager, DryRun: true}
	_, err = a.Client.Create(ctx, pod, opts)
	if apierrors.IsForbidden(err) && strings.Contains(err.Error(), `cannot create resource "pods"`) {
		return "whether its new pods would be admitted could not be asked: you may not create pods", nil
	}
	if err == nil || c.Action != fixes.Patch || runs(c.Before) {
		return "", err
	}
	if _, before := a.Client.Create(ctx, podOf(c.Before), opts); before == nil || apierrors.ReasonForError(before) != apierrors.ReasonForError(err) {
		return "", err
	}
	return "its pods are refused now already, whatever the change: " + a.clean(c, err.Error()), nil
}

// makes reports whether a plan creates an object.
func makes(plan *fixes.Plan, ref fixes.Ref) bool {
	return slices.ContainsFunc(plan.Changes, func(c fixes.Change) bool { return c.Action == fixes.Create && c.Object == ref })
}

// runs reports whether any pod of a workload was ready when it was looked at.
func runs(obj fixes.Object) bool {
	switch o := obj.(type) {
	case *appsv1.Deployment:
		return o.Status.ReadyReplicas > 0
	case *appsv1.StatefulSet:
		return o.Status.ReadyReplicas > 0
	case *appsv1.DaemonSet:
		return o.Status.NumberReady > 0
	}
	return true // not known
}

// podOf returns a pod as a controller would make it from its template, or nil
// for what has none.
func podOf(obj fixes.Object) *corev1.Pod {
	w, ok := fixes.AsWorkload(obj)
	if !ok {
		return nil
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: "kubectl-harden-check-", Namespace: obj.GetNamespace(),
			Labels: w.Meta.Labels, Annotations: w.Meta.Annotations,
		},
		Spec: *w.Spec.DeepCopy(),
	}
	if set, ok := obj.(*appsv1.StatefulSet); ok {
		// Programs tell by their host's name which of the set's pods they are.
		if name := set.Name + "-0"; len(name) <= validation.DNS1123LabelMaxLength && pod.Spec.Hostname == "" {
			pod.Spec.Hostname = name
		}
	}
	// The controller adds a volume for each claim, in the place of any of that
	// name; what it holds matters not.
	for _, claim := range claims(obj) {
		pod.Spec.Volumes = slices.DeleteFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == claim })
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{
			Name: claim, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
		})
	}
	for i := range pod.Spec.Containers { // Knative names a container that has no name
		pod.Spec.Containers[i].Name = cmp.Or(pod.Spec.Containers[i].Name, fmt.Sprintf("user-container-%d", i))
	}
	return pod
}

// claims names the volume claims that each pod of a workload gets of its own.
func claims(obj fixes.Object) []string {
	var names []string
	switch o := obj.(type) {
	case *appsv1.StatefulSet:
		for _, claim := range o.Spec.VolumeClaimTemplates {
			names = append(names, claim.Name)
		}
	case *fixes.Custom: // OpenKruise's have them too
		list, _, _ := unstructured.NestedSlice(o.Object, "spec", "volumeClaimTemplates")
		for _, claim := range list {
			claim, _ := claim.(map[string]any)
			name, _, _ := unstructured.NestedString(claim, "metadata", "name")
			names = append(names, name)
		}
	}
	return names
}
