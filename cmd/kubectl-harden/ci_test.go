package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCI runs every command that docs/ci.md gives, in a checkout with a faulty
// manifest and in one without: the status is what the job ends with.
func TestCI(t *testing.T) {
	doc, err := os.ReadFile("../../docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^.*?(kubectl[ -]harden -f .*)$`).FindAllStringSubmatch(string(doc), -1)
	if len(commands) != 5 {
		t.Fatalf("%d commands in docs/ci.md", len(commands))
	}
	bin := t.TempDir()
	if err := os.Symlink(binary, filepath.Join(bin, "kubectl-harden")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(control.KubectlPath, filepath.Join(bin, "kubectl")); err != nil {
		t.Fatal(err)
	}
	const (
		faulty = "# the shop\napiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec:\n  hostPID: true\n  containers: [{name: web, image: example.com/web:1}]\n"
		sound  = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, namespace: shop}\ndata: {greeting: hello}\n"
	)
	for manifest, failed := range map[string]bool{faulty: true, sound: false} {
		for _, c := range commands {
			dir := t.TempDir()
			if err := os.MkdirAll(filepath.Join(dir, "deploy", "base"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "deploy", "base", "shop.yaml"), []byte(manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-c", c[1])
			cmd.Dir, cmd.Env = dir, []string{"PATH=" + bin + ":/usr/bin:/bin", "HOME=" + t.TempDir()}
			out, err := cmd.CombinedOutput()
			want := 0
			if failed && strings.Contains(c[1], "--fail-on") {
				want = 1
			}
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
				t.Errorf("%s: %v, want status %d\n%s", c[1], err, want, out)
			}
			if failed && strings.Contains(c[1], ".sarif") {
				sarifHolds(t, filepath.Join(dir, "harden.sarif"))
			}
			if failed && strings.Contains(c[1], ".xml") {
				text, err := os.ReadFile(filepath.Join(dir, "harden.xml"))
				if err != nil || xml.Unmarshal(text, new(struct{})) != nil || !strings.Contains(string(text), `file="deploy/base/shop.yaml"`) {
					t.Errorf("%v: not JUnit that names the file:\n%s", err, text)
				}
			}
		}
	}
}

// sarifHolds demands that a report leads to the manifest's file and line.
func sarifHolds(t *testing.T, file string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var log struct {
		Runs []struct {
			Results []struct {
				RuleID    string
				Level     string
				Locations []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal(text, &log); err != nil {
		t.Fatal(err)
	}
	for _, r := range log.Runs[0].Results {
		if r.RuleID != "pss-host-namespaces" {
			continue
		}
		at := r.Locations[0].PhysicalLocation
		if r.Level != "error" || at.ArtifactLocation.URI != "deploy/base/shop.yaml" || at.Region.StartLine != 2 {
			t.Errorf("%+v", r)
		}
		return
	}
	t.Errorf("no result for host namespaces:\n%s", text)
}
