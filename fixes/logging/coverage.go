package logging

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// coverage is which nodes' logs are read.
type coverage struct {
	inv   *fixes.Inventory
	nodes []*corev1.Node
	found *found
	// main is the collector that lands on most nodes, and is to land on the rest;
	// nil where none belongs to nodes and can be edited.
	main *collector
}

// coverageOf returns the coverage of an inventory's nodes.
func coverageOf(inv *fixes.Inventory) *coverage {
	c := &coverage{inv: inv, nodes: fixes.Objects[*corev1.Node](inv, ""), found: collectorsOf(inv)}
	most := -1
	for _, col := range c.found.collectors {
		if col.byAPI || col.Ref().Kind == fixes.KindPod {
			continue
		}
		n := 0
		for _, node := range c.nodes {
			if place(col.Spec, node).lands() {
				n++
			}
		}
		if n > most {
			c.main, most = col, n
		}
	}
	return c
}

// any reports whether some collector reads the logs of all nodes through the API.
func (c *coverage) byAPI() *collector {
	for _, col := range c.found.collectors {
		if col.byAPI {
			return col
		}
	}
	return nil
}

// lands reports whether the pods of some collector land on a node.
func (c *coverage) lands(node *corev1.Node) bool {
	return slices.ContainsFunc(c.found.collectors, func(col *collector) bool {
		if pod, ok := col.Object.(*corev1.Pod); ok {
			return pod.Spec.NodeName == node.Name
		}
		return col.byAPI || place(col.Spec, node).lands()
	})
}

// runs reports whether a pod of some collector runs on a node, ready. Pods that
// run are evidence, which no edit of a draft changes.
func (c *coverage) runs(node *corev1.Node) bool {
	return slices.ContainsFunc(c.found.collectors, func(col *collector) bool {
		return col.byAPI || slices.ContainsFunc(c.inv.Pods(col.Workload), func(pod *corev1.Pod) bool {
			return pod.Spec.NodeName == node.Name && pod.Status.Phase == corev1.PodRunning && containerReady(pod, col.container)
		})
	})
}

func containerReady(pod *corev1.Pod, container string) bool {
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if s.Name == container {
			return s.Ready
		}
	}
	return false
}

// hostless reports whether a node is none on which DaemonSets run: Fargate's, or
// one that a virtual kubelet plays. Their providers ship the logs, or do not.
func hostless(node *corev1.Node) bool {
	return node.Labels["eks.amazonaws.com/compute-type"] == "fargate" || node.Labels["type"] == "virtual-kubelet"
}

func isWindows(node *corev1.Node) bool {
	return node.Labels[corev1.LabelOSStable] == string(corev1.Windows)
}

func isReady(node *corev1.Node) bool {
	return node.DeletionTimestamp == nil && slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// gap is a node whose logs no collector reads, and what keeps the main one off.
type gap struct {
	node *corev1.Node
	placement
}

// gaps parts the nodes on which no collector lands: those that an edit of the
// main one opens to it, and those that take more.
func (c *coverage) gaps() (open, closed []gap) {
	for _, node := range c.nodes {
		if hostless(node) || c.lands(node) {
			continue
		}
		g := gap{node, place(c.main.Spec, node)}
		if g.affinity || isWindows(node) != c.main.Windows() || slices.ContainsFunc(g.selectors, platform) {
			closed = append(closed, g)
		} else {
			open = append(open, g)
		}
	}
	return open, closed
}

// platform reports whether a label says what a node is rather than what it is
// for: a program for one does not run on the other.
func platform(label string) bool {
	switch label {
	case corev1.LabelOSStable, corev1.LabelArchStable, "beta.kubernetes.io/os", "beta.kubernetes.io/arch":
		return true
	}
	return false
}

// String names the node and what keeps the pods off it.
func (g gap) String() string {
	var why []string
	for _, t := range g.taints {
		why = append(why, "taint "+taintString(t))
	}
	for _, key := range g.selectors {
		why = append(why, "nodeSelector "+key)
	}
	if g.affinity {
		why = append(why, "node affinity")
	}
	if g.named {
		why = append(why, "nodeName")
	}
	return g.node.Name + ": " + strings.Join(why, ", ")
}

func taintString(t corev1.Taint) string {
	if t.Value == "" {
		return fmt.Sprintf("%s:%s", t.Key, t.Effect)
	}
	return fmt.Sprintf("%s=%s:%s", t.Key, t.Value, t.Effect)
}

// nodeNames names the nodes of gaps.
func nodeNames(gaps []gap) []string {
	names := make([]string, len(gaps))
	for i, g := range gaps {
		names[i] = g.node.Name
	}
	return names
}
