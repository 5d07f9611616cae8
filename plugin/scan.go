package plugin

import (
	"context"
	"errors"
	"fmt"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

// runReport scans and prints the findings.
func (o *Options) runReport(ctx context.Context) error {
	result, err := o.scanShown(ctx)
	if result == nil {
		return err
	}
	if printErr := o.print(result); printErr != nil {
		return printErr
	}
	o.wanted.sayMissing(o.ErrOut, result)
	if err != nil {
		return err
	}
	return o.failOn(result.Findings)
}

// scanShown scans, and shows how far it has come where somebody watches.
func (o *Options) scanShown(ctx context.Context) (*fixes.Result, error) {
	var report func(fixes.Progress)
	if isTerminal(o.ErrOut) {
		report = func(p fixes.Progress) {
			fmt.Fprintf(o.ErrOut, "%sscanning %d/%d kinds, %d objects", wipe, p.Loaded, p.Kinds, p.Objects)
		}
	}
	result, err := o.scan(ctx, report)
	if report != nil {
		fmt.Fprint(o.ErrOut, wipe)
	}
	if err == nil {
		o.sayUnused(result)
	}
	return result, err
}

func (o *Options) print(result *fixes.Result) error {
	switch o.Output {
	case outputJSON:
		return report.JSON(o.Out, o.Context, o.Now(), result)
	case outputYAML:
		return report.New(o.Context, o.Now(), result).YAML(o.Out)
	case outputSARIF:
		return report.SARIF(o.Out, BuildVersion().Version, o.Rules, result)
	case outputJUnit:
		return report.JUnit(o.Out, o.Rules, result)
	case outputHTML:
		return report.HTML(o.Out, o.Context, o.Now(), result)
	case outputPolicies:
		return errors.Join(report.PolicyReport(o.Out, o.Now(), result), o.saySkipped(result.Inventory))
	case outputName:
		return errors.Join(report.Names(o.Out, result.Findings), o.saySkipped(result.Inventory))
	}
	table := report.Table{Wide: o.Output == outputWide, Color: color(o.Out)}
	if err := table.Write(o.Out, result.Findings); err != nil {
		return err
	}
	if o.ShowIgnored {
		if err := table.Ignored(o.Out, result.Suppressed); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(o.Out, table.Summary(report.Summarize(result.Findings), len(result.Inventory.Skips()) == 0))
	if n := len(result.Suppressed); n > 0 && !o.ShowIgnored {
		_, err = fmt.Fprintf(o.Out, "%d ignored (--show-ignored lists them).\n", n)
	} else if n > 0 {
		_, err = fmt.Fprintf(o.Out, "%d ignored.\n", n)
	}
	return errors.Join(err, o.saySkipped(result.Inventory))
}

// saySkipped tells what could not be looked at, each kind and namespace once.
func (o *Options) saySkipped(inv *fixes.Inventory) error {
	for _, s := range inv.Skips() {
		where := ""
		switch s.Namespace {
		case "":
		case fixes.OtherNamespaces:
			where = " in other namespaces"
		default:
			where = " in namespace " + s.Namespace
		}
		if _, err := fmt.Fprintln(o.ErrOut, fixes.Clean(fmt.Sprintf("not looked at: %s%s (%s)", s.Resource, where, s.Reason))); err != nil {
			return err
		}
	}
	return nil
}
