package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bitnami-labs/sealed-secrets/pkg/crypto"
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
		{"nothing runs to look into", "", []string{"--demo", "--inspect"}, "--inspect looks into running containers, and manifests have none: scan a cluster"},
		{"a decision without an end", "", []string{"--demo", "--cut", "shop/web"}, "--cut: \"shop/web\" is not FROM:TO"},
		{"a decision both ways", "", []string{"network", "--demo", "--cut", "shop/web:shop/db", "--keep", "shop/web:shop/db"}, "--keep and --cut both name shop/web:shop/db"},
		{"an argument where none goes", "", []string{"network", "shop"}, `network takes no arguments, and "shop" is one`},
		{"a decision about nothing", "", []string{"network", "--demo", "--cut", "shop/webb:shop/db"}, "there is no workload shop/webb"},
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
		{"an undo without anybody to ask", control.Kubeconfig, []string{"undo"}, "add --yes, or --dry-run"},
		{"an undo of what is no run", control.Kubeconfig, []string{"undo", "web"}, `"web" is not the number of a run; see kubectl harden history`},
		{"an undo of two runs", control.Kubeconfig, []string{"undo", "1", "2"}, "undo takes one run"},
		{"an undo of nothing", control.Kubeconfig, []string{"undo", "--yes"}, "no run on this cluster"},
		{"an undo of a run that is not there", control.Kubeconfig, []string{"undo", "7", "--yes"}, "run 7 not found"},
		{"a resume of nothing", control.Kubeconfig, []string{"resume", "--yes"}, "no run on this cluster"},
		{"an unknown kind to undo", control.Kubeconfig, []string{"undo", "--yes", "--only", "deploymant/web"}, "deploymant"},
		{"a run's history that is not there", "", []string{"history", "7"}, "run 7 not found"},
		{"no wave", control.Kubeconfig, []string{"--fix", "--yes", "--wave-size=0"}, "--wave-size is at least 1"},
		{"an unknown way to fail", control.Kubeconfig, []string{"--fix", "--yes", "--on-failure=stopp"}, `did you mean "stop"?`},
		{"an object to recreate without a kind", control.Kubeconfig, []string{"--recreate", "worker"}, "--recreate: "},
		{"a file where the journals go", control.Kubeconfig, []string{"history"}, "not a directory"},
		{"two sources", "", []string{"--demo", "-f", pod}, "exclude each other"},
		{"a path that is not there", "", []string{"-f", "nowhere"}, `the path "nowhere" does not exist`},
		{"a folder without a kustomization", "", []string{"-k", full}, "kustomization"},
		{"no objects", "", []string{"-f", write("values.yaml", "replicas: 3\n")}, "no Kubernetes object found"},
		{"an export format for findings", "", []string{"--demo", "-o", "diff"}, "goes with --fix --dry-run"},
		{"a kustomization without a folder", "", []string{"--demo", "--fix", "--dry-run", "-o", "kustomize"}, "needs --output-dir"},
		{"a bad selector", "", []string{"--demo", "-l", "a=b=c"}, "selector"},
		{"an unknown form of Secrets", "", []string{"--demo", "--fix", "--dry-run", "--secrets-as", "seald"}, `did you mean "sealed"?`},
		{"a form of Secrets for a scan", "", []string{"--demo", "--secrets-as", "sops", "--age-recipient", "x"}, "--secrets-as is for export: add --fix --dry-run"},
		{"a form of Secrets that are applied", control.Kubeconfig, []string{"--fix", "--yes", "--secrets-as", "sealed", "--seal-cert", "x"}, "--secrets-as is for export: add --fix --dry-run"},
		{"a certificate for what is not sealed", "", []string{"--demo", "--fix", "--dry-run", "--seal-cert", file}, "--seal-cert goes with --secrets-as sealed"},
		{"sealed for nobody", "", []string{"--demo", "--fix", "--dry-run", "--secrets-as", "sealed"}, "--secrets-as sealed needs --seal-cert"},
		{"a certificate that is none", "", []string{"--demo", "--fix", "--dry-run", "--secrets-as", "sealed", "--seal-cert", pod}, "pod.yaml holds no certificate in PEM"},
		{"a certificate that is not there", "", []string{"--demo", "--fix", "--dry-run", "--secrets-as", "sealed", "--seal-cert", "nowhere.pem"}, "nowhere.pem: no such file"},
		{"a certificate that has expired", "", []string{"--demo", "--fix", "--dry-run", "--secrets-as", "sealed", "--seal-cert", expiredCertificate(t, dir)}, "expired.pem expired on 2020-01-31"},
		{"a certificate from no cluster", "", []string{"--demo", "--fix", "--dry-run", "--secrets-as", "sealed", "--seal-cert", "cluster"}, "asks the scanned cluster, and there is none"},
		{"a controller that is no service", control.Kubeconfig, []string{"--fix", "--dry-run", "--secrets-as", "sealed", "--seal-cert", "cluster", "--seal-controller", "sealed"}, "NAMESPACE/NAME of a service"},
		{"an age recipient that is none", "", []string{"--demo", "--fix", "--dry-run", "--secrets-as", "sops", "--age-recipient", "age1xyz"}, `"age1xyz" is not an age recipient`},
		{"encrypted for nobody", "", []string{"--demo", "--fix", "--dry-run", "--secrets-as", "sops"}, "--secrets-as sops needs --age-recipient"},
		{"a store of an unknown kind", "", []string{"--demo", "--fix", "--dry-run", "--secrets-as", "external", "--external-store", "SecretStor/vault"}, `did you mean "SecretStore"?`},
		{"a store without a name", "", []string{"--demo", "--fix", "--dry-run", "--secrets-as", "external", "--external-store", "SecretStore/"}, "is not the name of a store"},
		{"an unknown federation", "", []string{"--demo", "--fix", "--dry-run", "--federate", "kubfed"}, `did you mean "kubefed"?`},
		{"clusters without a federation", "", []string{"--demo", "--fix", "--dry-run", "--clusters", "a"}, "--clusters goes with --federate"},
		{"federated values for Git", "", []string{"--demo", "--fix", "--dry-run", "--federate", "kubefed", "--output-dir", dir + "/new"}, "add --secrets-as sops"},
		{"a federated form that KubeFed cannot carry", "", []string{"--demo", "--fix", "--dry-run", "--federate", "kubefed", "--secrets-as", "external", "--external-store", "vault"}, "not external"},
		{"an unknown scanner", "", []string{"--demo", "--scan-images", "trivi"}, `did you mean "trivy"?`},
		{"a scanner that is not there", "", []string{"--demo", "--scan-images", "grype"}, "grype is not on PATH"},
		{"a report that is not there", "", []string{"--demo", "--vulnerabilities", "nowhere.json"}, `the path "nowhere.json" does not exist`},
		{"a report of another tool", "", []string{"--demo", "--vulnerabilities", write("other.json", `{"tool": "x"}`)}, "other.json is JSON of another tool"},
		{"a report that is cut short", "", []string{"--demo", "--vulnerabilities", write("cut.json", `{"SchemaVersion": 2, "Resu`)}, "cut.json is cut short: its JSON ends at byte 26"},
		{"a controller that is not there", control.Kubeconfig, []string{"--fix", "--dry-run", "--secrets-as", "sealed", "--seal-cert", "cluster"}, "service kube-system/sealed-secrets-controller does not give its certificate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			switch c.name {
			case "a file where the journals go":
				t.Setenv("XDG_STATE_HOME", file)
			case "a scanner that is not there":
				t.Setenv("PATH", full)
			}
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

// expiredCertificate writes a certificate as the controller of Sealed Secrets
// makes them, of long ago.
func expiredCertificate(t *testing.T, dir string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := crypto.SignKeyWithNotBefore(rand.Reader, key, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), 30*24*time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "expired.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
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
