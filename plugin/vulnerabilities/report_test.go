package vulnerabilities

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

var (
	configDigest = "sha256:" + strings.Repeat("a", 64)
	repoDigest   = "sha256:" + strings.Repeat("b", 64)
)

// text writes a report in one line, to be compared.
func text(v *fixes.Vulnerabilities) string {
	var found []string
	for _, f := range v.Found {
		found = append(found, fmt.Sprintf("%s/%s/%s/%s/%s", f.ID, f.Severity, f.Package, f.Installed, f.Fixed))
	}
	digests := strings.Join(v.Digests, ",")
	digests = strings.NewReplacer(configDigest, "config", repoDigest, "repo", "sha256:"+strings.Repeat("c", 64), "manifest").Replace(digests)
	return strings.Join([]string{v.Scanner, strings.Join(v.Images, ","), digests, strings.Join(found, " ")}, " | ")
}

func load(t *testing.T, facts source.Facts, inv *fixes.Inventory) (reports, skips []string) {
	t.Helper()
	if facts.Kind() != fixes.KindVulnerabilities {
		t.Errorf("facts of kind %v", facts.Kind())
	}
	into := fixes.NewInventory()
	err := facts.Load(t.Context(), inv, func(b source.Batch) {
		for _, obj := range b.Objects {
			into.Add(obj)
		}
		for _, s := range b.Skips {
			skips = append(skips, s.Resource+": "+s.Reason)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range fixes.Objects[*fixes.Vulnerabilities](into, "") {
		if v.Source == "" {
			t.Errorf("%s does not say where it is from", v.Name)
		}
		reports = append(reports, text(v))
	}
	slices.Sort(skips)
	return reports, skips
}

func TestReadFiles(t *testing.T) {
	files := map[string][]string{
		"trivy.json": {"trivy 0.74.0 | registry.example.com/shop/web:1.8 | config,repo | " +
			"CVE-2024-1/critical/openssl/3.0.1/3.0.2 CVE-2024-2/low/zlib1g/1:1.2/ CVE-2024-3/high/stdlib/v1.21.0/1.21.9, 1.22.2"},
		"trivy-k8s.json": {"trivy | web:1 | config,repo | CVE-2024-1/medium/musl/1.2.4/1.2.5"},
		"grype.json":     {"grype 0.104.0 | nginx:1.25 | config,repo,manifest | CVE-2024-1/critical/openssl/3.0.1/3.0.2 CVE-2024-2/low/zlib1g/1:1.2/"},
		"trivy.sarif":    {"trivy 0.74.0 | nginx:1.25 | config,repo | CVE-2024-1/critical/openssl/3.0.1/3.0.2 CVE-2024-2/low/zlib1g/1:1.2/"},
		"grype.sarif":    {"grype 0.104.0 | nginx:1.25 |  | CVE-2024-1/critical/openssl/3.0.1/3.0.2 GHSA-xxxx/low/pkg with space//"},
	}
	all := 0
	for file, want := range files {
		read, err := ReadFiles(t.Context(), []string{filepath.Join("testdata", file)})
		if err != nil {
			t.Fatal(err)
		}
		got, skips := load(t, read, nil)
		if !slices.Equal(got, want) {
			t.Errorf("%s is read as\n%s\nwant\n%s", file, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if (len(skips) > 0) != (file == "trivy-k8s.json") {
			t.Errorf("%s: skipped %q", file, skips)
		}
		all += len(got)
	}
	read, err := ReadFiles(t.Context(), []string{"testdata"})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := load(t, read, nil); len(got) != all {
		t.Errorf("the folder holds %d reports, its files %d", len(got), all)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadFiles(stopped, []string{"testdata"}); err == nil {
		t.Error("goes on after it was cancelled")
	}
}

// TestOtherFiles demands one clear line for what is no report.
func TestOtherFiles(t *testing.T) {
	dir := t.TempDir()
	trivy, err := os.ReadFile(filepath.Join("testdata", "trivy.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ text, want string }{
		{"", "is empty"},
		{"hello", "is not JSON at byte 1"},
		{"apiVersion: v1\nkind: Pod\n", "is not JSON at byte 1"},
		{string(trivy[:700]), "is cut short: its JSON ends at byte 700"},
		{string(trivy) + "{}", "is not JSON at byte"},
		{`{"Results": 3}`, "is JSON of another tool: at byte 13, Results is of type number"},
		{`{"a": 1}`, "is JSON of another tool"},
		{`[]`, "is JSON of another tool: at byte 1, the whole is of type array"},
		{`{"kind": {}}`, "at byte 10, kind is of type object"},
		{`null`, "is JSON of another tool"},
		{`{"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": {}}}`, "is an SBOM (CycloneDX)"},
		{`{"runs": [{"tool": {"driver": {"name": "CodeQL\u001b[31m"}}}]}`, `is SARIF of "CodeQL\\x1b[31m"`},
		{`{"runs": []}`, "is SARIF without a run"},
		{`{"matches": [], "source": {"type": "image", "target": "x"}}`, "source.target is not grype's"},
		{`{"kind": "List", "items": [{"kind": "Pod", "metadata": {"name": "p"}}]}`, "without a VulnerabilityReport"},
	} {
		path := filepath.Join(dir, fmt.Sprintf("report-%d.json", i))
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadFiles(t.Context(), []string{path})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), path+" ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: %v, want %q", c.text, err, c.want)
		}
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "nowhere"): "does not exist",
		t.TempDir():                   "holds no report",
	} {
		if _, err := ReadFiles(t.Context(), []string{path}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	sparse, err := os.Create(filepath.Join(dir, "large.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer sparse.Close()
	if err := sparse.Truncate(maxFile + 1); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFiles(t.Context(), []string{sparse.Name()}); err == nil || !strings.Contains(err.Error(), "is larger than 256 MiB") {
		t.Errorf("a large file: %v", err)
	}
}

// TestReportsOfOthers skips, and says, reports of what is no image.
func TestReportsOfOthers(t *testing.T) {
	dir := t.TempDir()
	for file, text := range map[string]string{
		"fs.json":  `{"SchemaVersion": 2, "ArtifactName": ".", "ArtifactType": "filesystem", "Results": []}`,
		"dir.json": `{"matches": [], "source": {"type": "directory", "target": "."}, "descriptor": {"name": "grype"}}`,
		"fs.sarif": `{"runs": [{"tool": {"driver": {"name": "Trivy"}}, "results": []}]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read, err := ReadFiles(t.Context(), []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	reports, skips := load(t, read, nil)
	if len(reports) != 0 || len(skips) != 3 || !strings.HasSuffix(skips[1], "fs.json: a report of a filesystem, not of an image") {
		t.Errorf("%q, skipped %q", reports, skips)
	}
}
