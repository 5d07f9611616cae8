package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// The tests of this package run the built program against a real control
// plane, which all of them share.
var (
	binary  string
	control *cluster.Cluster
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kubectl-harden-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "kubectl-harden")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		return 1
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	control, err = cluster.New(ctx, "", cluster.WithStages(cluster.NeedsRoot("needs", "root"), cluster.ImageIDs(map[string]string{
		"registry.example.com/shop/web:1.8": "registry.example.com/shop/web@" + webDigest,
	})))
	if err != nil {
		fmt.Fprintln(os.Stderr, "control plane:", err)
		return 1
	}
	defer control.Stop()
	return m.Run()
}

const webDigest = "sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1"

// result is what one run of the program did.
type result struct {
	stdout, stderr string
	status         int
}

// harden runs the program as the control plane's admin.
func harden(t *testing.T, args ...string) result {
	t.Helper()
	return runAs(t, control.Kubeconfig, "", args...)
}

// succeed runs the program and demands status 0.
func succeed(t *testing.T, args ...string) result {
	t.Helper()
	r := harden(t, args...)
	if r.status != 0 {
		t.Fatalf("harden %q: status %d\n%s", args, r.status, r.stderr)
	}
	return r
}

func runAs(t *testing.T, kubeconfig, stdin string, args ...string) result {
	t.Helper()
	return runWith(t, []string{"KUBECONFIG=" + kubeconfig}, stdin, args...)
}

var states sync.Map // of the names of tests: see keepState

// keepState has the program's runs in a test share a state folder, which is no
// other test's.
func keepState(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	states.Store(t.Name(), dir)
	t.Cleanup(func() { states.Delete(t.Name()) })
	return dir
}

// stateOf returns the folder that a test keeps, or one above it, or "".
func stateOf(t *testing.T) string {
	for name := t.Name(); ; {
		if dir, ok := states.Load(name); ok {
			return dir.(string)
		}
		at := strings.LastIndexByte(name, '/')
		if at < 0 {
			return ""
		}
		name = name[:at]
	}
}

// runWith runs the program with variables of its environment. Where it fixes,
// it waits less than it does for people to see that what runs goes on to run.
func runWith(t *testing.T, env []string, stdin string, args ...string) result {
	t.Helper()
	settles := slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "--settle") })
	if slices.Contains(args, "--fix") && slices.Contains(args, "--yes") && !settles {
		args = append(slices.Clip(args), "--settle=1s")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	if state := stateOf(t); state != "" {
		cmd.Env = append(cmd.Env, "XDG_STATE_HOME="+state)
	}
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{out.String(), errOut.String(), cmd.ProcessState.ExitCode()}
}

// finding is the part of the JSON report's finding that the tests read.
type finding struct {
	Fingerprint, Rule, Category, Path, Message string
	Object                                     struct{ Kind, Namespace, Name string }
	Fix                                        *struct{ Confidence string }
}

type report struct {
	SchemaVersion string
	Findings      []finding
	Skipped       []struct{ Resource, Namespace, Reason string }
}

func parseReport(t *testing.T, r result) report {
	t.Helper()
	var out report
	if err := json.Unmarshal([]byte(r.stdout), &out); err != nil {
		t.Fatalf("the report is not JSON: %v\n%s", err, r.stdout)
	}
	return out
}

// namespace makes a namespace that goes with the test.
func namespace(t *testing.T, name string) string {
	t.Helper()
	control.Kubectl(t, "create", "namespace", name)
	t.Cleanup(func() { control.Kubectl(t, "delete", "namespace", name, "--wait=false") })
	return name
}
