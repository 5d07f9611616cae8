package cluster

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// ImageConfig is how the containers of an image run, if their pod does not say.
type ImageConfig struct {
	User         string              `json:",omitempty"`
	Env          []string            `json:",omitempty"`
	Entrypoint   []string            `json:",omitempty"`
	Cmd          []string            `json:",omitempty"`
	WorkingDir   string              `json:",omitempty"`
	ExposedPorts map[string]struct{} `json:",omitempty"`
	Volumes      map[string]struct{} `json:",omitempty"`
	Labels       map[string]string   `json:",omitempty"`
}

// StaticProgram compiles a program of one Go file, which may import the
// standard library, and returns the path of the executable. It needs nothing
// else in its image, not even a C library.
func StaticProgram(t testing.TB, src string) (path string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"main.go": src, "go.mod": "module program\n\ngo 1.26\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := goOutput(t.Context(), dir, "build", "-ldflags", "-s -w", "-o", "program", "."); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "program")
}

// A descriptor points to a blob of an image.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// packImage writes a one-layer OCI image archive of the files below rootfs and
// returns the digest by which a registry would know it.
func packImage(file, ref, rootfs string, config ImageConfig) (digest string, err error) {
	out, err := os.Create(file)
	if err != nil {
		return "", err
	}
	defer out.Close()
	archive := tar.NewWriter(out)
	blob := func(mediaType string, content []byte) (descriptor, error) {
		sum := sha256.Sum256(content)
		d := descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(content))}
		return d, addFile(archive, blobPath(d), content)
	}

	layer, err := addLayer(archive, file+".layer", rootfs)
	if err != nil {
		return "", err
	}
	conf, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       config,
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{layer.Digest}},
	})
	if err != nil {
		return "", err
	}
	confBlob, err := blob("application/vnd.oci.image.config.v1+json", conf)
	if err != nil {
		return "", err
	}
	const manifestType = "application/vnd.oci.image.manifest.v1+json"
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     manifestType,
		"config":        confBlob,
		"layers":        []descriptor{layer},
	})
	if err != nil {
		return "", err
	}
	manifestBlob, err := blob(manifestType, manifest)
	if err != nil {
		return "", err
	}
	manifestBlob.Annotations = map[string]string{"io.containerd.image.name": ref}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []descriptor{manifestBlob}})
	if err != nil {
		return "", err
	}
	if err := addFile(archive, "index.json", index); err != nil {
		return "", err
	}
	if err := addFile(archive, "oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return "", err
	}
	return manifestBlob.Digest, archive.Close()
}

func blobPath(d descriptor) string {
	return "blobs/" + strings.Replace(d.Digest, ":", "/", 1)
}

func addFile(w *tar.Writer, name string, content []byte) error {
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
		return err
	}
	_, err := w.Write(content)
	return err
}

// addLayer adds the files below rootfs as a blob. Its size and digest come
// before it in the archive, so it is packed into a file first.
func addLayer(archive *tar.Writer, tmp, rootfs string) (descriptor, error) {
	f, err := os.Create(tmp)
	if err != nil {
		return descriptor{}, err
	}
	defer os.Remove(tmp)
	defer f.Close()
	h := sha256.New()
	if err := packTree(io.MultiWriter(f, h), rootfs); err != nil {
		return descriptor{}, err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return descriptor{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return descriptor{}, err
	}
	d := descriptor{
		MediaType: "application/vnd.oci.image.layer.v1.tar",
		Digest:    "sha256:" + hex.EncodeToString(h.Sum(nil)),
		Size:      size,
	}
	if err := archive.WriteHeader(&tar.Header{Name: blobPath(d), Mode: 0o644, Size: size}); err != nil {
		return descriptor{}, err
	}
	_, err = io.Copy(archive, f)
	return d, err
}

// packTree writes what is below root as it is: owners, modes, links, devices.
// Files with several names become as many files.
func packTree(to io.Writer, root string) error {
	w := tar.NewWriter(to)
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || name == "." || e.Type()&fs.ModeSocket != 0 {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		link := ""
		if e.Type()&fs.ModeSymlink != 0 {
			if link, err = os.Readlink(path); err != nil {
				return err
			}
		}
		header, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return err
		}
		header.Name = filepath.ToSlash(name)
		if e.IsDir() {
			header.Name += "/"
		}
		if err := w.WriteHeader(header); err != nil || !e.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
	if err != nil {
		return fmt.Errorf("packing %s: %w", root, err)
	}
	return w.Close()
}

// fullReference is an image reference as the node's container runtime stores
// it: "web" in a pod means docker.io/library/web:latest there.
func fullReference(ref string) string {
	host, _, ok := strings.Cut(ref, "/")
	switch {
	case !ok:
		ref = "docker.io/library/" + ref
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		ref = "docker.io/" + ref
	}
	if !strings.Contains(ref[strings.LastIndex(ref, "/"):], ":") {
		ref += ":latest"
	}
	return ref
}
