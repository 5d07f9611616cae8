package plugin

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/kept"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
	"github.com/kubectl-harden/kubectl-harden/tui"
)

// keeper keeps the state of terminal UIs. It does nothing for the demo, and for
// manifests that are read once from a pipe.
type keeper struct {
	o    *Options
	file *kept.File // nil where nothing is kept

	mu     sync.Mutex
	staged int // fixes that are kept
}

func (o *Options) keeper() *keeper {
	k := &keeper{o: o}
	scope := []string{o.Context, "", o.Scope}
	switch src := o.source.(type) {
	case *source.Cluster:
		scope[1] = o.cluster.Host()
	case *source.Files:
		if slices.Contains(src.Paths, "-") {
			return k
		}
		for _, path := range slices.Concat(src.Paths, []string{src.Kustomize}) {
			if abs, err := filepath.Abs(path); err == nil && path != "" {
				path = abs
			}
			scope = append(scope, path)
		}
		scope = append(scope, src.Namespace)
	default:
		return k
	}
	if dir, err := kept.DefaultDir(); err == nil {
		k.file = kept.In(dir, append(scope, o.asking...)...)
	}
	return k
}

// addTo gives a session what was kept, and a place to keep its own state.
func (k *keeper) addTo(s *tui.Session) {
	if k.file == nil {
		return
	}
	s.Keep = k.keep
	if k.o.Fresh {
		return
	}
	state, err := k.file.Get(k.o.Now())
	if err != nil {
		s.Notices = append(s.Notices, err.Error())
	}
	if state == nil {
		return
	}
	out := tui.State{At: state.At, Filter: state.Filter, Grouping: state.Grouping, Decisions: withFlags(state.Decisions, k.o.decisions.get())}
	if len(state.Decisions) == 0 {
		out.Decisions = nil
	}
	for _, staged := range state.Staged {
		out.Staged = append(out.Staged, tui.Staged(staged))
	}
	s.Kept = &out
}

// withFlags returns kept decisions with those that flags have made now, which
// count more.
func withFlags(decisions, flags []fixes.Decision) []fixes.Decision {
	out := slices.DeleteFunc(slices.Clone(decisions), func(d fixes.Decision) bool {
		opposite := d
		opposite.Keep = !d.Keep
		return slices.Contains(flags, opposite) || slices.Contains(flags, d)
	})
	return append(out, flags...)
}

func (k *keeper) keep(s tui.State) error {
	out := kept.State{At: s.At, Filter: s.Filter, Grouping: s.Grouping, Decisions: s.Decisions}
	for _, staged := range s.Staged {
		out.Staged = append(out.Staged, kept.Staged(staged))
	}
	if err := k.file.Put(out); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.staged = len(s.Staged)
	return nil
}

// tell says after the terminal UI that something is kept.
func (k *keeper) tell(w io.Writer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.staged > 0 {
		fmt.Fprintf(w, "%s kept: kubectl %s offers to restore %s here.\n", report.Count(k.staged, "staged fix"), Name,
			map[bool]string{true: "it", false: "them"}[k.staged == 1])
	}
}
