package quota

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// containerKinds are what the rules about containers look at.
func containerKinds() []fixes.Kind {
	return append(fixes.WorkloadKinds(), fixes.KindNamespace, fixes.KindNode, fixes.KindHPA, fixes.KindVPA,
		fixes.KindLimitRange, fixes.KindResourceQuota, fixes.KindUsage)
}

// eachContainer calls f for the containers of all workloads but the cluster's
// own: its components are sized by who runs it, and one that is killed takes
// others down.
func eachContainer(p *fixes.Pass, f func(namespace, fixes.Workload, fixes.Container)) {
	for _, n := range group(p, append([]string{""}, p.UserNamespaces()...)) {
		if !p.Covers(fixes.KindLimitRange, n.name) {
			continue // it may give them what they lack
		}
		for _, w := range n.workloads {
			for c := range w.Containers() {
				if c.SeedsScratch() {
					continue // it runs for a moment, with what its container has
				}
				if !c.Ephemeral {
					f(n, w, c)
				}
			}
		}
	}
}

// vertical returns the vertical autoscaler that sets what a container requests
// of a resource, or nil; init containers that end are not its business.
func (n namespace) vertical(w fixes.Workload, c fixes.Container, r corev1.ResourceName) *fixes.VPA {
	if c.Init && runsToEnd(c.Container) {
		return nil
	}
	return n.scalers.sets(w.Ref(), c.Name, r)
}

// resources are values for one container, in the order of [counted].
type resources struct {
	names     []corev1.ResourceName
	estimates map[corev1.ResourceName]estimate
}

func (s *resources) add(r corev1.ResourceName, e estimate) {
	if s.estimates == nil {
		s.estimates = map[corev1.ResourceName]estimate{}
	}
	s.names = append(s.names, r)
	s.estimates[r] = e
}

// blocked says why one of them cannot be set, or is empty.
func (s *resources) blocked() string {
	for _, r := range s.names {
		if why := s.estimates[r].blocked; why != "" {
			return why
		}
	}
	return ""
}

// evidence returns a line for each: "memory limit 512Mi: …".
func (s *resources) evidence(what string) []string {
	var out []string
	for _, r := range s.names {
		if e := s.estimates[r]; e.blocked == "" {
			out = append(out, what+" "+e.String(r))
		}
	}
	return out
}

// list names the resources: "cpu or memory".
func (s *resources) list() string {
	names := make([]string, len(s.names))
	for i, r := range s.names {
		names[i] = wordFor(r)
	}
	return strings.Join(names, " or ")
}

// fill gives a container of a draft what it still lacks of them, unless has
// says that it does not.
func (s *resources) fill(list *corev1.ResourceList, has func(corev1.ResourceName) bool) {
	for _, r := range s.names {
		if has(r) {
			continue
		}
		if *list == nil {
			*list = corev1.ResourceList{}
		}
		(*list)[r] = quantity(s.estimates[r].value, r)
	}
}

// fillRequests gives a container requests, where it names none.
func (s *resources) fillRequests(c *corev1.Container) {
	s.fill(&c.Resources.Requests, func(r corev1.ResourceName) bool { _, ok := names(c, r); return ok })
}

// requestRisks say what it changes that a container requests these.
func (n namespace) requestRisks(w fixes.Workload, c fixes.Container, of *resources) []string {
	var risks []string
	if len(of.names) > 0 {
		risks = append(risks, "Its pods reserve what they request, and may stay Pending on a full cluster.")
	}
	if bestEffort(w.Spec) {
		risks = append(risks, "Its pods are Burstable then, no more BestEffort: under pressure they are evicted later than those that request nothing.")
	}
	for _, r := range of.names {
		if hpa := n.scalers.scalesBy(w.Ref(), c.Name, r); hpa != nil {
			risks = append(risks, "HorizontalPodAutoscaler "+hpa.Name+" scales by the share of the "+string(r)+" request that is used: the number of pods may change.")
		}
	}
	for _, q := range n.quotas() {
		if slices.ContainsFunc(of.names, func(r corev1.ResourceName) bool {
			_, plain := q.Spec.Hard[r]
			_, requests := q.Spec.Hard[corev1.DefaultResourceRequestsPrefix+r]
			return plain || requests
		}) {
			risks = append(risks, "ResourceQuota "+q.Name+" counts it: kubectl describe resourcequota -n "+n.name+" shows what is left.")
		}
	}
	return risks
}

// bestEffort reports whether no container of a pod asks for cpu or memory.
func bestEffort(spec *corev1.PodSpec) bool {
	return spec.Resources == nil && !slices.ContainsFunc(containers(spec), func(c *corev1.Container) bool {
		return slices.ContainsFunc(requested(), func(r corev1.ResourceName) bool { _, ok := names(c, r); return ok })
	})
}

// atPod reports whether the pod itself names a request, or a limit.
func atPod(spec *corev1.PodSpec, r corev1.ResourceName) bool {
	if spec.Resources == nil {
		return false
	}
	_, request := spec.Resources.Requests[r]
	_, limit := spec.Resources.Limits[r]
	return request || limit
}
