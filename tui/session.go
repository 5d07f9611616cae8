package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Session is what the terminal UI needs from the outside. Its functions are
// called from goroutines of their own, one at a time each, and must return
// soon after their context is cancelled.
type Session struct {
	// Context names the cluster ("prod"). It is shown, and it is the word to
	// type before a large plan is applied.
	Context string
	// Scope says what is looked at: "all namespaces", "manifests in ./deploy".
	Scope string
	// Redact masks the secret values of an object before anything of it is
	// shown. It is required.
	Redact fixes.Redactor
	// Scan looks for findings. It reports those that it has while it goes on.
	Scan func(ctx context.Context, report func(fixes.Progress)) (*fixes.Result, error)
	// Check asks the server about every change of a plan without writing, and
	// reports each answer: fixes.Checked with its warnings, fixes.Failed where
	// it refuses, fixes.Stale. It is nil where there is no server to ask.
	Check func(ctx context.Context, plan *fixes.Plan, report func(fixes.Outcome)) error
	// WaveSize is how many workloads a wave has, as [fixes.Waves] takes it. When
	// it is 0, a wave has all of a namespace.
	WaveSize int
	// Apply makes a plan's changes in the cluster, wave by wave, and reports what
	// becomes of each. It is nil where there is no cluster to apply to;
	// WhyNoApply then says so.
	Apply      func(ctx context.Context, plan *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error
	WhyNoApply string
	// CanaryRisks says, a line for each workload whose copy would act by itself,
	// what that copy could do. It is shown before an apply with canary is
	// agreed to, and may be nil.
	CanaryRisks func(plan *fixes.Plan) []string
	// PlanUndo makes the plan that takes back the last apply of this session, or
	// what is left of it, and says which fields it leaves since others have
	// changed them, a line each. It is nil where nothing can be undone.
	PlanUndo func(ctx context.Context) (plan *fixes.Plan, left []string, err error)
	// Undo makes the changes of that plan as Apply does.
	Undo func(ctx context.Context, plan *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error
	// Export writes a plan's changes to a folder and says what it wrote. It may
	// be nil.
	Export func(ctx context.Context, plan *fixes.Plan, dir string) (summary string, err error)
	// Command returns the command line that shows a finding's fix without the
	// UI, for copying. It may be nil.
	Command func(*fixes.Finding) string
	// Reveal returns a value that Redact masks in the object of a change, at a
	// path of [fixes.Change.Hidden], for a user who asked to see it. It may be nil.
	Reveal func(c fixes.Change, path string) (string, error)
	// Decide is told, at once, what the user has decided about connections, so
	// that the next scan knows it. It may be nil.
	Decide func([]fixes.Decision)
	// NetworkCommand returns the command line that shows the network policies as
	// the user has decided, for copying. It may be nil.
	NetworkCommand func() string
	// NoColor asks for a screen without colours; bold and reverse stay.
	NoColor bool
	// ASCII asks for marks and lines that every font and locale has.
	ASCII bool
}

// ApplyOptions say how a plan is applied.
type ApplyOptions struct {
	// Canary tries the fixes to review on a copy of a pod first.
	Canary bool
	// Stop is closed when no wave is to begin any more. What is under way goes on
	// to its end.
	Stop <-chan struct{}
}

// ErrInterrupted is returned by [Run] when ctrl+c or SIGINT ended it.
var ErrInterrupted = errors.New("interrupted")

// An Option changes how [Run] runs, mostly for tests.
type Option func(*options)

type options struct {
	now      func() time.Time
	animate  bool          // spinner and running clocks
	interval time.Duration // between two looks at what a scan or apply reported
	reveal   time.Duration // how long a secret value is shown
}

// WithClock replaces the clock that elapsed times are taken from.
func WithClock(now func() time.Time) Option { return func(o *options) { o.now = now } }

// WithoutAnimation turns off everything that moves by itself.
func WithoutAnimation() Option { return func(o *options) { o.animate = false } }

// Run shows the terminal UI until the user leaves it or ctx ends, and returns
// after everything that writes has stopped. It returns the error of the last
// scan, or of the last apply or undo, when that failed, [ErrInterrupted] (joined
// with the error of an apply it broke off), or the error of ctx.
func Run(ctx context.Context, s Session, in io.Reader, out io.Writer, opts ...Option) error {
	if s.Scan == nil || s.Redact == nil {
		return errors.New("tui: a session needs Scan and Redact")
	}
	// Thirty looks a second at most: more cannot be seen.
	o := options{now: time.Now, animate: true, interval: time.Second / 30, reveal: revealFor}
	for _, opt := range opts {
		opt(&o)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := newApp(ctx, s, o)
	p := tea.NewProgram(a, programOptions(s, in, out)...)
	// Quitting waits for the reading of keys to end; killing, which is what
	// Bubble Tea does by itself at the end of a context, does not.
	defer context.AfterFunc(ctx, p.Quit)()
	_, err := p.Run()
	stopped := ctx.Err() // before cancel: by whoever called
	cancel()
	a.editor.discard()
	a.jobs.close()
	if a.interrupted {
		return errors.Join(ErrInterrupted, a.jobs.applyErr())
	}
	if stopped != nil {
		return errors.Join(stopped, a.jobs.applyErr())
	}
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	return a.jobs.err()
}

func programOptions(s Session, in io.Reader, out io.Writer) []tea.ProgramOption {
	list := []tea.ProgramOption{tea.WithInput(in), tea.WithOutput(out), tea.WithFilter(interruptQuits)}
	if s.NoColor {
		list = append(list, tea.WithColorProfile(min(colorprofile.Detect(out, os.Environ()), colorprofile.ASCII)))
	}
	return list
}

// interruptQuits makes SIGINT quit as ctrl+c does.
func interruptQuits(m tea.Model, msg tea.Msg) tea.Msg {
	if _, ok := msg.(tea.InterruptMsg); ok {
		m.(*app).interrupted = true
		return tea.QuitMsg{}
	}
	return msg
}
