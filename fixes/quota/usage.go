package quota

import (
	"math"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// percentile is the share of pods that use no more than what is told of them.
const percentile = 95

// observation is what the containers of one name used in the running pods of a
// workload, when the scan looked.
type observation struct {
	window time.Duration // over which cpu was averaged
	values []int64       // one a pod, in rising order
}

// typical returns the percentile over the pods, by nearest rank: of fewer than
// twenty pods it is the largest.
func (o observation) typical() int64 {
	rank := int(math.Ceil(float64(len(o.values)) * percentile / 100))
	return o.values[rank-1]
}

func (o observation) peak() int64 { return o.values[len(o.values)-1] }

// String says what the observation rests on: "12 pods, averaged over 30s".
func (o observation) String() string {
	text := count(int64(len(o.values)), "pod")
	if o.window > 0 {
		text += ", averaged over " + o.window.String()
	}
	return text
}

// observed returns what containers of a workload used of a resource, where
// metrics.k8s.io tells.
func (n namespace) observed(w fixes.Workload, container string, r corev1.ResourceName) (observation, bool) {
	var o observation
	for _, pod := range n.inv.Pods(w) {
		usage, ok := fixes.Lookup[*fixes.Usage](n.inv, pod.Namespace, pod.Name)
		if !ok || !occupies(pod) {
			continue
		}
		if q, ok := usage.Container(container)[r]; ok {
			o.values = append(o.values, valueOf(q, r))
			o.window = max(o.window, usage.Window)
		}
	}
	slices.Sort(o.values)
	return o, len(o.values) > 0
}

// uses returns what a container typically uses, as far as is known.
func (n namespace) uses(w fixes.Workload, container string) amount {
	var a amount
	for _, r := range requested() {
		if o, ok := n.observed(w, container, r); ok {
			*a.part(r) = o.typical()
		}
	}
	return a
}

func wordFor(r corev1.ResourceName) string { return strings.ReplaceAll(string(r), "-", " ") }

// show writes a value of a resource as people do ("0.12 cpu", "96Mi memory").
func show(v int64, r corev1.ResourceName) string {
	if r == corev1.ResourceCPU {
		return decimal(float64(v)/core) + " cpu"
	}
	return bytes(v) + " " + wordFor(r)
}
