package plugin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/export"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
	"github.com/kubectl-harden/kubectl-harden/tui"
)

// runTUI opens the terminal UI, or writes lines instead of it.
func (o *Options) runTUI(ctx context.Context) error {
	run := tui.Run
	if o.lines() {
		run = tui.RunLinear
	}
	err := run(ctx, o.session(), o.In, o.Out)
	for _, k := range *o.keepers {
		k.tell(o.ErrOut)
	}
	if errors.Is(err, tui.ErrInterrupted) {
		return errors.Join(context.Canceled, err)
	}
	return err
}

// session returns what the terminal UI needs to look at the options' source.
func (o *Options) session() tui.Session {
	session := tui.Session{
		Context: o.Context, Namespace: o.Namespace, Scope: fixes.Clean(o.Scope),
		Redact:  secrets.Redact,
		Scan:    o.scan,
		Export:  o.exportPlan,
		Command: o.command, ListCommand: o.listCommand, StagedCommand: o.stagedCommand,
		Reveal: func(c fixes.Change, path string) (string, error) { return c.Reveal(secrets.Redact, path) },
		Decide: o.decisions.put, NetworkCommand: o.networkCommand,
		Keys:    o.configured.bound(),
		NoColor: !color(o.Out) || o.screen.noColor,
		ASCII:   asciiLocale(),
		Theme:   o.screen.theme, Mouse: o.screen.mouse,
	}
	k := o.keeper()
	k.addTo(&session)
	*o.keepers = append(*o.keepers, k)
	switch {
	case o.cluster != nil:
		runs := &sessionRuns{o: o}
		session.WaveSize = o.Settings.WaveSize
		session.Check, session.Apply, session.CanaryRisks = runs.check, runs.apply, runs.canaryRisks
		session.Runs, session.RunCommand = runs.list, o.runCommand
		session.PlanUndo, session.Undo = runs.planUndo, runs.undo
		session.Annotate = o.annotateCommand
		session.PlanResume, session.Resume = runs.planResume, runs.resume
		session.FixCommand = runs.fixCommand
		session.Production, session.ConfirmAbove = o.guard.isProduction(o.Context), o.guard.confirmAbove
		session.WhyReadOnly = o.guard.whyReadOnly
		session.Scan, session.Rescan, session.Watch, session.Watching = runs.scan, runs.rescan, runs.watch, o.Watch
		session.Contexts, session.Namespaces, session.Switch = o.contexts, o.namespaces, o.switchTo
	case o.Context == "demo":
		session.WhyNoApply = "the demo is not a cluster that could be changed"
	default:
		session.WhyNoApply = "manifests are not changed in place; export the fixes instead"
	}
	if session.IgnoreFile, session.WhyNoIgnore = o.config.place(); session.WhyNoIgnore == "" {
		session.Ignore = func(i fixes.Ignore) ([]fixes.Ignore, error) { return o.config.add(i, o.Now()) }
		session.EndIgnore = o.config.remove
	}
	return session
}

func (o *Options) exportPlan(_ context.Context, plan *fixes.Plan, dir string) (string, error) {
	if err := export.Kustomize(dir, plan, secrets.Redact); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s written to %s; its README.md says how to apply them", report.Count(len(plan.Changes), "change"), dir), nil
}

// command returns the command line that shows a finding's fix.
func (o *Options) command(f *fixes.Finding) string {
	args := o.commandSource(f.Object.Namespace)
	args = append(args, "--rule", f.Rule.ID, "--fix", "--dry-run", "--confidence", fixes.Review.String())
	if f.Rule.Connections {
		args = append(args, o.decisions.args()...)
	}
	return fixes.Clean(strings.Join(args, " "))
}

// networkCommand returns the command line that shows the policies that close
// namespaces, as the user wants them.
func (o *Options) networkCommand() string {
	source := o.commandSource(o.Namespace)
	// The decisions first: they are what is looked for, and a screen is narrow.
	args := slices.Concat(source[:2], o.decisions.args(), source[2:],
		[]string{"--rule", network.RuleNoDefaultDeny, "--fix", "--dry-run", "--confidence", fixes.Review.String()})
	return fixes.Clean(strings.Join(args, " "))
}

// commandSource begins a command line with what it looks at.
func (o *Options) commandSource(namespace string) []string {
	args := []string{"kubectl", Name}
	switch {
	case o.Context == "demo" && o.cluster == nil:
		return append(args, "--demo")
	case o.cluster == nil:
		return append(args, "-f", strings.Join(strings.Split(o.Scope, ", "), " -f "))
	}
	args = append(args, "--context", o.Context)
	if namespace != "" {
		args = append(args, "-n", namespace)
	}
	return args
}

// asciiLocale reports whether the locale is one whose terminals may not show
// more than ASCII (POSIX: LC_ALL counts before LC_CTYPE before LANG).
func asciiLocale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			return v == "C" || v == "POSIX"
		}
	}
	return false
}
