package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// stateMark returns the mark and the look of a state.
func (a *app) stateMark(s fixes.State) (string, pen) {
	switch s {
	case fixes.Applied:
		return a.glyphs.staged, a.styles.good
	case fixes.Unchanged:
		return "=", a.styles.good
	case fixes.Failed:
		return "x", a.styles.bad.bold()
	case fixes.RolledBack, fixes.Reverted:
		return a.glyphs.back, a.styles.bad.bold()
	case fixes.Unsettled:
		return "!", a.styles.bad.bold()
	case fixes.Stale:
		return "~", a.styles.bad
	case fixes.Unknown:
		return "?", a.styles.bad
	case fixes.Applying, fixes.RollingOut:
		if s := a.spinner(); s != "" {
			return s, a.styles.bold
		}
		return a.glyphs.shut, a.styles.bold
	case fixes.Checked:
		return "+", a.styles.plain
	case fixes.NotAttempted:
		return a.glyphs.none, a.styles.faint
	}
	return a.glyphs.dot, a.styles.faint
}

// doing is what happens to changes, as a participle.
func (v *applyView) doing() string {
	if v.undo {
		return "undone"
	}
	return "applied"
}

// word is a state as it is said: what an undo applies is undone.
func (v *applyView) word(s fixes.State) string {
	switch {
	case v.undo && s == fixes.Applied:
		return "undone"
	case v.undo && s == fixes.Applying:
		return "undoing"
	}
	return string(s)
}

// soFar says how far the apply has come.
func (v *applyView) soFar(dot string) string {
	took := v.took
	if v.running {
		took = v.now.Sub(v.started)
	}
	sep := " " + dot + " "
	if v.wave == 0 {
		return join(sep, fmt.Sprintf("checking %d/%d", v.counts.of(fixes.Checked), len(v.changes)), clock(took))
	}
	return join(sep, fmt.Sprintf("wave %d/%d", v.wave, len(v.waves)), fmt.Sprintf("%d/%d", v.counts.ended(), len(v.changes)), clock(took))
}

func (a *app) applyPanes() (left, right pane, status string) {
	v := &a.apply
	left.title = "what became of each change"
	switch {
	case v.running && v.undo:
		left.title = "undoing"
	case v.running:
		left.title = "applying"
	}
	if len(v.rows) > v.scroll.h {
		left.note = fmt.Sprintf("%d/%d", v.scroll.cursor+1, len(v.rows))
	}
	from, to := v.scroll.window()
	for i := from; i < to; i++ {
		left.lines = append(left.lines, a.applyRow(v.rows[i], i == v.scroll.cursor))
	}
	return left, a.detailPane(), a.applySum()
}

// applySum says how the apply was asked to end, and counts the changes in each
// state.
func (a *app) applySum() string {
	v := &a.apply
	var parts []string
	switch {
	case !v.running:
	case v.halt == atOnce:
		parts = append(parts, a.styles.warn.bold().Render("stopping"))
	case v.halt == afterWave:
		parts = append(parts, a.styles.warn.bold().Render("stopping after this wave"))
	case v.lasting():
		parts = append(parts, "watching whether it lasts")
	}
	for i, n := range v.counts {
		if n > 0 {
			_, style := a.stateMark(states[i])
			parts = append(parts, style.Render(fmt.Sprintf("%d %s", n, v.word(states[i]))))
		}
	}
	if !v.running {
		parts = append(parts, clock(v.took))
	}
	return joinFitting(a.lay.w-1, " "+a.glyphs.dot+" ", a.glyphs.ellipsis, parts...)
}

// roomiest is the number of cells from which on there is room for what is done
// to an object, beside how far it has come.
const roomiest = 60

// tookNothing is the time from which on it is told how long a change takes.
const tookNothing = time.Second

func (a *app) applyRow(r planRow, cursor bool) string {
	v := &a.apply
	w := a.lay.left.w
	switch {
	case r.isWhole():
		state := cell{text: fmt.Sprintf(" %d/%d ", v.counts.ended(), len(v.changes))}
		if !v.running {
			state = cell{text: " " + v.result.word + " ", style: a.toneStyle(v.result.tone)}
		}
		name := map[bool]string{false: "the whole plan", true: "the undo"}[v.undo]
		return a.drawRow([]cell{{text: name, style: a.styles.bold}}, []cell{state}, w, cursor)
	case !r.isChange():
		mark, word, style := a.waveState(r.wave)
		return a.drawRow([]cell{{text: mark + " ", style: style}, {text: v.waves[r.wave].label, style: a.styles.bold}},
			[]cell{{text: " " + word + " ", style: style}}, w, cursor)
	}
	return a.madeRow(r.change, w, cursor)
}

// madeRow draws what became of a change: what is said of it while it is under
// way goes before its kind, and before the word for its state.
func (a *app) madeRow(i, w int, cursor bool) string {
	v := &a.apply
	c, m := &v.plan.Changes[i], &v.changes[i]
	mark, style := a.stateMark(m.state)
	left := []cell{{text: "  "}, {text: mark + " ", style: style}}
	if v.undo && w >= roomy || w >= roomiest {
		left = append(left, a.actionCell(c.Action, v.verb))
	}
	left = append(left, cell{text: fixes.Clean(c.Object.NamespacedName())})
	took := " "
	if d := m.took(v.now); d >= tookNothing {
		took = " " + clock(d) + " "
	}
	kind := cell{text: "  " + c.Object.Kind.Name, style: a.styles.faint}
	state, alone := cell{text: " " + v.word(m.state) + took, style: style}, cell{text: took, style: style}
	if !hasEnded(m.state) && m.detail != "" {
		step := cell{text: "  " + firstLine(m.detail), style: a.styles.faint}
		for _, row := range []struct {
			middle []cell
			right  cell
		}{{[]cell{kind, step}, state}, {[]cell{step}, state}, {[]cell{step}, alone}} {
			if whole := slices.Concat(left, row.middle); 1+widthOf(whole)+widthOf([]cell{row.right}) <= w {
				return a.drawRow(whole, []cell{row.right}, w, cursor)
			}
		}
	}
	return a.drawRow(append(left, kind), []cell{state}, w, cursor)
}

func widthOf(cells []cell) int {
	w := 0
	for _, c := range cells {
		w += ansi.StringWidth(c.text)
	}
	return w
}

// waveState sums up what became of a wave's changes.
func (a *app) waveState(n int) (mark, word string, style pen) {
	v := &a.apply
	counts, all := &v.byWave[n], len(v.waves[n].Changes)
	ended := counts.ended()
	show := func(s fixes.State, word string) (string, string, pen) {
		mark, style := a.stateMark(s)
		return mark, word, style
	}
	for i, s := range states[:wrongStates] {
		if counts[i] > 0 {
			return show(s, fmt.Sprintf("%d %s", counts[i], v.word(s)))
		}
	}
	switch skipped := counts.of(fixes.NotAttempted); {
	case skipped == all:
		return show(fixes.NotAttempted, string(fixes.NotAttempted))
	case ended == all && skipped > 0:
		return show(fixes.NotAttempted, fmt.Sprintf("%d/%d", all-skipped, all))
	case ended == all:
		return show(fixes.Applied, "done")
	case ended+counts.of(fixes.Applying)+counts.of(fixes.RollingOut) > 0:
		return show(fixes.Applying, fmt.Sprintf("%d/%d", ended, all))
	}
	return show(fixes.Pending, "")
}

func (a *app) measureApply() {
	v := &a.apply
	v.now = a.opts.now()
	v.scroll.size(len(v.rows), a.lay.left.h)
	w, h := a.lay.right.w, a.lay.right.h
	if v.scroll.cursor >= len(v.rows) {
		return
	}
	r := v.rows[v.scroll.cursor]
	type from struct {
		number, version, w int
		row                planRow
		running            bool
	}
	key := from{v.number, v.reports, w, r, v.running}
	if r.isChange() {
		key.version = v.changes[r.change].version
	}
	a.detail.set([2]int{v.number, v.scroll.cursor}, key, h, func() (string, []string) {
		switch {
		case r.isWhole():
			return "in all", a.applyWhole(w)
		case !r.isChange():
			return v.waves[r.wave].label, a.waveDetail(v.outline, r.wave, w)
		}
		return fixes.Clean(v.plan.Changes[r.change].Object.String()), a.madeDetail(r.change, w)
	})
}

// applyWhole writes what the whole came to.
func (a *app) applyWhole(w int) []string {
	v := &a.apply
	var out []string
	if !v.running {
		out = append(out, wrap(a.tone(v.result.tone, v.result.text), w)...)
		if v.err != nil && !strings.HasSuffix(v.result.text, saidOf(v.err)) { // it says more
			out = append(out, a.said(saidOf(v.err), 0, a.styles.plain, w)...)
		}
		out = append(out, "")
	}
	for i, n := range v.counts {
		if n > 0 {
			mark, style := a.stateMark(states[i])
			out = append(out, style.Render(fmt.Sprintf("%s %d %s", mark, n, v.word(states[i]))))
		}
	}
	if hint := a.does("nextWrong", "goes to what went wrong."); v.counts.wrong() > 0 && hint != "" {
		out = append(out, "", a.styles.faint.Render(hint))
	}
	return out
}

// madeDetail writes in full what became of a change.
func (a *app) madeDetail(i, w int) []string {
	v := &a.apply
	c, m := &v.plan.Changes[i], &v.changes[i]
	mark, style := a.stateMark(m.state)
	head := style.Render(mark+" "+v.word(m.state)) + "  " + string(c.Action) + " " + fixes.Clean(c.Object.String())
	out := wrap(head, w)
	if text := strings.TrimSpace(m.detail); text != "" {
		out = append(out, "")
		first, rest, _ := strings.Cut(text, "\n")
		if wentWrong(m.state) {
			first = a.styles.bad.Render(first)
		}
		out = append(out, wrap(first, w)...)
		out = append(out, a.said(rest, 2, a.styles.plain, w)...)
	}
	if wentWrong(m.state) && !m.wasThere && m.step != "" {
		out = append(out, "")
		out = append(out, a.fact("last seen", m.step, w)...)
	}
	if len(m.warnings) > 0 {
		out = append(out, "")
	}
	for _, warning := range m.warnings {
		out = append(out, hang(a.styles.warn.Render("warning: "), warning, w)...)
	}
	if len(c.Fixes) > 0 {
		out = append(out, "", a.styles.faint.Render("closes"))
	}
	for _, f := range c.Fixes {
		out = append(out, hang("  ", f.Rule.ID+": "+f.Message, w)...)
	}
	return out
}
