package krew_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tool builds a program of one of the modules in testdata/tools, or finds it in
// the build cache of Go, and returns its path. "make tools" builds them all: the
// first time that takes some minutes.
func tool(t *testing.T, module, name string) string {
	t.Helper()
	mod := filepath.Join("..", "testdata", "tools", module, "go.mod")
	cmd := exec.Command("go", "tool", "-modfile="+mod, "-n", name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-trimpath", "GOWORK=off")
	return strings.TrimSpace(output(t, cmd))
}

// output runs a program that must succeed and returns its stdout.
func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(cmd.Args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}
