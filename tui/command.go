package tui

import (
	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// runCommand is the command line that does something with a run, or "".
func (a *app) runCommand(verb runVerb, run int) string {
	if a.session.RunCommand == nil || run == 0 {
		return ""
	}
	return fixes.Clean(a.session.RunCommand(string(verb), run))
}

// sayCommand adds to a question the command line that does the same.
func (a *app) sayCommand(c *confirm, line string) {
	if line != "" {
		c.text = append(c.text, "", a.styles.faint.Render("$ "+line))
	}
}

// sayFixCommand adds to the question before an apply the command line that
// does the same, or what comes next to it.
func (a *app) sayFixCommand(c *confirm) {
	c.text = append(c.text, a.fixCommand("")...)
}

// fixCommand returns lines with the command that makes what is staged, in the
// cluster or as files in a folder.
func (a *app) fixCommand(dir string) []string {
	if a.session.FixCommand == nil {
		return nil
	}
	line, exact := a.session.FixCommand(a.choices(), dir == "" && a.canaryOn(), dir)
	if line == "" {
		return nil
	}
	out := []string{""}
	switch {
	case a.amendedCount() > 0:
		out = append(out, a.styles.faint.Render("The whole fixes, without what you left out or edited, would be:"))
	case !exact:
		out = append(out, a.styles.faint.Render("All fixes of these rules, more than is staged, would be:"))
	}
	return append(out, a.styles.faint.Render("$ "+fixes.Clean(line)))
}

// choices returns what is staged.
func (a *app) choices() []fixes.Choice {
	choices, _ := a.planned()
	return choices
}
