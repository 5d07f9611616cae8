//go:build !windows

package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSessionEdits edits the result of a staged fix twice: what the server
// refuses is said and edited again, and what is applied has the edit.
func TestSessionEdits(t *testing.T) {
	ns := running(t, "session-edits")
	home := t.TempDir()
	editor := filepath.Join(home, "editor")
	script := "#!/bin/sh\nif grep -q 'replicas: 2' \"$1\"; then sed -i 's/replicas: 2/replicas: -1/' \"$1\"; else sed -i 's/replicas: -1/replicas: 3/' \"$1\"; fi\n"
	if err := os.WriteFile(editor, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	term := openIn(t, []string{"KUBECONFIG=" + control.Kubeconfig, "HOME=" + home, "XDG_STATE_HOME=" + home, "XDG_CONFIG_HOME=" + home, "KUBE_EDITOR=" + editor},
		"-n", ns, "--rule", "env-secret", "--settle=0s").Wait("1 finding in")
	term.Type("S ").Wait("1 staged").Type("p").Wait("accepted by the server").Type("Ge").Wait("edited Deployment", "1 refused").Type("n")
	term.Wait("must be greater than or equal to 0", "by you: space in the list").Type("a").Wait("the server refuses 1 change")
	term.Type("e").Gone("1 refused").Wait("accepted by the server").Type("a").Wait("Apply to " + contextName)
	agree(term)
	term.Wait("done in").Type("q")
	if err := term.End(); err != nil {
		t.Error(err)
	}
	const fields = "jsonpath={.spec.replicas} {.spec.template.spec.containers[0].env[0].valueFrom.secretKeyRef.name}"
	if got := control.Kubectl(t, "get", "deployment/web", "-n", ns, "-o", fields); got != "3 web-env" {
		t.Errorf("replicas and the Secret are %q", got)
	}
}

// suppressed returns what a scan of a namespace ignores, and what it finds.
func suppressed(t *testing.T, ns string) (ignoredBy []string, total int) {
	t.Helper()
	var report struct {
		Summary    struct{ Total int }
		Suppressed []struct{ IgnoredBy, Reason string }
	}
	if err := json.Unmarshal([]byte(succeed(t, "-n", ns, "--rule", "env-secret", "-o", "json").stdout), &report); err != nil {
		t.Fatal(err)
	}
	for _, s := range report.Suppressed {
		ignoredBy = append(ignoredBy, s.IgnoredBy+": "+s.Reason)
	}
	return ignoredBy, report.Summary.Total
}

// copied is what the terminal was asked to put on the clipboard.
var copied = regexp.MustCompile(`\x1b\]52;c;([A-Za-z0-9+/=]+)`)

// TestSessionIgnores ignores a finding from the screen, in the project's file
// and by an annotation; a scan without the screen honours both.
func TestSessionIgnores(t *testing.T) {
	ns := namespace(t, "session-ignores")
	control.Apply(t, service(ns, "web", "needs: nothing"))
	t.Chdir(t.TempDir())
	if err := os.Mkdir(".git", 0o755); err != nil {
		t.Fatal(err)
	}
	start := func() {
		t.Helper()
		if by, total := suppressed(t, ns); len(by) != 0 || total != 1 {
			t.Fatalf("ignored %q, found %d", by, total)
		}
	}
	start()
	term := open(t, 120, 40, "-n", ns, "--rule", "env-secret").Wait("1 finding in", "session-ignores/web")
	term.Type("i").Wait("because", "90 days").Type("\r").Wait("A reason is needed").Type("rotated hourly").Type("\x1b[B\x1b[C").Wait("365 days").Type("\r")
	term.Wait("ignored 1 until", ".kubectl-harden.yaml:", "0 findings").Type("I").Wait("1 ignored shown", "session-ignores/web").Type("I").Gone("session-ignores/web")
	if by, total := suppressed(t, ns); total != 0 || len(by) != 1 || !strings.HasSuffix(by[0], ": rotated hourly") || !strings.HasPrefix(by[0], ".kubectl-harden.yaml:") {
		t.Errorf("ignored %q, found %d", by, total)
	}
	if text, err := os.ReadFile(".kubectl-harden.yaml"); err != nil || !strings.Contains(string(text), "expires: 20") {
		t.Errorf("no end is written: %v\n%s", err, text)
	}
	term.Type("u").Wait("undone", "1 finding")
	start()

	// In the object: the command is copied, and what it does is seen by the next scan.
	term.Type("i").Wait("because").Type("\x1b[C").Type("by design\x1b[B\x1b[B\x1b[C").Wait("as an annotation of").Type("\r").Wait("copied: kubectl")
	all := copied.FindAllStringSubmatch(term.Raw(), -1)
	if len(all) == 0 {
		t.Fatal("nothing was copied")
	}
	command, err := base64.StdEncoding.DecodeString(all[len(all)-1][1])
	if err != nil {
		t.Fatal(err)
	}
	sh := exec.Command("sh", "-c", string(command))
	sh.Env = append(os.Environ(), "KUBECONFIG="+control.Kubeconfig, "PATH="+filepath.Dir(control.KubectlPath)+":"+os.Getenv("PATH"))
	if out, err := sh.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	term.Type("r").Wait("0 findings in", "1 ignored").Type("I").Wait("session-ignores/web").Type("G").Wait("by design").Type("q")
	if err := term.End(); err != nil {
		t.Error(err)
	}
	if by, total := suppressed(t, ns); total != 0 || len(by) != 1 || !strings.HasSuffix(by[0], "(annotation): by design") {
		t.Errorf("ignored %q, found %d", by, total)
	}
}
