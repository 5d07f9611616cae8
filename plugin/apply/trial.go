package apply

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/trial"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/rollout"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

const (
	// trialWorkers bounds the workloads that are tried at a time, each on one
	// copy, which most of the time is watched for whether it stays ready: nodes
	// need not have room for more.
	trialWorkers = 8
	// trialTime is how long the trial of a workload goes on before no more tries
	// are begun.
	trialTime = 10 * time.Minute
)

// Trials is a run that tries copies of workloads' pods, to find the tightest
// security settings with which they run. It touches no workload.
type Trials struct {
	a         *Applier
	journal   *journal.Run
	inv       *fixes.Inventory
	workloads []fixes.Workload
	// changes stand for the workloads where something is said of them.
	changes []*fixes.Change

	mu     sync.Mutex // of report
	report func(Tried)
	noLogs atomic.Bool
	// untried says why nothing was learned of a workload, "" where something was.
	untried []string
}

// Tried is one try of a workload.
type Tried struct {
	Workload fixes.Ref
	// Line is the try's number, what was tried, and what came of it.
	Line string
}

// Triable reports whether copies of a workload's pod can be tried: it makes
// pods for as long as it is there.
func Triable(w fixes.Workload) bool {
	switch w.Ref().Kind {
	case fixes.KindDeployment, fixes.KindStatefulSet, fixes.KindDaemonSet, fixes.KindCronJob:
		return true
	}
	return false
}

// BeginTrials opens the journal of a run that tries the pods of workloads of
// an inventory.
func (a *Applier) BeginTrials(inv *fixes.Inventory, workloads []fixes.Workload) (*Trials, error) {
	t := &Trials{a: a, inv: inv, workloads: workloads}
	h := journal.Header{Kind: journal.Trial, Started: time.Now(), Settings: a.Settings, Cluster: a.Cluster, Program: a.Program}
	for _, w := range workloads {
		t.changes = append(t.changes, &fixes.Change{Object: w.Ref(), Before: w.Object})
		h.Changes = append(h.Changes, journal.Change{Action: journal.Try, Object: journal.RefOf(w.Ref())})
	}
	t.untried = make([]string, len(workloads))
	var err error
	if t.journal, err = a.Runs.Create(h); err != nil {
		return nil, fmt.Errorf("nothing was tried: %w", err)
	}
	a.step("begun")
	return t, nil
}

// ID returns the number of the run.
func (t *Trials) ID() int { return t.journal.Header().Run }

// NoLogs reports whether the user was not let read the logs of copies.
func (t *Trials) NoLogs() bool { return t.noLogs.Load() }

// Untried says of workloads why they could not be tried, in a sentence without
// its end: nothing is known of them then that was not known before.
func (t *Trials) Untried() map[fixes.Ref]string {
	out := map[fixes.Ref]string{}
	for i, why := range t.untried {
		if why != "" {
			out[t.workloads[i].Ref()] = why
		}
	}
	return out
}

// Do tries the workloads, some side by side, and returns what was learned of
// those that could be tried, in their order. Every copy is removed before the
// next of its workload is made, also when ctx ends meanwhile. It reports each
// try.
//
// Its error is the context's, or says that the journal could not be written.
func (t *Trials) Do(ctx context.Context, report func(Tried)) ([]*fixes.Trial, error) {
	t.report = report
	defer func() { _ = t.journal.Close() }() // every entry is on disk already
	out := make([]*fixes.Trial, len(t.workloads))
	var group errgroup.Group
	group.SetLimit(trialWorkers)
	for i := range t.workloads {
		group.Go(func() (err error) {
			out[i], err = t.workload(ctx, i)
			return err
		})
	}
	err := group.Wait()
	result := journal.Done
	if ctx.Err() != nil {
		err, result = ctx.Err(), journal.Interrupted
	}
	if endErr := t.journal.End(journal.End{Time: time.Now(), Result: result}); err == nil {
		err = endErr
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(out, func(t *fixes.Trial) bool { return t == nil }), nil
}

// workload searches for the settings of one workload.
func (t *Trials) workload(ctx context.Context, i int) (*fixes.Trial, error) {
	w := t.workloads[i]
	search, err := trial.New(t.inv, w)
	if err != nil {
		return nil, t.leave(i, err)
	}
	one := &tries{Trials: t, i: i, limit: t.limit(i)}
	for end := time.Now().Add(trialTime); time.Now().Before(end); {
		try, more := search.Next()
		if !more {
			break
		}
		outcome, err := one.try(ctx, try)
		if err != nil {
			t.tell(i, fmt.Sprintf("%d. %s: %s", one.n, try.Why, err))
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, errNoJournal):
			return nil, err
		case err != nil && !one.ran:
			return nil, t.leave(i, err)
		case err != nil: // what has run before is known all the same
			return t.learned(i, search.Trial())
		}
		search.Learn(outcome)
		if log := search.Trial().Log; len(log) > 0 {
			t.tell(i, log[len(log)-1])
		}
	}
	return t.learned(i, search.Trial())
}

// tell reports a try of a workload.
func (t *Trials) tell(i int, line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.report(Tried{t.workloads[i].Ref(), t.clean(i, line)})
}

// leave notes why a workload could not be tried.
func (t *Trials) leave(i int, why error) error {
	t.untried[i] = t.clean(i, why.Error())
	return t.note(i, journal.Failed, t.untried[i])
}

// learned notes what was learned of a workload. What its program has written
// may quote secrets.
func (t *Trials) learned(i int, out *fixes.Trial) (*fixes.Trial, error) {
	out.Err = t.clean(i, out.Err)
	for _, list := range [][]string{out.Log, out.Kept} {
		for k := range list {
			list[k] = t.clean(i, list[k])
		}
	}
	detail := out.Err
	if detail == "" {
		detail = strings.Join(append([]string{"settings were found that run"}, out.Kept...), "; ")
	}
	if err := t.note(i, journal.Tried, detail); err != nil {
		return nil, err
	}
	return out, nil
}

// note writes down how the trial of a workload ended.
func (t *Trials) note(i int, step journal.Step, detail string) error {
	if err := t.journal.Append(journal.Entry{Time: time.Now(), Change: i, Step: step, Detail: detail}); err != nil {
		return fmt.Errorf("%w: %w", errNoJournal, err)
	}
	t.a.step("tried")
	return nil
}

func (t *Trials) clean(i int, text string) string { return t.a.clean(t.changes[i], text) }

// limit is how long a copy may take until it is ready, if nothing is known of
// how long it takes.
func (t *Trials) limit(i int) time.Duration {
	if t.a.Settings.RolloutTimeout > 0 {
		return t.a.Settings.RolloutTimeout
	}
	const start = time.Minute
	return start + rollout.StartTime(t.workloads[i].Spec)
}

// errNoJournal: no journal, no write.
var errNoJournal = errors.New("the journal of the trials cannot be written")

// tries are those of one workload, one after another.
type tries struct {
	*Trials
	i, n int
	// limit is how long a copy may take until it is ready.
	limit time.Duration
	// ran: a copy with settings other than its own has run.
	ran bool
}

// try starts a copy, waits for what becomes of it, and removes it. The error
// says why nothing was learned, as a sentence without its end.
func (t *tries) try(ctx context.Context, try trial.Try) (out trial.Outcome, err error) {
	t.n++
	c := t.changes[t.i]
	pod, wall := t.copy(try)
	if out.Refused, err = t.refusal(ctx, pod); err != nil || out.Refused != "" {
		return out, err
	}
	about := journal.RefOf(fixes.RefOf(pod))
	note := func(step journal.Step) error {
		return t.journal.Append(journal.Entry{Time: time.Now(), Change: t.i, Step: step, Object: &about})
	}
	if err := note(journal.Canary); err != nil {
		return out, fmt.Errorf("%w: %w", errNoJournal, err)
	}
	t.a.step("noted")
	defer func() {
		left := t.a.removeCopy(ctx, pod.Namespace, pod.Name)
		if left != nil {
			err = fmt.Errorf("a copy of its pod is left, %s: %s", pod.Name, t.clean(t.i, left.Error()))
			return
		}
		if noteErr := note(journal.CanaryRemoved); noteErr != nil {
			err = fmt.Errorf("%w: %w", errNoJournal, noteErr)
		}
		t.a.step("canary removed")
	}()
	made, err := t.a.startCopy(ctx, pod, wall)
	if err != nil {
		return t.judge(err)
	}
	watcher := t.a.watcher(c)
	watcher.Timeout, watcher.Interval, watcher.Hasty = t.limit, rollout.DefaultInterval/2, true
	out, err = t.watch(ctx, watcher, made)
	t.ran = t.ran || out.Ready && !try.AsItIs
	return out, err
}

// copy makes the copy for a try. It is not restarted: what its first start has
// left behind could help the second.
func (t *tries) copy(try trial.Try) (*corev1.Pod, *networkingv1.NetworkPolicy) {
	obj := t.workloads[t.i].Object.DeepCopyObject().(fixes.Object)
	if w, _ := fixes.AsWorkload(obj); !try.AsItIs {
		try.Confinement.Apply(w)
	}
	name := canaryName(t.journal.Header(), t.i) + "-" + strconv.Itoa(t.n)
	pod, wall := copyOf(podOf(obj), name, pullTime+t.limit+rollout.DefaultSoak)
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	return pod, wall
}

// refusal asks the server whether it would take a copy.
func (t *tries) refusal(ctx context.Context, pod *corev1.Pod) (refused string, err error) {
	_, err = t.a.Client.Create(ctx, pod, client.WriteOptions{FieldManager: t.a.Settings.FieldManager, DryRun: true})
	if err == nil {
		return "", nil
	}
	out, err := t.judge(err)
	return out.Refused, err
}

// judge tells an answer that is about a copy's settings from one that shows
// nothing of them.
func (t *tries) judge(err error) (trial.Outcome, error) {
	text := t.clean(t.i, err.Error())
	switch {
	case apierrors.IsForbidden(err) && strings.Contains(text, "cannot create resource"):
		return trial.Outcome{}, errors.New(notAllowed(text, t.workloads[t.i].Object.GetNamespace()))
	case !isRefusal(err):
		return trial.Outcome{}, errors.New("a copy of its pod could not be started: " + text)
	case strings.Contains(text, "exceeded quota"):
		return trial.Outcome{}, errors.New("the namespace's quota has no room for a copy of its pod: " + text)
	case apierrors.IsNotFound(err):
		return trial.Outcome{}, errors.New("its namespace is gone: " + text)
	}
	return trial.Outcome{Refused: text}, nil
}

// notAllowed says what the user may not create, for all of a namespace alike.
func notAllowed(text, namespace string) string {
	what := "pods"
	if m := regexp.MustCompile(`cannot create resource "([a-z]+)"`).FindStringSubmatch(text); m != nil {
		what = m[1]
	}
	return fmt.Sprintf("you may not create %s in namespace %s, so no copy was tried", what, namespace)
}
