package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBadInput demands of everything that can be got wrong one clear line on
// stderr, nothing on stdout, and status 2.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := func(server, token string) string {
		return `{apiVersion: v1, kind: Config, current-context: c,
clusters: [{name: c, cluster: {server: "` + server + `", certificate-authority: "` + control.CA + `"}}],
users: [{name: u, user: {token: "` + token + `"}}],
contexts: [{name: c, context: {cluster: c, user: u}}]}`
	}
	full := filepath.Join(dir, "full")
	if err := os.MkdirAll(filepath.Join(full, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := write("file", "")
	empty := write("empty.kubeconfig", "")
	pod := write("pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: x}]}\n")
	for _, c := range []struct {
		name       string
		kubeconfig string
		args       []string
		want       string
	}{
		{"no kubeconfig", filepath.Join(dir, "none"), nil, "no kubeconfig: set KUBECONFIG"},
		{"an empty kubeconfig", empty, nil, "no kubeconfig"},
		{"unknown context", control.Kubeconfig, []string{"--context", "prod"}, `"prod" does not exist`},
		{"unreachable server", write("down", config("https://127.0.0.1:1", "x")), nil, "https://127.0.0.1:1 cannot be reached: connect: connection refused"},
		{"no such host", write("dns", config("https://no-such-host.invalid", "x")), nil, "cannot be reached"},
		{"refused credentials", write("expired", config(control.URL, "expired")), nil, "refuses the credentials"},
		{"a namespace that is not there", control.Kubeconfig, []string{"-n", "nosuch"}, `namespace "nosuch" does not exist`},
		{"unknown rule", "", []string{"--demo", "--rule", "env-secrets"}, `unknown rule "env-secrets"; did you mean "env-secret"?`},
		{"unknown rule to skip", "", []string{"--demo", "--skip", "quota-mising"}, `did you mean "quota-missing"?`},
		{"unknown category", "", []string{"--demo", "--category", "secret"}, `unknown category "secret"; did you mean "secrets"?`},
		{"unknown severity", "", []string{"--demo", "--severity", "hihg"}, `did you mean "high"?`},
		{"unknown --fail-on", "", []string{"--demo", "--fail-on", "zzzzzzzzzz"}, "valid: low, medium, high, critical"},
		{"unknown threat", "", []string{"--demo", "--threat", "spofing"}, `did you mean "spoofing"?`},
		{"unknown output", "", []string{"--demo", "-o", "jsno"}, `unknown output "jsno"; did you mean "json"?`},
		{"unknown command", "", []string{"explian"}, `unknown command "explian"; did you mean "explain"?`},
		{"unknown rule to explain", "", []string{"explain", "psa-mising"}, `did you mean "psa-missing"?`},
		{"unknown flag", "", []string{"--fixx"}, "unknown flag: --fixx"},
		{"an output folder that is not empty", "", []string{"--demo", "--fix", "--dry-run", "--output-dir", full}, "is not empty"},
		{"an output folder that is a file", "", []string{"--demo", "--fix", "--dry-run", "--output-dir", file}, "not a directory"},
		{"an output folder inside a file", "", []string{"--demo", "--fix", "--dry-run", "--output-dir", file + "/x"}, "not a directory"},
		{"a dry run of another kind", "", []string{"--demo", "--fix", "--dry-run=sever"}, `did you mean "server"?`},
		{"fix manifests in place", "", []string{"-f", pod, "--fix"}, "add --dry-run"},
		{"fix the demo", "", []string{"--demo", "--fix", "--yes"}, "add --dry-run"},
		{"ask the server about manifests", "", []string{"-f", pod, "--fix", "--dry-run=server"}, "--dry-run=client"},
		{"fix without anybody to ask", control.Kubeconfig, []string{"--fix"}, "add --yes, or --dry-run"},
		{"two sources", "", []string{"--demo", "-f", pod}, "exclude each other"},
		{"a path that is not there", "", []string{"-f", "nowhere"}, `the path "nowhere" does not exist`},
		{"a folder without a kustomization", "", []string{"-k", full}, "kustomization"},
		{"no objects", "", []string{"-f", write("values.yaml", "replicas: 3\n")}, "no Kubernetes object found"},
		{"an export format for findings", "", []string{"--demo", "-o", "diff"}, "goes with --fix --dry-run"},
		{"a kustomization without a folder", "", []string{"--demo", "--fix", "--dry-run", "-o", "kustomize"}, "needs --output-dir"},
		{"a bad selector", "", []string{"--demo", "-l", "a=b=c"}, "selector"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := runAs(t, c.kubeconfig, "", c.args...)
			if r.status != 2 {
				t.Errorf("status %d", r.status)
			}
			if r.stdout != "" {
				t.Errorf("stdout: %q", r.stdout)
			}
			if !strings.HasPrefix(r.stderr, "error: ") || strings.Count(r.stderr, "\n") != 1 || !strings.Contains(r.stderr, c.want) {
				t.Errorf("stderr: %q, want one line with %q", r.stderr, c.want)
			}
		})
	}
}

// TestBrokenManifest reads the files that can be read beside one that cannot.
func TestBrokenManifest(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {hostPID: true, containers: [{name: c, image: x}]}\n",
		"b.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\n---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: [x\n",
		"c.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: c}\nspec: {containers: hunter2-hunter2}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := runAs(t, "", "", "-f", dir, "-o", "json")
	if r.status != 2 {
		t.Errorf("status %d", r.status)
	}
	if !strings.Contains(r.stderr, "b.yaml:8: ") && !strings.Contains(r.stderr, "b.yaml:9: ") {
		t.Errorf("the line is not said: %s", r.stderr)
	}
	if !strings.Contains(r.stderr, "c.yaml:1: Pod is not valid: spec.containers cannot be a string") {
		t.Errorf("the field is not said: %s", r.stderr)
	}
	if strings.Contains(r.stderr, "hunter2") {
		t.Errorf("the value is said: %s", r.stderr)
	}
	found := false
	for _, f := range parseReport(t, r).Findings {
		found = found || f.Rule == "pss-host-namespaces" && f.Object.Name == "a"
	}
	if !found {
		t.Errorf("the other file was not scanned:\n%s", r.stdout)
	}
}
