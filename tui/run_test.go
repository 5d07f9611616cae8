//go:build !windows

package tui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// terminal is a pseudo-terminal with an emulator behind it, on which the real
// program runs.
type terminal struct {
	testing.TB
	screen  *vt.SafeEmulator
	keys    *os.File // the terminal's side
	tty     *os.File // the program's side
	before  string   // its settings
	changed chan struct{}
	ended   chan error

	mu  sync.Mutex
	raw bytes.Buffer
}

func newTerminal(t testing.TB, w, h int) *terminal {
	t.Helper()
	for _, v := range []string{"NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TMUX", "SSH_TTY", "TERM_PROGRAM", "WT_SESSION"} {
		if _, ok := os.LookupEnv(v); ok {
			t.(*testing.T).Setenv(v, "") // puts it back at the end
			if err := os.Unsetenv(v); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.(*testing.T).Setenv("TERM", "xterm-256color")
	keys, tty, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{TB: t, screen: vt.NewSafeEmulator(w, h), keys: keys, tty: tty,
		changed: make(chan struct{}, 1), ended: make(chan error, 1)}
	if err := pty.Setsize(keys, &pty.Winsize{Rows: uint16(h), Cols: uint16(w)}); err != nil {
		t.Fatal(err)
	}
	term.before = term.settings()
	go func() { _, _ = io.Copy(keys, term.screen) }() // answers to what the program asks
	go func() { _, _ = io.Copy(term, keys) }()
	t.Cleanup(func() {
		tty.Close()
		keys.Close()
		// The emulator is left to itself: its Close races with its Read.
	})
	return term
}

// Write takes what the program writes.
func (t *terminal) Write(p []byte) (int, error) {
	t.mu.Lock()
	t.raw.Write(p)
	t.mu.Unlock()
	n, err := t.screen.Write(p)
	select {
	case t.changed <- struct{}{}:
	default:
	}
	return n, err
}

func (t *terminal) settings() string {
	cmd := exec.Command("stty", "-g")
	cmd.Stdin = t.tty
	out, err := cmd.Output()
	if err != nil {
		t.Fatal("stty: ", err)
	}
	return string(out)
}

func (t *terminal) start(ctx context.Context, s Session, opts ...Option) *terminal {
	go func() { t.ended <- Run(ctx, s, t.tty, t.tty, opts...) }()
	return t
}

func (t *terminal) text() string { return ansi.Strip(t.screen.Render()) }

// wait waits until the screen has all texts.
func (t *terminal) wait(texts ...string) *terminal {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		missing := ""
		screen := t.text()
		for _, want := range texts {
			if !strings.Contains(screen, want) {
				missing = want
			}
		}
		if missing == "" {
			return t
		}
		select {
		case <-t.changed:
		case err := <-t.ended:
			t.Fatalf("the program ended (%v) without showing %q; last screen:\n%s", err, missing, screen)
		case <-late:
			t.Fatalf("no %q on the screen:\n%s", missing, screen)
		}
	}
}

func (t *terminal) typed(keys string) *terminal {
	if _, err := t.keys.WriteString(keys); err != nil {
		t.Fatal(err)
	}
	return t
}

// end waits for the program's end and demands that it leaves the terminal as
// it was.
func (t *terminal) end() error {
	t.Helper()
	var err error
	select {
	case err = <-t.ended:
	case <-time.After(20 * time.Second):
		t.Fatalf("the program does not end; last screen:\n%s", t.text())
	}
	// What it wrote last is on its way through the terminal: a mark behind it
	// tells when it is there.
	_, _ = t.tty.WriteString("\x1b[mTHE END")
	t.wait("THE END")
	if t.screen.IsAltScreen() {
		t.Error("the alternate screen is left on")
	}
	if t.screen.CursorHidden() {
		t.Error("the cursor is left hidden")
	}
	if now := t.settings(); now != t.before {
		t.Errorf("the terminal's settings are %s and were %s", now, t.before)
	}
	return err
}

// TestRun is the whole way: the catalogue's rules on a shop, all safe fixes,
// the plan, the apply, the next scan.
func TestRun(t *testing.T) {
	s := shopSession(t)
	inv := shopInventory(t)
	s.Scan, s.Apply = scanOf(func() *fixes.Inventory { return inv }, catalog.Rules()), applyAll(inv)
	term := newTerminal(t, 120, 40).start(t.Context(), s, WithoutAnimation(), WithClock(time.Now)).wait("prod · all namespaces", "findings in")
	term.typed("/sa-token-automounted").wait("by rule · / sa-token-automounted").typed("\r").wait("? help").typed("\x1b").wait("by rule ─")
	term.typed("S").wait("safe; u undoes")
	term.typed("p").wait("verified", "the whole plan", "restart")
	term.typed("a").wait("Apply to prod?")
	if strings.Contains(term.text(), "Type prod") {
		term.typed("prod\r")
	} else {
		term.typed("y")
	}
	term.wait("done in")
	term.typed("r").wait("findings in", "0 staged")
	term.typed("q")
	if err := term.end(); err != nil {
		t.Error(err)
	}
}

// TestRunNetwork decides about connections, and applies: the policies that are
// written follow, and so does the next scan.
func TestRunNetwork(t *testing.T) {
	s := networkSession(t, market)
	inv := fixestest.Load(t, market)
	inv.Live = true
	s.Scan, s.Apply = scanOf(func() *fixes.Inventory { return inv }, catalog.Rules()), applyAll(inv)
	s.Check, s.PlanUndo = nil, nil
	term := newTerminal(t, 140, 40).start(t.Context(), s, WithoutAnimation()).wait("findings in")
	term.typed("N").wait("namespaces", "market").typed("\r").wait("who connects to whom", "open now")
	term.typed("o").wait("proven").typed("j ").wait("cut by you", "--cut market/catalogue:market/catalogue-db:3306")
	term.typed("s").wait("1 staged").typed("p").wait("verified", "default-deny").typed("a").wait("Apply to prod?")
	if strings.Contains(term.text(), "Type prod") {
		term.typed("prod\r")
	} else {
		term.typed("y")
	}
	term.wait("done in")
	denied, cut := false, true
	for _, p := range fixes.Objects[*networkingv1.NetworkPolicy](inv, "market") {
		denied = denied || p.Name == "default-deny"
		cut = cut && (p.Name != "allow-catalogue-db" || len(p.Spec.Ingress) == 0)
	}
	if !denied || !cut {
		t.Errorf("denied %v, cut %v", denied, cut)
	}
	term.typed("r").wait("findings in").typed("N").wait("closed")
	term.typed("q")
	if err := term.end(); err != nil {
		t.Error(err)
	}
}

// TestRunUndoes applies, stops after a wave, and undoes, with all that moves.
func TestRunUndoes(t *testing.T) {
	s := shopSession(t)
	apply := s.Apply
	s.Apply = func(ctx context.Context, plan *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error {
		report(say{change: 1, state: fixes.RollingOut, detail: "1 of 3 pods replaced, 2 ready"}.of(plan))
		<-o.Stop
		return apply(ctx, plan, o, report)
	}
	term := newTerminal(t, 120, 30).start(t.Context(), s).wait("10 findings in")
	term.typed("S").wait("4 staged").typed("p").wait("accepted by the server").typed("a").wait("y apply").typed("y").wait("1 of 3 pods replaced", "wave 2/2")
	term.typed("s").wait("y after this wave").typed("y").wait("3 applied", "r scans again, u undoes it")
	term.typed("u").wait("Undo in prod?", "2 patched · 1 deleted").typed("y").wait("3 undone").typed("r").wait("findings in")
	term.typed("q")
	if err := term.end(); err != nil {
		t.Error(err)
	}
}

func TestRunMoves(t *testing.T) {
	s := shopSession(t)
	s.Scan = func(ctx context.Context, _ func(fixes.Progress)) (*fixes.Result, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	term := newTerminal(t, 80, 24).start(t.Context(), s)
	for _, frame := range unicodeGlyphs.spinner[:3] {
		term.wait("scanning " + frame)
	}
	term.typed("q")
	if err := term.end(); err != nil {
		t.Error(err)
	}
	term = newTerminal(t, 80, 24).start(t.Context(), s, WithoutAnimation()).wait("scanning").typed("q")
	if err := term.end(); err != nil {
		t.Error(err)
	}
	for _, frame := range unicodeGlyphs.spinner {
		term.mu.Lock()
		if strings.Contains(term.raw.String(), frame) {
			t.Errorf("%s moves without animation", frame)
		}
		term.mu.Unlock()
	}
}

func TestRunResizes(t *testing.T) {
	term := newTerminal(t, 120, 40).start(t.Context(), shopSession(t)).wait("10 findings in")
	for _, size := range [][2]int{{40, 12}, {20, 5}, {100, 30}} {
		term.screen.Resize(size[0], size[1])
		if err := pty.Setsize(term.keys, &pty.Winsize{Cols: uint16(size[0]), Rows: uint16(size[1])}); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
			t.Fatal(err)
		}
		if size[0] == 20 {
			continue
		}
		term.wait("? help", map[int]string{40: "harden  prod", 100: "all namespaces"}[size[0]])
	}
	term.typed("q")
	if err := term.end(); err != nil {
		t.Error(err)
	}
}

func TestRunInterrupted(t *testing.T) {
	s := shopSession(t)
	looked := s.Scan
	began := make(chan struct{})
	s.Scan = func(ctx context.Context, report func(fixes.Progress)) (*fixes.Result, error) {
		result, err := looked(ctx, report)
		close(began)
		<-ctx.Done()
		_, _ = result, err
		return nil, ctx.Err()
	}
	term := newTerminal(t, 80, 24).start(t.Context(), s).wait("scanning", "env-secret")
	<-began
	term.typed("\x03")
	if err := term.end(); !errors.Is(err, ErrInterrupted) {
		t.Errorf("Run returns %v", err)
	}
}

func TestRunInterruptedBySignal(t *testing.T) {
	term := newTerminal(t, 80, 24).start(t.Context(), shopSession(t)).wait("10 findings in")
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := term.end(); !errors.Is(err, ErrInterrupted) {
		t.Errorf("Run returns %v", err)
	}
}

// TestRunWaitsForTheApply demands that ctrl+c breaks off an apply, and that
// Run returns after it has stopped, with what it said.
func TestRunWaitsForTheApply(t *testing.T) {
	s := shopSession(t)
	partly := errors.New("1 applied, 2 not attempted")
	s.Apply = func(ctx context.Context, plan *fixes.Plan, _ ApplyOptions, report func(fixes.Outcome)) error {
		report(fixes.Outcome{Change: &plan.Changes[0], State: fixes.Applied})
		<-ctx.Done()
		return partly
	}
	term := newTerminal(t, 100, 30).start(t.Context(), s).wait("10 findings in")
	term.typed("S").wait("4 staged").typed("p").wait("verified").typed("a").wait("y apply").typed("y").wait("1 applied", "2 pending")
	term.typed("\x03")
	if err := term.end(); !errors.Is(err, ErrInterrupted) || !errors.Is(err, partly) {
		t.Errorf("Run returns %v", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	term := newTerminal(t, 80, 24).start(ctx, shopSession(t)).wait("10 findings in")
	cancel()
	if err := term.end(); !errors.Is(err, context.Canceled) || errors.Is(err, ErrInterrupted) {
		t.Errorf("Run returns %v", err)
	}
}

func TestRunReturnsTheScansError(t *testing.T) {
	s := shopSession(t)
	s.Scan = func(context.Context, func(fixes.Progress)) (*fixes.Result, error) {
		return nil, os.ErrPermission
	}
	term := newTerminal(t, 80, 24).start(t.Context(), s).wait("scan failed: permission denied")
	term.typed("q")
	if err := term.end(); !errors.Is(err, os.ErrPermission) {
		t.Errorf("Run returns %v", err)
	}
}

func TestRunColours(t *testing.T) {
	for _, plain := range []bool{false, true} {
		s := shopSession(t)
		s.NoColor = plain
		term := newTerminal(t, 100, 30).start(t.Context(), s).wait("10 findings in")
		term.typed("S").wait("4 staged").typed("p").wait("verified").typed("G").wait("patch Deployment shop/web").typed("q").wait("Quit?").typed("y")
		if err := term.end(); err != nil {
			t.Error(err)
		}
		term.mu.Lock()
		got := colour.FindString(term.raw.String())
		bold := strings.Contains(term.raw.String(), "\x1b[1m") || strings.Contains(term.raw.String(), "\x1b[1;")
		term.mu.Unlock()
		if plain && got != "" {
			t.Errorf("without colour there is %q", got)
		}
		if !plain && got == "" || !bold {
			t.Errorf("with colours %v: colour %q, bold %v", !plain, got, bold)
		}
	}
}

func TestRunNeedsAScanAndARedactor(t *testing.T) {
	s := shopSession(t)
	s.Redact = nil
	if err := Run(t.Context(), s, nil, nil); err == nil {
		t.Error("secrets would be shown")
	}
}
