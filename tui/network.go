package tui

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
)

// netView is who connects to whom, and what the user has decided about it.
type netView struct {
	decisions []fixes.Decision
	version   int // changes with every decision
	saved     int // of those whose command line was copied
	written   int // of those that were applied
	// past and future are the decisions before and after the steps that undo
	// takes.
	past, future [][]fixes.Decision

	making bool
	// view and the findings of the scan follow from the decisions of the version
	// made, and the scan.
	view       *network.View
	made, scan int
	err        error

	from      screen // to which esc goes back
	spaces    scroller
	namespace string
	grid      *gridView
	asList    bool // wanted where there is room for a matrix
	rows      scroller
	cols      scroller
	list      scroller
	// pending are cells whose decision is not in the grid yet.
	pending map[spot]bool
}

// spot is a cell of a grid.
type spot struct{ row, col int }

// behind reports whether the findings do not follow the decisions yet.
func (n *netView) behind() bool { return n.version > 0 && n.made != n.version && n.err == nil }

// networkKey opens the network from other screens.
func networkKey(short string) binding {
	return binding{action: "network.open", keys: []string{"N"}, short: short, help: "who connects to whom, and what the policies would cut", group: toLook,
		off: (*app).cannotNetwork, run: func(a *app) tea.Cmd {
			a.net.from, a.screen, a.inDetail = a.screen, namespacesScreen, false
			return nil
		}}
}

func (a *app) cannotNetwork() string {
	if why := a.notReady(); why != "" {
		return why
	}
	return when(!network.Looked(a.scan.result), "the rule "+network.RuleNoDefaultDeny+" was not asked for")
}

// netDone is a view that was made.
type netDone struct {
	scan, version int
	result        *fixes.Result // nil where it stays as it was
	items         []item
	view          *network.View
	grid          *gridView
	err           error
}

// lookUpNetwork makes what the screen of the network lacks, and the findings
// anew where a decision has changed them, whatever the screen.
func (a *app) lookUpNetwork() tea.Cmd {
	n := &a.net
	if n.making || a.scan.running || a.scan.result == nil || !network.Looked(a.scan.result) {
		return nil
	}
	here := a.screen == namespacesScreen || a.screen == matrixScreen
	stale := n.scan != a.scan.number || n.made != n.version || n.view == nil && n.err == nil
	noGrid := a.screen == matrixScreen && n.view != nil && (n.grid == nil || n.grid.Namespace != n.namespace)
	due := stale && (here || n.behind() && n.scan == a.scan.number)
	if !due && !noGrid {
		return nil
	}
	n.making = true
	done := netDone{scan: a.scan.number, version: n.version}
	result, decisions, view, namespace, jobs := a.scan.result, n.decisions, n.view, n.namespace, &a.jobs
	return tea.Batch(func() tea.Msg {
		done.err = jobs.onInventory(func() (err error) {
			if stale {
				if !slices.Equal(result.Inventory.Decisions, decisions) {
					result = result.Decide(decisions)
					done.result, done.items = result, itemsOf(result)
				}
				if view, err = viewAfter(view, result); err != nil {
					return err
				}
			}
			done.view = view
			if namespace != "" {
				done.grid = newGridView(view.Grid(namespace))
			}
			return nil
		})
		return done
	}, a.animate())
}

// viewAfter returns the view of a result; before is the one that was shown, nil
// where none was.
func viewAfter(before *network.View, result *fixes.Result) (*network.View, error) {
	if before == nil {
		return network.NewView(result)
	}
	return before.After(result)
}

func (a *app) onNetDone(msg netDone) {
	n := &a.net
	n.making = false
	if msg.scan != a.scan.number || msg.version != n.version {
		return // and is made again
	}
	n.scan, n.made, n.err = msg.scan, msg.version, msg.err
	n.pending = nil
	if msg.err != nil {
		n.view, n.grid = nil, nil
		a.say(bad, "no matrix: "+fixes.Clean(firstLine(msg.err.Error())))
		a.settleKept()
		return
	}
	n.setView(msg.view)
	if msg.grid != nil && msg.grid.Namespace == n.namespace {
		n.setGrid(msg.grid)
	}
	if msg.result != nil {
		a.scan.result = a.ignored.in(msg.result, a.opts.now())
		if a.ignored.changed {
			msg.items = itemsOf(a.scan.result)
		}
		a.takeFindings(msg.items)
		a.settleKept()
		a.list.rebuild(&a.dec)
		a.dec.version++ // the plan is another
	}
}

// setView shows the namespaces, with the cursor on the one where it was.
func (n *netView) setView(v *network.View) {
	if old := n.view; old != nil && n.spaces.cursor < len(old.Segments) {
		name := old.Segments[n.spaces.cursor].Namespace
		if i := slices.IndexFunc(v.Segments, func(s network.Segment) bool { return s.Namespace == name }); i >= 0 {
			n.spaces.cursor = i
		}
	}
	n.view = v
}

// setGrid shows a grid, with the cursor on the cell where it was.
func (n *netView) setGrid(g *gridView) {
	if old := n.grid; old != nil && old.Namespace == g.Namespace && len(old.Clients) > 0 && len(old.Servers) > 0 {
		client, server := old.Clients[n.rows.cursor], old.Servers[n.cols.cursor]
		n.rows.cursor = max(slices.Index(g.Clients, client), 0)
		n.cols.cursor = max(slices.Index(g.Servers, server), 0)
	} else if old == nil || old.Namespace != g.Namespace {
		n.rows, n.cols, n.list = scroller{}, scroller{}, scroller{}
		if len(g.listed) > 0 { // what is kept comes first
			n.rows.cursor, n.cols.cursor = g.listed[0].row, g.listed[0].col
		}
	}
	n.grid = g
	n.followList()
}

// at returns the cell under the cursor.
func (n *netView) at() (spot, bool) {
	if n.grid == nil || len(n.grid.Clients) == 0 || len(n.grid.Servers) == 0 {
		return spot{}, false
	}
	return spot{min(n.rows.cursor, len(n.grid.Clients)-1), min(n.cols.cursor, len(n.grid.Servers)-1)}, true
}

// followList puts the list's cursor on the cell of the matrix', and followCell
// the other way around.
func (n *netView) followList() {
	if at, ok := n.at(); ok {
		if i := slices.Index(n.grid.listed, at); i >= 0 {
			n.list.cursor = i
		}
	}
}

func (n *netView) followCell() {
	if n.grid != nil && n.list.cursor < len(n.grid.listed) {
		at := n.grid.listed[n.list.cursor]
		n.rows.cursor, n.cols.cursor = at.row, at.col
	}
}

// listShown reports whether the connections are a list: there is no room for a
// matrix, or it is wanted.
func (n *netView) listShown(l layout) bool { return n.asList || l.left.w < matrixWidth }

func (n *netView) scroller(l layout) *scroller {
	if n.listShown(l) {
		return &n.list
	}
	return &n.rows
}

// networkMoves are the keys that both screens of the network have.
func networkMoves() []binding {
	do := func(f func(*app)) func(*app) tea.Cmd {
		return func(a *app) tea.Cmd { f(a); return nil }
	}
	return []binding{
		{action: "network.stage", keys: []string{"s"}, short: "stage", help: "stage or unstage the fix that closes the namespace", group: toChoose,
			off: (*app).cannotStageSegment, run: do((*app).stageSegment)},
		{action: "network.undo", keys: []string{"u"}, short: "undo", help: "undo the last decision about a connection", group: toChoose,
			off: func(a *app) string { return when(len(a.net.past) == 0, "nothing to undo") }, run: do((*app).undoDecision)},
		{action: "network.redo", keys: []string{"ctrl+r"}, help: "redo it", group: toChoose,
			off: func(a *app) string { return when(len(a.net.future) == 0, "nothing to redo") }, run: do((*app).redoDecision)},
		{action: "network.plan", keys: []string{"p"}, short: "plan", help: "look at the plan of all staged fixes", group: toAct,
			off: (*app).cannotPlan, run: (*app).openPlan},
		{action: "network.copy", keys: []string{"y"}, help: "copy the command line that makes these policies", group: toAct,
			off: func(a *app) string { return when(a.session.NetworkCommand == nil, "no command line shows the same") }, run: (*app).copyNetworkCommand},
	}
}

func (a *app) copyNetworkCommand() tea.Cmd {
	command := fixes.Clean(a.session.NetworkCommand())
	a.net.saved = a.net.version
	a.say(info, "copied: "+command)
	return tea.SetClipboard(command)
}

// namespacesKeys are the keys of the list of namespaces.
func namespacesKeys() []binding {
	list := []binding{
		{action: "namespaces.open", keys: []string{"enter", "right", "l"}, short: "open", help: "open the matrix of the namespace", group: toMove,
			off: func(a *app) string { _, ok := a.segment(); return when(!ok, "no namespace is listed") }, run: (*app).openMatrix},
		{action: "namespaces.back", keys: []string{"esc", "left", "h"}, short: "back", help: "back to where you came from", group: toMove, run: (*app).leaveNetwork},
	}
	return slices.Concat(moves(), list, networkMoves(), leave())
}

func (a *app) openMatrix() tea.Cmd {
	s, _ := a.segment()
	a.screen, a.inDetail, a.net.namespace = matrixScreen, false, s.Namespace
	return nil
}

func (a *app) leaveNetwork() tea.Cmd {
	if a.inDetail {
		a.inDetail = false
		return nil
	}
	if a.net.from == planScreen && a.cannotPlan() == "" {
		return a.openPlan()
	}
	a.screen = findingsScreen
	return nil
}

// matrixKeys are the keys of a namespace's matrix.
func matrixKeys() []binding {
	do := func(f func(*app)) func(*app) tea.Cmd {
		return func(a *app) tea.Cmd { f(a); return nil }
	}
	list := []binding{
		{action: "matrix.toggle", keys: []string{"space"}, short: "keep/cut", help: "keep the connection, or cut it", group: toChoose,
			off: (*app).cannotDecide, run: do((*app).toggleCell)},
		{action: "matrix.confirm", keys: []string{"c"}, help: "confirm a guess: keep it by your decision", group: toChoose,
			off: (*app).cannotConfirm, run: do((*app).confirmCell)},
		{action: "matrix.right", keys: []string{"right", "l"}, label: "h l", help: "left, right", aside: "; so do the arrows", group: toMove,
			run: do(func(a *app) { a.moveColumn(1) })},
		{action: "matrix.left", keys: []string{"left", "h"}, run: do(func(a *app) { a.moveColumn(-1) })},
		{action: "matrix.nextGuess", keys: []string{"n"}, help: "to the next connection kept by guess", group: toMove, run: do((*app).nextGuess)},
		{action: "matrix.list", keys: []string{"o"}, short: "list", help: "as a list, or as a matrix", group: toLook,
			off: func(a *app) string {
				return when(a.lay.left.w < matrixWidth, fmt.Sprintf("a matrix needs %d columns of the screen", matrixWidth))
			}, run: do(func(a *app) { a.net.asList = !a.net.asList; a.net.followList() })},
		{action: "matrix.details", keys: []string{"enter"}, help: "to the details of the connection", group: toMove, run: do(func(a *app) { a.inDetail = true })},
		{action: "matrix.back", keys: []string{"esc"}, short: "back", help: "back to the namespaces", group: toMove, run: do(func(a *app) {
			if a.inDetail {
				a.inDetail = false
				return
			}
			a.screen = namespacesScreen
		})},
	}
	return slices.Concat(moves(), list, networkMoves(), leave())
}

// moveColumn moves the cursor sideways. A list has no columns: there it goes to
// the details and back.
func (a *app) moveColumn(by int) {
	n := &a.net
	if a.inDetail || n.listShown(a.lay) {
		a.inDetail = by > 0
		return
	}
	n.cols.to(max(min(n.cols.cursor+by, n.cols.n-1), 0))
}

// nextGuess moves the cursor to the next guess, in the order of the list.
func (a *app) nextGuess() {
	n := &a.net
	if n.grid == nil {
		return
	}
	i, isListed := slices.Index(n.grid.listed, spot{n.rows.cursor, n.cols.cursor}), n.listShown(a.lay)
	if isListed {
		i = n.list.cursor
	}
	for step := range n.grid.listed {
		next := (i + 1 + step) % len(n.grid.listed)
		at := n.grid.listed[next]
		if n.grid.Cell(at.row, at.col).State == network.Guess {
			n.list.to(next)
			n.rows.to(at.row)
			n.cols.to(at.col)
			return
		}
	}
	a.say(info, "nothing is kept by guess here")
}
