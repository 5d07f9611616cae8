package logging

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func logAgentGap() *fixes.Rule {
	return &fixes.Rule{
		ID:         "log-agent-gap",
		Category:   fixes.Logging,
		Title:      "The log collector does not land on every node",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.Repudiation},
		References: logReferences(),
		Kinds:      append(collectorKinds(), fixes.KindNode),
		Docs:       logAgentGapDocs,
		Check:      checkLogAgentGap,
	}
}

const logAgentGapDocs = `
A node without the log collector keeps no record elsewhere of what ran on it. Often
they are the nodes that matter: the control plane, and those that a team has tainted for
itself.

## What is looked at
Every node, and whether the pods of a log collector land on it, as the DaemonSet
controller and the scheduler decide it: taints against the template's tolerations and
those that the controller adds, nodeSelector, required node affinity, nodeName. The
affinity is judged by Kubernetes' own library, and the whole is compared with what a
real controller does in the tests. Of several collectors one on a node is enough.

In a running cluster also what runs: a node, ready, on which the pods would land and
none of a collector's runs, with what the node lacks for it (cpu, memory, pods), beside
what pods of a lower priority would have to leave.

Nodes on which no DaemonSet runs (Fargate, virtual kubelets) are left out: their
providers ship the logs, or do not. Nodes that may not be listed are not judged.

## The fix
Adds to the collector that lands on most nodes a toleration for each taint (by key and
effect, whatever the value), and takes out of its nodeSelector what the nodes lack. To
review: somebody may have left them out on purpose. A node affinity is left to a person,
since its terms say what was meant; so are nodes of another system or architecture,
where a collector made for them has to be added, and nodes without room.

## By hand
    kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints[*].key
    kubectl get pods -A -o wide --field-selector spec.nodeName=NODE
    kubectl describe daemonset -n NAMESPACE NAME
`

func checkLogAgentGap(p *fixes.Pass) {
	if p.Namespace != "" || !p.Covers(fixes.KindNode, "") || !p.Covers(fixes.KindDaemonSet, "") {
		return
	}
	c := coverageOf(p.Inventory)
	if c.main == nil || c.byAPI() != nil {
		return // none, which is another rule's; or none that belongs to nodes
	}
	open, closed := c.gaps()
	if len(open) > 0 {
		p.Report(c.finding("gap", open, "lands on none of", openFix(c.main, open)))
	}
	if len(closed) > 0 {
		p.Report(c.finding("closed", closed, "cannot run as it is on", closedFix(c.main, closed)))
	}
	if idle := c.idle(); len(idle) > 0 {
		f := c.finding("idle", idle, "runs on none of", idleFix(c.main))
		f.Path = "status"
		f.Evidence = c.lacking(idle)
		p.Report(f)
	}
}

// finding reports nodes that the main collector does not reach.
func (c *coverage) finding(key string, gaps []gap, does string, fix fixes.Fix) fixes.Finding {
	f := fixes.Finding{
		Object: c.main.Ref(), Path: c.main.SpecPath, Key: key,
		Message: fmt.Sprintf("%s %s %d of %d nodes: %s. What containers wrote there is nowhere else.",
			c.main.title(), does, len(gaps), len(c.nodes), fixes.Listed(nodeNames(gaps))),
		Fixes: []fixes.Fix{fix},
	}
	for _, g := range gaps[:min(len(gaps), most)] {
		f.Evidence = append(f.Evidence, g.String())
	}
	if n := len(gaps) - most; n > 0 {
		f.Evidence = append(f.Evidence, fmt.Sprintf("and %d more nodes", n))
	}
	if slices.ContainsFunc(gaps, func(g gap) bool { return controlPlane(g.node) }) {
		f.Severity = fixes.High
	}
	return f
}

// most is how many nodes are told one by one.
const most = 10

func controlPlane(node *corev1.Node) bool {
	for _, key := range []string{"node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master", "node-role.kubernetes.io/controlplane"} {
		if _, ok := node.Labels[key]; ok {
			return true
		}
	}
	return false
}

// openFix lets the pods of a collector onto nodes.
func openFix(main *collector, gaps []gap) fixes.Fix {
	ref := main.Ref()
	added := missingTolerations(gaps)
	selectors := missingSelectors(gaps)
	named := slices.ContainsFunc(gaps, func(g gap) bool { return g.named })
	var does []string
	if len(added) > 0 {
		var keys []string
		for _, t := range added {
			keys = append(keys, t.Key)
		}
		does = append(does, "tolerate "+fixes.Listed(keys))
	}
	if len(selectors) > 0 {
		does = append(does, "drop nodeSelector "+fixes.Listed(selectors))
	}
	if named {
		does = append(does, "drop nodeName")
	}
	return fixes.Fix{
		Title: "Let " + ref.Name + " onto " + fixes.Listed(nodeNames(gaps)) + ": " + strings.Join(does, ", "), Confidence: fixes.Review,
		Why:   "whether somebody keeps it off these nodes on purpose is not known",
		Risks: []string{"Its pods restart on all nodes.", "It takes cpu and memory on nodes that are kept for something else."},
		Edit: func(d *fixes.Draft) error {
			w, err := d.EditWorkload(ref)
			if err != nil {
				return err
			}
			for _, t := range added {
				if !slices.Contains(w.Spec.Tolerations, t) {
					w.Spec.Tolerations = append(w.Spec.Tolerations, t)
				}
			}
			for _, key := range selectors {
				delete(w.Spec.NodeSelector, key)
			}
			if len(w.Spec.NodeSelector) == 0 {
				w.Spec.NodeSelector = nil
			}
			if named {
				w.Spec.NodeName = ""
			}
			return nil
		},
	}
}

// missingTolerations tolerate the taints of gaps, each key and effect once.
func missingTolerations(gaps []gap) []corev1.Toleration {
	var out []corev1.Toleration
	for _, g := range gaps {
		for _, t := range g.taints {
			toleration := corev1.Toleration{Key: t.Key, Operator: corev1.TolerationOpExists, Effect: t.Effect}
			if !slices.Contains(out, toleration) {
				out = append(out, toleration)
			}
		}
	}
	return out
}

// missingSelectors are the entries of the nodeSelector that keep pods off the
// nodes of gaps.
func missingSelectors(gaps []gap) []string {
	var out []string
	for _, g := range gaps {
		for _, key := range g.selectors {
			if !slices.Contains(out, key) {
				out = append(out, key)
			}
		}
	}
	return out
}

// closedFix says what to do about nodes that no toleration opens.
func closedFix(main *collector, gaps []gap) fixes.Fix {
	var steps []string
	if slices.ContainsFunc(gaps, func(g gap) bool { return g.affinity }) {
		steps = append(steps, "Widen the required node affinity of "+main.Ref().String()+", or take it out: kubectl edit "+main.Ref().KubectlArgs())
	}
	if slices.ContainsFunc(gaps, func(g gap) bool { return slices.ContainsFunc(g.selectors, platform) || isWindows(g.node) }) {
		steps = append(steps, "For nodes of another operating system or architecture add a second DaemonSet of the collector, with an image for them.")
	}
	steps = append(steps, "Check: kubectl get pods -A -o wide --field-selector spec.nodeName="+gaps[0].node.Name)
	return fixes.Fix{
		Title: "Bring a log collector onto " + fixes.Listed(nodeNames(gaps)), Confidence: fixes.Manual,
		Why: "what was meant by leaving them out, only their owner knows", Steps: strings.Join(steps, "\n"),
	}
}

// idle are the nodes, ready, on which the pods of a collector would land, and none
// of any runs. It is judged by the scan: what a plan changes has not run yet.
func (c *coverage) idle() []gap {
	scanned := c.inv.Scanned()
	if !scanned.Live || !scanned.Covers(fixes.KindPod, "") {
		return nil
	}
	was := coverageOf(scanned)
	var idle []gap
	for _, node := range was.nodes {
		if isReady(node) && !hostless(node) && was.lands(node) && !was.runs(node) && c.lands(node) {
			idle = append(idle, gap{node: node})
		}
	}
	return idle
}

// lacking says of nodes what keeps the collector's pods from running there, as far
// as that can be seen.
func (c *coverage) lacking(idle []gap) []string {
	room := roomOf(c.inv.Scanned())
	own := priority(c.inv, c.main.Workload)
	var out []string
	for _, g := range idle[:min(len(idle), most)] {
		why := c.trouble(g.node)
		if why == "" {
			why = join(room.lacks(c.main.Spec, own, g.node))
		}
		if why == "" {
			why = "no pod of it"
		}
		out = append(out, g.node.Name+": "+why)
	}
	if n := len(idle) - most; n > 0 {
		out = append(out, fmt.Sprintf("and %d more nodes", n))
	}
	return out
}

// trouble says how the collector's pod on a node fares, or returns "" where there
// is none.
func (c *coverage) trouble(node *corev1.Node) string {
	for _, pod := range c.inv.Pods(c.main.Workload) {
		if pod.Spec.NodeName != node.Name {
			continue
		}
		for _, s := range pod.Status.ContainerStatuses {
			if w := s.State.Waiting; w != nil && w.Reason != "" {
				return "pod " + pod.Name + ": " + w.Reason
			}
		}
		return "pod " + pod.Name + " is not ready"
	}
	return ""
}

func idleFix(main *collector) fixes.Fix {
	return fixes.Fix{
		Title: "Make the pods of " + main.Ref().String() + " run there", Confidence: fixes.Manual,
		Why: "what keeps them from running is not in the DaemonSet's template",
		Steps: "Look at its pods: kubectl describe pods -n " + main.Ref().Namespace + " | grep -A10 Events\n" +
			"Where a node has no room, give the DaemonSet a priority that others make room for: priorityClassName: system-node-critical in its template.\n" +
			"Check: kubectl get " + main.Ref().KubectlArgs() + " -o wide",
	}
}
