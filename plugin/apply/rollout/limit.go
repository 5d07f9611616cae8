package rollout

import (
	"math"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// grace is how long what is wrong may last before it is the rollout's failure.
type grace struct {
	// crashes of one container, or pods that failed: an application may crash
	// once or twice while what it needs is not there yet.
	crashes int32
	// backOff: a container waits to be restarted, after fewer crashes.
	backOff time.Duration
	// create: a container cannot be made or started.
	create time.Duration
	// pull: an image cannot be pulled; registries have moments of weakness.
	pull time.Duration
	// refused: the server refuses to admit the pods.
	refused time.Duration
	// quota: it does so for a quota, which other pods that end may free. A server
	// that has just started may hold to one that is deleted for 30 seconds (the
	// cache of its admission plugin), and controllers try again ever more rarely.
	quota time.Duration
	// denied: the workload itself may not be read. A server that starts denies
	// everything before it has read its roles.
	denied time.Duration
}

func defaultGrace() grace {
	return grace{
		crashes: 3,
		backOff: 20 * time.Second,
		create:  10 * time.Second,
		pull:    30 * time.Second,
		refused: 10 * time.Second,
		quota:   time.Minute,
		denied:  30 * time.Second,
	}
}

func (w *Watcher) grace() grace {
	g := defaultGrace()
	if w.Hasty {
		g.create = 2 * time.Second
	}
	return g
}

// serverDeadline is the progressDeadlineSeconds that the server sets where
// none was given.
const serverDeadline = 600

// Limit returns how long a workload's rollout may go on without any progress:
// Timeout or, if that is 0, [DefaultTimeout], longer where the workload itself
// asks for longer: by a progressDeadlineSeconds other than the server's own, by
// minReadySeconds and by its probes.
func (w *Watcher) Limit(obj fixes.Object) time.Duration {
	if w.Timeout > 0 {
		return w.Timeout
	}
	limit := DefaultTimeout
	if workload, ok := fixes.AsWorkload(obj); ok {
		limit += max(minReady(obj), StartTime(workload.Spec))
	}
	if d, ok := obj.(*appsv1.Deployment); ok {
		own := d.Spec.ProgressDeadlineSeconds
		if own != nil && *own != serverDeadline && *own != math.MaxInt32 { // the latter means none
			limit = max(limit, seconds(*own))
		}
	}
	return limit
}

// minReady returns how long a workload's pods must be ready to be available.
func minReady(obj fixes.Object) time.Duration {
	switch o := obj.(type) {
	case *appsv1.Deployment:
		return seconds(o.Spec.MinReadySeconds)
	case *appsv1.StatefulSet:
		return seconds(o.Spec.MinReadySeconds)
	case *appsv1.DaemonSet:
		return seconds(o.Spec.MinReadySeconds)
	case *fixes.Custom:
		n, _ := number(o, "spec", "minReadySeconds")
		return seconds(int32(min(max(n, 0), math.MaxInt32)))
	}
	return 0
}

// StartTime returns how long a pod's own probes let its containers take until
// they are ready: they run side by side.
func StartTime(spec *corev1.PodSpec) time.Duration {
	var longest time.Duration
	for _, c := range spec.Containers {
		var t time.Duration
		if p := c.StartupProbe; p != nil {
			t += seconds(p.InitialDelaySeconds) + seconds(p.PeriodSeconds)*time.Duration(p.FailureThreshold)
		}
		if p := c.ReadinessProbe; p != nil {
			t += seconds(p.InitialDelaySeconds)
		}
		longest = max(longest, t)
	}
	return longest
}

// ending returns how long the pods that are being deleted may take for it. Old
// ones must be gone before a StatefulSet, a DaemonSet or a Deployment with
// strategy Recreate goes on.
func ending(pods []*corev1.Pod) time.Duration {
	var longest time.Duration
	for _, pod := range pods {
		if s := pod.DeletionGracePeriodSeconds; s != nil {
			longest = max(longest, time.Duration(*s)*time.Second)
		}
	}
	return longest
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }
