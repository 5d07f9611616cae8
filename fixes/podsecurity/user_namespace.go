package podsecurity

import (
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/agents"
)

// userNamespace finds pods that could have users of their own.
func userNamespace() *fixes.Rule {
	return &fixes.Rule{
		ID: "user-namespace", Category: fixes.PodSecurity,
		Title:      "A pod shares its node's users",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege},
		References: []fixes.Reference{fixes.PSS("Running as Non-root"), fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K01")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindNode),
		Check:      checkUserNamespace,
		Docs: `
Without a user namespace, root in a container is root on its node as soon as it is
out of the container, and user 1000 may signal and read what another pod's user
1000 has. With hostUsers: false (KEP-127) the pod's users are nobody outside of it,
and its capabilities hold inside only: several breakouts of the last years
(CVE-2019-5736, CVE-2024-21626) come to nothing.

## What is looked at
Running clusters where it works: the API server is 1.33 or newer (on by default
since then, always since 1.36), and every Linux node reports a runtime with user
namespaces (status.runtimeHandlers) and a kernel of 6.3 or newer. Pods that cannot
have one are left out: with namespaces, devices or folders of their node, privileged
containers, NFS, or users above 65535. Medium where a container may run as root, low
otherwise.

## The fix
Sets hostUsers: false. What may break: storage whose driver or file system cannot
map users (NFS, some CSI drivers), and programs that need true root, to mount, to
load modules or to raise limits.

## By hand
    kubectl get nodes -o json | jq '.items[].status.runtimeHandlers'
    kubectl exec POD -- cat /proc/self/uid_map     # "0 0 4294967295": the node's users
`,
	}
}

// userNamespacesSince is the minor version from which the API server has user namespaces on by
// default; kernelSince the kernel that maps users on tmpfs, as Secrets need.
const userNamespacesSince = 33

var kernelSince = [2]int{6, 3}

func checkUserNamespace(p *fixes.Pass) {
	if !p.Live || p.ServerMinor < userNamespacesSince || !p.Covers(fixes.KindNode, "") {
		return
	}
	nodes := fixes.Objects[*corev1.Node](p.Inventory, "")
	before := p.Scanned()
	for _, w := range p.Workloads("") {
		if w.Windows() || fixes.IsSystemNamespace(w.Object.GetNamespace()) || !mayOwnUsers(w) {
			continue
		}
		// A pod that another fix of the plan makes fit for it is judged by the next
		// scan.
		if old, ok := fixes.AsWorkload(before.Get(w.Ref())); !ok || !mayOwnUsers(old) {
			continue
		}
		evidence, ok := supported(nodes, w)
		if _, agent := agents.Of(w); !ok || agent {
			continue
		}
		s := about(p, w)
		severity := fixes.Low
		if !s.neverRoot() {
			severity = fixes.Medium
		}
		risks := []string{"A program that needs root's rights outside the pod (mounts, modules, limits) fails."}
		if claims := claimed(w); len(claims) > 0 {
			risks = append(risks, "The storage of "+listed(claims)+" must be able to map users; a pod on storage that cannot does not start.")
		}
		p.Report(fixes.Finding{
			Object: w.Ref(), Path: w.SpecPath + ".hostUsers", Key: "hostUsers", Severity: severity,
			Message:  "The pod's users are its node's: who breaks out of it as root is root there.",
			Evidence: append(evidence, fmt.Sprintf("API server 1.%d has user namespaces", p.ServerMinor)),
			Fixes: []fixes.Fix{s.edited("Set hostUsers: false", fixes.Review,
				"whether its storage can map users is only seen when it starts", risks,
				func(w fixes.Workload) {
					if mayOwnUsers(w) {
						w.Spec.HostUsers = new(bool)
					}
				})},
		})
	}
}

// mayOwnUsers reports whether a pod has the node's users and could have its own.
func mayOwnUsers(w fixes.Workload) bool {
	if isFalse(w.Spec.HostUsers) || len(sharedNamespaces(w)) > 0 || tooHigh(podSecurity(w.Spec).RunAsUser, podSecurity(w.Spec).RunAsGroup, podSecurity(w.Spec).FSGroup) {
		return false
	}
	for _, v := range w.Spec.Volumes {
		if v.HostPath != nil || v.NFS != nil || v.Glusterfs != nil || v.CephFS != nil || v.AzureFile != nil {
			return false
		}
	}
	for c := range w.Containers() {
		sc := security(c)
		if isTrue(sc.Privileged) || len(c.VolumeDevices) > 0 || tooHigh(sc.RunAsUser, sc.RunAsGroup) {
			return false
		}
	}
	return true
}

// tooHigh reports whether a user or group is beyond the 65536 that a pod gets.
func tooHigh(ids ...*int64) bool {
	for _, id := range ids {
		if id != nil && *id > 65535 {
			return true
		}
	}
	return false
}

// neverRoot reports whether the pod says of every container that it is not root.
func (s *subject) neverRoot() bool {
	for c := range s.Containers() {
		nonRoot := security(c).RunAsNonRoot
		if nonRoot == nil {
			nonRoot = podSecurity(s.Spec).RunAsNonRoot
		}
		if !isTrue(nonRoot) && !s.namesNonRoot(c) {
			return false
		}
	}
	return true
}

// claimed names the volumes whose storage is not the kubelet's own.
func claimed(w fixes.Workload) []string {
	var names []string
	for _, v := range w.Spec.Volumes {
		if v.PersistentVolumeClaim != nil || v.Ephemeral != nil || v.CSI != nil {
			names = append(names, v.Name)
		}
	}
	for c := range w.Containers() {
		for _, m := range c.VolumeMounts {
			known := false
			for _, v := range w.Spec.Volumes {
				known = known || v.Name == m.Name
			}
			if !known { // of a StatefulSet's claim
				names = append(names, m.Name)
			}
		}
	}
	return names
}

// supported reports whether every node on which a pod may land can give it users
// of its own, with the evidence.
func supported(nodes []*corev1.Node, w fixes.Workload) ([]string, bool) {
	linux := 0
	for _, node := range nodes {
		if node.Labels[corev1.LabelOSStable] == string(corev1.Windows) || node.Status.NodeInfo.OperatingSystem == string(corev1.Windows) {
			continue
		}
		linux++
		if !mapsUsers(node) || w.Spec.RuntimeClassName != nil || !newKernel(node.Status.NodeInfo.KernelVersion) {
			return nil, false
		}
	}
	return []string{fmt.Sprintf("all %d Linux nodes report a runtime and a kernel with user namespaces", linux)}, linux > 0
}

// mapsUsers reads what the kubelet says of its default runtime handler.
func mapsUsers(node *corev1.Node) bool {
	for _, h := range node.Status.RuntimeHandlers {
		if h.Name == "" {
			return h.Features != nil && isTrue(h.Features.UserNamespaces)
		}
	}
	return false
}

// newKernel reads a version as uname has it ("6.8.0-45-generic").
func newKernel(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		rest = rest[:end]
	}
	x, errMajor := strconv.Atoi(major)
	y, errMinor := strconv.Atoi(rest)
	return errMajor == nil && errMinor == nil && (x > kernelSince[0] || x == kernelSince[0] && y >= kernelSince[1])
}
