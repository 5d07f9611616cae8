package podsecurity

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestHostPorts(t *testing.T) {
	fixestest.Table(t, hostPorts(), []fixestest.Case{{
		Name:    "the second port",
		Objects: deployment("containers: [{name: c, image: x, ports: [{containerPort: 80}, {name: m, containerPort: 90, hostPort: 9090, hostIP: 10.0.0.1}]}]"),
		Want:    want("spec.containers[0].ports[1].hostPort", fixes.Review),
		Diff:    []string{"- hostPort: 9090", "- hostIP: 10.0.0.1"},
		NotDiff: []string{"- - containerPort: 90", "- name: m"},
	}, {
		Name:    "no host port",
		Objects: deployment("containers: [{name: c, image: x, ports: [{containerPort: 80, hostPort: 0}, {containerPort: 443}]}]"),
	}})
}
