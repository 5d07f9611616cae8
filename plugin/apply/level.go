package apply

import (
	"context"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/podsecurity"
)

// violations begins the warning of Pod Security Admission that a namespace's new
// level would refuse pods that run; a line for each follows
// (k8s.io/pod-security-admission, EvaluatePodsInNamespace).
const violations = "existing pods in namespace"

// violating matches such a line: the name of the first pod of those alike.
var violating = regexp.MustCompile(`^([a-z0-9.-]+)(?: \(and \d+ other pods?\))?: `)

// confirmLevel judges by the server's answer whether a namespace's new level
// holds: what it says of pods that the plan is about to replace is left out;
// when there are others, the answer to the dry run of a fix that was called safe is
// a refusal.
func (a *Applier) confirmLevel(ctx context.Context, plan *fixes.Plan, out *fixes.Outcome) {
	c := out.Change
	first := slices.IndexFunc(out.Warnings, func(w string) bool { return strings.HasPrefix(w, violations) })
	if c.Object.Kind != fixes.KindNamespace || first < 0 {
		return
	}
	stay, err := a.staying(ctx, plan, c, out.Warnings[first+1:])
	switch {
	case err != nil:
		return // who may not list the pods gets the server's words
	case len(stay) == 0:
		out.Warnings = out.Warnings[:first]
		return
	}
	text := "pods that run, and that the plan does not replace, do not meet " + fixes.Clean(c.After.GetLabels()[api.EnforceLevelLabel]) +
		", and would be refused when they start again: " + fixes.Clean(fixes.Listed(stay))
	if out.State == fixes.Checked && len(plan.Choices) > 0 && !reviewed(plan)[c.Object] {
		out.State, out.Detail = fixes.Failed, text
	}
	out.Warnings = append(out.Warnings[:first:first], text)
}

// staying names the pods of a namespace that its new level refuses, by the
// server's lines or, of those that it does not name, by the library that it uses
// itself, and that the plan does not replace.
func (a *Applier) staying(ctx context.Context, plan *fixes.Plan, c *fixes.Change, lines []string) ([]string, error) {
	named := map[string]bool{}
	for _, line := range lines {
		if m := violating.FindStringSubmatch(line); m != nil {
			named[m[1]] = true
		}
	}
	inv := fixes.NewInventory()
	inv.Live = true
	for _, kind := range fixes.WorkloadKinds() {
		if err := a.Client.List(ctx, kind, c.Object.Name, func(objects []fixes.Object) {
			for _, obj := range objects {
				inv.Add(obj)
			}
		}); err != nil && !kind.Custom() {
			return nil, err
		}
	}
	restarts := map[fixes.Ref]bool{}
	for _, change := range plan.Changes {
		if change.Restarts() {
			restarts[change.Object] = true
		}
	}
	judge := podsecurity.NewJudge(inv)
	level, err := api.ParseLevel(c.After.GetLabels()[api.EnforceLevelLabel])
	if err != nil {
		level = api.LevelRestricted // what the server takes it for
	}
	var stay []string
	for _, pod := range fixes.Objects[*corev1.Pod](inv, c.Object.Name) {
		top, _ := inv.Top(pod)
		if restarts[fixes.RefOf(top)] || pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			continue // it does not start again as it is
		}
		if meets, _ := judge.Level(&pod.ObjectMeta, &pod.Spec); named[pod.Name] || api.CompareLevels(meets, level) < 0 {
			stay = append(stay, pod.Name)
		}
	}
	return stay, nil
}
