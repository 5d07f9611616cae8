package krew_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// manifest is what the tests read of a krew manifest.
type manifest struct {
	APIVersion, Kind string
	Metadata         struct{ Name string }
	Spec             struct {
		Version, Homepage, ShortDescription, Description string
		Platforms                                        []manifestPlatform
	}
}

type manifestPlatform struct {
	Selector         struct{ MatchLabels platform }
	URI, SHA256, Bin string
}

type platform struct{ OS, Arch string }

func (p platform) host() bool { return p.OS == runtime.GOOS && p.Arch == runtime.GOARCH }

func readManifest(t *testing.T, path string) manifest {
	t.Helper()
	var m manifest
	readYAML(t, path, &m)
	return m
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// releasePlatforms are those for which a release has an archive.
func releasePlatforms(t *testing.T) []platform {
	t.Helper()
	var config struct {
		Builds []struct{ Goos, Goarch []string }
	}
	readYAML(t, filepath.Join("..", ".goreleaser.yaml"), &config)
	var platforms []platform
	for _, goos := range config.Builds[0].Goos {
		for _, arch := range config.Builds[0].Goarch {
			platforms = append(platforms, platform{goos, arch})
		}
	}
	return platforms
}

// TestManifest has the manifest's form judged by krew's own tool, and sees that
// it offers an archive for every platform of a release. TestRelease sees that
// it says what goreleaser writes.
func TestManifest(t *testing.T) {
	output(t, exec.Command(tool(t, "krew", "validate-krew-manifest"), "-skip-install", "-manifest", "harden.yaml"))

	m := readManifest(t, "harden.yaml")
	offered := map[platform]manifestPlatform{}
	for _, p := range m.Spec.Platforms {
		offered[p.Selector.MatchLabels] = p
	}
	want := map[platform]manifestPlatform{}
	for _, p := range releasePlatforms(t) {
		archive, bin := ".tar.gz", "kubectl-harden"
		if p.OS == "windows" {
			archive, bin = ".zip", "kubectl-harden.exe"
		}
		w := manifestPlatform{
			URI:    fmt.Sprintf("%s/releases/download/%s/kubectl-harden_%s_%s%s", m.Spec.Homepage, m.Spec.Version, p.OS, p.Arch, archive),
			SHA256: offered[p].SHA256, // known once it is released
			Bin:    bin,
		}
		w.Selector.MatchLabels = p
		want[p] = w
	}
	if len(want) != 6 || !reflect.DeepEqual(offered, want) {
		t.Errorf("the manifest offers\n%+v\na release has\n%+v", offered, want)
	}
	if n := len(m.Spec.ShortDescription); n > 50 {
		t.Errorf("the short description has %d characters; krew's index wants 50 at most", n)
	}
}

// TestConfig has the release's configuration judged by goreleaser.
func TestConfig(t *testing.T) {
	check := exec.Command(tool(t, "goreleaser", "goreleaser"), "check")
	check.Dir = ".."
	output(t, check)
}

// TestWindowsShim compares the packed completion program of Windows with what
// "completion install" writes there. TestRelease does so for this platform.
func TestWindowsShim(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("..", "plugin", "completion.go"))
	if err != nil {
		t.Fatal(err)
	}
	_, literal, ok := strings.Cut(string(source), "\nconst windowsShim = ")
	literal, _, _ = strings.Cut(literal, "\n")
	want, err := strconv.Unquote(strings.ReplaceAll(literal, `" + Name + "`, "harden"))
	if !ok || err != nil {
		t.Fatalf("windowsShim is not found in plugin/completion.go: %v", err)
	}
	got, err := os.ReadFile("kubectl_complete-harden.cmd")
	if err != nil || string(got) != want {
		t.Errorf("kubectl_complete-harden.cmd: %v\n%q, not %q", err, got, want)
	}
}
