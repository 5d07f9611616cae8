package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// lookTimeout bounds one look, so that a connection that went dead is not
// waited for.
const lookTimeout = 30 * time.Second

// idle is how many times longer than a look the pause after it is at least:
// a workload of thousands of pods is not listed every second.
const idle = 4

// watch is one wait for one rollout.
type watch struct {
	*subject
	look   func(context.Context) (*sight, error)
	report func(string)
	told   string

	// clock is how long the rollout has been seen to go on. The time in which the
	// server did not answer does not count: nothing moved then.
	clock time.Duration
	// unanswered is how long the server has not answered now.
	unanswered time.Duration
	// best is as far as it has come, and moved when it last came further; nil
	// before the first look.
	best  *progress
	moved time.Duration
	// began is when each trouble that lasts was first seen.
	began map[string]time.Duration
	// steady is since when it is complete with that many restarts; nil: it is
	// not.
	steady   *time.Duration
	restarts int32
}

func newWatch(s *subject, report func(string)) *watch {
	if report == nil {
		report = func(string) {}
	}
	return &watch{subject: s, look: s.look, report: report, began: map[string]time.Duration{}}
}

// run looks again and again, until there is an outcome.
func (w *watch) run(ctx context.Context) error {
	last := time.Now()
	for {
		start := time.Now()
		now, err := w.glance(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		end := time.Now()
		passed := end.Sub(last)
		last = end
		if err == nil {
			var done bool
			if done, err = w.judge(ctx, now, passed); done || err != nil {
				return err
			}
		} else if err := w.miss(err, passed); err != nil {
			return err
		}
		if err := sleep(ctx, max(w.w.interval(), idle*end.Sub(start))); err != nil {
			return err
		}
	}
}

func (w *watch) glance(ctx context.Context) (*sight, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	return w.look(ctx)
}

// miss takes a look that showed nothing: the server that does not answer for a
// while (it may be starting anew) is not the rollout's failure.
func (w *watch) miss(err error, passed time.Duration) error {
	if errors.Is(err, ErrReplaced) || errors.Is(err, ErrChanged) || errors.Is(err, ErrHeld) {
		return err
	}
	w.unanswered += passed
	limit := w.w.Limit(w.written)
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		limit = min(limit, w.grace.denied)
	}
	if w.unanswered >= limit {
		return fmt.Errorf("%s could not be read for %s: %w", w.ref, w.unanswered.Round(time.Second), err)
	}
	w.say("it cannot be read now: " + err.Error())
	return nil
}

// judge reports whether what was seen means that the rollout is complete, or
// returns why it failed.
func (w *watch) judge(ctx context.Context, now *sight, passed time.Duration) (done bool, err error) {
	w.clock += passed
	w.unanswered = 0
	w.follow(now)
	if w.best == nil {
		w.best = new(progressOf(now.object, now.pods))
	} else if w.best.raise(progressOf(now.object, now.pods)) {
		w.moved = w.clock
	}
	if now.complete {
		w.moved = w.clock
		if !w.soaked(now) {
			return false, nil
		}
		return true, atStep(now.object)
	}
	w.steady = nil
	for _, t := range now.troubles {
		if t.wait != forever && w.clock-w.began[t.key] >= t.wait {
			return false, w.fail(ctx, now, &t, "")
		}
	}
	var worst *trouble
	if len(now.troubles) > 0 {
		worst = &now.troubles[0]
	}
	if live, ok := now.object.(*appsv1.Deployment); ok && deadlineExceeded(live, w.written.(*appsv1.Deployment)) {
		return false, w.fail(ctx, now, worst, fmt.Sprintf("it made no progress for %ds (its progressDeadlineSeconds)", *live.Spec.ProgressDeadlineSeconds))
	}
	if limit := w.limit(now); w.clock-w.moved >= limit {
		return false, w.fail(ctx, now, worst, fmt.Sprintf("it made no progress for %s", limit))
	}
	line := now.line()
	if worst != nil && (worst.wait != forever || worst.what == unschedulable) { // the others are in the nature of rollouts
		line += "; " + worst.say(now.object)
	}
	w.say(line)
	return false, nil
}

// follow notes since when each trouble lasts.
func (w *watch) follow(now *sight) {
	began := map[string]time.Duration{}
	for _, t := range now.troubles {
		since, lasts := w.began[t.key]
		if !lasts {
			since = w.clock
		}
		began[t.key] = since
	}
	w.began = began
}

// limit is how long the rollout may stand still as things are: old pods take
// the time that they are given to end.
func (w *watch) limit(now *sight) time.Duration {
	limit := w.w.Limit(now.object)
	if w.w.Timeout == 0 {
		limit += ending(now.leaving)
	}
	return limit
}

// soaked reports whether a rollout has been complete for long enough, without
// a restart.
func (w *watch) soaked(now *sight) bool {
	restarts := restarts(now.pods)
	if w.steady == nil || restarts != w.restarts {
		w.steady, w.restarts = new(w.clock), restarts
	}
	soak := w.w.soak()
	if ended(now.object) || count(now.object).wanted == 0 || minReady(now.object) >= soak {
		return true
	}
	if w.clock-*w.steady >= soak {
		return true
	}
	w.say(now.line() + "; looking whether it stays so")
	return false
}

// ended reports whether an object has nothing left that could fail.
func ended(obj fixes.Object) bool {
	switch o := obj.(type) {
	case *batchv1.Job:
		return jobDone(o)
	case *corev1.Pod:
		return o.Status.Phase == corev1.PodSucceeded
	}
	return false
}

func restarts(pods []*corev1.Pod) int32 {
	var n int32
	for _, pod := range pods {
		for c := range containers(pod) {
			n += c.status.RestartCount
		}
	}
	return n
}

// say reports a line if it is news.
func (w *watch) say(text string) {
	if text = w.line(text); text != w.told {
		w.told = text
		w.report(text)
	}
}
