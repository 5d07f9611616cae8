package plugin

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/kubectl/pkg/util/term"
)

// setUsage shows the flags in their groups: what is this command's own first,
// the many flags of the connection last.
func setUsage(cmd *cobra.Command, groups []flagGroup) {
	fallback := cmd.UsageFunc()
	cmd.SetUsageFunc(func(c *cobra.Command) error {
		if c != cmd {
			return fallback(c)
		}
		return writeUsage(c, groups)
	})
}

func writeUsage(c *cobra.Command, groups []flagGroup) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage:\n  %s\n", c.UseLine())
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "  %s COMMAND\n", c.CommandPath())
	}
	if c.HasExample() {
		fmt.Fprintf(&b, "\nExamples:\n%s\n", c.Example)
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			fmt.Fprintf(&b, "  %-12s %s\n", sub.Name(), sub.Short)
		}
	}
	for _, g := range groups {
		fmt.Fprintf(&b, "\n%s:\n%s", g.title, g.flags.FlagUsagesWrapped(usageWidth(c.OutOrStdout())))
	}
	b.WriteString(`
Exit status:
  0    done
  1    there are findings at or above --fail-on
  2    wrong usage, or a scan or a fix that failed
  3    fixes were applied in part
  4    objects have changed since the scan; nothing was written
  5    fixes failed, and were rolled back
  130  interrupted
`)
	_, err := io.WriteString(c.OutOrStdout(), b.String())
	return err
}

// usageWidth is the terminal's, or that of a page where there is none.
func usageWidth(w io.Writer) int {
	if size := (term.TTY{Out: w}).GetSize(); size != nil && size.Width >= 40 {
		return int(size.Width)
	}
	return 100
}
