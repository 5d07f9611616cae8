package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

const ignoredPod = `apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  hostPID: true
  containers: [{name: web, image: example.com/web:1}]
`

// TestIgnore ignores what a step of CI fails on, until the ignore has ended.
func TestIgnore(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, dir := range []string{".git", "deploy"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("deploy/pod.yaml", ignoredPod)
	run := func(status int, args ...string) result {
		t.Helper()
		r := runAs(t, "", "", args...)
		if r.status != status {
			t.Fatalf("harden %q: status %d, want %d\n%s%s", args, r.status, status, r.stdout, r.stderr)
		}
		return r
	}
	has := func(text string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("no %q in:\n%s", want, text)
			}
		}
	}
	scan := []string{"-f", "deploy/", "--rule", "pss-host-namespaces,env-secret", "--fail-on", "high"}
	run(1, scan...)
	r := run(0, "ignore", "add", "--rule", "pss-host-*", "-n", "shop", "--reason", "a debugger", "--expires", "never")
	has(r.stdout, ".kubectl-harden.yaml:6: ignored until never: pss-host-*, namespace shop")
	r = run(0, scan...)
	has(r.stdout, "No findings.", "1 ignored (--show-ignored lists them).")
	has(run(0, append(scan, "--show-ignored")...).stdout, "IGNORED", "a debugger", "1 ignored.\n")
	has(run(0, append(scan, "-o", "sarif")...).stdout, `"justification": "a debugger (.kubectl-harden.yaml:6, until never)"`)
	has(run(0, append(scan, "--fix", "--dry-run", "--confidence=review")...).stderr, "Nothing to change.", "1 ignored.")
	run(1, append(scan, "--config=none")...)

	var report struct {
		Summary    struct{ Total int }
		Findings   []struct{ Note string }
		Suppressed []struct{ Rule, IgnoredBy, Reason, Expires string }
	}
	if err := json.Unmarshal([]byte(run(0, append(scan, "-o", "json")...).stdout), &report); err != nil {
		t.Fatal(err)
	}
	if s := report.Suppressed; report.Summary.Total != 0 || len(s) != 1 || s[0].Rule != "pss-host-namespaces" || s[0].IgnoredBy != ".kubectl-harden.yaml:6" || s[0].Reason != "a debugger" || s[0].Expires != "never" {
		t.Errorf("%+v", report)
	}

	// What matches nothing is said; of a folder, not of a single file.
	run(0, "ignore", "add", "--rule", "env-secret", "--name", "gone", "--reason", "x")
	has(run(0, scan...).stderr, "warning: .kubectl-harden.yaml:10: matches nothing: env-secret, name gone\n")
	if r := run(0, append([]string{"-f", "deploy/pod.yaml"}, scan[2:]...)...); r.stderr != "" {
		t.Errorf("of one file: %s", r.stderr)
	}
	has(run(0, "ignore", "list").stdout, "2   active")
	has(run(0, "ignore", "remove", "2").stdout, "ignored no more: env-secret, name gone")

	// An end that has come brings the finding back, and says so.
	text, err := os.ReadFile(".kubectl-harden.yaml")
	if err != nil {
		t.Fatal(err)
	}
	write(".kubectl-harden.yaml", strings.Replace(string(text), "never", "2026-01-31 # long ago", 1))
	has(run(1, scan...).stdout, "(the ignore of .kubectl-harden.yaml:6 ended on 2026-01-31)")
	has(run(0, "ignore", "list").stdout, "1   ended")
	run(0, "ignore", "add", "--rule", "pss-host-*", "-n", "shop", "--reason", "still", "--expires", "30d")
	run(0, scan...)
	if text, _ := os.ReadFile(".kubectl-harden.yaml"); !strings.Contains(string(text), "expires: 2026-01-31 # long ago\n- rule: pss-host-*\n") {
		t.Errorf("other lines have changed:\n%s", text)
	}

	// An annotation does the same, with a reason.
	write(".kubectl-harden.yaml", "apiVersion: kubectl-harden.dev/v1alpha1\nkind: Config\n")
	annotate := func(annotations string) {
		write("deploy/pod.yaml", strings.Replace(ignoredPod, "namespace: shop}", "namespace: shop, annotations: {"+annotations+"}}", 1))
	}
	annotate(`kubectl-harden.dev/ignore: "pss-*"`)
	has(run(1, scan...).stdout, "the ignore of Pod shop/web (annotation) does not count: it gives no reason")
	annotate(`kubectl-harden.dev/ignore: "pss-*", kubectl-harden.dev/ignore-reason: "a debugger"`)
	has(run(0, scan...).stdout, "1 ignored")
}

// TestConfigFaults demands one line that tells what is wrong, and where.
func TestConfigFaults(t *testing.T) {
	const head = "apiVersion: kubectl-harden.dev/v1alpha1\nkind: Config\n"
	for _, c := range []struct {
		name, config string
		args         []string
		want         string
	}{
		{"an unknown field", head + "ignore:\n- rule: x\n  resaon: y\n", []string{"-f", "."}, `.kubectl-harden.yaml:5: unknown field "resaon"; did you mean "reason"?`},
		{"an unknown field, for the list", head + "ignored: []\n", []string{"ignore", "list"}, `.kubectl-harden.yaml:3: unknown field "ignored"; did you mean "ignore"?`},
		{"a file that is not there", head, []string{"--demo", "--config", "nowhere.yaml"}, `--config: the file "nowhere.yaml" does not exist`},
		{"no reason", head, []string{"ignore", "add", "--rule", "env-secret"}, "--reason is missing"},
		{"nothing to ignore", head, []string{"ignore", "add", "--reason", "x"}, "nothing is named: give --rule"},
		{"an unknown rule", head, []string{"ignore", "add", "--reason", "x", "--rule", "env-secrt"}, `did you mean "env-secret"?`},
		{"an unknown kind", head, []string{"ignore", "add", "--reason", "x", "--kind", "deploymant"}, `did you mean "deployment"?`},
		{"a day that has passed", head, []string{"ignore", "add", "--reason", "x", "--rule", "env-secret", "--expires", "2020-01-01"}, "--expires: 2020-01-01 has passed"},
		{"no day", head, []string{"ignore", "add", "--reason", "x", "--rule", "env-secret", "--expires", "soon"}, `--expires: "soon" is no date; write 2027-01-31, 90d, or never`},
		{"a list in brackets", head + "ignore: [{rule: x, reason: y}]\n", []string{"ignore", "add", "--reason", "x", "--rule", "env-secret"}, "the list is written in brackets"},
		{"no file to write", head, []string{"ignore", "add", "--reason", "x", "--rule", "env-secret", "--config=none"}, "there is no file to write into"},
		{"a number that is none", head, []string{"ignore", "remove", "1"}, "there is no ignore 1"},
		{"no command", head, []string{"ignore"}, "add, list or remove"},
		{"what only a table shows", head, []string{"--demo", "-o", "json", "--show-ignored"}, "--show-ignored is for the table"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if err := os.WriteFile(".kubectl-harden.yaml", []byte(c.config), 0o600); err != nil {
				t.Fatal(err)
			}
			r := runAs(t, "", "", c.args...)
			if r.status != 2 || r.stdout != "" || !strings.HasPrefix(r.stderr, "error: ") || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, c.want) {
				t.Errorf("status %d, stdout %q, stderr %q; want one line with %q", r.status, r.stdout, r.stderr, c.want)
			}
			if text, _ := os.ReadFile(".kubectl-harden.yaml"); string(text) != c.config {
				t.Errorf("the file was changed:\n%s", text)
			}
		})
	}
}
