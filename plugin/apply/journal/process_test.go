package journal_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

// TestMain lets the test binary play the other process: it creates as many
// runs as it is told, prints their numbers, and waits with the last one open
// until its input ends.
func TestMain(m *testing.M) {
	dir, count := os.Getenv("TEST_JOURNAL_DIR"), 0
	if dir == "" {
		os.Exit(m.Run())
	}
	if _, err := fmt.Sscan(os.Getenv("TEST_JOURNAL_RUNS"), &count); err != nil {
		panic(err)
	}
	for i := range count {
		run, err := journal.Open(dir).Create(header())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(run.Header().Run)
		if i < count-1 {
			_ = run.Close()
		}
	}
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

// process starts another process that creates runs.
func process(t *testing.T, dir string, runs int) (cmd *exec.Cmd, numbers *bufio.Scanner) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_JOURNAL_DIR="+dir, fmt.Sprint("TEST_JOURNAL_RUNS=", runs))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}

// TestProcesses creates runs from several processes at once.
func TestProcesses(t *testing.T) {
	s, dir := newStore(t)
	const processes, runs = 4, 8
	var mu sync.Mutex
	var numbers []string
	var wg sync.WaitGroup
	for range processes {
		_, out := process(t, dir, runs)
		wg.Go(func() {
			for range runs {
				if !out.Scan() {
					t.Error("a process ended early")
					return
				}
				mu.Lock()
				numbers = append(numbers, out.Text())
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	slices.Sort(numbers)
	if n := len(slices.Compact(numbers)); n != processes*runs {
		t.Errorf("%d numbers for %d runs", n, processes*runs)
	}
	list, err := s.List()
	must(t, err)
	running := 0
	for _, rec := range list {
		if rec.Err != nil {
			t.Error(rec.Err)
		}
		if rec.Running {
			running++
		}
	}
	if len(list) != processes*runs || running != processes {
		t.Errorf("%d runs, %d of them running", len(list), running)
	}
}

// TestKilled: a run is held by its process, and left when that is killed.
func TestKilled(t *testing.T) {
	s, dir := newStore(t)
	cmd, out := process(t, dir, 1)
	if !out.Scan() || out.Text() != "1" {
		t.Fatalf("run %q", out.Text())
	}
	if rec := read(t, s, 1); !rec.Running || rec.Interrupted() {
		t.Errorf("record %+v", rec)
	}
	if _, err := s.Resume(1); !errors.Is(err, journal.ErrRunning) || !strings.HasPrefix(err.Error(), "run 1: another process works on it") {
		t.Errorf("resume: %v", err)
	}
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	if rec := read(t, s, 1); rec.Running || !rec.Interrupted() {
		t.Errorf("record %+v", rec)
	}
	lock := filepath.Join(dir, "1.lock")
	if _, err := os.Lstat(lock); err != nil {
		t.Error("the test is without its point:", err)
	}
	must(t, create(t, s).Close()) // which clears up
	if _, err := os.Lstat(lock); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lock of a killed process stays: %v", err)
	}
	run, err := s.Resume(1)
	must(t, err)
	must(t, run.Append(entry(0, journal.Intent)))
	if _, err := s.Resume(1); !errors.Is(err, journal.ErrRunning) {
		t.Errorf("resume twice: %v", err)
	}
	must(t, run.Close())
}

// TestReadersDoNotDisturb: to look at a run does not keep it from being
// resumed, though looking takes its lock for an instant.
func TestReadersDoNotDisturb(t *testing.T) {
	s, _ := newStore(t)
	must(t, create(t, s).Close())
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if _, err := s.Read(1); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for range 100 {
		run, err := s.Resume(1)
		if err != nil {
			t.Error(err)
			break
		}
		must(t, run.Append(entry(0, journal.Intent)))
		must(t, run.Close())
	}
	close(stop)
	wg.Wait()
}
