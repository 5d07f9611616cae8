// Package source fills an inventory: from a cluster, from manifests, or from
// the demo inside the binary.
package source

import (
	"context"

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
// kinds are there. It calls report, if not nil, as it gets on.
//
// The result is not nil when only some objects could not be read: the error
// then says which.
func Scan(ctx context.Context, src Source, rules []*fixes.Rule, report func(fixes.Progress)) (*fixes.Result, error) {
	if report == nil {
		report = func(fixes.Progress) {}
	}
	inv, err := src.Open(ctx)
	if err != nil {
		return nil, err
	}
	kinds := fixes.Needs(rules)
	scanner := fixes.NewScanner(inv, rules)
	progress := fixes.Progress{Kinds: len(kinds)}
	report(progress)
	err = src.Load(ctx, kinds, func(b Batch) {
		for _, obj := range b.Objects {
			inv.Add(obj)
		}
		for _, skip := range b.Skips {
			inv.Skip(skip)
		}
		progress.Objects += len(b.Objects)
		progress.Found = nil
		if b.Last {
			progress.Loaded++
			progress.Found = scanner.Loaded(b.Kind)
		}
		report(progress)
	})
	if err != nil && !isPartial(err) {
		return nil, err
	}
	return scanner.Result(), err
}
