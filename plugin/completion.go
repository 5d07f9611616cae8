package plugin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/atomicfile"
	"github.com/kubectl-harden/kubectl-harden/plugin/vulnerabilities"
)

// shimName is the program that kubectl looks for on PATH to complete the
// plugin's arguments
// (https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/).
const shimName = "kubectl_complete-" + Name

const shim = `#!/bin/sh
# Completes "kubectl ` + Name + `": kubectl calls this with what was typed.
exec kubectl-` + Name + ` __complete "$@"
`

const windowsShim = "@echo off\r\nkubectl-" + Name + " __complete %*\r\n"

func newCompletionCommand(streams genericiooptions.IOStreams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print shell completion, or install it for kubectl",
		Long: `Print the completion script of a shell for the program kubectl-` + Name + `.

"kubectl ` + Name + `" itself is completed by kubectl, with the help of a small
program that "completion install" puts beside this one.`,
		Example: `  # Complete "kubectl ` + Name + `", where kubectl's own completion is set up
  kubectl ` + Name + ` completion install

  # Complete "kubectl-` + Name + `" in this shell
  source <(kubectl ` + Name + ` completion bash)`,
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError(errors.New("completion takes one shell: bash, zsh, fish or powershell; or install"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(streams.Out, true)
			case "zsh":
				return root.GenZshCompletion(streams.Out)
			case "fish":
				return root.GenFishCompletion(streams.Out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(streams.Out)
			}
			return usageError(unknown("shell", args[0], append(cmd.ValidArgs, "install")))
		},
	}
	cmd.AddCommand(newCompletionInstallCommand(streams))
	return cmd
}

func newCompletionInstallCommand(streams genericiooptions.IOStreams) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install " + shimName + ", which completes kubectl " + Name,
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			if dir == "" {
				found, err := programDir()
				if err != nil {
					return err
				}
				dir = found
			}
			path, err := installShim(dir)
			if errors.Is(err, fs.ErrPermission) {
				return fmt.Errorf("cannot write into %s: name a folder on PATH with --dir", dir)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(streams.Out, "%s installed; start a new shell, and kubectl completes %q.\n", path, Name)
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "The folder to install into; it must be on PATH. Default: where kubectl finds this program.")
	return cmd
}

// programDir returns the folder on PATH in which kubectl finds this program.
// That may be a link, as krew makes them: what it links to is not on PATH.
func programDir() (string, error) {
	if path, err := exec.LookPath("kubectl-" + Name); err == nil {
		return filepath.Dir(path), nil
	}
	self, err := os.Executable()
	return filepath.Dir(self), err
}

func installShim(dir string) (string, error) {
	name, text := shimName, shim
	if runtime.GOOS == "windows" {
		name, text = shimName+".cmd", windowsShim
	}
	path := filepath.Join(dir, name)
	if err := atomicfile.Write(path, []byte(text), 0o755); err != nil {
		return "", err
	}
	return path, nil
}

// completions gives the flags their values.
func (f *Flags) completions(cmd *cobra.Command) {
	values := map[string][]string{
		"rule": ruleIDs(), "skip": ruleIDs(),
		"category": names(fixes.Categories()), "threat": names(fixes.Threats()),
		"severity": names(fixes.Severities()), "fail-on": names(fixes.Severities()),
		"output":     append(append([]string{}, reportFormats...), outputDiff, outputKustomize),
		"dry-run":    {dryRunNone, dryRunClient, dryRunServer},
		"secrets-as": secretForms, "federate": federations, "scan-images": vulnerabilities.Tools(),
		"confidence": {fixes.Safe.String(), fixes.Review.String()},
		"theme":      themeNames,
	}
	for flag, list := range values {
		if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(list, cobra.ShellCompDirectiveNoFileComp)); err != nil {
			panic(err) // a flag that is not there: a programmer's error
		}
	}
	contexts := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		raw, err := f.Connection.ToRawKubeConfigLoader().RawConfig()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var list []string
		for name := range raw.Contexts {
			list = append(list, name)
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
	if err := cmd.RegisterFlagCompletionFunc("context", contexts); err != nil {
		panic(err)
	}
}

func names[T any](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return out
}
