package podsecurity

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestVolumeSocket(t *testing.T) {
	var cases []fixestest.Case
	for _, p := range []string{"/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock", "/run/podman/podman.sock",
		"/var/run/cri-dockerd.sock", "/var/run/dockershim.sock", "/run/k3s/containerd/containerd.sock", "/mnt/elsewhere/docker.sock",
		"/run", "/var/run/", "/run/containerd", "/run/k3s", "/"} {
		cases = append(cases, fixestest.Case{Name: p, Objects: onNode("path: "+p, ", readOnly: true"), Want: want("spec.volumes[0].hostPath.path", fixes.Manual)})
	}
	for _, p := range []string{"/run/dbus/system_bus_socket", "/var/lib/kubelet/plugins/x/csi.sock", "/var", "/etc", "/run/docker.socket", "/docker.sock.d", "/run/containers"} {
		cases = append(cases, fixestest.Case{Name: "not " + p, Objects: onNode("path: "+p, "")})
	}
	cases = append(cases, fixestest.Case{
		Name:    "mounted by nothing",
		Objects: deployment("containers: [{name: c, image: x}]\nvolumes: [{name: v, hostPath: {path: /run/docker.sock}}]"),
	}, fixestest.Case{
		Name: "a sensor's work",
		Objects: agentDaemonSet("volumes: [{name: p, hostPath: {path: /proc}}, {name: v, hostPath: {path: /run/containerd/containerd.sock}}]\n" +
			"containers: [{name: c, image: falcosecurity/falco:0.40, volumeMounts: [{name: v, mountPath: /host/run/containerd/containerd.sock}, {name: p, mountPath: /host/proc}]}]"),
	}, fixestest.Case{
		Name: "a log collector has no need of it",
		Objects: agentDaemonSet("volumes: [{name: l, hostPath: {path: /var/log}}, {name: v, hostPath: {path: /run/docker.sock}}]\n" +
			"containers: [{name: c, image: fluent/fluentd:v1, volumeMounts: [{name: v, mountPath: /s}, {name: l, mountPath: /var/log}]}]"),
		Want: []string{"DaemonSet shop/logs spec.template.spec.volumes[1].hostPath.path manual"},
	})
	fixestest.Table(t, volumeSocket(), cases)
}

// TestSocketSteps gives the steps for what the pod does, where its image tells.
func TestSocketSteps(t *testing.T) {
	for image, want := range map[string]string{"jenkins/jenkins:lts": "rootless BuildKit", "gcr.io/cadvisor/cadvisor": "/metrics/cadvisor", "traefik:3": "watch pods and Services"} {
		objects := strings.Replace(onNode("path: /run/docker.sock", ""), "image: x", "image: "+image, 1)
		steps := fixes.Scan(fixestest.Load(t, objects), []*fixes.Rule{volumeSocket()}).Findings[0].Fix().Steps
		if !strings.Contains(steps, want) || strings.Count(steps, "\nTo ")+strings.Count(steps[:3], "To ") != 1 {
			t.Errorf("%s: %s", image, steps)
		}
	}
}
