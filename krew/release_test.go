package krew_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// released is when the commit that the tests release was made.
var released = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestRelease makes a release of this platform out of the sources as they are,
// with goreleaser and syft, and installs and runs it with krew and kubectl.
func TestRelease(t *testing.T) {
	committed := readManifest(t, "harden.yaml")
	repo, commit := commitSources(t, committed.Spec.Version)
	dist := goreleaser(t, repo, committed.Spec.Version, "022", "--skip=publish")
	archive := "kubectl-harden_" + runtime.GOOS + "_" + runtime.GOARCH + ".tar.gz"

	t.Run("archive", func(t *testing.T) { testArchive(t, filepath.Join(dist, archive)) })
	t.Run("checksums", func(t *testing.T) { testChecksums(t, dist, archive) })
	t.Run("SBOM", func(t *testing.T) { testSBOM(t, filepath.Join(dist, archive)) })
	t.Run("manifest", func(t *testing.T) {
		committed.Spec.Platforms = slices.DeleteFunc(committed.Spec.Platforms, func(p manifestPlatform) bool {
			return !p.Selector.MatchLabels.host()
		})
		made := readManifest(t, filepath.Join(dist, "krew", "harden.yaml"))
		if len(made.Spec.Platforms) != 1 || made.Spec.Platforms[0].SHA256 != sum(t, filepath.Join(dist, archive)) {
			t.Fatalf("goreleaser's manifest does not have the archive's checksum: %+v", made.Spec.Platforms)
		}
		made.Spec.Platforms[0].SHA256 = committed.Spec.Platforms[0].SHA256
		if !reflect.DeepEqual(made, committed) {
			t.Errorf("goreleaser writes\n%+v\nkrew/harden.yaml says\n%+v", made, committed)
		}
	})
	// A snapshot of a released commit is the release, whoever makes it: here with
	// another umask and time zone, in another folder.
	t.Run("reproduced", func(t *testing.T) {
		t.Setenv("TZ", "Asia/Tokyo")
		again := goreleaser(t, repo, committed.Spec.Version, "077", "--snapshot")
		if _, err := os.Stat(filepath.Join(again, "checksums.txt.sigstore.json")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("a snapshot is signed: %v", err)
		}
		if got, want := sum(t, filepath.Join(again, archive)), sum(t, filepath.Join(dist, archive)); got != want {
			t.Errorf("the same commit gave two archives: %s and %s", want, got)
		}
	})
	t.Run("krew", func(t *testing.T) { testKrew(t, dist, archive, committed.Spec.Version, commit) })
}

// commitSources makes a repository whose only commit has the files of this one
// as they are now, but for those that .gitignore names, and tags it.
func commitSources(t *testing.T, tag string) (repo, commit string) {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	repo = filepath.Join(t.TempDir(), "sources.git")
	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{
			"-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "core.hooksPath=" + os.DevNull,
			"-c", "commit.gpgSign=false", "-c", "tag.gpgSign=false", "-c", "core.autocrlf=false",
		}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_DIR="+repo, "GIT_WORK_TREE="+root,
			"GIT_AUTHOR_DATE="+released.Format(time.RFC3339), "GIT_COMMITTER_DATE="+released.Format(time.RFC3339))
		return strings.TrimSpace(output(t, cmd))
	}
	git("init", "--quiet", "--initial-branch=main")
	git("add", "--all")
	git("commit", "--quiet", "--message=Release")
	git("tag", tag)
	return repo, git("rev-parse", "HEAD")
}

// goreleaser clones a repository and makes a release of a tag for this platform
// only. It returns the folder of what was made.
func goreleaser(t *testing.T, repo, tag, umask string, args ...string) string {
	t.Helper()
	var (
		dir    = t.TempDir()
		clone  = filepath.Join(dir, "clone")
		dist   = filepath.Join(dir, "dist")
		config = filepath.Join(dir, "goreleaser.yaml")
		path   = []string{dir, filepath.Dir(tool(t, "syft", "syft")), os.Getenv("PATH")}
	)
	// Signing needs the network and an identity. This signature is a copy of what
	// was signed; it is made without "--snapshot" only.
	cosign := "#!/bin/sh\n" + `[ "$1 $2 $3" = "sign-blob --yes --bundle" ] && exec cp "$5" "$4"` + "\n"
	if err := os.WriteFile(filepath.Join(dir, "cosign"), []byte(cosign), 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(dir, program string, args ...string) {
		cmd := exec.Command("sh", append([]string{"-c", `umask ` + umask + ` && exec "$@"`, "sh", program}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(environWithout("GITHUB_TOKEN", "GITLAB_TOKEN", "GITEA_TOKEN", "GORELEASER_CURRENT_TAG"),
			"PATH="+strings.Join(path, string(filepath.ListSeparator)))
		output(t, cmd)
	}
	run("", "git", "-c", "advice.detachedHead=false", "clone", "--quiet", "--branch", tag, repo, clone)

	var settings map[string]any
	readYAML(t, filepath.Join(clone, ".goreleaser.yaml"), &settings)
	settings["dist"] = dist
	build := settings["builds"].([]any)[0].(map[string]any)
	build["goos"], build["goarch"] = []string{runtime.GOOS}, []string{runtime.GOARCH}
	text, err := yaml.Marshal(settings)
	if err == nil {
		err = os.WriteFile(config, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	run(clone, tool(t, "goreleaser", "goreleaser"), append([]string{"release", "--config", config}, args...)...)
	return dist
}

// environWithout is the environment less some variables.
func environWithout(names ...string) []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(names, name)
	})
}

func testArchive(t *testing.T, path string) {
	type entry struct {
		Mode  int64
		Owner string
		Time  time.Time
	}
	want := map[string]entry{
		"kubectl-harden":          {0o755, "root:root", released},
		"kubectl_complete-harden": {0o755, "root:root", released},
		"LICENSE":                 {0o644, "root:root", released},
		"README.md":               {0o644, "root:root", released},
	}
	got := map[string]entry{}
	readArchive(t, path, func(h *tar.Header, _ io.Reader) {
		got[h.Name] = entry{h.Mode, h.Uname + ":" + h.Gname, h.ModTime.UTC()}
	})
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the archive has\n%+v, not\n%+v", got, want)
	}
}

func readArchive(t *testing.T, path string, file func(*tar.Header, io.Reader)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(unzipped); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		file(h, files)
	}
}

func sum(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(content))
}

// testChecksums demands one checksum, the right one, of each published file, and
// that the file of checksums was not changed once signed.
func testChecksums(t *testing.T, dist, archive string) {
	f, err := os.Open(filepath.Join(dist, "checksums.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var names []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		want, name, _ := strings.Cut(lines.Text(), "  ")
		if got := sum(t, filepath.Join(dist, name)); got != want {
			t.Errorf("%s: the checksum is %s, not %s", name, got, want)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	if want := []string{archive, archive + ".spdx.json"}; !slices.Equal(names, want) {
		t.Errorf("there are checksums of %q, not of %q", names, want)
	}
	checksums := filepath.Join(dist, "checksums.txt")
	if sum(t, checksums) != sum(t, checksums+".sigstore.json") {
		t.Error("the checksums are not those that were signed")
	}
}

// testSBOM demands that the archive's bill of materials names every module that
// the program was linked from.
func testSBOM(t *testing.T, archive string) {
	var sbom struct {
		SPDXVersion string
		Packages    []struct{ Name, VersionInfo string }
	}
	readYAML(t, archive+".spdx.json", &sbom) // JSON is YAML
	named := map[string]string{}
	for _, p := range sbom.Packages {
		named[p.Name] = p.VersionInfo
	}
	var program []byte
	readArchive(t, archive, func(h *tar.Header, content io.Reader) {
		if h.Name == "kubectl-harden" {
			program, _ = io.ReadAll(content)
		}
	})
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range info.Deps {
		if named[m.Path] != m.Version {
			t.Errorf("%s %s is in the program; the bill of materials has %q", m.Path, m.Version, named[m.Path])
		}
	}
	if named["k8s.io/client-go"] == "" || !strings.HasPrefix(sbom.SPDXVersion, "SPDX-") {
		t.Errorf("not a bill of materials of the program: %s, %d packages", sbom.SPDXVersion, len(named))
	}
}

// testKrew installs the release as a user does, and runs it on a real cluster.
func testKrew(t *testing.T, dist, archive, version, commit string) {
	control := cluster.Start(t)
	dir := t.TempDir()
	root := filepath.Join(dir, "krew")
	bin := filepath.Join(dir, "bin")
	for link, target := range map[string]string{"kubectl": control.KubectlPath, "kubectl-krew": tool(t, "krew", "krew")} {
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(bin, link)); err != nil {
			t.Fatal(err)
		}
	}
	index := filepath.Join(dir, "index")
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(),
			"PATH="+strings.Join([]string{filepath.Join(root, "bin"), bin, os.Getenv("PATH")}, string(filepath.ListSeparator)),
			"KREW_ROOT="+root, "KREW_DEFAULT_INDEX_URI="+index, "KREW_NO_UPGRADE_CHECK=1",
			"KUBECONFIG="+control.Kubeconfig, "KUBECACHEDIR="+filepath.Join(dir, "cache"))
		return cmd
	}
	kubectl := func(args ...string) *exec.Cmd { return command(filepath.Join(bin, "kubectl"), args...) }

	// The manifest, with the archive where this test serves it.
	server := httptest.NewServer(http.FileServer(http.Dir(dist)))
	t.Cleanup(server.Close)
	made, err := os.ReadFile(filepath.Join(dist, "krew", "harden.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	const github = "https://github.com/kubectl-harden/kubectl-harden/releases/download/"
	served := strings.ReplaceAll(string(made), github+version, server.URL)
	harden := filepath.Join(index, "plugins", "harden.yaml")
	if err := os.MkdirAll(filepath.Dir(harden), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(harden, []byte(served), 0o644); err != nil {
		t.Fatal(err)
	}
	// It installs that archive itself, and looks for the licence.
	output(t, command(tool(t, "krew", "validate-krew-manifest"), "-manifest", harden))

	for _, args := range [][]string{
		{"init", "--quiet", "--initial-branch=main", index},
		{"-C", index, "add", "--all"},
		{"-C", index, "-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgSign=false", "-c", "core.hooksPath=" + os.DevNull, "commit", "--quiet", "--message=Index"},
	} {
		output(t, exec.Command("git", args...))
	}
	for _, install := range [][]string{
		{"harden"}, // from an index, over the network
		{"--manifest=" + filepath.Join(dist, "krew", "harden.yaml"), "--archive=" + filepath.Join(dist, archive)},
	} {
		output(t, kubectl("krew", "update"))
		before := tree(t, root)
		output(t, kubectl(append([]string{"krew", "install"}, install...)...))

		var v struct{ Version, Commit, Date string }
		if err := json.Unmarshal([]byte(output(t, kubectl("harden", "version", "-o", "json"))), &v); err != nil {
			t.Fatal(err)
		}
		if v.Version != version || v.Commit != commit || v.Date != released.Format(time.RFC3339) {
			t.Errorf("kubectl harden version: %+v", v)
		}
		var report struct {
			Findings []struct{ Object struct{ Namespace string } }
		}
		if err := json.Unmarshal([]byte(output(t, kubectl("harden", "-n", "default", "-o", "json"))), &report); err != nil {
			t.Fatal(err)
		}
		if len(report.Findings) == 0 {
			t.Error("kubectl harden finds nothing in a new cluster's namespace default")
		}

		// What "completion install" writes is what the archive has.
		output(t, kubectl("harden", "completion", "install"))
		shim := filepath.Join(root, "bin", "kubectl_complete-harden")
		installed, err := os.ReadFile(shim)
		packed, _ := os.ReadFile("kubectl_complete-harden")
		if err != nil || !bytes.Equal(installed, packed) {
			t.Errorf("completion install: %v\n%q, not %q", err, installed, packed)
		}
		if out := output(t, kubectl("__complete", "harden", "--severity", "")); !strings.Contains(out, "critical") {
			t.Errorf("kubectl completes %q", out)
		}
		_ = os.Remove(shim) // the user's, not krew's

		output(t, kubectl("krew", "uninstall", "harden"))
		if after := tree(t, root); !slices.Equal(after, before) {
			t.Errorf("uninstalled, krew's folder has\n%q, before\n%q", after, before)
		}
	}
}

// tree lists the files below a folder, without git's own.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Name() == ".git" {
			return filepath.SkipDir
		}
		if err == nil && !d.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
