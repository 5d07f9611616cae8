package plugin

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// sift parts what a scan found into what was asked for and what was not, and
// hides what is ignored.
func (o *Options) sift(result *fixes.Result) *fixes.Result {
	result.Findings, result.Others = o.choose(result.Inventory, result.Findings)
	return result.Ignore(o.config.ignores(), o.Now())
}

// sayUnused tells once of the ignores of the configuration that hide nothing,
// so that it does not fill up with them.
func (o *Options) sayUnused(result *fixes.Result) {
	if o.config == nil || o.config.said {
		return
	}
	o.config.said = true
	for _, i := range o.config.ignores() {
		if err := checkRules(i.Rules); err != nil {
			o.warn(i.At + ": " + err.Error())
		}
	}
	if !o.whole() {
		return
	}
	for _, i := range result.UnusedIgnores(catalog.Rules()) {
		o.warn(i.At + ": matches nothing: " + i.Selection())
	}
}

func (o *Options) warn(text string) { fmt.Fprintln(o.ErrOut, "warning: "+fixes.Clean(text)) }

// whole reports whether the source is looked at as a whole: not where single
// files are named, beside which there may be others.
func (o *Options) whole() bool {
	files, ok := o.source.(*source.Files)
	if !ok || files.Kustomize != "" {
		return true
	}
	return slices.ContainsFunc(files.Paths, func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && info.IsDir()
	})
}

// checkRules fails when a pattern stands for no rule.
func checkRules(patterns []string) error {
	for _, pattern := range patterns {
		if slices.ContainsFunc(ruleIDs(), func(id string) bool { return fixes.Matches(pattern, id) }) {
			continue
		}
		if strings.Contains(pattern, "*") {
			return fmt.Errorf("no rule is called like %q; see kubectl %s rules", pattern, Name)
		}
		return unknown("rule", pattern, ruleIDs())
	}
	return nil
}

// annotateCommand returns the command line that ignores something by the
// annotations of an object, or ends that.
func (o *Options) annotateCommand(object fixes.Ref, i *fixes.Ignore) string {
	target, namespace, inNamespace := strings.Cut(object.KubectlArgs(), " -n ")
	args := []string{"kubectl", "--context", shellWord(o.Context), "annotate", shellWord(target)}
	if inNamespace {
		args = append(args, "-n", shellWord(namespace))
	}
	if i == nil {
		args = append(args, fixes.IgnoreAnnotation+"-", fixes.IgnoreReasonAnnotation+"-", fixes.IgnoreUntilAnnotation+"-")
		return fixes.Clean(strings.Join(args, " "))
	}
	args = append(args, shellWord(fixes.IgnoreAnnotation+"="+strings.Join(i.Rules, ",")), shellWord(fixes.IgnoreReasonAnnotation+"="+i.Reason))
	if !i.Expires.IsZero() {
		args = append(args, shellWord(fixes.IgnoreUntilAnnotation+"="+i.Until()))
	}
	return fixes.Clean(strings.Join(args, " "))
}
