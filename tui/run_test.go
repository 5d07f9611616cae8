//go:build !windows

package tui

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/testdata/terminal"
)

// newTerminal returns a terminal, with an environment that says no more of it.
func newTerminal(t *testing.T, w, h int) *terminal.Terminal {
	t.Helper()
	for _, v := range []string{"NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TMUX", "SSH_TTY", "TERM_PROGRAM", "WT_SESSION"} {
		if _, ok := os.LookupEnv(v); ok {
			t.Setenv(v, "") // puts it back at the end
			if err := os.Unsetenv(v); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Setenv("TERM", "xterm-256color")
	return terminal.New(t, w, h)
}

// onTerminal runs the UI on a terminal of a given size.
func onTerminal(ctx context.Context, t *testing.T, w, h int, s Session, opts ...Option) *terminal.Terminal {
	t.Helper()
	term := newTerminal(t, w, h)
	go func() { term.Ended <- Run(ctx, s, term.TTY, term.TTY, opts...) }()
	return term
}

// TestRun is the whole way: the catalogue's rules on a shop, all safe fixes,
// the plan, the apply, the next scan.
func TestRun(t *testing.T) {
	s := shopSession(t)
	inv := shopInventory(t)
	s.Scan, s.Apply = scanOf(func() *fixes.Inventory { return inv }, catalog.Rules()), applyAll(inv)
	term := onTerminal(t.Context(), t, 120, 40, s, WithoutAnimation(), WithClock(time.Now)).Wait("prod · all namespaces", "findings in")
	term.Type("/sa-token-automounted").Wait("/ sa-token-automounted").Type("\r").Wait("? help").Type("\x1b").Wait("by rule, worst first ─")
	term.Type("S").Wait("safe; u undoes")
	term.Type("p").Wait("verified", "the whole plan", "restart")
	term.Type("a").Wait("Apply to prod?")
	if strings.Contains(term.Text(), "Type prod") {
		term.Type("prod\r")
	} else {
		term.Type("y")
	}
	term.Wait("done in")
	term.Type("r").Wait("findings in", "0 staged")
	term.Type("q")
	if err := term.End(); err != nil {
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
	term := onTerminal(t.Context(), t, 140, 40, s, WithoutAnimation()).Wait("findings in")
	term.Type("N").Wait("namespaces", "market").Type("\r").Wait("who connects to whom", "open now")
	term.Type("o").Wait("proven").Type("j ").Wait("cut by you", "--cut market/catalogue:market/catalogue-db:3306")
	term.Type("s").Wait("1 staged").Type("p").Wait("verified", "default-deny").Type("a").Wait("Apply to prod?")
	if strings.Contains(term.Text(), "Type prod") {
		term.Type("prod\r")
	} else {
		term.Type("y")
	}
	term.Wait("done in")
	denied, cut := false, true
	for _, p := range fixes.Objects[*networkingv1.NetworkPolicy](inv, "market") {
		denied = denied || p.Name == "default-deny"
		cut = cut && (p.Name != "allow-catalogue-db" || len(p.Spec.Ingress) == 0)
	}
	if !denied || !cut {
		t.Errorf("denied %v, cut %v", denied, cut)
	}
	term.Type("r").Wait("findings in").Type("N").Wait("closed")
	term.Type("q")
	if err := term.End(); err != nil {
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
	term := onTerminal(t.Context(), t, 120, 30, s).Wait("10 findings in")
	term.Type("S").Wait("4 staged").Type("p").Wait("accepted by the server").Type("a").Wait("y apply").Type("y").Wait("1 of 3 pods replaced", "wave 2/2")
	term.Type("s").Wait("y after this wave").Type("y").Wait("3 applied", "r scans again, u undoes it")
	term.Type("u").Wait("Undo in prod?", "2 patched · 1 deleted").Type("y").Wait("3 undone").Type("r").Wait("findings in")
	term.Type("q")
	if err := term.End(); err != nil {
		t.Error(err)
	}
}

func TestRunMoves(t *testing.T) {
	s := shopSession(t)
	s.Scan = func(ctx context.Context, _ func(fixes.Progress)) (*fixes.Result, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	term := onTerminal(t.Context(), t, 80, 24, s)
	for _, frame := range unicodeGlyphs.spinner[:3] {
		term.Wait("scanning " + frame)
	}
	term.Type("q")
	if err := term.End(); err != nil {
		t.Error(err)
	}
	term = onTerminal(t.Context(), t, 80, 24, s, WithoutAnimation()).Wait("scanning").Type("q")
	if err := term.End(); err != nil {
		t.Error(err)
	}
	for _, frame := range unicodeGlyphs.spinner {
		if strings.Contains(term.Raw(), frame) {
			t.Errorf("%s moves without animation", frame)
		}
	}
}

func TestRunResizes(t *testing.T) {
	term := onTerminal(t.Context(), t, 120, 40, shopSession(t)).Wait("10 findings in")
	for _, size := range [][2]int{{40, 12}, {20, 5}, {100, 30}} {
		term.Resize(size[0], size[1])
		if err := syscall.Kill(os.Getpid(), syscall.SIGWINCH); err != nil {
			t.Fatal(err)
		}
		if size[0] == 20 {
			continue
		}
		term.Wait("? help", map[int]string{40: "harden  prod", 100: "all namespaces"}[size[0]])
	}
	term.Type("q")
	if err := term.End(); err != nil {
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
	term := onTerminal(t.Context(), t, 80, 24, s).Wait("scanning", "env-secret")
	<-began
	term.Type("\x03")
	if err := term.End(); !errors.Is(err, ErrInterrupted) {
		t.Errorf("Run returns %v", err)
	}
}

func TestRunInterruptedBySignal(t *testing.T) {
	term := onTerminal(t.Context(), t, 80, 24, shopSession(t)).Wait("10 findings in")
	if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := term.End(); !errors.Is(err, ErrInterrupted) {
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
	term := onTerminal(t.Context(), t, 100, 30, s).Wait("10 findings in")
	term.Type("S").Wait("4 staged").Type("p").Wait("verified").Type("a").Wait("y apply").Type("y").Wait("1 applied", "2 pending")
	term.Type("\x03").Wait("Stop, and quit?").Type("\x03")
	if err := term.End(); !errors.Is(err, ErrInterrupted) || !errors.Is(err, partly) {
		t.Errorf("Run returns %v", err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	term := onTerminal(ctx, t, 80, 24, shopSession(t)).Wait("10 findings in")
	cancel()
	if err := term.End(); !errors.Is(err, context.Canceled) || errors.Is(err, ErrInterrupted) {
		t.Errorf("Run returns %v", err)
	}
}

func TestRunReturnsTheScansError(t *testing.T) {
	s := shopSession(t)
	s.Scan = func(context.Context, func(fixes.Progress)) (*fixes.Result, error) {
		return nil, os.ErrPermission
	}
	term := onTerminal(t.Context(), t, 80, 24, s).Wait("scan failed: permission denied")
	term.Type("q")
	if err := term.End(); !errors.Is(err, os.ErrPermission) {
		t.Errorf("Run returns %v", err)
	}
}

func TestRunColours(t *testing.T) {
	for _, plain := range []bool{false, true} {
		s := shopSession(t)
		s.NoColor = plain
		term := onTerminal(t.Context(), t, 100, 30, s).Wait("10 findings in")
		term.Type("S").Wait("4 staged").Type("p").Wait("verified").Type("G").Wait("patch Deployment shop/web").Type("q").Wait("Quit?").Type("y")
		if err := term.End(); err != nil {
			t.Error(err)
		}
		raw := term.Raw()
		got := colour.FindString(raw)
		bold := strings.Contains(raw, "\x1b[1m") || strings.Contains(raw, "\x1b[1;")
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
