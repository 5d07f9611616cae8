package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// policyObjects are the kinds that an admission policy of the program consists
// of, in the order in which they go.
const policyObjects = "validatingadmissionpolicybinding,validatingadmissionpolicy"

// forgetPolicy removes a policy before a test, since a scan of the whole cluster
// in another may have made it, and after it.
func forgetPolicy(t *testing.T, name string) {
	t.Helper()
	forget := func() {
		control.Kubectl(t, "delete", "--ignore-not-found", policyObjects, name)
		control.Kubectl(t, "delete", "--ignore-not-found", "-n", "kube-system", "configmap", name)
	}
	forget()
	t.Cleanup(forget)
}

// onlyIn keeps a policy to one namespace: other tests have theirs.
func onlyIn(t *testing.T, policy, ns string) {
	t.Helper()
	control.Kubectl(t, "patch", "validatingadmissionpolicybinding", policy, "--type=merge", "-p",
		`{"spec":{"matchResources":{"namespaceSelector":{"matchExpressions":null,"matchLabels":{"kubernetes.io/metadata.name":"`+ns+`"}}}}}`)
}

// wellTyped demands that the server finds no fault with a policy's expressions.
func wellTyped(t *testing.T, policy string) {
	t.Helper()
	eventually(t, "the types of "+policy, func() bool {
		return control.Kubectl(t, "get", "validatingadmissionpolicy", policy, "-o", "jsonpath={.status.observedGeneration}") != ""
	})
	if faults := control.Kubectl(t, "get", "validatingadmissionpolicy", policy, "-o", "jsonpath={.status.typeChecking}"); strings.Contains(faults, "warning") {
		t.Errorf("the expressions have faults: %s", faults)
	}
}

// hostSpecs are pod specs, and what of them the policy names; "" lets them in.
var hostSpecs = map[string]struct{ spec, refused string }{
	"plain":                 {`{containers: [{name: c, image: x}]}`, ""},
	"hostPID, may escalate": {`{hostPID: true, containers: [{name: c, image: x}]}`, "(hostPID) together with containers that may escalate (c)"},
	"all namespaces":        {`{hostPID: true, hostIPC: true, hostNetwork: true, containers: [{name: c, image: x}]}`, "(hostPID, hostIPC, hostNetwork)"},
	"hostIPC, privileged":   {`{hostIPC: true, containers: [{name: c, image: x, securityContext: {privileged: true}}]}`, "(hostIPC)"},
	"hostNetwork, a capability": {`{hostNetwork: true, containers: [{name: c, image: x, securityContext: {allowPrivilegeEscalation: false, capabilities: {add: [NET_RAW]}}}]}`,
		"(hostNetwork)"},
	"hostNetwork, to bind ports": {`{hostNetwork: true, containers: [{name: c, image: x, securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}}]}`, ""},
	"hostPID, cannot escalate":   {`{hostPID: true, containers: [{name: c, image: x, securityContext: {allowPrivilegeEscalation: false}}]}`, ""},
	"hostPID, an init container": {`{hostPID: true, initContainers: [{name: i, image: x}], containers: [{name: c, image: x, securityContext: {allowPrivilegeEscalation: false}}]}`,
		"may escalate (i)"},
	"privileged alone":                   {`{containers: [{name: c, image: x, securityContext: {privileged: true}}]}`, ""},
	"the root of the node":               {`{volumes: [{name: v, hostPath: {path: /}}], containers: [{name: c, image: x}]}`, "hostPath not allowed: /;"},
	"an allowed path":                    {`{volumes: [{name: v, hostPath: {path: /srv/models}}], containers: [{name: c, image: x}]}`, ""},
	"an allowed path, written otherwise": {`{volumes: [{name: v, hostPath: {path: //srv/./models/}}], containers: [{name: c, image: x}]}`, ""},
	"below an allowed path":              {`{volumes: [{name: v, hostPath: {path: /srv/models/link}}], containers: [{name: c, image: x}]}`, "hostPath not allowed: /srv/models/link;"},
	"beside an allowed path":             {`{volumes: [{name: v, hostPath: {path: /srv/models2}}, {name: e, emptyDir: {}}], containers: [{name: c, image: x}]}`, "hostPath not allowed: /srv/models2;"},
	"a path with dots":                   {`{volumes: [{name: v, hostPath: {path: //./etc}}], containers: [{name: c, image: x}]}`, "hostPath not allowed: /etc;"},
}

// wrapped returns a pod spec as a workload of each kind.
func wrapped(spec string) map[string]string {
	const meta = "metadata: {name: probe}"
	once := strings.Replace(spec, "{", "{restartPolicy: Never, ", 1)
	template := "template: {metadata: {labels: {app: p}}, spec: "
	of := func(version, kind, fields, spec string) string {
		return fmt.Sprintf("apiVersion: %s\nkind: %s\n%s\nspec: {%s, %s%s}}\n", version, kind, meta, fields, template, spec)
	}
	const selector = "selector: {matchLabels: {app: p}}"
	return map[string]string{
		"Pod":                   "apiVersion: v1\nkind: Pod\n" + meta + "\nspec: " + spec + "\n",
		"Deployment":            of("apps/v1", "Deployment", selector, spec),
		"StatefulSet":           of("apps/v1", "StatefulSet", "serviceName: p, "+selector, spec),
		"DaemonSet":             of("apps/v1", "DaemonSet", selector, spec),
		"ReplicaSet":            of("apps/v1", "ReplicaSet", selector, spec),
		"ReplicationController": of("v1", "ReplicationController", "selector: {app: p}", spec),
		"Job":                   of("batch/v1", "Job", "backoffLimit: 1", once),
		"CronJob":               "apiVersion: batch/v1\nkind: CronJob\n" + meta + "\nspec: {schedule: '@daily', jobTemplate: {spec: {template: {spec: " + once + "}}}}\n",
	}
}

// TestHostAccessPolicy has the API server carry out the policy about hosts: first
// in a trial, which warns, then denying; on pods and on every workload kind; and
// taken back.
func TestHostAccessPolicy(t *testing.T) {
	const policy = "kubectl-harden-host-access"
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	forgetPolicy(t, policy)
	ns := namespace(t, "host-access")
	apply := func(manifest string) {
		t.Helper()
		cmd := control.Command(control.KubectlPath, "apply", "-n", ns, "-f", "-")
		cmd.Stdin = strings.NewReader(manifest)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	// What runs: a path that the list gets, and a pod that would be refused.
	apply(strings.ReplaceAll(wrapped(`{volumes: [{name: v, hostPath: {path: /srv/models}}], containers: [{name: c, image: x}]}`)["Deployment"], "name: probe", "name: models"))
	apply(strings.ReplaceAll(wrapped(`{hostPID: true, volumes: [{name: v, hostPath: {path: /etc}}], containers: [{name: c, image: x}]}`)["Deployment"], "name: probe", "name: old"))
	control.Kubectl(t, "wait", "-n", ns, "deployment/old", "--for=condition=Available", "--timeout=180s")

	rule := []string{"--rule", "admission-host-namespaces"}
	fix := append(slices.Clip(rule), "--fix", "--yes", "--confidence=review")
	made := succeed(t, fix...)
	for _, want := range []string{"configmap/" + policy + " in kube-system created", "validatingadmissionpolicy.admissionregistration.k8s.io/" + policy + " created",
		"validatingadmissionpolicybinding.admissionregistration.k8s.io/" + policy + " created"} {
		if !strings.Contains(made.stdout, want) {
			t.Fatalf("not %q:\n%s%s", want, made.stdout, made.stderr)
		}
	}
	if got := control.Kubectl(t, "get", "configmap", "-n", "kube-system", policy, "-o", "jsonpath={.data.allowedHostPaths}"); !strings.Contains(got, "/srv/models") || strings.Contains(got, "/etc") {
		t.Errorf("allowed: %q", got)
	}
	wellTyped(t, policy)
	warned := hostSpecs["hostPID, may escalate"]
	eventually(t, "a warning", func() bool {
		out, err := dryRun(t, ns, wrapped(warned.spec)["Pod"])
		return err == nil && strings.Contains(out, warned.refused)
	})
	if again := succeed(t, fix...); !strings.Contains(again.stderr, "Nothing to change.") {
		t.Errorf("a second fix changes something:\n%s%s", again.stdout, again.stderr)
	}
	hostTable(t, ns, false)
	undo := succeed(t, "undo", "--yes")
	if left := control.Kubectl(t, "get", policyObjects+",configmap", "-n", "kube-system", "-o", "name"); strings.Contains(left, policy) {
		t.Errorf("left after undo:\n%s\n%s", left, undo.stdout)
	}
	succeed(t, fix...)
	wellTyped(t, policy)

	onlyIn(t, policy, ns)
	succeed(t, append(fix, "--enforce")...)
	if got := control.Kubectl(t, "get", "validatingadmissionpolicybinding", policy, "-o", "jsonpath={.spec.validationActions}"); got != `["Deny"]` {
		t.Fatalf("actions: %s", got)
	}
	if got := control.Kubectl(t, "get", "validatingadmissionpolicy", policy, "-o", "jsonpath={.spec.failurePolicy}"); got != "Fail" {
		t.Errorf("failurePolicy: %s", got)
	}
	eventually(t, "a refusal", func() bool {
		_, err := dryRun(t, ns, wrapped(warned.spec)["Pod"])
		return err != nil
	})
	if again := succeed(t, append(fix, "--enforce")...); !strings.Contains(again.stderr, "Nothing to change.") {
		t.Errorf("a second fix changes something:\n%s%s", again.stdout, again.stderr)
	}
	hostTable(t, ns, true)
	t.Run("what is there", func(t *testing.T) {
		control.Kubectl(t, "label", "deployment", "old", "-n", ns, "kept=yes")
		control.Kubectl(t, "label", "pod", "-n", ns, "-l", "app=p", "kept=yes") // controllers write to old pods
		control.Kubectl(t, "scale", "deployment", "old", "-n", ns, "--replicas=0")
		control.Kubectl(t, "set", "image", "deployment/old", "-n", ns, "*=y")
		if out, err := control.Command(control.KubectlPath, "patch", "deployment", "old", "-n", ns, "--type=merge", "-p",
			`{"spec":{"template":{"spec":{"hostIPC":true}}}}`).CombinedOutput(); err == nil || !strings.Contains(string(out), "hostIPC") {
			t.Errorf("one more of the host's namespaces: %v\n%s", err, out)
		}
	})
	t.Run("ephemeral containers", func(t *testing.T) {
		calm := strings.ReplaceAll(wrapped(hostSpecs["hostPID, cannot escalate"].spec)["Pod"], "name: probe", "name: calm")
		apply(calm)
		out, err := control.Command(control.KubectlPath, "debug", "calm", "-n", ns, "--image=busybox", "--profile=sysadmin", "-c", "dbg", "--", "true").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "may escalate (c, dbg)") && !strings.Contains(string(out), "may escalate (dbg)") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("without parameters", func(t *testing.T) {
		control.Kubectl(t, "delete", "configmap", "-n", "kube-system", policy)
		eventually(t, "a refusal", func() bool {
			_, err := dryRun(t, ns, wrapped(hostSpecs["plain"].spec)["Pod"])
			return err != nil
		})
		if r := succeed(t, append(rule, "-o", "wide")...); !strings.Contains(r.stdout, "lacks parameters") {
			t.Errorf("not said:\n%s", r.stdout)
		}
		succeed(t, fix...)
		eventually(t, "admission", func() bool {
			_, err := dryRun(t, ns, wrapped(hostSpecs["plain"].spec)["Pod"])
			return err == nil
		})
	})
}

// hostTable asks the server about all specs in all kinds.
func hostTable(t *testing.T, ns string, denied bool) {
	t.Helper()
	t.Run(fmt.Sprint("denied=", denied), func(t *testing.T) {
		for name, c := range hostSpecs {
			var manifests []string
			for _, manifest := range wrapped(c.spec) {
				manifests = append(manifests, manifest)
			}
			out, _ := dryRun(t, ns, strings.Join(manifests, "---\n"))
			created, said := strings.Count(out, "created (server dry run)"), strings.Count(out, "policy 'kubectl-harden-host-access'")+strings.Count(out, "Policy 'kubectl-harden-host-access'")
			wantCreated, wantSaid := len(manifests), 0
			if c.refused != "" {
				wantSaid = 1 // kubectl says a warning once
				if denied {
					wantCreated, wantSaid = 0, len(manifests)
				}
				if n := strings.Count(out, c.refused); n != wantSaid {
					t.Errorf("%s: %q is said %d times:\n%s", name, c.refused, n, out)
				}
			}
			if created != wantCreated || said != wantSaid {
				t.Errorf("%s: %d of %d created, the policy speaks %d times:\n%s", name, created, wantCreated, said, out)
			}
		}
	})
}
