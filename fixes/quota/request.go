package quota

import (
	corev1 "k8s.io/api/core/v1"
)

// requests returns what one pod will request once the API server has taken
// limits for missing requests and the LimitRanges have filled in the rest. It
// is the sum that scheduler and quota make (KEP-753, KEP-2837), tested against
// theirs, which would have the defaults written into a copy of every pod.
func requests(spec *corev1.PodSpec, defaults amount) amount {
	return requestsOf(spec, func(*corev1.Container) amount { return defaults })
}

// requestsOf is [requests] with defaults for each container.
func requestsOf(spec *corev1.PodSpec, defaults func(*corev1.Container) amount) amount {
	var sum, sidecars, start amount
	named := map[corev1.ResourceName]bool{}
	of := func(c *corev1.Container) amount {
		a := defaults(c)
		for _, r := range counted() {
			if q, ok := names(c, r); ok {
				*a.part(r), named[r] = valueOf(q, r), true
			}
		}
		return a
	}
	for i := range spec.Containers {
		sum = sum.plus(of(&spec.Containers[i]))
	}
	for i := range spec.InitContainers {
		c := &spec.InitContainers[i]
		if runsToEnd(c) {
			start = start.max(sidecars.plus(of(c)))
			continue
		}
		a := of(c)
		sum, sidecars = sum.plus(a), sidecars.plus(a)
		start = start.max(sidecars)
	}
	sum = sum.max(start)
	if level := spec.Resources; level != nil {
		for _, r := range requested() { // ephemeral storage has no pod level
			*sum.part(r) = atPodLevel(level, r, *sum.part(r), named[r])
		}
	}
	sum = sum.plus(amountOf(spec.Overhead))
	sum.pods = 1
	return sum
}

// atPodLevel returns a pod's request for a resource, given what its containers
// ask for together. A pod-level limit stands for the request that neither the
// pod nor any container names; from 1.37 on defaults count as named, so that
// the larger of the two is right for both.
func atPodLevel(level *corev1.ResourceRequirements, r corev1.ResourceName, sum int64, named bool) int64 {
	if q, ok := level.Requests[r]; ok {
		return valueOf(q, r)
	}
	if q, ok := level.Limits[r]; ok && !named {
		return max(valueOf(q, r), sum)
	}
	return sum
}
