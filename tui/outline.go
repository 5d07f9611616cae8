package tui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// outline is a plan as it is listed, in waves, and what it comes to. It is
// worked out once, in the command that made the plan: a frame, or a report
// about one change, has nothing to count.
type outline struct {
	waves []wave
	rows  []planRow
	// byChange and byRef are the places of changes.
	byChange map[*fixes.Change]int
	byRef    map[fixes.Ref]int

	in         []int  // the wave of each change
	restarts   []bool // by change
	verb       int    // cells of the longest action
	actions    map[fixes.Action]int
	restarting int
	confidence map[fixes.Confidence]int
	risks      map[string]int
	ranked     []string // the risks, the most frequent first
	managed    string
	// copyable counts the workloads that a fix to review gives other pods, of
	// which a copy can be tried.
	copyable int
	// serves are the changes that serve each finding.
	serves map[*fixes.Finding][]int
}

// wave is a wave as it is listed.
type wave struct {
	fixes.Wave
	label    string
	restarts int
}

// planRow is a line of a plan: the whole, the heading of a wave, or a change.
type planRow struct{ wave, change int }

func (r planRow) isWhole() bool  { return r.wave == heading }
func (r planRow) isChange() bool { return r.change != heading }

// newOutline outlines a plan, or one that takes back another, whose waves come
// the other way around.
func newOutline(plan *fixes.Plan, waveSize int, undo bool, dot string) *outline {
	o := &outline{
		byChange: map[*fixes.Change]int{}, byRef: map[fixes.Ref]int{}, actions: map[fixes.Action]int{},
		confidence: map[fixes.Confidence]int{}, risks: map[string]int{}, managed: managersOf(plan.Changes),
		serves: map[*fixes.Finding][]int{},
		in:     make([]int, len(plan.Changes)), restarts: make([]bool, len(plan.Changes)),
	}
	review := map[*fixes.Finding]bool{}
	for _, c := range plan.Choices {
		o.confidence[c.Fix.Confidence]++
		review[c.Finding] = c.Fix.Confidence == fixes.Review
		for _, r := range c.Fix.Risks {
			o.risks[fixes.Clean(r)]++
		}
	}
	o.ranked = ranked(o.risks)
	for i := range plan.Changes {
		c := &plan.Changes[i]
		o.byChange[c], o.byRef[c.Object] = i, i
		o.verb = max(o.verb, len(c.Action))
		o.actions[c.Action]++
		for _, f := range c.Fixes {
			o.serves[f] = append(o.serves[f], i)
		}
		if c.Restarts() {
			o.restarts[i] = true
			o.restarting++
		}
		makesPods := c.Action == fixes.Patch && (o.restarts[i] || c.Object.Kind == fixes.KindCronJob)
		if makesPods && slices.ContainsFunc(c.Fixes, func(f *fixes.Finding) bool { return review[f] }) {
			o.copyable++
		}
	}
	if waveSize < 1 {
		waveSize = len(plan.Changes)
	}
	o.rows = append(o.rows, planRow{heading, heading})
	waves := fixes.Waves(plan.Changes, waveSize)
	backwards := undo && len(waves) > 0 && waves[0].Stage >= waves[len(waves)-1].Stage
	for n, w := range waves {
		shown := wave{Wave: w, label: waveLabel(n+1, w, plan.Changes, backwards, dot)}
		o.rows = append(o.rows, planRow{n, heading})
		for _, i := range w.Changes {
			o.in[i] = n
			o.rows = append(o.rows, planRow{n, i})
			if o.restarts[i] {
				shown.restarts++
			}
		}
		o.waves = append(o.waves, shown)
	}
	return o
}

func waveLabel(n int, w fixes.Wave, changes []fixes.Change, backwards bool, dot string) string {
	sep := " " + dot + " "
	where := namespaceLabel(w.Namespace)
	switch {
	case w.Stage == fixes.Rollout:
		return join(sep, fmt.Sprintf("wave %d", n), cmp.Or(where, "whole cluster"), plural(len(w.Changes), wordFor(w, changes)))
	case !backwards:
		return join(sep, w.Stage.String(), where)
	case w.Stage == fixes.Preparation:
		return "last, what others needed"
	case w.Stage == fixes.Removal:
		return join(sep, "what they read again", where)
	}
	return join(sep, "first, enforcement", where)
}

// wordFor calls workloads what they are, and what else is changed objects.
func wordFor(w fixes.Wave, changes []fixes.Change) string {
	for _, i := range w.Changes {
		obj := changes[i].After
		if obj == nil {
			obj = changes[i].Before
		}
		if _, ok := fixes.AsWorkload(obj); !ok {
			return "object"
		}
	}
	return "workload"
}

// managersOf names who else keeps the objects of changes.
func managersOf(changes []fixes.Change) string {
	var names []string
	seen := map[string]bool{"": true}
	for i := range changes {
		for _, f := range changes[i].Fixes {
			if !seen[f.ManagedBy] {
				seen[f.ManagedBy] = true
				names = append(names, f.ManagedBy)
			}
		}
	}
	return strings.Join(names, ", ")
}

// rowOf returns the row of a change: before it are the whole, the changes
// before it, and the headings up to that of its wave.
func (o *outline) rowOf(change int) int { return change + o.in[change] + 2 }

// find returns the place of a change that is reported on, which may be a copy
// of the one in the plan.
func (o *outline) find(c *fixes.Change) (int, bool) {
	if c == nil {
		return 0, false
	}
	if i, ok := o.byChange[c]; ok {
		return i, true
	}
	i, ok := o.byRef[c.Object]
	return i, ok
}

// parts says what the plan does, in words.
func (o *outline) parts() []string {
	var parts []string
	for _, a := range []struct {
		action fixes.Action
		done   string
	}{{fixes.Create, "created"}, {fixes.Patch, "patched"}, {fixes.Recreate, "recreated"}, {fixes.Delete, "deleted"}} {
		if n := o.actions[a.action]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, a.done))
		}
	}
	if o.restarting > 0 {
		parts = append(parts, plural(o.restarting, "workload restarts", "workloads restart"))
	}
	return parts
}

// waveDetail explains a wave.
func (a *app) waveDetail(o *outline, n, w int) []string {
	v := &o.waves[n]
	out := wrap(map[fixes.Stage]string{
		fixes.Preparation: "What other objects refer to: Secrets, ConfigMaps, accounts. It has to be there while they do.",
		fixes.Rollout:     "Written one right after another. The next wave begins when their rollouts have ended.",
		fixes.Removal:     "Keys of ConfigMaps that were moved to Secrets. They stay until the pods that read them are replaced.",
		fixes.Enforcement: "What closes a namespace. It is in force only while what it would reject is fixed.",
	}[v.Stage], w)
	out = append(out, "")
	out = append(out, a.fact("wave", fmt.Sprintf("%d of %d", n+1, len(o.waves)), w)...)
	out = append(out, a.fact("objects", fmt.Sprint(len(v.Changes)), w)...)
	if v.restarts > 0 {
		out = append(out, a.fact("restarts", plural(v.restarts, "workload"), w)...)
	}
	return out
}
