package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
)

// TestHostileNames scans a manifest whose every string attacks the terminal.
func TestHostileNames(t *testing.T) {
	const attack = `\u001b[2J\u001b]0;owned\u0007\u202e\nFAKE LINE`
	manifest := strings.ReplaceAll(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"../../ATTACK","namespace":"nsATTACK"},
"spec":{"selector":{},"template":{"spec":{"hostPID":true,"containers":[{"name":"cATTACK","image":"iATTACK",
"env":[{"name":"DB_PASSWORDATTACK","value":"correct-horse-battery"}],"securityContext":{"capabilities":{"add":["xATTACK"]}}}]}}}}`, "ATTACK", attack)
	for _, args := range [][]string{
		{"-o", "table"}, {"-o", "wide"}, {"-o", "name"}, {"--fix", "--dry-run", "--confidence=review"},
	} {
		r := runAs(t, "", manifest, append([]string{"-f", "-"}, args...)...)
		if r.status != 0 {
			t.Errorf("%q: status %d: %s", args, r.status, r.stderr)
		}
		out := strings.ReplaceAll(r.stdout+r.stderr, "\n", "")
		if strings.ContainsFunc(out, func(c rune) bool { return unicode.IsControl(c) && c != '\t' || c == '\u202e' }) {
			t.Errorf("%q lets control characters through:\n%q", args, out)
		}
		if strings.Contains(r.stdout, "\nFAKE LINE") {
			t.Errorf("%q lets a line be forged:\n%s", args, r.stdout)
		}
	}
	dir := t.TempDir() + "/out"
	if r := runAs(t, "", manifest, "-f", "-", "--fix", "--dry-run", "--confidence=review", "--output-dir", dir); r.status != 0 {
		t.Fatal(r.stderr)
	}
	entries, err := os.ReadDir(dir + "/patches")
	if err != nil || len(entries) != 1 || strings.ContainsFunc(entries[0].Name(), unicode.IsControl) {
		t.Errorf("%v %v", entries, err)
	}
	outside, err := os.ReadDir(dir + "/..")
	if err != nil || len(outside) != 1 {
		t.Errorf("written outside the folder: %v %v", outside, err)
	}
}

// TestInterrupt ends a scan that waits for its input.
func TestInterrupt(t *testing.T) {
	cmd := exec.Command(binary, "-f", "-")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// It reads once it has been given what fills the pipe.
	if _, err := stdin.Write(bytes.Repeat([]byte("# waiting\n"), 20000)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	watchdog := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer watchdog.Stop()
	_ = cmd.Wait()
	if cmd.ProcessState.ExitCode() != 130 || errOut.String() != "error: interrupted\n" {
		t.Errorf("status %d: %q", cmd.ProcessState.ExitCode(), errOut.String())
	}
}

// TestAppliedInPart is refused in the middle: what was written and what was
// not is said, the status is 3, and the same command finishes the job.
func TestAppliedInPart(t *testing.T) {
	ns := namespace(t, "in-part")
	control.Kubectl(t, "create", "deployment", "web", "-n", ns, "--image=example.com/web:1")
	control.Kubectl(t, "set", "env", "deployment/web", "-n", ns, "DB_PASSWORD=correct-horse-battery")
	control.Apply(t, `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: in-part}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [networking.k8s.io], apiVersions: [v1], operations: [CREATE], resources: [networkpolicies]}]
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: in-part}}
  validations: [{expression: "request.?dryRun.orValue(false)", message: not today}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: in-part}
spec: {policyName: in-part, validationActions: [Deny]}
`)
	lift := func() {
		control.Kubectl(t, "delete", "--ignore-not-found", "validatingadmissionpolicybinding,validatingadmissionpolicy", "in-part")
	}
	t.Cleanup(lift)
	probe := "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: probe, namespace: in-part}\nspec: {podSelector: {matchLabels: {a: b}}}\n"
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		cmd := control.Command(control.KubectlPath, "create", "-f", "-")
		cmd.Stdin = strings.NewReader(probe)
		if out, err := cmd.CombinedOutput(); err != nil && strings.Contains(string(out), "not today") {
			break
		}
		control.Kubectl(t, "delete", "--ignore-not-found", "networkpolicy", "probe", "-n", ns)
		if time.Now().After(deadline) {
			t.Fatal("the policy does not take effect")
		}
	}
	r := harden(t, "-n", ns, "--fix", "--yes", "--confidence=review")
	if r.status != 3 {
		t.Errorf("status %d", r.status)
	}
	for _, want := range []string{"secret/web-env in in-part created", "deployment.apps/web in in-part patched", "failed: ", "not today", "not attempted"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("stdout lacks %q:\n%s", want, r.stdout)
		}
	}
	if !regexp.MustCompile(`\nRun \d+: 4 changes of 7 made\. kubectl harden resume \d+ goes on, kubectl harden undo \d+ takes back what was done\.\nerror: the plan was applied in part\n$`).MatchString(r.stderr) {
		t.Errorf("stderr: %q", r.stderr)
	}
	lift()
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		r = harden(t, "-n", ns, "--fix", "--yes", "--confidence=review")
		if r.status == 0 || time.Now().After(deadline) {
			break
		}
	}
	if r.status != 0 {
		t.Errorf("the same command does not finish the job: %d\n%s%s", r.status, r.stdout, r.stderr)
	}
}

// TestNamespaceThatGoes: what is being deleted is nobody's to fix; the API
// server would refuse the Secret of the fix.
func TestNamespaceThatGoes(t *testing.T) {
	ns := namespace(t, "going")
	control.Kubectl(t, "create", "configmap", "held", "-n", ns)
	control.Kubectl(t, "patch", "configmap", "held", "-n", ns, "-p", `{"metadata":{"finalizers":["example.com/held"]}}`)
	t.Cleanup(func() {
		control.Kubectl(t, "patch", "configmap", "held", "-n", ns, "-p", `{"metadata":{"finalizers":null}}`)
	})
	control.Kubectl(t, "create", "deployment", "web", "-n", ns, "--image=example.com/web:1")
	findings := func() int {
		return len(inNamespaces(parseReport(t, succeed(t, "-o", "json")), ns))
	}
	if findings() == 0 {
		t.Fatal("the test is without its point")
	}
	control.Kubectl(t, "delete", "namespace", ns, "--wait=false")
	if n := findings(); n != 0 {
		t.Errorf("%d findings", n)
	}
}
