package apply

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// goneMargin is how long the deletion of an object may take beyond the time
// that its pods have to end.
const goneMargin = 30 * time.Second

// delete removes an object that is still as it was looked at in all that
// matters: a change of its status, or of its metadata by others, is no reason
// to keep it.
func (a *Applier) delete(ctx context.Context, c *fixes.Change, opts client.WriteOptions) error {
	obj := c.Before
	for try := range races {
		if err := pause(ctx, try); err != nil {
			return err
		}
		err := a.Client.Delete(ctx, obj, opts)
		switch {
		case apierrors.IsNotFound(err):
			return nil
		case !apierrors.IsConflict(err):
			return err
		}
		live, err := a.Client.Get(ctx, c.Object)
		if apierrors.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		same := fixes.Change{Action: fixes.Create, Object: c.Object, After: c.Before}
		if c.Action == fixes.Recreate {
			same.After = fixes.Recreated(c.Before) // it may be one that was put back
		}
		if live.GetUID() != c.Before.GetUID() || !holds(live, &same) {
			return errStale
		}
		obj = live
	}
	return errRestless
}

// recreate deletes an object and creates it anew. The old one is kept in a
// Secret for as long as neither is there: the journal holds no secret, and so
// could not bring a pod back that carries one.
func (a *Applier) recreate(ctx context.Context, c *fixes.Change, opts client.WriteOptions) (fixes.Object, error) {
	after := c.After.DeepCopyObject().(fixes.Object)
	after.SetResourceVersion("")
	after.SetUID("")
	if opts.DryRun {
		if err := a.delete(ctx, c, opts); err != nil {
			return nil, err
		}
		after.SetName("")
		after.SetGenerateName("kubectl-harden-check-")
		return a.Client.Create(ctx, after, opts)
	}
	live, err := a.look(ctx, c.Object)
	if err != nil {
		return nil, err
	}
	if live == nil {
		// In the middle of a recreation its manifest is kept. Otherwise somebody
		// wanted it gone.
		if kept, err := a.kept(ctx, c.Object); err != nil || kept == nil {
			return nil, cmp.Or(err, errStale)
		}
	} else {
		if live.GetUID() != c.Before.GetUID() {
			return nil, errStale
		}
		if err := a.keep(ctx, c, opts); err != nil {
			return nil, err
		}
		a.step("kept")
		err := a.delete(ctx, c, opts)
		if err != nil && (errors.Is(err, errStale) || isRefusal(err)) {
			return live, err
		}
		if err != nil && a.find(ctx, c, fixes.Applied).State == fixes.Pending {
			return nil, err // it is there, and stays
		}
		a.step("deleted")
		if err := a.gone(ctx, c.Before); err != nil {
			return nil, err
		}
	}
	obj, err := a.Client.Create(ctx, after, opts)
	if err != nil && isRefusal(err) {
		// The dry run took it: whatever refuses it now must not cost the old one.
		old, backErr := a.Client.Create(ctx, fixes.Recreated(c.Before), opts)
		if backErr != nil {
			return nil, fmt.Errorf("%w: %w; putting the old one back failed too: %w (its manifest is in Secret %s)", errAway, err, backErr, keptName(c.Object))
		}
		return old, err
	}
	if err != nil {
		return nil, err
	}
	a.step("recreated")
	return obj, nil
}

// errAway: an object was deleted, and could not be created anew.
var errAway = errors.New("neither the old one nor the new one is there")

// gone waits until a deleted object is there no more.
func (a *Applier) gone(ctx context.Context, obj fixes.Object) error {
	limit := goneMargin
	if w, ok := fixes.AsWorkload(obj); ok && w.Spec.TerminationGracePeriodSeconds != nil {
		limit += time.Duration(*w.Spec.TerminationGracePeriodSeconds) * time.Second
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	for {
		live, err := a.Client.Get(ctx, fixes.RefOf(obj))
		if apierrors.IsNotFound(err) || err == nil && live.GetUID() != obj.GetUID() {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s was deleted and is not gone after %s", fixes.RefOf(obj), limit)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// keptName names the Secret that an object's manifest is kept in while the
// object is recreated.
func keptName(ref fixes.Ref) string {
	const longest = 253
	name := "kubectl-harden-kept-" + strings.ToLower(ref.Kind.Name) + "-" + ref.Name
	return name[:min(len(name), longest)]
}

const keptKey = "manifest.json"

// keep writes the manifest of an object that is about to be deleted into a
// Secret beside it.
func (a *Applier) keep(ctx context.Context, c *fixes.Change, opts client.WriteOptions) error {
	m, err := json.Marshal(fixes.Recreated(c.Before))
	if err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: keptName(c.Object), Namespace: c.Object.Namespace,
			Labels: map[string]string{"app.kubernetes.io/managed-by": "kubectl-harden"},
		},
		Data: map[string][]byte{keptKey: m},
	}
	_, err = a.Client.Create(ctx, secret, opts)
	if apierrors.IsAlreadyExists(err) {
		return nil // by a try before this one
	}
	if err != nil {
		return fmt.Errorf("keep its manifest in Secret %s while it is recreated: %w", secret.Name, err)
	}
	return nil
}

// kept returns the object whose manifest is kept, or nil.
func (a *Applier) kept(ctx context.Context, ref fixes.Ref) (fixes.Object, error) {
	live, err := a.look(ctx, fixes.Ref{Kind: fixes.KindSecret, Namespace: ref.Namespace, Name: keptName(ref)})
	if err != nil || live == nil {
		return nil, err
	}
	obj := ref.Kind.New()
	if err := json.Unmarshal(live.(*corev1.Secret).Data[keptKey], obj); err != nil {
		return nil, fmt.Errorf("the manifest kept in Secret %s cannot be read: %w", keptName(ref), err)
	}
	return obj, nil
}

// keepable reports whether objects of a kind are recreated, so that a manifest
// of one may be kept.
func keepable(kind fixes.Kind) bool { return kind == fixes.KindPod || kind == fixes.KindJob }

// release removes a kept manifest, once an object is there of its name.
func (a *Applier) release(ctx context.Context, ref fixes.Ref) error {
	if !keepable(ref.Kind) {
		return nil
	}
	for range attempts {
		live, err := a.look(ctx, fixes.Ref{Kind: fixes.KindSecret, Namespace: ref.Namespace, Name: keptName(ref)})
		if err != nil || live == nil || live.GetDeletionTimestamp() != nil {
			return err
		}
		err = a.Client.Delete(ctx, live, client.WriteOptions{})
		if err == nil || isRefusal(err) && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return fmt.Errorf("the kept Secret %s could not be removed", keptName(ref))
}

// getOrKept reads an object, or its manifest while that is kept.
func (a *Applier) getOrKept(ctx context.Context, ref fixes.Ref) (fixes.Object, error) {
	live, err := a.Client.Get(ctx, ref)
	if !apierrors.IsNotFound(err) || !keepable(ref.Kind) {
		return live, err
	}
	kept, keptErr := a.kept(ctx, ref)
	if kept != nil || keptErr != nil {
		return kept, keptErr
	}
	return nil, err
}
