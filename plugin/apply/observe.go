package apply

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/trial"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/rollout"
	"github.com/kubectl-harden/kubectl-harden/plugin/inspect"
)

const (
	// logLines and logBytes bound what is kept of a container's log: its end.
	logLines = 200
	logBytes = 16 << 10
	// pullTime is how long the image of a copy may take to come to its node.
	pullTime = rollout.DefaultTimeout
	// observeTime bounds the looking at what became of a copy.
	observeTime = 30 * time.Second
)

// watch waits until a copy is ready and stays so, or fails, and gathers what is
// to be seen of it. The error says why it shows nothing of its settings.
func (t *tries) watch(ctx context.Context, watcher *rollout.Watcher, pod *corev1.Pod) (trial.Outcome, error) {
	err := watcher.WaitPod(ctx, pod, nil)
	var failure *rollout.Failure
	for begun := time.Now(); errors.As(err, &failure) && failure.TimedOut && time.Since(begun) < pullTime; {
		live := t.live(ctx, pod)
		if live == nil || unscheduled(live) || started(live) {
			break
		}
		err = watcher.WaitPod(ctx, pod, nil)
	}
	switch {
	case ctx.Err() != nil:
		return trial.Outcome{}, ctx.Err()
	case errors.Is(err, rollout.ErrReplaced):
		return trial.Outcome{}, errors.New("something deleted a copy of its pod")
	case err != nil && !errors.As(err, &failure):
		return trial.Outcome{}, errors.New("a copy of its pod could not be watched: " + t.clean(t.i, err.Error()))
	}
	live := t.live(ctx, pod)
	if live == nil {
		return trial.Outcome{}, errors.New("a copy of its pod could not be read")
	}
	if why := nothingShown(live, failure); why != "" {
		return trial.Outcome{}, errors.New(why)
	}
	out := t.observe(ctx, watcher, live)
	out.Ready = err == nil && (live.Status.Phase != corev1.PodSucceeded || t.workloads[t.i].Ref().Kind == fixes.KindCronJob)
	if out.Ready {
		t.limit = min(t.limit, patienceAfter(live))
		out.Processes = t.processes(ctx, live)
	}
	return out, nil
}

// live reads a copy, or nil where that is not possible.
func (t *tries) live(ctx context.Context, pod *corev1.Pod) *corev1.Pod {
	obj, err := t.a.look(ctx, fixes.RefOf(pod))
	if err != nil || obj == nil {
		return nil
	}
	return obj.(*corev1.Pod)
}

// nothingShown says why a copy that failed shows nothing of its settings, or
// "".
func nothingShown(pod *corev1.Pod, failure *rollout.Failure) string {
	switch {
	case failure == nil:
		return ""
	case unscheduled(pod):
		return "no node has room for a copy of its pod: " + failure.Reason
	case noImage(pod):
		return "its image cannot be pulled for a copy of its pod: " + failure.Reason
	case failure.TimedOut && !started(pod):
		return "a copy of its pod did not start: " + failure.Reason
	case pod.Status.Reason == "Evicted", pod.Status.Reason == "Preempting", pod.Status.Reason == "NodeShutdown":
		return "its node ended a copy of its pod: " + failure.Reason
	}
	return ""
}

func unscheduled(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse
	})
}

func statuses(pod *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses)
}

func noImage(pod *corev1.Pod) bool {
	return slices.ContainsFunc(statuses(pod), func(s corev1.ContainerStatus) bool {
		if s.State.Waiting == nil {
			return false
		}
		switch s.State.Waiting.Reason {
		case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError", "RegistryUnavailable":
			return true
		}
		return false
	})
}

// started reports whether a container of a pod has been started, or could not
// be.
func started(pod *corev1.Pod) bool {
	return slices.ContainsFunc(statuses(pod), func(s corev1.ContainerStatus) bool {
		waits := s.State.Waiting != nil && (s.State.Waiting.Reason == "PodInitializing" || s.State.Waiting.Reason == "ContainerCreating")
		return s.State.Running != nil || s.State.Terminated != nil || s.State.Waiting != nil && !waits
	})
}

// patienceAfter is how long another copy may take until it is ready, by how
// long this one took.
func patienceAfter(pod *corev1.Pod) time.Duration {
	const least, times = 20 * time.Second, 4
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return least + times*c.LastTransitionTime.Sub(pod.CreationTimestamp.Time)
		}
	}
	return pullTime
}

// observe gathers what is to be seen of a copy: the states and the logs of its
// containers, and the events about it, as far as they may be read.
func (t *tries) observe(ctx context.Context, watcher *rollout.Watcher, pod *corev1.Pod) trial.Outcome {
	ctx, cancel := context.WithTimeout(ctx, observeTime)
	defer cancel()
	var out trial.Outcome
	inits := len(pod.Status.InitContainerStatuses)
	for k, s := range statuses(pod) {
		c := containerOf(s)
		c.Init = k < inits
		c.Log = t.log(ctx, pod, s)
		out.Containers = append(out.Containers, c)
	}
	events, _ := watcher.Events(ctx, pod) // without them, the rest has to do
	for _, e := range events {
		out.Events = append(out.Events, e.Reason+": "+e.Message)
	}
	return out
}

func containerOf(s corev1.ContainerStatus) trial.Container {
	c := trial.Container{Name: s.Name, Running: s.State.Running != nil}
	end := s.State.Terminated
	if end == nil {
		end = s.LastTerminationState.Terminated
	}
	if end != nil {
		c.ExitCode, c.Signal, c.Reason, c.Message = end.ExitCode, end.Signal, end.Reason, end.Message
	}
	if w := s.State.Waiting; w != nil {
		c.Reason, c.Message = w.Reason, w.Message
	}
	return c
}

// log returns the end of what a container wrote, before its last restart too.
func (t *tries) log(ctx context.Context, pod *corev1.Pod, s corev1.ContainerStatus) string {
	if s.State.Waiting != nil && s.RestartCount == 0 {
		return "" // it never ran
	}
	var parts strings.Builder
	for _, previous := range []bool{true, false} {
		if previous && s.RestartCount == 0 {
			continue
		}
		part, err := t.a.Client.Logs(ctx, pod, s.Name, previous, logLines)
		if apierrors.IsForbidden(err) {
			t.noLogs.Store(true)
		}
		if err == nil {
			parts.WriteString(part)
		}
	}
	text := parts.String()
	return text[max(0, len(text)-logBytes):]
}

// processes looks into the running containers of a copy, which does nothing
// for anybody.
func (t *tries) processes(ctx context.Context, pod *corev1.Pod) []*fixes.Process {
	ctx, cancel := context.WithTimeout(ctx, observeTime)
	defer cancel()
	var all []*fixes.Process
	for _, s := range pod.Status.ContainerStatuses {
		if s.State.Running != nil {
			all = append(all, inspect.Look(ctx, t.a.Client.Config(), pod, s.Name))
		}
	}
	return all
}
