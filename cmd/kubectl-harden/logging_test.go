package main

import (
	"strings"
	"testing"
)

// TestLogAgent makes the log agent on the real control plane, where it becomes ready on
// every node, and finds nothing more to make.
func TestLogAgent(t *testing.T) {
	args := []string{"--rule", "log-agent-missing,log-agent-gap,log-agent-partial", "--log-output", "forward", "--log-endpoint", "tls://logs.example.com"}
	before := parseReport(t, succeed(t, append(args, "-o", "json")...))
	if len(before.Findings) != 1 || before.Findings[0].Rule != "log-agent-missing" || before.Findings[0].Fix.Confidence != "review" {
		t.Fatalf("%+v", before.Findings)
	}
	r := succeed(t, append(args, "--fix", "--yes", "--confidence", "review")...)
	t.Cleanup(func() {
		control.Kubectl(t, "delete", "daemonset,configmap,serviceaccount", "-n", "kube-system", "--ignore-not-found", "kubectl-harden-fluentd")
		control.Kubectl(t, "delete", "clusterrole,clusterrolebinding", "--ignore-not-found", "kubectl-harden-fluentd")
	})
	if !strings.Contains(r.stderr, "5 created") {
		t.Errorf("%s", r.stderr)
	}
	if ready := control.Kubectl(t, "get", "daemonset", "-n", "kube-system", "kubectl-harden-fluentd", "-o", "jsonpath={.status.numberReady}"); ready != "2" {
		t.Errorf("%s pods are ready", ready)
	}
	if after := parseReport(t, succeed(t, append(args, "-o", "json")...)); len(after.Findings) > 0 {
		t.Errorf("still found: %+v", after.Findings)
	}
}
