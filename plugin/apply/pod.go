package apply

import (
	"context"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// checkPod asks the server whether it would take a pod of a changed template.
// The dry run of a Deployment passes by what judges pods only: Pod Security
// Admission, quotas, LimitRanges and pod webhooks; without this, they would
// refuse the new pods once the old template is gone.
//
// It returns a warning instead of an error where the user may not create pods
// and so cannot ask.
func (a *Applier) checkPod(ctx context.Context, c *fixes.Change) (warning string, err error) {
	pod := podOf(c.After)
	if pod == nil || !c.Restarts() {
		return "", nil
	}
	_, err = a.Client.Create(ctx, pod, client.WriteOptions{FieldManager: a.FieldManager, DryRun: true})
	if apierrors.IsForbidden(err) && strings.Contains(err.Error(), `cannot create resource "pods"`) {
		return "whether its new pods would be admitted could not be asked: you may not create pods", nil
	}
	return "", err
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
		// The controller adds a volume for each claim; what it holds matters not.
		for _, claim := range set.Spec.VolumeClaimTemplates {
			pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{
				Name: claim.Name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}},
			})
		}
	}
	return pod
}
