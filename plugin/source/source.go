// Package source fills an inventory: from a cluster, from manifests, or from
// the demo inside the binary.
package source

import (
	"context"
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Source is where objects come from.
type Source interface {
	// Open prepares an inventory: it sets what is known of the source as a
	// whole. It fails when the source cannot be read at all.
	Open(ctx context.Context) (*fixes.Inventory, error)
	// Load reads objects of the given kinds and calls emit for each batch, from
	// one goroutine at a time. It emits a last batch for every kind.
	Load(ctx context.Context, kinds []fixes.Kind, emit func(Batch)) error
}

// Judged is a source whose objects are judged by what the user asks of them.
type Judged struct {
	Source
	fixes.Wishes
}

// Open implements [Source].
func (j Judged) Open(ctx context.Context) (*fixes.Inventory, error) {
	inv, err := j.Source.Open(ctx)
	if err == nil {
		inv.Wishes = j.Wishes
	}
	return inv, err
}

// Facts adds what is known of an inventory's objects from elsewhere; see
// [fixes.Kind.Fact].
type Facts interface {
	// Kind is the kind of fact.
	Kind() fixes.Kind
	// Load is called once all objects are in the inventory, and emits facts
	// about them and a reason for every one that it cannot give. It only fails
	// when it was cancelled, or when what the user named cannot be read.
	Load(ctx context.Context, inv *fixes.Inventory, emit func(Batch)) error
}

// Batch is some of the objects of one kind.
type Batch struct {
	Kind    fixes.Kind
	Objects []fixes.Object
	// Skips say what of the kind could not be looked at.
	Skips []fixes.Skip
	// Last tells that no more objects of the kind will come.
	Last bool
}

// Scan loads what a set of rules needs and judges it, each rule as soon as its
// kinds are there. Facts are loaded one after another, when all objects are
// there; a fact that no rule looks at is not asked for. It calls report, if not
// nil, as it gets on.
//
// The result is not nil when only some objects could not be read: the error
// then says which.
func Scan(ctx context.Context, src Source, facts []Facts, rules []*fixes.Rule, report func(fixes.Progress)) (*fixes.Result, error) {
	if report == nil {
		report = func(fixes.Progress) {}
	}
	inv, err := src.Open(ctx)
	if err != nil {
		return nil, err
	}
	needs := fixes.Needs(rules)
	facts = slices.DeleteFunc(slices.Clone(facts), func(f Facts) bool { return !slices.Contains(needs, f.Kind()) })
	kinds := slices.DeleteFunc(slices.Clone(needs), fixes.Kind.Fact)
	scanner := fixes.NewScanner(inv, rules)
	progress := fixes.Progress{Kinds: len(needs), Waiting: slices.Clone(needs)}
	report(progress)
	take := func(b Batch) {
		for _, obj := range b.Objects {
			inv.Add(obj)
		}
		for _, skip := range b.Skips {
			inv.Skip(skip)
		}
		if len(b.Skips) > 0 {
			progress.Skips = slices.Clone(inv.Skips())
		}
		progress.Objects += len(b.Objects)
		progress.Found = nil
		if b.Last {
			progress.Loaded++
			progress.Waiting = slices.DeleteFunc(slices.Clone(progress.Waiting), func(k fixes.Kind) bool { return k == b.Kind })
			progress.Found = scanner.Loaded(b.Kind)
		}
		report(progress)
	}
	factKinds := func(asked bool) {
		for _, kind := range needs {
			if kind.Fact() && asked == slices.ContainsFunc(facts, func(f Facts) bool { return f.Kind() == kind }) {
				take(Batch{Kind: kind, Last: true})
			}
		}
	}
	factKinds(false) // rules need not wait for what nobody asked for
	err = src.Load(ctx, kinds, take)
	if err != nil && !isPartial(err) {
		return nil, err
	}
	for _, f := range facts {
		if err := f.Load(ctx, inv, take); err != nil {
			return nil, err
		}
	}
	factKinds(true)
	for _, skip := range fixes.Unseen(inv, rules) {
		inv.Skip(skip)
	}
	return scanner.Result(), err
}
