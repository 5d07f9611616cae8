package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// UserPath returns the path of the user's own file, which is read beside the
// one of a project: $XDG_CONFIG_HOME/kubectl-harden/config.yaml, by default
// below ~/.config, and on Windows below %AppData%. It is empty where there is no
// home.
func UserPath() string {
	dir := os.Getenv("XDG_CONFIG_HOME")
	if runtime.GOOS == "windows" {
		dir, _ = os.UserConfigDir() // %AppData%
	}
	if !filepath.IsAbs(dir) { // the specification wants relative paths ignored
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "kubectl-harden", "config.yaml")
}

// checkGuard refuses values that would guard nothing.
func (f *File) checkGuard() error {
	for _, list := range []struct {
		name     string
		patterns []string
	}{{"production", f.Production}, {"readonly", f.ReadOnly}} {
		if slices.ContainsFunc(list.patterns, func(p string) bool { return strings.TrimSpace(p) == "" }) {
			return f.Fault(list.name+": an empty pattern matches no context", list.name)
		}
	}
	if f.ConfirmAbove < 0 {
		return f.Fault(fmt.Sprintf("confirmAbove is %d, and a number of changes is not negative", f.ConfirmAbove), "confirmAbove")
	}
	return nil
}

// ReadOnlyIn returns the patterns of contexts in which nothing is written.
func (c *Config) ReadOnlyIn() []string {
	if len(c.ReadOnly) == 1 {
		switch c.ReadOnly[0] {
		case "true":
			return []string{"*"}
		case "false":
			return nil
		}
	}
	return c.ReadOnly
}

// Fault is an error about what stands at a path of names in the file.
func (f *File) Fault(msg string, path ...string) *Error {
	e := &Error{File: f.Path, Msg: msg}
	n, err := document(f.text)
	for i := 0; err == nil && n != nil && i < len(path); i++ {
		key, value := entryOf(n, path[i])
		if key == nil {
			break
		}
		e.Line, n = key.Line, value
	}
	return e
}
