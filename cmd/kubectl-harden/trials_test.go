//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tried is a shop that runs as root, with a job that is not to be done once
// more. Its copies become ready whatever they are given.
func tried(t *testing.T, name string) (ns string, fix []string) {
	t.Helper()
	keepState(t)
	ns = namespace(t, name)
	control.Apply(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: `+ns+`}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "registry.example.com/tried:1", ports: [{containerPort: 8080}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: backup, namespace: `+ns+`}
spec:
  schedule: "0 3 * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: OnFailure, containers: [{name: backup, image: "registry.example.com/backup:1"}]}}}}
`)
	control.Kubectl(t, "rollout", "status", "deployment/web", "-n", ns, "--timeout=180s")
	return ns, []string{"-n", ns, "--category=podsecurity", "--fix", "--yes", "--confidence=review", "--canary"}
}

// copies lists the copies of pods that are there, and their policies.
func copies(t *testing.T, ns string) string {
	t.Helper()
	return control.Kubectl(t, "get", "pods,networkpolicies", "-n", ns, "-l", "kubectl-harden.dev/canary", "-o", "name")
}

// TestTrials has the settings that ran in a trial applied, without another
// canary, and what the runs did told.
func TestTrials(t *testing.T) {
	t.Parallel()
	ns, fix := tried(t, "tried")
	before := snapshot(t, ns)
	r := succeed(t, append(fix, "--settle=1s")...)
	for _, want := range []string{
		"not tried: 1 CronJob", "1 workload can be tried", "deployment.apps/web in tried: try 1.", "it runs",
		"deployment.apps/web in tried runs with all that the restricted level asks for",
	} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("%q is not said:\n%s", want, r.stderr)
		}
	}
	if strings.Contains(r.stdout+r.stderr, "on a copy of its pod") {
		t.Errorf("what has run was tried again:\n%s%s", r.stdout, r.stderr)
	}
	spec := control.Kubectl(t, "get", "deployment/web", "-n", ns, "-o", "jsonpath={.spec.template.spec}")
	for _, want := range []string{`"runAsNonRoot":true`, `"readOnlyRootFilesystem":true`, `"drop":["ALL"]`, `"allowPrivilegeEscalation":false`} {
		if !strings.Contains(spec, want) {
			t.Errorf("%s is not set: %s", want, spec)
		}
	}
	if left := copies(t, ns); left != "" {
		t.Errorf("left behind: %s", left)
	}
	if r := succeed(t, "history"); !strings.Contains(r.stdout, "trial, done") {
		t.Errorf("the trials are not listed:\n%s", r.stdout)
	}
	for _, back := range []string{"undo", "resume"} {
		if r := succeed(t, back, "1", "--yes"); !strings.Contains(r.stderr, "Run 1 only tried copies of pods") {
			t.Errorf("%s of trials: %s", back, r.stderr)
		}
	}
	succeed(t, "undo", "--yes", "--settle=0s")
	if got := snapshot(t, ns); got != before {
		t.Errorf("undone, it is not as before:\n%s", firstDifference(before, got))
	}
	dry := succeed(t, "-n", ns, "--category=podsecurity", "--fix", "--confidence=review", "--canary", "--dry-run")
	if !strings.Contains(dry.stderr, "--dry-run starts no copies") || strings.Contains(dry.stderr, "try 1.") {
		t.Errorf("a dry run with --canary: %s", dry.stderr)
	}
}

// TestTrialsEnd ends the program in the middle of a try: by Ctrl-C it removes
// the copy itself; what it leaves when it is killed, the next run removes.
func TestTrialsEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		status int
	}{{"tried-interrupted", syscall.SIGINT, 130}, {"tried-killed", syscall.SIGKILL, -1}} {
		t.Run(c.name, func(t *testing.T) {
			ns, fix := tried(t, c.name)
			before := snapshot(t, ns)
			cmd := exec.Command(binary, append(fix, "--settle=1m")...)
			cmd.Env = append(os.Environ(), "KUBECONFIG="+control.Kubeconfig, "XDG_STATE_HOME="+stateOf(t))
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(3 * time.Minute); !strings.Contains(copies(t, ns), "pod/"); time.Sleep(100 * time.Millisecond) {
				if time.Now().After(deadline) {
					_ = cmd.Process.Kill()
					t.Fatalf("no copy was started:\n%s", out.String())
				}
			}
			if err := cmd.Process.Signal(c.signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // the status tells
			if status := cmd.ProcessState.ExitCode(); status != c.status {
				t.Errorf("status %d\n%s", status, out.String())
			}
			if c.signal == syscall.SIGKILL {
				if copies(t, ns) == "" {
					t.Fatal("the copy is gone by itself, so that the test shows nothing")
				}
				r := harden(t, "undo", "--yes")
				if !strings.Contains(r.stderr, "Removed the copies of pods that the trials of run 1 had left") {
					t.Errorf("what was left is not removed:\n%s", r.stderr)
				}
			}
			if left := copies(t, ns); left != "" {
				t.Errorf("left behind: %s", left)
			}
			if got := snapshot(t, ns); got != before {
				t.Errorf("it is not as before:\n%s", firstDifference(before, got))
			}
			noSecretInJournals(t, stateOf(t))
		})
	}
}

// TestTrialsNeedRights leaves trials out where the user may not create pods,
// and makes the rest.
func TestTrialsNeedRights(t *testing.T) {
	t.Parallel()
	ns, fix := tried(t, "tried-without-rights")
	control.Apply(t, `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: dev, namespace: `+ns+`}
rules:
- {apiGroups: ["", apps, batch, networking.k8s.io, autoscaling], resources: ["*"], verbs: [get, list, watch]}
- {apiGroups: [apps, batch], resources: [deployments, cronjobs], verbs: [get, list, patch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: dev, namespace: `+ns+`}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: dev}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: dev}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: `+ns+`}
rules:
- {apiGroups: [rbac.authorization.k8s.io], resources: ["*"], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: `+ns+`}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: `+ns+`}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: dev}]
`)
	t.Cleanup(func() { control.Kubectl(t, "delete", "clusterrole,clusterrolebinding", ns) })
	control.Kubectl(t, "auth", "can-i", "list", "clusterrolebindings", "--as=dev")
	fix[2], fix[5] = "--category=podsecurity,access", "--confidence=safe"
	r := succeed(t, append(fix, "--as=dev", "--settle=0s")...)
	if n := strings.Count(r.stderr, "you may not create pods in namespace "+ns); n == 0 || strings.Contains(r.stderr, "cannot create resource") {
		t.Errorf("that nothing may be tried is said %d times:\n%s", n, r.stderr)
	}
	if !strings.Contains(r.stderr, "changes of") {
		t.Errorf("the rest was not made:\n%s", r.stderr)
	}
	if left := copies(t, ns); left != "" {
		t.Errorf("left behind: %s", left)
	}
}
