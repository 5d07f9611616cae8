package plugin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/move"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/export"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

// moveFormats are the values of --output of the move command.
var moveFormats = []string{outputTable, outputYAML}

func newMoveCommand(streams genericiooptions.IOStreams) *cobra.Command {
	flags := NewFlags()
	flags.Categories = []string{string(fixes.Access)}
	output, to, dir := outputTable, "", ""
	cmd := &cobra.Command{
		Use:   "move [APP]",
		Short: "Write out the move of an application into another namespace",
		Long: `Write out the move of an application, or of all of a namespace (-n, else default),
into another one: its workloads, Services, ConfigMaps, Secrets, claims, accounts and
their rights, network policies and autoscalers, as manifests that stand beside the
old ones; names that meant the old namespace are rewritten. What leads clients over,
and back, is apart from it. Nothing is written to the cluster. What exists in the
other namespace already is left out, so it can be run again.

An application is named by its Helm release, else by its label
app.kubernetes.io/part-of, app.kubernetes.io/instance or app, else by its workload.`,
		Example: `  # What would go over, and what would not by itself
  kubectl harden move web --to web

  # Write it into a folder whose README.md has the steps
  kubectl harden move web -n default --to web --output-dir web-move`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(errors.New("move takes one application, or none for all of the namespace"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(moveFormats, output) {
				return usageError(unknown("output", output, moveFormats))
			}
			if dir != "" && cmd.Flags().Changed("output") {
				return usageError(errors.New("--output-dir writes files of its own; leave out --output"))
			}
			o, err := flags.ToOptions(streams)
			if err != nil {
				return usageError(err)
			}
			o.Output, o.OutputDir = output, dir
			from := o.Namespace
			if from == "" {
				from = metav1.NamespaceDefault
			}
			if err := checkMove(from, to); err != nil {
				return usageError(err)
			}
			app := ""
			if len(args) > 0 {
				app = args[0]
			}
			return o.move(cmd.Context(), app, from, to)
		},
	}
	groups := addGroups(cmd,
		flagGroupOf("What to move", func(fs *pflag.FlagSet) {
			flags.addSource(fs)
			fs.StringVar(&to, "to", "", "The namespace to move into. It need not be there.")
		}),
		flagGroupOf("How", func(fs *pflag.FlagSet) {
			fs.StringVarP(&output, "output", "o", outputTable, "One of "+strings.Join(moveFormats, "|")+"; yaml prints the new objects, Secrets with their values.")
			fs.StringVar(&dir, "output-dir", "", "Write a kustomization with the steps into this folder, which must be empty or new.")
		}),
		flagGroupOf("Connection, as in kubectl", flags.Connection.AddFlags))
	setUsage(cmd, groups)
	return cmd
}

func checkMove(from, to string) error {
	switch to {
	case "":
		return errors.New("name the namespace to move into: --to NAMESPACE")
	case from:
		return fmt.Errorf("--to is the namespace that is moved out of, %s", from)
	}
	if problems := validation.IsDNS1123Label(to); len(problems) > 0 {
		return fmt.Errorf("--to %q is no name of a namespace: %s", to, problems[0])
	}
	return nil
}

func (o *Options) move(ctx context.Context, app, from, to string) error {
	if o.OutputDir != "" {
		if err := export.CheckDir(o.OutputDir); err != nil {
			return err
		}
	}
	o.Namespace = "" // bindings in none, and what is in the other one already
	inv, err := o.loadKinds(ctx, "move", move.AllKinds())
	if inv == nil || err != nil {
		return err
	}
	apps := map[string][]fixes.Workload{}
	var all []fixes.Workload
	for _, w := range inv.Workloads(from) {
		if move.Movable(w) {
			apps[move.Application(w)] = append(apps[move.Application(w)], w)
			all = append(all, w)
		}
	}
	list, name := all, from
	if app != "" {
		list, name = apps[app], app
	}
	if len(list) == 0 {
		if len(all) == 0 {
			return errors.Join(fmt.Errorf("no workload in namespace %s", fixes.Clean(from)), o.saySkipped(inv))
		}
		return usageError(fmt.Errorf("no application %s in namespace %s; there are %s", fixes.Clean(app), from, fixes.Clean(fixes.Listed(slices.Sorted(maps.Keys(apps))))))
	}
	m := move.Of(inv, name, from, to, list)
	if err := o.saySkipped(inv); err != nil {
		return err
	}
	switch {
	case o.OutputDir != "":
		if err := export.Move(o.OutputDir, m, secrets.Redact); err != nil {
			return err
		}
		fmt.Fprintf(o.ErrOut, "Written to %s; its README.md has the steps.\n", o.OutputDir)
		return nil
	case o.Output == outputYAML:
		return export.YAML(o.Out, m.Plan())
	}
	return report.Move(o.Out, m)
}
