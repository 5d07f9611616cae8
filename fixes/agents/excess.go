package agents

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Excess returns a workload's view without what the agent needs: what is left is
// to be judged like any other pod. The object stays as it is, and so do paths
// into it. Containers that are not the agent's keep all that they have.
func (a *Agent) Excess(w fixes.Workload) fixes.Workload {
	w.Spec = w.Spec.DeepCopy()
	spec := w.Spec
	spec.HostNetwork = spec.HostNetwork && !a.HostNetwork
	spec.HostPID = spec.HostPID && !a.HostPID
	spec.HostIPC = spec.HostIPC && !a.HostIPC
	for i := range spec.Volumes {
		if v := &spec.Volumes[i]; v.HostPath != nil && a.Reads(v.HostPath.Path) && (a.Writes(v.HostPath.Path) || !written(w, v.Name)) {
			v.VolumeSource = corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
		}
	}
	for c := range w.Containers() {
		if a.Runs(c.Image) {
			a.take(w, c)
		}
	}
	return w
}

// take takes from a container what the agent needs.
func (a *Agent) take(w fixes.Workload, c fixes.Container) {
	if a.HostPorts || a.HostNetwork {
		for i := range c.Ports {
			c.Ports[i].HostPort = 0
		}
	}
	if a.HostNetwork {
		localProbes(c)
	}
	if c.SecurityContext == nil {
		c.SecurityContext = &corev1.SecurityContext{}
	}
	sc := c.SecurityContext
	privileged := sc.Privileged != nil && *sc.Privileged
	switch {
	case privileged && a.Privileged:
		// Nothing else confines a privileged container.
		c.SecurityContext = &corev1.SecurityContext{
			AllowPrivilegeEscalation: new(bool),
			Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			RunAsNonRoot:             yes(),
		}
		unroot(w)
		return
	case sc.Capabilities != nil:
		sc.Capabilities.Add = slices.DeleteFunc(sc.Capabilities.Add, func(c corev1.Capability) bool {
			return slices.Contains(a.Capabilities, strings.TrimPrefix(string(c), "CAP_"))
		})
	}
	if a.Root {
		sc.RunAsNonRoot = yes()
		if sc.RunAsUser != nil && *sc.RunAsUser == 0 {
			sc.RunAsUser = nil
		}
		unroot(w)
	}
}

// unroot takes the pod's own user away where that is root: containers that are
// not the agent's are judged by what they say themselves.
func unroot(w fixes.Workload) {
	if sc := w.Spec.SecurityContext; sc != nil && sc.RunAsUser != nil && *sc.RunAsUser == 0 {
		sc.RunAsUser = nil
	}
}

// localProbes takes away the addresses that probes of a pod in its node's
// network name: they are the pod's own.
func localProbes(c fixes.Container) {
	for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if p != nil && p.HTTPGet != nil && isLocal(p.HTTPGet.Host) {
			p.HTTPGet.Host = ""
		}
		if p != nil && p.TCPSocket != nil && isLocal(p.TCPSocket.Host) {
			p.TCPSocket.Host = ""
		}
	}
}

func isLocal(host string) bool {
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}

// written reports whether a volume is mounted read-write.
func written(w fixes.Workload, volume string) bool {
	for c := range w.Containers() {
		for _, m := range c.VolumeMounts {
			if m.Name == volume && !m.ReadOnly {
				return true
			}
		}
	}
	return false
}

func yes() *bool {
	b := true
	return &b
}
