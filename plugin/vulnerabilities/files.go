package vulnerabilities

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// maxFile is the most that is read of a report, in bytes. Trivy writes some two
// mebibytes for an image with a thousand vulnerabilities.
const maxFile = 256 << 20

// extensions are those of the files that a folder is searched for.
var extensions = []string{".json", ".sarif"}

// Files gives the reports that files hold.
type Files struct {
	reports []*fixes.Vulnerabilities
	skips   []fixes.Skip
}

// ReadFiles reads reports of trivy (also of trivy k8s) and grype, in their own
// JSON or as SARIF, and VulnerabilityReports as kubectl get -o json writes them.
// A path is a file or a folder, whose files *.json and *.sarif are read. It
// fails with one line at the first file that is none of these.
func ReadFiles(ctx context.Context, paths []string) (*Files, error) {
	out := &Files{}
	for _, path := range paths {
		files, err := filesOf(path)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if err := out.read(file); err != nil {
				return nil, fmt.Errorf("%s %w", fixes.Clean(file), err)
			}
		}
	}
	return out, nil
}

func filesOf(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("the path %q does not exist or cannot be read", path)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var files []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && slices.Contains(extensions, filepath.Ext(p)) {
			files = append(files, p)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("the folder %q holds no report: no file *.json or *.sarif", path)
	}
	return files, nil
}

func (f *Files) read(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("cannot be read: %w", err)
	}
	defer file.Close()
	text, err := readAll(file)
	if err != nil {
		return err
	}
	reports, others, err := parse(bytes.TrimPrefix(text, []byte("\ufeff")))
	if err != nil {
		return err
	}
	from(path, reports)
	f.reports = append(f.reports, reports...)
	for _, why := range others {
		f.skips = append(f.skips, fixes.Skip{Resource: "vulnerabilities in " + path, Reason: why})
	}
	return nil
}

func readAll(file *os.File) ([]byte, error) {
	var text bytes.Buffer
	large := fmt.Errorf("is larger than %d MiB: no report of an image is", maxFile>>20)
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		if info.Size() > maxFile {
			return nil, large
		}
		text.Grow(int(info.Size()) + bytes.MinRead)
	}
	n, err := text.ReadFrom(io.LimitReader(file, maxFile+1)) // it may grow meanwhile, or be a pipe
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", err)
	case n > maxFile:
		return nil, large
	}
	return text.Bytes(), nil
}

// Kind implements [source.Facts].
func (*Files) Kind() fixes.Kind { return fixes.KindVulnerabilities }

// Load implements [source.Facts].
func (f *Files) Load(_ context.Context, _ *fixes.Inventory, emit func(source.Batch)) error {
	batch := source.Batch{Kind: fixes.KindVulnerabilities, Skips: f.skips}
	for _, r := range f.reports {
		batch.Objects = append(batch.Objects, r)
	}
	emit(batch)
	return nil
}
