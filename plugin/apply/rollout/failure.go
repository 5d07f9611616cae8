package rollout

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

const (
	// maxPods and maxEvents bound what is told of a failure, and maxText each
	// line of it, in runes.
	maxPods   = 3
	maxEvents = 10
	maxText   = 600
)

// fail makes the failure for a trouble, or for none that is known, after a
// time that is up.
func (w *watch) fail(ctx context.Context, now *sight, t *trouble, timeUp string) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	f := &Failure{TimedOut: timeUp != ""}
	about := w.inQuestion(now, t)
	events, note := w.gather(ctx, now, about)
	var reason string
	switch {
	case t == nil:
		reason = now.line()
	case t.wait == forever && t.pod != nil:
		reason = t.say(now.object)
		// What keeps a pod waiting, often only the events about it tell.
		if warning := lastWarning(events, t.pod); warning != "" && !strings.Contains(reason, warning) {
			reason += ": " + warning
		}
	default:
		reason = t.say(now.object)
	}
	if timeUp != "" {
		reason = timeUp + ": " + reason
	}
	f.Reason = w.line(reason)
	for _, pod := range about {
		f.Details = append(f.Details, w.describe(pod)...)
	}
	f.Details = append(f.Details, w.tell(events)...)
	for _, n := range append(now.notes, note...) {
		f.Details = append(f.Details, w.line(n))
	}
	if t != nil && t.hint != "" {
		f.Details = append(f.Details, "see: "+w.line(t.hint))
	}
	return f
}

// inQuestion returns the pods that a failure is about: that of its trouble,
// and others that are not ready.
func (w *watch) inQuestion(now *sight, t *trouble) []*corev1.Pod {
	var about []*corev1.Pod
	if t != nil && t.pod != nil {
		about = append(about, t.pod)
	}
	for _, pod := range now.pods {
		if len(about) < maxPods && !podDone(pod) && !slices.Contains(about, pod) {
			about = append(about, pod)
		}
	}
	return about
}

// gather returns the events about the workload, what makes its pods, and the
// pods, the newest last, and notes of what could not be read.
func (w *watch) gather(ctx context.Context, now *sight, pods []*corev1.Pod) (events []*corev1.Event, notes []string) {
	objects := []fixes.Object{now.object}
	if now.maker != nil && now.maker.GetUID() != now.object.GetUID() {
		objects = append(objects, now.maker)
	}
	for _, pod := range pods {
		if pod.UID != now.object.GetUID() {
			objects = append(objects, pod)
		}
	}
	for _, obj := range objects {
		found, err := w.events(ctx, obj, "")
		if err != nil {
			return events, []string{fmt.Sprintf("the events about %s could not be read: %v", fixes.RefOf(obj), err)}
		}
		events = append(events, found...)
	}
	sortEvents(events)
	return events, nil
}

// lastWarning returns the newest warning about a pod, or "".
func lastWarning(events []*corev1.Event, pod *corev1.Pod) string {
	for _, e := range slices.Backward(events) {
		if e.Type == corev1.EventTypeWarning && e.InvolvedObject.UID == pod.UID {
			return e.Message
		}
	}
	return ""
}

// describe says all about a pod and its containers.
func (w *watch) describe(pod *corev1.Pod) []string {
	head := "pod " + pod.Name
	if pod.Spec.NodeName != "" {
		head += " on " + pod.Spec.NodeName
	}
	head += ": " + string(pod.Status.Phase)
	if pod.Status.Reason != "" || pod.Status.Message != "" {
		head += ", " + reasonAndMessage(pod.Status.Reason, pod.Status.Message)
	} else if c := podCondition(pod, corev1.PodScheduled); c != nil && c.Status == corev1.ConditionFalse {
		head += ", " + reasonAndMessage(c.Reason, c.Message)
	}
	lines := []string{w.line(head)}
	for c := range containers(pod) {
		lines = append(lines, "  "+w.line(c.describe()))
	}
	return lines
}

// tell writes events as lines, each thing once, the newest last.
func (w *watch) tell(events []*corev1.Event) []string {
	// The same about another pod, or in the recorder's summary, is nothing new.
	const summary = "(combined from similar events): "
	names := regexp.MustCompile(`\b` + regexp.QuoteMeta(w.ref.Name) + `(-[a-z0-9]+)+`)
	type thing struct {
		last  *corev1.Event
		times int32
	}
	things := map[string]*thing{}
	var order []*thing
	for _, e := range slices.Backward(events) {
		what := names.ReplaceAllString(e.InvolvedObject.Kind+e.Reason+strings.TrimPrefix(e.Message, summary), "")
		if things[what] == nil {
			things[what] = &thing{last: e}
			order = append(order, things[what])
		}
		things[what].times += max(times(e), 1)
	}
	order = order[:min(len(order), maxEvents)]
	var lines []string
	for _, t := range slices.Backward(order) {
		o := t.last.InvolvedObject
		text := fmt.Sprintf("%s %s/%s: %s: %s", eventTime(t.last).UTC().Format(time.TimeOnly), strings.ToLower(o.Kind), o.Name, t.last.Reason, strings.TrimPrefix(t.last.Message, summary))
		if t.times > 1 {
			text += fmt.Sprintf(" (%d times)", t.times)
		}
		lines = append(lines, w.line(text))
	}
	return lines
}

// times returns how often an event was seen; the two event APIs say so in
// different fields.
func times(e *corev1.Event) int32 {
	if e.Series != nil {
		return max(e.Count, e.Series.Count)
	}
	return e.Count
}

// line makes a text with words of the cluster safe to show, in one line of
// bounded length. What is secret is masked before anything is cut off: a part
// of it would not be known for one.
func (s *subject) line(text string) string {
	text = strings.Join(strings.Fields(s.w.Clean(text)), " ")
	if r := []rune(text); len(r) > maxText {
		return string(r[:maxText-1]) + "…"
	}
	return text
}
