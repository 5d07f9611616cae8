package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// result is what an apply that has ended came to, in a word and in a line.
type result struct {
	tone       tone
	word, text string
}

func (a *app) sumUp() result {
	v := &a.apply
	there, wrong := v.counts.of(fixes.Applied)+v.counts.of(fixes.Unchanged), v.counts.wrong()
	culprit, state := "", ""
	if worst, found := v.worst(); found {
		culprit, state = fixes.Clean(v.plan.Changes[worst].Object.String()), v.word(v.changes[worst].state)
	}
	r := result{tone: bad, word: "not all " + v.doing()}
	switch {
	case v.err == nil && there == len(v.changes):
		scans, undoes := "", ""
		if !a.following() {
			scans = a.does("scan", "scans again")
		}
		if a.cannotUndo() == "" {
			undoes = a.does("undo", "undoes it")
		}
		return result{good, v.doing(), join("; ", "done in "+elapsed(v.took), join(", ", scans, undoes))}
	case v.halt != goesOn || errors.Is(v.err, context.Canceled):
		r = result{warn, "stopped", "stopped: " + strings.Join(v.counted(), ", ")}
		if wrong > 0 {
			r.tone = bad
		}
		return r
	case wrong > 0 && there == 0 && wrong == v.counts.of(fixes.RolledBack):
		return result{bad, "rolled back", "rolled back, because of " + culprit}
	case v.nothingWritten():
		r.word = "nothing " + v.doing()
	case wrong == v.counts.of(fixes.Reverted) && there+wrong == len(v.changes):
		r.word = "not all stayed"
	}
	switch {
	case wrong > 0:
		r.text = fmt.Sprintf("%s: %s %s", r.word, culprit, state)
		if wrong > 1 {
			r.text += fmt.Sprintf(", and %d more", wrong-1)
		}
	case v.err != nil:
		r.text = r.word + ": " + inWords(v.err)
	default:
		r.text = r.word + ": " + strings.Join(v.counted(), ", ")
	}
	return r
}

// nothingWritten reports whether an apply has ended without a change to the
// cluster.
func (v *applyView) nothingWritten() bool {
	n := 0
	for _, s := range []fixes.State{fixes.Failed, fixes.Stale, fixes.Unchanged, fixes.NotAttempted} {
		n += v.counts.of(s)
	}
	return n == len(v.changes)
}

// counted says how many changes are in each state.
func (v *applyView) counted() []string {
	var parts []string
	for i, n := range v.counts {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v.word(states[i])))
		}
	}
	return parts
}
