package tui

import (
	"fmt"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// verdictMark returns the mark and the look of a verdict.
func (a *app) verdictMark(v verdict) (string, pen) {
	switch v {
	case accepted:
		return a.glyphs.staged, a.styles.good
	case warned:
		return "!", a.styles.warn
	case refused:
		return "x", a.styles.bad.bold()
	case stale:
		return "~", a.styles.bad
	case unanswered:
		return "?", a.styles.warn
	}
	return a.glyphs.asking, a.styles.faint
}

// word is a verdict as it stands on a row, which is quiet where all is well.
func (v verdict) word() string {
	return [...]string{warned: "warns", refused: "refused", stale: "stale", unanswered: "no answer"}[v]
}

// verdictOf returns the verdict on a change.
func (c *check) verdictOf(change int) verdict {
	if change >= len(c.answers) {
		return unasked
	}
	return c.answers[change].verdict
}

// serverSum says in a line what the server says of the plan, the worst first.
func (a *app) serverSum() string {
	c := &a.plan.check
	if c.plan == 0 {
		return ""
	}
	if c.counts[accepted] == len(c.answers) {
		return a.styles.good.Render(a.glyphs.staged + " accepted by the server")
	}
	parts := []string{a.count(refused, "refused"), a.count(stale, "stale")}
	if c.running {
		return join(", ", append([]string{fmt.Sprintf("asking the server %d/%d", c.answered(), len(c.answers))},
			append(parts, a.count(warned, "with warnings"))...)...)
	}
	parts = append(parts, a.count(accepted, "accepted"), a.count(warned, "with warnings"), a.count(unanswered, "without an answer"))
	return "server: " + join(", ", parts...)
}

// count tells how many changes have a verdict, if there are any.
func (a *app) count(v verdict, word string) string {
	n := a.plan.check.counts[v]
	if n == 0 {
		return ""
	}
	_, style := a.verdictMark(v)
	return style.Render(fmt.Sprintf("%d %s", n, word))
}

// serverMarks is [app.serverSum] where there is little room.
func (a *app) serverMarks() []cell {
	c := &a.plan.check
	if c.plan == 0 {
		return nil
	}
	if c.running {
		return []cell{{text: fmt.Sprintf(" asking %d/%d", c.answered(), len(c.answers)), style: a.styles.faint}}
	}
	var cells []cell
	for _, v := range []verdict{refused, stale, warned, unanswered, accepted} {
		if n := c.counts[v]; n > 0 {
			mark, style := a.verdictMark(v)
			cells = append(cells, cell{text: fmt.Sprintf(" %d%s", n, mark), style: style})
		}
	}
	return cells
}

// serverDetail writes what the server said about a change.
func (a *app) serverDetail(change, w int) []string {
	c := &a.plan.check
	if change >= len(c.answers) {
		return nil
	}
	v, got := c.verdictOf(change), c.answers[change]
	mark, style := a.verdictMark(v)
	text := map[verdict]string{
		unasked: "asking " + a.glyphs.ellipsis, accepted: "accepts it", warned: "accepts it, with warnings", refused: "refuses it",
		stale: join(": ", "has another object by now", a.does("scan", "scans again")), unanswered: "did not answer",
	}[v]
	out := a.fact("server", style.Render(mark+" "+text), w)
	in := 10 // below what the label says
	if w < 40 {
		in = 2
	}
	out = append(out, a.said(got.detail, in, a.styles.bad, w)...)
	for _, warning := range got.warnings {
		for _, part := range hang(strings.Repeat(" ", in)+"- ", warning, w) {
			out = append(out, a.styles.warn.Render(part))
		}
	}
	return append(out, "")
}

// serverOnFinding writes what the server said about the changes that a staged
// fix has a part in, while the plan is the one that it was asked about.
func (a *app) serverOnFinding(f *fixes.Finding, w int) []string {
	p := &a.plan
	if p.plan == nil || p.composing || p.version != a.dec.version || p.check.plan != p.number {
		return nil
	}
	var out []string
	for _, i := range p.serves[f] {
		if len(p.serves[f]) > 1 {
			out = append(out, a.fact("plan", fixes.Clean(p.plan.Changes[i].Object.String()), w)...)
		}
		out = append(out, a.serverDetail(i, w)...)
	}
	if n := len(out); n > 0 {
		out = out[:n-1] // the line after the last
	}
	return out
}

// said writes a text of others, its lines as they are, set in.
func (a *app) said(text string, in int, style pen, w int) []string {
	var out []string
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		line = strings.ReplaceAll(line, "\t", "    ")
		rest := strings.TrimLeft(line, " ")
		if rest == "" {
			continue
		}
		for _, part := range hang(strings.Repeat(" ", min(in+len(line)-len(rest), w/2)), rest, w) {
			out = append(out, style.Render(part))
		}
	}
	return out
}

// mostListed bounds what a summary lists by name: it is made anew with each
// answer.
const mostListed = 50

// serverWhole writes what the server said about the whole plan.
func (a *app) serverWhole(w int) []string {
	c := &a.plan.check
	if c.plan == 0 {
		return nil
	}
	out := wrap(a.styles.bold.Render(a.serverSum()), w)
	if c.err != nil && c.objections() == 0 && !c.running {
		out = append(out, wrap(a.styles.warn.Render("It could not be asked about all: ")+saidOf(c.err), w)...)
	}
	shown := 0
	for _, i := range c.against {
		got := c.answers[i]
		if !got.objects() {
			continue
		}
		if shown++; shown > mostListed {
			out = append(out, fmt.Sprintf("  and %d more", c.objections()-mostListed))
			break
		}
		mark, style := a.verdictMark(got.verdict)
		text := fixes.Clean(a.plan.plan.Changes[i].Object.String())
		if reason := firstLine(got.detail); reason != "" {
			text += ": " + reason
		}
		out = append(out, hang(style.Render(mark)+" ", text, w)...)
	}
	hint := sentence(join(", ", a.does("nextRemark", "goes to the next of them"), a.does("leaveOut", "leaves one out"), a.does("leaveOutRefused", "all")))
	if c.counts[refused] > 0 && hint != "" {
		out = append(out, wrap(a.styles.faint.Render(hint), w)...)
	}
	return append(out, "")
}
