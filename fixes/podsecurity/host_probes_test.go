package podsecurity

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestHostProbes(t *testing.T) {
	fixestest.Table(t, hostProbes(), []fixestest.Case{{
		Name: "loopback addresses and a declared port",
		Objects: deployment(`
containers:
- name: c
  image: x
  ports: [{name: http, containerPort: 80}]
  startupProbe: {tcpSocket: {host: "::1", port: 1}}
  livenessProbe: {httpGet: {host: localhost, port: 2, httpHeaders: [{name: Host, value: example.com}]}}
  readinessProbe: {httpGet: {host: web.example.com, port: http}}
  lifecycle: {preStop: {httpGet: {host: 127.0.0.2, port: 3}}}
`),
		Want:    want("spec.containers[0].livenessProbe.httpGet.host", fixes.Review),
		Diff:    []string{`- host: ::1`, "- host: localhost", "- host: web.example.com", "- host: 127.0.0.2"},
		NotDiff: []string{"- - name: Host"},
	}, {
		Name:    "another machine",
		Objects: deployment("containers: [{name: c, image: x, livenessProbe: {httpGet: {host: db.example.com, port: 80}}}]"),
		Want:    want("spec.containers[0].livenessProbe.httpGet.host", fixes.Manual),
	}, {
		Name:    "the pod itself, a header, and a hook that is a command",
		Objects: deployment("containers: [{name: c, image: x, livenessProbe: {httpGet: {port: 80, httpHeaders: [{name: Host, value: x}]}}, lifecycle: {preStop: {exec: {command: [curl, example.com]}}}}]"),
	}})
}
