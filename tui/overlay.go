package tui

import (
	"cmp"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// overlay is what lies over the screen and takes the keys until it goes.
type overlay interface {
	update(*app, tea.Msg) tea.Cmd
	// box returns its lines, all of one width, for a screen of w by h.
	box(a *app, w, h int) []string
}

// confirm asks before something is done. The key that says yes is never the
// one that asked; or a word has to be typed.
type confirm struct {
	title string
	text  []string
	// answers are what may be done. Where a word has to be typed there is one,
	// and enter gives it.
	answers []reply
	word    string
	no      string // what esc does, "go back" where it is not said
	typed   input
	page    pager
	// under comes back when the answer is no.
	under overlay
	// quits says that it asks whether to quit, which ctrl+c then does at once.
	quits bool
}

// reply is an answer to a question.
type reply struct {
	key, verb string
	do        func(*app) tea.Cmd
}

func (c *confirm) update(a *app, msg tea.Msg) tea.Cmd {
	press, isKey := msg.(tea.KeyPressMsg)
	if isKey {
		switch press.String() {
		case "esc":
			a.overlay = c.under
			return nil
		case "down", "pgdown":
			c.page.by(max(c.page.h/2, 1))
			return nil
		case "up", "pgup":
			c.page.by(-max(c.page.h/2, 1))
			return nil
		}
	}
	if c.word != "" {
		if isKey && press.String() == "enter" {
			if c.typed.value() != c.word {
				return nil
			}
			a.overlay = nil
			return c.answers[0].do(a)
		}
		c.typed.update(msg)
		return nil
	}
	if !isKey {
		return nil
	}
	for _, r := range c.answers {
		if r.key == press.String() {
			a.overlay = nil
			return r.do(a)
		}
	}
	switch press.String() {
	case "n", "N", "q":
		a.overlay = c.under
	}
	return nil
}

// box keeps the answers in sight; a text that is too long is scrolled.
func (c *confirm) box(a *app, w, h int) []string {
	inner := boxWidth(w, 64)
	var lines, end []string
	for _, t := range c.text {
		lines = append(lines, wrap(t, inner)...)
	}
	var hints []string
	if c.word != "" {
		end = append(append(end, wrap("Type "+c.word+" and press enter:", inner)...), "> "+c.typed.view(inner-2, a.styles.reverse), "")
		hints = append(hints, a.hint("enter", c.answers[0].verb))
	} else {
		for _, r := range c.answers {
			hints = append(hints, a.hint(r.key, r.verb))
		}
	}
	if c.quits {
		hints = append(hints, a.hint(interruptKey, "at once"))
	}
	hints = append(hints, a.hint("esc", cmp.Or(c.no, "go back")))
	keys := inLines(hints, inner)
	room := func() int { return max(h-3-len(end)-len(keys), 1) }
	if len(lines) > room() {
		c.page.size(len(lines), room())
		keys = inLines(append(hints, a.hint("up/down", fmt.Sprintf("%d more", c.page.n-c.page.h))), inner)
	}
	c.page.size(len(lines), room())
	shown := append(append([]string{}, c.page.show(lines)...), "")
	return a.frameBox(c.title, append(append(shown, end...), keys...), inner, h)
}

// prompt asks for a line of text.
type prompt struct {
	title, text, verb string
	line              input
	// below returns lines that follow from what is typed. It may be nil.
	below func(*app, string) []string
	enter func(*app, string) tea.Cmd
}

func (p *prompt) update(a *app, msg tea.Msg) tea.Cmd {
	if press, ok := msg.(tea.KeyPressMsg); ok {
		switch press.String() {
		case "esc":
			a.overlay = nil
			return nil
		case "enter":
			value := strings.TrimSpace(p.line.value())
			if value == "" {
				return nil
			}
			a.overlay = nil
			return p.enter(a, value)
		}
	}
	p.line.update(msg)
	return nil
}

func (p *prompt) box(a *app, w, h int) []string {
	inner := boxWidth(w, 64)
	lines := wrap(p.text, inner)
	lines = append(lines, "> "+p.line.view(inner-2, a.styles.reverse))
	if value := strings.TrimSpace(p.line.value()); p.below != nil && value != "" {
		for _, line := range p.below(a, value) {
			lines = append(lines, wrap(line, inner)...)
		}
	}
	lines = append(lines, "", a.hint("enter", p.verb)+"  "+a.hint("esc", "go back"))
	return a.frameBox(p.title, lines, inner, h)
}

// message shows a text that may be longer than the screen.
type message struct {
	title string
	text  []string // wrapped when shown
	page  pager
	under overlay // comes back when it is closed
}

func (m *message) update(a *app, msg tea.Msg) tea.Cmd {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil
	}
	switch press.String() {
	case "j", "down":
		m.page.by(1)
	case "k", "up":
		m.page.by(-1)
	case "ctrl+d", "pgdown", "space":
		m.page.by(max(m.page.h/2, 1))
	case "ctrl+u", "pgup":
		m.page.by(-max(m.page.h/2, 1))
	case "g", "home":
		m.page.by(-m.page.n)
	case "G", "end":
		m.page.by(m.page.n)
	case "esc", "q", "enter", "?":
		a.overlay = m.under
	}
	return nil
}

func (m *message) box(a *app, w, h int) []string {
	inner := boxWidth(w, 76)
	var lines []string
	for _, t := range m.text {
		lines = append(lines, wrap(t, inner)...)
	}
	return a.scrollBox(m.title, lines, inner, h, &m.page)
}

// scrollBox frames as many lines as fit, with the way on told below.
func (a *app) scrollBox(title string, lines []string, inner, h int, page *pager) []string {
	page.size(len(lines), max(h-6, 1))
	end := a.hint("esc", "close")
	if page.n > page.h {
		end = a.hint("j/k", "scroll") + "  " + end
	}
	shown := append([]string{}, page.show(lines)...)
	return a.frameBox(title, append(shown, "", end), inner, h)
}

func boxWidth(w, most int) int { return max(min(w-4, most), 1) }

// frameBox draws a border around lines, cut to a screen of h lines.
func (a *app) frameBox(title string, lines []string, inner, h int) []string {
	g := a.glyphs
	if room := max(h-2, 1); len(lines) > room {
		lines = append(lines[:room-1:room-1], lines[len(lines)-1])
	}
	title = ansi.Truncate(title, max(inner-2, 0), g.ellipsis)
	top := g.corners[0] + g.horizontal + " " + a.styles.bold.Render(title) + " " +
		strings.Repeat(g.horizontal, max(inner-1-ansi.StringWidth(title), 0)) + g.corners[1]
	out := []string{top}
	for _, line := range lines {
		out = append(out, g.vertical+" "+fit(line, inner, g.ellipsis)+" "+g.vertical)
	}
	return append(out, g.corners[2]+strings.Repeat(g.horizontal, inner+2)+g.corners[3])
}

// help lists the keys of the screen that it was asked on.
type help struct{ page pager }

func newHelp(*app) *help { return &help{} }

func (k *help) update(a *app, msg tea.Msg) tea.Cmd {
	if press, ok := msg.(tea.KeyPressMsg); ok {
		if key, _ := a.keys.key(a.screen, "help"); press.String() == key {
			a.overlay = nil
			return nil
		}
	}
	m := message{page: k.page}
	m.update(a, msg)
	k.page = m.page
	return nil
}

func (k *help) box(a *app, w, h int) []string {
	inner := boxWidth(w, 96)
	column := 9
	var lines []string
	for _, group := range []string{toMove, toChoose, toLook, toAct} {
		first := true
		for i := range a.keys[a.screen] {
			b := &a.keys[a.screen][i]
			if b.group != group || b.help == "" || b.name() == "" {
				continue
			}
			if first {
				if len(lines) > 0 {
					lines = append(lines, "")
				}
				lines = append(lines, a.styles.bold.underline().Render(group))
				first = false
			}
			text := b.help + b.aside
			if why := b.disabled(a); why != "" {
				text += " (not now: " + why + ")"
			}
			label := a.styles.bold.Render(fit(b.name(), column, "")) + " "
			lines = append(lines, hang(label, text, inner)...)
		}
	}
	return a.scrollBox("Keys", lines, inner, h, &k.page)
}
