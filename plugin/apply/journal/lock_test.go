package journal

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// TestLockRemoved: who gets the lock of a file that its holder has removed has
// none: another process may have made, and locked, a new one.
func TestLockRemoved(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be removed")
	}
	path := filepath.Join(t.TempDir(), "1.lock")
	first, err := acquire(path, 0)
	if err != nil || !first.current() {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if first.current() {
		t.Error("a lock on a removed file holds")
	}
	second, err := acquire(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	if first.current() || !second.current() {
		t.Error("the lock on the removed file holds, beside that on the new one")
	}
	if err := second.release(); err != nil {
		t.Fatal(err)
	}
}

// TestLockPatience: a lock that is given up soon is waited for.
func TestLockPatience(t *testing.T) {
	path := filepath.Join(t.TempDir(), "1.lock")
	first, err := acquire(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := acquire(path, 0); !errors.Is(err, ErrRunning) {
		t.Errorf("a lock is taken twice: %v", err)
	}
	time.AfterFunc(30*time.Millisecond, func() { _ = first.release() })
	second, err := acquire(path, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if held, err := isHeld(path); !held || err != nil {
		t.Error(held, err)
	}
	if err := second.release(); err != nil {
		t.Fatal(err)
	}
	if held, err := isHeld(path); held || err != nil {
		t.Error(held, err)
	}
}
