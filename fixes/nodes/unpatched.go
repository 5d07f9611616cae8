package nodes

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func unpatched() *fixes.Rule {
	return &fixes.Rule{
		ID:         "node-unpatched",
		Category:   fixes.Nodes,
		Title:      "A node runs what gets no fixes any more, or lags behind",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering},
		References: []fixes.Reference{fixes.NSA("Upgrading and application security practices"), fixes.OWASP("K10")},
		Kinds:      []fixes.Kind{fixes.KindNode},
		Docs:       unpatchedDocs,
		Check:      checkUnpatched,
	}
}

const unpatchedDocs = `
A weakness in the kernel or the container runtime is a way out of every container. Versions
that are out of support get no fixes for them.

## What is looked at
What each node says of itself (status.nodeInfo): its kubelet against the API server (at most
three minor versions older are supported, two before 1.28; never newer), and kubelet, container
runtime, operating system and kernel against a table of the days on which support ended, with
its sources (fixes/nodes/support.tsv). Distributions that keep kernels of their own are judged
by the day on which the distribution ends, and the free support counts: who pays for longer
support may skip this rule. Versions that the table does not know are left alone.

## The fix
By hand, node by node: the steps say how. A managed node pool is upgraded at its provider.

## By hand
    kubectl get nodes -o wide
    kubectl version
`

// fault is one thing that is out of date on a node.
type fault struct {
	severity fixes.Severity
	text     string
}

func checkUnpatched(p *fixes.Pass) {
	if p.Namespace != "" { // who looks at a namespace does not ask for nodes
		return
	}
	for _, n := range fixes.Objects[*corev1.Node](p.Inventory, "") {
		var faults []fault
		info := &n.Status.NodeInfo
		faults = append(faults, skew(info.KubeletVersion, p.ServerMinor)...)
		if !p.Now.IsZero() {
			faults = append(faults, outOfSupport(info, p.Now)...)
		}
		if len(faults) == 0 {
			continue
		}
		f := fixes.Finding{Object: fixes.RefOf(n), Path: "status.nodeInfo"}
		for _, x := range faults {
			f.Evidence = append(f.Evidence, x.text)
			f.Severity = max(f.Severity, x.severity)
		}
		f.Message = "The node lags behind: " + faults[0].text + "."
		if len(faults) > 1 {
			f.Message = fmt.Sprintf("The node lags behind: %s, and %d more.", faults[0].text, len(faults)-1)
		}
		f.Fixes = []fixes.Fix{{
			Title: "Upgrade the node", Confidence: fixes.Manual, Why: "a node is upgraded from within, or replaced",
			Risks: []string{"Its pods move to other nodes; those without a controller are lost."},
			Steps: upgradeSteps(n.Name),
		}}
		p.Report(f)
	}
}

// skew compares a kubelet with the API server
// (https://kubernetes.io/releases/version-skew-policy/).
func skew(kubelet string, server int) []fault {
	major, have, ok := minor(kubelet)
	if !ok || major != 1 || server == 0 || have == server {
		return nil
	}
	allowed := 3
	if server < 28 {
		allowed = 2
	}
	text := fmt.Sprintf("kubelet %s, and the API server is 1.%d", kubelet, server)
	switch {
	case have > server:
		return []fault{{fixes.Medium, text + ": a kubelet may not be newer"}}
	case server-have > allowed:
		return []fault{{fixes.Medium, fmt.Sprintf("%s: more than %d minor versions are not supported", text, allowed)}}
	}
	return []fault{{fixes.Low, text}}
}

// ownKernel recognises distributions that maintain kernels of their own, for longer
// than kernel.org does.
var ownKernel = regexp.MustCompile(`^(Ubuntu|Debian|Red Hat|CentOS|Rocky|Alma|Oracle|Amazon|SUSE|openSUSE|SLE|Fedora|Bottlerocket|Container-Optimized|VMware|Microsoft Azure|CBL-Mariner|Common Base|Windows)`)

// outOfSupport lists what a node runs past the end of its support.
func outOfSupport(info *corev1.NodeSystemInfo, now time.Time) []fault {
	var faults []fault
	add := func(what, version, text string) {
		if s, ok := supportOf(what, version); ok && now.After(s.end.AddDate(0, 0, 1)) {
			faults = append(faults, fault{fixes.Medium, text + ", without fixes since " + s.end.Format(time.DateOnly) + " (" + s.source + ")"})
		}
	}
	add("kubernetes", info.KubeletVersion, "kubelet "+info.KubeletVersion)
	if runtime, version, ok := strings.Cut(info.ContainerRuntimeVersion, "://"); ok && runtime != "kubernetes" {
		add(runtime, version, runtime+" "+version)
	}
	add("os", info.OSImage, info.OSImage)
	if info.OperatingSystem != "windows" && !ownKernel.MatchString(info.OSImage) {
		add("linux", info.KernelVersion, "Linux "+info.KernelVersion)
	}
	return faults
}

func upgradeSteps(node string) string {
	return "1. Take the pods off: kubectl drain " + node + " --ignore-daemonsets --delete-emptydir-data\n" +
		"2. On the node, upgrade the packages of the system, the container runtime and the kubelet (kubeadm upgrade node), and restart it;\n" +
		"   or replace the node by one of a newer image. A kubelet must not be newer than the API server.\n" +
		"3. Let pods in again: kubectl uncordon " + node + "\n" +
		"Check: kubectl harden --rule node-unpatched"
}
