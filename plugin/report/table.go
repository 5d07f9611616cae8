package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"charm.land/lipgloss/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Table writes findings for a person.
type Table struct {
	// Wide adds the path, the threats, the manager and the fingerprint.
	Wide bool
	// Color styles the text for a terminal.
	Color bool
}

// Write writes the findings, which are in reading order, grouped by rule,
// worst first, and a line that sums them up.
func (t Table) Write(w io.Writer, findings []*fixes.Finding) error {
	for len(findings) > 0 {
		rule := findings[0].Rule
		n := slices.IndexFunc(findings, func(f *fixes.Finding) bool {
			return f.Rule.ID != rule.ID || f.Severity != findings[0].Severity
		})
		if n < 0 {
			n = len(findings)
		}
		if err := t.group(w, findings[:n]); err != nil {
			return err
		}
		findings = findings[n:]
	}
	return nil
}

func (t Table) group(w io.Writer, group []*fixes.Finding) error {
	first := group[0]
	fmt.Fprintf(w, "%s  %s  %s\n", t.severity(first.Severity), t.bold(first.Rule.ID), first.Rule.Title)
	tab := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, f := range group {
		confidence := "-"
		if fix := f.Fix(); fix != nil {
			confidence = fix.Confidence.String()
		}
		columns := []string{"  " + fixes.Clean(f.Object.NamespacedName()), f.Object.Kind.Name, confidence}
		if t.Wide {
			threats := make([]string, len(f.Threats))
			for i, threat := range f.Threats {
				threats[i] = string(threat)
			}
			columns = append(columns, f.Path, strings.Join(threats, ","), orDash(f.ManagedBy), f.Fingerprint)
		}
		message := f.Message
		if f.Note != "" {
			message += " (" + f.Note + ")"
		}
		columns = append(columns, message)
		fmt.Fprintln(tab, strings.Join(columns, "\t"))
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

// Ignored writes what is ignored, and by which ignore.
func (t Table) Ignored(w io.Writer, list []fixes.Suppressed) error {
	if len(list) == 0 {
		return nil
	}
	fmt.Fprintln(w, t.bold("IGNORED"))
	tab := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, s := range list {
		columns := []string{"  " + fixes.Clean(s.Object.NamespacedName()), s.Object.Kind.Name, s.Rule.ID, s.Severity.String(), s.By.Until(), s.By.At, s.By.Reason}
		fmt.Fprintln(tab, strings.Join(columns, "\t"))
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}

// Summary returns the line that sums findings up. Where something could not
// be looked at, it claims nothing about that.
func (t Table) Summary(s Summary, complete bool) string {
	where := ""
	if !complete {
		where = " in what could be looked at"
	}
	if s.Total == 0 {
		return "No findings" + where + "."
	}
	var severities, fixable []string
	for _, sev := range slices.Backward(fixes.Severities()) {
		if n := s.BySeverity[sev.String()]; n > 0 {
			severities = append(severities, fmt.Sprintf("%d %s", n, sev))
		}
	}
	for _, c := range []fixes.Confidence{fixes.Safe, fixes.Review, fixes.Manual} {
		if n := s.Fixable[c.String()]; n > 0 {
			fixable = append(fixable, fmt.Sprintf("%d %s", n, c))
		}
	}
	line := fmt.Sprintf("%s: %s", Count(s.Total, "finding")+where, strings.Join(severities, ", "))
	if len(fixable) > 0 {
		line += ". Fixes: " + strings.Join(fixable, ", ")
	}
	return t.bold(line + ".")
}

// Count writes a number and its noun, in the plural where it must be.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "x") {
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (t Table) bold(s string) string {
	if !t.Color {
		return s
	}
	return lipgloss.NewStyle().Bold(true).Render(s)
}

// severityColors are of the terminal's own sixteen, so they fit its theme.
var severityColors = map[fixes.Severity]string{fixes.Critical: "5", fixes.High: "1", fixes.Medium: "3", fixes.Low: "4"}

func (t Table) severity(s fixes.Severity) string {
	word := fmt.Sprintf("%-8s", strings.ToUpper(s.String()))
	if !t.Color {
		return word
	}
	return lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Color(severityColors[s])).Render(word)
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
