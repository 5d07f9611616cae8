package plugin

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

// matrixFormats are the values of --output of the network command.
var matrixFormats = []string{outputTable, outputJSON, outputDot, outputMermaid}

const (
	outputDot     = "dot"
	outputMermaid = "mermaid"
)

func newNetworkCommand(streams genericiooptions.IOStreams) *cobra.Command {
	flags := NewFlags()
	flags.Categories = []string{string(fixes.Network)}
	output := outputTable
	cmd := &cobra.Command{
		Use:   "network",
		Short: "Show who connects to whom, and what the network policies would cut",
		Long: `Show the connections that the objects of a cluster or of manifests tell of, why
each is believed, and whether NetworkPolicies allow it: now, and after the plan
that closes the namespaces. What nothing tells of is counted: that is what the
plan cuts.`,
		Example: `  # One namespace, as a table; all of it, as a picture
  kubectl harden network -n shop
  kubectl harden network -o dot | dot -Tsvg > connections.svg

  # With what was seen: by Hubble for a day; in running containers, now
  hubble observe --since 24h -o jsonpb > flows.json
  kubectl harden network -n shop --flows flows.json --inspect

  # Manifests, with nothing kept that they do not prove
  kubectl harden network -f deploy/ --strictness proven`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !slices.Contains(matrixFormats, output) {
				return usageError(unknown("output", output, matrixFormats))
			}
			o, err := flags.ToOptions(streams)
			if err != nil {
				return usageError(err)
			}
			return o.printMatrix(cmd.Context(), output)
		},
	}
	groups := addGroups(cmd,
		flagGroupOf("What to look at", flags.addSource),
		flagGroupOf("How", func(fs *pflag.FlagSet) {
			flags.addStrictness(fs)
			flags.Flows.addTo(fs)
			flags.Inspect.addTo(fs)
			flags.Images.addAsk(fs)
			flags.Config.addTo(fs)
			fs.StringVarP(&output, "output", "o", outputTable, "One of "+strings.Join(matrixFormats, "|")+".")
		}),
		flagGroupOf("Connection, as in kubectl", flags.Connection.AddFlags))
	setUsage(cmd, groups)
	return cmd
}

// printMatrix scans, and prints who may connect to whom.
func (o *Options) printMatrix(ctx context.Context, format string) error {
	if err := o.connect(); err != nil {
		return err
	}
	if err := o.openFlows(); err != nil {
		return err
	}
	result, err := o.scanShown(ctx)
	if result == nil {
		return err
	}
	after, closeErr := network.CloseAll(result)
	if closeErr != nil {
		return closeErr
	}
	m := network.Compare(result.Inventory, after.Inventory, o.Namespace)
	write := map[string]func(io.Writer, network.Matrix) error{
		outputTable: report.MatrixTable, outputJSON: report.MatrixJSON, outputDot: report.MatrixDot, outputMermaid: report.MatrixMermaid,
	}[format]
	return errors.Join(err, write(o.Out, m), o.saySkipped(result.Inventory))
}
