package source

import (
	"context"
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// going is the set of the namespaces that are being deleted.
type going struct {
	names map[string]bool
	known chan struct{} // closed once all namespaces were seen
}

func newGoing(kinds []fixes.Kind) *going {
	g := &going{names: map[string]bool{}, known: make(chan struct{})}
	if !slices.Contains(kinds, fixes.KindNamespace) {
		close(g.known) // nobody lists them
	}
	return g
}

// note takes in namespaces as they are listed.
func (g *going) note(namespaces []fixes.Object) {
	for _, ns := range namespaces {
		if ns.GetDeletionTimestamp() != nil {
			g.names[ns.GetName()] = true
		}
	}
}

// without waits until all namespaces were listed, and returns the objects that
// are in none that is being deleted.
func (g *going) without(ctx context.Context, objects []fixes.Object) []fixes.Object {
	select {
	case <-g.known:
	case <-ctx.Done():
		return nil
	}
	return slices.DeleteFunc(objects, func(o fixes.Object) bool { return g.names[o.GetNamespace()] })
}
