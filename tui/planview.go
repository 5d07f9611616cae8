package tui

import (
	"fmt"
	"slices"
	"strings"

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
		w       int
	}
	r, ok := p.current()
	switch {
	case p.err != nil:
		a.detail.set(p.number, from{w: w, key: planDiffKey{number: p.number}}, h, func() (string, []string) {
			return "no plan", a.planErrDetail(w)
		})
	case !ok:
		a.detail.set("composing", w, h, func() (string, []string) { return "", nil })
	case r.kind == changeRow:
		key := planDiffKey{p.number, r.change}
		d, made := p.diffs[key]
		a.detail.set(key, from{key, made, r, a.context, w}, h, func() (string, []string) {
			return fixes.Clean(p.plan.Changes[r.change].Object.String()), a.changeDetail(r.change, d, made, w)
		})
	default:
		a.detail.set(planDiffKey{number: p.number, change: -1}, from{key: planDiffKey{number: p.number}, row: planRow{kind: wholeRow}, w: w}, h,
			func() (string, []string) { return "the whole plan", a.wholeDetail(w) })
	}
}

func (a *app) planErrDetail(w int) []string {
	out := wrap(a.styles.bad.Render("The staged fixes cannot be made together: ")+fixes.CleanLines(a.plan.err.Error()), w)
	return append(out, append([]string{""}, wrap("esc goes back to the findings: unstage the fix that is named, then make the plan again.", w)...)...)
}

// changeDetail writes which findings a change serves, and its diff.
func (a *app) changeDetail(i int, d planDiff, made bool, w int) []string {
	c := a.plan.plan.Changes[i]
	counts := map[string]int{}
	for _, f := range c.Fixes {
		counts[f.Rule.ID]++
	}
	var rules []string
	for _, id := range ranked(counts) {
		rules = append(rules, when(counts[id] > 1, fmt.Sprintf("%dx ", counts[id]))+id)
	}
	out := a.fact("closes", strings.Join(rules, ", "), w)
	if managed := managers(c.Fixes); managed != "" {
		out = append(out, a.fact("managed", managed, w)...)
	}
	if len(out) > 0 {
		out = append(out, "")
	}
	switch {
	case !made:
		return append(out, a.styles.faint.Render("making the diff "+a.glyphs.ellipsis))
	case d.err != nil:
		return append(out, wrap(a.styles.bad.Render("The change cannot be shown: ")+fixes.Clean(d.err.Error()), w)...)
	}
	return append(out, a.drawDiff(d.changeDiff, w)...)
}

func managers(list []*fixes.Finding) string {
	var names []string
	for _, f := range list {
		if f.ManagedBy != "" && !slices.Contains(names, f.ManagedBy) {
			names = append(names, f.ManagedBy)
		}
	}
	return strings.Join(names, ", ")
}

// wholeDetail says what the plan comes to: what stays open, what it may
// break, who may put things back.
func (a *app) wholeDetail(w int) []string {
	plan := a.plan.plan
	var out []string
	para := func(text string) { out = append(append(out, wrap(text, w)...), "") }
	if plan.Verified {
		para(a.styles.good.Render("Verified: ") + "a scan of the objects as they would be finds none of what is staged, and nothing new.")
	} else {
		para(a.styles.bad.Bold(true).Render("Not verified: ") + "a scan of the objects as they would be finds what should be gone, or something new.")
	}
	list := func(title string, findings []*fixes.Finding) {
		if len(findings) == 0 {
			return
		}
		out = append(out, a.styles.bold.Render(title))
		for _, f := range findings {
			out = append(out, hang("  ", fixes.Clean(f.Rule.ID+" "+f.Object.String())+": "+f.Message, w)...)
		}
		out = append(out, "")
	}
	list("Still there after the plan", plan.Unfixed)
	list("New with the plan", plan.New)
	byConfidence, risks, restarts := map[fixes.Confidence]int{}, map[string]int{}, 0
	for _, c := range plan.Choices {
		byConfidence[c.Fix.Confidence]++
		for _, r := range c.Fix.Risks {
			risks[fixes.Clean(r)]++
		}
	}
	for _, r := range a.plan.restarts {
		if r {
			restarts++
		}
	}
	var parts []string
	for _, c := range []fixes.Confidence{fixes.Safe, fixes.Review} {
		if n := byConfidence[c]; n > 0 {
			parts = append(parts, a.styles.confidence[c].Render(fmt.Sprintf("%d %s", n, c)))
		}
	}
	out = append(out, a.fact("fixes", strings.Join(parts, " "+a.glyphs.dot+" "), w)...)
	out = append(out, a.fact("restarts", plural(restarts, "workload"), w)...)
	out = append(out, a.fact("remaining", plural(len(plan.Remaining), "finding"), w)...)
	var all []*fixes.Finding
	for _, c := range plan.Changes {
		all = append(all, c.Fixes...)
	}
	out = append(out, a.fact("managed", managers(all), w)...)
	if len(risks) > 0 {
		out = append(out, "", a.styles.bold.Render("Risks"))
		for _, r := range ranked(risks) {
			out = append(out, hang(fmt.Sprintf("%4dx ", risks[r]), r, w)...)
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
	return left, right, a.planSum()
}

func indent(lines []string) []string {
	for i := range lines {
		lines[i] = " " + lines[i]
	}
	return lines
}

// planSum is the plan in one line.
func (a *app) planSum() string {
	created, restarts := 0, 0
	for i, c := range a.plan.plan.Changes {
		if c.Action == fixes.Create {
			created++
		}
		if a.plan.restarts[i] {
			restarts++
		}
	}
	patched := len(a.plan.plan.Changes) - created
	verified := a.styles.good.Bold(true).Render(a.glyphs.staged + " verified")
	if !a.plan.plan.Verified {
		verified = a.styles.bad.Bold(true).Render("! not verified")
	}
	return join(" "+a.glyphs.dot+" ", verified,
		when(created > 0, fmt.Sprintf("%d created", created)),
		when(patched > 0, fmt.Sprintf("%d patched", patched)),
		when(restarts > 0, plural(restarts, "workload restarts", "workloads restart")),
		plural(len(a.plan.plan.Remaining), "finding remains", "findings remain"))
}

func (a *app) planRow(r planRow, cursor bool) string {
	p := &a.plan
	w := a.lay.left.w
	switch r.kind {
	case wholeRow:
		return a.drawRow([]cell{{text: "the whole plan", style: a.styles.bold}},
			[]cell{{text: fmt.Sprintf("%d closed ", len(p.plan.Choices)-len(p.plan.Unfixed))}}, w, cursor)
	case sectionRow:
		n, restarts := 0, 0
		for _, o := range p.rows {
			if o.kind == changeRow && o.section == r.section {
				n++
				if p.restarts[o.change] {
					restarts++
				}
			}
		}
		return a.drawRow([]cell{{text: r.section.String(), style: a.styles.bold}},
			[]cell{{text: when(restarts > 0, fmt.Sprintf(" %d restart", restarts)), style: a.styles.warn}, {text: fmt.Sprintf("%6d ", n)}}, w, cursor)
	}
	c := p.plan.Changes[r.change]
	style := a.styles.plain
	if c.Action == fixes.Create {
		style = a.styles.good
	}
	restart := " "
	if p.restarts[r.change] {
		restart = a.glyphs.restarts
	}
	return a.drawRow([]cell{{text: fmt.Sprintf("  %-7s", c.Action), style: style},
		{text: fixes.Clean(c.Object.NamespacedName())}, {text: "  " + c.Object.Kind.Name, style: a.styles.faint}},
		[]cell{{text: " " + restart, style: a.styles.warn}, {text: fmt.Sprintf(" %2d ", len(c.Fixes))}}, w, cursor)
}
