package plugin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// runCommand returns the command line that undoes or resumes a run.
func (o *Options) runCommand(verb string, run int) string {
	return strings.Join([]string{"kubectl", Name, verb, fmt.Sprint(run), "--context", shellWord(o.Context)}, " ")
}

// fixCommand returns the command line that makes fixes, in the cluster or as
// files in a folder. Where their rules would choose more, a few are named one by
// one; of many it may make more: exact says that it does not.
func (s *sessionRuns) fixCommand(choices []fixes.Choice, canary bool, dir string) (line string, exact bool) {
	s.mu.Lock()
	result := s.result
	s.mu.Unlock()
	if len(choices) == 0 || result == nil {
		return "", false
	}
	args, least, managed, connected := s.o.commandSource(s.o.Namespace), fixes.Safe, false, false
	var rules []string
	for _, c := range choices {
		rules = append(rules, c.Finding.Rule.ID)
		least = min(least, c.Fix.Confidence)
		managed = managed || c.Finding.ManagedBy != ""
		connected = connected || c.Finding.Rule.Connections
	}
	slices.Sort(rules)
	rules = slices.Compact(rules)
	exact = makesJust(choices, rules, least, result.Findings)
	if !exact && len(choices) <= mostNamed {
		args, exact = append(args, "--finding", strings.Join(named(choices), ","), "--fix"), true
	} else {
		args = append(args, "--rule", strings.Join(rules, ","), "--fix")
	}
	if dir != "" {
		args = append(args, "--dry-run", "--output-dir", shellWord(dir))
	}
	if least == fixes.Review {
		args = append(args, "--confidence", least.String())
	}
	if managed {
		args = append(args, "--include-managed")
	}
	if canary {
		args = append(args, "--canary")
	}
	if connected {
		args = append(args, s.o.decisions.args()...)
	}
	return strings.Join(args, " "), exact
}

// mostNamed is how many findings are named in a line that a person still reads.
const mostNamed = 20

// makesJust reports whether all fixes of rules, of a confidence at least, are
// just those that were chosen.
func makesJust(choices []fixes.Choice, rules []string, least fixes.Confidence, found []*fixes.Finding) bool {
	chosen := map[string]*fixes.Fix{}
	for _, c := range choices {
		chosen[c.Finding.Fingerprint] = c.Fix
	}
	found = slices.DeleteFunc(slices.Clone(found), func(f *fixes.Finding) bool { return !slices.Contains(rules, f.Rule.ID) })
	all := fixes.Choose(found, least)
	return len(all) == len(choices) && !slices.ContainsFunc(all, func(c fixes.Choice) bool {
		fix := chosen[c.Finding.Fingerprint]
		return fix == nil || fix.Title != c.Fix.Title
	})
}
