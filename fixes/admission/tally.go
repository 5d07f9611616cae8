package admission

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/podsecurity"
)

// tally is what the pods and pod templates of a namespace come to.
type tally struct {
	// level is the strictest that all of them meet.
	level api.Level
	// against says what stands in the way of the next stricter one.
	against []string
	looked  int
}

// count judges the workloads of a namespace and the pods below them. Pods of a
// workload that the plan changes will be replaced: there the template counts,
// together with what was injected into its pods.
func count(inv *fixes.Inventory, judge *podsecurity.Judge, workloads []fixes.Workload, changed func(fixes.Ref) bool) *tally {
	t := &tally{level: api.LevelRestricted}
	for _, w := range workloads {
		if w.Finished() {
			continue
		}
		ref := w.Ref()
		level, refused := judge.Level(w.Meta, w.Spec)
		t.add(ref.String(), level, refused)
		if ref.Kind == fixes.KindPod {
			continue
		}
		// A template stands for its pods unless one of them is weaker, by what
		// was injected into it or because it is of an older revision.
		weakest, why := level, refused
		for _, pod := range inv.Pods(w) {
			if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
				continue
			}
			t.looked++
			meta, spec := &pod.ObjectMeta, &pod.Spec
			if changed(ref) {
				if spec = injected(w, pod); spec == nil {
					continue
				}
				meta = w.Meta
			}
			if level, refused := judge.Level(meta, spec); api.CompareLevels(level, weakest) < 0 {
				weakest, why = level, refused
			}
		}
		if weakest != level {
			t.add("pods of "+ref.String(), weakest, why)
		}
	}
	return t
}

func (t *tally) add(name string, level api.Level, refused []string) {
	t.looked++
	switch order := api.CompareLevels(level, t.level); {
	case order > 0 || len(refused) == 0:
		return
	case order < 0:
		t.level, t.against = level, nil
	}
	t.against = append(t.against, name+": "+strings.Join(refused, ", "))
}

// injected returns a workload's template with what a webhook added to one of its
// pods, or nil when that was no container: whatever changes the template, the
// webhook will add it again.
func injected(w fixes.Workload, pod *corev1.Pod) *corev1.PodSpec {
	own := map[string]bool{}
	for c := range w.Containers() {
		own[c.Name] = true
	}
	ours := func(c corev1.Container) bool { return own[c.Name] }
	containers := slices.DeleteFunc(slices.Clone(pod.Spec.Containers), ours)
	initContainers := slices.DeleteFunc(slices.Clone(pod.Spec.InitContainers), ours)
	if len(containers)+len(initContainers) == 0 {
		return nil
	}
	spec := *w.Spec
	spec.Containers = slices.Concat(spec.Containers, containers)
	spec.InitContainers = slices.Concat(spec.InitContainers, initContainers)
	spec.Volumes = slices.Concat(spec.Volumes, slices.DeleteFunc(slices.Clone(pod.Spec.Volumes), func(v corev1.Volume) bool {
		return slices.ContainsFunc(w.Spec.Volumes, func(own corev1.Volume) bool { return own.Name == v.Name })
	}))
	return &spec
}

// maxAgainst bounds how much of what stands in the way is listed.
const maxAgainst = 5

func (t *tally) evidence() []string {
	if t.looked == 0 {
		return []string{"nothing runs in it"}
	}
	lines := []string{fmt.Sprintf("pods and pod templates looked at: %d; the strictest level that all meet: %s", t.looked, t.level)}
	next := map[api.Level]api.Level{api.LevelPrivileged: api.LevelBaseline, api.LevelBaseline: api.LevelRestricted}[t.level]
	for i, line := range t.against {
		if i == maxAgainst {
			lines = append(lines, fmt.Sprintf("%s refused by %d more", next, len(t.against)-i))
			break
		}
		lines = append(lines, string(next)+" refused: "+line)
	}
	return lines
}
