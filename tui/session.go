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
	// type before a large plan is applied, or any in production.
	Context string
	// Production: the cluster is one where a slip is dear.
	Production bool
	// ConfirmAbove is the number of changes above which the context is to be
	// typed; 0 stands for [DefaultConfirmAbove].
	ConfirmAbove int
	// WhyReadOnly, when it is not empty, is why nothing is to be written to the
	// cluster: Apply, Undo and Resume are not called.
	WhyReadOnly string
	// Keys are the keys of actions, by name, as [CheckKeys] accepts them. Actions
	// that are not named have the keys that they come with.
	Keys map[string][]string
	// Namespace is the one that is looked at; empty: all of them.
	Namespace string
	// Scope says what is looked at: "all namespaces", "manifests in ./deploy".
	Scope string
	// Redact masks the secret values of an object before anything of it is
	// shown. It is required.
	Redact fixes.Redactor
	// Scan looks for findings. It reports those that it has while it goes on.
	Scan func(ctx context.Context, report func(fixes.Progress)) (*fixes.Result, error)
	// Rescan reads one object of the last scan anew, and what the rules about it
	// look at, and judges again. It is nil where objects are not read from a
	// cluster.
	Rescan func(ctx context.Context, object fixes.Ref) (fixes.Update, error)
	// Watch follows the cluster from the last scan on, until ctx ends, and reports
	// what is found then, and how the connection is. It may be nil. Watching asks
	// for it from the start.
	Watch    func(ctx context.Context, report func(fixes.Update))
	Watching bool
	// Contexts lists the names of the contexts that Switch can move to, and
	// Namespaces those of the namespaces, as far as the user may. Switch returns
	// the session for another place, or why it cannot be reached; this one stays as
	// it is. All are nil where there is no cluster.
	Contexts   func() ([]string, error)
	Namespaces func(ctx context.Context) ([]string, error)
	Switch     func(ctx context.Context, to Place) (Session, error)
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
	// Runs returns the runs that wrote to the cluster, the latest first. It is nil
	// where no record is kept.
	Runs func(ctx context.Context) ([]PastRun, error)
	// PlanUndo makes the plan that takes back a run, or what is left of it; 0
	// stands for the last apply of this session. It is nil where nothing can be
	// undone.
	PlanUndo func(ctx context.Context, run int) (RunPlan, error)
	// Undo makes the changes of that plan as Apply does.
	Undo func(ctx context.Context, run int, plan *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error
	// PlanResume finds out how far a run came that did not come to its end, and
	// Resume goes on with it. It reports on all changes of the run's plan.
	PlanResume func(ctx context.Context, run int) (RunPlan, error)
	Resume     func(ctx context.Context, run int, plan *fixes.Plan, o ApplyOptions, report func(fixes.Outcome)) error
	// FixCommand returns the command line that makes fixes without the UI, in the
	// cluster or, with dir, as files in a folder; exact says that it makes just
	// these. RunCommand returns the one that undoes or resumes a run. They may be
	// nil.
	FixCommand func(choices []fixes.Choice, canary bool, dir string) (line string, exact bool)
	RunCommand func(verb string, run int) string
	// Kept is what an earlier session on the same context and scope kept, or nil,
	// and Keep keeps this one's; an empty state keeps nothing. Keep is nil where
	// nothing can be kept.
	Kept *State
	Keep func(State) error
	// Notices are lines that are shown when the UI opens.
	Notices []string
	// Export writes a plan's changes to a folder and says what it wrote. It may
	// be nil.
	Export func(ctx context.Context, plan *fixes.Plan, dir string) (summary string, err error)
	// Command returns the command line that shows a finding's fix without the
	// UI, for copying. It may be nil.
	Command func(*fixes.Finding) string
	// Ignore writes down what the user ignores, where the next scan reads it, and
	// returns all that is ignored so, the new one last. EndIgnore takes one out
	// again. Ignores of annotations are not among them. Where nothing can be
	// written they are nil, and WhyNoIgnore says why; else IgnoreFile is the place.
	Ignore, EndIgnore       func(fixes.Ignore) ([]fixes.Ignore, error)
	IgnoreFile, WhyNoIgnore string
	// Annotate returns the command line that ignores something by annotations of
	// an object, or that ends it where there is no ignore. It is nil where no
	// command changes objects.
	Annotate func(object fixes.Ref, i *fixes.Ignore) string
	// ListCommand returns the command line that lists what the UI lists, and what
	// of that it does not say, a line each. It may be nil.
	ListCommand func(Selection) (command string, left []string)
	// StagedCommand returns the command line that shows the changes of fixes, of
	// those that are staged or some others, as ListCommand does. It may be nil.
	StagedCommand func([]fixes.Choice) (command string, left []string)
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
	// Theme says what the colours have to be read on.
	Theme Theme
	// Mouse turns the mouse on from the beginning.
	Mouse bool
	// ASCII asks for marks and lines that every font and locale has.
	ASCII bool
}

// Place is what a session looks at.
type Place struct {
	// Context is the kubeconfig's name for the cluster.
	Context string
	// Namespace is the only one to look at; empty: all of them.
	Namespace string
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
	keepIn   time.Duration // after which what was decided is kept
	// backoff is how long to wait before a server that did not answer is asked
	// for the nth time again; nil: it is not.
	backoff func(n int) time.Duration
	reveal  time.Duration // how long a secret value is shown
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
	// Thirty looks a second at most: more cannot be seen.
	o, err := s.options(time.Second/30, opts)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := newApp(ctx, s, o)
	p := tea.NewProgram(a, programOptions(s, in, out)...)
	// Quitting waits for the reading of keys to end; killing, which is what
	// Bubble Tea does by itself at the end of a context, does not.
	defer context.AfterFunc(ctx, p.Quit)()
	_, err = p.Run()
	stopped := ctx.Err() // before cancel: by whoever called
	cancel()
	a.editor.discard()
	return a.end(stopped, err)
}

// options checks a session and returns how it is run.
func (s *Session) options(interval time.Duration, opts []Option) (options, error) {
	if s.Scan == nil || s.Redact == nil {
		return options{}, errors.New("tui: a session needs Scan and Redact")
	}
	o := options{now: time.Now, animate: true, interval: interval, keepIn: time.Second / 2, backoff: fixes.Backoff, reveal: revealFor}
	for _, opt := range opts {
		opt(&o)
	}
	return o, nil
}

// end waits for what writes, and returns the error of it all: stopped is that
// of the context, and failed that of the terminal.
func (a *app) end(stopped, failed error) error {
	a.jobs.close()
	kept := a.keepAtEnd()
	if a.interrupted {
		return errors.Join(ErrInterrupted, a.jobs.applyErr(), kept)
	}
	if stopped != nil {
		return errors.Join(stopped, a.jobs.applyErr(), kept)
	}
	if failed != nil {
		return errors.Join(fmt.Errorf("terminal: %w", failed), kept)
	}
	return errors.Join(a.jobs.err(), kept)
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
