package tui

import (
	"context"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// screen is what fills the terminal.
type screen int

const (
	findingsScreen screen = iota
	planScreen
	applyScreen
	namespacesScreen
	matrixScreen
	historyScreen
)

// app is the one model of the program.
type app struct {
	session Session
	opts    options
	ctx     context.Context // of everything that commands do
	jobs    jobs
	colours colours
	styles  styles
	glyphs  glyphs

	lay    layout
	mouse  mouse
	screen screen
	// inDetail says that keys go to the right pane, or the lower one.
	inDetail bool
	overlay  overlay
	notice   notice
	editing  *filterLine // while it is typed
	typed    []string    // the filters of the session, the latest last
	// touched is set once the user has opened or closed a group.
	touched bool
	frame   int // of the spinner
	ticking bool

	scan     scan
	scans    int // counts them
	list     *list
	dec      decisions
	ignored  ignored
	keeper   keeper
	cursorAt string // the finding under the cursor before the list was emptied
	// kept are fixes to stage when their finding comes, by its fingerprint. shelf
	// holds them for the contexts that were left.
	kept  map[string]Staged
	shelf map[string]map[string]Staged
	// keptLeft is what was left out of those, and keptEdits what was edited.
	keptLeft  map[string][]fixes.Part
	keptEdits []keptEdit

	place      Place // that the session looks at
	roamed     bool  // it was another before
	moving     moving
	watch      watch
	rescanning bool
	detail     detail
	previews   previews
	context    int // index in contexts
	folded     int // the context before all was unfolded
	diffMode   diffMode
	editor     editor
	reveals    int // counts what was revealed

	net    netView
	plan   planView
	canary bool // asked for; the plan may have nothing to try
	apply  applyView
	// planning is that of an undo, or of going on with a run.
	planning planning
	history  historyView
	// applied is set when the findings are older than what was written.
	applied bool
	// saved is the version of the decisions that were applied or exported.
	saved int
	// made is the version of those that were applied.
	made int

	keys        keyMap
	interrupted bool
}

// tone is how much a notice matters.
type tone int

const (
	info tone = iota
	good
	warn
	bad
)

// notice is one line that tells what happened. The next key takes it away.
type notice struct {
	tone tone
	text string
}

func newApp(ctx context.Context, s Session, o options) *app {
	a := &app{opts: o, ctx: ctx, glyphs: unicodeGlyphs, list: newList(), kept: map[string]Staged{}, shelf: map[string]map[string]Staged{},
		keptLeft: map[string][]fixes.Part{}, colours: colours{theme: s.Theme}, mouse: mouse{on: s.Mouse}, editor: editor{run: tea.ExecProcess}}
	a.styles = newStyles(a.colours.palette())
	a.look(s)
	a.watch.on = s.Watching && s.Watch != nil
	if s.ASCII {
		a.glyphs = asciiGlyphs
	}
	a.list.renew()
	a.plan.outline, a.apply.outline = &outline{}, &outline{}
	a.keys = newKeyMap(s.Keys)
	return a
}

// look makes the app look at a session.
func (a *app) look(s Session) {
	a.place = Place{s.Context, s.Namespace}
	s.Context, s.Scope, s.WhyNoApply = fixes.Clean(s.Context), fixes.Clean(s.Scope), fixes.Clean(s.WhyNoApply)
	s.IgnoreFile, s.WhyNoIgnore = fixes.Clean(s.IgnoreFile), fixes.Clean(s.WhyNoIgnore)
	s.WhyReadOnly = fixes.Clean(s.WhyReadOnly)
	s.readOnly()
	a.session = s
}

func (a *app) say(t tone, text string) { a.notice = notice{t, text} }

// Init begins the first scan, and says what there is to say before it.
func (a *app) Init() tea.Cmd {
	a.offerKept()
	a.showNotices()
	return tea.Batch(a.startScan(), a.askBackground())
}

// Update takes a message in, measures the screen anew, and asks for what the
// screen lacks.
func (a *app) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	cmd := a.take(msg)
	held := a.takeHeld()
	a.leaveBehind()
	a.measure()
	return a, tea.Batch(cmd, held, a.lookUp(), a.lookUpNetwork(), a.keepSoon())
}

func (a *app) take(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		first := a.lay.w == 0
		a.lay.w, a.lay.h = msg.Width, msg.Height
		if first && a.scan.result != nil { // a quick scan
			a.measure()
			a.unfold()
		}
	case tea.KeyPressMsg:
		return a.onKey(msg)
	case tea.PasteMsg:
		return a.onPaste(msg)
	case tea.MouseMsg:
		return a.onMouse(msg)
	case tea.BackgroundColorMsg, tea.ColorProfileMsg:
		a.onColours(msg)
	case tick:
		return a.onTick()
	case scanReport:
		return a.onScanReport(msg)
	case scanDone:
		return a.onScanDone(msg)
	case retryScan:
		return a.onRetryScan(msg)
	case watchReport:
		return a.onWatchReport(msg)
	case watchEnded:
		a.onWatchEnded(msg)
	case freshOver:
		a.onFreshOver()
	case rescanned:
		return a.onRescanned(msg)
	case contextsRead:
		a.onContextsRead(msg)
	case namespacesRead:
		a.onNamespacesRead(msg)
	case moved:
		return a.onMoved(msg)
	case previewDone:
		a.previews.done(msg)
	case ignoreDone:
		return a.onIgnoreDone(msg)
	case netDone:
		a.onNetDone(msg)
	case planDone:
		return a.onPlanDone(msg)
	case planDiff:
		a.plan.onDiff(msg)
	case checkReport:
		return a.onCheckReport(msg)
	case checkDone:
		a.onCheckDone(msg)
	case exportDone:
		a.onExportDone(msg)
	case editReady:
		return a.onEditReady(msg)
	case editorClosed:
		return a.onEditorClosed(msg)
	case editRead:
		return a.onEditRead(msg)
	case objectShown:
		a.onObjectShown(msg)
	case revealed:
		return a.onRevealed(msg)
	case revealOver:
		a.onRevealOver(msg)
	case applyReport:
		return a.onApplyReport(msg)
	case applyDone:
		a.onApplyDone(msg)
	case runPlanned:
		a.onRunPlanned(msg)
	case runsRead:
		a.onRunsRead(msg)
	case keepDue:
		return a.onKeepDue()
	case keepDone:
		a.onKeepDone(msg)
	}
	return nil
}

func (a *app) onKey(msg tea.KeyPressMsg) tea.Cmd {
	key := msg.String()
	if key == interruptKey {
		return a.interrupt()
	}
	if r, ok := a.overlay.(*reveal); ok && r.value != nil {
		a.forgetRevealed()
		if key != suspendKey {
			return nil
		}
	}
	if key == suspendKey && !a.apply.running { // an apply must not stand still
		return tea.Suspend
	}
	a.notice = notice{}
	switch {
	case a.overlay != nil:
		return a.overlay.update(a, msg)
	case a.editing != nil:
		a.editFilter(msg)
		return nil
	}
	return a.press(key)
}

func (a *app) onPaste(msg tea.PasteMsg) tea.Cmd {
	switch {
	case a.overlay != nil:
		return a.overlay.update(a, msg)
	case a.editing != nil:
		a.editFilter(msg)
	}
	return nil
}

// lookUp asks for what the screen shows and the model does not have yet.
func (a *app) lookUp() tea.Cmd {
	switch a.screen {
	case findingsScreen:
		return a.lookUpPreview()
	case planScreen:
		return tea.Batch(a.lookUpPlanDiff(), a.lookUpCheck())
	}
	return nil
}

// leaveBehind ends what only a screen that was left has asked for.
func (a *app) leaveBehind() {
	if a.screen != planScreen {
		a.plan.check.leave()
	}
	if a.screen != applyScreen && a.screen != historyScreen {
		a.planning.drop()
	}
}

// measure fits the parts of the screen to its size and to what they hold, so
// that View has nothing to work out.
func (a *app) measure() {
	a.lay.fit(a.screen, a.inDetail)
	if a.lay.w < 1 || a.lay.h < 1 {
		return
	}
	switch a.screen {
	case findingsScreen:
		a.list.scroll.size(len(a.list.rows), a.lay.left.h)
		a.list.marks.settle(a.list)
		a.measureDetail()
	case planScreen:
		a.measurePlan()
	case applyScreen:
		a.measureApply()
	case namespacesScreen:
		a.measureNamespaces()
	case matrixScreen:
		a.measureMatrix()
	case historyScreen:
		a.measureHistory()
	}
}

// View draws the screen.
func (a *app) View() tea.View {
	lines := a.lines()
	for i := range lines {
		lines[i] = contain(lines[i])
	}
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	if a.mouse.on {
		v.MouseMode = tea.MouseModeCellMotion
	}
	v.WindowTitle = join(" ", "kubectl harden", a.session.Context)
	return v
}

// busy reports whether something goes on that takes time.
func (a *app) busy() bool {
	return a.scan.running || a.rescanning || a.moving.cancel != nil || a.waiting() || a.net.making || a.plan.composing || a.plan.check.running || a.apply.running || a.planning.running() || a.history.reading
}

// waiting reports whether a server that does not answer is to be tried again.
func (a *app) waiting() bool { return !a.scan.retry.IsZero() && !a.scan.running || a.watch.lost != nil }

type tick struct{}

const tickEvery = 120 * time.Millisecond

// animate keeps the spinner turning while something goes on.
func (a *app) animate() tea.Cmd {
	if !a.opts.animate || a.ticking || !a.busy() {
		return nil
	}
	a.ticking = true
	return tea.Tick(tickEvery, func(time.Time) tea.Msg { return tick{} })
}

func (a *app) onTick() tea.Cmd {
	a.ticking = false
	a.frame++
	return a.animate()
}

func (a *app) spinner() string {
	if !a.opts.animate {
		return ""
	}
	return a.glyphs.spinner[a.frame%len(a.glyphs.spinner)]
}
