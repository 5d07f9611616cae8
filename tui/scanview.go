package tui

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// scanShown reports whether the details show how the scan goes: until the user
// has begun to look at what it finds, or for as long as the server does not
// answer and there is nothing to look at.
func (a *app) scanShown() bool {
	s := &a.scan
	return !s.looked && !a.inDetail && (s.running || !s.retry.IsZero() && s.result == nil)
}

// measureScan makes the details of a scan that runs.
func (a *app) measureScan(w, h int) {
	type from struct {
		number, loaded, objects, found, skips int
		took                                  time.Duration
		retry                                 string
		w                                     int
	}
	s := &a.scan
	key := from{number: s.number, loaded: s.progress.Loaded, objects: s.progress.Objects, found: len(a.list.order),
		skips: len(s.progress.Skips), took: s.took, w: w}
	if !s.running {
		key.retry = a.retrying(s.retry)
	}
	a.detail.set("scan", key, h, func() (string, []string) { return "the scan", a.scanDetail(w) })
}

// barWidth is the number of cells of the bar that shows how far a scan is.
const barWidth = 24

func (a *app) scanDetail(w int) []string {
	s := &a.scan
	sep := " " + a.glyphs.dot + " "
	out := []string{a.styles.bold.Render(join(sep, a.where(), a.session.Scope)), ""}
	if !s.running {
		out = append(out, wrap(a.styles.bad.Render(inWords(s.err)), w)...)
		return append(out, wrap(a.retrying(s.retry)+". What was found so far stays on the list.", w)...)
	}
	p := s.progress
	if p.Kinds == 0 {
		return append(out, a.styles.faint.Render("asking the server what it is "+a.glyphs.ellipsis))
	}
	full := min(barWidth*p.Loaded/p.Kinds, barWidth)
	bar := strings.Repeat(a.glyphs.full, full) + a.styles.faint.Render(strings.Repeat(a.glyphs.empty, barWidth-full))
	out = append(out, a.fact("kinds", fmt.Sprintf("%d of %d  %s", p.Loaded, p.Kinds, bar), w)...)
	objects := fmt.Sprint(p.Objects)
	if rate := s.rate(); rate > 0 {
		objects += fmt.Sprintf(" (%d a second)", rate)
	}
	out = append(out, a.fact("objects", objects, w)...)
	found := a.severities()
	if found == "" {
		found = "none so far"
	}
	out = append(out, a.fact("findings", found, w)...)
	var waiting []string
	for _, kind := range p.Waiting {
		name := kind.String()
		if kind.Fact() { // which is of no API group
			name = kind.Resource
		}
		waiting = append(waiting, name)
	}
	if len(waiting) > 0 {
		out = append(out, "")
		out = append(out, a.fact("loading", strings.Join(waiting, ", "), w)...)
	}
	for i, line := range skipLines(p.Skips) {
		if i == 0 {
			out = append(out, "")
		}
		out = append(out, a.fact(map[bool]string{true: "skipped"}[i == 0], line, w)...)
	}
	return out
}

// rate is how many objects come in a second, as far as that can be told.
func (s *scan) rate() int {
	if s.took < 100*time.Millisecond {
		return 0
	}
	return int(float64(s.progress.Objects) / s.took.Seconds())
}

// skipLines says what could not be looked at, and why, a line each.
func skipLines(skips []fixes.Skip) []string {
	var lines []string
	for _, s := range skips {
		where := "everywhere"
		if s.Namespace != "" {
			where = "in " + fixes.Clean(s.Namespace)
		}
		lines = append(lines, fixes.Clean(s.Resource)+" "+where+": "+fixes.Clean(s.Reason))
	}
	return lines
}
