// Package plugin is the command "kubectl harden": it turns flags into
// options, and options into a scan, a plan, an export or an application.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Name is the plugin's name, by which kubectl finds it ("kubectl harden").
const Name = "harden"

// Main runs the command and returns its exit status.
func Main(ctx context.Context, args []string, streams genericiooptions.IOStreams) int {
	cmd := NewCommand(streams)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(ctx)
	if err != nil && ctx.Err() != nil {
		err = &statusError{StatusInterrupted, err}
	}
	if msg := message(err); msg != "" {
		fmt.Fprintln(streams.ErrOut, "error: "+fixes.CleanLines(msg))
	}
	return status(err)
}

// flagError says in an operator's words what is wrong with a flag that is a switch.
func flagError(err error) error {
	var bad *pflag.InvalidValueError
	var value *strconv.NumError
	if errors.As(err, &bad) && errors.As(err, &value) && value.Func == "ParseBool" {
		return fmt.Errorf("--%s is a switch and takes no value, or true or false; not %q", bad.GetFlag().Name, bad.GetValue())
	}
	return err
}

// NewCommand returns the root command.
func NewCommand(streams genericiooptions.IOStreams) *cobra.Command {
	flags := NewFlags()
	cmd := &cobra.Command{
		Use:   "kubectl-" + Name + " [flags]",
		Short: "Find what makes a cluster insecure, and fix it",
		Long: `Find what makes a Kubernetes cluster insecure, and fix it.

Scans the current context. On a terminal the findings open in a terminal UI,
each with the exact change that closes it: stage fixes, read the plan, apply or
export it. Elsewhere they are printed.`,
		Example: `  # Try it on a demo shop; no cluster is needed
  kubectl harden --demo

  # Scan all namespaces that you may list, or one
  kubectl harden
  kubectl harden -n shop

  # See the safe fixes as a diff; apply them, with the ones to review as well
  kubectl harden --fix --dry-run
  kubectl harden --fix --confidence=review

  # Export fixes for Git
  kubectl harden --fix --dry-run --output-dir harden-fixes

  # Check manifests in CI
  kubectl harden -f deploy/ -R --fail-on high`,
		Args:          noArguments,
		SilenceUsage:  true,
		SilenceErrors: true,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl " + Name},
		// kubectl's completion comes through a command of its own; see completion.go.
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := flags.ToOptions(streams)
			if err != nil {
				return usageError(err)
			}
			o.given = givenFlags(cmd.Flags())
			return o.Run(cmd.Context())
		},
	}
	cmd.SetIn(streams.In)
	cmd.SetOut(streams.Out)
	cmd.SetErr(streams.ErrOut)
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usageError(fmt.Errorf("%w; see kubectl %s --help", flagError(err), Name))
	})
	groups := flags.addTo(cmd)
	setUsage(cmd, groups)
	flags.completions(cmd)
	cmd.AddCommand(
		newUndoCommand(streams),
		newResumeCommand(streams),
		newHistoryCommand(streams),
		newNetworkCommand(streams),
		newAccessCommand(streams),
		newMoveCommand(streams),
		newIgnoreCommand(streams),
		newRulesCommand(streams),
		newExplainCommand(streams),
		newKeysCommand(streams),
		newVersionCommand(streams),
		newCompletionCommand(streams),
	)
	return cmd
}

// noArguments refuses arguments: most are a subcommand that is misspelt.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if len(names) == 0 {
		return usageError(fmt.Errorf("%s takes no arguments, and %q is one", cmd.CommandPath(), args[0]))
	}
	return usageError(unknown("command", args[0], names))
}
