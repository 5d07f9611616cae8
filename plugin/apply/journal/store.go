package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/plugin/private"
)

// Store is a folder of journals, N.jsonl for run N. It is safe for concurrent
// use, by several processes too.
type Store struct{ dir string }

// DefaultDir returns the folder in which a user's runs are kept; see
// [private.Dir].
func DefaultDir() (string, error) { return private.Dir("runs") }

// Open returns the store in a folder. It touches nothing yet; the folder is
// made with the first run.
func Open(dir string) *Store { return &Store{dir} }

const (
	journalSuffix = ".jsonl"
	lockSuffix    = ".lock"
)

func (s *Store) path(n int) string { return filepath.Join(s.dir, strconv.Itoa(n)+journalSuffix) }

func (s *Store) lockPath(n int) string { return filepath.Join(s.dir, strconv.Itoa(n)+lockSuffix) }

// numbers returns the runs that have a file with a suffix, in ascending order.
// It is empty where there is no folder yet.
func (s *Store) numbers(suffix string) ([]int, error) {
	err := private.CheckDir("the folder of runs", s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var numbers []int
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), suffix); ok {
			// Nine digits are enough, and leave room for one more.
			if n, err := strconv.Atoi(name); err == nil && n > 0 && len(name) < 10 && strconv.Itoa(n) == name {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// createAttempts bounds the numbers that are tried while other processes take
// them.
const createAttempts = 1000

// Create begins a run: it gives it the next number, writes its header and
// changes to the disk, and locks it.
func (s *Store) Create(h Header) (*Run, error) {
	run, err := s.create(h)
	if err != nil {
		return nil, fmt.Errorf("begin a journal: %w", err)
	}
	return run, nil
}

func (s *Store) create(h Header) (*Run, error) {
	if err := private.MakeDir(s.dir); err != nil {
		return nil, err
	}
	taken, err := s.numbers(journalSuffix)
	if err != nil {
		return nil, err
	}
	s.sweep()
	// The highest number counts, not the clock, which may go backwards.
	first := 1
	if len(taken) > 0 {
		first = taken[len(taken)-1] + 1
	}
	for n := first; n < first+createAttempts; n++ {
		// Locked first, the run is never seen as interrupted while it is made.
		l, err := acquire(s.lockPath(n), 0)
		if errors.Is(err, ErrRunning) {
			continue
		}
		if err != nil {
			return nil, err
		}
		h.SchemaVersion, h.Run = SchemaVersion, n
		run, err := s.begin(h, l)
		if err == nil {
			return run, nil
		}
		err = errors.Join(err, l.release())
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
	}
	return nil, fmt.Errorf("no number is free in %s", s.dir)
}

// begin writes a new file, or leaves none.
func (s *Store) begin(h Header, l *lock) (*Run, error) {
	head, err := encodeHeader(h)
	if err != nil {
		return nil, err
	}
	path := s.path(h.Run)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR|private.NoFollow, 0o600)
	if err != nil {
		return nil, err
	}
	run := &Run{header: h, file: f, lock: l}
	err = run.write(head)
	if err == nil {
		err = private.SyncDir(s.dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return run, nil
}

// sweep removes the lock files of processes that were killed.
func (s *Store) sweep() {
	locks, _ := s.numbers(lockSuffix)
	for _, n := range locks {
		if l, err := acquire(s.lockPath(n), 0); err == nil {
			_ = l.release()
		}
	}
}

// Resume goes on with a run: it locks it, and cuts off an entry that was not
// written to its end. It fails with [ErrRunning] while another process works
// on it, and with [ErrNotFound].
func (s *Store) Resume(n int) (*Run, error) {
	if err := s.exists(n); err != nil {
		return nil, err
	}
	l, err := acquire(s.lockPath(n), lockPatience)
	if err != nil {
		return nil, fmt.Errorf("run %d: %w", n, err)
	}
	run, err := s.reopen(n, l)
	if err != nil {
		return nil, errors.Join(err, l.release())
	}
	return run, nil
}

func (s *Store) reopen(n int, l *lock) (*Run, error) {
	f, rec, size, err := s.open(n, os.O_RDWR)
	if err != nil {
		return nil, err
	}
	run := &Run{header: rec.Header, entries: rec.Entries, file: f, size: size, lock: l}
	if err := errors.Join(f.Truncate(size), f.Sync()); err != nil {
		return nil, errors.Join(fmt.Errorf("run %d: %w", n, err), f.Close())
	}
	return run, nil
}

// exists fails with a [*NotFoundError] when there is no such run.
func (s *Store) exists(n int) error {
	runs, err := s.numbers(journalSuffix)
	if err != nil {
		return err
	}
	if !slices.Contains(runs, n) {
		return &NotFoundError{n, runs}
	}
	return nil
}

// open opens and reads a journal. size is how much of the file counts.
func (s *Store) open(n, flag int) (f *os.File, rec *Record, size int64, err error) {
	f, err = private.Open(s.path(n), flag, maxFile)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("run %d: %w", n, err)
	}
	rec, size, err = parse(f, f.Name(), n)
	if err == nil {
		return f, rec, size, nil
	}
	if _, newer := errors.AsType[*newerError](err); !newer { // which names the run itself
		err = fmt.Errorf("run %d: %w", n, err)
	}
	return nil, nil, 0, errors.Join(err, f.Close())
}

// Read returns what the journal says of a run. It fails with [ErrNotFound].
func (s *Store) Read(n int) (*Record, error) {
	if err := s.exists(n); err != nil {
		return nil, err
	}
	return s.read(n)
}

func (s *Store) read(n int) (*Record, error) {
	// Looked at later, a run that ends meanwhile would be read as cut off.
	running, err := isHeld(s.lockPath(n))
	if err != nil {
		return nil, fmt.Errorf("run %d: %w", n, err)
	}
	f, rec, _, err := s.open(n, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	rec.Running = running
	return rec, f.Close()
}

// List returns all runs, the newest first. A file that cannot be read is among
// them, with [Record.Err] set.
func (s *Store) List() ([]*Record, error) {
	runs, err := s.numbers(journalSuffix)
	if err != nil {
		return nil, err
	}
	var list []*Record
	for _, n := range slices.Backward(runs) {
		rec, err := s.read(n)
		if err != nil {
			rec = &Record{Run: n, Err: err}
		}
		list = append(list, rec)
	}
	return list, nil
}
