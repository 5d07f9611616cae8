package quota

import (
	"cmp"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// sizing is how a namespace's quota comes about.
type sizing struct {
	running amount // what a quota would count now
	scale   amount // all workloads with the most pods they may have
	surge   amount // what the largest rolling update adds
	hard    amount
	notes   []string // what was assumed
	// owners start pods of their own accord: custom resources whose controllers
	// the inventory does not know. perNode are DaemonSets.
	owners, perNode []string
}

// size works out the namespace's quota, with default requests beside those
// that stand already.
func (n namespace) size(additional corev1.ResourceList) sizing {
	defaults := amountOf(n.standing).max(amountOf(additional))
	var s sizing
	maxima := n.autoscalers()
	for _, w := range n.workloads {
		pod := n.podAmount(w, defaults)
		pods := n.desired(w, maxima[w.Ref()], &s)
		s.scale = s.scale.plus(pod.times(pods))
		s.surge = s.surge.max(pod.times(surge(w, pods)))
		if _, owner := n.inv.Top(w.Object); owner != nil {
			if name := owner.Kind + " " + owner.Name; !slices.Contains(s.owners, name) {
				s.owners = append(s.owners, name)
			}
		}
	}
	if n.inv.Live {
		for _, pod := range fixes.Objects[*corev1.Pod](n.inv, n.name) {
			if occupies(pod) {
				s.running = s.running.plus(requests(&pod.Spec, amount{}))
			}
		}
	}
	base := s.scale.plus(s.surge).max(s.running)
	s.hard = amount{
		cpu:    base.cpu + (base.cpu+4)/5,
		memory: base.memory + (base.memory+4)/5,
		pods:   max(base.pods+(base.pods+1)/2, base.pods+10),
	}
	// Where nothing requests anything, a quota of nothing would refuse all.
	least := amount{cpu: cmp.Or(defaults.cpu, usualCPU), memory: cmp.Or(defaults.memory, usualMemory)}.times(s.hard.pods)
	s.hard.cpu = cmp.Or(s.hard.cpu, least.cpu)
	s.hard.memory = cmp.Or(s.hard.memory, least.memory)
	s.hard = s.hard.readable()
	return s
}

// evidence shows the sums.
func (s sizing) evidence(live bool) []string {
	var out []string
	if live {
		out = append(out, "runs now: "+s.running.String())
	}
	out = append(out, "at full scale: "+s.scale.String())
	const shown = 8
	if more := len(s.notes) - shown; more > 0 {
		out = append(append(out, s.notes[:shown]...), fmt.Sprintf("and %d more such assumptions", more))
	} else {
		out = append(out, s.notes...)
	}
	if s.surge.pods > 0 {
		out = append(out, "largest rollout surge: "+s.surge.String())
	}
	return append(out, "quota with headroom: "+s.hard.String())
}

// autoscalers returns the most replicas to which an autoscaler may bring each
// workload.
func (n namespace) autoscalers() map[fixes.Ref]int64 {
	maxima := map[fixes.Ref]int64{}
	for _, hpa := range fixes.Objects[*autoscalingv2.HorizontalPodAutoscaler](n.inv, n.name) {
		target := hpa.Spec.ScaleTargetRef
		gv, err := schema.ParseGroupVersion(target.APIVersion)
		if err != nil {
			continue
		}
		if kind, ok := fixes.LookupKind(schema.GroupKind{Group: gv.Group, Kind: target.Kind}); ok {
			ref := fixes.Ref{Kind: kind, Namespace: n.name, Name: target.Name}
			maxima[ref] = max(maxima[ref], int64(hpa.Spec.MaxReplicas))
		}
	}
	return maxima
}

// podAmount returns what one pod of a workload takes: its template's requests,
// or those of a running pod where they are larger, since webhooks inject
// containers and autoscalers raise requests that no template shows.
func (n namespace) podAmount(w fixes.Workload, defaults amount) amount {
	a := requests(w.Spec, defaults)
	for _, pod := range n.inv.Pods(w) {
		if occupies(pod) {
			a = a.max(requests(&pod.Spec, defaults))
		}
	}
	return a
}

// requests returns what one pod will request once the API server has taken
// limits for missing requests and the LimitRanges have filled in the rest. It
// is the sum that scheduler and quota make (KEP-753, KEP-2837), tested against
// theirs, which would have the defaults written into a copy of every pod.
func requests(spec *corev1.PodSpec, defaults amount) amount {
	var sum, sidecars, start amount
	var named struct{ cpu, memory bool }
	of := func(c *corev1.Container) amount {
		a := defaults
		if q, ok := names(c, corev1.ResourceCPU); ok {
			a.cpu, named.cpu = valueOf(q, corev1.ResourceCPU), true
		}
		if q, ok := names(c, corev1.ResourceMemory); ok {
			a.memory, named.memory = valueOf(q, corev1.ResourceMemory), true
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
		sum.cpu = atPodLevel(level, corev1.ResourceCPU, sum.cpu, named.cpu)
		sum.memory = atPodLevel(level, corev1.ResourceMemory, sum.memory, named.memory)
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

// desired returns the most pods that a workload may have at a time outside a
// rollout, given the maximum of its autoscaler, and notes what it assumes.
func (n namespace) desired(w fixes.Workload, maximum int64, s *sizing) int64 {
	scaled := func(replicas *int32) int64 {
		pods := orOne(replicas)
		if maximum > pods {
			s.notes = append(s.notes, fmt.Sprintf("%s: %d replicas, an autoscaler may make them %d", nameOf(w.Object), pods, maximum))
			pods = maximum
		}
		return pods
	}
	switch o := w.Object.(type) {
	case *appsv1.Deployment:
		return scaled(o.Spec.Replicas)
	case *appsv1.StatefulSet:
		return scaled(o.Spec.Replicas)
	case *appsv1.ReplicaSet:
		return scaled(o.Spec.Replicas)
	case *corev1.ReplicationController:
		return scaled(o.Spec.Replicas)
	case *appsv1.DaemonSet:
		s.perNode = append(s.perNode, nameOf(o))
		if n.inv.Live {
			return int64(o.Status.DesiredNumberScheduled)
		}
		if nodes := n.inv.Len(fixes.KindNode); nodes > 0 {
			return int64(nodes)
		}
		s.notes = append(s.notes, nameOf(o)+": the number of nodes is not known, counted as one")
		return 1
	case *batchv1.Job:
		return parallel(o.Spec)
	case *batchv1.CronJob:
		pods := parallel(o.Spec.JobTemplate.Spec)
		if o.Spec.ConcurrencyPolicy == batchv1.AllowConcurrent || o.Spec.ConcurrencyPolicy == "" {
			s.notes = append(s.notes, nameOf(o)+": its Jobs may overlap, two counted")
			pods *= 2
		}
		return pods
	}
	return 1 // a pod
}

// parallel returns how many pods a Job runs at a time.
func parallel(spec batchv1.JobSpec) int64 {
	pods := orOne(spec.Parallelism)
	if spec.Completions != nil {
		pods = min(pods, int64(*spec.Completions))
	}
	return pods
}

// surge returns how many pods a rolling update starts beside the desired ones.
func surge(w fixes.Workload, desired int64) int64 {
	var most *intstr.IntOrString
	switch o := w.Object.(type) {
	case *appsv1.Deployment:
		if o.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
			return 0
		}
		quarter := intstr.FromString("25%") // the API's default
		most = &quarter
		if r := o.Spec.Strategy.RollingUpdate; r != nil && r.MaxSurge != nil {
			most = r.MaxSurge
		}
	case *appsv1.DaemonSet:
		if r := o.Spec.UpdateStrategy.RollingUpdate; r != nil {
			most = r.MaxSurge
		}
	}
	if most == nil {
		return 0
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(most, int(desired), true)
	if err != nil {
		return 0 // the API server refuses such a value
	}
	return max(int64(n), 0)
}

func orOne(n *int32) int64 {
	if n == nil {
		return 1
	}
	return max(int64(*n), 0)
}
