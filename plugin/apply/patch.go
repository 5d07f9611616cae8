package apply

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// The ways in which a patch does not go through that are no refusal.
var (
	// errStale: the object is not the one that was looked at, in what the
	// change touches.
	errStale = errors.New("it has changed since the scan in what the fix touches, or was replaced; scan again")
	// errRestless: each time it was read, another wrote it before we did.
	errRestless = errors.New("it is written again and again by another, each time between our reading it and our writing; try again")
	// errHeld: the object holds what the change makes of it, by another's hand.
	errHeld = errors.New("the object holds it already")
)

// races bounds how often a patch or a deletion is tried of an object that another keeps
// writing. From the second time on it waits a moment of random length, so that
// it does not keep step with a writer that has a beat.
const races = 25

// patch sends a change. When the object has changed since it was looked at,
// the same minimal difference is tried on the object as it is now; if its
// guards no longer hold there, the change is stale.
func (a *Applier) patch(ctx context.Context, c *fixes.Change, opts client.WriteOptions) (fixes.Object, error) {
	current := *c
	for try := range races {
		if err := pause(ctx, try); err != nil {
			return nil, err
		}
		body, err := current.JSONPatch()
		if err != nil {
			return nil, err
		}
		obj, err := a.Client.Patch(ctx, c.Object, body, opts)
		switch {
		case apierrors.IsNotFound(err):
			return nil, errStale
		case !isGuardFailure(err):
			return obj, err
		}
		live, err := a.Client.Get(ctx, c.Object)
		if apierrors.IsNotFound(err) {
			return nil, errStale
		}
		if err != nil {
			return nil, err
		}
		if !opts.DryRun && live.GetUID() == c.Before.GetUID() && c.HeldBy(live) {
			if a.wrote(live) {
				return live, nil // by a request whose answer was lost, and that was sent again
			}
			return live, errHeld
		}
		rebased, ok := c.Rebase(live)
		if !ok || rebased.SameBase(current) || live.GetDeletionTimestamp() != nil {
			return nil, errStale
		}
		current = rebased
	}
	return nil, errRestless
}

// pause waits before a further try, up to 5 ms for each that failed.
func pause(ctx context.Context, try int) error {
	if try < 2 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(rand.N(time.Duration(try) * 5 * time.Millisecond)):
		return nil
	}
}

// whyStale says what has changed since the scan, and by whom.
func (a *Applier) whyStale(ctx context.Context, c *fixes.Change, otherwise string) string {
	if c.Before == nil {
		return otherwise
	}
	live, err := a.Client.Get(ctx, c.Object)
	switch {
	case apierrors.IsNotFound(err):
		return "it was deleted since the scan; scan again"
	case err != nil:
		return otherwise
	case live.GetUID() != c.Before.GetUID():
		return "it was deleted since the scan, and another of its name made; scan again"
	case live.GetDeletionTimestamp() != nil:
		return "it is being deleted; scan again"
	}
	var changed []string
	for _, f := range c.Drift(live) {
		changed = append(changed, f.String())
	}
	if len(changed) == 0 {
		return otherwise
	}
	return fixes.Clean("changed since the scan: "+strings.Join(changed, ", ")) + "; scan again"
}

// isGuardFailure reports whether a test operation of a JSON Patch failed. The
// API server answers with 422 and the library's words; a conflict is another
// write between its read and its write.
func isGuardFailure(err error) bool {
	if apierrors.IsConflict(err) {
		return true
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Reason != metav1.StatusReasonInvalid {
		return false
	}
	msg := status.Status().Message
	return strings.Contains(msg, "the server rejected our request due to an error in our request") ||
		strings.Contains(msg, "testing value") || strings.Contains(msg, "jsonpatch")
}

// mask replaces in a message every string of an object that its redaction
// hides.
func mask(msg string, obj fixes.Object, redact fixes.Redactor) string {
	plain, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return "the server's reason cannot be shown"
	}
	hidden, err := runtime.DefaultUnstructuredConverter.ToUnstructured(redact(obj))
	if err != nil {
		return "the server's reason cannot be shown"
	}
	return maskValue(msg, plain, hidden)
}

func maskValue(msg string, plain, hidden any) string {
	switch p := plain.(type) {
	case map[string]any:
		h, _ := hidden.(map[string]any)
		for key := range p {
			msg = maskValue(msg, p[key], h[key])
		}
	case []any:
		h, _ := hidden.([]any)
		for i := range p {
			var other any
			if i < len(h) {
				other = h[i]
			}
			msg = maskValue(msg, p[i], other)
		}
	case string:
		if h, _ := hidden.(string); h != p && p != "" {
			msg = strings.ReplaceAll(msg, p, "••••••••")
		}
	}
	return msg
}
