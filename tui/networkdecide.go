// What the user decides about connections in the matrix, and staging what follows.

package tui

import (
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
)

// kept reports whether a cell's connection is to be kept, as the user has it.
func (n *netView) kept(at spot) bool {
	if keep, ok := n.pending[at]; ok {
		return keep
	}
	return n.grid.Cell(at.row, at.col).Kept()
}

func (a *app) cannotDecide() string {
	n := &a.net
	at, ok := n.at()
	switch {
	case !ok:
		return "no connection is listed"
	case a.applied && !a.following():
		return a.scansAgain("the cluster has changed since the scan")
	case n.grid.Clients[at.row].Others > 0:
		return "these are many workloads: --keep NAMESPACE/NAME:" + n.grid.serverNames[at.col] + " names one of them"
	case n.grid.Cell(at.row, at.col).State == network.None:
		return "there is nothing to decide: the policies of " + namespaceLabel(n.namespace) + " do not see it"
	}
	return ""
}

// toggleCell turns the connection under the cursor over.
func (a *app) toggleCell() {
	n := &a.net
	at, _ := n.at()
	keep := !n.kept(at)
	a.decideConnections(n.view.Decide(n.decisions, n.grid.Grid, at.row, at.col, keep))
	if n.pending == nil {
		n.pending = map[spot]bool{}
	}
	n.pending[at] = keep
	a.say(good, join("; ", a.undoes(map[bool]string{true: "keep ", false: "cut "}[keep]+n.grid.name(at, a.glyphs.arrow)), a.notStaged()))
}

func (a *app) cannotConfirm() string {
	if why := a.cannotDecide(); why != "" {
		return why
	}
	at, _ := a.net.at()
	return when(a.net.grid.Cell(at.row, at.col).State != network.Guess, "it is no guess")
}

// confirmCell says of a guess that it is right.
func (a *app) confirmCell() {
	n := &a.net
	at, _ := n.at()
	a.decideConnections(n.view.Confirm(n.decisions, n.grid.Grid, at.row, at.col))
	a.say(good, join("; ", a.undoes("keep "+n.grid.name(at, a.glyphs.arrow)), a.notStaged()))
}

// notStaged says that a decision has no part in the plan yet.
func (a *app) notStaged() string {
	id, ok := a.segmentItem()
	return when(ok && a.dec.taken[id] == 0, join(": ", "the fix of "+namespaceLabel(a.net.namespace)+" is not staged", a.does("stage", "stages it")))
}

func (a *app) decideConnections(list []fixes.Decision) {
	n := &a.net
	n.past, n.future = append(n.past, n.decisions), nil
	a.setDecisions(list)
}

func (a *app) setDecisions(list []fixes.Decision) {
	a.net.decisions, a.net.pending, a.net.err = list, nil, nil
	a.net.version++
	if a.session.Decide != nil {
		a.session.Decide(list)
	}
}

func (a *app) undoDecision() {
	n := &a.net
	last := len(n.past) - 1
	list := n.past[last]
	n.past, n.future = n.past[:last], append(n.future, n.decisions)
	a.setDecisions(list)
	a.say(info, "undone: "+plural(len(list), "decision")+" left")
}

func (a *app) redoDecision() {
	n := &a.net
	last := len(n.future) - 1
	list := n.future[last]
	n.future, n.past = n.future[:last], append(n.past, n.decisions)
	a.setDecisions(list)
	a.say(info, "redone")
}

// segment returns the namespace that the keys are about.
func (a *app) segment() (network.Segment, bool) {
	n := &a.net
	if n.view == nil {
		return network.Segment{}, false
	}
	if a.screen == namespacesScreen {
		if n.spaces.cursor >= len(n.view.Segments) {
			return network.Segment{}, false
		}
		return n.view.Segments[n.spaces.cursor], true
	}
	for _, s := range n.view.Segments {
		if s.Namespace == n.namespace {
			return s, true
		}
	}
	return network.Segment{}, false
}

// segmentItem returns the finding whose fix closes that namespace.
func (a *app) segmentItem() (int32, bool) {
	s, ok := a.segment()
	if !ok || s.Finding == nil {
		return 0, false
	}
	id, ok := a.list.print[s.Finding.Fingerprint]
	return id, ok && slices.Contains(a.list.order, id)
}

func (a *app) cannotStageSegment() string {
	s, ok := a.segment()
	id, listed := a.segmentItem()
	switch {
	case !ok:
		return "no namespace is listed"
	case s.Finding == nil:
		return "its policies close it already"
	case !listed:
		return "its finding was not asked for, or is ignored"
	case a.list.items[id].by != nil:
		return join("; ", "its finding is ignored", a.does("ignore", "ends that"))
	case a.list.items[id].f.Fix() == nil || a.list.items[id].f.Fix().Edit == nil:
		return "its fix is made by hand: its steps are among the findings"
	}
	return ""
}

// stageSegment stages or unstages the fix that closes a namespace.
func (a *app) stageSegment() {
	id, _ := a.segmentItem()
	s, _ := a.segment()
	name := namespaceLabel(s.Namespace)
	if a.dec.taken[id] > 0 {
		a.decide("unstaged the fix of "+name, []decision{a.dec.drop(id)})
		a.say(info, "unstaged the fix of "+name)
		return
	}
	a.decide("staged the fix of "+name, []decision{a.dec.stage(id, 0)})
	a.say(good, join(": ", "staged the fix of "+name, a.does("plan", "shows the plan")))
}
