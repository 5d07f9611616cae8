package podsecurity

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestHostPath(t *testing.T) {
	fixestest.Table(t, hostPath(), []fixestest.Case{{
		Name:    "mounted",
		Objects: deployment("containers: [{name: c, image: x, volumeMounts: [{name: v, mountPath: /v}]}]\nvolumes: [{name: e, emptyDir: {}}, {name: v, hostPath: {path: /data}}]"),
		Want:    want("spec.volumes[1].hostPath", fixes.Manual),
	}, {
		Name:    "mounted by nothing",
		Objects: deployment("containers: [{name: c, image: x, volumeMounts: [{name: e, mountPath: /e}]}]\nvolumes: [{name: v, hostPath: {path: /data}}, {name: e, emptyDir: {}}]"),
		Want:    want("spec.volumes[0].hostPath", fixes.Safe),
		Diff:    []string{"- path: /data", "- name: v"},
		NotDiff: []string{"- name: e"},
	}, {
		Name:    "one of them is mounted, by an init container",
		Objects: deployment("initContainers: [{name: i, image: x, volumeMounts: [{name: w, mountPath: /w}]}]\ncontainers: [{name: c, image: x}]\nvolumes: [{name: v, hostPath: {path: /data}}, {name: w, hostPath: {path: /w}}]"),
		Want:    want("spec.volumes[0].hostPath", fixes.Manual),
	}, {
		Name:    "other volumes",
		Objects: deployment("containers: [{name: c, image: x}]\nvolumes: [{name: hostPath, emptyDir: {}}, {name: s, nfs: {server: s, path: /}}]"),
	}})
}

func TestHostPathSeverity(t *testing.T) {
	for _, c := range []struct {
		path, readOnly string
		want           fixes.Severity
	}{
		{"/data", "false", fixes.High},
		{"/data", "true", fixes.Medium},
		{"/", "true", fixes.Critical},
		{"/data/../etc/kubernetes", "true", fixes.Critical},
		{"/etc/localtime", "false", fixes.Medium},
		{"/var/run/docker.sock", "true", fixes.Critical},
		{"/var/run/containerd/x", "true", fixes.Critical},
		{"/var/lib/kubelet/pods", "true", fixes.Critical},
		{"/var/lib/kubelet-but-not-really", "true", fixes.Medium},
		{"/var/log", "true", fixes.Medium},
		{"/opt/agent/agent.sock", "true", fixes.Critical},
		{"/etcetera", "true", fixes.Medium},
	} {
		inv := fixestest.Load(t, deployment("containers: [{name: c, image: x, volumeMounts: [{name: v, mountPath: /v, readOnly: "+
			c.readOnly+"}]}]\nvolumes: [{name: v, hostPath: {path: "+c.path+"}}]"))
		if got := hostPath().Run(inv); len(got) != 1 || got[0].Severity != c.want {
			t.Errorf("%s, read-only %s: got %v, want %v", c.path, c.readOnly, got[0].Severity, c.want)
		}
	}
}
