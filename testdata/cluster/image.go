package cluster

import (
	"archive/tar"
	"context"
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
	path = filepath.Join(t.TempDir(), "program")
	if err := BuildStatic(t.Context(), path, src); err != nil {
		t.Fatal(err)
	}
	return path
}

// BuildStatic is [StaticProgram] without a test: it writes the executable to path.
func BuildStatic(ctx context.Context, path, src string) error {
	dir, err := os.MkdirTemp("", "program-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{"main.go": src, "go.mod": "module program\n\ngo 1.26\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	_, err = goOutput(ctx, dir, "build", "-ldflags", "-s -w", "-o", path, ".")
	return err
}

// A descriptor points to a blob of an image.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// An Image is packed by [PackImages].
type Image struct {
	// Ref is what pods call it.
	Ref string
	// Layers are folders, the lowest first.
	Layers []string
	Config ImageConfig
}

// PackImages writes an OCI archive of images and returns the digests by which a
// registry would know them. A layer that several have is there once.
func PackImages(file string, images ...Image) (digests []string, err error) {
	out, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p := packer{Writer: tar.NewWriter(out), tmp: file + ".layer", layers: map[string]descriptor{}}
	index := map[string]any{"schemaVersion": 2}
	var manifests []descriptor
	for _, image := range images {
		m, err := p.image(image)
		if err != nil {
			return nil, err
		}
		manifests, digests = append(manifests, m), append(digests, m.Digest)
	}
	index["manifests"] = manifests
	content, err := json.Marshal(index)
	if err != nil {
		return nil, err
	}
	if err := addFile(p.Writer, "index.json", content); err != nil {
		return nil, err
	}
	if err := addFile(p.Writer, "oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)); err != nil {
		return nil, err
	}
	return digests, p.Close()
}

// A packer writes an archive of images.
type packer struct {
	*tar.Writer
	tmp    string                // a file for a layer, until its size is known
	layers map[string]descriptor // that are in the archive, by folder
}

// image adds what an image is made of, and returns its manifest.
func (p packer) image(image Image) (descriptor, error) {
	var layers []descriptor
	diffs := []string{}
	for _, dir := range image.Layers {
		layer, ok := p.layers[dir]
		if !ok {
			var err error
			if layer, err = addLayer(p.Writer, p.tmp, dir); err != nil {
				return descriptor{}, err
			}
			p.layers[dir] = layer
		}
		layers, diffs = append(layers, layer), append(diffs, layer.Digest)
	}
	config, err := p.blob("application/vnd.oci.image.config.v1+json", map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       image.Config,
		"rootfs":       map[string]any{"type": "layers", "diff_ids": diffs},
	})
	if err != nil {
		return descriptor{}, err
	}
	const manifestType = "application/vnd.oci.image.manifest.v1+json"
	manifest, err := p.blob(manifestType, map[string]any{
		"schemaVersion": 2,
		"mediaType":     manifestType,
		"config":        config,
		"layers":        layers,
	})
	manifest.Annotations = map[string]string{"io.containerd.image.name": fullReference(image.Ref)}
	return manifest, err
}

func (p packer) blob(mediaType string, v any) (descriptor, error) {
	content, err := json.Marshal(v)
	if err != nil {
		return descriptor{}, err
	}
	sum := sha256.Sum256(content)
	d := descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(content))}
	return d, addFile(p.Writer, blobPath(d), content)
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
