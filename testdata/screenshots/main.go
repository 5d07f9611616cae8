//go:build !windows

// Command screenshots draws the pictures of the README: it runs the real
// program on its demo in a pseudo-terminal, presses keys, and writes what an
// emulator shows as SVG, for a dark and for a light background.
//
//	go run ./testdata/screenshots [-o docs/screens] [-program FILE]
//
// The same program gives the same files. Without -program it is built first.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// The size of the terminal.
const (
	columns = 120
	rows    = 32
)

// scene is a picture: what is typed, and what shows that it has come.
type scene struct {
	name  string
	steps []step
}

// step waits for a text, and for the screen to stand still, and types then.
type step struct{ wait, keys string }

var scenes = []scene{
	{"findings", []step{{"findings in", "jj\r"}, {"▾ env-secret", "jj "}, {"1 staged", "j "}, {"2 staged", ""}}},
	{"detail", []step{{"findings in", "/pss-capabilities\r"}, {"pss-capabilities", "j"}, {"fix", " \r"}, {"✓ staged", "]"}}},
	{"plan", []step{{"findings in", "S"}, {"safe; u undoes", "p"}, {"verified", "jjjjjj"}, {"closes", ""}}},
	{"network", []step{{"findings in", "N"}, {"namespaces", "\r"}, {"who connects to whom", ""}}},
}

func main() {
	out := flag.String("o", "docs/screens", "the folder for the pictures")
	program := flag.String("program", "", "the program, when it is built already")
	flag.Parse()
	if err := run(*program, *out); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots:", err)
		os.Exit(1)
	}
}

func run(program, out string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if program == "" {
		dir, err := os.MkdirTemp("", "screenshots-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		program = filepath.Join(dir, "kubectl-harden")
		build := exec.CommandContext(ctx, "go", "build", "-o", program, "github.com/kubectl-harden/kubectl-harden/cmd/kubectl-harden")
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("build: %w", err)
		}
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	var failed error
	for _, s := range scenes {
		for _, t := range themes {
			svg, err := s.draw(ctx, program, t)
			if err == nil {
				err = os.WriteFile(filepath.Join(out, s.name+"-"+t.name+".svg"), svg, 0o644)
			}
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s, %s: %w", s.name, t.name, err))
			}
		}
	}
	return failed
}

// draw plays a scene and returns its picture.
func (s scene) draw(ctx context.Context, program string, t theme) ([]byte, error) {
	term, err := start(ctx, program, "--demo", "--theme", t.name)
	if err != nil {
		return nil, err
	}
	defer term.stop()
	for _, step := range s.steps {
		if err := term.wait(step.wait); err != nil {
			return nil, err
		}
		if err := term.typed(step.keys); err != nil {
			return nil, err
		}
	}
	if err := term.wait(""); err != nil {
		return nil, err
	}
	return picture(term.screen, t, "kubectl harden: "+s.name), nil
}
