package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"sync"
)

// Run is a run that this process works on. Its methods are safe for concurrent
// use.
type Run struct {
	mu      sync.Mutex
	header  Header
	entries []Entry
	file    storage
	size    int64 // of what counts in the file
	failed  error // why nothing more may be written
	lock    *lock
}

// storage is what a run needs of its file.
type storage interface {
	io.WriterAt
	io.Closer
	Sync() error
	Truncate(size int64) error
}

// Header returns what was known when the run began. It is not to be changed.
func (r *Run) Header() *Header { return &r.header }

// Entries returns the entries so far.
func (r *Run) Entries() []Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.entries)
}

// Append adds an entry. It is on the disk once Append returns without an
// error; with one, it is as if Append had not been called.
func (r *Run) Append(e Entry) error {
	if e.Change < 0 || e.Change >= len(r.header.Changes) {
		return fmt.Errorf("journal of run %d: there is no change %d", r.header.Run, e.Change)
	}
	return r.add(line{Entry: &e}, func() { r.entries = append(r.entries, e) })
}

// End writes how the run ended. Entries may follow, when it is resumed.
func (r *Run) End(e End) error { return r.add(line{End: &e}, func() {}) }

func (r *Run) add(l line, added func()) error {
	text, err := l.encode()
	if err != nil {
		return fmt.Errorf("journal of run %d: %w", r.header.Run, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.write(text); err != nil {
		return fmt.Errorf("journal of run %d: %w", r.header.Run, err)
	}
	added()
	return nil
}

// write adds text to the file with one write, and waits for the disk.
func (r *Run) write(text []byte) error {
	if r.failed != nil {
		return r.failed
	}
	if r.size+int64(len(text)) > maxFile {
		return fmt.Errorf("it would be larger than %d MiB", maxFile>>20)
	}
	if _, err := r.file.WriteAt(text, r.size); err != nil {
		// A disk may be full now and have room later, if no half of a line stays.
		if cut := r.file.Truncate(r.size); cut != nil {
			r.failed = err
		}
		return err
	}
	if err := r.file.Sync(); err != nil {
		r.failed = err // after that, nobody knows what is on the disk
		return err
	}
	r.size += int64(len(text))
	return nil
}

// Close gives the run up. Without an [Run.End] before, it is left as
// interrupted, and can be resumed.
func (r *Run) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lock == nil {
		return nil
	}
	err := errors.Join(r.file.Close(), r.lock.release())
	r.lock, r.failed = nil, fs.ErrClosed
	return err
}
