package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// detail is the text of the right pane, wrapped, and how far it is scrolled.
type detail struct {
	// subject is what the text is about; another one starts at its top.
	subject any
	// made is what the text was made from; the same gives the same text.
	made  any
	title string
	lines []string
	// marks are the lines at which hunks begin; hunk is the one that keys are
	// about, -1 for none.
	marks []int
	hunk  int
	pager pager
}

// text is what the details say.
type text struct {
	title string
	lines []string
	marks []int
}

func (t *text) add(lines ...string) { t.lines = append(t.lines, lines...) }

// diff adds a diff, and where its hunks are.
func (t *text) diff(lines []string, marks []int) {
	for _, m := range marks {
		t.marks = append(t.marks, len(t.lines)+m)
	}
	t.add(lines...)
}

// set replaces the text unless it was made from the same, and fits it to h
// lines.
func (d *detail) set(subject, from any, h int, build func() (title string, lines []string)) {
	d.setText(subject, from, h, func() text {
		title, lines := build()
		return text{title: title, lines: lines}
	})
}

// setText is set for a text with a diff in it.
func (d *detail) setText(subject, from any, h int, build func() text) {
	if d.subject != subject {
		d.subject, d.pager.offset, d.hunk = subject, 0, -1
	}
	type key struct {
		from any
		hunk int
	}
	if k := (key{from, d.hunk}); d.made != k {
		d.made = k
		t := build()
		d.title, d.lines, d.marks = t.title, t.lines, t.marks
	}
	d.pager.size(len(d.lines), h)
}

func (a *app) detailPane() pane {
	p := pane{title: a.detail.title, lines: a.detail.pager.show(a.detail.lines)}
	if n := a.detail.pager.below(); n > 0 {
		p.note = fmt.Sprintf("%s %d more", a.glyphs.more, n)
	}
	return p
}

// measureDetail makes the details of what the cursor is on.
func (a *app) measureDetail() {
	r, ok := a.list.current()
	w, h := a.lay.right.w, a.lay.right.h
	type group struct {
		by     groupBy
		id     int32
		scan   int
		n, all int
		staged int32
		hidden int32
		filter string
		w      int
	}
	type finding struct {
		key      previewKey
		staged   int8
		previews int
		context  int
		mode     diffMode
		running  bool
		f        *fixes.Finding
		by       *fixes.Ignore
		decided  int
		check    int
		w        int
	}
	switch {
	case a.scanShown():
		a.measureScan(w, h)
	case !ok:
		a.detail.set(nil, w, h, func() (string, []string) { return "", nil })
	case r.isGroup():
		t := a.list.tallies[r.group]
		key := group{a.list.by, r.group, a.scan.number, int(t.n), len(a.list.order), t.staged, t.ignored, a.list.filter.raw, w}
		subject := group{by: key.by, id: key.id}
		a.detail.set(subject, key, h, func() (string, []string) { return a.groupDetail(r.group, w) })
	default:
		it := &a.list.items[r.item]
		key := previewKey{a.scan.number, r.item, it.shown, a.net.made}
		from := finding{key, a.dec.taken[r.item], a.previews.version, a.context, a.diffMode, a.scan.running,
			it.f, it.by, a.dec.version, a.plan.check.version, w}
		a.detail.setText(key.latest(), from, h, func() text { return a.findingDetail(r.item, w) })
	}
}

// findingDetail writes all there is to know about a finding: what is wrong,
// why that matters, how it is known, who says so, and what would be changed.
func (a *app) findingDetail(id int32, w int) text {
	it := &a.list.items[id]
	f := it.f
	t := text{title: f.Object.Kind.Name + " " + it.object}
	t.add(join("  ", a.styles.bold.Render(f.Rule.ID), a.severity(f.Severity)))
	t.add(wrap(f.Message, w)...)
	t.add("")
	var threats []string
	for _, threat := range f.Threats {
		threats = append(threats, threatWords(threat))
	}
	if why := whyItMatters(f.Rule); why != "" {
		t.add(append(a.flow(why, false, w), "")...)
	}
	t.add(a.fact("threats", strings.Join(threats, " "+a.glyphs.dot+" "), w)...)
	t.add(a.fact("at", f.Path, w)...)
	for i, e := range f.Evidence {
		t.add(a.fact(map[bool]string{true: "evidence"}[i == 0], e, w)...)
	}
	t.add(a.fact("managed", f.ManagedBy, w)...)
	t.add(a.ignoreFacts(it, w)...)
	// Their addresses come last: what is read is the change.
	t.add(a.fact("see", a.standards(f.Rule), w)...)
	t.add("")
	a.fixDetail(&t, id, w)
	if len(f.Rule.References) > 0 {
		t.add("", a.heading("references", "", w))
		t.add(a.references(f.Rule, w)...)
	}
	return t
}

// standards names who else says what a rule says.
func (a *app) standards(r *fixes.Rule) string {
	var names []string
	for _, ref := range r.References {
		names = append(names, ref.Framework+" "+ref.ID)
	}
	return strings.Join(names, " "+a.glyphs.dot+" ")
}

// whyItMatters is how a rule's documentation begins: what an attacker gains.
func whyItMatters(r *fixes.Rule) string {
	docs, _, _ := strings.Cut(strings.TrimSpace(r.Docs), "\n#")
	if strings.HasPrefix(docs, "#") {
		return ""
	}
	return strings.TrimSpace(docs)
}

// references lists who else says what a rule says, with the addresses.
func (a *app) references(r *fixes.Rule, w int) []string {
	var out []string
	for i, ref := range r.References {
		label := map[bool]string{true: "see"}[i == 0]
		name := ref.Framework + " " + ref.ID
		if ref.URL == "" || 10+ansi.StringWidth(name)+2+ansi.StringWidth(ref.URL) <= w {
			out = append(out, a.fact(label, join("  ", name, ref.URL), w)...)
			continue
		}
		out = append(append(out, a.fact(label, name, w)...), a.factBelow(ref.URL, w)...)
	}
	return out
}

// factBelow goes on with a fact in a line of its own.
func (a *app) factBelow(text string, w int) []string {
	return hang(strings.Repeat(" ", min(10, w/4)), text, w)
}

func (a *app) severity(s fixes.Severity) string {
	return a.styles.severity[s].Render(strings.ToUpper(s.String()))
}

// fact writes a labelled text, or nothing where there is none.
func (a *app) fact(label, text string, w int) []string {
	if text == "" {
		return nil
	}
	return hang(a.styles.faint.Render(fit(label, 10, "")), text, w)
}

// fixDetail writes the fix that is looked at, with its diff or its steps.
func (a *app) fixDetail(t *text, id int32, w int) {
	it := &a.list.items[id]
	fix := it.fix()
	if fix == nil {
		t.add(a.heading("no fix is known", "", w))
		return
	}
	title := "fix"
	if n := len(it.f.Fixes); n > 1 {
		title = join(" ", fmt.Sprintf("fix %d of %d", it.shown+1, n), a.keyFor("nextFix", "next"))
	}
	state := ""
	if staged, ok := a.dec.staged(id); ok {
		state = a.glyphs.staged + " staged"
		switch {
		case staged != int(it.shown):
			state = fmt.Sprintf("%s fix %d is staged", a.glyphs.staged, staged+1)
		case len(a.dec.left[id]) > 0:
			state = a.glyphs.staged + " staged in part"
		}
		state = a.styles.good.bold().Render(state)
	}
	word := a.styles.confidence[fix.Confidence].Render(fix.Confidence.String())
	t.add(a.heading(title, join(" ", word, state), w))
	for _, line := range wrap(fix.Title, w) {
		t.add(a.styles.bold.Render(line))
	}
	t.add(a.fact(fix.Confidence.String()+":", fix.Why, w)...)
	for i, r := range fix.Risks {
		t.add(a.fact(map[bool]string{true: "risks"}[i == 0], fixes.Clean(r), w)...)
	}
	if fix.Edit == nil {
		t.add("")
		t.add(a.flow(fixes.CleanLines(fix.Steps), true, w)...)
		return
	}
	t.add(a.serverOnFinding(it.f, w)...)
	t.add("")
	p, made := a.shownPreview()
	switch {
	case !made && a.scan.running:
		t.add(a.styles.faint.Render("the change is shown once the scan is done"))
		return
	case !made && a.scan.result == nil:
		t.add(a.styles.faint.Render("no change can be shown: the scan failed"))
		return
	case !made:
		t.add(a.styles.faint.Render("making the change " + a.glyphs.ellipsis))
		return
	case p.err != nil:
		t.add(wrap(a.styles.bad.Render("The change cannot be made: ")+fixes.Clean(p.err.Error()), w)...)
		return
	}
	l := look{all: hunksIn(p.changes), current: a.detail.hunk}
	for i := range p.changes {
		d := p.changes[i]
		if i > 0 {
			t.add("")
		}
		if a.dec.edited(d.change.Object) {
			d.title += ", edited by you"
		}
		l.out = func(h *hunk) bool { return leavesOut(a.leftOut(id), d.change.Object, h) }
		t.diff(a.drawDiff(d, l, w))
		l.first += len(d.hunks)
	}
}

// heading draws a line across the pane with words at both ends.
func (a *app) heading(left, right string, w int) string {
	g := a.glyphs.horizontal
	left = a.styles.faint.Render(g+g) + " " + left + " "
	if right != "" {
		right = " " + right + " " + a.styles.faint.Render(g+g)
	}
	fill := max(w-ansi.StringWidth(left)-ansi.StringWidth(right), 0)
	return left + a.styles.faint.Render(strings.Repeat(g, fill)) + right
}

// flow wraps text that may have been wrapped before: lines run on into the
// next, but for headings, items, and code, which is set in. Where steps are
// told, a line that ends a sentence ends its paragraph too.
func (a *app) flow(text string, steps bool, w int) []string {
	var out, para []string
	end := func() {
		if len(para) > 0 {
			out = append(out, wrap(strings.Join(para, " "), w)...)
			para = nil
		}
	}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		line = strings.ReplaceAll(line, "\t", "    ")
		rest := strings.TrimLeft(line, " ")
		in := len(line) - len(rest)
		switch {
		case rest == "":
			end()
			out = append(out, "")
		case strings.HasPrefix(line, "#"):
			end()
			for _, part := range wrap(strings.TrimLeft(line, "# "), w) {
				out = append(out, a.styles.bold.Render(part))
			}
		case in >= 4, in > 0 && len(para) == 0:
			end()
			out = append(out, hang(strings.Repeat(" ", min(in, w/2)), rest, w)...)
		case strings.HasPrefix(line, "- "), strings.HasPrefix(line, "* "), strings.HasPrefix(line, "|"):
			end()
			para = append(para, line)
		default:
			para = append(para, rest)
			if steps && strings.ContainsAny(rest[len(rest)-1:], ".:;!?") {
				end()
			}
		}
	}
	end()
	return out
}
