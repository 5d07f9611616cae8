package flows

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// Files are files of observed connections, or standard input, which is "-". It
// implements [source.Facts] for [fixes.KindFlows].
type Files struct{ inputs []*input }

// input is one file. What can be read only once (a pipe) is open from the
// beginning, and what came of it is kept for the next scan.
type input struct {
	name   string
	pipe   *stream
	loaded []source.Batch
}

// Open looks at the beginning of each file, and fails with one line at the first
// that is none.
func Open(paths []string, stdin io.Reader) (*Files, error) {
	out := &Files{}
	for _, path := range paths {
		in := &input{name: path}
		if path == "-" {
			in.name = "standard input"
			s, err := open(stdin)
			if err != nil {
				return nil, fmt.Errorf("%s %w", in.name, err)
			}
			in.pipe = s
		} else if err := in.look(); err != nil {
			return nil, fmt.Errorf("%s %w", fixes.Clean(path), err)
		}
		out.inputs = append(out.inputs, in)
	}
	return out, nil
}

// look tells whether a file holds flows. A file of the usual kind is closed
// again, and opened when it is read.
func (in *input) look() error {
	file, s, err := openFile(in.name)
	if err != nil {
		return err
	}
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		return file.Close()
	}
	in.pipe = s // open until the program ends
	return nil
}

func openFile(path string) (*os.File, *stream, error) {
	file, err := os.Open(path)
	if err != nil {
		reason := err
		if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
			reason = failed.Err
		}
		return nil, nil, fmt.Errorf("cannot be read: %w", reason)
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		_ = file.Close()
		return nil, nil, errors.New("is a folder: name the files")
	}
	s, err := open(file)
	if err != nil {
		_ = file.Close()
		return nil, nil, err
	}
	return file, s, nil
}

// Kind implements [source.Facts].
func (*Files) Kind() fixes.Kind { return fixes.KindFlows }

// Load implements [source.Facts].
func (f *Files) Load(ctx context.Context, inv *fixes.Inventory, emit func(source.Batch)) error {
	for _, in := range f.inputs {
		batch, err := in.load(ctx, inv)
		if err != nil {
			return fmt.Errorf("%s %w", fixes.Clean(in.name), err)
		}
		emit(batch)
	}
	return nil
}

func (in *input) load(ctx context.Context, inv *fixes.Inventory) (source.Batch, error) {
	if len(in.loaded) > 0 {
		return in.loaded[0], nil
	}
	c := NewCollector(inv, in.name)
	if in.pipe == nil {
		file, s, err := openFile(in.name)
		if err != nil {
			return source.Batch{}, err
		}
		defer file.Close()
		return collect(ctx, s, c)
	}
	batch, err := collect(ctx, in.pipe, c)
	if err == nil {
		in.loaded = append(in.loaded, batch)
	}
	return batch, err
}

// collect reads a stream to its end. What stands before a place where it breaks
// off is used.
func collect(ctx context.Context, s *stream, c *Collector) (source.Batch, error) {
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return source.Batch{}, ctx.Err()
		}
		text, err := s.next()
		switch {
		case err == nil:
			r, ok, err := s.parse(text)
			if err != nil {
				c.miss(unreadable, 1)
			} else if ok {
				c.Add(r)
			}
			continue
		case errors.Is(err, errTooLong):
			c.miss(unreadable, 1)
			continue
		case !errors.Is(err, io.EOF):
			c.breaks(n, err)
		}
		return c.Batch(), nil
	}
}
