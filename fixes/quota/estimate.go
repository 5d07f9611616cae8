package quota

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// estimate is what a container should have of a resource.
type estimate struct {
	value  int64
	reason string // where it comes from
	// blocked says why no value would do, or is empty.
	blocked string
}

// String returns "0.1 cpu: the median of 3 containers".
func (e estimate) String(r corev1.ResourceName) string { return show(e.value, r) + ": " + e.reason }

// within bounds the estimate, saying what did.
func (e estimate) within(least, greatest int64, by string, r corev1.ResourceName) estimate {
	step := int64(1)
	if r != corev1.ResourceCPU {
		step = mebi
	}
	greatest = greatest / step * step
	switch {
	case greatest < max(least, step):
		e.blocked = fmt.Sprintf("%s leaves room for at most %s", by, show(greatest, r))
	case e.value > greatest:
		e.value, e.reason = greatest, "the most that "+by+" allows"
	case e.value < least:
		e.value, e.reason = least, "the least that a LimitRange allows"
	}
	return e
}

// request returns what a container that names no request of a resource should
// request: what a vertical autoscaler recommends, else what it uses with
// headroom, else the median of the namespace's containers, as far as LimitRanges
// allow; or what a LimitRange gives it already, if it uses no more.
func (n namespace) request(w fixes.Workload, c fixes.Container, r corev1.ResourceName) estimate {
	var e estimate
	o, seen := n.observed(w, c.Name, r)
	rec, vpa := n.scalers.recommended(w.Ref(), c.Name)
	recommended, hasTarget := rec.Target[r]
	switch standing, given := n.standing[r]; {
	case given && !n.outgrown(w, c, r):
		return estimate{value: valueOf(standing, r), reason: "the default that a LimitRange gives it"}
	case hasTarget:
		e = estimate{value: valueOf(recommended, r), reason: "VerticalPodAutoscaler " + vpa.Name + " recommends it"}
	case seen:
		e.value = roundUp(max(min(o.typical(), most/2)*(100+headroom)/100, 1), grain(r))
		e.reason = fmt.Sprintf("%s is the %dth percentile of what is used by %s; + %d%%", show(o.typical(), r), percentile, o, headroom)
	case r == corev1.ResourceEphemeralStorage:
		e = estimate{value: logsStorage, reason: "about what the logs take that the kubelet keeps, twice"}
	default:
		e = n.median(r)
	}
	greatest, by := n.share(w, r), "the pod's or a LimitRange's maximum for pods"
	least := int64(0)
	for item := range n.limits(corev1.LimitTypeContainer) {
		if q, ok := item.Min[r]; ok {
			least = max(least, valueOf(q, r))
		}
		for _, list := range []corev1.ResourceList{item.Max, item.Default} { // it has no limit of its own
			if q, ok := list[r]; ok && valueOf(q, r) < greatest {
				greatest, by = valueOf(q, r), "a LimitRange"
			}
		}
	}
	return e.within(least, greatest, by, r)
}

// outgrown reports whether a container uses more than the default request that
// a LimitRange gives it.
func (n namespace) outgrown(w fixes.Workload, c fixes.Container, r corev1.ResourceName) bool {
	standing, given := n.standing[r]
	o, seen := n.observed(w, c.Name, r)
	return given && seen && o.typical() > valueOf(standing, r)
}

const (
	// logsStorage is twice what the kubelet keeps of a container's logs
	// (containerLogMaxSize 10Mi, containerLogMaxFiles 5).
	logsStorage = 100 * mebi
	// What a container about which nothing is known may take at the most. A
	// process is killed above its memory limit and a pod evicted above that of
	// its storage, so these are well above what small services need.
	limitCPU, limitMemory, limitStorage = core, 512 * mebi, 4 * gibi
	// volumeStorage is added for an emptyDir without a size limit.
	volumeStorage = 4 * gibi
	// limitFactor is the headroom of a limit over what is requested or was used
	// at the peak: a look at the metrics shows a moment only.
	limitFactor = 2
)

// limit returns what a container that has no limit of a resource should be
// limited to, given what it requests.
func (n namespace) limit(w fixes.Workload, c fixes.Container, r corev1.ResourceName, request int64) estimate {
	var e estimate
	if o, ok := n.observed(w, c.Name, r); ok {
		e.value = min(o.peak(), most/limitFactor) * limitFactor
		e.reason = fmt.Sprintf("twice the most used by %s, %s", o, show(o.peak(), r))
	} else {
		e = n.usualLimit(r)
	}
	if e.value < limitFactor*request {
		e = estimate{value: min(request, most/limitFactor) * limitFactor, reason: "twice what it requests"}
	}
	if r == corev1.ResourceEphemeralStorage {
		if volumes := emptyDirs(w.Spec); volumes > 0 {
			e.value, e.reason = clamp(e.value+volumes), e.reason+", and what its emptyDir volumes may hold"
		}
	}
	e.value = roundUp(e.value, grain(r))
	greatest, by := n.shareOfLimits(w, r), "a LimitRange's maximum for pods"
	least := request
	for item := range n.limits(corev1.LimitTypeContainer) {
		if q, ok := item.Min[r]; ok {
			least = max(least, valueOf(q, r))
		}
		if q, ok := item.MaxLimitRequestRatio[r]; ok {
			if most := int64(q.AsApproximateFloat64() * float64(request)); most < greatest {
				greatest, by = most, "a LimitRange's ratio of limit to request"
			}
		}
	}
	return e.within(least, greatest, by, r)
}

// usualLimit returns the median of the namespace's limits, or a generous one
// where no container has any.
func (n namespace) usualLimit(r corev1.ResourceName) estimate {
	e, known := n.limitMedians[r]
	if !known {
		e = n.findUsualLimit(r)
		n.limitMedians[r] = e
	}
	return e
}

func (n namespace) findUsualLimit(r corev1.ResourceName) estimate {
	var all []int64
	for _, w := range n.workloads {
		for _, c := range containers(w.Spec) {
			if q, ok := c.Resources.Limits[r]; ok && q.Sign() > 0 {
				all = append(all, valueOf(q, r))
			}
		}
	}
	if len(all) == 0 {
		usual := amount{cpu: limitCPU, memory: limitMemory, storage: limitStorage}
		return estimate{value: *usual.part(r), reason: "no container here has such a limit"}
	}
	slices.Sort(all)
	return estimate{value: all[(len(all)-1)/2], reason: "the median of the limits of " + count(int64(len(all)), "container")}
}

// shareOfLimits returns the most that each of the containers without a limit
// may be limited to, by the maximum for pods.
func (n namespace) shareOfLimits(w fixes.Workload, r corev1.ResourceName) int64 {
	bound, bounded := n.podMaximum(r)
	if !bounded {
		return most
	}
	lacking := int64(0)
	for _, c := range containers(w.Spec) {
		if q, ok := c.Resources.Limits[r]; ok {
			bound -= valueOf(q, r)
		} else {
			lacking++
		}
	}
	return max(bound, 0) / max(lacking, 1)
}

// emptyDirs returns what the emptyDir volumes on a pod's disk may hold, which
// counts against the pod's ephemeral storage.
func emptyDirs(spec *corev1.PodSpec) int64 {
	total := int64(0)
	for _, v := range spec.Volumes {
		switch dir := v.EmptyDir; {
		case dir == nil || dir.Medium == corev1.StorageMediumMemory:
		case dir.SizeLimit != nil:
			total = clamp(total + valueOf(*dir.SizeLimit, corev1.ResourceEphemeralStorage))
		default:
			total = clamp(total + volumeStorage)
		}
	}
	return total
}
