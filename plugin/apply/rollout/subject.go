package rollout

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// subject is what is watched, as it was written.
type subject struct {
	w       *Watcher
	ref     fixes.Ref
	written fixes.Object
	// since is when it was written, by the clock of the server, of which that of
	// this machine may differ by minutes. What was told before is about another
	// rollout.
	since time.Time
	// set names the ReplicaSet of a Deployment's new template, when it is known.
	set string
	// failed are the new pods that were seen to fail: controllers delete them.
	failed map[types.UID]bool
	grace  grace
}

// newSubject returns nil for an object that has nothing to wait for.
func newSubject(w *Watcher, obj fixes.Object) *subject {
	switch obj.(type) {
	case *fixes.Custom:
		if !fixes.RefOf(obj).Kind.Rolls() {
			return nil
		}
	case *appsv1.Deployment, *appsv1.StatefulSet, *appsv1.DaemonSet, *batchv1.Job, *corev1.Pod:
	default:
		return nil
	}
	return &subject{w: w, ref: fixes.RefOf(obj), written: obj, since: writtenAt(obj), failed: map[types.UID]bool{}, grace: w.grace()}
}

// writtenAt returns when an object, but for its status, was last written.
func writtenAt(obj fixes.Object) time.Time {
	at := obj.GetCreationTimestamp().Time
	for _, f := range obj.GetManagedFields() {
		if f.Subresource == "" && f.Time != nil && f.Time.After(at) {
			at = f.Time.Time
		}
	}
	return at
}

// sight is what one look at a rollout has shown.
type sight struct {
	object   fixes.Object
	complete bool
	// pods are those of the new template and others those of templates before,
	// but for those that are being deleted: these are leaving.
	pods, others, leaving []*corev1.Pod
	// seesPods: the pods could be read.
	seesPods bool
	// maker is the object that makes the new pods: the workload itself or a
	// Deployment's ReplicaSet. It is nil while that is not there.
	maker fixes.Object
	// troubles are what is wrong, the worst first.
	troubles []trouble
	// notes say what could not be read.
	notes []string
}

// note keeps what the user may not read, without which a rollout can still be
// followed, and returns other errors.
func (s *sight) note(what string, err error) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	s.notes = append(s.notes, fmt.Sprintf("%s cannot be read: %v", what, err))
	return nil
}

// look reads the workload, and what its new pods and the events about them
// say.
func (s *subject) look(ctx context.Context) (*sight, error) {
	live, err := s.w.read(ctx, s.written)
	if err != nil {
		return nil, err
	}
	if err := s.check(live); err != nil {
		return nil, err
	}
	now := &sight{object: live}
	if now.complete, err = complete(live); err != nil {
		return nil, err
	}
	if !observed(live) {
		return now, nil // all that is told is about the template before
	}
	if err := s.findPods(ctx, now); err != nil {
		return nil, err
	}
	if !now.complete {
		if err := s.findTroubles(ctx, now); err != nil {
			return nil, err
		}
	}
	return now, nil
}

// check returns an error when the rollout is no longer the one that was begun,
// or does not go on.
func (s *subject) check(live fixes.Object) error {
	if _, isPod := live.(*corev1.Pod); !isPod && !apiequality.Semantic.DeepEqual(template(live), template(s.written)) {
		return ErrChanged
	}
	if d, ok := live.(*appsv1.Deployment); ok && d.Spec.Paused {
		return fmt.Errorf("%w: %s", ErrHeld, paused(s.ref))
	}
	if c, ok := live.(*fixes.Custom); ok {
		if why := customPaused(c); why != "" {
			return fmt.Errorf("%w: %s", ErrHeld, why)
		}
	}
	if job, ok := live.(*batchv1.Job); ok && suspended(job.Spec.Suspend) {
		return fmt.Errorf("%w: %s", ErrHeld, Held(job))
	}
	return nil
}

// template returns a workload's pod template.
func template(obj fixes.Object) *corev1.PodTemplateSpec {
	switch o := obj.(type) {
	case *appsv1.Deployment:
		return &o.Spec.Template
	case *appsv1.StatefulSet:
		return &o.Spec.Template
	case *appsv1.DaemonSet:
		return &o.Spec.Template
	case *appsv1.ReplicaSet:
		return &o.Spec.Template
	case *batchv1.Job:
		return &o.Spec.Template
	case *fixes.Custom:
		if w, ok := fixes.AsWorkload(o); ok {
			return &corev1.PodTemplateSpec{ObjectMeta: *w.Meta, Spec: *w.Spec}
		}
	}
	return nil
}

// selector returns a workload's label selector.
func selector(obj fixes.Object) *metav1.LabelSelector {
	switch o := obj.(type) {
	case *appsv1.Deployment:
		return o.Spec.Selector
	case *appsv1.StatefulSet:
		return o.Spec.Selector
	case *appsv1.DaemonSet:
		return o.Spec.Selector
	case *batchv1.Job:
		return o.Spec.Selector
	case *fixes.Custom:
		return customSelector(o)
	}
	return nil
}
