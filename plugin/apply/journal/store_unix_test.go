//go:build unix

package journal_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

// TestTrust: a folder or a file in which others could write is not used.
func TestTrust(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, dir, file string)
		want  string // after the path
		reads bool   // only the file is spoilt
	}{
		{"folder of all", func(t *testing.T, dir, _ string) { must(t, os.Chmod(dir, 0o777)) }, "may be written by others (drwxrwxrwx); run chmod go-w on it", false},
		{"folder of a group", func(t *testing.T, dir, _ string) { must(t, os.Chmod(dir, 0o720)) }, "may be written by others (drwx-w----); run chmod go-w on it", false},
		{"linked folder", func(t *testing.T, dir, _ string) {
			must(t, os.Rename(dir, dir+"2"))
			must(t, os.Symlink(dir+"2", dir))
		}, "is a symbolic link", false},
		{"no folder", func(t *testing.T, dir, _ string) {
			must(t, os.RemoveAll(dir))
			must(t, os.WriteFile(dir, nil, 0o600))
		}, "is not a folder", false},
		{"folder of another", func(t *testing.T, dir, _ string) { chown(t, dir) }, "belongs to user 12345, and this is user 0", false},
		{"file of all", func(t *testing.T, _, file string) { must(t, os.Chmod(file, 0o666)) }, "may be written by others (-rw-rw-rw-); run chmod go-w on it", true},
		{"file of another", func(t *testing.T, _, file string) { chown(t, file) }, "belongs to user 12345, and this is user 0", true},
		{"linked file", func(t *testing.T, _, file string) {
			must(t, os.Rename(file, file+"2"))
			must(t, os.Symlink(file+"2", file))
		}, "too many levels of symbolic links", true},
		{"pipe", func(t *testing.T, _, file string) {
			must(t, os.Remove(file))
			must(t, syscall.Mkfifo(file, 0o600))
		}, "is not a regular file", true},
		{"folder for a file", func(t *testing.T, _, file string) {
			must(t, os.Remove(file))
			must(t, os.Mkdir(file, 0o700))
		}, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, dir := newStore(t)
			must(t, create(t, s).Close())
			c.spoil(t, dir, filepath.Join(dir, "1.jsonl"))
			check := func(what string, err error) {
				t.Helper()
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), dir) {
					t.Errorf("%s: %v, want %s", what, err, c.want)
				}
			}
			_, err := s.Read(1)
			check("read", err)
			_, err = s.Resume(1)
			check("resume", err)
			list, err := s.List()
			if c.reads {
				if err != nil || len(list) != 1 {
					t.Fatal(list, err)
				}
				check("list", list[0].Err)
				must(t, create(t, s).Close()) // others are not affected
				return
			}
			check("list", err)
			_, err = s.Create(header())
			check("create", err)
		})
	}
	t.Run("linked above", func(t *testing.T) {
		// A home may lie elsewhere; only the folder itself is ours to judge.
		base := t.TempDir()
		must(t, os.Mkdir(filepath.Join(base, "real"), 0o700))
		must(t, os.Symlink(filepath.Join(base, "real"), filepath.Join(base, "link")))
		must(t, create(t, journal.Open(filepath.Join(base, "link", "runs"))).Close())
	})
	t.Run("linked lock", func(t *testing.T) {
		s, dir := newStore(t)
		must(t, create(t, s).Close())
		other := filepath.Join(dir, "other")
		must(t, os.WriteFile(other, nil, 0o600))
		must(t, os.Symlink(other, filepath.Join(dir, "1.lock")))
		if _, err := s.Resume(1); err == nil {
			t.Error("a link is taken for a lock")
		}
	})
}

func chown(t *testing.T, path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	must(t, os.Chown(path, 12345, -1))
}
