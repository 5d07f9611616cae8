package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// historyView is the list of the runs that wrote to the cluster.
type historyView struct {
	number  int // counts how often they were read
	reading bool
	runs    []PastRun
	err     error
	scroll  scroller
	from    screen // to which esc goes back
}

// historyKey opens the history from other screens.
func historyKey() binding {
	return binding{action: "history.open", keys: []string{"H"}, help: "the runs that wrote to this cluster, to undo or resume them", group: toLook,
		off: (*app).noHistory, run: (*app).openHistory}
}

func (a *app) noHistory() string {
	switch {
	case a.session.Runs == nil:
		return "there is no history here: no record is kept"
	case a.apply.running:
		return "the plan is being " + a.apply.doing()
	}
	return ""
}

type runsRead struct {
	number int
	runs   []PastRun
	err    error
}

func (a *app) openHistory() tea.Cmd {
	h := &a.history
	h.from, a.screen, a.inDetail = a.screen, historyScreen, false
	h.number, h.reading = h.number+1, true
	number, ctx, read := h.number, a.ctx, a.session.Runs
	return tea.Batch(func() tea.Msg {
		runs, err := read(ctx)
		for i := range runs {
			runs[i].clean()
		}
		return runsRead{number, runs, err}
	}, a.animate())
}

// clean makes what a journal says safe to show: a file is as hostile as a
// cluster.
func (r *PastRun) clean() {
	r.State, r.WhyNotUndone, r.WhyNotResumed = fixes.Clean(r.State), fixes.Clean(r.WhyNotUndone), fixes.Clean(r.WhyNotResumed)
	for i := range r.Changes {
		c := &r.Changes[i]
		c.Action, c.Object = fixes.Action(fixes.Clean(string(c.Action))), fixes.Clean(c.Object)
		c.State, c.Detail = fixes.Clean(c.State), fixes.CleanLines(c.Detail)
		for j := range c.Rules {
			c.Rules[j] = fixes.Clean(c.Rules[j])
		}
	}
}

func (a *app) onRunsRead(msg runsRead) {
	h := &a.history
	if msg.number != h.number {
		return
	}
	h.reading, h.runs, h.err = false, msg.runs, msg.err
	h.scroll.n = len(h.runs)
	h.scroll.to(h.scroll.cursor)
}

// current returns the run under the cursor.
func (h *historyView) current() (*PastRun, bool) {
	if h.scroll.cursor >= len(h.runs) {
		return nil, false
	}
	return &h.runs[h.scroll.cursor], true
}

// historyKeys are the keys of the history.
func historyKeys() []binding {
	do := func(f func(*app)) func(*app) tea.Cmd {
		return func(a *app) tea.Cmd { f(a); return nil }
	}
	on := func(verb runVerb) func(*app) tea.Cmd {
		return func(a *app) tea.Cmd {
			r, _ := a.history.current()
			return a.planRun(verb, r.Number)
		}
	}
	list := []binding{
		{action: "history.undo", keys: []string{"u"}, short: "undo", help: "undo the run", group: toAct, asks: "y",
			off: func(a *app) string { return a.cannotDoRun(func(r *PastRun) string { return r.WhyNotUndone }) }, run: on(toUndo)},
		{action: "history.resume", keys: []string{"r"}, short: "resume", help: "go on with a run that did not come to its end", group: toAct, asks: "y",
			off: func(a *app) string {
				if a.session.PlanResume == nil && a.session.WhyReadOnly == "" {
					return "nothing can be resumed here"
				}
				return a.cannotDoRun(func(r *PastRun) string { return r.WhyNotResumed })
			}, run: on(toResume)},
		{action: "history.details", keys: []string{"enter", "right", "l"}, short: "details", help: "to the details", group: toMove,
			run: do(func(a *app) { a.inDetail = true })},
		{action: "history.list", keys: []string{"left", "h"}, label: "left, h", help: "back to the list", group: toMove,
			run: do(func(a *app) { a.inDetail = false })},
		{action: "history.back", keys: []string{"esc"}, short: "back", help: "back to where you came from", group: toMove, run: do((*app).leaveHistory)},
	}
	return append(append(moves(), list...), leave()...)
}

// cannotDoRun says why something cannot be done with the run under the cursor.
func (a *app) cannotDoRun(why func(*PastRun) string) string {
	r, ok := a.history.current()
	switch {
	case a.history.reading:
		return "the journals are being read"
	case !ok:
		return "no run is listed"
	case a.cannotWriteRuns() != "":
		return a.cannotWriteRuns()
	case r.Err != nil:
		return "its journal cannot be read"
	}
	return why(r)
}

func (a *app) leaveHistory() {
	if a.inDetail {
		a.inDetail = false
		return
	}
	a.screen = a.history.from
	if a.screen == planScreen && a.cannotPlan() != "" {
		a.screen = findingsScreen
	}
}

// historyPanes draws the runs and what the one under the cursor did.
func (a *app) historyPanes() (left, right pane, status string) {
	h := &a.history
	left, right = pane{title: "runs"}, a.detailPane()
	w := a.lay.left.w
	switch {
	case h.err != nil:
		left.lines = append([]string{""}, indent(wrap("The journals cannot be read: "+fixes.CleanLines(h.err.Error()), max(w-2, 1)))...)
	case h.reading && len(h.runs) == 0:
		left.lines = []string{"", " Reading the journals."}
	case len(h.runs) == 0:
		left.lines = append([]string{""}, indent(wrap("No run has written to this cluster from here yet.", max(w-2, 1)))...)
	default:
		if len(h.runs) > h.scroll.h {
			left.note = fmt.Sprintf("%d/%d", h.scroll.cursor+1, len(h.runs))
		}
		from, to := h.scroll.window()
		for i := from; i < to; i++ {
			left.lines = append(left.lines, a.runRow(&h.runs[i], w, i == h.scroll.cursor))
		}
	}
	return left, right, a.styles.faint.Render(plural(len(h.runs), "run"))
}

func (a *app) runRow(r *PastRun, w int, cursor bool) string {
	mark, style := a.runMark(r)
	left := []cell{{text: mark + " ", style: style}, {text: fmt.Sprintf("%-4d ", r.Number), style: a.styles.bold}}
	if r.Err != nil {
		return a.drawRow(left, []cell{{text: "unreadable ", style: style}}, w, cursor)
	}
	left = append(left, cell{text: fmt.Sprintf("%-13s ", ago(a.opts.now().Sub(r.Started))), style: a.styles.faint}, cell{text: r.what()})
	return a.drawRow(left, []cell{{text: " " + r.stands() + " ", style: style}}, w, cursor)
}

// what says what a run does.
func (r *PastRun) what() string {
	switch {
	case r.Trial:
		return plural(len(r.Changes), "workload") + " tried"
	case r.Undoes > 0:
		return fmt.Sprintf("undo of %d, %s", r.Undoes, plural(len(r.Changes), "change"))
	}
	return plural(len(r.Changes), "change")
}

// stands says how a run stands.
func (r *PastRun) stands() string {
	if r.UndoneBy > 0 {
		return fmt.Sprintf("undone by %d", r.UndoneBy)
	}
	return r.State
}

// runMark returns the mark and the look of how a run stands.
func (a *app) runMark(r *PastRun) (string, pen) {
	switch {
	case r.Err != nil:
		return "?", a.styles.bad
	case r.UndoneBy > 0:
		return a.glyphs.back, a.styles.faint
	case r.WhyNotResumed == "":
		return "!", a.styles.warn
	case r.Made == len(r.Changes):
		return a.glyphs.staged, a.styles.good
	}
	return a.glyphs.dot, a.styles.faint
}

func (a *app) measureHistory() {
	h := &a.history
	h.scroll.size(len(h.runs), a.lay.left.h)
	w := a.lay.right.w
	type from struct {
		number, row, w int
		reading        bool
	}
	r, ok := h.current()
	a.detail.set([2]any{historyScreen, h.scroll.cursor}, from{h.number, h.scroll.cursor, w, h.reading}, a.lay.right.h, func() (string, []string) {
		if !ok {
			return "", nil
		}
		return fmt.Sprintf("run %d", r.Number), a.runDetail(r, w)
	})
}

// runDetail writes what a run did, change by change, and what is left of it.
func (a *app) runDetail(r *PastRun, w int) []string {
	if r.Err != nil {
		return wrap(a.styles.bad.Render("Its journal cannot be read: ")+fixes.CleanLines(r.Err.Error()), w)
	}
	left := 0
	for i := range r.Changes {
		if r.Changes[i].Left {
			left++
		}
	}
	var out []string
	for _, fact := range [][2]string{
		{"began", r.Started.Local().Format("2006-01-02 15:04:05")},
		{"state", r.State + when(r.UndoneBy > 0, fmt.Sprintf(", undone by run %d", r.UndoneBy))},
		{"undoes", when(r.Undoes > 0, fmt.Sprintf("run %d", r.Undoes))},
		{"made", fmt.Sprintf("%d of %s", r.Made, plural(len(r.Changes), "change"))},
		{"left", when(left > 0 && !r.Trial, plural(left, "change"))},
		{"undo", a.mayDo(r.WhyNotUndone, toUndo, r.Number)},
		{"resume", a.mayDo(r.WhyNotResumed, toResume, r.Number)},
	} {
		out = append(out, a.fact(fact[0], fact[1], w)...)
	}
	out = append(out, "")
	for i := range r.Changes {
		c := &r.Changes[i]
		mark, style := a.glyphs.dot, a.styles.faint
		switch {
		case c.Made:
			mark, style = a.glyphs.staged, a.styles.good
		case c.Left && c.State != "not attempted":
			mark, style = "!", a.styles.warn
		}
		out = append(out, hang(style.Render(mark+" "), string(c.Action)+" "+c.Object+": "+style.Render(c.State), w)...)
		if c.Detail != "" {
			out = append(out, hang("  ", a.styles.faint.Render(firstLine(c.Detail)), w)...)
		}
		if len(c.Rules) > 0 {
			out = append(out, hang("  ", a.styles.faint.Render("closes "+strings.Join(c.Rules, ", ")), w)...)
		}
	}
	return out
}

// mayDo says how something is done with a run, or why not.
func (a *app) mayDo(why string, verb runVerb, run int) string {
	switch {
	case why != "":
		return "no: " + why
	case a.session.WhyReadOnly != "":
		return "no: " + a.session.WhyReadOnly
	}
	key, _ := a.keys.key(historyScreen, string(verb))
	return join(", or ", key, a.runCommand(verb, run))
}
