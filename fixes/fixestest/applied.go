package fixestest

import "github.com/kubectl-harden/kubectl-harden/fixes"

// Applied returns an inventory as it is once a plan of its changes is made.
func Applied(inv *fixes.Inventory, plan *fixes.Plan) *fixes.Inventory {
	draft := inv.Draft()
	for _, c := range plan.Changes {
		if c.Action == fixes.Delete {
			draft.Delete(c.Object)
			continue
		}
		draft.Add(c.After)
	}
	return draft.Inventory
}
