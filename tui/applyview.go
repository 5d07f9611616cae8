package tui

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// states are all states of a change in the order in which they are counted.
var states = []fixes.State{
	fixes.Applied, fixes.Unchanged, fixes.Failed, fixes.Stale, fixes.Unknown,
	fixes.NotAttempted, fixes.Applying, fixes.Checked, fixes.Pending,
}

// stateMark returns the mark and the look of a state.
func (a *app) stateMark(s fixes.State) (string, lipgloss.Style) {
	switch s {
	case fixes.Applied:
		return a.glyphs.staged, a.styles.good
	case fixes.Unchanged:
		return "=", a.styles.good
	case fixes.Failed:
		return "x", a.styles.bad.Bold(true)
	case fixes.Stale:
		return "!", a.styles.warn
	case fixes.Unknown:
		return "?", a.styles.bad
	case fixes.Applying:
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

func (a *app) measureApply() {
	v := &a.apply
	v.scroll.size(len(v.rows), a.lay.left.h)
	w, h := a.lay.right.w, a.lay.right.h
	type from struct {
		number, row, changed, w int
		ended                   bool
	}
	key := from{v.number, v.scroll.cursor, v.changed, w, v.ended}
	a.detail.set([2]int{v.number, v.scroll.cursor}, key, h, func() (string, []string) { return a.applyDetail(w) })
}

// applyDetail writes in full what became of the change under the cursor, and
// of the whole.
func (a *app) applyDetail(w int) (string, []string) {
	v := &a.apply
	var out []string
	if v.err != nil {
		out = append(out, wrap(a.styles.bad.Render("Not all was applied: ")+fixes.CleanLines(v.err.Error()), w)...)
		out = append(out, "")
	}
	if v.scroll.cursor >= len(v.rows) {
		return "", out
	}
	r := v.rows[v.scroll.cursor]
	name := fixes.Clean(r.change.Object.String())
	mark, style := a.stateMark(r.state)
	out = append(out, style.Render(mark+" "+string(r.state))+"  "+string(r.change.Action)+" "+name)
	for line := range strings.SplitSeq(strings.TrimSpace(r.detail), "\n") {
		if line != "" {
			out = append(out, wrap(line, w)...)
		}
	}
	for _, warning := range r.warnings {
		out = append(out, hang(a.styles.warn.Render("warning: "), warning, w)...)
	}
	out = append(out, "", a.styles.faint.Render("closes"))
	for _, f := range r.change.Fixes {
		out = append(out, hang("  ", f.Rule.ID+": "+f.Message, w)...)
	}
	return name, out
}

func (a *app) applyPanes() (left, right pane, status string) {
	v := &a.apply
	left = pane{title: "what becomes of each change"}
	if len(v.rows) > v.scroll.h {
		left.note = fmt.Sprintf("%d/%d", v.scroll.cursor+1, len(v.rows))
	}
	from, to := v.scroll.window()
	for i := from; i < to; i++ {
		r := v.rows[i]
		mark, style := a.stateMark(r.state)
		left.lines = append(left.lines, a.drawRow(
			[]cell{{text: mark + " ", style: style}, {text: fixes.Clean(r.change.Object.NamespacedName())}, {text: "  " + r.change.Object.Kind.Name, style: a.styles.faint}},
			[]cell{{text: " " + string(r.state) + " ", style: style}}, a.lay.left.w, i == v.scroll.cursor))
	}
	return left, a.detailPane(), a.applySum()
}

// applySum counts the changes in each state.
func (a *app) applySum() string {
	v := &a.apply
	took := v.took
	if v.running {
		took = a.opts.now().Sub(v.started)
	}
	var parts []string
	for _, s := range states {
		if n := v.counts[s]; n > 0 {
			_, style := a.stateMark(s)
			parts = append(parts, style.Render(fmt.Sprintf("%d %s", n, s)))
		}
	}
	return join(" "+a.glyphs.dot+" ", append(parts, elapsed(took))...)
}
