//go:build unix

package apply_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// fault is one case of the suite. docs/faults.md has a row for each.
type fault struct {
	name string
	// status is the exit status that the program ends with: of the dry run where
	// that fails, else of the run.
	status int
	play   func(s *scene)
}

// The exit statuses, as plugin/status.go has them.
const (
	done        = 0
	refused     = 2
	partial     = 3
	stale       = 4
	rolledBack  = 5
	interrupted = 130
)

// statusOf is what plugin/status.go makes of an error.
func statusOf(err error) int {
	switch {
	case err == nil:
		return done
	case errors.Is(err, context.Canceled):
		return interrupted
	case errors.Is(err, apply.ErrPartial):
		return partial
	case errors.Is(err, apply.ErrStale):
		return stale
	case errors.Is(err, apply.ErrRolledBack):
		return rolledBack
	}
	return refused
}

// scene is what a case plays in: a namespace of its own on a real control
// plane, a plan made from a scan of it, and what goes wrong meanwhile.
type scene struct {
	*testing.T
	want   int  // the status of the first run
	orDone bool // or it is done
	stride int  // of a walk; 0: each step

	ns         string
	kubeconfig string
	config     *rest.Config // of an admin, without faults
	admin      *client.Client
	objects    dynamic.Interface // for kinds that the program does not know
	how        planSpec          // the plan is made

	// wire stands between the engine and the server.
	wire     *wire
	user     string          // whom the engine is; "": the admin
	denied   map[string]bool // what the user was denied last
	runs     *journal.Store
	state    string // the folder of runs
	settings journal.Settings
	ctx      context.Context
	cancel   context.CancelFunc
	stop     chan struct{}

	plan *fixes.Plan
	// begin and end are the namespace before the plan and after it. What others
	// do to it on purpose, they do to both.
	begin, end images

	// beforeWrite is called between the dry run and the first write, onStep at
	// every boundary between two steps of a run, and onReport with all that the
	// engine says.
	beforeWrite func()
	onStep      func(name string)
	onReport    func(fixes.Outcome)
	prepare     func(*apply.Run)
	arrived     func() // at the outage; see [restarts]

	mu   sync.Mutex
	last map[fixes.Ref]fixes.Outcome
	told []fixes.Outcome
	id   int // of the last run
	// tries are the lines of the last trials, noLogs that logs were not to be
	// read in them, and left that the case lets a copy be left.
	tries        []string
	noLogs, left bool
	// loose are objects of which the case itself says what they are at the end.
	loose map[string]bool
}

// newScene makes the namespace of a case.
func newScene(t *testing.T, f fault, kubeconfig string) *scene {
	t.Helper()
	s := &scene{
		T: t, want: f.status, ns: "f-" + f.name, kubeconfig: kubeconfig, loose: map[string]bool{}, denied: map[string]bool{}, stop: make(chan struct{}),
		settings: journal.Settings{WaveSize: 5, RolloutTimeout: 60 * time.Second, OnFailure: apply.Stop, FieldManager: apply.FieldManager},
	}
	s.ctx, s.cancel = context.WithCancel(t.Context())
	t.Cleanup(s.cancel)
	s.keepIn(t.TempDir())
	var err error
	if s.config, err = clientcmd.BuildConfigFromFlags("", kubeconfig); err != nil {
		t.Fatal(err)
	}
	s.config.QPS, s.config.WarningHandler = -1, rest.NoWarnings{}
	if s.objects, err = dynamic.NewForConfig(s.config); err != nil {
		t.Fatal(err)
	}
	if s.admin, err = client.New(s.config); err != nil {
		t.Fatal(err)
	}
	s.wire = &wire{ns: s.ns, witness: s.witness}
	s.create("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + s.ns + "}")
	// It stays: to delete hundreds of namespaces would cost more than the cases,
	// and the cluster ends with them. Pods are refused until it has its
	// ServiceAccount.
	s.eventually("its ServiceAccount is there", func() bool { return s.get("ServiceAccount/default") != nil })
	return s
}

// keepIn makes a folder the place of the journals.
func (s *scene) keepIn(dir string) { s.state, s.runs = dir, journal.Open(dir) }

// applier returns the engine as a new process would have it.
func (s *scene) applier() *apply.Applier {
	config := rest.CopyConfig(s.config)
	config.Impersonate.UserName = s.user
	config.Wrap(s.wire.wrap)
	c, err := client.New(config)
	if err != nil {
		s.Fatal(err)
	}
	return &apply.Applier{
		Client: c, Redact: secrets.Redact, Runs: s.runs, Settings: s.settings, Program: "test",
		Cluster: journal.Cluster{UID: "test"},
		Step: func(name string) {
			if s.onStep != nil {
				s.onStep(name)
			}
		},
	}
}

// run plays a whole run: the dry run, and what the case does then, and the
// writes. The case's status says how it ends.
func (s *scene) run() {
	s.Helper()
	a := s.applier()
	if err := a.DryRun(s.ctx, s.plan, s.report); err != nil {
		s.expect(err, s.want)
		s.is(s.begin)
		if rec, err := s.runs.Read(1); err == nil {
			s.Errorf("a journal was begun: %+v", rec)
		}
		return
	}
	if s.beforeWrite != nil {
		s.beforeWrite()
	}
	r, err := a.Begin(s.plan)
	if err != nil {
		s.expect(err, s.want)
		s.is(s.begin)
		return
	}
	s.do(r, s.want, s.begin, s.end)
}

// do carries out a run, demands that it end with a status, and that all that
// it says and writes down of each change is true: what has it is as in to, and
// what has not as in from.
func (s *scene) do(r *apply.Run, status int, from, to images) {
	s.Helper()
	s.id = r.ID()
	if s.prepare != nil {
		s.prepare(r)
	}
	err := r.Do(s.ctx, s.stop, s.report)
	s.expect(err, status)
	s.verify(r, from, to)
}

// resume goes on with the last run, once the fault is gone.
func (s *scene) resume(status int) {
	s.Helper()
	s.heal()
	r, err := s.applier().Resume(s.ctx, s.id)
	if err != nil {
		s.Fatalf("resume: %v", err)
	}
	s.Cleanup(func() { _ = r.Close() })
	from, to := s.begin, s.end
	rec := s.record(s.id)
	if rec.Header.Kind == journal.Undo {
		from, to = to, from
	}
	if err := s.applier().DryRun(s.ctx, r.Remaining(), s.report); err != nil {
		s.expect(err, status)
		return
	}
	s.do(r, status, from, to)
}

// undo takes a run back. It returns what is left as it is.
func (s *scene) undo(n, status int) []string {
	s.Helper()
	s.heal()
	a := s.applier()
	undoing := s.planUndo(n, nil)
	if err := a.DryRun(s.ctx, undoing.Plan, s.report); err != nil {
		s.expect(err, status)
		return undoing.Left
	}
	if len(undoing.Plan.Changes) == 0 {
		return undoing.Left
	}
	r, err := a.BeginUndo(undoing.Plan, n)
	if err != nil {
		s.Fatal(err)
	}
	s.do(r, status, s.snapshot(), s.begin)
	return undoing.Left
}

func (s *scene) planUndo(n int, only func(fixes.Ref) bool) *apply.Undoing {
	s.Helper()
	a, rec := s.applier(), s.record(n)
	if err := a.Tidy(s.ctx, rec); err != nil {
		s.Fatal(err)
	}
	undoing, err := a.PlanUndo(s.ctx, rec, only)
	if err != nil {
		s.Fatalf("plan the undo: %v", err)
	}
	s.noSecretIn(strings.Join(undoing.Left, "\n"))
	return undoing
}

// heal ends the faults: what comes after is as if in another process, later.
func (s *scene) heal() {
	s.wire.lift()
	s.ctx, s.cancel = context.WithCancel(s.Context())
	s.Cleanup(s.cancel)
	s.stop, s.orDone = make(chan struct{}), false
	s.beforeWrite, s.onStep, s.onReport, s.prepare = nil, nil, nil, nil
}

// finish resumes the run to its end, and takes it back again.
func (s *scene) finish() {
	s.Helper()
	if s.Failed() {
		return // one fault at a time
	}
	n := s.id
	s.resume(done)
	s.is(s.end)
	s.takeBack(n)
}

// takeBack undoes a run completely.
func (s *scene) takeBack(n int) {
	s.Helper()
	if s.Failed() {
		return
	}
	if left := s.undo(n, done); len(left) > 0 {
		s.Errorf("left by undo: %q", left)
	}
	s.is(s.begin)
}

// nothingLeft demands that all be as before, and no undo have anything to do.
func (s *scene) nothingLeft() {
	s.Helper()
	s.is(s.begin)
	for _, rec := range s.records() {
		if rec.Header.Kind == journal.Undo {
			continue // of which an undo would be to do it all again
		}
		u := s.planUndo(rec.Run, nil)
		for _, c := range u.Plan.Changes {
			s.Errorf("run %d is not taken back yet: it would %s %s", rec.Run, c.Action, c.Object)
		}
		if len(u.Left) > 0 {
			s.Errorf("run %d is not taken back yet: %q", rec.Run, u.Left)
		}
	}
}
