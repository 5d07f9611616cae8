package plugin

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-harden/kubectl-harden/tui"
)

func newKeysCommand(streams genericiooptions.IOStreams) *cobra.Command {
	var flags configFlags
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "List the keys of the terminal UI, and how to change them",
		Long: `List what keys do in the terminal UI, by the names under which they are
configured, with the keys that are configured now.

Keys are changed in ~/.config/kubectl-harden/config.yaml ($XDG_CONFIG_HOME), or
for all who work on a project in its .kubectl-harden.yaml:

  apiVersion: kubectl-harden.dev/v1alpha1
  kind: Config
  keys:
    findings.stage: [space, enter]
    app.quit: Q
    findings.copy: []        # on no key

A key that is given to an action is taken away from what else has it on the
same screen. ctrl+c always works, and esc never quits. The keys that answer
questions and scroll their text are fixed.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			s, err := (&configFile{named: flags.Path}).settings()
			if err != nil {
				return err
			}
			w := printers.GetNewTabWriter(streams.Out)
			fmt.Fprintln(w, "ACTION\tKEYS\tSCREENS\tDOES")
			for _, a := range tui.Actions(s.keys) {
				keys := strings.Join(a.Keys, " ")
				if keys == "" {
					keys = "-"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", a.Name, keys, strings.Join(a.Screens, ", "), a.Help)
			}
			return w.Flush()
		},
	}
	flags.addTo(cmd.Flags())
	return cmd
}
