package quota

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func containerNoLimits() *fixes.Rule {
	return &fixes.Rule{
		ID:         "container-no-limits",
		Category:   fixes.Quota,
		Title:      "A container may take all memory or disk of its node",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.DenialOfService},
		References: []fixes.Reference{fixes.NSA("Network separation and hardening"), fixes.OWASP("K01")},
		Kinds:      containerKinds(),
		Local:      true,
		Docs:       containerNoLimitsDocs,
		Check:      checkContainerNoLimits,
	}
}

const containerNoLimitsDocs = `
A container without a memory limit grows until its node has none left; then the
kernel kills processes, its own or a neighbour's. One without a limit of ephemeral
storage (its logs, what it writes, its emptyDir volumes) fills the node's disk, and
the kubelet evicts pods in an order nobody chose. Either is a way to take a node
down from inside one container.

## What is looked at
Containers and init containers for which neither they, nor their pod, nor a
LimitRange names a memory limit (medium) or one of ephemeral storage (low; only
where all nodes of a cluster account for it).

A missing cpu limit is not reported: cpu is shared by what containers request, so
none can starve another, while a limit throttles even where cores are idle. It is
reported only where a ResourceQuota on limits.cpu refuses pods without one.
Namespaces of the cluster itself are left out.

## The fix
Sets what is missing, for review: above a memory limit the container is killed,
above one of storage its pod is evicted. In this order, the value is

    used     where metrics.k8s.io is served: twice the most that the workload's
             pods use. Metrics are one look: look on a busy day
    median   of the limits of the namespace's containers
    usual    512Mi of memory, 4Gi of storage, 1 cpu

at least twice what the container requests, for storage with room for the pod's
emptyDir volumes (their size limit, or 4Gi), bounded by the LimitRanges.

A limit without a request becomes the request (the API server's default), so the
request is set too where there is none: what container-no-requests would set.
Where a VerticalPodAutoscaler sets the memory request it also scales the limit in
proportion to it, so the limit is left to a person.

## By hand
    kubectl top pods -n shop --containers
    kubectl set resources deployment/web -n shop -c app --limits=memory=512Mi
`

func checkContainerNoLimits(p *fixes.Pass) {
	storage := accountsForStorage(p.Inventory)
	eachContainer(p, func(n namespace, w fixes.Workload, c fixes.Container) {
		missing, requests := n.missingLimits(w, c, storage)
		if len(missing.names) == 0 {
			return
		}
		f := fixes.Finding{
			Object: w.Ref(), Path: c.Path + ".resources.limits", Key: c.Name,
			Message:  fmt.Sprintf("Container %s has no %s limit: it may take all that its node has, and others with it.", c.Name, missing.list()),
			Evidence: append(missing.evidence("proposed limit of"), requests.evidence("proposed request of")...),
		}
		switch {
		case slices.Contains(missing.names, corev1.ResourceCPU):
			f.Message = fmt.Sprintf("Container %s has no %s limit, and a ResourceQuota refuses pods without a cpu limit.", c.Name, missing.list())
		case !slices.Contains(missing.names, corev1.ResourceMemory):
			f.Severity = fixes.Low
		}
		f.Fixes = []fixes.Fix{n.limitsFix(w, c, missing, requests)}
		p.Report(f)
	})
}

// accountsForStorage reports whether the nodes account for ephemeral storage:
// where one does not, a pod that requests some is never put there.
func accountsForStorage(inv *fixes.Inventory) bool {
	nodes := fixes.Objects[*corev1.Node](inv, "")
	return (len(nodes) > 0 || !inv.Live) && !slices.ContainsFunc(nodes, func(n *corev1.Node) bool {
		_, ok := n.Status.Allocatable[corev1.ResourceEphemeralStorage]
		return inv.Live && !ok
	})
}

// missingLimits returns the limits that a container should have, and the
// requests that these would become without one.
func (n namespace) missingLimits(w fixes.Workload, c fixes.Container, storage bool) (limits, requests *resources) {
	limits, requests = &resources{}, &resources{}
	for _, r := range counted() {
		_, has := c.Resources.Limits[r]
		if has || w.Spec.Resources != nil && atPod(w.Spec, r) || n.limited(r) ||
			r == corev1.ResourceCPU && !n.demandsCPULimits() || r == corev1.ResourceEphemeralStorage && !storage {
			continue
		}
		own, named := c.Resources.Requests[r]
		request := estimate{value: valueOf(own, r)}
		if !named {
			request = n.request(w, c, r)
			requests.add(r, request)
		}
		limits.add(r, n.limit(w, c, r, request.value))
	}
	return limits, requests
}

// limited reports whether a LimitRange gives containers a limit of a resource:
// a default, or a maximum, which stands for it.
func (n namespace) limited(r corev1.ResourceName) bool {
	for item := range n.limits(corev1.LimitTypeContainer) {
		_, given := item.Default[r]
		_, maximum := item.Max[r]
		if given || maximum {
			return true
		}
	}
	return false
}

func (n namespace) demandsCPULimits() bool {
	return slices.ContainsFunc(n.quotas(), func(q *corev1.ResourceQuota) bool {
		_, ok := q.Spec.Hard[corev1.ResourceLimitsCPU]
		return ok
	})
}

func (n namespace) limitsFix(w fixes.Workload, c fixes.Container, limits, requests *resources) fixes.Fix {
	fix := fixes.Fix{
		Title:      "Set limits of container " + c.Name,
		Confidence: fixes.Review,
		Why:        "nothing shows what it needs at the most",
		Edit: func(d *fixes.Draft) error {
			return editContainer(d, w.Ref(), c.Name, func(c *corev1.Container) {
				requests.fillRequests(c)
				limits.fill(&c.Resources.Limits, func(r corev1.ResourceName) bool { _, ok := c.Resources.Limits[r]; return ok })
			})
		},
	}
	for _, r := range limits.names {
		if vpa := n.vertical(w, c, r); vpa != nil {
			return byHand(fix.Title, "VerticalPodAutoscaler "+vpa.Name+" sets its "+string(r)+" request, and scales a limit in proportion to it", w, n)
		}
		value := show(limits.estimates[r].value, r)
		_, seen := n.observed(w, c.Name, r)
		switch r {
		case corev1.ResourceMemory:
			fix.Risks = append(fix.Risks, "The container is killed when it needs more than "+value+".")
			if seen {
				fix.Why = "the metrics show one moment, not the most that it will need"
			}
		case corev1.ResourceCPU:
			fix.Risks = append(fix.Risks, "The container is slowed down when it needs more than "+value+".")
		default:
			fix.Risks = append(fix.Risks, "Its pods are evicted when logs, written files and emptyDir volumes take more than "+value+".")
		}
	}
	fix.Risks = append(fix.Risks, n.requestRisks(w, c, requests)...)
	for _, all := range []*resources{requests, limits} {
		if why := all.blocked(); why != "" {
			return byHand(fix.Title, why, w, n)
		}
	}
	return fix
}

// editContainer edits the container of that name in a draft, if it is there.
func editContainer(d *fixes.Draft, ref fixes.Ref, name string, edit func(*corev1.Container)) error {
	w, err := d.EditWorkload(ref)
	if err != nil {
		return err
	}
	if c, ok := w.Container(name); ok {
		edit(c.Container)
	}
	return nil
}

// byHand is what remains to say where no value can be chosen for a container.
func byHand(title, why string, w fixes.Workload, n namespace) fixes.Fix {
	return fixes.Fix{
		Title: title, Confidence: fixes.Manual, Why: why,
		Steps: "See what it uses, what its namespace allows, and set the resources where they belong:\n" +
			"  kubectl top pods -n " + n.name + " --containers\n  kubectl describe limitrange,vpa -n " + n.name +
			"\n  kubectl edit " + w.Ref().KubectlArgs(),
	}
}
