//go:build !windows

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/testdata/terminal"
)

// openIn starts the terminal UI with variables of its environment.
func openIn(t *testing.T, env []string, args ...string) *terminal.Terminal {
	t.Helper()
	return terminal.New(t, 120, 40).Start(env, binary, args...)
}

// status waits for the program's end and returns its exit status, which is -1
// where a signal ended it.
func status(w *terminal.Terminal) int {
	w.Helper()
	var exit *exec.ExitError
	switch err := w.Ending(); {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		w.Fatal(err)
	}
	return 0
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
		end    func(w *terminal.Terminal)
		status int // or any below 0
	}{
		"ctrl+c twice":    {func(w *terminal.Terminal) { w.Type("\x03").Wait("Quit?").Wait("offers to restore").Type("\x03") }, 130},
		"q and y":         {func(w *terminal.Terminal) { w.Type("q").Wait("Quit?").Type("y") }, 0},
		"SIGTERM":         {func(w *terminal.Terminal) { w.Signal(syscall.SIGTERM) }, 130},
		"SIGHUP":          {func(w *terminal.Terminal) { w.Signal(syscall.SIGHUP) }, 130},
		"SIGINT":          {func(w *terminal.Terminal) { w.Signal(os.Interrupt) }, 130},
		"a lost terminal": {func(w *terminal.Terminal) { w.Lose() }, -1},
		"SIGKILL, a second later": {func(w *terminal.Terminal) {
			time.Sleep(time.Second)
			w.Signal(os.Kill)
		}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			env := []string{"XDG_STATE_HOME=" + state, "XDG_CONFIG_HOME=" + state, "KUBECONFIG=" + os.DevNull}
			w := openIn(t, env, "-f", dir).Wait("findings in").Type("S").Wait("u undoes")
			c.end(w)
			if status := status(w); c.status >= 0 && status != c.status {
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

			w = openIn(t, env, "-f", dir, "--fresh").Wait("findings in").Wait("0 staged").Type("q")
			if status(w) != 0 {
				t.Error("--fresh offers something")
			}
			w = openIn(t, env, "-f", dir).Wait("Go on where you were?").Wait("staged a moment ago").Type("r").Wait("staged again")
			w.Type("U").Wait("0 staged").Type("q")
			if status(w) != 0 {
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
	w := openIn(t, env, "-f", dir).Wait("findings in").Type("S").Wait("u undoes").Type("qy")
	status(w)
	files, err := filepath.Glob(filepath.Join(state, "kubectl-harden", "sessions", "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	if err := os.WriteFile(files[0], []byte("\x1b[31mnonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	w = openIn(t, env, "-f", dir).Wait("and is left out").Type("qq")
	if status := status(w); status != 0 {
		t.Errorf("status %d", status)
	}
}

// TestHistoryInTheTerminal undoes an older run, and goes on with one that was
// applied in part, on the screen of the history.
func TestHistoryInTheTerminal(t *testing.T) {
	t.Parallel()
	state := keepState(t)
	ns := namespace(t, "history")
	for _, name := range []string{"api", "job"} {
		control.Apply(t, service(ns, name, "needs: nothing"))
		control.Kubectl(t, "rollout", "status", "deployment/"+name, "-n", ns, "--timeout=180s")
	}
	begin := snapshot(t, ns)
	succeed(t, "-n", ns, "--rule", "env-secret", "--fix", "--yes", "--confidence=review", "--settle=0s")
	succeed(t, "-n", ns, "--rule", "pss-allow-privilege-escalation", "--fix", "--yes", "--confidence=review", "--settle=0s")
	env := []string{"KUBECONFIG=" + control.Kubeconfig, "XDG_CONFIG_HOME=" + state, "XDG_STATE_HOME=" + state}
	w := openIn(t, env, "-n", ns, "--settle=0s").Wait("findings in").Type("H").Wait("run 2").Type("j").Wait("run 1")
	w.Type("u").Wait("Undo in").Wait("kubectl harden undo 1").Type("y").Wait("done in")
	w.Type("H").Wait("undo of 1").Type("jj").Wait("undone by 3").Type("u").Wait("run 3 has undone it")
	w.Type("k").Wait("run 2").Type("u").Wait("Undo in").Type("y").Wait("done in").Type("q")
	if status := status(w); status != 0 {
		t.Errorf("status %d", status)
	}
	if got := snapshot(t, ns); got != begin {
		t.Errorf("undone, it is not as before:\n%s", firstDifference(begin, got))
	}

	control.Apply(t, service(ns, "web", "needs: root"))
	control.Kubectl(t, "rollout", "status", "deployment/web", "-n", ns, "--timeout=180s")
	if r := harden(t, "-n", ns, "--rule", "pss-run-as-non-root", "--fix", "--yes", "--confidence=review", "--settle=0s", "--on-failure=continue"); r.status != 3 {
		t.Fatalf("status %d\n%s%s", r.status, r.stdout, r.stderr)
	}
	control.Kubectl(t, "patch", "deployment/web", "-n", ns, "--type=json", "-p", `[{"op": "replace", "path": "/spec/replicas", "value": 0}]`)
	w = openIn(t, env, "-n", ns).Wait("findings in").Type("H").Wait("resume    r, or kubectl harden resume 5")
	w.Type("r").Wait("Go on with run 5").Type("y").Wait("done in").Type("H").Wait("run 5").Wait("3 of 3 changes").Type("q")
	if status := status(w); status != 0 {
		t.Errorf("status %d", status)
	}
	w = openIn(t, env, "-n", ns, "--readonly").Wait("(read-only)").Wait("findings in").Type("H").Wait("run 5").Type("u").Wait("--readonly was given").Type("q")
	status(w)
}
