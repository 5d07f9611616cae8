package podsecurity

import (
	"fmt"
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/agents"
)

// hostPath is the control "HostPath Volumes" of the baseline profile (CIS
// 5.2.11).
func hostPath() *fixes.Rule {
	return control{
		id:         "pss-host-path",
		check:      "hostPathVolumes",
		title:      "A pod mounts files of its node",
		severity:   fixes.High,
		threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering, fixes.InformationDisclosure},
		references: []fixes.Reference{fixes.PSS("HostPath Volumes"), fixes.CIS("5.2.11")},
		docs: `
A hostPath volume shows the pod a file or folder of whatever node it runs on.
With the runtime's socket, the kubelet's folder or /etc that is the whole node;
with logs it is the data of every other pod. Critical for those that give the node
away, medium where every mount is read-only, high otherwise.

## The fix
A volume that no container mounts is removed, which is safe. For one that is
mounted there is no edit: what to put in its place depends on what the pod does
with it, and nobody but its owner can say.

## By hand
    kubectl get pods -A -o jsonpath='{range .items[*]}{.metadata.name}{" "}{..hostPath.path}{"\n"}{end}'
`,
		faults: func(s *subject) []fault {
			return s.volumeFaults(isHostPath, func(v corev1.Volume) (string, string) {
				return "hostPath", "hostPath " + v.HostPath.Path
			})
		},
		judge: func(s *subject) (string, fixes.Severity) {
			var paths []string
			severity := fixes.Medium
			for _, v := range s.Spec.Volumes {
				if isHostPath(v) {
					paths = append(paths, v.HostPath.Path)
					severity = max(severity, s.hostPathSeverity(v))
				}
			}
			return "The pod mounts " + listed(paths) + " of the node that it runs on.", severity
		},
		fix: func(s *subject) fixes.Fix {
			return s.withoutUnused(isHostPath, func(v corev1.Volume) string {
				return "- " + v.Name + " (" + v.HostPath.Path + "): " + hostPathAdvice(v.HostPath.Path)
			})
		},
	}.rule()
}

func isHostPath(v corev1.Volume) bool { return v.HostPath != nil }

// takeover are paths that give away the node to whoever can write to them, or
// hold the keys to it.
var takeover = []string{
	"/boot", "/dev", "/etc", "/home", "/proc", "/root", "/usr", "/bin", "/sbin", "/lib", "/opt/cni",
	"/var/lib/kubelet", "/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/lib/etcd", "/var/lib/rancher",
	"/run/containerd", "/run/crio", "/run/docker", "/run/docker.sock", "/run/podman", "/run/systemd", "/run/dbus",
}

// harmless are paths below those that are not.
var harmless = []string{"/dev/shm", "/dev/null", "/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo", "/etc/ssl/certs", "/etc/pki/ca-trust"}

func (s *subject) hostPathSeverity(v corev1.Volume) fixes.Severity {
	writable := false
	for _, m := range mounts(s.Workload, v.Name) {
		writable = writable || !m.ReadOnly
	}
	switch {
	case Takeover(v.HostPath.Path):
		return fixes.Critical // a socket takes orders from read-only mounts too
	case agents.Within(agents.NodePath(v.HostPath.Path), harmless):
		return fixes.Medium
	case writable:
		return fixes.High
	}
	return fixes.Medium
}

// Takeover reports whether a path of a node gives the node away: a socket, the
// keys to it, or what whoever can write there takes it by.
func Takeover(p string) bool {
	p = agents.NodePath(p)
	return strings.HasSuffix(p, ".sock") || !agents.Within(p, harmless) && (wholeNode(p) || agents.Within(p, takeover))
}

// wholeNode reports whether a path holds some that give away the node.
func wholeNode(p string) bool { return p == "/" || p == "/var" || p == "/var/lib" || p == "/run" }

func hostPathAdvice(p string) string {
	switch p = path.Clean("/" + p); {
	case strings.HasSuffix(p, ".sock"):
		return "whoever has the socket of a container runtime or an agent has its rights. To build images use rootless BuildKit; to look at containers use the API."
	case agents.Within(p, []string{"/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo"}):
		return "set the variable TZ, and keep the zone files in the image."
	case p == "/dev/shm":
		return "emptyDir: {medium: Memory, sizeLimit: 64Mi}."
	case agents.Within(p, []string{"/dev"}):
		return "a device plugin or a resource claim gives the pod one device."
	case agents.Within(p, []string{"/etc/ssl", "/etc/pki"}):
		return "keep the certificates in the image, or in a ConfigMap or ClusterTrustBundle."
	case agents.Within(p, []string{"/var/log", "/var/lib/docker/containers", "/proc", "/sys"}):
		return "agents that read logs or metrics of nodes belong in a namespace of their own; others log to stdout."
	}
	return fmt.Sprintf("scratch space: emptyDir; settings: a ConfigMap or Secret; data: a PersistentVolumeClaim (a local PersistentVolume keeps it at %s).", p)
}
