package catalog_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
)

// TestAnyPart leaves parts of every fix out: leaving out none changes nothing,
// some leave just the others, all leave the object as it was, and what the
// plan says to be closed is.
func TestAnyPart(t *testing.T) {
	for name, inv := range manifests(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := fixes.Scan(inv, catalog.Rules())
			random := rand.New(rand.NewPCG(2, uint64(len(name))))
			choices := fixes.Choose(result.Findings, fixes.Review)
			if len(choices) > 30 {
				random.Shuffle(len(choices), func(i, j int) { choices[i], choices[j] = choices[j], choices[i] })
				choices = choices[:30]
			}
			for _, choice := range choices {
				leaveParts(t, result, choice, random)
			}
		})
	}
}

func leaveParts(t *testing.T, result *fixes.Result, choice fixes.Choice, random *rand.Rand) {
	t.Helper()
	draft := result.Inventory.Draft()
	if err := choice.Fix.Edit(draft); err != nil {
		t.Fatal(err)
	}
	whole, err := draft.Changes()
	if err != nil {
		t.Fatal(err)
	}
	var all, some []fixes.Part
	for _, c := range whole {
		parts, err := c.Parts()
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range parts {
			all = append(all, fixes.Part{Object: c.Object, Path: path})
			if c.Before != nil && c.After != nil && random.IntN(2) == 0 {
				some = append(some, fixes.Part{Object: c.Object, Path: path})
			}
		}
	}
	choice.Leave = all
	if plan, err := fixes.Compose(result, []fixes.Choice{choice}); err != nil || len(plan.Changes) > 0 {
		t.Fatalf("%s of %s: all of %v are left out, and %d changes stay: %v", choice.Finding.Rule.ID, choice.Finding.Object, all, len(plan.Changes), err)
	}
	choice.Leave = append(slices.Clone(some), some...) // twice is as once
	plan, err := fixes.Compose(result, []fixes.Choice{choice})
	if err != nil {
		t.Fatal(err)
	}
	var want, got []fixes.Part
	for _, p := range all {
		if !slices.Contains(some, p) {
			want = append(want, p)
		}
	}
	for _, c := range plan.Changes {
		parts, err := c.Parts()
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range parts {
			got = append(got, fixes.Part{Object: c.Object, Path: path})
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s of %s: without %v it changes\n%v, want\n%v", choice.Finding.Rule.ID, choice.Finding.Object, some, got, want)
	}
	open := slices.ContainsFunc(plan.Remaining, func(f *fixes.Finding) bool { return f.Fingerprint == choice.Finding.Fingerprint })
	if claimed := len(plan.LeftOpen) == 0; open == claimed || len(plan.Unfixed) > 0 {
		t.Errorf("%s of %s: open %v, claimed closed %v, unfixed %d", choice.Finding.Rule.ID, choice.Finding.Object, open, claimed, len(plan.Unfixed))
	}
}
