// Package private keeps files for the user alone, below the folder in which
// programs keep their state.
package private

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Dir returns a folder of this program's state: $XDG_STATE_HOME/kubectl-harden/
// and the name, by default below ~/.local/state, and on Windows below
// %LOCALAPPDATA%.
func Dir(name string) (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if runtime.GOOS == "windows" {
		cache, err := os.UserCacheDir() // %LOCALAPPDATA%
		if err != nil {
			return "", fmt.Errorf("find the folder of %s: %w", name, err)
		}
		state = cache
	}
	if !filepath.IsAbs(state) { // the specification wants relative paths ignored
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the folder of %s: %w; set XDG_STATE_HOME", name, err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "kubectl-harden", name), nil
}

// MakeDir makes a folder and those above it, for the user alone, each on the
// disk before it returns.
func MakeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	parent := filepath.Dir(dir)
	if errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err := MakeDir(parent); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil // what it is, CheckDir looks at
	}
	if err != nil {
		return err
	}
	return SyncDir(parent)
}

// CheckDir refuses a folder in which somebody else could put a file, or a link
// to another place. what names it: "the folder of runs".
func CheckDir(what, dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%s, %s, is a symbolic link", what, dir)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s, %s, is not a folder", what, dir)
	}
	if err := checkOwner(info); err != nil {
		return fmt.Errorf("%s, %s, %w", what, dir, err)
	}
	return nil
}

// Open opens a file that only the user could have written, of a size of at most
// most. It follows no link, and waits for nothing.
func Open(path string, flag int, most int64) (*os.File, error) {
	f, err := os.OpenFile(path, flag|NoFollow|NonBlock, 0)
	if err != nil {
		return nil, err
	}
	if err := checkFile(f, most); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// checkFile refuses a file that somebody else could have written.
func checkFile(f *os.File, most int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", f.Name())
	}
	if info.Size() > most {
		return fmt.Errorf("%s is larger than %d MiB", f.Name(), most>>20)
	}
	if err := checkOwner(info); err != nil {
		return fmt.Errorf("%s %w", f.Name(), err)
	}
	return nil
}

// SyncDir brings the names of a folder to the disk.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // NTFS journals names itself, and a folder cannot be synced
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Replace writes a file anew, whole or not at all, for the user alone. The
// folder is made where it is not there.
func Replace(path string, text []byte) error {
	dir := filepath.Dir(path)
	if err := MakeDir(dir); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, ".new-*") // 0600
	if err != nil {
		return err
	}
	_, err = temp.Write(text)
	if err == nil {
		err = temp.Sync()
	}
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return SyncDir(dir)
}
