package apply

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/rollout"
)

// wantsCanary reports whether a change is tried on a copy of a pod first.
func (r *Run) wantsCanary(i int) bool {
	c := r.items[i].change
	return r.a.Settings.Canary && r.review[i] && Copyable(c)
}

// Copyable reports whether a change gives a workload another pod template, of
// which a copy can be tried.
func Copyable(c *fixes.Change) bool {
	switch c.Object.Kind {
	case fixes.KindDeployment, fixes.KindStatefulSet, fixes.KindDaemonSet:
		return c.Restarts()
	case fixes.KindCronJob:
		return c.Action == fixes.Patch && c.ChangesTemplate()
	}
	return false
}

// Canaries returns the changes of a plan that would be tried on a copy of a
// pod first: those that a fix to review gives another pod template.
func Canaries(plan *fixes.Plan) []*fixes.Change {
	review := reviewed(plan)
	var out []*fixes.Change
	for i := range plan.Changes {
		if c := &plan.Changes[i]; review[c.Object] && Copyable(c) {
			out = append(out, c)
		}
	}
	return out
}

// canary starts one copy of a workload's pod with the fix, and reports whether
// it becomes ready. The copy is always removed.
func (r *Run) canary(ctx context.Context, i int) error {
	c := r.items[i].change
	if !r.note(i, journal.Canary, nil, "") {
		return errors.New("the journal cannot be written")
	}
	defer r.removeCanary(ctx, i)
	r.say(i, fixes.Applying, "trying the fix on a copy of its pod")
	pod, wall := r.copyOf(i)
	pod, err := r.a.startCopy(ctx, pod, wall)
	if err != nil {
		return fmt.Errorf("a copy of its pod could not be started, so the change was not made: %s", r.a.clean(c, err.Error()))
	}
	err = r.a.watcher(c).WaitPod(ctx, pod, func(text string) {
		r.say(i, fixes.Applying, "trying the fix on a copy of its pod: "+text)
	})
	var failure *rollout.Failure
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errors.New("interrupted while a copy of its pod was tried")
	case errors.As(err, &failure):
		return errors.New("a copy of its pod with the fix did not become ready (cut off from the network), so the change was not made: " +
			strings.Join(append([]string{failure.Reason}, failure.Details...), "\n"))
	}
	return fmt.Errorf("the copy of its pod could not be watched, so the change was not made: %s", r.a.clean(c, err.Error()))
}

// canaryName names the copy for a change of a run, and its policy. It is known
// before they are made, so that they are found after a crash.
func canaryName(h *journal.Header, i int) string {
	return "kubectl-harden-canary-" + strconv.FormatInt(h.Started.UnixNano(), 36) + "-" + strconv.Itoa(i)
}

// copyOf returns a copy of a workload's pod with the fix, and its policy.
func (r *Run) copyOf(i int) (*corev1.Pod, *networkingv1.NetworkPolicy) {
	c := r.items[i].change
	limit := r.a.Settings.RolloutTimeout
	if limit == 0 {
		limit = r.a.watcher(c).Limit(c.After)
	}
	return copyOf(podOf(c.After), canaryName(r.journal.Header(), i), limit)
}

// removeCanary removes a copy and then its policy, whatever has become of the
// run.
func (r *Run) removeCanary(ctx context.Context, i int) {
	c := r.items[i].change
	if err := r.a.removeCopy(ctx, c.Object.Namespace, canaryName(r.journal.Header(), i)); err != nil {
		// Noted as still there: a resume or an undo tries again.
		r.say(i, r.items[i].state, "a copy of its pod is left: "+r.a.clean(c, err.Error()))
		return
	}
	r.items[i].canaryLeft = false
	r.note(i, journal.CanaryRemoved, nil, "")
	r.a.step("canary removed")
}
