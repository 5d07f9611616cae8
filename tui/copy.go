package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// copyMenu asks what to put on the clipboard. That goes by way of the terminal
// (OSC 52), so it works over SSH too.
type copyMenu struct {
	choices []copyChoice
	cursor  int
}

// copyChoice is a text that can be copied, or why it cannot.
type copyChoice struct {
	key, label string
	text       string
	left       []string // what the text leaves out
	off        string
}

// openCopyMenu offers what there is to copy of what the cursor is on, of what
// is marked, and of the whole session.
func (a *app) openCopyMenu() {
	a.overlay = &copyMenu{choices: []copyChoice{
		a.copyCommand(),
		a.copyChange("p", "the patch", func(p preview) string { return p.patch }),
		a.copyChange("d", "the diff", func(p preview) string { return p.diff }),
		a.copyNames(),
		a.copyList(),
		a.copyStaged(),
	}}
}

func (a *app) copyCommand() copyChoice {
	c := copyChoice{key: "c", label: "the command that shows this fix"}
	if id, ok := a.list.currentItem(); ok && a.list.marks.n == 0 {
		if a.session.Command == nil {
			c.off = noCommand
			return c
		}
		c.text = fixes.Clean(a.session.Command(a.list.items[id].f))
		return c
	}
	var choices []fixes.Choice
	for _, id := range a.targets() {
		if it := &a.list.items[id]; it.fix() != nil && it.fix().Edit != nil {
			choices = append(choices, fixes.Choice{Finding: it.f, Fix: it.fix()})
		}
	}
	c.label = "the command that shows the fixes of " + plural(len(choices), "finding")
	switch {
	case a.session.StagedCommand == nil:
		c.off = noCommand
	case len(choices) == 0:
		c.off = "none of these findings has an automatic fix"
	default:
		c.text, c.left = a.session.StagedCommand(choices)
	}
	return c
}

// noCommand is said where the session has no function for it.
const noCommand = "no command line shows the same"

// copyChange offers the change that the details show in one of its forms.
func (a *app) copyChange(key, label string, form func(preview) string) copyChoice {
	c := copyChoice{key: key, label: label + " of the change shown, secrets masked"}
	wanted, _, ok := a.previewWanted()
	p, made := a.previews.made[wanted]
	switch {
	case !ok:
		c.off = "go to a finding with an automatic fix first"
	case !made:
		c.off = "the change is not made yet"
	case p.err != nil:
		c.off = "the change cannot be made"
	default:
		c.text = form(p)
	}
	return c
}

// copyNames offers the names of the objects, each once, as kubectl takes them
// behind a verb.
func (a *app) copyNames() copyChoice {
	c := copyChoice{key: "n", label: "the name of the object, for kubectl"}
	var names []string
	seen := map[fixes.Ref]bool{}
	for _, id := range a.targets() {
		if ref := a.list.items[id].f.Object; !seen[ref] {
			seen[ref] = true
			names = append(names, fixes.Clean(ref.KubectlArgs()))
		}
	}
	if len(names) > 1 {
		c.label = fmt.Sprintf("the names of %d objects, for kubectl", len(names))
	}
	c.text = strings.Join(names, "\n")
	return c
}

func (a *app) copyList() copyChoice {
	c := copyChoice{key: "l", label: "the command line of this list"}
	if a.session.ListCommand == nil {
		c.off = noCommand
		return c
	}
	c.text, c.left = a.session.ListCommand(a.list.selection())
	return c
}

func (a *app) copyStaged() copyChoice {
	c := copyChoice{key: "s", label: "the command line of what is staged"}
	switch {
	case a.session.StagedCommand == nil:
		c.off = noCommand
	case a.dec.count == 0:
		c.off = nothingStaged(a)
	default:
		c.text, c.left = a.session.StagedCommand(a.choices())
		if a.amendedCount() > 0 {
			c.left = append(c.left, "what you left out of fixes, or edited by hand")
		}
	}
	return c
}

func (m *copyMenu) update(a *app, msg tea.Msg) tea.Cmd {
	press, ok := msg.(tea.KeyPressMsg)
	if !ok {
		return nil
	}
	switch key := press.String(); key {
	case "esc", "q":
		a.overlay = nil
	case "j", "down":
		m.cursor = (m.cursor + 1) % len(m.choices)
	case "k", "up":
		m.cursor = (m.cursor + len(m.choices) - 1) % len(m.choices)
	case "enter", "y": // yy, as in vi
		return m.copy(a, m.choices[m.cursor])
	default:
		if i := slices.IndexFunc(m.choices, func(c copyChoice) bool { return c.key == key }); i >= 0 {
			m.cursor = i
			return m.copy(a, m.choices[i])
		}
	}
	return nil
}

// copy puts a text on the clipboard and says what of it is left out.
func (m *copyMenu) copy(a *app, c copyChoice) tea.Cmd {
	if c.off != "" {
		a.say(warn, c.off)
		return nil
	}
	a.overlay = nil
	more := strings.Count(strings.TrimSuffix(c.text, "\n"), "\n")
	a.say(info, "copied: "+fixes.Clean(firstLine(c.text))+when(more > 0, " and "+plural(more, "more line")))
	if len(c.left) > 0 {
		a.overlay = &message{title: "Copied, but it says not all", text: slices.Concat([]string{c.text, "", "It leaves out:"}, bullets(c.left))}
	}
	return tea.SetClipboard(c.text)
}

func bullets(lines []string) []string {
	var out []string
	for _, l := range lines {
		out = append(out, "- "+fixes.Clean(l))
	}
	return out
}

func (m *copyMenu) box(a *app, w, h int) []string {
	inner := boxWidth(w, 76)
	var lines []string
	for i, c := range m.choices {
		mark := " "
		if i == m.cursor {
			mark = a.glyphs.cursor
		}
		line := mark + " " + a.hint(c.key, c.label)
		if c.off != "" {
			line = a.styles.faint.Render(mark + " " + c.key + " " + c.label)
		}
		lines = append(lines, fit(line, inner, a.glyphs.ellipsis))
	}
	c := m.choices[m.cursor]
	about := c.off
	if about == "" {
		about = c.text
	}
	lines = append(lines, "")
	// Of a long text the beginning is enough to know it by.
	room := max(h-len(lines)-5, 1)
	shown := hardwrap(fixes.CleanLines(strings.TrimSpace(about)), inner)
	if most := min(room, 6); len(shown) > most {
		shown = append(shown[:most-1:most-1], a.glyphs.ellipsis)
	}
	for _, s := range shown {
		lines = append(lines, a.styles.faint.Render(s))
	}
	if len(c.left) > 0 {
		lines = append(lines, fit(a.styles.warn.Render("leaves out: "+fixes.Clean(strings.Join(c.left, "; "))), inner, a.glyphs.ellipsis))
	}
	lines = append(lines, "", a.hint("enter", "copy")+"  "+a.hint("esc", "go back"))
	return a.frameBox("Copy", lines, inner, h)
}

// patchesOf writes changes as YAML documents, secrets masked: a patch of an
// object that stays, the manifest of one that is made.
func patchesOf(changes []fixes.Change, redact fixes.Redactor) (string, error) {
	var docs []string
	for _, c := range changes {
		c.Before, c.After = masked(c.Before, redact), masked(c.After, redact)
		what, doc := string(c.Action), map[string]any{}
		var err error
		switch c.Action {
		case fixes.Patch:
			var kind string
			doc, kind, err = c.MergePatch()
			what = kind + " merge patch of"
		case fixes.Create, fixes.Recreate:
			doc, err = c.Manifest()
		}
		if err != nil {
			return "", err
		}
		text := ""
		if len(doc) > 0 {
			out, err := yaml.Marshal(doc)
			if err != nil {
				return "", err
			}
			text = fixes.CleanLines(string(out))
		}
		docs = append(docs, "# "+what+" "+fixes.Clean(c.Object.String())+"\n"+text)
	}
	return strings.Join(docs, "---\n"), nil
}

func masked(o fixes.Object, redact fixes.Redactor) fixes.Object {
	if o == nil {
		return nil
	}
	return redact(o)
}

// diffsOf writes changes as a unified diff, secrets masked.
func diffsOf(changes []fixes.Change, redact fixes.Redactor) (string, error) {
	var out strings.Builder
	for _, c := range changes {
		text, err := c.Diff(redact, contexts[0])
		if err != nil {
			return "", err
		}
		out.WriteString(text)
	}
	return out.String(), nil
}
