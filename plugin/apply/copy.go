package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// canaryLabel marks a copy of a pod, and is the only label it has beside the
// one that says who made it: Services, policies and controllers select by
// those of the original.
const canaryLabel = "kubectl-harden.dev/canary"

const (
	// canaryMargin is how long a copy may outlive the time that it is given, if
	// this program is killed and cannot remove it: then the kubelet ends it.
	canaryMargin = time.Minute
	// copyGrace is the time in seconds that a copy has to end: it has nothing to
	// save.
	copyGrace = 2
)

// copyOf makes a pod a copy of a name, and returns it with the policy that
// cuts it off. The copy does not mount what the original writes to: claims are
// empty folders in it. It takes no port of its node and no other pod's room,
// stands wherever there is some, and ends by itself when limit has passed.
func copyOf(pod *corev1.Pod, name string, limit time.Duration) (*corev1.Pod, *networkingv1.NetworkPolicy) {
	marks := map[string]string{canaryLabel: name, "app.kubernetes.io/managed-by": "kubectl-harden"}
	pod.ObjectMeta = metav1.ObjectMeta{Name: name, Namespace: pod.Namespace, Labels: marks, Annotations: pod.Annotations}
	pod.Spec.ActiveDeadlineSeconds = new(int64((limit + canaryMargin).Seconds()))
	if g := pod.Spec.TerminationGracePeriodSeconds; g == nil || *g > copyGrace {
		pod.Spec.TerminationGracePeriodSeconds = new(int64(copyGrace))
	}
	// Of a higher class, it would evict others.
	pod.Spec.PriorityClassName, pod.Spec.Priority, pod.Spec.PreemptionPolicy = "", nil, nil
	pod.Spec.TopologySpreadConstraints = nil
	if a := pod.Spec.Affinity; a != nil {
		a.PodAffinity, a.PodAntiAffinity = nil, nil
	}
	for v := range pod.Spec.Volumes {
		if src := &pod.Spec.Volumes[v].VolumeSource; src.PersistentVolumeClaim != nil || src.Ephemeral != nil {
			*src = corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
		}
	}
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for k := range list {
			for p := range list[k].Ports {
				list[k].Ports[p].HostPort = 0
			}
		}
	}
	return pod, &networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: pod.Namespace, Labels: marks},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{canaryLabel: name}},
			PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress},
		},
	}
}

// startCopy creates a copy, cut off before it is there, where the cluster
// enforces policies. A request under way is brought to its end: called off, it
// could still be carried out, after the copy was looked for to be removed.
func (a *Applier) startCopy(ctx context.Context, pod *corev1.Pod, wall *networkingv1.NetworkPolicy) (*corev1.Pod, error) {
	writing, cancel := lasting(ctx)
	defer cancel()
	for _, obj := range []fixes.Object{wall, pod} {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		made, err := a.createAgain(writing, obj)
		if err != nil {
			return nil, err
		}
		if p, ok := made.(*corev1.Pod); ok {
			pod = p
		}
		a.step("canary")
	}
	return pod, nil
}

// createAgain creates an object of which there may be another of its name, on
// its way out: that of a try before this one, which was killed.
func (a *Applier) createAgain(ctx context.Context, obj fixes.Object) (fixes.Object, error) {
	deadline := time.Now().Add(goneMargin)
	for {
		made, err := a.Client.Create(ctx, obj, client.WriteOptions{FieldManager: a.Settings.FieldManager})
		if !apierrors.IsAlreadyExists(err) || time.Now().After(deadline) {
			return made, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Tidy removes what a run left behind when it was killed: copies of pods, and
// kept manifests of what is there.
func (a *Applier) Tidy(ctx context.Context, rec *journal.Record) error {
	for i, c := range rec.Header.Changes {
		if e, left := rec.Canary(i); left {
			if err := a.removeCopy(ctx, c.Object.Namespace, copyName(&rec.Header, e)); err != nil {
				return fmt.Errorf("remove a copy of a pod of %s: %w", c.Object.Name, err)
			}
		}
		ref, err := c.Object.Ref()
		if err != nil || !keepable(ref.Kind) {
			continue
		}
		live, err := a.look(ctx, ref)
		if err == nil && live != nil && live.GetDeletionTimestamp() == nil {
			err = a.release(ctx, ref)
		}
		if err != nil {
			return fmt.Errorf("remove the kept manifest of %s: %w", ref, err)
		}
	}
	return nil
}

// TidyTrials removes the copies that trials have left behind, and notes that
// they are gone. It reports whether there were any, and does nothing for runs
// of other kinds, nor while one is going on.
func (a *Applier) TidyTrials(ctx context.Context, rec *journal.Record) (tidied bool, err error) {
	left := false
	for i := range rec.Header.Changes {
		_, there := rec.Canary(i)
		left = left || there
	}
	if rec.Header.Kind != journal.Trial || !left || rec.Running {
		return false, nil
	}
	j, err := a.Runs.Resume(rec.Run)
	if errors.Is(err, journal.ErrRunning) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	err = a.Tidy(ctx, rec)
	for i := range rec.Header.Changes {
		if _, there := rec.Canary(i); there && err == nil {
			err = j.Append(journal.Entry{Time: time.Now(), Change: i, Step: journal.CanaryRemoved})
		}
	}
	if err == nil {
		err = j.End(journal.End{Time: time.Now(), Result: journal.Interrupted})
	}
	return err == nil, errors.Join(err, j.Close())
}

// copyName names the copy that an entry of a run's journal is about.
func copyName(h *journal.Header, e journal.Entry) string {
	if e.Object != nil {
		return e.Object.Name
	}
	return canaryName(h, e.Change)
}

// removeCopy removes a copy and, once it has ended, its policy.
func (a *Applier) removeCopy(ctx context.Context, namespace, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	pod := fixes.Ref{Kind: fixes.KindPod, Namespace: namespace, Name: name}
	if err := a.removeMarked(ctx, pod); err != nil {
		return err
	}
	a.ended(ctx, pod)
	return a.removeMarked(ctx, fixes.Ref{Kind: fixes.KindNetworkPolicy, Namespace: namespace, Name: name})
}

// ended waits until a copy that was deleted is there no more, for a while: a
// node that does not answer would keep it for ever.
func (a *Applier) ended(ctx context.Context, ref fixes.Ref) {
	ctx, cancel := context.WithTimeout(ctx, 10*copyGrace*time.Second)
	defer cancel()
	for {
		live, err := a.Client.Get(ctx, ref)
		if err == nil && live.GetLabels()[canaryLabel] != ref.Name || apierrors.IsNotFound(err) {
			return
		}
		if err == nil && live.GetDeletionTimestamp() == nil {
			_ = a.removeMarked(ctx, ref) // it came late: its creation had no answer
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// removeMarked deletes an object that carries the mark of a copy.
func (a *Applier) removeMarked(ctx context.Context, ref fixes.Ref) error {
	for try := range races {
		if err := pause(ctx, try); err != nil {
			return err
		}
		live, err := a.look(ctx, ref)
		if err != nil || live == nil || live.GetLabels()[canaryLabel] != ref.Name || live.GetDeletionTimestamp() != nil {
			return err
		}
		err = a.Client.Delete(ctx, live, client.WriteOptions{})
		if err == nil || apierrors.IsNotFound(err) {
			return nil
		}
		if !apierrors.IsConflict(err) {
			return err
		}
	}
	return fmt.Errorf("%s keeps changing", ref)
}
