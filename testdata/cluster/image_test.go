package cluster

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestPackImage(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "etc", "motd"), []byte("hello"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("etc/motd", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "image.tar")
	const ref = "docker.io/library/x:1"
	digests, err := PackImages(file, Image{ref, []string{root}, ImageConfig{User: "65532"}})
	if err != nil {
		t.Fatal(err)
	}
	packed, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	blobs, _ := readTar(t, packed)

	var index struct{ Manifests []descriptor }
	decode(t, blobs["index.json"], &index)
	if m := index.Manifests[0]; m.Digest != digests[0] || m.Annotations["io.containerd.image.name"] != ref {
		t.Errorf("%+v", m)
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	decode(t, blobs[blobPath(index.Manifests[0])], &manifest)
	var config struct{ Config ImageConfig }
	decode(t, blobs[blobPath(manifest.Config)], &config)
	if config.Config.User != "65532" {
		t.Errorf("%+v", config)
	}
	files, headers := readTar(t, blobs[blobPath(manifest.Layers[0])])
	if got := string(files["etc/motd"]); got != "hello" {
		t.Errorf("etc/motd: %q", got)
	}
	if h := headers["etc/motd"]; h.Mode != 0o640 {
		t.Errorf("mode %o", h.Mode)
	}
	if h := headers["link"]; h == nil || h.Linkname != "etc/motd" {
		t.Errorf("%+v", h)
	}
	if h := headers["etc/"]; h == nil || h.Typeflag != tar.TypeDir {
		t.Errorf("%+v", h)
	}
}

func TestFullReference(t *testing.T) {
	for ref, want := range map[string]string{
		"web":                    "docker.io/library/web:latest",
		"web:1":                  "docker.io/library/web:1",
		"team/web:1":             "docker.io/team/web:1",
		"localhost/web:1":        "localhost/web:1",
		"registry.test/web":      "registry.test/web:latest",
		"registry.test:5000/web": "registry.test:5000/web:latest",
	} {
		if got := fullReference(ref); got != want {
			t.Errorf("%s: %s, want %s", ref, got, want)
		}
	}
}

func readTar(t *testing.T, archive []byte) (map[string][]byte, map[string]*tar.Header) {
	t.Helper()
	files, headers := map[string][]byte{}, map[string]*tar.Header{}
	for r := tar.NewReader(bytes.NewReader(archive)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, headers
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name], headers[h.Name] = content, h
	}
}

func decode(t *testing.T, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%v: %q", err, b)
	}
}
