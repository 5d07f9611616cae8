package quota

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// namespace is what the rules of this chapter look at together.
type namespace struct {
	inv  *fixes.Inventory
	name string
	// workloads are those that start pods; those that have finished may be made
	// anew.
	workloads, finished []fixes.Workload
	// standing are the default requests of the LimitRanges that are there.
	standing corev1.ResourceList
	scalers  autoscalers
	// medians of requests and of limits are those that were asked for so far: containers
	// ask again and again.
	medians, limitMedians map[corev1.ResourceName]estimate
}

func namespaceOf(inv *fixes.Inventory, name string, workloads []fixes.Workload) namespace {
	n := namespace{
		inv:          inv,
		name:         name,
		standing:     standingDefaults(inv, name),
		scalers:      autoscalersOf(inv, name),
		medians:      map[corev1.ResourceName]estimate{},
		limitMedians: map[corev1.ResourceName]estimate{},
	}
	for _, w := range workloads {
		if w.Finished() {
			n.finished = append(n.finished, w)
		} else {
			n.workloads = append(n.workloads, w)
		}
	}
	return n
}

// namespaces returns the users' namespaces.
func namespaces(p *fixes.Pass) []namespace {
	return group(p, p.UserNamespaces())
}

// group returns namespaces with their workloads. These are grouped in one pass:
// to ask for those of each namespace would read all of them every time.
func group(p *fixes.Pass, names []string) []namespace {
	workloads := map[string][]fixes.Workload{}
	for _, w := range p.Workloads("") {
		ns := w.Object.GetNamespace()
		workloads[ns] = append(workloads[ns], w)
	}
	all := make([]namespace, 0, len(names))
	for _, name := range names {
		all = append(all, namespaceOf(p.Inventory, name, workloads[name]))
	}
	return all
}

// limits yields what the namespace's LimitRanges say of one type.
func (n namespace) limits(of corev1.LimitType) iter.Seq[corev1.LimitRangeItem] {
	return func(yield func(corev1.LimitRangeItem) bool) {
		for _, lr := range fixes.Objects[*corev1.LimitRange](n.inv, n.name) {
			for _, item := range lr.Spec.Limits {
				if item.Type == of && !yield(item) {
					return
				}
			}
		}
	}
}

// ref names the Namespace object, to which findings about what it lacks
// belong, whether or not the inventory holds it.
func (n namespace) ref() fixes.Ref { return fixes.Ref{Kind: fixes.KindNamespace, Name: n.name} }

// containers returns the containers that a LimitRange gives defaults to, and
// of which a quota demands requests: all but ephemeral ones.
func containers(spec *corev1.PodSpec) []*corev1.Container {
	out := make([]*corev1.Container, 0, len(spec.InitContainers)+len(spec.Containers))
	for i := range spec.InitContainers {
		out = append(out, &spec.InitContainers[i])
	}
	for i := range spec.Containers {
		out = append(out, &spec.Containers[i])
	}
	return out
}

// unnamed lists the containers that get no request for a resource, as
// "Deployment web (app, proxy)", and counts them. Running pods tell of
// containers that no template names: those that a webhook injects.
func (n namespace) unnamed(resources ...corev1.ResourceName) (list []string, total int) {
	lacks := func(c *corev1.Container) bool {
		return slices.ContainsFunc(resources, func(r corev1.ResourceName) bool {
			_, ok := names(c, r)
			return !ok
		})
	}
	for _, w := range n.workloads {
		var found, known []string
		look := func(spec *corev1.PodSpec) {
			for _, c := range containers(spec) {
				if slices.Contains(known, c.Name) {
					continue
				}
				known = append(known, c.Name)
				if lacks(c) {
					found = append(found, c.Name)
				}
			}
		}
		look(w.Spec)
		for _, pod := range n.inv.Pods(w) {
			if occupies(pod) {
				look(&pod.Spec)
			}
		}
		if len(found) > 0 {
			list = append(list, fmt.Sprintf("%s (%s)", nameOf(w.Object), strings.Join(found, ", ")))
			total += len(found)
		}
	}
	return list, total
}

// occupies reports whether a quota counts the pod.
func occupies(pod *corev1.Pod) bool {
	return pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
}

// some joins the first names of a list, which may be long.
func some(list []string) string {
	const shown = 8
	if len(list) <= shown {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:shown], ", "), len(list)-shown)
}

// nameOf returns "Deployment web".
func nameOf(obj fixes.Object) string {
	return fixes.RefOf(obj).Kind.Name + " " + obj.GetName()
}
