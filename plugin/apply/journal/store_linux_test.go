package journal_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

// smallDisk mounts a file system of its own, and returns a way to make it
// read-only.
func smallDisk(t *testing.T) (dir string, readOnly func()) {
	t.Helper()
	disk := t.TempDir()
	if err := syscall.Mount("journal", disk, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("no file system can be mounted: ", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(disk, syscall.MNT_DETACH)) })
	return filepath.Join(disk, "runs"), func() {
		t.Helper()
		must(t, syscall.Mount("journal", disk, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "size=64k"))
	}
}

// TestFullDisk fills the disk under a run: an entry that finds no room is as if
// it had never been, and the run goes on once there is room.
func TestFullDisk(t *testing.T) {
	dir, _ := smallDisk(t)
	s := journal.Open(dir)
	run := create(t, s)
	long := entry(0, journal.Failed)
	long.Detail = strings.Repeat("x", 10_000)
	filler := filepath.Join(dir, "filler")
	must(t, os.WriteFile(filler, make([]byte, 32<<10), 0o600))
	written := 0
	for {
		err := run.Append(long)
		if errors.Is(err, syscall.ENOSPC) {
			if !strings.HasPrefix(err.Error(), "journal of run 1: ") {
				t.Errorf("error: %v", err)
			}
			break
		}
		must(t, err)
		written++
	}
	if rec := read(t, s, 1); len(rec.Entries) != written || len(run.Entries()) != written {
		t.Errorf("%d entries, wrote %d", len(rec.Entries), written)
	}
	if _, err := s.Create(bigHeader()); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("create: %v", err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "2.*")); len(files) != 0 {
		t.Errorf("left behind: %q", files)
	}
	must(t, os.Remove(filler))
	must(t, run.Append(long))
	must(t, run.Close())
	if rec := read(t, s, 1); len(rec.Entries) != written+1 {
		t.Errorf("%d entries, wrote %d", len(rec.Entries), written+1)
	}
}

func bigHeader() journal.Header {
	h := header()
	h.Program = strings.Repeat("x", 50_000)
	return h
}

// TestReadOnly: runs can be looked at, but nothing is begun without a journal.
func TestReadOnly(t *testing.T) {
	dir, readOnly := smallDisk(t)
	s := journal.Open(dir)
	must(t, create(t, s).Close())
	readOnly()
	if _, err := s.Create(header()); !errors.Is(err, syscall.EROFS) || !strings.HasPrefix(err.Error(), "begin a journal: ") {
		t.Errorf("create: %v", err)
	}
	if _, err := s.Resume(1); !errors.Is(err, syscall.EROFS) {
		t.Errorf("resume: %v", err)
	}
	if rec := read(t, s, 1); !rec.Interrupted() {
		t.Errorf("record %+v", rec)
	}
	if _, err := journal.Open(filepath.Join(dir, "below")).Create(header()); !errors.Is(err, syscall.EROFS) {
		t.Errorf("make a folder: %v", err)
	}
}
