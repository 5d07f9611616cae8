package logging

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
)

// placement is what keeps the pods of a DaemonSet off a node. It is empty where
// they land.
type placement struct {
	// taints are those that the pods do not tolerate.
	taints []corev1.Taint
	// selectors are the entries of the nodeSelector that the node does not have,
	// in order.
	selectors []string
	// affinity: the required node affinity leaves the node out.
	affinity bool
	// named: the template names another node.
	named bool
}

func (p placement) lands() bool {
	return len(p.taints)+len(p.selectors) == 0 && !p.affinity && !p.named
}

// place says what the DaemonSet controller does about a node: the same
// predicates in the same library (kubernetes, pkg/controller/daemon,
// nodeShouldRunDaemonPod). It then names the node in the pod, and the scheduler
// asks the same again.
func place(spec *corev1.PodSpec, node *corev1.Node) placement {
	var p placement
	p.named = spec.NodeName != "" && spec.NodeName != node.Name
	for _, key := range sortedKeys(spec.NodeSelector) {
		if value, ok := node.Labels[key]; !ok || value != spec.NodeSelector[key] {
			p.selectors = append(p.selectors, key)
		}
	}
	// The controller takes terms that cannot be parsed for some that match nothing.
	matches, _ := nodeaffinity.NewRequiredNodeAffinity(nil, spec.Affinity).Match(node)
	p.affinity = !matches
	tolerations := daemonTolerations(spec)
	for _, taint := range node.Spec.Taints {
		if (taint.Effect == corev1.TaintEffectNoSchedule || taint.Effect == corev1.TaintEffectNoExecute) && !tolerates(tolerations, &taint) {
			p.taints = append(p.taints, taint)
		}
	}
	return p
}

// tolerates reports whether a taint is tolerated. The operators Lt and Gt are
// alpha (KEP-5471), and off by default; the zero logger writes nothing, since
// values of taints are a cluster's.
func tolerates(tolerations []corev1.Toleration, taint *corev1.Taint) bool {
	return slices.ContainsFunc(tolerations, func(t corev1.Toleration) bool {
		return t.ToleratesTaint(klog.Logger{}, taint, false)
	})
}

// daemonTolerations are the tolerations of a DaemonSet's pods: those of its
// template, and those that its controller adds (kubernetes,
// pkg/controller/daemon/util, AddOrUpdateDaemonPodTolerations).
func daemonTolerations(spec *corev1.PodSpec) []corev1.Toleration {
	exists := func(key string, effect corev1.TaintEffect) corev1.Toleration {
		return corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: effect}
	}
	all := slices.Concat(spec.Tolerations, []corev1.Toleration{
		exists(corev1.TaintNodeNotReady, corev1.TaintEffectNoExecute),
		exists(corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute),
		exists(corev1.TaintNodeDiskPressure, corev1.TaintEffectNoSchedule),
		exists(corev1.TaintNodeMemoryPressure, corev1.TaintEffectNoSchedule),
		exists(corev1.TaintNodePIDPressure, corev1.TaintEffectNoSchedule),
		exists(corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule),
	})
	if spec.HostNetwork {
		all = append(all, exists(corev1.TaintNodeNetworkUnavailable, corev1.TaintEffectNoSchedule))
	}
	return all
}
