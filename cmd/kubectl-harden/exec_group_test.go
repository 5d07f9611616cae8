package main

import (
	"slices"
	"strings"
	"testing"
)

// TestExecGroup takes exec everywhere from a group and gives it back in one
// namespace; with the policy on CONNECT, even there not into privileged pods.
func TestExecGroup(t *testing.T) {
	const policy = "kubectl-harden-exec"
	forgetPolicy(t, policy)
	shop, other := namespace(t, "exec-group-shop"), namespace(t, "exec-group-other")
	control.Kubectl(t, "create", "clusterrole", "enter", "--verb=create,get", "--resource=pods/exec,pods/attach")
	control.Kubectl(t, "create", "clusterrolebinding", "enter", "--clusterrole=enter", "--group=enterers")
	control.Kubectl(t, "create", "clusterrole", "operate", "--verb=get", "--resource=nodes,pods/exec")
	control.Kubectl(t, "create", "clusterrolebinding", "operate", "--clusterrole=operate", "--group=enterers")
	t.Cleanup(func() {
		control.Kubectl(t, "delete", "--ignore-not-found", "clusterrole,clusterrolebinding", "enter", "operate")
	})
	for _, ns := range []string{shop, other} {
		cmd := control.Command(control.KubectlPath, "apply", "-n", ns, "-f", "-")
		cmd.Stdin = strings.NewReader("apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{name: c, image: x}]}\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		control.Kubectl(t, "wait", "-n", ns, "pod/web", "--for=condition=Ready", "--timeout=180s")
	}
	as := []string{"--as=alice", "--as-group=enterers", "--as-group=system:authenticated"}
	may := func(ns, resource, verb string) bool {
		t.Helper()
		resource, sub, _ := strings.Cut(resource, "/")
		out, _ := control.Command(control.KubectlPath, append([]string{"auth", "can-i", verb, resource, "--subresource=" + sub, "-n", ns}, as...)...).CombinedOutput()
		return strings.HasPrefix(string(out), "yes")
	}
	if !may(shop, "pods/exec", "create") || !may(other, "pods/exec", "create") {
		t.Fatal("the group has no exec to begin with")
	}

	rule := []string{"--rule", "node-access-unlimited"}
	if r := succeed(t, append(rule, "-o", "wide")...); !strings.Contains(r.stdout, "Group enterers may run commands in every container and attach to every container, in all namespaces.") {
		t.Errorf("not found:\n%s", r.stdout)
	}
	if r := harden(t, append(rule, "--exec-group", "enterers", "--fix", "--yes")...); r.status != 2 || !strings.Contains(r.stderr, "names no group; write NAMESPACE=GROUP") {
		t.Errorf("status %d: %s", r.status, r.stderr)
	}
	fix := append(slices.Clone(rule), "--exec-group", shop+"=enterers", "--fix", "--yes", "--confidence=review")
	succeed(t, fix...)
	for _, c := range []struct {
		ns, resource, verb string
		want               bool
	}{
		{shop, "pods/exec", "create", true}, {shop, "pods/exec", "get", true}, {shop, "pods", "get", true},
		{shop, "pods/attach", "create", false}, {shop, "pods", "delete", false}, {shop, "secrets", "get", false},
		{other, "pods/exec", "create", false}, {other, "pods", "get", false}, {"kube-system", "pods/exec", "create", false},
	} {
		if got := may(c.ns, c.resource, c.verb); got != c.want {
			t.Errorf("may %s %s in %s: %v", c.verb, c.resource, c.ns, got)
		}
	}
	// A role for other things too keeps those.
	rules := control.Kubectl(t, "get", "clusterrole", "operate", "-o", "jsonpath={.rules}")
	if strings.Contains(rules, "pods/exec") || !strings.Contains(rules, `"resources":["nodes"]`) {
		t.Errorf("the role's rules: %s", rules)
	}
	if again := succeed(t, fix...); !strings.Contains(again.stderr, "Nothing to change.") {
		t.Errorf("a second fix changes something:\n%s%s", again.stdout, again.stderr)
	}

	// What the API server says to a real exec, past authorization and admission.
	exec := func(ns string) string {
		out, _ := control.Command(control.KubectlPath, append([]string{"exec", "-n", ns, "web"}, append(as, "--", "true")...)...).CombinedOutput()
		return string(out)
	}
	if out := exec(other); !strings.Contains(out, "forbidden") {
		t.Errorf("exec in another namespace: %s", out)
	}
	if out := exec(shop); strings.Contains(out, "forbidden") || strings.Contains(out, "Forbidden") {
		t.Errorf("exec in its namespace: %s", out)
	}
	control.Kubectl(t, "label", "namespace", shop, "pod-security.kubernetes.io/enforce=privileged")
	control.Kubectl(t, "create", "deployment", "agent", "-n", shop, "--image=x")
	control.Kubectl(t, "patch", "deployment", "agent", "-n", shop, "--type=merge", "-p", `{"spec":{"template":{"spec":{"hostPID":true}}}}`)
	succeed(t, "--rule", "exec-into-privileged", "--fix", "--yes", "--confidence=review", "--enforce")
	eventually(t, "a refusal by the policy", func() bool { return strings.Contains(exec(shop), "needs the verb privileged-exec") })
}

// TestDebuggerLeft deletes what kubectl debug node leaves behind.
func TestDebuggerLeft(t *testing.T) {
	ns := namespace(t, "debugger-left")
	// A played node runs nothing to attach to: the pod is all that debug makes.
	out, _ := control.Command(control.KubectlPath, "debug", "node/node-1", "-n", ns, "--image=busybox", "--profile=sysadmin", "--attach=false", "-q").CombinedOutput()
	pod := strings.TrimSpace(control.Kubectl(t, "get", "pods", "-n", ns, "-o", "name"))
	if !strings.HasPrefix(pod, "pod/node-debugger-node-1-") {
		t.Fatalf("kubectl debug made %q: %s", pod, out)
	}
	rule := []string{"-n", ns, "--rule", "node-debugger-left"}
	if r := succeed(t, append(rule, "-o", "wide")...); !strings.Contains(r.stdout, "with its processes and its root file system") {
		t.Errorf("not found:\n%s", r.stdout)
	}
	succeed(t, append(rule, "--fix", "--yes", "--confidence=review")...)
	eventually(t, "the pod to be gone", func() bool { return control.Kubectl(t, "get", "pods", "-n", ns, "-o", "name") == "" })
}
