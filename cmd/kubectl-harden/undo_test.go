package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// service is a Deployment with a credential in its environment, and a label
// that decides how its pods fare.
func service(ns, name, label string) string {
	return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ` + name + `, namespace: ` + ns + `}
spec:
  replicas: 2
  selector: {matchLabels: {app: ` + name + `}}
  template:
    metadata: {labels: {app: ` + name + `, ` + label + `}}
    spec:
      containers:
      - name: web
        image: example.com/web:1
        env: [{name: DB_PASSWORD, value: "` + killedPassword + `"}]
`
}

// TestRolledBack makes a fix that breaks what runs: it is put back, the reason
// is told, and nothing of it stays.
func TestRolledBack(t *testing.T) {
	t.Parallel()
	keepState(t)
	ns := namespace(t, "broken-fix")
	control.Apply(t, service(ns, "web", "needs: root"))
	control.Kubectl(t, "rollout", "status", "deployment/web", "-n", ns, "--timeout=180s")
	begin := snapshot(t, ns)
	r := harden(t, "-n", ns, "--fix", "--yes", "--confidence=review", "--settle=0s")
	if r.status != 5 {
		t.Errorf("status %d", r.status)
	}
	for _, want := range []string{"deployment.apps/web in " + ns + " rolled back", "CrashLoopBackOff", "rolled back: all is as it was"} {
		if !strings.Contains(r.stdout+r.stderr, want) {
			t.Errorf("%q is not said:\n%s%s", want, r.stdout, r.stderr)
		}
	}
	if got := snapshot(t, ns); got != begin {
		t.Errorf("it is not as before:\n%s", firstDifference(begin, got))
	}

	// With what works made all the same, that stays, and is undone by name.
	control.Apply(t, service(ns, "api", "needs: nothing"))
	control.Kubectl(t, "rollout", "status", "deployment/api", "-n", ns, "--timeout=180s")
	begin = snapshot(t, ns)
	r = harden(t, "-n", ns, "--fix", "--yes", "--confidence=review", "--settle=0s", "--on-failure=continue")
	if r.status != 3 || !strings.Contains(r.stdout, "deployment.apps/api in "+ns+" patched") {
		t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	if !strings.Contains(r.stdout, "namespace/"+ns+" not attempted: Deployment "+ns+"/web was not fixed") {
		t.Errorf("enforcement was not held back:\n%s", r.stdout)
	}
	succeed(t, "undo", "--yes", "--settle=0s")
	if got := snapshot(t, ns); got != begin {
		t.Errorf("undone, it is not as before:\n%s", firstDifference(begin, got))
	}
}

// TestUndoLeavesOthersWork changes by hand what a run wrote, and undoes the
// run: what was changed stays, and is said.
func TestUndoLeavesOthersWork(t *testing.T) {
	t.Parallel()
	keepState(t)
	ns := namespace(t, "undo-part")
	for _, name := range []string{"web", "api"} {
		control.Apply(t, service(ns, name, "needs: nothing"))
		control.Kubectl(t, "rollout", "status", "deployment/"+name, "-n", ns, "--timeout=180s")
	}
	succeed(t, "-n", ns, "--rule", "env-secret,pss-allow-privilege-escalation", "--fix", "--yes", "--confidence=review", "--settle=0s")

	// One object alone.
	r := succeed(t, "undo", "--only", ns+"/deployment/api", "--yes", "--settle=0s")
	if !strings.Contains(r.stdout, "deployment.apps/api in "+ns+" patched") || strings.Contains(r.stdout, "deployment.apps/web") {
		t.Errorf("undo --only:\n%s", r.stdout)
	}
	// Both share one Secret, since their passwords are equal: web still uses it.
	control.Kubectl(t, "get", "secret/api-env", "-n", ns)

	control.Kubectl(t, "patch", "deployment/web", "-n", ns, "--type=json", "-p",
		`[{"op": "replace", "path": "/spec/template/spec/containers/0/securityContext/allowPrivilegeEscalation", "value": true}]`)
	r = harden(t, "undo", "1", "--yes", "--settle=0s")
	if r.status != 0 || !strings.Contains(r.stderr, "left as it is: Deployment "+ns+"/web: spec.template.spec.containers[0].securityContext.allowPrivilegeEscalation") {
		t.Errorf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	env := control.Kubectl(t, "get", "deployments", "-n", ns, "-o", "jsonpath={.items[*].spec.template.spec.containers[0].env[*].value}")
	if strings.Count(env, killedPassword) != 2 {
		t.Error("the passwords are not back")
	}
	if out := control.Kubectl(t, "get", "secrets", "-n", ns, "-o", "name"); out != "" {
		t.Errorf("left: %s", out)
	}

	var history []struct {
		Run, Undoes, UndoneBy int
		Kind, State           string
	}
	if err := json.Unmarshal([]byte(succeed(t, "history", "-o", "json").stdout), &history); err != nil {
		t.Fatal(err)
	}
	if len(history) != 3 || history[2].Run != 1 || history[0].Undoes != 1 || history[2].State != "done" {
		t.Errorf("history: %+v", history)
	}
	table := succeed(t, "history").stdout
	if !strings.Contains(table, "undo of 1") || strings.Contains(table, killedPassword) {
		t.Errorf("history:\n%s", table)
	}
}
