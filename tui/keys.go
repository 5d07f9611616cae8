package tui

import (
	"slices"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// binding is one thing that keys do. It is the one source of what is handled,
// what the footer and the help say, and why it does not go right now.
type binding struct {
	// action is the name by which the keys are configured; it is a contract.
	action string
	keys   []string // as Bubble Tea names them
	// label is how the keys are written for people; it is the first key where
	// it is empty.
	label string
	// short is said in the footer; it is not there when that is empty.
	short string
	// help is said in the help, below the heading group; aside with it, while the
	// keys are those that the program comes with.
	help, group, aside string
	// asks has the keys that answer the question which comes before it is done.
	// They may not be bound to it, nor may enter: what asks never answers.
	asks string
	// off says why the key does nothing now, or "". It may be nil.
	off func(*app) string
	run func(*app) tea.Cmd
}

func (b *binding) name() string {
	switch {
	case b.label != "":
		return b.label
	case len(b.keys) == 0:
		return ""
	}
	return b.keys[0]
}

func (b *binding) disabled(a *app) string {
	if b.off == nil {
		return ""
	}
	return b.off(a)
}

// press does what a key is bound to, or says why not.
func (a *app) press(key string) tea.Cmd {
	list := a.keys[a.screen]
	for i := range list {
		if !slices.Contains(list[i].keys, key) {
			continue
		}
		return a.perform(&list[i])
	}
	return nil
}

// perform does what a binding is for, or says why not.
func (a *app) perform(b *binding) tea.Cmd {
	if why := b.disabled(a); why != "" {
		a.say(warn, why)
		return nil
	}
	return b.run(a)
}

// footer draws the line of keys, those that do nothing now faintly. A notice
// is there where the screen is too low for the line that has it otherwise.
func (a *app) footer() string {
	w := a.lay.w
	switch {
	case a.editing != nil:
		return a.drawFilterLine()
	case a.notice.text != "" && !a.lay.rules:
		return " " + a.tone(a.notice.tone, a.notice.text)
	}
	var hints []string
	used := 1
	last, sep := "", "  "
	if key, _ := a.keys.key(a.screen, "help"); key != "" {
		last = a.hint(key, "help")
	}
	for i := range a.keys[a.screen] {
		b := &a.keys[a.screen][i]
		if b.short == "" || b.name() == "" {
			continue
		}
		h := a.hint(b.name(), b.short)
		if b.disabled(a) != "" {
			h = a.styles.faint.Render(b.name() + " " + b.short)
		}
		if used+ansi.StringWidth(h)+len(sep)+ansi.StringWidth(last) > w-1 {
			break
		}
		used += ansi.StringWidth(h) + len(sep)
		hints = append(hints, h)
	}
	return " " + join(sep, append(hints, last)...)
}

func (a *app) hint(key, word string) string {
	return a.styles.bold.Render(key) + " " + word
}

// The headings of the help, in order.
const (
	toMove   = "Move"
	toChoose = "Choose fixes"
	toLook   = "Look"
	toAct    = "Act"
)

// moves returns the bindings that every screen has for moving about.
func moves() []binding {
	// A pair of keys is told in one line of the help, which the first one has.
	move := func(action, help string, by func(*app) int, keys ...string) binding {
		return binding{action: action, keys: keys, help: help, group: toMove, run: func(a *app) tea.Cmd {
			a.move(by(a))
			return nil
		}}
	}
	const far = 1 << 30
	detail := func(action, help string, by int, keys ...string) binding {
		return binding{action: action, keys: keys, help: help, group: toMove, run: func(a *app) tea.Cmd {
			a.detailPager().by(by)
			return nil
		}}
	}
	list := []binding{
		move("move.down", "down, up", func(*app) int { return 1 }, "j", "down"),
		move("move.up", "", func(*app) int { return -1 }, "k", "up"),
		move("move.halfDown", "half a page down, up", func(a *app) int { return a.half() }, "ctrl+d", "pgdown"),
		move("move.halfUp", "", func(a *app) int { return -a.half() }, "ctrl+u", "pgup"),
		move("move.top", "to the top, to the end", func(*app) int { return -far }, "g", "home"),
		move("move.end", "", func(*app) int { return far }, "G", "end"),
		detail("move.detailsDown", "scroll the details down, up", 3, "J", "shift+down"),
		detail("move.detailsUp", "", -3, "K", "shift+up"),
		{action: "move.pane", keys: []string{"tab", "shift+tab"}, help: "to the other pane", group: toMove, run: func(a *app) tea.Cmd {
			a.detail.hunk = -1
			a.inDetail = !a.inDetail
			return nil
		}},
	}
	list[0].aside, list[2].aside = "; so do the arrows", " (ctrl+d, ctrl+u)"
	return list
}

// move moves the cursor, or scrolls the details when the keys go there.
func (a *app) move(by int) {
	if a.inDetail {
		a.detailPager().by(by)
		return
	}
	a.scan.looked = true
	s := a.scroller()
	s.to(max(min(s.cursor+by, s.n-1), 0))
	if a.screen == applyScreen {
		a.apply.follow = false
	}
}

func (a *app) half() int {
	if a.inDetail {
		return max(a.detailPager().h/2, 1)
	}
	return max(a.scroller().h/2, 1)
}

// scroller returns the cursor of the screen's list.
func (a *app) scroller() *scroller {
	switch a.screen {
	case planScreen:
		return &a.plan.scroll
	case applyScreen:
		return &a.apply.scroll
	case namespacesScreen:
		return &a.net.spaces
	case matrixScreen:
		return a.net.scroller(a.lay)
	case historyScreen:
		return &a.history.scroll
	}
	return &a.list.scroll
}

// detailPager returns what scrolls the screen's details.
func (a *app) detailPager() *pager { return &a.detail.pager }

// leave returns the bindings that end every screen's list.
func leave() []binding {
	return []binding{
		{action: "app.narrower", keys: []string{"<"}, label: "< >", help: "move the divider of the panes", group: toLook,
			off: (*app).noDivider, run: func(a *app) tea.Cmd { a.moveDivider(-1); return nil }},
		{action: "app.wider", keys: []string{">"}, off: (*app).noDivider, run: func(a *app) tea.Cmd { a.moveDivider(1); return nil }},
		{action: "app.mouse", keys: []string{"M"}, help: "mouse on, off; while it is off, the terminal selects text", group: toLook, run: func(a *app) tea.Cmd {
			a.toggleMouse()
			return nil
		}},
		{action: "app.help", keys: []string{"?"}, help: "these keys", group: toLook, run: func(a *app) tea.Cmd {
			a.overlay = newHelp(a)
			return nil
		}},
		{action: "app.quit", keys: []string{"q"}, help: "quit", group: toAct, asks: "y", run: (*app).quit},
		{action: "app.interrupt", keys: []string{interruptKey}, help: "quit; asked twice, at once", group: toAct, run: (*app).interrupt},
	}
}
