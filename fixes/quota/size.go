package quota

import (
	"cmp"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// sizing is how a namespace's quota comes about.
type sizing struct {
	running amount // what a quota would count now
	scale   amount // all workloads with the most pods they may have
	// turnover is what comes beside the old pods when all are replaced at once,
	// and the largest finished Job is run again: a quota counts pods that are
	// ending until they are gone.
	turnover amount
	hard     amount
	notes    []string // what was assumed
	// owners start pods of their own accord: custom resources whose controllers
	// the inventory does not know. perNode are DaemonSets. vertical change what
	// pods request.
	owners, perNode, vertical []string
}

// headroom is what is added to what is known, in percent.
const headroom = 20

// usualStorage is the ephemeral storage for each pod that may come, where none
// is known to ask for more.
const usualStorage = gibi

// size works out the namespace's quota, with default requests beside those
// that stand already.
func (n namespace) size(additional corev1.ResourceList) sizing {
	defaults := amountOf(n.standing).max(amountOf(additional))
	var s sizing
	for _, w := range n.workloads {
		pod := n.podAmount(w, defaults, &s)
		pods := n.desired(w, n.scalers.maximum(w.Ref()), &s)
		s.scale = s.scale.plus(pod.times(pods))
		s.turnover = s.turnover.plus(pod.times(pods + surge(w, pods)))
		if _, owner := n.inv.Top(w.Object); owner != nil {
			if name := owner.Kind + " " + owner.Name; !slices.Contains(s.owners, name) {
				s.owners = append(s.owners, name)
			}
		}
	}
	var largest amount
	for _, w := range n.finished {
		largest = largest.max(requests(w.Spec, defaults).times(n.desired(w, 0, &s)))
	}
	s.turnover = s.turnover.plus(largest)
	if n.inv.Live {
		for _, pod := range fixes.Objects[*corev1.Pod](n.inv, n.name) {
			if occupies(pod) {
				s.running = s.running.plus(requests(&pod.Spec, amount{}))
			}
		}
	}
	base := s.scale.max(s.running)
	spare := base.percent(headroom)
	spare.pods = max((base.pods+1)/2, 10)
	s.hard = base.plus(spare).plus(s.turnover)
	// Where nothing requests anything, a quota of nothing would refuse all.
	least := amount{cpu: cmp.Or(defaults.cpu, usualCPU), memory: cmp.Or(defaults.memory, usualMemory), storage: usualStorage}.times(s.hard.pods)
	s.hard.cpu = cmp.Or(s.hard.cpu, least.cpu)
	s.hard.memory = cmp.Or(s.hard.memory, least.memory)
	s.hard.storage = max(s.hard.storage, least.storage)
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
	if s.turnover.pods > 0 {
		out = append(out, "while all pods are replaced at once: "+s.turnover.String()+" more")
	}
	return append(out, "quota with headroom: "+s.hard.String())
}

// podAmount returns what one pod of a workload takes: its template's requests,
// or those of a running pod where they are larger, since webhooks inject
// containers and autoscalers raise requests that no template shows. A container
// without a request counts with what it uses, if that is more than the default:
// it should request as much.
func (n namespace) podAmount(w fixes.Workload, defaults amount, s *sizing) amount {
	of := func(c *corev1.Container) amount { return defaults.max(n.uses(w, c.Name)) }
	spec, by := n.scalers.raised(w)
	for _, name := range by {
		s.notes = append(s.notes, fmt.Sprintf("%s: %s sets its requests", nameOf(w.Object), name))
	}
	s.vertical = append(s.vertical, by...)
	a := requestsOf(spec, of)
	for _, pod := range n.inv.Pods(w) {
		if occupies(pod) {
			a = a.max(requestsOf(&pod.Spec, of))
		}
	}
	return a
}
