package plugin

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

// wanted are the findings that --finding names: the number of the fix to take
// of each, counted from 1, or 0 for the recommended one.
type wanted map[string]int

func parseWanted(values []string) (wanted, error) {
	w := wanted{}
	for _, value := range values {
		fingerprint, number, numbered := strings.Cut(value, ":")
		if len(fingerprint) != 16 || strings.Trim(fingerprint, "0123456789abcdef") != "" {
			return nil, fmt.Errorf("--finding %s is not a fingerprint, which has 16 digits and letters: -o json prints it for each finding", value)
		}
		fix := 0
		if numbered {
			var err error
			if fix, err = strconv.Atoi(number); err != nil || fix < 1 {
				return nil, fmt.Errorf("--finding %s: behind the colon stands the number of a fix, from 1", value)
			}
		}
		if before, twice := w[fingerprint]; twice && before != fix {
			return nil, fmt.Errorf("--finding names %s twice, with different fixes: leave one out", fingerprint)
		}
		w[fingerprint] = fix
	}
	return w, nil
}

// has reports whether a finding is wanted, as all are when none is named.
func (w wanted) has(f *fixes.Finding) bool {
	_, named := w[f.Fingerprint]
	return len(w) == 0 || named
}

// choose returns the fixes to make: of a finding that is named with a number
// that fix, where it has an edit of at least the given confidence, of any other
// the recommended one.
func (w wanted) choose(findings []*fixes.Finding, least fixes.Confidence) []fixes.Choice {
	var choices []fixes.Choice
	for _, f := range findings {
		n := w[f.Fingerprint]
		if n == 0 {
			choices = append(choices, fixes.Choose([]*fixes.Finding{f}, least)...)
			continue
		}
		if n > len(f.Fixes) {
			continue
		}
		if fix := &f.Fixes[n-1]; fix.Edit != nil && fix.Confidence >= least {
			choices = append(choices, fixes.Choice{Finding: f, Fix: fix})
		}
	}
	return choices
}

// sayMissing tells which of the named findings a scan did not show, or not with
// the fix that is named: they may be fixed by now, which is no error.
func (w wanted) sayMissing(to io.Writer, result *fixes.Result) {
	var gone []string
	for fingerprint, n := range w {
		at := slices.IndexFunc(result.Findings, func(f *fixes.Finding) bool { return f.Fingerprint == fingerprint })
		switch {
		case at < 0:
			gone = append(gone, fingerprint)
		case n > len(result.Findings[at].Fixes):
			gone = append(gone, fmt.Sprintf("%s:%d", fingerprint, n))
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		fmt.Fprintf(to, "%s of --finding not found (fixed, or not in what was looked at): %s\n", report.Count(len(gone), "fingerprint"), strings.Join(gone, ", "))
	}
}
