package fixes

// Causes tells at which parts of one of the plan's changes the fix of each
// finding that it serves makes a difference when it is made alone. A fix that
// only completes what others do may make none.
func (p *Plan) Causes(result *Result, change int) map[*Finding][]string {
	c := p.Changes[change]
	chosen := make(map[*Finding]Choice, len(c.Fixes))
	for _, f := range c.Fixes {
		chosen[f] = Choice{}
	}
	for _, choice := range p.Choices {
		if _, ok := chosen[choice.Finding]; ok {
			chosen[choice.Finding] = choice
		}
	}
	causes := map[*Finding][]string{}
	for f, choice := range chosen {
		draft := result.Inventory.Draft()
		if choice.Fix == nil || choice.make(draft) != nil {
			continue
		}
		alone := Change{Action: c.Action, Object: c.Object, Before: c.Before, After: draft.Get(c.Object)}
		if parts, err := alone.Parts(); err == nil && alone.Before != alone.After {
			causes[f] = parts
		}
	}
	return causes
}
