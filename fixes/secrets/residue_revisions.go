package secrets

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets/detect"
)

// PlainInPod reports whether a pod's environments or command lines hold a
// credential. A source that drops old revisions keeps those that do.
func PlainInPod(spec *corev1.PodSpec) bool {
	w := fixes.Workload{Spec: spec}
	for c := range w.Containers() {
		if slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Value != "" && detect.Classify(e.Name, e.Value).Secret }) {
			return true
		}
		found := detect.Args(slices.Concat(c.Command, c.Args))
		if slices.ContainsFunc(found, func(f detect.ArgFinding) bool { return f.Verdict.Secret }) {
			return true
		}
	}
	return false
}

// revision is an old state of a workload.
type revision struct {
	ref   fixes.Ref
	plain []plain
}

// revisions maps the uids of workloads to their old states that hold a
// credential, whatever the current state holds.
type revisions map[types.UID][]revision

// revisionKinds are what [revisions] are made of.
func revisionKinds() []fixes.Kind {
	return []fixes.Kind{fixes.KindReplicaSet, fixes.KindControllerRevision}
}

func findRevisions(inv *fixes.Inventory) revisions {
	all := revisions{}
	add := func(obj fixes.Object, found []plain) {
		owner := metav1.GetControllerOfNoCopy(obj)
		if owner != nil && len(found) > 0 {
			all[owner.UID] = append(all[owner.UID], revision{fixes.RefOf(obj), found})
		}
	}
	for _, rs := range fixes.Objects[*appsv1.ReplicaSet](inv, "") {
		if rs.Spec.Replicas != nil && *rs.Spec.Replicas == 0 && rs.Status.Replicas == 0 && PlainInPod(&rs.Spec.Template.Spec) {
			add(rs, plainOfPod(&rs.Spec.Template.Spec))
		}
	}
	for _, cr := range fixes.Objects[*appsv1.ControllerRevision](inv, "") {
		var state map[string]any
		if json.Unmarshal(cr.Data.Raw, &state) == nil {
			add(cr, plainPods(state, 0))
		}
	}
	return all
}

func plainOfPod(spec *corev1.PodSpec) []plain {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil
	}
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		return nil
	}
	return plainPods(tree, 0)
}

// oldStates returns the old states of a workload that hold a credential which
// its current one does not, and of which no pod runs.
func oldStates(inv *fixes.Inventory, w fixes.Workload) []revision {
	var kind fixes.Kind
	used := map[string]bool{} // names of revisions
	switch o := w.Object.(type) {
	case *appsv1.Deployment:
		kind = fixes.KindReplicaSet
	case *appsv1.StatefulSet:
		kind = fixes.KindControllerRevision
		used[o.Status.CurrentRevision], used[o.Status.UpdateRevision] = true, true
	case *appsv1.DaemonSet:
		kind = fixes.KindControllerRevision
	default:
		return nil
	}
	found := fixes.Memo(inv, revisionKinds(), findRevisions)[w.Object.GetUID()]
	if len(found) == 0 || w.Object.GetUID() == "" {
		return nil
	}
	now := current(inv, w.Object)
	for _, pod := range inv.Pods(w) {
		// A StatefulSet's pods name their revision so, a DaemonSet's the end of it.
		hash := pod.Labels[appsv1.ControllerRevisionHashLabelKey]
		used[hash], used[w.Object.GetName()+"-"+hash] = true, true
	}
	var old []revision
	for _, r := range found {
		left := without(slices.Clone(r.plain), now)
		if r.ref.Kind == kind && len(left) > 0 && !used[r.ref.Name] {
			old = append(old, revision{r.ref, left})
		}
	}
	return old
}

// checkRevisions looks for credentials in a workload's old revisions.
func checkRevisions(p *fixes.Pass, w fixes.Workload) {
	old := oldStates(p.Inventory, w)
	if len(old) == 0 {
		return
	}
	var left []plain
	var names []string
	for _, r := range old {
		left = append(left, r.plain...)
		names = append(names, r.ref.Name)
	}
	kind, what := old[0].ref.Kind, old[0].ref.Kind.Name
	many := fmt.Sprintf("%d old %ss", len(old), what)
	if len(old) == 1 {
		many = "1 old " + what
	}
	ref := w.Ref()
	p.Report(fixes.Finding{
		Object: ref,
		Path:   "spec.revisionHistoryLimit",
		Key:    "revisions",
		Message: fmt.Sprintf("A credential that its template has no more (%[2]s) still stands in %[1]s of it: whoever may read %[3]s can read it.",
			many, strings.Join(places(left), ", "), kind.Resource),
		Evidence: withReaders(p, kind, ref.Namespace, strings.Join(names, ", ")),
		Fixes: []fixes.Fix{{
			Title:      "Delete " + many,
			Confidence: fixes.Review,
			Why:        "no pod of them runs, but kubectl rollout undo could go back to them",
			Risks:      []string{"kubectl rollout undo loses these revisions.", rotate},
			Edit: func(d *fixes.Draft) error {
				w, ok := fixes.AsWorkload(d.Get(ref))
				if !ok {
					return fmt.Errorf("%s is not there any more", ref)
				}
				for _, r := range oldStates(d.Inventory, w) {
					d.Delete(r.ref)
				}
				return nil
			},
		}},
	})
}
