package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// objectView shows a whole object as YAML, secrets masked.
type objectView struct {
	title  string
	lines  []fixes.Line
	search string
	typing *input
	page   pager
	// w is the width that rows were made for, and at the row of each line.
	w    int
	rows []string
	at   []int
}

type objectShown struct {
	title string
	lines []fixes.Line
	err   error
}

func (a *app) noObject() string {
	if a.screen == planScreen {
		return a.cannotLeaveOut()
	}
	if a.scan.result == nil {
		return a.notReady()
	}
	_, ok := a.list.currentItem()
	return when(!ok, "go to a finding first")
}

// showObject reads the object that the cursor is on: of a plan as it will be,
// of a finding as it is.
func (a *app) showObject() tea.Cmd {
	redact, jobs := a.session.Redact, &a.jobs
	var look func() (string, fixes.Object)
	if a.screen == planScreen {
		r, _ := a.plan.current()
		c := a.plan.plan.Changes[r.change]
		look = func() (string, fixes.Object) {
			if c.After == nil {
				return c.Object.String() + ", which is deleted", c.Before
			}
			return c.Object.String() + ", as it will be", c.After
		}
	} else {
		ref, inv := a.list.items[a.mustItem()].f.Object, a.scan.result.Inventory
		look = func() (string, fixes.Object) { return ref.String() + ", as it is", inv.Get(ref) }
	}
	return func() tea.Msg {
		var shown objectShown
		shown.err = jobs.onInventory(func() (err error) {
			title, obj := look()
			if obj == nil {
				return fmt.Errorf("%s is not among what was scanned", strings.TrimSuffix(title, ", as it is"))
			}
			shown.title = fixes.Clean(title)
			shown.lines, err = fixes.ObjectLines(obj, redact)
			return err
		})
		return shown
	}
}

func (a *app) onObjectShown(msg objectShown) {
	switch {
	case msg.err != nil:
		a.say(bad, fixes.Clean(firstLine(msg.err.Error())))
	case a.overlay == nil:
		a.overlay = &objectView{title: msg.title, lines: msg.lines}
	}
}

func (o *objectView) update(a *app, msg tea.Msg) tea.Cmd {
	o.measure(a, a.lay.w, a.lay.h)
	press, isKey := msg.(tea.KeyPressMsg)
	if o.typing != nil {
		switch {
		case isKey && press.String() == "esc":
			o.typing = nil
		case isKey && press.String() == "enter":
			o.search, o.typing = o.typing.value(), nil
			o.next(1)
		default:
			o.typing.update(msg)
		}
		return nil
	}
	if !isKey {
		return nil
	}
	switch press.String() {
	case "/":
		o.typing = &input{}
	case "n":
		o.next(1)
	case "N":
		o.next(-1)
	case "y":
		var b strings.Builder
		for _, l := range o.lines {
			b.WriteString(l.Text + "\n")
		}
		a.overlay = nil
		a.say(info, "copied "+o.title+", secrets masked")
		return tea.SetClipboard(b.String())
	case "o":
		a.overlay = nil
	default:
		m := message{page: o.page}
		m.update(a, msg)
		o.page = m.page
	}
	return nil
}

// next scrolls to another line that holds what is looked for, around the end.
func (o *objectView) next(by int) {
	if o.search == "" {
		return
	}
	line := 0
	for line+1 < len(o.lines) && o.at[line] < o.page.offset {
		line++
	}
	for range o.lines {
		line = (line + by + len(o.lines)) % len(o.lines)
		if o.matches(line) {
			o.page.by(o.at[line] - o.page.offset)
			return
		}
	}
}

func (o *objectView) matches(line int) bool {
	return o.search != "" && strings.Contains(strings.ToLower(o.lines[line].Text), strings.ToLower(o.search))
}

// measure fits the object to a screen, and returns the cells of a line.
func (o *objectView) measure(a *app, w, h int) int {
	inner := boxWidth(w, 120)
	o.fit(a, inner)
	o.page.size(len(o.rows), max(h-4, 1))
	return inner
}

// fit makes the rows for a width.
func (o *objectView) fit(a *app, w int) {
	if o.w == w {
		return
	}
	o.w, o.rows, o.at = w, nil, nil
	look := func(t token, _ bool) pen { return a.tokenStyle(t, a.styles.plain, true) }
	for _, l := range o.lines {
		o.at = append(o.at, len(o.rows))
		text := strings.ReplaceAll(l.Text, "\t", "    ")
		o.rows = append(o.rows, a.paint(text, lexYAML(text, l.Goes), nil, look, w)...)
	}
}

func (o *objectView) box(a *app, w, h int) []string {
	inner := o.measure(a, w, h)
	shown := append([]string{}, o.page.show(o.rows)...)
	if o.search != "" {
		for i, row := range o.at {
			if n := row - o.page.offset; o.matches(i) && n >= 0 && n < len(shown) {
				shown[n] = a.styles.reverse.Render(fit(strings.ReplaceAll(o.lines[i].Text, "\t", "    "), inner, a.glyphs.ellipsis))
			}
		}
	}
	end := a.hint("j/k", "scroll") + "  " + a.hint("/", "search") + "  " + a.hint("y", "copy") + "  " + a.hint("esc", "close")
	switch {
	case o.typing != nil:
		end = "/ " + o.typing.view(inner-2, a.styles.reverse)
	case o.search != "":
		found := 0
		for i := range o.lines {
			if o.matches(i) {
				found++
			}
		}
		end = plural(found, "line") + " with " + o.search + "  " + a.hint("n N", "next, previous") + "  " + end
	}
	return a.frameBox(o.title, append(shown, "", fit(end, inner, a.glyphs.ellipsis)), inner, h)
}
