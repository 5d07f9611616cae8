package rollout

import (
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// progress is how far a rollout has come: every number grows on the way.
type progress [6]int64

// progressOf measures a workload and its new pods.
func progressOf(obj fixes.Object, pods []*corev1.Pod) progress {
	c := count(obj)
	p := progress{int64(c.updated), int64(c.ready), int64(c.available), -int64(c.old)}
	if observed(obj) {
		p[4] = obj.GetGeneration()
	}
	for _, pod := range pods {
		p[5] += steps(pod)
	}
	return p
}

// raise takes over what is greater in another measurement, and reports whether
// anything was. Compared with the best there was, a pod that crashes and
// starts again makes no progress.
func (p *progress) raise(now progress) bool {
	greater := false
	for i := range p {
		if now[i] > p[i] {
			p[i], greater = now[i], true
		}
	}
	return greater
}

// steps counts what a pod has behind it on the way to being ready.
func steps(pod *corev1.Pod) int64 {
	var n int64
	if pod.Spec.NodeName != "" {
		n++
	}
	for _, s := range pod.Status.InitContainerStatuses {
		if s.State.Terminated != nil && s.State.Terminated.ExitCode == 0 || s.State.Running != nil {
			n++
		}
	}
	for _, s := range pod.Status.ContainerStatuses {
		if s.State.Running != nil {
			n++
		}
		if s.Ready {
			n++
		}
	}
	return n
}

// line says how far a rollout has come ("2 of 3 pods replaced, 1 ready").
func (s *sight) line() string {
	c := count(s.object)
	verb := "replaced"
	switch s.object.(type) {
	case *corev1.Pod:
		if c.ready > 0 {
			return "its pod is ready"
		}
		return "its pod is not ready yet"
	case *batchv1.Job:
		verb = "started"
	}
	if !observed(s.object) {
		return "its controller has not taken it up yet"
	}
	text := fmt.Sprintf("%d of %d pods %s", c.updated, c.wanted, verb)
	if !s.seesPods {
		return text
	}
	ready := 0
	for _, pod := range s.pods {
		if podReady(pod) {
			ready++
		}
	}
	return fmt.Sprintf("%s, %d ready", text, ready)
}
