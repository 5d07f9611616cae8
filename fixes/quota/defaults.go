package quota

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// limitRangeName is the name of the LimitRange that both rules of the chapter
// create: whichever fix is made first, the other finds its work done.
const limitRangeName = "container-defaults"

// requested are the resources that a container should request.
func requested() []corev1.ResourceName {
	return []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory}
}

// names reports whether a container gets a request of its own: one that it
// names, or its limit, which the API server takes for the request where there
// is none (SetDefaults_Pod).
func names(c *corev1.Container, r corev1.ResourceName) (resource.Quantity, bool) {
	if q, ok := c.Resources.Requests[r]; ok {
		return q, true
	}
	q, ok := c.Resources.Limits[r]
	return q, ok
}

// standingDefaults returns the requests that the LimitRanges of a namespace
// give to containers that name none. Where several differ, the API server
// takes them in no set order, so the largest counts.
func standingDefaults(inv *fixes.Inventory, namespace string) corev1.ResourceList {
	out := corev1.ResourceList{}
	for _, lr := range fixes.Objects[*corev1.LimitRange](inv, namespace) {
		for _, item := range lr.Spec.Limits {
			if item.Type != corev1.LimitTypeContainer {
				continue
			}
			for _, r := range counted() {
				q, ok := itemDefault(item, r)
				if had, there := out[r]; ok && (!there || q.Cmp(had) > 0) {
					out[r] = q
				}
			}
		}
	}
	return out
}

// itemDefault returns the default request of a LimitRange's item as the API
// server completes it (SetDefaults_LimitRangeItem): from the default limit,
// which comes from the maximum, and else from the minimum. Manifests have
// none of that filled in.
func itemDefault(item corev1.LimitRangeItem, r corev1.ResourceName) (resource.Quantity, bool) {
	for _, list := range []corev1.ResourceList{item.DefaultRequest, item.Default, item.Max, item.Min} {
		if q, ok := list[r]; ok {
			return q, true
		}
	}
	return resource.Quantity{}, false
}

// defaults are the default requests that a namespace lacks.
type defaults struct {
	requests corev1.ResourceList
	// reasons say where each value comes from.
	reasons []string
	// blocked names a workload whose pods no default request would suit.
	blocked string
}

const (
	// What a container about which nothing is known requests.
	usualCPU, usualMemory = core / 10, 128 * mebi
	// The most that a median counts for: defaults are for the containers that
	// nobody sized, as a rule small ones beside the main one, and a default too
	// large keeps pods from being scheduled.
	largestCPU, largestMemory = core / 2, 512 * mebi
)

// customary returns the usual and the largest default for a resource.
func customary(r corev1.ResourceName) (usual, largest int64) {
	if r == corev1.ResourceCPU {
		return usualCPU, largestCPU
	}
	return usualMemory, largestMemory
}

// lackingDefaults proposes a default request for each resource that has none.
// A resource for which a LimitRange has a default limit, a maximum or a
// minimum has one already, so a default request proposed here never meets a
// smaller default limit, which would make pods invalid (kubernetes#51430).
func (n namespace) lackingDefaults() defaults {
	d := defaults{requests: corev1.ResourceList{}}
	for _, r := range n.lacks() {
		e := n.median(r)
		room, tight := n.room(r)
		if tight != nil && room < e.value {
			step := int64(1)
			if r == corev1.ResourceMemory {
				step = mebi
			}
			if room < step {
				d.blocked = nameOf(tight)
				return d
			}
			e = estimate{value: room / step * step, reason: "the most that the pods of " + nameOf(tight) + " may still ask for"}
		}
		q := quantity(e.value, r)
		d.requests[r] = q
		d.reasons = append(d.reasons, fmt.Sprintf("default %s request %s: %s", r, q.String(), e.reason))
	}
	return d
}

// lacks lists the resources that no LimitRange gives a default request for.
func (n namespace) lacks() []corev1.ResourceName {
	return slices.DeleteFunc(requested(), func(r corev1.ResourceName) bool {
		_, ok := n.standing[r]
		return ok
	})
}

// median returns the median request of the namespace's containers that have
// one (of an even number, the lower of the two in the middle), else the median
// of what they use, bounded.
func (n namespace) median(r corev1.ResourceName) estimate {
	e, known := n.medians[r]
	if !known {
		e = n.findMedian(r)
		n.medians[r] = e
	}
	return e
}

func (n namespace) findMedian(r corev1.ResourceName) estimate {
	var all []int64
	for _, w := range n.workloads {
		for _, c := range containers(w.Spec) {
			if q, ok := names(c, r); ok && q.Sign() > 0 {
				all = append(all, valueOf(q, r))
			}
		}
	}
	usual, largest := customary(r)
	reason := "the median of " + count(int64(len(all)), "container")
	if len(all) == 0 {
		if all = n.used(r); len(all) == 0 {
			return estimate{value: usual, reason: "no container here names one"}
		}
		reason = "the median of what " + count(int64(len(all)), "container") + " used"
	}
	slices.Sort(all)
	value := all[(len(all)-1)/2]
	if value > largest {
		q := quantity(value, r)
		return estimate{value: largest, reason: "bounded, " + reason + " is " + q.String()}
	}
	return estimate{value: value, reason: reason}
}

// used returns what the namespace's containers typically use, each rounded up.
func (n namespace) used(r corev1.ResourceName) []int64 {
	var all []int64
	for _, w := range n.workloads {
		for _, c := range containers(w.Spec) {
			if o, ok := n.observed(w, c.Name, r); ok {
				all = append(all, roundUp(max(o.typical(), 1), grain(r)))
			}
		}
	}
	return all
}

// grain is the step in which a container's resources are given.
func grain(r corev1.ResourceName) int64 {
	if r == corev1.ResourceCPU {
		return core / 100
	}
	return 16 * mebi
}

// createDefaults adds the default requests that the namespace lacks to the
// draft, unless an earlier fix has, and returns the namespace as it is then.
func (n namespace) createDefaults(d *fixes.Draft) (namespace, error) {
	lacking := n.lackingDefaults()
	if lacking.blocked != "" {
		return n, fmt.Errorf("no default request suits %s", lacking.blocked)
	}
	if len(lacking.requests) == 0 {
		return n, nil
	}
	lr := &corev1.LimitRange{}
	lr.Name, lr.Namespace = d.FreeName(fixes.KindLimitRange, n.name, limitRangeName), n.name
	lr.Spec.Limits = []corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer, DefaultRequest: lacking.requests}}
	if err := d.Create(lr); err != nil {
		return n, err
	}
	n.standing = standingDefaults(d.Inventory, n.name)
	return n, nil
}

// blockedFix is what remains to say where no default request suits every pod.
func blockedFix(title, workload, namespace string) fixes.Fix {
	return fixes.Fix{
		Title:      title,
		Confidence: fixes.Manual,
		Why:        "with any default request the pods of " + workload + " would ask for more than they may, and be refused",
		Steps: "Give every container of " + workload + " cpu and memory requests within what the pod may ask for:\n" +
			"its resources at the pod level, or the maximum for pods (kubectl get limitrange -n " + namespace + " -o yaml).\n" +
			"Then check: kubectl harden -n " + namespace + " --category quota",
	}
}
