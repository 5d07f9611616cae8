package plugin

import (
	"fmt"
	"io"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
)

func newExplainCommand(streams genericiooptions.IOStreams) *cobra.Command {
	return &cobra.Command{
		Use:   "explain RULE",
		Short: "Explain a rule: why it matters, what its fix does and may break",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError(fmt.Errorf("explain takes one rule; see kubectl %s rules", Name))
			}
			return nil
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return ruleIDs(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			for _, r := range catalog.Rules() {
				if r.ID == args[0] {
					return explain(streams.Out, r)
				}
			}
			return usageError(unknown("rule", args[0], ruleIDs()))
		},
	}
}

func ruleIDs() []string {
	var ids []string
	for _, r := range catalog.Rules() {
		ids = append(ids, r.ID)
	}
	return ids
}

// explain writes a rule's documentation. The Markdown is readable as it is; a
// terminal shows its headings in bold.
func explain(w io.Writer, r *fixes.Rule) error {
	heading := func(s string) string { return s }
	if color(w) {
		heading = func(s string) string { return lipgloss.NewStyle().Bold(true).Render(s) }
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s.\n\n", heading(r.ID), r.Title)
	fmt.Fprintf(&b, "Category    %s\nSeverity    %s\nThreats     %s\n", r.Category, r.Severity, join(r.Threats))
	for _, ref := range r.References {
		fmt.Fprintf(&b, "Reference   %s %s  %s\n", ref.Framework, ref.ID, ref.URL)
	}
	for line := range strings.Lines("\n" + strings.TrimSpace(r.Docs) + "\n") {
		if title, ok := strings.CutPrefix(line, "## "); ok {
			line = heading(strings.TrimSpace(title)) + "\n"
		}
		b.WriteString(line)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
