package plugin

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

// applyFlags say how changes are written to a cluster.
type applyFlags struct {
	WaveSize       int
	RolloutTimeout time.Duration
	Settle         time.Duration
	OnFailure      string
	FieldManager   string
}

// The defaults of applying.
const (
	defaultWaveSize = 5
	// defaultSettle covers Argo CD, which heals five seconds after it sees a
	// change.
	defaultSettle = 15 * time.Second
)

func newApplyFlags() applyFlags {
	return applyFlags{WaveSize: defaultWaveSize, Settle: defaultSettle, OnFailure: apply.Stop, FieldManager: apply.FieldManager}
}

func (f *applyFlags) addTo(fs *pflag.FlagSet) {
	fs.IntVar(&f.WaveSize, "wave-size", f.WaveSize, "How many workloads change at a time; the next ones wait for their rollouts.")
	fs.DurationVar(&f.RolloutTimeout, "rollout-timeout", 0, "How long a rollout may go on without progress before it counts as failed and is put back. (default 5m, or a Deployment's own longer progress deadline)")
	fs.DurationVar(&f.Settle, "settle", f.Settle, "How long to watch afterwards that nothing puts the changes back, and that pods stay ready.")
	fs.StringVar(&f.OnFailure, "on-failure", f.OnFailure, "After a change has failed and was put back: stop, continue, or rollback-all.")
	fs.StringVar(&f.FieldManager, "field-manager", f.FieldManager, "The name under which the server records the changes.")
}

func (f *applyFlags) settings() (journal.Settings, error) {
	policies := []string{apply.Stop, apply.Continue, apply.RollbackAll}
	switch {
	case f.WaveSize < 1:
		return journal.Settings{}, errors.New("--wave-size is at least 1")
	case f.RolloutTimeout < 0:
		return journal.Settings{}, errors.New("--rollout-timeout cannot be negative")
	case f.Settle < 0:
		return journal.Settings{}, errors.New("--settle cannot be negative")
	case !slices.Contains(policies, f.OnFailure):
		return journal.Settings{}, unknown("--on-failure", f.OnFailure, policies)
	case f.FieldManager == "":
		return journal.Settings{}, errors.New("--field-manager cannot be empty")
	}
	return journal.Settings{
		WaveSize: f.WaveSize, RolloutTimeout: f.RolloutTimeout, Settle: f.Settle,
		OnFailure: f.OnFailure, FieldManager: f.FieldManager,
	}, nil
}

// runFlags are the flags of the commands that work on a run.
type runFlags struct {
	streams    genericiooptions.IOStreams
	connection *genericclioptions.ConfigFlags
	apply      applyFlags
	yes        bool
	readOnly   bool
	config     configFlags
}

func newRunFlags(streams genericiooptions.IOStreams) *runFlags {
	return &runFlags{streams: streams, connection: genericclioptions.NewConfigFlags(true), apply: newApplyFlags()}
}

func (f *runFlags) addTo(cmd *cobra.Command, own func(*pflag.FlagSet)) []flagGroup {
	return addGroups(cmd,
		flagGroupOf("Options", func(fs *pflag.FlagSet) {
			if own != nil {
				own(fs)
				f.apply.addTo(fs)
			}
			fs.BoolVarP(&f.yes, "yes", "y", false, "Answer yes to every question.")
			addReadOnly(fs, &f.readOnly)
			f.config.addTo(fs)
		}),
		flagGroupOf("Connection, as in kubectl", f.connection.AddFlags),
	)
}

func (f *runFlags) runner() (*runner, error) {
	settings, err := f.apply.settings()
	if err != nil {
		return nil, usageError(err)
	}
	c, err := connect(f.connection)
	if err != nil {
		return nil, err
	}
	s, err := (&configFile{named: f.config.Path}).settings()
	if err != nil {
		return nil, err
	}
	return &runner{IOStreams: f.streams, cluster: c, settings: settings, guard: s.guard(c.context, f.readOnly), yes: f.yes}, nil
}

// oneRun takes the number of a run, or nothing.
func (f *runFlags) oneRun(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usageError(fmt.Errorf("%s takes one run; see kubectl %s history", cmd.Name(), Name))
	}
	if len(args) == 1 {
		if n, err := strconv.Atoi(args[0]); err != nil || n < 1 {
			return usageError(fmt.Errorf("%q is not the number of a run; see kubectl %s history", args[0], Name))
		}
	}
	return nil
}

// pick returns the run that is named, or the latest one of the cluster that
// fits.
func pick(runs *journal.Store, cluster journal.Cluster, args []string, what string, fits func([]*journal.Record, *journal.Record) bool) (*journal.Record, error) {
	all, err := runs.List()
	if err != nil {
		return nil, err
	}
	if len(args) == 1 {
		n, _ := strconv.Atoi(args[0])
		rec, err := runs.Read(n)
		if err != nil {
			return nil, err
		}
		if !sameCluster(rec.Header.Cluster, cluster) {
			return nil, fmt.Errorf("run %d was on another cluster (context %q, %s), and this is %q; choose it with --context",
				n, rec.Header.Cluster.Context, rec.Header.Cluster.Server, cluster.Context)
		}
		return rec, nil
	}
	for _, rec := range all {
		if rec.Err == nil && sameCluster(rec.Header.Cluster, cluster) && fits(all, rec) {
			return rec, nil
		}
	}
	return nil, fmt.Errorf("no run on this cluster (context %q) is left to be %s; see kubectl %s history", cluster.Context, what, Name)
}

// sameCluster reports whether two identities are of one cluster: by the UID
// of its namespace kube-system, or else by its address.
func sameCluster(a, b journal.Cluster) bool {
	if a.UID != "" && b.UID != "" {
		return a.UID == b.UID
	}
	return a.Server == b.Server
}

// undoneBy returns the run that took another back, or 0.
func undoneBy(all []*journal.Record, n int) int {
	for _, rec := range all {
		if rec.Err == nil && rec.Header.Kind == journal.Undo && rec.Header.Undoes == n && rec.End != nil && rec.End.Result == journal.Done {
			return rec.Header.Run
		}
	}
	return 0
}
