package nodes

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// debugger is a pod as kubectl debug node makes it.
func debugger(name, meta, spec, phase string) string {
	return `
---
apiVersion: v1
kind: Pod
metadata: {name: ` + name + `, namespace: default` + meta + `}
spec:
  nodeName: n1
  restartPolicy: Never
  ` + spec + `
  containers:
  - name: debugger
    image: busybox
    stdin: true
    tty: true
    volumeMounts: [{name: host-root, mountPath: /host}]
status: {phase: ` + phase + `}
`
}

func TestDebuggerLeft(t *testing.T) {
	const general = "hostPID: true\n  hostNetwork: true\n  volumes: [{name: host-root, hostPath: {path: /}}]"
	const label = ", labels: {app.kubernetes.io/managed-by: kubectl-debug}"
	const finding = "Pod default/node-debugger-n1-abcde spec review"
	fixestest.Table(t, debuggerLeft(), []fixestest.Case{
		{Name: "left", Objects: debugger("node-debugger-n1-abcde", "", general, "Running"), Live: true, Want: []string{finding}},
		{Name: "left in manifests", Objects: debugger("node-debugger-n1-abcde", "", general, "Running"), Want: []string{finding}},
		{Name: "ended", Objects: debugger("node-debugger-n1-abcde", label, general, "Succeeded"), Live: true, Want: []string{finding}},
		{Name: "the host's processes alone", Objects: debugger("node-debugger-n1-abcde", "", "hostPID: true\n  volumes: [{name: host-root, emptyDir: {}}]", "Running"), Live: true, Want: []string{finding}},
		{Name: "of another name", Objects: debugger("look", label, general, "Running"), Live: true, Want: []string{"Pod default/look spec review"}},
		{Name: "a copy of a pod", Objects: debugger("web-debug", label, "volumes: [{name: host-root, emptyDir: {}}]", "Running"), Live: true},
		{Name: "a name like it", Objects: debugger("node-debugger-ui", "", "volumes: [{name: host-root, emptyDir: {}}]", "Running"), Live: true},
		{Name: "somebody else's", Objects: debugger("agent", "", general, "Running"), Live: true},
		{Name: "one that is controlled", Objects: debugger("node-debugger-x", ", ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: x, uid: u, controller: true}]", general, "Running"), Live: true},
		{Name: "one that goes", Objects: debugger("node-debugger-n1-abcde", `, deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: [x]`, general, "Running"), Live: true},
	})
	result := debuggerLeft().Run(fixestest.Load(t, debugger("node-debugger-n1-abcde", "", general, "Failed")))
	if len(result) != 1 || result[0].Severity.String() != "low" {
		t.Errorf("a pod that has ended: %v", result)
	}
}
