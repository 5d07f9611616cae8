package tui

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
)

// quit ends the program, asking first when something would be lost.
func (a *app) quit() tea.Cmd {
	c := a.beforeQuit()
	if c == nil {
		return tea.Quit
	}
	c.quits, c.under = true, a.overlay
	a.overlay = c
	return nil
}

// interrupt ends the program as ctrl+c does: where q asks it asks too, and while
// it is asked it ends at once.
func (a *app) interrupt() tea.Cmd {
	if c, asked := a.overlay.(*confirm); asked && c.quits {
		a.interrupted = true
		return c.answers[0].do(a)
	}
	end := a.quit()
	a.interrupted = end != nil
	return end
}

// beforeQuit returns what to ask before the program ends, or nil.
func (a *app) beforeQuit() *confirm {
	if a.apply.running {
		return &confirm{
			title: "Stop, and quit?", no: "go on",
			text: []string{"What is done stays, and can be undone later. What has not begun is not attempted. " +
				"Rollouts under way are not waited for."},
			answers: []reply{{"y", "stop and quit", func(a *app) tea.Cmd {
				a.stopAtOnce()
				return tea.Quit
			}}},
		}
	}
	var text string
	n := a.dec.count
	switch {
	case n > 0 && a.dec.version != a.saved:
		text = plural(n, "fix", "fixes") + " staged, neither applied nor exported"
	case n == 0 && a.session.Keep == nil && a.shelved() > 0:
		n = a.shelved()
		text = plural(n, "fix", "fixes") + " staged elsewhere, in contexts or namespaces that you have left"
	case n == 0 && len(a.net.past) > 0 && a.net.version != a.net.saved:
		n = len(a.net.decisions)
		text = plural(n, "decision") + " about connections"
	default:
		return nil
	}
	switch {
	case a.session.Keep != nil:
		text += ". The next session here offers to restore " + it(n)
		if amended := a.amendedCount(); amended > 0 {
			text += fmt.Sprintf(", but the %d in part or edited by hand", amended)
		}
		text += "."
	case a.dec.count == 0 && a.shelved() == 0:
		text += ": quitting forgets them." + a.networkCopies()
	default:
		text += ": quitting forgets " + it(n) + "."
	}
	return &confirm{title: "Quit?", text: []string{text}, answers: []reply{{"y", "quit", func(*app) tea.Cmd { return tea.Quit }}}}
}

// networkCopies tells how decisions about connections are kept as a command
// line.
func (a *app) networkCopies() string {
	key, _ := a.keys.key(namespacesScreen, "copy")
	return when(key != "", " "+key+" in the network copies the command line that has them.")
}

// it stands for one thing, or several.
func it(n int) string {
	if n == 1 {
		return "it"
	}
	return "them"
}
