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

// TestRunWritesLittle demands that a key writes what has changed, not the
// screen, and nothing that clears it: that would flicker.
func TestRunWritesLittle(t *testing.T) {
	term := onTerminal(t.Context(), t, 120, 40, shopSession(t), WithoutAnimation()).Wait("10 findings in")
	start := len(term.Quiet())
	term.Type("=").Wait("shop/web")
	for _, key := range []string{"j", "k", "j", "j", "J", "\t", "\t", "?", "\x1b"} {
		before := len(term.Quiet())
		term.Type(key)
		wrote := term.Quiet()[before:]
		most := start / 3
		if key == "?" || key == "\x1b" { // another page over this one, and back
			most = start
		}
		if len(wrote) > most || strings.Contains(wrote, "\x1b[2J") {
			t.Errorf("%q writes %d bytes; the first screen was %d", key, len(wrote), start)
		}
	}
	term.Type("q")
	if err := term.End(); err != nil {
		t.Error(err)
	}
}

// TestRunSynchronizes demands that each write is held back until it is whole
// where the terminal can do so, and that no other terminal is told to.
func TestRunSynchronizes(t *testing.T) {
	for _, can := range []bool{true, false} {
		term := newTerminal(t, 100, 30)
		term.Synchronizes = can
		go func() { term.Ended <- Run(t.Context(), shopSession(t), term.TTY, term.TTY, WithoutAnimation()) }()
		term.Wait("10 findings in")
		before := len(term.Quiet())
		term.Type("j").Wait("DaemonSet shop/agent").Type("?").Wait("Keys")
		wrote := term.Quiet()[before:]
		begin, end := strings.Count(wrote, ansi.SetModeSynchronizedOutput), strings.Count(wrote, ansi.ResetModeSynchronizedOutput)
		switch {
		case !can && begin+end > 0:
			t.Errorf("a terminal that cannot is told to: %q", wrote)
		case can && (begin == 0 || begin != end || !strings.HasPrefix(wrote, ansi.SetModeSynchronizedOutput) || !strings.HasSuffix(wrote, ansi.ResetModeSynchronizedOutput)):
			t.Errorf("written without being held back: %q", wrote)
		}
		term.Type("\x1b").Quiet()
		term.Type("q")
		if err := term.End(); err != nil {
			t.Error(err)
		}
	}
}

// TestRunManyResizes sends a storm of sizes, and demands the screen of the
// last one.
func TestRunManyResizes(t *testing.T) {
	clock := WithClock(func() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) })
	term := onTerminal(t.Context(), t, 120, 40, shopSession(t), WithoutAnimation(), clock).Wait("10 findings in")
	for i := range 150 {
		w, h := 1+(i*37)%160, 1+(i*17)%50
		if i == 149 {
			w, h = 96, 27
		}
		term.Resize(w, h)
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
	term.Wait(want...)
	term.Type("q")
	if err := term.End(); err != nil {
		t.Error(err)
	}
}

// TestRunPastes demands that what is pasted is text and never keys.
func TestRunPastes(t *testing.T) {
	term := onTerminal(t.Context(), t, 100, 30, shopSession(t), WithoutAnimation()).Wait("10 findings in")
	term.Type("\x1b[200~qSUq\r\x03\x1b[201~").Type("/").Wait("10 of 10")
	term.Type("\x1b[200~pay\nsecond line\x1b[201~").Wait("/ pay ", "3 of 10").Type("\r").Wait("0 staged")
	term.Type("q")
	if err := term.End(); err != nil {
		t.Error(err)
	}
}

// TestRunMouse demands that the terminal keeps its mouse until M, and gets it
// back at the end.
func TestRunMouse(t *testing.T) {
	const on, off = "\x1b[?1002h", "\x1b[?1002l"
	term := onTerminal(t.Context(), t, 100, 30, shopSession(t), WithoutAnimation()).Wait("10 findings in")
	if raw := term.Quiet(); strings.Contains(raw, on) {
		t.Error("the mouse is on from the beginning")
	}
	term.Type("M").Wait("mouse on")
	if raw := term.Quiet(); !strings.Contains(raw, on) {
		t.Error("M does not turn the mouse on")
	}
	term.Type("\x1b[<0;10;5M\x1b[<0;10;5m").Wait("›▾ env-secret") // the third row of the list
	term.Type("q")
	if err := term.End(); err != nil {
		t.Error(err)
	}
	if raw := term.Quiet(); strings.LastIndex(raw, off) < strings.LastIndex(raw, on) {
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
	term := onTerminal(t.Context(), t, 100, 30, s, WithoutAnimation()).Wait("findings in")
	term.Type("=j").Wait("evidence")
	term.Quiet()
	for _, not := range []string{"\u202e", "\u2067", "\u200d"} {
		if strings.Contains(term.Text(), not) {
			t.Errorf("%q is on the screen", not)
		}
	}
	lines := strings.Split(term.Text(), "\n")
	for y, line := range lines[2 : len(lines)-2] {
		before, _, ok := strings.Cut(line, "│")
		if !ok || ansi.StringWidth(before) != 42 {
			t.Errorf("line %d: the divider is moved: %q", y, line)
		}
	}
	term.Type("q")
	if err := term.End(); err != nil {
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
	sh.Stdin, sh.Stdout, sh.Stderr = term.TTY, term.TTY, term.TTY
	sh.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := sh.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sh.Process.Kill(); _ = sh.Wait() })
	term.Wait("shell>").Type("'"+self+"'\r").Wait("Nothing found", "? help")
	if !term.Screen.IsAltScreen() {
		t.Error("the program is not on the alternate screen")
	}
	for range 2 {
		term.Type("\x1a").Wait("shell>")
		term.Quiet()
		if term.Screen.IsAltScreen() || term.Screen.CursorHidden() {
			t.Errorf("the shell does not have its screen back: alternate %v, cursor hidden %v", term.Screen.IsAltScreen(), term.Screen.CursorHidden())
		}
		term.Type("echo me\"an\"while\r").Wait("meanwhile").Type("fg\r").Wait("Nothing found", "? help")
		term.Quiet()
		if !term.Screen.IsAltScreen() || strings.Contains(term.Text(), "shell>") {
			t.Errorf("the program does not have its screen back:\n%s", term.Text())
		}
	}
	term.Type("?").Wait("Keys").Type("\x1b").Quiet()
	term.Type("q").Quiet()
	term.Type("echo status $?\r").Wait("status 0")
}
