// Package config reads and edits the file in which a project, or a user, keeps
// what is said to the program again and again. Each section of it is a field of
// [Config]. Reading is strict, and editing leaves all lines but those of the
// entry as they are.
package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// FileName is what the file is called where it is looked for.
const FileName = ".kubectl-harden.yaml"

// The header of a file.
const (
	APIVersion = "kubectl-harden.dev/v1alpha1"
	Kind       = "Config"
)

// Config is what a file says.
type Config struct {
	APIVersion string   `yaml:"apiVersion"`
	Kind       string   `yaml:"kind"`
	Ignore     []Ignore `yaml:"ignore"`
	// Keys are the keys of the terminal UI's actions, by the action's name.
	Keys map[string]Words `yaml:"keys"`
	// Production are patterns of contexts in which the context's name is to be
	// typed before anything is written; nil where the file does not say.
	Production []string `yaml:"production"`
	// ConfirmAbove is the number of changes above which it is to be typed in any
	// context; 0 where the file does not say.
	ConfirmAbove int `yaml:"confirmAbove"`
	// ReadOnly are patterns of contexts in which nothing is written; true stands
	// for all of them.
	ReadOnly Words `yaml:"readonly"`
}

// File is a file that was read, or one that is to be made.
type File struct {
	// Path is the file's, as it is shown to people.
	Path string
	// Exists tells one that was read.
	Exists bool
	Config

	text []byte
}

// Error is what is wrong with a file, in one line.
type Error struct {
	File string
	Line int // 0 where no line is at fault
	Msg  string
}

// Error returns "file:line: reason".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Msg
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Msg)
}

// maxSize bounds a file: people write a few lines into it.
const maxSize = 1 << 20

// Find returns the path of the file that counts in a folder: there, or in the
// nearest folder above it that has one, up to the root of the repository or the
// home folder. In neither of them, only the folder itself is looked at: a folder
// such as /tmp is everybody's. Where there is none, the path is that of a file
// to be made in the folder. Paths below the folder, or above it in few steps,
// are relative.
func Find(dir, home string) string {
	places := []string{dir}
	inside := false
	for d := dir; ; {
		if _, err := os.Lstat(filepath.Join(d, ".git")); err == nil || d == filepath.Clean(home) {
			inside = true
			break
		}
		parent := filepath.Dir(d)
		if parent == d {
			break
		}
		d = parent
		places = append(places, d)
	}
	if !inside {
		places = places[:1]
	}
	for _, place := range places {
		path := filepath.Join(place, FileName)
		if _, err := os.Lstat(path); err == nil {
			if rel, err := filepath.Rel(dir, path); err == nil {
				return rel
			}
			return path
		}
	}
	return FileName
}

// Open reads a file. One that is not there is one to be made.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &File{Path: path}, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &Error{File: path, Msg: "it is not a file"}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxSize {
		return nil, &Error{File: path, Msg: "it is larger than 1 MiB: no configuration is"}
	}
	return Parse(path, text)
}
