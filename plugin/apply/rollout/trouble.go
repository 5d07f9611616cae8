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

// A trouble is something wrong with a rollout.
type trouble struct {
	// key tells it from others, to measure how long it lasts.
	key string
	// what it is, and the words of the cluster about it.
	what phrase
	text string
	// wait is how long it may last before it is the rollout's failure; forever:
	// it is only the reason that is given when the time is up.
	wait time.Duration
	// pod is the one in question, if it is one.
	pod *corev1.Pod
	// hint is a command that shows more.
	hint string
}

const forever time.Duration = -1

// A phrase says something of a workload's pods, or of a pod that is watched by
// itself.
type phrase struct{ pods, pod string }

var (
	crash         = phrase{"its pods crash", "it crashes"}
	cannotStart   = phrase{"its containers cannot be started", "its containers cannot be started"}
	badImage      = phrase{"its image cannot be pulled", "its image cannot be pulled"}
	failed        = phrase{"its pods fail", "it failed"}
	jobFailed     = phrase{"it failed", ""}
	degraded      = phrase{"its controller has given it up", ""}
	refused       = phrase{"its pods are refused", ""}
	unschedulable = phrase{"its pods cannot be scheduled", "it cannot be scheduled"}
	notStarted    = phrase{"its containers do not start", "its containers do not start"}
	notReady      = phrase{"its pods do not become ready", "it does not become ready"}
	stuck         = phrase{"it waits for a pod that it does not replace (kubernetes#67250)", ""}
	leaving       = phrase{"a pod is to go and does not", ""}
)

// say says what is wrong with an object, after its name.
func (t *trouble) say(of fixes.Object) string {
	what := t.what.pods
	if _, ok := of.(*corev1.Pod); ok {
		what = t.what.pod
	}
	return what + ": " + t.text
}

// findTroubles finds what is wrong, the worst first: what cannot heal, what
// seldom does, what only takes its time.
func (s *subject) findTroubles(ctx context.Context, now *sight) error {
	g := s.grace
	if job, ok := now.object.(*batchv1.Job); ok {
		if c := jobCondition(job, batchv1.JobFailed); c != nil {
			now.troubles = append(now.troubles, trouble{key: "job", what: jobFailed, text: reasonAndMessage(c.Reason, c.Message)})
		}
	}
	if c, ok := now.object.(*fixes.Custom); ok {
		if t, ok := customFailed(c); ok {
			t.wait = g.refused
			now.troubles = append(now.troubles, t)
		}
	}
	for _, pod := range now.pods {
		now.troubles = append(now.troubles, containerTroubles(pod, g)...)
	}
	if t, ok := s.failedPods(now); ok {
		now.troubles = append(now.troubles, t)
	}
	refused, err := s.refusal(ctx, now)
	if err != nil {
		return err
	}
	if refused != "" {
		now.troubles = append(now.troubles, g.refusal(refused, len(now.leaving) > 0))
	}
	slices.SortStableFunc(now.troubles, func(a, b trouble) int {
		switch {
		case a.wait != forever && b.wait == forever:
			return -1
		case a.wait == forever && b.wait != forever:
			return 1
		}
		return 0
	})
	for _, pod := range now.pods {
		if t, ok := waitingPod(pod); ok {
			now.troubles = append(now.troubles, t)
		}
	}
	now.troubles = append(now.troubles, blocking(now)...)
	return nil
}

// failedPods says that pods of the rollout have failed: they were evicted, or
// their nodes did not take them. The controller makes others, so one or two
// matter not.
func (s *subject) failedPods(now *sight) (trouble, bool) {
	var last *corev1.Pod
	for _, pod := range slices.Concat(now.leaving, now.pods) {
		if pod.Status.Phase == corev1.PodFailed && !pod.CreationTimestamp.Time.Before(s.since) {
			s.failed[pod.UID] = true
			last = pod
		}
	}
	if last == nil {
		return trouble{}, false
	}
	t := trouble{key: "failed", what: failed, text: podEnd(last), wait: forever, pod: last}
	if now.maker == fixes.Object(last) || len(s.failed) >= int(s.grace.crashes) {
		t.wait = 0
	}
	return t, true
}

// podEnd says why a pod has failed.
func podEnd(pod *corev1.Pod) string {
	if pod.Status.Reason != "" || pod.Status.Message != "" {
		return reasonAndMessage(pod.Status.Reason, pod.Status.Message)
	}
	for c := range containers(pod) {
		if t := c.status.State.Terminated; t != nil && t.ExitCode != 0 {
			return c.exit(t)
		}
	}
	return "no reason is given"
}

// refusal is the trouble of pods that the server does not admit. While others
// of the workload end, waiting for the room that they leave may help.
func (g grace) refusal(message string, othersEnd bool) trouble {
	t := trouble{key: "refused", what: refused, text: message, wait: g.refused}
	switch {
	case unreached(message):
		t.wait = forever // the server's end is the run's too, and tells more
	case byQuota(message):
		t.wait = g.quota
	case strings.Contains(message, `cannot create resource "pods"`):
		t.wait = g.denied // the controller, by a server that starts
	}
	if othersEnd {
		t.key, t.wait = "refused while others end", forever
	}
	return t
}

// waitingPod says what a pod waits for that may come yet: a node for it (an
// autoscaler may bring one), its volumes, its readiness.
func waitingPod(pod *corev1.Pod) (trouble, bool) {
	t := trouble{key: "waiting", wait: forever, pod: pod}
	if c := podCondition(pod, corev1.PodScheduled); c != nil && c.Status == corev1.ConditionFalse {
		t.what, t.text = unschedulable, c.Message
		return t, true
	}
	if podReady(pod) || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return trouble{}, false
	}
	for c := range containers(pod) {
		if t.what, t.text = c.waiting(); t.text != "" {
			t.text += " (pod " + pod.Name + ")"
			return t, true
		}
	}
	t.what, t.text = notReady, "pod "+pod.Name
	if c := podCondition(pod, corev1.PodReady); c != nil && c.Message != "" {
		t.text += ": " + c.Message
	}
	return t, true
}

// blocking says what else keeps a rollout from going on: pods of the templates
// before.
func blocking(now *sight) []trouble {
	var list []trouble
	if set, ok := now.object.(*appsv1.StatefulSet); ok {
		for _, pod := range now.others {
			if blocks(set, pod) {
				list = append(list, trouble{
					key: "stuck", what: stuck, text: pod.Name + ", of another template, is not ready",
					wait: forever, pod: pod, hint: "kubectl delete " + fixes.RefOf(pod).KubectlArgs(),
				})
			}
		}
	}
	for _, pod := range now.leaving {
		list = append(list, trouble{key: "leaving", what: leaving, text: pod.Name, wait: forever, pod: pod})
	}
	return list
}

func reasonAndMessage(reason, message string) string {
	switch {
	case message == "":
		return reason
	case reason == "":
		return message
	}
	return reason + ": " + message
}
