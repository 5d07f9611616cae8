package tui

import (
	"fmt"
	"slices"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// header draws the first line: where we are, how many findings, how many
// staged, and how far what goes on has come.
func (a *app) header() string {
	name := a.styles.reverse.bold().Render(" harden ") + " "
	right := a.headerRight()
	count, staged := plural(a.list.count(), "finding"), fmt.Sprintf("%d staged", a.dec.count)
	sep := " " + a.glyphs.dot + " "
	if n := a.ignoredCount(); n > 0 {
		count += sep + fmt.Sprintf("%d ignored", n)
	}
	where := ""
	if a.screen == planScreen {
		where, count = "plan", plural(len(a.plan.changes()), "object")
	}
	switch a.screen {
	case namespacesScreen:
		where, count = "network", ""
	case matrixScreen:
		where, count = "network", namespaceLabel(a.net.namespace)
	case historyScreen:
		where, count = "history", ""
	}
	if a.dec.count > 0 {
		staged = a.styles.bold.Render(staged)
	}
	if marked := a.marksWord(); marked != "" && a.screen == findingsScreen {
		staged += sep + a.styles.bold.Render(marked)
	}
	short := []string{count, staged}
	if a.screen == applyScreen { // what is staged is past, and the progress counts
		where, count, staged = "apply", "", ""
		switch {
		case a.apply.undo:
			where = "undo"
		case a.apply.resumed:
			where = "resume"
		}
		short = []string{where}
	}
	context := join(" ", a.session.Context, when(a.session.WhyReadOnly != "", "(read-only)"))
	for _, right := range []string{right, a.watchWord(), ""} {
		for _, parts := range [][]string{
			{context, a.session.Scope, where, count, staged},
			{context, where, count, staged},
			{where, count, staged},
			short,
		} {
			s := name + join(sep, parts...)
			if ansi.StringWidth(s)+1+ansi.StringWidth(right) <= a.lay.w {
				return spread(s, right, a.lay.w, a.glyphs.ellipsis)
			}
		}
	}
	return fit(name+short[len(short)-1], a.lay.w, a.glyphs.ellipsis)
}

func (a *app) headerRight() string {
	switch {
	case a.apply.running:
		return join(" ", a.apply.soFar(a.glyphs.dot), a.spinner(), "")
	case a.planning.running():
		return join(" ", a.planning.doing(), a.spinner(), "")
	case a.screen == historyScreen && a.history.reading:
		return join(" ", "reading", a.spinner(), "")
	case a.net.making && (a.screen == namespacesScreen || a.screen == matrixScreen):
		return join(" ", "making the policies", a.spinner(), "")
	case a.plan.composing && a.screen == planScreen:
		return join(" ", "composing", a.spinner(), "")
	case a.plan.check.running && a.screen == planScreen:
		return join(" ", fmt.Sprintf("asking the server %d/%d", a.plan.check.answered(), len(a.plan.check.answers)), a.spinner(), "")
	case a.scan.running && a.scan.progress.Kinds > 0:
		p := a.scan.progress
		counted := fmt.Sprintf("scanning %d/%d kinds", p.Loaded, p.Kinds)
		if p.Objects > 0 {
			counted = join(" "+a.glyphs.dot+" ", counted, plural(p.Objects, "object"))
		}
		return join(" ", counted, a.spinner(), "")
	case a.scan.running:
		return join(" ", "scanning", a.spinner(), "")
	case a.scan.err != nil && !a.scan.retry.IsZero():
		return join(" ", a.styles.bad.Render(fmt.Sprintf("no answer, retry in %d s", a.until(a.scan.retry))), a.spinner(), "")
	case a.scan.err != nil:
		return a.styles.bad.Render("scan failed")
	case a.moving.cancel != nil:
		return join(" ", "connecting", a.spinner(), "")
	case a.rescanning:
		return join(" ", "reading the object", a.spinner(), "")
	case a.screen == applyScreen:
		return a.tone(a.apply.result.tone, a.apply.result.word)
	case a.applied && !a.following():
		return a.styles.warn.Render("from before the apply")
	}
	return join(" "+a.glyphs.dot+" ", a.watchWord(), a.severities())
}

// severities counts the findings of each severity, the worst first.
func (a *app) severities() string {
	var parts []string
	for _, s := range slices.Backward(fixes.Severities()) {
		if n := a.list.bySeverity[s]; n > 0 {
			parts = append(parts, a.styles.severity[s].Render(fmt.Sprintf("%d %s", n, s)))
		}
	}
	return join(" "+a.glyphs.dot+" ", parts...)
}
