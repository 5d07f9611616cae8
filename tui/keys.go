package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// binding is one thing that keys do. It is the one source of what is handled,
// what the footer and the help say, and why it does not go right now.
type binding struct {
	keys []string // as Bubble Tea names them
	// label is how the keys are written for people; it is the first key where
	// it is empty.
	label string
	// short is said in the footer; it is not there when that is empty.
	short string
	// help is said in the help, below the heading group.
	help, group string
	// off says why the key does nothing now, or "". It may be nil.
	off func(*app) string
	run func(*app) tea.Cmd
}

func (b *binding) name() string {
	if b.label != "" {
		return b.label
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
		if why := list[i].disabled(a); why != "" {
			a.say(warn, why)
			return nil
		}
		return list[i].run(a)
	}
	return nil
}

// footer draws the line of keys, those that do nothing now faintly. A notice
// is there where the screen is too low for the line that has it otherwise.
func (a *app) footer() string {
	w := a.lay.w
	switch {
	case a.editing != nil:
		return a.filterLine()
	case a.notice.text != "" && !a.lay.rules:
		return " " + a.tone(a.notice.tone, a.notice.text)
	}
	var hints []string
	used := 1
	last := a.hint("?", "help")
	sep := "  "
	for i := range a.keys[a.screen] {
		b := &a.keys[a.screen][i]
		if b.short == "" {
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
	return " " + strings.Join(append(hints, last), sep)
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
	move := func(label, help string, by func(*app) int, keys ...string) binding {
		return binding{keys: keys, label: label, help: help, group: toMove, run: func(a *app) tea.Cmd {
			a.move(by(a))
			return nil
		}}
	}
	const far = 1 << 30
	detail := func(label, help string, by int, keys ...string) binding {
		return binding{keys: keys, label: label, help: help, group: toMove, run: func(a *app) tea.Cmd {
			a.detailPager().by(by)
			return nil
		}}
	}
	return []binding{
		move("j k", "down, up; so do the arrows", func(*app) int { return 1 }, "j", "down"),
		move("", "", func(*app) int { return -1 }, "k", "up"),
		move("^d ^u", "half a page down, up (ctrl+d, ctrl+u)", func(a *app) int { return a.half() }, "ctrl+d", "pgdown"),
		move("", "", func(a *app) int { return -a.half() }, "ctrl+u", "pgup"),
		move("g G", "to the top, to the end", func(*app) int { return -far }, "g", "home"),
		move("", "", func(*app) int { return far }, "G", "end"),
		detail("J K", "scroll the details down, up", 3, "J", "shift+down"),
		detail("", "", -3, "K", "shift+up"),
		{keys: []string{"tab", "shift+tab"}, label: "tab", help: "to the other pane", group: toMove, run: func(a *app) tea.Cmd {
			a.detail.hunk = -1
			a.inDetail = !a.inDetail
			return nil
		}},
	}
}

// move moves the cursor, or scrolls the details when the keys go there.
func (a *app) move(by int) {
	if a.inDetail {
		a.detailPager().by(by)
		return
	}
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
	}
	return &a.list.scroll
}

// detailPager returns what scrolls the screen's details.
func (a *app) detailPager() *pager { return &a.detail.pager }

// leave returns the bindings that end every screen's list.
func leave() []binding {
	return []binding{
		{keys: []string{"?"}, help: "these keys", group: toLook, run: func(a *app) tea.Cmd {
			a.overlay = newHelp(a)
			return nil
		}},
		{keys: []string{"q"}, help: "quit", group: toAct, run: (*app).quit},
		{keys: []string{"ctrl+c"}, help: "quit at once", group: toAct, run: func(*app) tea.Cmd { return nil }},
	}
}

// quit ends the program, asking first when something would be lost.
func (a *app) quit() tea.Cmd {
	if a.apply.running {
		a.askToQuit()
		return nil
	}
	if a.dec.count > 0 && a.dec.version != a.saved {
		a.overlay = &confirm{
			title: "Quit?",
			text: []string{plural(a.dec.count, "fix", "fixes") + " staged, neither applied nor exported: quitting forgets " +
				map[bool]string{true: "it", false: "them"}[a.dec.count == 1] + "."},
			answers: []reply{{"y", "quit", func(*app) tea.Cmd { return tea.Quit }}},
		}
		return nil
	}
	if len(a.net.past) > 0 && a.net.version != a.net.saved && a.dec.count == 0 {
		a.overlay = &confirm{
			title:   "Quit?",
			text:    []string{plural(len(a.net.decisions), "decision") + " about connections: quitting forgets them. y in the network copies the command line that has them."},
			answers: []reply{{"y", "quit", func(*app) tea.Cmd { return tea.Quit }}},
		}
		return nil
	}
	return tea.Quit
}
