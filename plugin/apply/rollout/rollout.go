// Package rollout watches what becomes of a workload whose pod template was
// changed: whether its pods are replaced and become ready, or fail, and why,
// in words that an operator understands.
//
// What kstatus says of the object decides whether a rollout is complete; what
// is wrong with its new pods, or that they are refused, decides long before
// any timeout that it failed. Pods of the template before cannot make it fail.
package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// What a [Watcher] does if it is not told otherwise.
const (
	DefaultTimeout  = 5 * time.Minute
	DefaultInterval = time.Second
	// DefaultSoak is the first back-off of the kubelet, so that a container that
	// crashes at every start is seen in it.
	DefaultSoak = 10 * time.Second
)

// The ways in which a rollout comes to no end of its own.
var (
	// ErrReplaced: the object is gone, or another has its name.
	ErrReplaced = errors.New("it was deleted or replaced")
	// ErrChanged: something else changed its pod template, so that this rollout
	// became another.
	ErrChanged = errors.New("something else changed its pod template")
	// ErrHeld: it was paused. The error's text says what resumes it.
	ErrHeld = errors.New("its rollout is held")
	// ErrAtStep: it goes by steps, and waits at one for somebody, or for its
	// time; the new pods that are there are ready. The error's text says what
	// takes it on.
	ErrAtStep = errors.New("the first of its new pods are ready, and it waits at a step of its strategy")
)

// Failure is a rollout that failed.
type Failure struct { //nolint:errname // rollout.Failure is what it is called where it is read
	// Reason is one line, to follow the workload's name and a colon: "its pods
	// crash: container web exits with 1 (CrashLoopBackOff)".
	Reason string
	// Details are lines about the pods in question: the states of their
	// containers, the events about them and about what should make them (the
	// newest last), what could not be read, and the command to go on with.
	Details []string
	// TimedOut: nothing was certain to fail, and the time was up: that of the
	// Watcher, or a Deployment's own (progressDeadlineSeconds).
	TimedOut bool
}

// Error returns the reason.
func (f *Failure) Error() string { return f.Reason }

// Watcher watches rollouts. It is safe for concurrent use, and starts no
// goroutines.
type Watcher struct {
	Client *client.Client
	// Clean neutralises and masks a text from the cluster; it is given texts as
	// they came, with their line breaks. What containers and events say may
	// quote secrets.
	Clean func(string) string
	// Timeout is how long a rollout may go on without any progress before it
	// counts as failed; 0: as [Watcher.Limit] says.
	Timeout time.Duration
	// Interval is the time between two looks; 0: [DefaultInterval]. Looks at
	// what takes long to list are fewer.
	Interval time.Duration
	// Soak is how long a complete rollout must stay so, without a restart of any
	// container; 0: [DefaultSoak]. Without a readiness probe, a container is
	// ready until it crashes.
	Soak time.Duration
	// Hasty: what seldom heals is not given the time to. It is for pods that are
	// only tried.
	Hasty bool
}

// Settled reports whether a workload's rollout is complete now. What was
// failing before a change cannot be blamed on the change. It returns
// [ErrReplaced] when the object is no longer there.
func (w *Watcher) Settled(ctx context.Context, obj fixes.Object) (bool, error) {
	live, err := w.read(ctx, obj)
	if err != nil {
		return false, err
	}
	return settled(live)
}

// Wait watches the rollout of a workload whose template was just changed,
// until it is complete; obj is as the server returned it from that write. It
// calls report, if that is not nil, with a line each time that there is news.
//
// A number of replicas that changes meanwhile is followed. Deployments,
// StatefulSets, DaemonSets and custom kinds that replace their pods
// ([fixes.Kind.Rolls]) have rollouts; a Job is complete as soon as one
// of its pods is ready or has succeeded; a Pod is as for [Watcher.WaitPod];
// with anything else there is nothing to wait for.
//
// The error is a [*Failure] when the rollout failed, [ErrReplaced],
// [ErrChanged], [ErrHeld], [ErrAtStep], the context's, or, when the server has not
// answered for as long as a rollout may stand still, its own.
func (w *Watcher) Wait(ctx context.Context, obj fixes.Object, report func(string)) error {
	subject := newSubject(w, obj)
	if subject == nil {
		return nil
	}
	return newWatch(subject, report).run(ctx)
}

// WaitPod watches one pod, which nothing controls, until it is ready or, if
// it is not to run for ever, has succeeded. The errors are those of
// [Watcher.Wait].
func (w *Watcher) WaitPod(ctx context.Context, pod *corev1.Pod, report func(string)) error {
	return w.Wait(ctx, pod, report)
}

// read returns an object as it is now.
func (w *Watcher) read(ctx context.Context, obj fixes.Object) (fixes.Object, error) {
	live, err := w.Client.Get(ctx, fixes.RefOf(obj))
	if apierrors.IsNotFound(err) {
		return nil, ErrReplaced
	}
	if err != nil {
		return nil, err
	}
	if live.GetUID() != obj.GetUID() || live.GetDeletionTimestamp() != nil {
		return nil, ErrReplaced
	}
	return live, nil
}

// Stuck returns the pods that keep a StatefulSet from going on whose template
// was put back after a failed rollout: those of another revision that are not
// ready. The controller waits for them and does not replace them until somebody
// deletes them (kubernetes#67250). It waits for the controller to take up the
// template; other kinds have none.
func (w *Watcher) Stuck(ctx context.Context, obj fixes.Object) ([]fixes.Object, error) {
	subject := newSubject(w, obj)
	if subject == nil || subject.ref.Kind != fixes.KindStatefulSet {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, w.Limit(obj))
	defer cancel()
	for {
		live, err := w.read(ctx, obj)
		switch {
		case errors.Is(err, ErrReplaced):
			return nil, err
		case err == nil && observed(live):
			return subject.stuck(ctx, live)
		}
		if over := sleep(ctx, w.interval()); over != nil {
			return nil, fmt.Errorf("its controller has not taken up %s: %w", subject.ref, cmp.Or(err, over))
		}
	}
}

func (w *Watcher) interval() time.Duration {
	if w.Interval > 0 {
		return w.Interval
	}
	return DefaultInterval
}

func (w *Watcher) soak() time.Duration {
	if w.Soak > 0 {
		return w.Soak
	}
	return DefaultSoak
}

// sleep waits, or returns the context's error when that ends before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
