package registry

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/klauspost/compress/zstd"
)

// How much of an image's layers is looked into.
const (
	maxUnpacked   = 512 << 20
	maxFiles      = 100_000
	maxCompressed = 2 << 30 // of one layer; what matters is what it unpacks to
	maxLayers     = 200
	// zstdWindow is what zstd itself recommends to support at least (RFC 8878, 3.1.1.1.2).
	zstdWindow = 8 << 20
)

// layers looks into the layers of an image for credentials. What cannot be
// looked into is noted; it only fails when the registry does not answer.
func (h *host) layers(ctx context.Context, p *remote.Puller, repo name.Repository, m *v1.Manifest, s *search) error {
	left := &budget{bytes: maxUnpacked, files: maxFiles}
	for i := range m.Layers {
		if i == maxLayers {
			s.missed(fmt.Sprintf("layers from the %dth on", maxLayers+1))
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		err := h.layer(ctx, p, repo.Digest(m.Layers[i].Digest.String()), i+1, left, s)
		switch {
		case err == nil:
		case errors.Is(err, errSpent):
			s.missed(fmt.Sprintf("what is beyond 512 MiB or 100,000 files, from layer %d on", i+1))
			return nil
		case ctx.Err() != nil || h.guard.Broken() != nil:
			return err
		default:
			s.missed(fmt.Sprintf("layer %d: %s", i+1, phrase(err)))
		}
	}
	return nil
}

// budget is what is left of what may be read of an image.
type budget struct {
	bytes int64
	files int
}

// errSpent is the end of a budget.
var errSpent = errors.New("too much to read")

// budgetReader counts what is unpacked.
type budgetReader struct {
	r    io.Reader
	left *budget
}

// Read implements io.Reader.
func (b budgetReader) Read(p []byte) (int, error) {
	if b.left.bytes <= 0 {
		return 0, errSpent
	}
	if int64(len(p)) > b.left.bytes {
		p = p[:b.left.bytes]
	}
	n, err := b.r.Read(p)
	b.left.bytes -= int64(n)
	return n, err
}

func (h *host) layer(ctx context.Context, p *remote.Puller, digest name.Digest, number int, left *budget, s *search) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // a layer that is left in the middle is not read to its end
	blob, err := p.Layer(withBodyLimit(ctx, bodyLimit{bytes: maxCompressed, streamed: true}), digest)
	if err != nil {
		return err
	}
	packed, err := blob.Compressed()
	if err != nil {
		return err
	}
	defer func() { _ = packed.Close() }()
	plain, err := unpack(packed)
	if err != nil {
		return err
	}
	defer func() { _ = plain.Close() }()
	archive := tar.NewReader(budgetReader{plain, left})
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return notArchive(err)
		}
		if left.files--; left.files < 0 {
			return errSpent
		}
		if header.Typeflag != tar.TypeReg || !s.wants(header.Name, header.Size) {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(archive, maxText))
		if err != nil {
			return notArchive(err)
		}
		s.file(header.Name, number, text)
	}
}

// notArchive gives errors of a layer's own form their phrase.
func notArchive(err error) error {
	switch {
	case errors.Is(err, tar.ErrHeader), errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return refusal("it is no archive")
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrMagicMismatch):
		return refusal("it is packed in a way that is not read")
	}
	return err
}

// unpack returns a layer's archive, as it is or out of gzip or zstd, by its
// first bytes: media types lie.
func unpack(packed io.Reader) (io.ReadCloser, error) {
	r := bufio.NewReaderSize(packed, 64<<10)
	magic, err := r.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case strings.HasPrefix(string(magic), "\x1f\x8b"):
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, notArchive(err)
		}
		return z, nil
	case string(magic) == "\x28\xb5\x2f\xfd":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return nil, notArchive(err)
		}
		return z.IOReadCloser(), nil
	}
	return io.NopCloser(r), nil
}
