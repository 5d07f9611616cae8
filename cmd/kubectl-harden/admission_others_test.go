package main

import (
	"slices"
	"strings"
	"testing"
)

// TestExecPolicy has the API server keep those without the verb out of a
// namespace in which privileged pods run.
func TestExecPolicy(t *testing.T) {
	const policy = "kubectl-harden-exec"
	forgetPolicy(t, policy)
	agents, shop, marked := namespace(t, "exec-agents"), namespace(t, "exec-shop"), namespace(t, "exec-marked")
	control.Kubectl(t, "label", "namespace", marked, "pod-security.kubernetes.io/enforce=privileged")
	for ns, security := range map[string]string{agents: "{privileged: true}", shop: "{}", marked: "{}"} {
		cmd := control.Command(control.KubectlPath, "apply", "-n", ns, "-f", "-")
		cmd.Stdin = strings.NewReader("apiVersion: v1\nkind: Pod\nmetadata: {name: agent}\nspec: {containers: [{name: c, image: x, securityContext: " + security + "}]}\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		control.Kubectl(t, "create", "serviceaccount", "dev", "-n", ns)
		control.Kubectl(t, "create", "serviceaccount", "on-call", "-n", ns)
		control.Kubectl(t, "create", "role", "debug", "-n", ns, "--verb=get,patch,update", "--resource=pods/ephemeralcontainers")
		for _, who := range []string{"dev", "on-call"} {
			control.Kubectl(t, "create", "rolebinding", "debug-"+who, "-n", ns, "--role=debug", "--serviceaccount="+ns+":"+who)
			control.Kubectl(t, "create", "rolebinding", who, "-n", ns, "--clusterrole=edit", "--serviceaccount="+ns+":"+who)
		}
		control.Kubectl(t, "create", "role", "through", "-n", ns, "--verb=privileged-exec", "--resource=pods/exec")
		control.Kubectl(t, "create", "rolebinding", "through", "-n", ns, "--role=through", "--serviceaccount="+ns+":on-call")
		control.Kubectl(t, "wait", "-n", ns, "pod/agent", "--for=condition=Ready", "--timeout=180s")
	}
	// A played node runs nothing that exec could reach: what counts is whether
	// the API server tries.
	tries := func(ns, who string, command ...string) bool {
		t.Helper()
		args := []string{"-n", ns}
		if who != "" {
			args = append(args, "--as=system:serviceaccount:"+ns+":"+who)
		}
		out, _ := control.Command(control.KubectlPath, append(args, command...)...).CombinedOutput()
		return !strings.Contains(string(out), "needs the verb privileged-exec")
	}
	exec := []string{"exec", "agent", "--", "true"}

	rule := []string{"--rule", "exec-into-privileged"}
	r := succeed(t, append(rule, "-o", "json")...)
	if !strings.Contains(r.stdout, agents+": agent (privileged)") || !strings.Contains(r.stdout, "ServiceAccount "+agents+"/dev") || strings.Contains(r.stdout, "ServiceAccount "+agents+"/on-call") {
		t.Errorf("evidence:\n%s", r.stdout)
	}
	fix := append(slices.Clip(rule), "--fix", "--yes", "--confidence=review")
	succeed(t, fix...)
	wellTyped(t, policy)
	if got := control.Kubectl(t, "get", "validatingadmissionpolicybinding", policy, "-o", "jsonpath={.spec.validationActions}"); got != `["Audit"]` {
		t.Fatalf("actions: %s", got)
	}
	if !tries(agents, "dev", exec...) {
		t.Error("a trial refuses")
	}
	if again := succeed(t, fix...); !strings.Contains(again.stderr, "Nothing to change.") {
		t.Errorf("a second fix changes something:\n%s%s", again.stdout, again.stderr)
	}
	succeed(t, append(fix, "--enforce")...)
	eventually(t, "a refusal", func() bool { return !tries(agents, "dev", exec...) })
	attach := []string{"attach", "agent"}
	debug := []string{"debug", "agent", "--image=busybox", "--", "true"}
	for _, c := range []struct {
		ns, who string
		command []string
		want    bool
	}{
		{agents, "dev", attach, false}, {agents, "dev", debug, false},
		{agents, "on-call", exec, true}, {agents, "on-call", attach, true}, {agents, "on-call", debug, true},
		{agents, "", exec, true},
		{shop, "dev", exec, true}, {shop, "dev", attach, true}, {shop, "dev", debug, true},
		{marked, "dev", exec, false}, {marked, "on-call", exec, true},
	} {
		if got := tries(c.ns, c.who, c.command...); got != c.want {
			t.Errorf("%s as %q in %s: let through %v", c.command[0], c.who, c.ns, got)
		}
	}
	// One more namespace with a privileged pod: the list gets it.
	late := namespace(t, "exec-late")
	control.Kubectl(t, "create", "deployment", "late", "-n", late, "--image=x")
	control.Kubectl(t, "patch", "deployment", "late", "-n", late, "--type=merge", "-p", `{"spec":{"template":{"spec":{"hostPID":true}}}}`)
	if r := succeed(t, append(rule, "-o", "wide")...); !strings.Contains(r.stdout, "does not know of all namespaces") {
		t.Errorf("not said:\n%s", r.stdout)
	}
	succeed(t, append(fix, "--enforce")...)
	if got := control.Kubectl(t, "get", "configmap", "-n", "kube-system", policy, "-o", "jsonpath={.data.namespaces}"); !strings.Contains(got, late+"\n") || !strings.Contains(got, agents+"\n") {
		t.Errorf("namespaces: %q", got)
	}
}

// TestPodDefaults has the API server give new pods what they leave open, and
// nothing else.
func TestPodDefaults(t *testing.T) {
	const policy = "kubectl-harden-pod-defaults"
	forget := func() {
		control.Kubectl(t, "delete", "--ignore-not-found", "mutatingadmissionpolicybinding,mutatingadmissionpolicy", policy)
	}
	forget()
	t.Cleanup(forget)
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	ns := namespace(t, "pod-defaults")
	// made returns what the server makes of a pod: its profile and the
	// allowPrivilegeEscalation of each container.
	made := func(ns, spec string) string {
		t.Helper()
		cmd := control.Command(control.KubectlPath, "create", "--dry-run=server", "-n", ns, "-f", "-", "-o",
			"jsonpath={.spec.securityContext.seccompProfile.type}{range .spec.initContainers[*]},{.name}={.securityContext.allowPrivilegeEscalation}{end}{range .spec.containers[*]},{.name}={.securityContext.allowPrivilegeEscalation}{end}")
		cmd.Stdin = strings.NewReader(wrapped(spec)["Pod"])
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", spec, err, out)
		}
		return string(out)
	}
	const plain = "{containers: [{name: c, image: x}]}"
	if r := succeed(t, "--category", "admission", "-o", "json"); strings.Contains(r.stdout, policy) {
		t.Error("proposed, and nobody asked")
	}
	if got := made(ns, plain); got != ",c=" {
		t.Fatalf("before: %q", got)
	}
	control.Apply(t, strings.ReplaceAll(wrapped(plain)["Deployment"], "metadata: {name: probe}", "metadata: {name: probe, namespace: "+ns+"}"))
	control.Kubectl(t, "wait", "-n", ns, "deployment/probe", "--for=condition=Available", "--timeout=180s")
	fix := []string{"--rule", "admission-pod-defaults", "--fix", "--yes", "--confidence=review"}
	succeed(t, fix...)
	eventually(t, "a default", func() bool { return made(ns, plain) == "RuntimeDefault,c=" })
	if again := succeed(t, fix...); !strings.Contains(again.stderr, "Nothing to change.") {
		t.Errorf("a second fix changes something:\n%s%s", again.stdout, again.stderr)
	}
	for spec, want := range map[string]string{
		"{securityContext: {seccompProfile: {type: Unconfined}}, containers: [{name: c, image: x}]}":                                 "Unconfined,c=",
		"{securityContext: {runAsUser: 7}, containers: [{name: c, image: x}]}":                                                       "RuntimeDefault,c=",
		"{containers: [{name: c, image: x, securityContext: {privileged: true}}, {name: d, image: x}]}":                              ",c=,d=",
		"{os: {name: windows}, containers: [{name: c, image: x}]}":                                                                   ",c=",
		"{nodeSelector: {kubernetes.io/os: windows}, containers: [{name: c, image: x}]}":                                             ",c=",
		"{containers: [{name: c, image: x, securityContext: {capabilities: {drop: [ALL]}}}, {name: d, image: x}]}":                   "RuntimeDefault,c=false,d=",
		"{initContainers: [{name: i, image: x, securityContext: {capabilities: {drop: [ALL]}}}], containers: [{name: c, image: x}]}": "RuntimeDefault,i=false,c=",
		"{containers: [{name: c, image: x, securityContext: {allowPrivilegeEscalation: true, capabilities: {drop: [ALL]}}}]}":        "RuntimeDefault,c=true",
		"{containers: [{name: c, image: x, securityContext: {capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}}]}":               "RuntimeDefault,c=",
		"{containers: [{name: c, image: x, securityContext: {capabilities: {drop: [NET_RAW]}}}]}":                                    "RuntimeDefault,c=",
		"{securityContext: {seccompProfile: {type: RuntimeDefault}}, containers: [{name: c, image: x, env: [{name: A, value: b}]}]}": "RuntimeDefault,c=",
		"{containers: [{name: c, image: x, securityContext: {seccompProfile: {type: Unconfined}, capabilities: {drop: [ALL]}}}]}":    "RuntimeDefault,c=false",
	} {
		if got := made(ns, spec); got != want {
			t.Errorf("%s: %q, want %q", spec, got, want)
		}
	}
	if got := made("kube-system", plain); got != ",c=" {
		t.Errorf("in the system's namespace: %q", got)
	}
	// What runs stays, and what is made anew gets the default.
	profile := func() string {
		return control.Kubectl(t, "get", "pods", "-n", ns, "-l", "app=p", "--field-selector=status.phase=Running", "-o", "jsonpath={.items[*].spec.securityContext.seccompProfile.type}")
	}
	if got := profile(); got != "" {
		t.Errorf("a pod that runs was changed: %q", got)
	}
	control.Kubectl(t, "rollout", "restart", "deployment/probe", "-n", ns)
	eventually(t, "a new pod with the default", func() bool { return profile() == "RuntimeDefault" })
	succeed(t, "undo", "--yes")
	eventually(t, "an end of the defaults", func() bool { return made(ns, plain) == ",c=" })
}
