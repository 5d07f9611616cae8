package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// measurePlan makes the details of what the cursor is on in the plan.
func (a *app) measurePlan() {
	p := &a.plan
	p.scroll.size(len(p.rows), a.lay.left.h)
	w, h := a.lay.right.w, a.lay.right.h
	type from struct {
		key     planDiffKey
		made    bool
		row     planRow
		context int
		mode    diffMode
		w       int
		verdict verdict
		check   int
		canary  bool
	}
	r, ok := p.current()
	switch {
	case p.err != nil:
		a.detail.set(p.number, from{w: w, key: planDiffKey{number: p.number}}, h, func() (string, []string) {
			return "no plan", a.planErrDetail(w)
		})
	case !ok:
		a.detail.set("composing", w, h, func() (string, []string) { return "", nil })
	case r.isChange():
		key := planDiffKey{p.number, r.change}
		d, made := p.diffs[key]
		a.detail.setText(key, from{key: key, made: made, row: r, context: a.context, mode: a.diffMode, w: w, verdict: p.check.verdictOf(r.change), check: p.check.number}, h,
			func() text { return a.changeDetail(r.change, d, made, w) })
	case r.isWhole():
		key := planDiffKey{p.number, heading}
		a.detail.set(key, from{key: key, w: w, check: p.check.version, canary: a.canaryOn()}, h,
			func() (string, []string) { return "the whole plan", a.wholeDetail(w) })
	default:
		key := from{key: planDiffKey{p.number, heading}, row: r, w: w}
		a.detail.set(key, key, h, func() (string, []string) { return p.waves[r.wave].label, a.waveDetail(p.outline, r.wave, w) })
	}
}

func (a *app) planErrDetail(w int) []string {
	out := wrap(a.styles.bad.Render("The staged fixes cannot be made together: ")+fixes.CleanLines(a.plan.err.Error()), w)
	way := join(": ", a.does("back", "goes back to the findings"), "unstage the fix that is named, then make the plan again.")
	return append(append(out, ""), wrap(way, w)...)
}

// changeDetail writes what the server says of a change, which findings it
// serves, and its diff.
func (a *app) changeDetail(i int, d planDiff, made bool, w int) text {
	c := a.plan.plan.Changes[i]
	t := text{title: fixes.Clean(c.Object.String())}
	var closed, open []*fixes.Finding
	for _, f := range c.Fixes {
		if a.plan.open[f.Fingerprint] {
			open = append(open, f)
		} else {
			closed = append(closed, f)
		}
	}
	t.add(a.serverDetail(i, w)...)
	t.add(a.fact("closes", rulesOf(closed), w)...)
	t.add(a.fact("not", when(len(open) > 0, rulesOf(open)+": a part is left out, or edited"), w)...)
	t.add(a.fact("managed", managersOf([]fixes.Change{c}), w)...)
	if a.dec.edited(c.Object) {
		t.add(a.fact("edited", join(": ", "by you", join(", ", a.does("leaveOut", "in the list takes the object out"), a.does("edit", "edits it again"))), w)...)
	}
	if len(c.Fixes) > 0 {
		t.add("")
	}
	switch {
	case !made:
		t.add(a.styles.faint.Render("making the diff " + a.glyphs.ellipsis))
		return t
	case d.err != nil:
		t.add(wrap(a.styles.bad.Render("The change cannot be shown: ")+fixes.Clean(d.err.Error()), w)...)
		return t
	}
	l := look{all: len(d.hunks), current: a.detail.hunk, label: func(h *hunk) string {
		if len(h.by) == 0 {
			return "your edit"
		}
		return rulesOf(h.by)
	}}
	t.diff(a.drawDiff(d.changeDiff, l, w))
	return t
}

// rulesOf names the rules of findings, the most frequent first.
func rulesOf(findings []*fixes.Finding) string {
	counts := map[string]int{}
	for _, f := range findings {
		counts[f.Rule.ID]++
	}
	var rules []string
	for _, id := range ranked(counts) {
		rules = append(rules, when(counts[id] > 1, fmt.Sprintf("%dx ", counts[id]))+id)
	}
	return strings.Join(rules, ", ")
}

// wholeDetail says what the plan comes to: what stays open, what it may
// break, who may put things back.
func (a *app) wholeDetail(w int) []string {
	plan := a.plan.plan
	out := a.serverWhole(w)
	para := func(text string) { out = append(append(out, wrap(text, w)...), "") }
	if plan.Verified {
		para(a.styles.good.Render("Verified: ") + "a scan of the objects as they would be finds none of what is staged, and nothing new.")
	} else {
		para(a.styles.bad.bold().Render("Not verified: ") + "a scan of the objects as they would be finds what should be gone, or something new.")
	}
	list := func(title string, findings []*fixes.Finding) {
		if len(findings) == 0 {
			return
		}
		out = append(out, a.styles.bold.Render(title))
		for i, f := range findings {
			if i == mostListed {
				out = append(out, fmt.Sprintf("  and %d more", len(findings)-i))
				break
			}
			out = append(out, hang("  ", fixes.Clean(f.Rule.ID+" "+f.Object.String())+": "+f.Message, w)...)
		}
		out = append(out, "")
	}
	list("Still there after the plan", plan.Unfixed)
	list("Left open by you", plan.LeftOpen)
	list("New with the plan", plan.New)
	var parts []string
	for _, c := range []fixes.Confidence{fixes.Safe, fixes.Review} {
		if n := a.plan.confidence[c]; n > 0 {
			parts = append(parts, a.styles.confidence[c].Render(fmt.Sprintf("%d %s", n, c)))
		}
	}
	out = append(out, a.fact("fixes", strings.Join(parts, " "+a.glyphs.dot+" "), w)...)
	out = append(out, a.fact("waves", fmt.Sprint(len(a.plan.waves)), w)...)
	out = append(out, a.fact("restarts", plural(a.plan.restarting, "workload"), w)...)
	out = append(out, a.fact("remaining", plural(len(plan.Remaining), "finding"), w)...)
	out = append(out, a.fact("managed", a.plan.managed, w)...)
	if a.canaryOn() {
		out = append(out, a.fact("canary", "on for "+plural(a.plan.copyable, "workload"), w)...)
	}
	if len(a.plan.ranked) > 0 {
		out = append(out, "", a.styles.bold.Render("Risks"))
		for _, r := range a.plan.ranked {
			out = append(out, hang(fmt.Sprintf("%4dx ", a.plan.risks[r]), r, w)...)
		}
	}
	return out
}

// planPanes draws the plan: what changes in which order, and the diff.
func (a *app) planPanes() (left, right pane, status string) {
	p := &a.plan
	left = pane{title: "in the order of applying"}
	right = a.detailPane()
	switch {
	case p.err != nil:
		left.lines = []string{"", " There is no plan."}
		return left, right, a.styles.bad.Render("no plan")
	case p.composing || p.plan == nil:
		left.lines = append([]string{""}, indent(wrap("Making the fixes on a copy, and scanning it to see that the findings are gone.", max(a.lay.left.w-2, 1)))...)
		return left, right, "making the plan of " + plural(a.dec.count, "fix", "fixes")
	}
	if len(p.rows) > p.scroll.h {
		left.note = fmt.Sprintf("%d/%d", p.scroll.cursor+1, len(p.rows))
	}
	from, to := p.scroll.window()
	for i := from; i < to; i++ {
		left.lines = append(left.lines, a.planRow(p.rows[i], i == p.scroll.cursor))
	}
	return left, right, a.planSum(a.lay.w - 1)
}

func indent(lines []string) []string {
	for i := range lines {
		lines[i] = " " + lines[i]
	}
	return lines
}

// planSum is the plan in one line, the important first.
func (a *app) planSum(w int) string {
	sep := " " + a.glyphs.dot + " "
	server := a.serverSum()
	if ansi.StringWidth(server) > w-14 {
		server = "server"
		for _, c := range a.serverMarks() {
			server += c.style.Render(c.text)
		}
	}
	parts := []string{a.verified(), when(a.canaryOn(), a.styles.bold.Render("canary on")), server}
	if a.plan.check.objections() > 0 {
		parts[0], parts[2] = parts[2], parts[0]
	}
	return joinFitting(w, sep, a.glyphs.ellipsis, append(parts, a.planParts()...)...)
}

func (a *app) verified() string {
	if !a.plan.plan.Verified {
		return a.styles.bad.bold().Render("! not verified")
	}
	return a.styles.good.bold().Render(a.glyphs.staged + " verified")
}

// planParts says what the plan does and leaves.
func (a *app) planParts() []string {
	return append(a.plan.parts(), plural(len(a.plan.plan.Remaining), "finding remains", "findings remain"))
}

// roomy is the number of cells from which on a row says more.
const roomy = 44

func (a *app) planRow(r planRow, cursor bool) string {
	p := &a.plan
	w := a.lay.left.w
	switch {
	case r.isWhole():
		right := a.serverMarks()
		if closed := fmt.Sprintf(" %d closed", len(p.plan.Choices)-len(p.plan.Unfixed)-len(p.plan.LeftOpen)); w >= roomy || right == nil {
			right = append(right, cell{text: closed})
		}
		return a.drawRow([]cell{{text: "the whole plan", style: a.styles.bold}}, append(right, cell{text: " "}), w, cursor)
	case !r.isChange():
		return a.drawRow([]cell{{text: p.waves[r.wave].label, style: a.styles.bold}}, nil, w, cursor)
	}
	c := p.plan.Changes[r.change]
	left := []cell{{text: "  "}}
	right := []cell{{text: " ", style: a.styles.plain}}
	if p.check.plan != 0 {
		v := p.check.verdictOf(r.change)
		mark, style := a.verdictMark(v)
		left = append(left, cell{text: mark + " ", style: style})
		if w >= roomy {
			right[0] = cell{text: " " + v.word() + " ", style: style}
		}
	}
	restart := " "
	if p.restarts[r.change] {
		restart = a.glyphs.restarts
	}
	left = append(left, a.actionCell(c.Action, p.verb), cell{text: fixes.Clean(c.Object.NamespacedName())},
		cell{text: "  " + c.Object.Kind.Name, style: a.styles.faint})
	switch {
	case a.dec.edited(c.Object):
		right = append(right, cell{text: "edited ", style: a.styles.warn})
	case c.Amended:
		right = append(right, cell{text: "in part ", style: a.styles.warn})
	}
	right = append(right, cell{text: restart, style: a.styles.warn}, cell{text: fmt.Sprintf(" %2d ", len(c.Fixes))})
	return a.drawRow(left, right, w, cursor)
}

// actionCell is the column of what is done to an object.
func (a *app) actionCell(action fixes.Action, w int) cell {
	style := a.styles.plain
	switch action {
	case fixes.Create:
		style = a.styles.good
	case fixes.Delete:
		style = a.styles.bad
	case fixes.Recreate:
		style = a.styles.warn
	}
	return cell{text: fit(string(action), w, "") + " ", style: style}
}
