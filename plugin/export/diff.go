// Package export writes a plan for people and for Git: as a diff, as
// manifests, as JSON, as a kustomization.
package export

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// diffContext is the number of unchanged lines around a hunk, as in diff -u.
const diffContext = 3

// Diff writes the plan as a unified diff, secrets masked.
func Diff(w io.Writer, plan *fixes.Plan, redact fixes.Redactor, color bool) error {
	for _, c := range plan.Changes {
		text, err := c.Diff(redact, diffContext)
		if err != nil {
			return err
		}
		if color {
			text = colorDiff(text)
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

func colorDiff(text string) string {
	var (
		head    = lipgloss.NewStyle().Bold(true)
		hunk    = lipgloss.NewStyle().Foreground(lipgloss.Color("6"))
		added   = lipgloss.NewStyle().Foreground(lipgloss.Color("2"))
		removed = lipgloss.NewStyle().Foreground(lipgloss.Color("1"))
		b       strings.Builder
	)
	for line := range strings.Lines(text) {
		var style lipgloss.Style
		switch {
		case strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
			style = head
		case strings.HasPrefix(line, "@@"):
			style = hunk
		case strings.HasPrefix(line, "+"):
			style = added
		case strings.HasPrefix(line, "-"):
			style = removed
		default:
			b.WriteString(line)
			continue
		}
		// Styled without tab conversion or padding: a diff is copied and applied.
		fmt.Fprintln(&b, style.TabWidth(lipgloss.NoTabConversion).Render(strings.TrimSuffix(line, "\n")))
	}
	return b.String()
}
