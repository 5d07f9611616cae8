package fixes

import (
	"cmp"
	"fmt"
	"slices"
)

// Choice is one fix of one finding, chosen to be made.
type Choice struct {
	Finding *Finding
	Fix     *Fix
	// Leave are parts of what the fix changes that are put back as they were.
	// Where the finding stays open for that, the plan says so.
	Leave []Part
}

// make makes the choice on a draft.
func (c Choice) make(d *Draft) error {
	was := d.states(c.Leave)
	if err := c.Fix.Edit(d); err != nil {
		return err
	}
	return d.leave(c.Leave, was)
}

// Choose returns the recommended fix of every finding that has an edit of at
// least the given confidence.
func Choose(findings []*Finding, least Confidence) []Choice {
	var choices []Choice
	for _, f := range findings {
		if fix := f.Fix(); fix != nil && fix.Edit != nil && fix.Confidence >= least {
			choices = append(choices, Choice{Finding: f, Fix: fix})
		}
	}
	return choices
}

// Plan is a set of chosen fixes composed into changes.
type Plan struct {
	// Choices are the fixes that were made, in the order of making.
	Choices []Choice
	// Changes are in the order in which it is safe to apply them.
	Changes []Change
	// Verified reports that a scan of the draft shows none of the findings that
	// were fixed, and none that were not there before.
	Verified bool
	// Remaining are the findings that a scan shows once the plan is applied,
	// without those that an ignore hides.
	Remaining []*Finding
	// Unfixed are findings that were to be fixed and are still there; New are
	// findings that the plan brings. Both are empty when it is verified.
	Unfixed, New []*Finding
	// LeftOpen are findings that stay since a part of their fix was left out, or
	// its result edited. They are among the remaining, and no fault of the plan.
	LeftOpen []*Finding
	// Tried are the workloads whose pod template, as it is to be, has run in a
	// trial.
	Tried map[Ref]bool
}

// Compose makes the chosen fixes on a draft of the scanned inventory, derives
// the changes, and verifies them by scanning the draft with the same rules.
// The order of the choices does not matter. What people edited by hand is
// merged in behind the fixes, in the order given. The plan fails
// with the first edit that does, naming its finding.
func Compose(result *Result, choices []Choice, edits ...Amendment) (*Plan, error) {
	plan := &Plan{Choices: slices.Clone(choices), Tried: map[Ref]bool{}}
	rulePlace := map[string]int{}
	for i, r := range result.Rules {
		rulePlace[r.ID] = i
	}
	slices.SortStableFunc(plan.Choices, func(a, b Choice) int {
		fa, fb := a.Finding, b.Finding
		return cmp.Or(
			cmp.Compare(fa.Rule.Phase, fb.Rule.Phase),
			cmp.Compare(rulePlace[fa.Rule.ID], rulePlace[fb.Rule.ID]),
			fa.Object.Compare(fb.Object),
			cmp.Compare(fa.Key, fb.Key),
			cmp.Compare(fa.Fingerprint, fb.Fingerprint))
	})
	draft := result.Inventory.Draft()
	served := map[Ref][]*Finding{}
	amended, byHand := map[Ref]bool{}, map[Ref]bool{}
	for _, e := range edits {
		amended[e.Object], byHand[e.Object] = true, true
	}
	mayStay := map[*Finding]bool{}
	edited := amendments(slices.Clone(edits))
	for i, c := range plan.Choices {
		if i > 0 && c.Finding.Rule.Phase != plan.Choices[i-1].Finding.Rule.Phase {
			if err := edited.make(draft, false); err != nil {
				return nil, err
			}
		}
		if c.Fix.Edit == nil {
			return nil, fmt.Errorf("%s of %s has no automatic fix", c.Finding.Rule.ID, c.Finding.Object)
		}
		draft.touched = nil
		if err := c.make(draft); err != nil {
			return nil, fmt.Errorf("fix %s of %s: %w", c.Finding.Rule.ID, c.Finding.Object, err)
		}
		mayStay[c.Finding] = len(c.Leave) > 0
		for _, ref := range draft.touched {
			served[ref] = append(served[ref], c.Finding)
			mayStay[c.Finding] = mayStay[c.Finding] || byHand[ref]
		}
		for _, p := range c.Leave {
			amended[p.Object] = true
		}
	}
	if err := edited.make(draft, true); err != nil {
		return nil, err
	}
	if err := draft.missing(plan.Choices); err != nil {
		return nil, err
	}
	changes, err := draft.Changes()
	if err != nil {
		return nil, err
	}
	for i := range changes {
		changes[i].Fixes, changes[i].Amended = served[changes[i].Object], amended[changes[i].Object]
		if result.Inventory.ranAs(&changes[i]) {
			plan.Tried[changes[i].Object] = true
		}
	}
	plan.Changes = changes
	plan.verify(result, draft, mayStay)
	return plan, nil
}

// verify scans the draft and compares with the scan that the plan rests on.
// What of the chosen may stay is no fault.
func (p *Plan) verify(result *Result, draft *Draft, mayStay map[*Finding]bool) {
	before := map[string]bool{}
	for _, f := range slices.Concat(result.Findings, result.Others) {
		before[f.Fingerprint] = true
	}
	chosen, open := map[string]bool{}, map[string]bool{}
	for _, c := range p.Choices {
		chosen[c.Finding.Fingerprint] = true
		open[c.Finding.Fingerprint] = mayStay[c.Finding]
	}
	ignored := result.ignores(draft.Inventory)
	for _, f := range Scan(draft.Inventory, result.Rules).Findings {
		switch {
		case open[f.Fingerprint]:
			p.LeftOpen = append(p.LeftOpen, f)
		case chosen[f.Fingerprint]:
			p.Unfixed = append(p.Unfixed, f)
		case ignored(f):
			continue
		case !before[f.Fingerprint]:
			p.New = append(p.New, f)
		}
		p.Remaining = append(p.Remaining, f)
	}
	p.Verified = len(p.Unfixed) == 0 && len(p.New) == 0
}

// ranAs reports whether the pod template that a change gives a workload has
// run in a trial.
func (inv *Inventory) ranAs(c *Change) bool {
	before, _ := AsWorkload(c.Before)
	after, ok := AsWorkload(c.After)
	if !ok || before.Object == nil {
		return false
	}
	t, _ := inv.Get(Ref{Kind: KindTrial, Namespace: c.Object.Namespace, Name: TrialName(c.Object)}).(*Trial)
	if t == nil || t.Err != "" || t.Workload != c.Object || t.Template != TemplateDigest(before) {
		return false
	}
	ran, _ := AsWorkload(before.Object.DeepCopyObject().(Object))
	t.Confinement.Apply(ran)
	return TemplateDigest(after) == TemplateDigest(ran)
}
