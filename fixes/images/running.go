package images

import (
	"iter"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// loadedByHand reports whether pods run a container's image, and none of them
// got it from a registry: the kubelet then reports the image's own id.
func loadedByHand(c fixes.Container, pods []*corev1.Pod) bool {
	runs := false
	for id := range imageIDs(c, pods) {
		switch {
		case strings.Contains(id, "@"):
			return false
		case strings.HasPrefix(id, "sha256:"):
			runs = true
		}
	}
	return runs
}

// imageIDs yields what pods report as the content that a container runs
// ("repository@sha256:…", or "sha256:…" of an image that was loaded by hand).
// Pods of another revision, with another image, do not count.
func imageIDs(c fixes.Container, pods []*corev1.Pod) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, pod := range pods {
			view, _ := fixes.AsWorkload(pod)
			if running, ok := view.Container(c.Name); !ok || running.Image != c.Image {
				continue
			}
			for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
				// Docker writes docker-pullable://repository@digest.
				_, id, found := strings.Cut(status.ImageID, "://")
				if !found {
					id = status.ImageID
				}
				if status.Name == c.Name && !yield(id) {
					return
				}
			}
		}
	}
}
