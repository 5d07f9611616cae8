package vulnerabilities

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// stub installs a shell script under a scanner's name. It finds $image, the
// last argument, and notes when it runs.
func stub(t *testing.T, tool, script string) (Scanner, string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the stub is a shell script")
	}
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	text := "#!/bin/sh\nfor image; do :; done\necho \"start $*\" >>" + log + "\n" + script + "\necho \"end $image\" >>" + log + "\n"
	if err := os.WriteFile(filepath.Join(dir, tool), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
	s, err := Find(tool)
	if err != nil {
		t.Fatal(err)
	}
	return s, log
}

func podOf(images ...string) string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec:\n  containers:\n")
	for i, image := range images {
		b.WriteString("  - {name: c" + string(rune('a'+i)) + ", image: \"" + image + "\"}\n")
	}
	return b.String()
}

// echoes is a scanner's answer that names the image.
const echoes = `cat <<END
{"SchemaVersion": 2, "ArtifactName": "$image", "ArtifactType": "container_image", "Results": [
 {"Vulnerabilities": [{"VulnerabilityID": "CVE-2024-1", "PkgName": "p", "InstalledVersion": "1", "Severity": "HIGH"}]}]}
END`

func TestScanner(t *testing.T) {
	s, log := stub(t, "trivy", `case $image in
*/broken:*) echo "INFO x" >&2; printf 'FATAL cannot pull\033[31m it\n' >&2; exit 1;;
*/mute:*) exit 3;;
*/garbage:*) echo "not json"; exit 0;;
esac
sleep 0.2
`+echoes)
	inv := fixestest.Load(t, podOf("nginx:1.25", "nginx:1.25", "broken:1", "mute:1", "garbage:1", "UPPER", "-x", "redis:7", "redis:8", "redis:9"))
	reports, skips := load(t, s, inv)
	want := []string{}
	for _, image := range []string{"-x", "nginx:1.25", "redis:7", "redis:8", "redis:9"} {
		full := "index.docker.io/library/" + image
		if image == "-x" {
			full += ":latest"
		}
		want = append(want, "trivy | "+full+","+image+" |  | CVE-2024-1/high/p/1/")
	}
	if !slices.Equal(reports, want) {
		t.Errorf("reports\n%s\nwant\n%s", strings.Join(reports, "\n"), strings.Join(want, "\n"))
	}
	if want := []string{
		"vulnerabilities of UPPER: it is not the name of an image",
		`vulnerabilities of broken:1: trivy failed: FATAL cannot pull\x1b[31m it`,
		"vulnerabilities of garbage:1: what trivy wrote is not JSON at byte 2: invalid character 'o' in literal null (expecting 'u')",
		"vulnerabilities of mute:1: trivy failed: exit status 3",
	}; !slices.Equal(skips, want) {
		t.Errorf("skips\n%s\nwant\n%s", strings.Join(skips, "\n"), strings.Join(want, "\n"))
	}
	checkLog(t, log, 8)
}

// checkLog demands of a stub's log that each image was scanned once, the first
// alone, and never more than two at a time.
func checkLog(t *testing.T, log string, images int) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	starts := map[string]int{}
	running, most := 0, 0
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		if args, ok := strings.CutPrefix(line, "start "); ok {
			starts[args]++
			running++
			if !strings.HasPrefix(args, "image --format json --quiet --scanners vuln --cache-backend memory -- index.docker.io/library/") {
				t.Errorf("run with %q", args)
			}
		} else {
			running--
		}
		if most = max(most, running); i == 1 && running != 0 {
			t.Error("the first image was not scanned alone")
		}
	}
	if len(starts) != images {
		t.Errorf("%d images were scanned, want %d: %v", len(starts), images, starts)
	}
	for args, n := range starts {
		if n != 1 {
			t.Errorf("%s: %d times", args, n)
		}
	}
	// What fails does not say that it ended, so more seem to run than do.
	if most > scanWorkers+3 {
		t.Errorf("%d ran at a time", most)
	}
}

// TestScannerCancelled ends while a scanner hangs, and what that started with
// it.
func TestScannerCancelled(t *testing.T) {
	s, log := stub(t, "grype", "exec sleep 60")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		for range 200 {
			if _, err := os.Stat(log); err == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	}()
	start := time.Now()
	err := s.Load(ctx, fixestest.Load(t, podOf("nginx:1", "nginx:2")), func(b source.Batch) { t.Errorf("emits %v", b) })
	if !errors.Is(err, context.Canceled) || time.Since(start) > 30*time.Second {
		t.Errorf("%v after %s", err, time.Since(start))
	}
}

func TestFind(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := Find("trivy"); err == nil || !strings.Contains(err.Error(), "trivy is not on PATH") {
		t.Errorf("%v", err)
	}
	reports, skips := load(t, Scanner{Tool: "trivy", Path: "/nowhere/trivy"}, fixes.NewInventory())
	if len(reports)+len(skips) > 0 {
		t.Errorf("nothing to scan: %q %q", reports, skips)
	}
}
