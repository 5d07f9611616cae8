package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// picker lets one of several names be chosen: what is typed narrows them.
type picker struct {
	title   string
	entries []entry
	line    input
	shown   []int // of the entries
	scroll  scroller
	// note says what is still missing, or why it cannot be had.
	note string
	// typed offers what was typed as an entry that is not listed; it may be nil.
	typed func(string) entry
	pick  func(*app, entry) tea.Cmd
}

// entry is a name that can be chosen.
type entry struct {
	value string // which may not be safe to show
	label string
	note  string // shown at the end of the line
	// current marks where one is.
	current bool
}

func newPicker(title string, entries []entry, pick func(*app, entry) tea.Cmd) *picker {
	p := &picker{title: title, entries: entries, pick: pick}
	p.narrow()
	for i, at := range p.shown {
		if p.entries[at].current {
			p.scroll.cursor = i
		}
	}
	return p
}

// narrow shows the entries that hold what was typed, or, where none does, those
// that it abbreviates.
func (p *picker) narrow() {
	want := strings.ToLower(strings.TrimSpace(p.line.value()))
	for _, matches := range []func(string) bool{
		func(label string) bool { return strings.Contains(label, want) },
		func(label string) bool { return abbreviates(want, label) },
	} {
		p.shown = p.shown[:0]
		for i, e := range p.entries {
			if matches(strings.ToLower(e.label)) {
				p.shown = append(p.shown, i)
			}
		}
		if len(p.shown) > 0 {
			break
		}
	}
	p.scroll.n = p.rows()
	p.scroll.to(0)
}

// rows counts what can be chosen: what was typed comes after the entries.
func (p *picker) rows() int {
	if _, ok := p.other(); ok {
		return len(p.shown) + 1
	}
	return len(p.shown)
}

// other returns what was typed, where that is no entry's name.
func (p *picker) other() (entry, bool) {
	value := strings.TrimSpace(p.line.value())
	if p.typed == nil || value == "" {
		return entry{}, false
	}
	for _, e := range p.entries {
		if e.value == value {
			return entry{}, false
		}
	}
	return p.typed(value), true
}

func (p *picker) at(row int) (entry, bool) {
	if row < len(p.shown) {
		return p.entries[p.shown[row]], true
	}
	return p.other()
}

func (p *picker) update(a *app, msg tea.Msg) tea.Cmd {
	if press, ok := msg.(tea.KeyPressMsg); ok {
		switch press.String() {
		case "esc":
			a.overlay = nil
			return nil
		case "enter":
			e, ok := p.at(p.scroll.cursor)
			if !ok {
				return nil
			}
			a.overlay = nil
			return p.pick(a, e)
		case "down", "ctrl+n", "tab":
			p.scroll.to(p.scroll.cursor + 1)
			return nil
		case "up", "ctrl+p", "shift+tab":
			p.scroll.to(p.scroll.cursor - 1)
			return nil
		case "pgdown":
			p.scroll.to(p.scroll.cursor + p.scroll.h)
			return nil
		case "pgup":
			p.scroll.to(p.scroll.cursor - p.scroll.h)
			return nil
		}
	}
	before := p.line.value()
	if p.line.update(msg) && p.line.value() != before {
		p.narrow()
	}
	return nil
}

func (p *picker) box(a *app, w, h int) []string {
	inner := boxWidth(w, 64)
	lines := []string{"> " + p.line.view(inner-2, a.styles.reverse), ""}
	p.scroll.size(p.rows(), max(h-8, 1))
	from, to := p.scroll.window()
	for i := from; i < to; i++ {
		e, ok := p.at(i)
		if !ok {
			break
		}
		mark := "  "
		if e.current {
			mark = a.glyphs.staged + " "
		}
		if i == p.scroll.cursor {
			mark = a.glyphs.cursor + mark[len(mark)-1:]
		}
		line := spread(mark+e.label, e.note+" ", inner, a.glyphs.ellipsis)
		if i == p.scroll.cursor {
			line = a.styles.reverse.Render(line)
		}
		lines = append(lines, line)
	}
	if to == from {
		lines = append(lines, a.styles.faint.Render("nothing has that name"))
	}
	below := a.hint("enter", "choose") + "  " + a.hint("esc", "go back")
	if hidden := p.rows() - (to - from); hidden > 0 {
		below += a.styles.faint.Render(fmt.Sprintf("  %d more", hidden))
	}
	if p.note != "" {
		lines = append(lines, a.styles.faint.Render(fixes.Clean(p.note)))
	}
	return a.frameBox(p.title, append(lines, "", below), inner, h)
}
