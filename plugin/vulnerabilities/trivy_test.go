package vulnerabilities

import (
	"archive/tar"
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// trivy builds trivy from testdata/tools/trivy, or finds it in the build cache
// of Go, and puts it on PATH, with a database made by the test, offline. "make
// testbins" builds it: the first time that takes many minutes.
func trivy(t *testing.T) {
	t.Helper()
	if os.Getenv("KUBECTL_HARDEN_WITHOUT") == "trivy" {
		t.Skip("trivy was not built")
	}
	module, err := filepath.Abs(filepath.Join("..", "..", "testdata", "tools", "trivy"))
	if err != nil {
		t.Fatal(err)
	}
	goCommand := func(args ...string) string {
		cmd := exec.Command("go", args...)
		cmd.Dir = module
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath", "GOWORK=off", "GOEXPERIMENT=jsonv2")
		return output(t, cmd)
	}
	dir := t.TempDir()
	program := strings.TrimSpace(goCommand("tool", "-n", "trivy"))
	if err := os.Symlink(program, filepath.Join(dir, "trivy")); err != nil {
		t.Fatal(err)
	}
	cache := filepath.Join(dir, "cache")
	goCommand("run", "./makedb", cache)
	for key, value := range map[string]string{
		"PATH": dir + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME": dir,
		"TRIVY_CACHE_DIR": cache, "TRIVY_SKIP_DB_UPDATE": "true", "TRIVY_SKIP_JAVA_DB_UPDATE": "true",
		"TRIVY_OFFLINE_SCAN": "true", "TRIVY_SKIP_VERSION_CHECK": "true", "TRIVY_DISABLE_TELEMETRY": "true",
		"TRIVY_IMAGE_SRC": "remote", // asks no container runtime of this machine
	} {
		t.Setenv(key, value)
	}
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return stdout.String()
}

// alpine makes an image of Alpine 3.19 with a version of the package libsmall.
func alpine(t *testing.T, version string) v1.Image {
	t.Helper()
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for file, text := range map[string]string{
		"etc/alpine-release":   "3.19.1\n",
		"etc/os-release":       "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.19.1\n",
		"lib/apk/db/installed": "C:Q1aaaaaaaaaaaaaaaaaaaaaaaaaaa=\nP:libsmall\nV:" + version + "\nA:x86_64\nS:1\nI:1\nT:small\no:libsmall\n\n",
	} {
		if err := w.WriteHeader(&tar.Header{Name: file, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, l)
	if err == nil {
		image, err = mutate.ConfigFile(image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: rootFS(t, image)})
	}
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func rootFS(t *testing.T, image v1.Image) v1.RootFS {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	return config.RootFS
}

// TestTrivy runs the real program: by Scanner, against a registry, and for
// files in both formats.
func TestTrivy(t *testing.T) {
	if testing.Short() {
		t.Skip("builds trivy")
	}
	trivy(t)
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	digests := map[string]string{}
	var images []string
	for tag, version := range map[string]string{"old": "1.2.3-r0", "new": "1.2.4-r0", "other": "1.2.3-r1"} {
		image := alpine(t, version)
		ref, err := name.NewTag(host + "/shop/web:" + tag)
		if err != nil {
			t.Fatal(err)
		}
		if err := remote.Write(ref, image); err != nil {
			t.Fatal(err)
		}
		digest, err := image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests[digest.String()] = "digest-" + tag
		id, err := image.ConfigName()
		if err != nil {
			t.Fatal(err)
		}
		digests[id.String()] = "id-" + tag
		images = append(images, ref.Name())
	}
	plain := func(reports []string) string {
		text := strings.Join(reports, "\n")
		for digest, name := range digests {
			text = strings.ReplaceAll(text, digest, name)
		}
		return strings.ReplaceAll(text, host, "HOST")
	}
	found := func(version string) string {
		return "CVE-2024-11111/critical/libsmall/" + version + "/1.2.4-r0 CVE-2024-22222/high/libsmall/" + version + "/"
	}
	s, err := Find("trivy")
	if err != nil {
		t.Fatal(err)
	}
	reports, skips := load(t, s, fixestest.Load(t, podOf(append(images, host+"/shop/missing:1")...)))
	if len(skips) != 1 || !strings.Contains(skips[0], "shop/missing:1: trivy failed: ") {
		t.Errorf("skips %q", skips)
	}
	for _, want := range []string{
		"HOST/shop/web:old,HOST/shop/web:old",
		found("1.2.3-r0"), found("1.2.3-r1"), "CVE-2024-22222/high/libsmall/1.2.4-r0/", "digest-old", "id-old", "digest-new",
	} {
		if !strings.Contains(plain(reports), want) {
			t.Errorf("no %q in\n%s", want, plain(reports))
		}
	}
	if n := strings.Count(plain(reports), "CVE-2024-11111"); n != 2 {
		t.Errorf("the fixed image has what was fixed:\n%s", plain(reports))
	}

	dir := t.TempDir()
	for format, file := range map[string]string{"json": "report.json", "sarif": "report.sarif"} {
		text := output(t, exec.Command(s.Path, "image", "--quiet", "--scanners", "vuln", "--format", format, host+"/shop/web:old"))
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		read, err := ReadFiles(t.Context(), []string{path})
		if err != nil {
			t.Fatal(err)
		}
		reports, skips := load(t, read, nil)
		if len(reports) != 1 || len(skips) != 0 || !strings.HasSuffix(reports[0], found("1.2.3-r0")) ||
			!strings.Contains(plain(reports), "HOST/shop/web:old") || !strings.Contains(plain(reports), "digest-old") {
			t.Errorf("%s: %q, skips %q", format, plain(reports), skips)
		}
		for _, cut := range slices.Collect(cuts(len(text))) {
			if err := os.WriteFile(path, []byte(text[:cut]), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := ReadFiles(t.Context(), []string{path}); err == nil || !strings.Contains(err.Error(), "is cut short") {
				t.Errorf("%s, cut at %d of %d: %v", format, cut, len(text), err)
			}
		}
	}
}

// cuts yields places at which a JSON text of a length is cut short.
func cuts(length int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for at := 1; at < length-2; at += length/7 + 1 {
			if !yield(at) {
				return
			}
		}
	}
}
