package rollout

import (
	"context"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

var kindEvent = fixes.Kind{Version: "v1", Name: "Event", Resource: "events", Namespaced: true}

// Events returns what has been said about a pod since it was made, the newest
// last.
func (w *Watcher) Events(ctx context.Context, pod *corev1.Pod) ([]*corev1.Event, error) {
	return newSubject(w, pod).events(ctx, pod, "")
}

// events returns the events of this rollout about an object, the newest last;
// narrow is one more field selector, or "".
func (s *subject) events(ctx context.Context, about fixes.Object, narrow string) ([]*corev1.Event, error) {
	fields := "involvedObject.uid=" + string(about.GetUID())
	if narrow != "" {
		fields += "," + narrow
	}
	objects, err := s.w.Client.Select(ctx, kindEvent, s.ref.Namespace, "", fields)
	if err != nil {
		return nil, err
	}
	var events []*corev1.Event
	for _, obj := range objects {
		if e := obj.(*corev1.Event); !eventTime(e).Before(s.since) {
			events = append(events, e)
		}
	}
	sortEvents(events)
	return events, nil
}

func sortEvents(events []*corev1.Event) {
	slices.SortStableFunc(events, func(a, b *corev1.Event) int { return eventTime(a).Compare(eventTime(b)) })
}

// eventTime returns when an event was last seen; the two event APIs say so in
// different fields.
func eventTime(e *corev1.Event) time.Time {
	at := e.CreationTimestamp.Time
	for _, t := range []time.Time{e.FirstTimestamp.Time, e.LastTimestamp.Time, e.EventTime.Time} {
		if t.After(at) {
			at = t
		}
	}
	if e.Series != nil && e.Series.LastObservedTime.After(at) {
		at = e.Series.LastObservedTime.Time
	}
	return at
}

// failedCreate is the reason of events and conditions about pods that could
// not be made.
const failedCreate = "FailedCreate"

// refusal returns what the server says to the pods that the workload's
// controller wants to make, or "".
func (s *subject) refusal(ctx context.Context, now *sight) (string, error) {
	if set, ok := now.maker.(*appsv1.ReplicaSet); ok {
		for _, c := range set.Status.Conditions {
			if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue && c.Reason == failedCreate {
				return c.Message, nil
			}
		}
	}
	if now.maker == nil || !lacksPods(now.maker) {
		return "", nil
	}
	// The condition comes and goes while the controller tries again, and others
	// than ReplicaSets have none.
	events, err := s.events(ctx, now.maker, "reason="+failedCreate)
	if err != nil {
		return "", now.note("the events about "+fixes.RefOf(now.maker).String(), err)
	}
	if len(events) == 0 {
		return "", nil
	}
	message := events[len(events)-1].Message
	for _, before := range []string{"Error creating: ", "failed error: "} {
		if _, after, ok := strings.Cut(message, before); ok {
			message = after
		}
	}
	return message, nil
}

// lacksPods reports whether there are fewer pods than what makes them wants.
func lacksPods(maker fixes.Object) bool {
	switch o := maker.(type) {
	case *appsv1.ReplicaSet:
		return o.Status.Replicas < replicas(o.Spec.Replicas)
	case *appsv1.StatefulSet:
		return o.Status.Replicas < replicas(o.Spec.Replicas)
	case *appsv1.DaemonSet:
		return o.Status.CurrentNumberScheduled < o.Status.DesiredNumberScheduled
	case *batchv1.Job:
		return o.Status.Active+o.Status.Succeeded < jobPods(o)
	}
	return false
}

// byQuota reports whether a refusal is for a quota: one that is used up, or one
// that asks for what the pod does not say.
func byQuota(message string) bool {
	return strings.Contains(message, "exceeded quota") || strings.Contains(message, "failed quota")
}

// unreached reports whether the message about a refusal is that of a controller
// that has had no answer: Go's errors of HTTP begin with the request. A webhook
// that does not answer is told of by the server, in other words.
func unreached(message string) bool { return strings.HasPrefix(message, `Post "`) }
