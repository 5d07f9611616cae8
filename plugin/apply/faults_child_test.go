//go:build unix

package apply_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// childVariable makes the test binary a process that carries out one run, and
// ends as it is told.
const childVariable = "KUBECTL_HARDEN_FAULT_CHILD"

// childSpec is what a child is to do.
type childSpec struct {
	Kubeconfig, Namespace, State string
	Plan                         planSpec
	Settings                     journal.Settings
	// Undo is the run to undo, instead of making one.
	Undo int
	// Trials: it tries the workloads, instead of making one.
	Trials bool
	// KillAt is the boundary at which it kills itself, counted from 1, and
	// PanicAt that at which it panics.
	KillAt, PanicAt int
	// FullAt is the boundary from which on no file of it may grow; "start":
	// from its start.
	FullAt string
}

// childResult is what a child says that lives to its end.
type childResult struct {
	Status, Steps int
	Err           string
	killed        bool
}

// init ends a child before anything of the tests begins: they would start a
// control plane.
func init() {
	text := os.Getenv(childVariable)
	if text == "" {
		return
	}
	var spec childSpec
	err := json.Unmarshal([]byte(text), &spec)
	if err == nil {
		var result childResult
		if result, err = spec.run(context.Background()); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(result)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// run is the child's life. Its error is what keeps it from beginning.
func (spec childSpec) run(ctx context.Context) (childResult, error) {
	config, err := clientcmd.BuildConfigFromFlags("", spec.Kubeconfig)
	if err != nil {
		return childResult{}, err
	}
	c, err := client.New(config)
	if err != nil {
		return childResult{}, err
	}
	var steps counter
	a := &apply.Applier{
		Client: c, Redact: secrets.Redact, Runs: journal.Open(spec.State), Settings: spec.Settings,
		Step: func(name string) { spec.step(name, steps.next()) },
	}
	if spec.Trials {
		return spec.tryOut(ctx, a, &steps)
	}
	var r *apply.Run
	if spec.Undo > 0 {
		rec, err := a.Runs.Read(spec.Undo)
		if err != nil {
			return childResult{}, err
		}
		undoing, err := a.PlanUndo(ctx, rec, nil)
		if err != nil {
			return childResult{}, err
		}
		r, err = a.BeginUndo(undoing.Plan, spec.Undo)
		if err != nil {
			return childResult{}, err
		}
	} else {
		plan, err := spec.Plan.make(ctx, c, spec.Namespace)
		if err != nil {
			return childResult{}, err
		}
		spec.step("start", 0)
		if r, err = a.Begin(plan); err != nil {
			return childResult{Status: statusOf(err), Err: err.Error()}, nil
		}
	}
	err = r.Do(ctx, nil, func(fixes.Outcome) {})
	result := childResult{Status: statusOf(err), Steps: steps.n}
	if err != nil {
		result.Err = err.Error()
	}
	return result, nil
}

// tryOut is the life of a child that tries workloads.
func (spec childSpec) tryOut(ctx context.Context, a *apply.Applier, steps *counter) (childResult, error) {
	result, err := spec.Plan.scan(ctx, a.Client, spec.Namespace)
	if err != nil {
		return childResult{}, err
	}
	var open []fixes.Workload
	for _, w := range result.Inventory.Workloads(spec.Namespace) {
		if apply.Triable(w) {
			open = append(open, w)
		}
	}
	run, err := a.BeginTrials(result.Inventory, open)
	if err != nil {
		return childResult{}, err
	}
	_, err = run.Do(ctx, func(apply.Tried) {})
	out := childResult{Status: statusOf(err), Steps: steps.n}
	if err != nil {
		out.Err = err.Error()
	}
	return out, nil
}

// step is the nth boundary of the run.
func (spec childSpec) step(name string, n int) {
	switch {
	case name == spec.FullAt:
		spec.fillDisk()
	case n > 0 && n == spec.KillAt:
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // it comes at any moment
	case n > 0 && n == spec.PanicAt:
		panic(injected)
	}
}

const injected = "a panic by the test"

type counter struct {
	mu sync.Mutex
	n  int
}

func (c *counter) next() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}

// fillDisk lets no file of this process grow by more than a part of a line: a
// write fails in the middle, as on a full disk.
func (spec childSpec) fillDisk() {
	signal.Ignore(syscall.SIGXFSZ)
	size := int64(0)
	files, _ := filepath.Glob(filepath.Join(spec.State, "*.jsonl"))
	for _, f := range files {
		if info, err := os.Stat(f); err == nil {
			size = max(size, info.Size())
		}
	}
	var limit syscall.Rlimit
	limit.Cur, limit.Max = rlimit(size), rlimit(size)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
}

// rlimit allows ten bytes more than a size.
func rlimit(size int64) uint64 { return uint64(size + 10) }

// child carries out a run of the scene's plan in another process.
func (s *scene) child(spec childSpec) childResult {
	s.Helper()
	spec.Kubeconfig, spec.Namespace, spec.State = s.kubeconfig, s.ns, s.state
	spec.Plan, spec.Settings = s.how, s.settings
	text, err := json.Marshal(spec)
	if err != nil {
		s.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+string(text))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	s.noSecretIn(out.String() + errs.String())
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		ended, _ := exit.Sys().(syscall.WaitStatus)
		if spec.KillAt > 0 && ended.Signaled() && ended.Signal() == syscall.SIGKILL || spec.PanicAt > 0 && bytes.Contains(errs.Bytes(), []byte(injected)) {
			return childResult{killed: true}
		}
	}
	if err != nil {
		s.Fatalf("the child: %v\n%s%s", err, out.String(), errs.String())
	}
	var result childResult
	if err := json.NewDecoder(&out).Decode(&result); err != nil {
		s.Fatalf("the child says %q: %v", out.String(), err)
	}
	return result
}

func (s *scene) expectChild(got childResult, status int) {
	s.Helper()
	if got.Status != status {
		s.Errorf("the child ends with %d, want %d: %s", got.Status, status, got.Err)
	}
}
