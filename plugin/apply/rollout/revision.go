package rollout

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// kindRevision is what a StatefulSet or a DaemonSet keeps its templates in.
var kindRevision = fixes.Kind{Group: "apps", Version: "v1", Name: "ControllerRevision", Resource: "controllerrevisions", Namespaced: true}

// findPods finds the pods of the new template, which are the only ones that
// can make its rollout fail. The controller has taken up the template.
func (s *subject) findPods(ctx context.Context, now *sight) error {
	var isNew func(*corev1.Pod) bool
	switch o := now.object.(type) {
	case *corev1.Pod:
		now.pods, now.seesPods, now.maker = []*corev1.Pod{o}, true, o
		return nil
	case *appsv1.Deployment:
		set, err := s.replicaSet(ctx, o)
		if err != nil {
			return now.note("its ReplicaSets", err)
		}
		if set == nil {
			return nil
		}
		now.maker = set
		isNew = func(pod *corev1.Pod) bool { return controls(set.UID, pod) }
	case *appsv1.StatefulSet:
		now.maker = o
		isNew = func(pod *corev1.Pod) bool {
			return controls(o.UID, pod) && pod.Labels[appsv1.StatefulSetRevisionLabel] == o.Status.UpdateRevision
		}
	case *appsv1.DaemonSet:
		now.maker = o
		hash, err := s.daemonHash(ctx, o)
		if err != nil {
			if err := now.note("its ControllerRevisions", err); err != nil {
				return err
			}
		}
		// As the controller does; the generation is a label from before there were
		// revisions.
		isNew = func(pod *corev1.Pod) bool {
			return controls(o.UID, pod) && (same(pod.Labels[appsv1.DefaultDaemonSetUniqueLabelKey], hash) ||
				same(pod.Labels["pod-template-generation"], o.Annotations[appsv1.DeprecatedTemplateGeneration]))
		}
	case *fixes.Custom:
		now.maker = o
		trail := trails[s.ref.Kind]
		isNew = func(pod *corev1.Pod) bool { return trail.has(o, pod) }
	default:
		now.maker = o
		isNew = func(pod *corev1.Pod) bool { return controls(o.GetUID(), pod) }
	}
	pods, err := s.podsOf(ctx, now.object)
	if err != nil {
		return now.note("its pods", err)
	}
	now.seesPods = true
	for _, pod := range pods {
		switch {
		case pod.DeletionTimestamp != nil:
			now.leaving = append(now.leaving, pod)
		case isNew(pod):
			now.pods = append(now.pods, pod)
		default:
			now.others = append(now.others, pod)
		}
	}
	return nil
}

// podsOf lists the pods that a workload selects, by name. Some may be another's.
func (s *subject) podsOf(ctx context.Context, live fixes.Object) ([]*corev1.Pod, error) {
	objects, err := s.selected(ctx, fixes.KindPod, live)
	if err != nil {
		return nil, err
	}
	pods := make([]*corev1.Pod, len(objects))
	for i, obj := range objects {
		pods[i] = obj.(*corev1.Pod)
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods, nil
}

// selected lists the objects of a kind that a workload's selector chooses.
func (s *subject) selected(ctx context.Context, kind fixes.Kind, live fixes.Object) ([]fixes.Object, error) {
	by := selector(live)
	if by == nil {
		return nil, nil // which would select all
	}
	labels, err := metav1.LabelSelectorAsSelector(by)
	if err != nil {
		return nil, fmt.Errorf("selector of %s: %w", s.ref, err)
	}
	return s.w.Client.Select(ctx, kind, s.ref.Namespace, labels.String(), "")
}

func same(a, b string) bool { return a == b && a != "" }

func controls(uid types.UID, obj fixes.Object) bool {
	owner := metav1.GetControllerOfNoCopy(obj)
	return owner != nil && owner.UID == uid
}

// replicaSet returns the ReplicaSet that a Deployment makes its new pods with,
// found as the controller finds it, or nil while there is none.
func (s *subject) replicaSet(ctx context.Context, d *appsv1.Deployment) (*appsv1.ReplicaSet, error) {
	if s.set != "" {
		obj, err := s.w.Client.Get(ctx, fixes.Ref{Kind: fixes.KindReplicaSet, Namespace: d.Namespace, Name: s.set})
		if err == nil {
			return obj.(*appsv1.ReplicaSet), nil
		}
		if !apierrors.IsNotFound(err) {
			return nil, err
		}
	}
	objects, err := s.selected(ctx, fixes.KindReplicaSet, d)
	if err != nil {
		return nil, err
	}
	var found *appsv1.ReplicaSet
	for _, obj := range objects {
		set := obj.(*appsv1.ReplicaSet)
		// Of several with the template, it takes the oldest (kubernetes#40415).
		if controls(d.UID, set) && sameTemplate(set, d) && (found == nil || set.CreationTimestamp.Before(&found.CreationTimestamp)) {
			found, s.set = set, set.Name
		}
	}
	return found, nil
}

// sameTemplate compares templates but for the label that tells the pods of
// ReplicaSets apart.
func sameTemplate(set *appsv1.ReplicaSet, d *appsv1.Deployment) bool {
	t := set.Spec.Template.DeepCopy()
	delete(t.Labels, appsv1.DefaultDeploymentUniqueLabelKey)
	return apiequality.Semantic.DeepEqual(t, &d.Spec.Template)
}

// daemonHash returns the label of the pods of a DaemonSet's newest revision,
// which is that of its template.
func (s *subject) daemonHash(ctx context.Context, set *appsv1.DaemonSet) (string, error) {
	objects, err := s.selected(ctx, kindRevision, set)
	if err != nil {
		return "", err
	}
	var newest int64
	hash := ""
	for _, obj := range objects {
		r := obj.(*appsv1.ControllerRevision)
		if controls(set.UID, r) && r.Revision >= newest {
			newest, hash = r.Revision, r.Labels[appsv1.DefaultDaemonSetUniqueLabelKey]
		}
	}
	return hash, nil
}

// stuck returns the pods of other revisions than a StatefulSet's newest that
// are not ready. Those that its partition leaves as they are, and all of one
// with strategy OnDelete, would come back as they were.
func (s *subject) stuck(ctx context.Context, live fixes.Object) ([]fixes.Object, error) {
	set := live.(*appsv1.StatefulSet)
	if set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		return nil, nil
	}
	pods, err := s.podsOf(ctx, set)
	if err != nil {
		return nil, err
	}
	var stuck []fixes.Object
	for _, pod := range pods {
		if blocks(set, pod) {
			stuck = append(stuck, pod)
		}
	}
	return stuck, nil
}

func blocks(set *appsv1.StatefulSet, pod *corev1.Pod) bool {
	return controls(set.UID, pod) && pod.DeletionTimestamp == nil && !podReady(pod) &&
		pod.Labels[appsv1.StatefulSetRevisionLabel] != set.Status.UpdateRevision && index(set, pod) >= int(partition(set))
}

// index returns the place of a pod among those of its StatefulSet, from 0.
func index(set *appsv1.StatefulSet, pod *corev1.Pod) int {
	ordinal, err := strconv.Atoi(pod.Name[strings.LastIndex(pod.Name, "-")+1:])
	if err != nil {
		return -1
	}
	if set.Spec.Ordinals != nil {
		ordinal -= int(set.Spec.Ordinals.Start)
	}
	return ordinal
}
