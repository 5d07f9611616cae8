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
}

// Choose returns the recommended fix of every finding that has an edit of at
// least the given confidence.
func Choose(findings []*Finding, least Confidence) []Choice {
	var choices []Choice
	for _, f := range findings {
		if fix := f.Fix(); fix != nil && fix.Edit != nil && fix.Confidence >= least {
			choices = append(choices, Choice{f, fix})
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
	// Tried are the workloads whose pod template, as it is to be, has run in a
	// trial.
	Tried map[Ref]bool
}

// Compose makes the chosen fixes on a draft of the scanned inventory, derives
// the changes, and verifies them by scanning the draft with the same rules.
// The order of the choices does not matter. The plan fails
// with the first edit that does, naming its finding.
func Compose(result *Result, choices []Choice) (*Plan, error) {
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
	for _, c := range plan.Choices {
		if c.Fix.Edit == nil {
			return nil, fmt.Errorf("%s of %s has no automatic fix", c.Finding.Rule.ID, c.Finding.Object)
		}
		draft.touched = nil
		if err := c.Fix.Edit(draft); err != nil {
			return nil, fmt.Errorf("fix %s of %s: %w", c.Finding.Rule.ID, c.Finding.Object, err)
		}
		for _, ref := range draft.touched {
			served[ref] = append(served[ref], c.Finding)
		}
	}
	changes, err := draft.Changes()
	if err != nil {
		return nil, err
	}
	for i := range changes {
		changes[i].Fixes = served[changes[i].Object]
		if result.Inventory.ranAs(&changes[i]) {
			plan.Tried[changes[i].Object] = true
		}
	}
	plan.Changes = changes
	plan.verify(result, draft)
	return plan, nil
}

// verify scans the draft and compares with the scan that the plan rests on.
func (p *Plan) verify(result *Result, draft *Draft) {
	before := map[string]bool{}
	for _, f := range slices.Concat(result.Findings, result.Others) {
		before[f.Fingerprint] = true
	}
	chosen := map[string]bool{}
	for _, c := range p.Choices {
		chosen[c.Finding.Fingerprint] = true
	}
	ignored := result.ignores(draft.Inventory)
	for _, f := range Scan(draft.Inventory, result.Rules).Findings {
		switch {
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
