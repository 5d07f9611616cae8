package tui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// defaultFolder is where exports go unless the user says otherwise.
const defaultFolder = "./harden-fixes"

func (a *app) cannotExport() string {
	if a.session.Export == nil {
		return "there is nothing that could export"
	}
	if why := a.cannotPlan(); why != "" {
		return why
	}
	return when(a.screen == planScreen, a.noPlan())
}

// askExport asks for the folder to export to.
func (a *app) askExport() {
	a.overlay = &prompt{
		title: "Export the plan", text: "Write the changes of " + plural(a.dec.count, "staged fix", "staged fixes") + " to this folder:",
		verb: "export", line: newInput(defaultFolder), below: (*app).fixCommand,
		enter: func(a *app, dir string) tea.Cmd {
			a.say(info, "exporting to "+dir)
			return a.compose(func(a *app) tea.Cmd { return a.export(dir) })
		},
	}
}

type exportDone struct {
	version int
	summary string
	err     error
}

func (a *app) export(dir string) tea.Cmd {
	plan, version, ctx, jobs, write := a.plan.plan, a.plan.version, a.ctx, &a.jobs, a.session.Export
	return func() tea.Msg {
		done := exportDone{version: version}
		done.err = jobs.write(func() (err error) {
			done.summary, err = write(ctx, plan, dir)
			return err
		})
		return done
	}
}

func (a *app) onExportDone(msg exportDone) {
	if msg.err != nil {
		a.say(bad, "export failed: "+fixes.Clean(firstLine(msg.err.Error())))
		a.overlay = &message{title: "Export failed", text: strings.Split(fixes.CleanLines(msg.err.Error()), "\n")}
		return
	}
	a.saved, a.net.saved = msg.version, a.net.version
	summary := fixes.CleanLines(strings.TrimSpace(msg.summary))
	if summary == "" {
		summary = "exported"
	}
	a.say(good, firstLine(summary))
	if strings.Contains(summary, "\n") {
		a.overlay = &message{title: "Exported", text: strings.Split(summary, "\n")}
	}
}
