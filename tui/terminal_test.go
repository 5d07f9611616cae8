//go:build !windows

package tui

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// asProgram makes the test binary the program itself, on an empty cluster.
const asProgram = "KUBECTL_HARDEN_TUI_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) == "" {
		os.Exit(m.Run())
	}
	s := Session{Context: "prod", Redact: mask, Scan: scanOf(fixes.NewInventory, testRules())}
	if err := Run(context.Background(), s, os.Stdin, os.Stdout, WithoutAnimation()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// quiet waits until nothing was written for a while, and returns all that was.
func (t *terminal) quiet() string {
	t.Helper()
	before := -1
	for range 200 {
		t.mu.Lock()
		raw := t.raw.String()
		t.mu.Unlock()
		if len(raw) == before {
			return raw
		}
		before = len(raw)
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("it never stops writing")
	return ""
}

// TestRunWritesLittle demands that a key writes what has changed, not the
// screen, and nothing that clears it: that would flicker.
func TestRunWritesLittle(t *testing.T) {
	term := newTerminal(t, 120, 40).start(t.Context(), shopSession(t), WithoutAnimation()).wait("10 findings in")
	start := len(term.quiet())
	term.typed("=").wait("shop/web")
	for _, key := range []string{"j", "k", "j", "j", "J", "\t", "\t", "?", "\x1b"} {
		before := len(term.quiet())
		term.typed(key)
		wrote := term.quiet()[before:]
		if len(wrote) > start*2/3 || strings.Contains(wrote, "\x1b[2J") {
			t.Errorf("%q writes %d bytes; the first screen was %d", key, len(wrote), start)
		}
	}
	term.typed("q")
	if err := term.end(); err != nil {
		t.Error(err)
	}
}

// TestRunSynchronizes demands that each write is held back until it is whole
// where the terminal can do so, and that no other terminal is told to.
func TestRunSynchronizes(t *testing.T) {
	for _, can := range []bool{true, false} {
		term := newTerminal(t, 100, 30)
		term.synchronizes = can
		term.start(t.Context(), shopSession(t), WithoutAnimation()).wait("10 findings in")
		before := len(term.quiet())
		term.typed("j").wait("DaemonSet shop/agent").typed("?").wait("Keys")
		wrote := term.quiet()[before:]
		begin, end := strings.Count(wrote, ansi.SetModeSynchronizedOutput), strings.Count(wrote, ansi.ResetModeSynchronizedOutput)
		switch {
		case !can && begin+end > 0:
			t.Errorf("a terminal that cannot is told to: %q", wrote)
		case can && (begin == 0 || begin != end || !strings.HasPrefix(wrote, ansi.SetModeSynchronizedOutput) || !strings.HasSuffix(wrote, ansi.ResetModeSynchronizedOutput)):
			t.Errorf("written without being held back: %q", wrote)
		}
		term.typed("\x1b").quiet()
		term.typed("q")
		if err := term.end(); err != nil {
			t.Error(err)
		}
	}
}

// TestRunManyResizes sends a storm of sizes, and demands the screen of the
// last one.
func TestRunManyResizes(t *testing.T) {
	clock := WithClock(func() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) })
	term := newTerminal(t, 120, 40).start(t.Context(), shopSession(t), WithoutAnimation(), clock).wait("10 findings in")
	for i := range 150 {
		w, h := 1+(i*37)%160, 1+(i*17)%50
		if i == 149 {
			w, h = 96, 27
		}
		term.screen.Resize(w, h)
		if err := pty.Setsize(term.keys, &pty.Winsize{Cols: uint16(w), Rows: uint16(h)}); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	d := scanned(t, shopSession(t), 120, 40) // the same at once
	d.send(tea.WindowSizeMsg{Width: 96, Height: 27})
	var want []string
	for line := range strings.Lines(d.screenText()) {
		want = append(want, strings.TrimSpace(line))
	}
	term.wait(want...)
	term.typed("q")
	if err := term.end(); err != nil {
		t.Error(err)
	}
}

// TestRunPastes demands that what is pasted is text and never keys.
func TestRunPastes(t *testing.T) {
	term := newTerminal(t, 100, 30).start(t.Context(), shopSession(t), WithoutAnimation()).wait("10 findings in")
	term.typed("\x1b[200~qSUq\r\x03\x1b[201~").typed("/").wait("10 of 10")
	term.typed("\x1b[200~pay\nsecond line\x1b[201~").wait("/ pay ", "3 of 10").typed("\r").wait("0 staged")
	term.typed("q")
	if err := term.end(); err != nil {
		t.Error(err)
	}
}

// TestRunMouse demands that the terminal keeps its mouse until M, and gets it
// back at the end.
func TestRunMouse(t *testing.T) {
	const on, off = "\x1b[?1002h", "\x1b[?1002l"
	term := newTerminal(t, 100, 30).start(t.Context(), shopSession(t), WithoutAnimation()).wait("10 findings in")
	if raw := term.quiet(); strings.Contains(raw, on) {
		t.Error("the mouse is on from the beginning")
	}
	term.typed("M").wait("mouse on")
	if raw := term.quiet(); !strings.Contains(raw, on) {
		t.Error("M does not turn the mouse on")
	}
	term.typed("\x1b[<0;10;5M\x1b[<0;10;5m").wait("›▾ env-secret") // the third row of the list
	term.typed("q")
	if err := term.end(); err != nil {
		t.Error(err)
	}
	if raw := term.quiet(); strings.LastIndex(raw, off) < strings.LastIndex(raw, on) {
		t.Error("the mouse is left on")
	}
}

// TestRunWideNames demands that names of all scripts and with hostile marks
// leave every line, and the divider, in their place on a real terminal.
func TestRunWideNames(t *testing.T) {
	const name = "日本語 e\u0301a\u0308 שלום عربي \u202eevil \u2067x\u2069 \U0001f469\u200d\U0001f467 ﷽ \u1112\u1161\u11ab"
	rule := *testRules()[0]
	rule.ID = "wide"
	rule.Check = func(p *fixes.Pass) {
		for _, w := range p.Workloads("") {
			p.Report(fixes.Finding{Object: w.Ref(), Path: "metadata.labels." + name, Message: name + " " + name, Evidence: []string{name, name + name}})
		}
	}
	inv := shopInventory(t)
	s := shopSession(t)
	s.Context = name
	s.Scan = scanOf(func() *fixes.Inventory { return inv }, []*fixes.Rule{&rule})
	term := newTerminal(t, 100, 30).start(t.Context(), s, WithoutAnimation()).wait("findings in")
	term.typed("=j").wait("evidence")
	term.quiet()
	for _, not := range []string{"\u202e", "\u2067", "\u200d"} {
		if strings.Contains(term.text(), not) {
			t.Errorf("%q is on the screen", not)
		}
	}
	lines := strings.Split(term.text(), "\n")
	for y, line := range lines[2 : len(lines)-2] {
		before, _, ok := strings.Cut(line, "│")
		if !ok || ansi.StringWidth(before) != 42 {
			t.Errorf("line %d: the divider is moved: %q", y, line)
		}
	}
	term.typed("q")
	if err := term.end(); err != nil {
		t.Error(err)
	}
}

// TestRunSuspends stops the program under a shell and takes it up again, twice.
func TestRunSuspends(t *testing.T) {
	term := newTerminal(t, 100, 20)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sh := exec.Command("sh", "-i")
	sh.Env = append(os.Environ(), "PS1=shell> ", "ENV=", asProgram+"=1")
	sh.Stdin, sh.Stdout, sh.Stderr = term.tty, term.tty, term.tty
	sh.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := sh.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sh.Process.Kill(); _ = sh.Wait() })
	term.wait("shell>").typed("'"+self+"'\r").wait("Nothing found", "? help")
	if !term.screen.IsAltScreen() {
		t.Error("the program is not on the alternate screen")
	}
	for range 2 {
		term.typed("\x1a").wait("shell>")
		term.quiet()
		if term.screen.IsAltScreen() || term.screen.CursorHidden() {
			t.Errorf("the shell does not have its screen back: alternate %v, cursor hidden %v", term.screen.IsAltScreen(), term.screen.CursorHidden())
		}
		term.typed("echo me\"an\"while\r").wait("meanwhile").typed("fg\r").wait("Nothing found", "? help")
		term.quiet()
		if !term.screen.IsAltScreen() || strings.Contains(term.text(), "shell>") {
			t.Errorf("the program does not have its screen back:\n%s", term.text())
		}
	}
	term.typed("?").wait("Keys").typed("\x1b").quiet()
	term.typed("q").quiet()
	term.typed("echo status $?\r").wait("status 0")
}
