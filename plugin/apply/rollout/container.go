package rollout

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// container is one container of a pod with its status.
type container struct {
	spec   *corev1.Container
	status *corev1.ContainerStatus
	// init containers run before the others, and those that are sidecars (KEP-753)
	// go on beside them.
	init, sidecar bool
}

// String returns "container web" or "init container migrate".
func (c container) String() string {
	if c.init && !c.sidecar {
		return "init container " + c.status.Name
	}
	return "container " + c.status.Name
}

// containers yields the containers of a pod that have a status, in the order
// in which they start. Those added for debugging are left out.
func containers(pod *corev1.Pod) iter.Seq[container] {
	return func(yield func(container) bool) {
		for i := range pod.Status.InitContainerStatuses {
			s := &pod.Status.InitContainerStatuses[i]
			spec := find(pod.Spec.InitContainers, s.Name)
			sidecar := spec.RestartPolicy != nil && *spec.RestartPolicy == corev1.ContainerRestartPolicyAlways
			if !yield(container{spec, s, true, sidecar}) {
				return
			}
		}
		for i := range pod.Status.ContainerStatuses {
			s := &pod.Status.ContainerStatuses[i]
			if !yield(container{find(pod.Spec.Containers, s.Name), s, false, false}) {
				return
			}
		}
	}
}

func find(list []corev1.Container, name string) *corev1.Container {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return &corev1.Container{}
}

// containerTroubles says what is wrong with the containers of a pod.
func containerTroubles(pod *corev1.Pod, g grace) []trouble {
	var list []trouble
	if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return nil
	}
	for c := range containers(pod) {
		t := c.trouble(pod, g)
		if t.text == "" {
			continue
		}
		t.key = fmt.Sprintf("%s/%s/%s", pod.UID, c.status.Name, t.key)
		t.pod = pod
		list = append(list, t)
	}
	return list
}

// trouble returns what is wrong with one container, or a zero trouble. The
// reasons are the kubelet's (pkg/kubelet/kuberuntime, images and container).
func (c container) trouble(pod *corev1.Pod, g grace) trouble {
	if w := c.status.State.Waiting; w != nil {
		switch w.Reason {
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError", "PreCreateHookError",
			"PreStartHookError", "PostStartHookError", "CreatePodSandboxError", "ConfigPodSandboxError":
			return trouble{key: "create", what: cannotStart, text: c.String() + ": " + reasonAndMessage(w.Reason, w.Message), wait: g.create}
		case "InvalidImageName", "ErrImageNeverPull", "ImageInspectError":
			return trouble{key: "create", what: badImage, text: c.image(w), wait: g.create}
		case "ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "SignatureValidationFailed":
			return trouble{key: "pull", what: badImage, text: c.image(w), wait: g.pull}
		case "CrashLoopBackOff":
			return c.crash(pod, g, c.status.LastTerminationState.Terminated, w.Reason)
		}
	}
	if t := c.status.State.Terminated; t != nil && t.ExitCode != 0 {
		return c.crash(pod, g, t, "")
	}
	return trouble{}
}

func (c container) image(w *corev1.ContainerStateWaiting) string {
	return fmt.Sprintf("%s: %s: %s", c, c.spec.Image, reasonAndMessage(w.Reason, w.Message))
}

// waiting says what a container waits for that may come yet, or nothing.
func (c container) waiting() (phrase, string) {
	switch s := c.status; {
	case s.State.Waiting != nil && s.State.Waiting.Reason != "PodInitializing": // else for an init container
		return notStarted, fmt.Sprintf("%s waits, %s", c, s.State.Waiting.Reason)
	case s.State.Running == nil:
	case c.init && !c.sidecar:
		return notReady, c.String() + " has not ended"
	case s.Started != nil && !*s.Started:
		return notReady, "the startup probe of " + c.String() + " does not succeed"
	case !s.Ready:
		return notReady, "the readiness probe of " + c.String() + " does not succeed"
	}
	return phrase{}, ""
}

// crash is the trouble of a container that ended and is to run again.
func (c container) crash(pod *corev1.Pod, g grace, end *corev1.ContainerStateTerminated, state string) trouble {
	text := c.String()
	if end != nil {
		text = c.exit(end)
	}
	if state != "" {
		text += " (" + state + ")"
	}
	if end != nil && end.Message != "" {
		text += ": " + end.Message
	}
	t := trouble{key: "crash", what: crash, text: text, wait: forever}
	switch {
	case c.status.RestartCount+1 >= g.crashes: // it does not run, so that it crashed once more than it was restarted
		t.wait = 0
	case pod.Spec.RestartPolicy == corev1.RestartPolicyNever && metav1.GetControllerOf(pod) == nil && !c.sidecar:
		t.wait = 0 // nothing starts it again, nor another pod in its place
	case state != "", pod.Spec.RestartPolicy == corev1.RestartPolicyNever:
		t.wait = g.backOff
	}
	t.hint = fmt.Sprintf("kubectl logs %s -c %s", fixes.RefOf(pod).KubectlArgs(), c.status.Name)
	if c.status.State.Terminated == nil {
		t.hint += " --previous"
	}
	return t
}

// exit says how a container ended ("container web exits with 1").
func (c container) exit(end *corev1.ContainerStateTerminated) string {
	const signalled = 128 // as a shell counts
	switch {
	case end.Reason == "OOMKilled":
		text := c.String() + " runs out of memory (OOMKilled"
		if limit := c.spec.Resources.Limits.Memory(); !limit.IsZero() {
			text += ", its limit is " + limit.String()
		}
		return text + ")"
	case end.Reason == "StartError" || end.Reason == "ContainerCannotRun":
		return c.String() + " cannot be started"
	case end.ExitCode > signalled && end.ExitCode < signalled+65:
		return fmt.Sprintf("%s exits with %d, killed by signal %d", c, end.ExitCode, end.ExitCode-signalled)
	}
	return fmt.Sprintf("%s exits with %d", c, end.ExitCode)
}

// describe says all that a pod's status says of a container, in one line.
func (c container) describe() string {
	parts := []string{c.String() + ": " + describeState(c.status.State)}
	if last := c.status.LastTerminationState; last.Terminated != nil {
		parts = append(parts, "before: "+describeState(last))
	}
	switch n := c.status.RestartCount; {
	case n == 1:
		parts = append(parts, "1 restart")
	case n > 1:
		parts = append(parts, strconv.Itoa(int(n))+" restarts")
	}
	return strings.Join(parts, "; ")
}

func describeState(s corev1.ContainerState) string {
	switch {
	case s.Waiting != nil:
		return "waits, " + reasonAndMessage(s.Waiting.Reason, s.Waiting.Message)
	case s.Running != nil:
		return "runs since " + s.Running.StartedAt.UTC().Format(time.RFC3339)
	case s.Terminated != nil:
		return fmt.Sprintf("ended with exit code %d, %s", s.Terminated.ExitCode, reasonAndMessage(s.Terminated.Reason, s.Terminated.Message))
	}
	return "no state"
}
