package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// DefaultDir returns the folder in which a user's runs are kept:
// $XDG_STATE_HOME/kubectl-harden/runs, by default below ~/.local/state, and on
// Windows below %LOCALAPPDATA%.
func DefaultDir() (string, error) {
	state := os.Getenv("XDG_STATE_HOME")
	if runtime.GOOS == "windows" {
		cache, err := os.UserCacheDir() // %LOCALAPPDATA%
		if err != nil {
			return "", fmt.Errorf("find the folder of runs: %w", err)
		}
		state = cache
	}
	if !filepath.IsAbs(state) { // the specification wants relative paths ignored
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the folder of runs: %w; set XDG_STATE_HOME", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "kubectl-harden", "runs"), nil
}

// makeDir makes a folder and those above it, for the user alone, each on the
// disk before it returns.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	parent := filepath.Dir(dir)
	if errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err := makeDir(parent); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o700)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil // what it is, checkDir looks at
	}
	if err != nil {
		return err
	}
	return syncDir(parent)
}

// checkDir refuses a folder in which somebody else could put a journal, or a
// link to another place.
func checkDir(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("the folder of runs, %s, is a symbolic link", dir)
	}
	if !info.IsDir() {
		return fmt.Errorf("the folder of runs, %s, is not a folder", dir)
	}
	if err := checkOwner(info); err != nil {
		return fmt.Errorf("the folder of runs, %s, %w", dir, err)
	}
	return nil
}

// checkFile refuses a journal that somebody else could have written.
func checkFile(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", f.Name())
	}
	if info.Size() > maxFile {
		return fmt.Errorf("%s is larger than %d MiB", f.Name(), maxFile>>20)
	}
	if err := checkOwner(info); err != nil {
		return fmt.Errorf("%s %w", f.Name(), err)
	}
	return nil
}

// syncDir brings the names of a folder to the disk.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // NTFS journals names itself, and a folder cannot be synced
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
