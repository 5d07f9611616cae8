package plugin

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

func newHistoryCommand(streams genericiooptions.IOStreams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "history [RUN]",
		Short: "List the runs that wrote to a cluster, or what one of them did",
		Long: `List the runs that wrote to a cluster from here, on all clusters, the latest
first; or what one of them did, change by change.

The journals are in $XDG_STATE_HOME/kubectl-harden/runs (~/.local/state by
default). They hold no secret values, and may be deleted: what they tell cannot
be undone by this program then.`,
		Args: (&runFlags{}).oneRun,
		RunE: func(_ *cobra.Command, args []string) error {
			if output != "" && output != outputJSON {
				return usageError(unknown("output", output, []string{outputJSON}))
			}
			runs, err := openRuns()
			if err != nil {
				return err
			}
			all, err := runs.List()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return printHistory(streams, all, output, time.Now())
			}
			n, _ := strconv.Atoi(args[0])
			rec, err := runs.Read(n)
			if err != nil {
				return err
			}
			return printRun(streams.Out, all, rec, output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "json, or nothing for a table to read.")
	return cmd
}

// runJSON is a run in JSON; the names are a contract.
type runJSON struct {
	Run      int             `json:"run"`
	Kind     journal.Kind    `json:"kind"`
	Undoes   int             `json:"undoes,omitempty"`
	UndoneBy int             `json:"undoneBy,omitempty"`
	Started  time.Time       `json:"started"`
	Context  string          `json:"context"`
	Server   string          `json:"server"`
	State    string          `json:"state"`
	Changes  []runChangeJSON `json:"changes"`
}

type runChangeJSON struct {
	Action fixes.Action      `json:"action"`
	Object journal.ObjectRef `json:"object"`
	State  journal.Step      `json:"state"`
	Detail string            `json:"detail,omitempty"`
	Rules  []string          `json:"rules,omitempty"`
}

func newRunJSON(all []*journal.Record, rec *journal.Record) runJSON {
	h := rec.Header
	out := runJSON{
		Run: h.Run, Kind: h.Kind, Undoes: h.Undoes, UndoneBy: undoneBy(all, h.Run),
		Started: h.Started, Context: h.Cluster.Context, Server: h.Cluster.Server, State: stateOf(rec),
		Changes: []runChangeJSON{},
	}
	for i, c := range h.Changes {
		step, detail := rec.State(i), ""
		for _, e := range rec.Entries {
			if e.Change == i {
				detail = e.Detail
			}
		}
		if step == "" {
			step = "not attempted"
		}
		out.Changes = append(out.Changes, runChangeJSON{c.Action, c.Object, step, detail, c.Rules})
	}
	return out
}

// stateOf says in a word how a run stands.
func stateOf(rec *journal.Record) string {
	switch {
	case rec.Running:
		return "in progress"
	case rec.End == nil:
		return journal.Interrupted
	}
	return rec.End.Result
}

func printHistory(streams genericiooptions.IOStreams, all []*journal.Record, output string, now time.Time) error {
	list := []runJSON{}
	w := printers.GetNewTabWriter(streams.Out)
	if output == "" && len(all) > 0 {
		fmt.Fprintln(w, "RUN\tAGE\tCONTEXT\tCHANGES\tSTATE")
	}
	for _, rec := range all {
		if rec.Err != nil {
			fmt.Fprintln(streams.ErrOut, fixes.Clean(rec.Err.Error()))
			continue
		}
		run := newRunJSON(all, rec)
		list = append(list, run)
		if output == "" {
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\n", run.Run, duration.HumanDuration(now.Sub(run.Started)),
				fixes.Clean(run.Context), made(rec), describe(run))
		}
	}
	if output == outputJSON {
		return writeJSON(streams.Out, list)
	}
	if len(list) == 0 {
		fmt.Fprintln(streams.ErrOut, "No run has written to a cluster from here yet.")
	}
	return w.Flush()
}

// made counts the changes of a run that were made.
func made(rec *journal.Record) string {
	n := 0
	for i := range rec.Header.Changes {
		switch rec.State(i) {
		case journal.Applied, journal.RolledOut, journal.Unsettled, journal.Unchanged, journal.Tried:
			n++
		}
	}
	return fmt.Sprintf("%d/%d", n, len(rec.Header.Changes))
}

// describe says in a few words what a run was and how it stands.
func describe(run runJSON) string {
	text := run.State
	if run.Kind == journal.Trial {
		text = "trial, " + text
	}
	if run.Undoes != 0 {
		text = fmt.Sprintf("undo of %d, %s", run.Undoes, text)
	}
	if run.UndoneBy != 0 {
		text += fmt.Sprintf(", undone by %d", run.UndoneBy)
	}
	return text
}

func printRun(out io.Writer, all []*journal.Record, rec *journal.Record, output string) error {
	run := newRunJSON(all, rec)
	if output == outputJSON {
		return writeJSON(out, run)
	}
	fmt.Fprintf(out, "Run %d on %s (%s), %s: %s\n\n", run.Run, fixes.Clean(run.Context), fixes.Clean(run.Server),
		run.Started.Local().Format(time.DateTime), describe(run))
	w := printers.GetNewTabWriter(out)
	fmt.Fprintln(w, "ACTION\tNAMESPACE\tOBJECT\tSTATE\tDETAIL")
	for _, c := range run.Changes {
		detail, _, _ := strings.Cut(c.Detail, "\n")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.Action, fixes.Clean(c.Object.Namespace),
			fixes.Clean(c.Object.Kind+"/"+c.Object.Name), c.State, fixes.Clean(detail))
	}
	return w.Flush()
}

func writeJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
