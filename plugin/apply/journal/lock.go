package journal

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
	"time"

	"github.com/gofrs/flock"

	"github.com/kubectl-harden/kubectl-harden/plugin/private"
)

// lock is held by the process that works on a run. It is a file of its own
// beside the journal: on Windows what is locked cannot be read. The system
// releases it when the process ends, however it ends.
type lock struct{ file *flock.Flock }

// A reader that looks whether a run is locked holds the lock for an instant
// itself; so whoever wants it tries for a while.
const (
	lockPatience = 500 * time.Millisecond
	lockInterval = 10 * time.Millisecond
)

// acquire takes the lock at a path, or fails with [ErrRunning].
func acquire(path string, patience time.Duration) (*lock, error) {
	for deadline := time.Now().Add(patience); ; time.Sleep(lockInterval) {
		l := &lock{flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDWR|private.NoFollow|private.NonBlock))}
		held, err := l.file.TryLock()
		if err != nil {
			return nil, err
		}
		if held {
			if l.current() {
				return l, nil
			}
			_ = l.file.Unlock()
		}
		if time.Now().After(deadline) {
			return nil, ErrRunning
		}
	}
}

// current reports whether the locked file is still the one at its path: who
// held it before may have removed it.
func (l *lock) current() bool {
	mine, err := l.file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(l.file.Path())
	return err == nil && os.SameFile(mine, there)
}

// release gives the lock up and removes its file.
func (l *lock) release() error {
	if runtime.GOOS == "windows" { // where an open file cannot be removed
		err := l.file.Unlock()
		_ = os.Remove(l.file.Path()) // it fails while another process has it
		return err
	}
	// Removed later, it might be the lock of another process by then.
	return errors.Join(os.Remove(l.file.Path()), l.file.Unlock())
}

// isHeld reports whether a process holds the lock at a path.
func isHeld(path string) (bool, error) {
	probe := flock.New(path, flock.SetFlag(os.O_RDONLY|private.NoFollow|private.NonBlock))
	free, err := probe.TryRLock()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if free {
		return false, probe.Unlock()
	}
	return true, nil
}
