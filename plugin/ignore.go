package plugin

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/config"
)

func newIgnoreCommand(streams genericiooptions.IOStreams) *cobra.Command {
	flags := &configFlags{}
	cmd := &cobra.Command{
		Use:   "ignore",
		Short: "Choose findings not to see, with a reason and an end",
		Long: `Choose findings not to see, with a reason and an end. What is ignored does not
count for --fail-on nor in any total, is not fixed, and is listed apart by each
report. When an ignore has ended, its findings return and say so.

The list is in the configuration: ` + config.FileName + ` in this folder or above it, up to
the root of the repository or your home, or else a new one in this folder. People
may edit it too; docs/config.md has the form. An object can ask for the same by
its annotations:

  kubectl annotate deployment/web ` + fixes.IgnoreAnnotation + `=env-secret \
    ` + fixes.IgnoreReasonAnnotation + `='rotated hourly' ` + fixes.IgnoreUntilAnnotation + `=2027-01-31`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			return usageError(errors.New("ignore takes a command: add, list or remove; see kubectl harden ignore --help"))
		},
	}
	flags.addTo(cmd.PersistentFlags())
	cmd.AddCommand(newIgnoreAddCommand(streams, flags), newIgnoreListCommand(streams, flags), newIgnoreRemoveCommand(streams, flags))
	return cmd
}

func newIgnoreAddCommand(streams genericiooptions.IOStreams, flags *configFlags) *cobra.Command {
	var i fixes.Ignore
	expires := fmt.Sprintf("%dd", fixes.DefaultIgnoreDays)
	cmd := &cobra.Command{
		Use:   "add [flags]",
		Short: "Ignore findings from now on",
		Long: `Ignore findings from now on: those to which all that is given applies. In rules,
namespaces, names and paths, * stands for any text.`,
		Example: `  # A rule in one namespace, for 90 days
  kubectl harden ignore add --rule env-secret -n shop --reason "moves to Vault this quarter"

  # One object, to a date; all Pod Security rules of one workload, for good
  kubectl harden ignore add --rule network-no-default-deny --kind namespace --name demo --reason "demos only" --expires 2027-01-31
  kubectl harden ignore add --rule 'pss-*' -n storage --kind daemonset --name csi-node --reason "mounts volumes" --expires never`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			return addIgnore(streams.Out, &configFile{named: flags.Path}, i, expires, time.Now())
		},
	}
	fs := cmd.Flags()
	fs.SortFlags = false
	fs.StringSliceVar(&i.Rules, "rule", nil, "Findings of these rules ('pss-*').")
	fs.StringVarP(&i.Namespace, "namespace", "n", "", "Findings in this namespace.")
	fs.StringVar(&i.Kind, "kind", "", "Findings about objects of this kind, named as kubectl does.")
	fs.StringVar(&i.Name, "name", "", "Findings about objects of this name.")
	fs.StringVar(&i.Path, "path", "", "Findings at this path within the object ('*.env[2].value').")
	fs.StringSliceVar(&i.Fingerprints, "fingerprint", nil, "Just these findings; -o wide and -o json show fingerprints.")
	fs.StringVar(&i.Reason, "reason", "", "Why. It is required.")
	fs.StringVar(&expires, "expires", expires, "The last day: a date (2027-01-31), a number of days (90d), or never.")
	if err := cmd.RegisterFlagCompletionFunc("rule", cobra.FixedCompletions(ruleIDs(), cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // a flag that is not there: a programmer's error
	}
	return cmd
}

func addIgnore(w io.Writer, file *configFile, i fixes.Ignore, expires string, now time.Time) (err error) {
	if i.Expires, err = parseExpiry(expires, now); err != nil {
		return usageError(fmt.Errorf("--expires: %w", err))
	}
	if err := checkRules(i.Rules); err != nil {
		return usageError(err)
	}
	if i.Kind != "" {
		kind, err := fixes.ParseKind(i.Kind)
		if err != nil {
			return usageError(fmt.Errorf("--kind: %w", err))
		}
		i.Kind = kind.Name
	}
	switch {
	case strings.TrimSpace(i.Reason) == "":
		return usageError(errors.New("--reason is missing: say why this is ignored"))
	case config.CheckIgnore(i) != nil:
		return usageError(errors.New("nothing is named: give --rule, --namespace, --kind, --name, --path or --fingerprint"))
	}
	list, err := file.add(i, now)
	if err != nil {
		return err
	}
	added := list[len(list)-1]
	_, err = fmt.Fprintf(w, "%s: ignored until %s: %s\n", added.At, added.Until(), added.Selection())
	return err
}

// parseExpiry reads a last day, or a number of days from now.
func parseExpiry(s string, now time.Time) (time.Time, error) {
	const most = 36500 // a hundred years: beyond it, never is meant
	if number, ok := strings.CutSuffix(s, "d"); ok {
		days, err := strconv.Atoi(number)
		if err != nil || days < 1 || days > most {
			return time.Time{}, fmt.Errorf("%q is no number of days; write 90d, a date, or never", s)
		}
		return fixes.DaysFrom(now, days), nil
	}
	day, err := fixes.ParseDay(s)
	switch {
	case err != nil || s == "":
		return time.Time{}, fmt.Errorf("%q is no date; write 2027-01-31, 90d, or never", s)
	case !day.IsZero() && (&fixes.Ignore{Expires: day}).Ended(now):
		return time.Time{}, fmt.Errorf("%s has passed", s)
	}
	return day, nil
}

func newIgnoreListCommand(streams genericiooptions.IOStreams, flags *configFlags) *cobra.Command {
	output := outputTable
	formats := []string{outputTable, outputJSON}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what the configuration ignores",
		Long: `List what the configuration ignores, and whether each ignore is still in force.
Whether it still matches something, a scan tells: it warns of those that do not.`,
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			file := &configFile{named: flags.Path}
			if err := file.load(); err != nil {
				return err
			}
			path, why := file.place()
			if why != "" {
				return usageError(errors.New(why))
			}
			list := file.ignores()
			switch output {
			case outputJSON:
				return ignoresJSON(streams.Out, list, time.Now())
			case outputTable:
				if len(list) == 0 {
					_, err := fmt.Fprintf(streams.ErrOut, "%s ignores nothing.\n", path)
					return err
				}
				return ignoresTable(streams.Out, list, time.Now())
			}
			return usageError(unknown("output", output, formats))
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", output, "One of "+strings.Join(formats, "|")+".")
	return cmd
}

func ignoreState(i *fixes.Ignore, now time.Time) string {
	if i.Ended(now) {
		return "ended"
	}
	return "active"
}

func ignoresTable(w io.Writer, list []fixes.Ignore, now time.Time) error {
	tab := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	fmt.Fprintln(tab, "N\tSTATE\tUNTIL\tWHAT\tREASON\tAT")
	for n := range list {
		i := &list[n]
		fmt.Fprintf(tab, "%d\t%s\t%s\t%s\t%s\t%s\n", n+1, ignoreState(i, now), i.Until(), i.Selection(), i.Reason, i.At)
	}
	return tab.Flush()
}

// ignoreJSON is an ignore as programs read it.
type ignoreJSON struct {
	Number       int      `json:"number"`
	State        string   `json:"state"`
	Rules        []string `json:"rules,omitempty"`
	Namespace    string   `json:"namespace,omitempty"`
	Kind         string   `json:"kind,omitempty"`
	Name         string   `json:"name,omitempty"`
	Path         string   `json:"path,omitempty"`
	Fingerprints []string `json:"fingerprints,omitempty"`
	Reason       string   `json:"reason"`
	Expires      string   `json:"expires"`
	At           string   `json:"at"`
}

func ignoresJSON(w io.Writer, list []fixes.Ignore, now time.Time) error {
	out := make([]ignoreJSON, len(list))
	for n := range list {
		i := &list[n]
		out[n] = ignoreJSON{n + 1, ignoreState(i, now), i.Rules, i.Namespace, i.Kind, i.Name, i.Path, i.Fingerprints, i.Reason, i.Until(), i.At}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(out)
}

func newIgnoreRemoveCommand(streams genericiooptions.IOStreams, flags *configFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "remove N",
		Short: "End an ignore: its findings are seen again",
		Example: `  kubectl harden ignore list
  kubectl harden ignore remove 2`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError(errors.New("remove takes the number of one ignore; see kubectl harden ignore list"))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			n, err := strconv.Atoi(args[0])
			if err != nil {
				return usageError(fmt.Errorf("%q is not the number of an ignore; see kubectl harden ignore list", args[0]))
			}
			file := &configFile{named: flags.Path}
			if err := file.load(); err != nil {
				return err
			}
			list := file.ignores()
			if n < 1 || n > len(list) {
				return usageError(fmt.Errorf("there is no ignore %d; see kubectl harden ignore list", n))
			}
			if _, err := file.remove(list[n-1]); err != nil {
				return err
			}
			_, err = fmt.Fprintf(streams.Out, "%s: ignored no more: %s\n", list[n-1].At, list[n-1].Selection())
			return err
		},
	}
}
