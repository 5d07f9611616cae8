package podsecurity

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestHostNamespaces(t *testing.T) {
	fixestest.Table(t, hostNamespaces(), []fixestest.Case{{
		Name: "all three, with a probe that worked through the host's network",
		Objects: deployment(`
hostNetwork: true
hostPID: true
hostIPC: true
dnsPolicy: ClusterFirstWithHostNet
containers:
- name: c
  image: x
  ports: [{containerPort: 80, hostPort: 80}]
  livenessProbe: {httpGet: {host: 127.0.0.1, port: 80}}
  readinessProbe: {httpGet: {host: example.com, port: 80}}
`),
		Want:    want("spec.hostNetwork", fixes.Review),
		Diff:    []string{"- hostNetwork: true", "- hostPID: true", "- hostIPC: true", "- host: 127.0.0.1"},
		NotDiff: []string{"- host: example.com", "- hostPort: 80", "- dnsPolicy: ClusterFirstWithHostNet"},
	}, {
		Name:    "one",
		Objects: deployment("hostIPC: true\ncontainers: [{name: c, image: x, livenessProbe: {httpGet: {host: 127.0.0.1, port: 80}}}]"),
		Want:    want("spec.hostIPC", fixes.Review),
		NotDiff: []string{"- host: 127.0.0.1"},
	}, {
		Name:    "a HostProcess pod must use the host's network",
		Objects: deployment("hostNetwork: true\nsecurityContext: {windowsOptions: {hostProcess: true}}\ncontainers: [{name: c, image: x}]"),
		Want:    want("spec.hostNetwork", fixes.Manual),
	}, {
		Name:    "none",
		Objects: deployment("hostNetwork: false\nhostUsers: false\nhostname: hostPID\ncontainers: [{name: hostnetwork, image: x}]"),
	}})
}
