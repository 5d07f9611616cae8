//go:build !windows

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/testdata/terminal"
)

// open starts the terminal UI on a terminal, with a home of its own.
func open(t *testing.T, w, h int, args ...string) *terminal.Terminal {
	t.Helper()
	return openWith(t, control.Kubeconfig, w, h, args...)
}

func openWith(t *testing.T, kubeconfig string, w, h int, args ...string) *terminal.Terminal {
	t.Helper()
	home := t.TempDir()
	return terminal.New(t, w, h).Start([]string{
		"KUBECONFIG=" + kubeconfig, "HOME=" + home, "XDG_STATE_HOME=" + filepath.Join(home, "state"), "KUBE_EDITOR=false",
	}, binary, args...)
}

// agree answers the question whether to write to the cluster: by its key, or
// by the context's name where that is asked for.
func agree(term *terminal.Terminal) {
	term.Helper()
	if strings.Contains(term.Text(), "Type "+contextName) {
		term.Type(contextName + "\r")
		return
	}
	term.Type("y")
}

// contextName is the name of the context in the control plane's kubeconfig.
const contextName = "test"

// running makes a namespace with a Deployment of two pods that run.
func running(t *testing.T, name string) (ns string) {
	t.Helper()
	ns = namespace(t, name)
	control.Apply(t, service(ns, "web", "needs: nothing"))
	control.Kubectl(t, "rollout", "status", "deployment/web", "-n", ns, "--timeout=180s")
	return ns
}

// TestSessionApplies is the whole way with keys alone: a scan, a filter, a fix
// staged, the plan reviewed, applied, undone.
func TestSessionApplies(t *testing.T) {
	ns := running(t, "session-applies")
	begin := snapshot(t, ns)
	term := open(t, 120, 40, "-n", ns, "--settle=0s").Wait("findings in")
	term.Type("/env-secret").Wait("1 of ").Type("\r").Wait("? help")
	term.Type(" ").Wait("1 staged").Type("\x1b").Wait("by rule, worst first ─")
	term.Type("p").Wait("verified", "accepted by the server", "web-env")
	if strings.Contains(term.Raw(), killedPassword) {
		t.Error("the password was on the screen")
	}
	term.Type("a").Wait("Apply to " + contextName)
	agree(term)
	term.Wait("done in")
	if got := control.Kubectl(t, "get", "deployment/web", "-n", ns, "-o", "jsonpath={.spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef.name}"); got != "web-env" {
		t.Errorf("DB_PASSWORD comes from %q", got)
	}
	term.Type("u").Wait("Undo in " + contextName)
	agree(term)
	term.Wait("undone")
	if got := snapshot(t, ns); got != begin {
		t.Errorf("undone, it is not as before:\n%s", firstDifference(begin, got))
	}
	// The finding is back, and so is the decision about it.
	term.Type("r").Wait("findings in", "1 staged").Type("q")
	if err := term.End(); err != nil {
		t.Error(err)
	}
}

// TestSessionResizes changes the terminal's size many times while a scan runs
// and a plan is made and checked; the program goes on.
func TestSessionResizes(t *testing.T) {
	ns := running(t, "session-resizes")
	term := open(t, 120, 40, "-n", ns)
	storm := func() {
		for i := range 60 {
			term.Resize(20+(i*37)%180, 5+(i*13)%55)
		}
		term.Resize(100, 30)
	}
	storm()
	term.Wait("findings in", "? help")
	term.Type("Sp")
	storm()
	term.Wait("accepted by the server", "? help")
	for line := range strings.SplitSeq(term.Text(), "\n") {
		if n := len([]rune(strings.TrimRight(line, " "))); n > 100 {
			t.Errorf("a line of %d columns: %q", n, line)
		}
	}
	term.Type("qy")
	if err := term.End(); err != nil {
		t.Error(err)
	}
}

// TestSessionWithoutRights says what may not be read, and ends well.
func TestSessionWithoutRights(t *testing.T) {
	term := openWith(t, control.KubeconfigNoRights, 100, 30).Wait("findings in")
	term.Type("!").Wait("What the scan could not read", "forbidden").Type("\x1b").Gone("could not read").Type("q")
	if err := term.End(); err != nil {
		t.Error(err)
	}
}

// TestSessionInterrupted presses ctrl+c, and demands the shell's status of it.
func TestSessionInterrupted(t *testing.T) {
	term := open(t, 100, 30, "--demo").Wait("findings in").Type("\x03")
	var exit *exec.ExitError
	if err := term.End(); !errors.As(err, &exit) || exit.ExitCode() != 130 {
		t.Errorf("it ended with %v, want status 130", err)
	}
}

// TestSessionExports writes the plan to files that kubectl takes.
func TestSessionExports(t *testing.T) {
	ns := running(t, "session-exports")
	dir := filepath.Join(t.TempDir(), "out")
	term := open(t, 120, 40, "-n", ns).Wait("findings in")
	term.Type("S").Wait("staged").Type("p").Wait("accepted by the server").Type("E").Wait("Export")
	term.Type("\x15" + dir + "\r").Wait("README.md says how") // ctrl+u empties the line
	term.Type("q")
	if err := term.End(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "kustomization.yaml")); err != nil {
		t.Fatal(err)
	}
	control.Kubectl(t, "apply", "-k", dir, "--dry-run=server")
}
