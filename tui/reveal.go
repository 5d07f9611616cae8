package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// revealFor is how long a secret value stays on the screen.
const revealFor = 15 * time.Second

// reveal shows a value that masking hides, after a question, until a key is
// pressed or its time is over. It is the only place in which a secret is ever
// on the screen; nothing copies it.
type reveal struct {
	hidden []hiddenValue
	at     int
	number int
	value  []byte // nil until it is revealed
	page   pager
}

type hiddenValue struct {
	change fixes.Change
	path   string
}

// hiddenShown returns what is masked in the changes that are shown.
func (a *app) hiddenShown() []hiddenValue {
	var out []hiddenValue
	for _, d := range a.shownDiffs() {
		for _, path := range d.hidden {
			out = append(out, hiddenValue{d.change, path})
		}
	}
	return out
}

func (a *app) cannotReveal() string {
	if a.session.Reveal == nil {
		return "there is nothing that could reveal it"
	}
	if why := a.noDiff(); why != "" {
		return why
	}
	return when(len(a.hiddenShown()) == 0, "nothing is masked in this change")
}

func (a *app) askReveal() {
	a.reveals++
	a.overlay = &reveal{hidden: a.hiddenShown(), number: a.reveals}
}

// revealed is a value that was asked for.
type revealed struct {
	number int
	value  []byte
	err    error
}

type revealOver struct{ number int }

func (r *reveal) update(a *app, msg tea.Msg) tea.Cmd {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil
	}
	switch press.String() {
	case "j", "down":
		r.at = min(r.at+1, len(r.hidden)-1)
	case "k", "up":
		r.at = max(r.at-1, 0)
	case "y":
		number, h, look := r.number, r.hidden[r.at], a.session.Reveal
		return func() tea.Msg {
			value, err := look(h.change, h.path)
			return revealed{number, []byte(value), err}
		}
	case "n", "q", "esc":
		a.overlay = nil
	}
	return nil
}

// forgetRevealed takes a value off the screen and wipes it.
func (a *app) forgetRevealed() {
	if r, ok := a.overlay.(*reveal); ok && r.value != nil {
		clear(r.value)
		r.value, a.overlay = nil, nil
	}
}

func (a *app) onRevealed(msg revealed) tea.Cmd {
	r, ok := a.overlay.(*reveal)
	if !ok || r.number != msg.number || r.value != nil {
		clear(msg.value)
		return nil
	}
	if msg.err != nil {
		a.overlay = nil
		a.say(bad, fixes.Clean(firstLine(msg.err.Error())))
		return nil
	}
	r.value = append([]byte{}, msg.value...)
	clear(msg.value)
	return tea.Tick(a.opts.reveal, func(time.Time) tea.Msg { return revealOver{msg.number} })
}

func (a *app) onRevealOver(msg revealOver) {
	if r, ok := a.overlay.(*reveal); ok && r.number == msg.number {
		a.forgetRevealed()
	}
}

func (r *reveal) box(a *app, w, h int) []string {
	inner := boxWidth(w, 76)
	var lines []string
	if r.value != nil {
		path := r.hidden[r.at].path
		lines = append(wrap(a.styles.bold.Render(fixes.Clean(path)), inner), "")
		for line := range strings.SplitSeq(fixes.CleanLines(string(r.value)), "\n") {
			lines = append(lines, hardwrap(line, inner)...)
		}
		if room := max(h-6, 1); len(lines) > room {
			lines = append(lines[:room:room], a.styles.faint.Render(fmt.Sprintf("%d lines more", len(lines)-room)))
		}
		lines = append(lines, "", a.hint("any key", "hides it; so does time, after "+fmt.Sprint(revealFor)))
		return a.frameBox("A secret value", lines, inner, h)
	}
	lines = wrap("This shows a secret value on the screen, for "+fmt.Sprint(revealFor)+" or until a key is pressed. It is not copied, and not written anywhere.", inner)
	lines = append(lines, "")
	var names []string
	for i, v := range r.hidden {
		mark := "  "
		if i == r.at {
			mark = a.glyphs.cursor + " "
		}
		names = append(names, fit(mark+fixes.Clean(v.change.Object.NamespacedName()+"  "+v.path), inner, a.glyphs.ellipsis))
	}
	r.page.size(len(names), max(h-len(lines)-4, 1))
	if r.at < r.page.offset || r.at >= r.page.offset+r.page.h {
		r.page.by(r.at - r.page.offset - r.page.h/2)
	}
	lines = append(append(lines, r.page.show(names)...), "")
	hints := []string{a.hint("y", "show it"), a.hint("esc", "go back")}
	if len(names) > 1 {
		hints = append([]string{a.hint("j/k", "choose")}, hints...)
	}
	return a.frameBox("Reveal a secret value?", append(lines, inLines(hints, inner)...), inner, h)
}
