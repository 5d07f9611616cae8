//go:build !windows

package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// window is the program in a terminal of its own.
type window struct {
	*testing.T
	cmd    *exec.Cmd
	keys   *os.File
	screen *vt.SafeEmulator
	ended  chan error
	lost   atomic.Bool // nobody holds its terminal any more
}

func openWindow(t *testing.T, env []string, args ...string) *window {
	t.Helper()
	w := &window{T: t, cmd: exec.Command(binary, args...), screen: vt.NewSafeEmulator(120, 40), ended: make(chan error, 1)}
	w.cmd.Env = append(os.Environ(), append(env, "TERM=xterm-256color", "NO_COLOR=1", "LANG=C.UTF-8", "LC_ALL=")...)
	var err error
	if w.keys, err = pty.StartWithSize(w.cmd, &pty.Winsize{Rows: 40, Cols: 120}); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(w.keys, w.screen) }() // answers to what the program asks
	go w.watch()
	go func() { w.ended <- w.cmd.Wait() }()
	t.Cleanup(func() {
		_ = w.cmd.Process.Kill()
		w.lost.Store(true)
	})
	return w
}

// watch shows what the program writes. It waits in no read, which would hold
// the terminal open, and closes it when it is lost.
func (w *window) watch() {
	buf, fd := make([]byte, 32<<10), int(w.keys.Fd())
	err := syscall.SetNonblock(fd, true)
	for n := 0; !w.lost.Load() && (err == nil || errors.Is(err, syscall.EAGAIN)); {
		if n, err = syscall.Read(fd, buf); n > 0 {
			_, _ = w.screen.Write(buf[:n])
			continue
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = w.keys.Close()
}

func (w *window) text() string { return ansi.Strip(w.screen.Render()) }

// see waits until the screen has a text.
func (w *window) see(text string) *window {
	w.Helper()
	for deadline := time.Now().Add(60 * time.Second); !strings.Contains(w.text(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("no %q on the screen:\n%s", text, w.text())
		}
	}
	return w
}

func (w *window) typed(keys string) *window {
	w.Helper()
	if _, err := w.keys.WriteString(keys); err != nil {
		w.Fatal(err)
	}
	return w
}

// end waits for the program's end and returns its exit status.
func (w *window) end() int {
	w.Helper()
	select {
	case <-w.ended:
	case <-time.After(30 * time.Second):
		w.Fatalf("the program does not end:\n%s", w.text())
	}
	return w.cmd.ProcessState.ExitCode()
}

const sessionPassword = "Tr0ub4dor-and-3-horses"

// TestSessionSurvives stages a fix and ends the program in every way that there
// is: the next one offers to go on, and the file holds no secret.
func TestSessionSurvives(t *testing.T) {
	dir := t.TempDir()
	manifest := strings.ReplaceAll(service("shop", "web", "a: b"), killedPassword, sessionPassword)
	if err := os.WriteFile(filepath.Join(dir, "web.yaml"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		end    func(w *window)
		status int // or any below 0
	}{
		"ctrl+c twice":    {func(w *window) { w.typed("\x03").see("Quit?").see("offers to restore").typed("\x03") }, 130},
		"q and y":         {func(w *window) { w.typed("q").see("Quit?").typed("y") }, 0},
		"SIGTERM":         {func(w *window) { _ = w.cmd.Process.Signal(syscall.SIGTERM) }, 130},
		"SIGHUP":          {func(w *window) { _ = w.cmd.Process.Signal(syscall.SIGHUP) }, 130},
		"SIGINT":          {func(w *window) { _ = w.cmd.Process.Signal(os.Interrupt) }, 130},
		"a lost terminal": {func(w *window) { w.lost.Store(true) }, -1},
		"SIGKILL, a second later": {func(w *window) {
			time.Sleep(time.Second)
			_ = w.cmd.Process.Kill()
		}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			env := []string{"XDG_STATE_HOME=" + state, "XDG_CONFIG_HOME=" + state, "KUBECONFIG=" + os.DevNull}
			w := openWindow(t, env, "-f", dir).see("findings in").typed("S").see("u undoes")
			c.end(w)
			if status := w.end(); c.status >= 0 && status != c.status {
				t.Errorf("status %d", status)
			}
			files, err := filepath.Glob(filepath.Join(state, "kubectl-harden", "sessions", "*"))
			if err != nil || len(files) != 1 {
				t.Fatalf("kept: %v %v", files, err)
			}
			info, err := os.Stat(files[0])
			if err != nil || info.Mode() != 0o600 {
				t.Errorf("%v %v", info.Mode(), err)
			}
			text, err := os.ReadFile(files[0])
			if err != nil || strings.Contains(string(text), sessionPassword) || strings.Contains(string(text), "DB_PASSWORD") {
				t.Errorf("%v\n%s", err, text)
			}

			w = openWindow(t, env, "-f", dir, "--fresh").see("findings in").see("0 staged").typed("q")
			if w.end() != 0 {
				t.Error("--fresh offers something")
			}
			w = openWindow(t, env, "-f", dir).see("Go on where you were?").see("staged a moment ago").typed("r").see("staged again")
			w.typed("U").see("0 staged").typed("q")
			if w.end() != 0 {
				t.Error("something is staged")
			}
			if left, _ := filepath.Glob(filepath.Join(state, "kubectl-harden", "sessions", "*")); len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestSessionFileIsNotTrusted(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "web.yaml"), []byte(service("shop", "web", "a: b")), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"XDG_STATE_HOME=" + state, "XDG_CONFIG_HOME=" + state, "KUBECONFIG=" + os.DevNull}
	w := openWindow(t, env, "-f", dir).see("findings in").typed("S").see("u undoes").typed("qy")
	w.end()
	files, err := filepath.Glob(filepath.Join(state, "kubectl-harden", "sessions", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.WriteFile(files[0], []byte("\x1b[31mnonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	w = openWindow(t, env, "-f", dir).see("and is left out").typed("qq")
	if status := w.end(); status != 0 {
		t.Errorf("status %d", status)
	}
}

// TestHistoryInTheTerminal undoes an older run, and goes on with one that was
// applied in part, on the screen of the history.
func TestHistoryInTheTerminal(t *testing.T) {
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	ns := namespace(t, "history")
	for _, name := range []string{"api", "job"} {
		control.Apply(t, service(ns, name, "needs: nothing"))
		control.Kubectl(t, "rollout", "status", "deployment/"+name, "-n", ns, "--timeout=60s")
	}
	begin := snapshot(t, ns)
	succeed(t, "-n", ns, "--rule", "env-secret", "--fix", "--yes", "--confidence=review", "--settle=0s")
	succeed(t, "-n", ns, "--rule", "pss-allow-privilege-escalation", "--fix", "--yes", "--confidence=review", "--settle=0s")
	env := []string{"KUBECONFIG=" + control.Kubeconfig, "XDG_CONFIG_HOME=" + state}
	w := openWindow(t, env, "-n", ns, "--settle=0s").see("findings in").typed("H").see("run 2").typed("j").see("run 1")
	w.typed("u").see("Undo in").see("kubectl harden undo 1").typed("y").see("done in")
	w.typed("H").see("undo of 1").typed("jj").see("undone by 3").typed("u").see("run 3 has undone it")
	w.typed("k").see("run 2").typed("u").see("Undo in").typed("y").see("done in").typed("q")
	if status := w.end(); status != 0 {
		t.Errorf("status %d", status)
	}
	if got := snapshot(t, ns); got != begin {
		t.Errorf("undone, it is not as before:\n%s", firstDifference(begin, got))
	}

	control.Apply(t, service(ns, "web", "needs: root"))
	control.Kubectl(t, "rollout", "status", "deployment/web", "-n", ns, "--timeout=60s")
	if r := harden(t, "-n", ns, "--rule", "pss-run-as-non-root", "--fix", "--yes", "--confidence=review", "--settle=0s", "--on-failure=continue"); r.status != 3 {
		t.Fatalf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	control.Kubectl(t, "patch", "deployment/web", "-n", ns, "--type=json", "-p", `[{"op": "replace", "path": "/spec/replicas", "value": 0}]`)
	w = openWindow(t, env, "-n", ns).see("findings in").typed("H").see("resume    r, or kubectl harden resume 5")
	w.typed("r").see("Go on with run 5").typed("y").see("done in").typed("H").see("run 5").see("3 of 3 changes").typed("q")
	if status := w.end(); status != 0 {
		t.Errorf("status %d", status)
	}
	w = openWindow(t, env, "-n", ns, "--readonly").see("(read-only)").see("findings in").typed("H").see("run 5").typed("u").see("--readonly was given").typed("q")
	w.end()
}
