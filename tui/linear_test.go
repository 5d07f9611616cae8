package tui

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// linearly runs the program without a screen on lines, and returns what it
// writes.
func linearly(t testing.TB, s Session, lines ...string) (string, error) {
	t.Helper()
	return linearlyAs(t, s, func(*options) {}, lines...)
}

// rarely leaves out what is told in between, which depends on how long it takes.
func rarely(o *options) { o.interval = time.Hour }

func linearlyAs(t testing.TB, s Session, as Option, lines ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	clock := WithClock(func() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC) })
	err := RunLinear(t.Context(), s, strings.NewReader(strings.Join(lines, "\n")+"\n"), &out, clock, as)
	for _, not := range []string{"\x1b", "\r", "plaintext", "\u202e"} {
		if strings.Contains(out.String(), not) {
			t.Errorf("%q is written:\n%s", not, out.String())
		}
	}
	return out.String(), err
}

// wrote demands texts, in this order.
func wrote(t testing.TB, out string, texts ...string) {
	t.Helper()
	rest := out
	for _, want := range texts {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("no %q (in this order) in:\n%s", want, out)
		}
		rest = after
	}
}

func TestLinear(t *testing.T) {
	s := shopSession(t)
	scan := s.Scan
	// How far a scan is whenever it is asked is another each time; see
	// TestLinearTellsHowFarAScanIs.
	s.Scan = func(ctx context.Context, _ func(fixes.Progress)) (*fixes.Result, error) {
		return scan(ctx, func(fixes.Progress) {})
	}
	out, err := linearlyAs(t, s, rarely,
		"2", "1", "stage", "back", "details", "stage 5", "plan", "1", "apply", "y", "r", "quit")
	if err != nil {
		t.Error(err)
	}
	golden.RequireEqual(t, out)
}

// seen is a writer that tells when a text was written.
type seen struct {
	all  strings.Builder
	text string
	done chan struct{}
}

func (s *seen) Write(p []byte) (int, error) {
	before := strings.Contains(s.all.String(), s.text)
	n, err := s.all.Write(p)
	if !before && strings.Contains(s.all.String(), s.text) {
		close(s.done)
	}
	return n, err
}

// TestLinearTellsHowFarAScanIs has a scan that ends once its progress was told.
func TestLinearTellsHowFarAScanIs(t *testing.T) {
	out := &seen{text: "scanned 9/14 kinds, 0 findings\n", done: make(chan struct{})}
	s := shopSession(t)
	scan := s.Scan
	s.Scan = func(ctx context.Context, report func(fixes.Progress)) (*fixes.Result, error) {
		report(fixes.Progress{Kinds: 14, Loaded: 9})
		select {
		case <-out.done:
		case <-time.After(2 * time.Minute):
			t.Error("it is not told while the scan goes on")
		}
		return scan(ctx, func(fixes.Progress) {})
	}
	if err := RunLinear(t.Context(), s, strings.NewReader("quit\n"), out); err != nil {
		t.Error(err)
	}
	wrote(t, out.all.String(), out.text, "10 findings")
}

func TestLinearCommands(t *testing.T) {
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"all safe by its key, word and first word", []string{"S", "u", "all safe", "undo", "unstage"},
			[]string{"staged 4 safe; u undoes", "4 staged", "undone: staged 4 safe", "0 staged", "staged 4 safe", "undone", "nothing is staged"}},
		{"numbers with a command", []string{"2", "stage 1 3", "space 3", "list"},
			[]string{"env-secret, high, 3 findings", "2 staged", "1 staged", "1. pay/api Deployment, review, staged", "env[2].value, safe"}},
		{"a number that is not there", []string{"12", "stage 0"}, []string{"the list has no number 12", "the list has no number 0"}},
		{"no command", []string{"dance", "apply"}, []string{`"dance" is no command here; ? lists them`, `"apply" is no command here`}},
		{"not now", []string{"plan"}, []string{"nothing is staged: space stages a fix, S all safe ones"}},
		{"filter", []string{"/pay", "filter", "filter shop !env"}, []string{"the filter pay leaves", "10 findings by rule", "the filter shop !env leaves"}},
		{"group", []string{"group", "1"}, []string{"10 findings by namespace", "1. "}},
		{"help", []string{"?"}, []string{"N: open number N", "stage or space: stage or unstage", "undo or u: undo the last decision (not now: nothing to undo)"}},
		{"other fix", []string{"env-secret", "2", "1", "f", "details"}, []string{`"env-secret" is no command`, "fix 1 of 3", "fix 2 of 3"}},
		{"leave out", []string{"S", "p", "leave out 1"}, []string{"the plan: verified", "1. create Secret shop/web-env", "left out Secret shop/web-env", "the plan: verified", "1. patch"}},
		{"export proposes a folder", []string{"S", "export", ""}, []string{"> ./harden-fixes", "3 files written to ./harden-fixes"}},
		{"export to another", []string{"S", "export", "out"}, []string{"3 files written to out"}},
		{"no export", []string{"S", "export", "back", "plan"}, []string{"Export the plan", "the plan: verified"}},
		{"apply and undo", []string{"S", "p", "a", "yes", "u", "y"},
			[]string{"Apply to prod?", "applied Secret shop/web-env: server says ok", "done in", "Undo in prod?", "undone Secret shop/web-env"}},
		{"apply refused", []string{"S", "p", "a", "no", "a", "", "a", "maybe"}, []string{"Apply to prod?", "Apply to prod?", "Apply to prod?", `"maybe" is no answer`}},
		{"quit asks", []string{"S", "quit", "no", "quit", "y"}, []string{"4 fixes staged, neither applied nor exported", "4 fixes staged"}},
		{"the end of the input", []string{"S"}, []string{"the input has ended: 4 staged fixes neither applied nor exported"}},
		{"a rescan lists anew", []string{"2", "r"}, []string{"env-secret, high, 3 findings", "10 findings by rule", "1. privileged, critical"}},
		{"network", []string{"N"}, []string{"the rule network-no-default-deny was not asked for"}},
		{"empty lines", []string{"", ""}, []string{"a number opens what has it"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := linearly(t, shopSession(t), c.lines...)
			if err != nil {
				t.Error(err)
			}
			wrote(t, out, c.want...)
		})
	}
}

func TestLinearNetwork(t *testing.T) {
	out, err := linearly(t, networkSession(t, market), "N", "1", "2", "space", "back", "back", "quit", "y")
	if err != nil {
		t.Error(err)
	}
	wrote(t, out, "namespaces", "1. ", "open now", "1. ", "cut", "namespaces", "findings by rule")
}

// TestLinearTypesTheContext demands the word that the screen demands: a wrong
// one does nothing, and takes the question away.
func TestLinearTypesTheContext(t *testing.T) {
	sweep(t)
	for word, applies := range map[string]bool{"prod": true, "y": false, "": false, "pro": false} {
		s := manySession(many())
		applied := false
		s.Apply = func(context.Context, *fixes.Plan, ApplyOptions, func(fixes.Outcome)) error {
			applied = true
			return nil
		}
		out, err := linearly(t, s, "S", "p", "a", word, "list")
		wrote(t, out, "Type prod and press enter:")
		if err != nil || applied != applies {
			t.Errorf("%q: applied %v, error %v", word, applied, err)
		}
		if strings.Count(out, "\n") > 300 {
			t.Errorf("%d lines are written", strings.Count(out, "\n"))
		}
	}
}

func TestLinearErrors(t *testing.T) {
	s := shopSession(t)
	s.Scan = func(context.Context, func(fixes.Progress)) (*fixes.Result, error) {
		return nil, errors.New("no route to host")
	}
	out, err := linearly(t, s)
	if err == nil || err.Error() != "no route to host" {
		t.Errorf("the error is %v", err)
	}
	wrote(t, out, "scan failed: no route to host")
	if err := RunLinear(t.Context(), shopSession(t), strings.NewReader(""), failsToWrite{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("writing fails with %v", err)
	}
	s.Redact = nil
	if err := RunLinear(t.Context(), s, strings.NewReader(""), io.Discard); err == nil {
		t.Error("secrets would be shown")
	}
}

type failsToWrite struct{}

func (failsToWrite) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestLinearEndsWithItsContext demands that it ends while it waits for a line,
// and while it applies.
func TestLinearEndsWithItsContext(t *testing.T) {
	for _, lines := range []string{"", "S\np\na\ny\n"} {
		ctx, cancel := context.WithCancel(t.Context())
		s := shopSession(t)
		s.Apply = func(ctx context.Context, _ *fixes.Plan, _ ApplyOptions, _ func(fixes.Outcome)) error {
			cancel()
			<-ctx.Done()
			return errors.New("applied in part")
		}
		in, typed := io.Pipe()
		go func() {
			_, _ = io.WriteString(typed, lines)
			if lines == "" {
				cancel()
			}
		}()
		err := RunLinear(ctx, s, in, io.Discard)
		if !errors.Is(err, context.Canceled) || lines != "" && !strings.Contains(err.Error(), "applied in part") {
			t.Errorf("%q ends with %v", lines, err)
		}
		typed.Close()
	}
}
