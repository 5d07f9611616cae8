package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
)

// namespaceLabel returns a namespace as it is shown.
func namespaceLabel(namespace string) string { return fixes.Clean(fixes.NamespaceLabel(namespace)) }

// measureNamespaces makes the details of the namespace under the cursor.
func (a *app) measureNamespaces() {
	n := &a.net
	count := 0
	if n.view != nil {
		count = len(n.view.Segments)
	}
	n.spaces.size(count, a.lay.left.h)
	w, h := a.lay.right.w, a.lay.right.h
	type from struct {
		view      *network.View
		row, w    int
		decisions int
		staged    bool
	}
	a.detail.set(from{row: n.spaces.cursor}, from{n.view, n.spaces.cursor, w, n.version, a.segmentStaged()}, h, func() (string, []string) {
		s, ok := a.segment()
		if !ok {
			return "", nil
		}
		return namespaceLabel(s.Namespace), a.segmentDetail(s, w)
	})
}

func (a *app) segmentStaged() bool {
	id, ok := a.segmentItem()
	return ok && a.dec.taken[id] > 0
}

func (a *app) segmentDetail(s network.Segment, w int) []string {
	var out []string
	switch {
	case s.Finding == nil:
		out = wrap(a.styles.good.Render("Closed: ")+"its policies deny by default.", w)
	case a.segmentStaged():
		out = wrap(a.styles.good.Render(a.glyphs.staged+" staged: ")+s.Finding.Message, w)
	default:
		out = wrap(a.styles.warn.Render("Open: ")+s.Finding.Message, w)
	}
	out = append(out, "")
	out = append(out, a.fact("workloads", fmt.Sprint(s.Workloads), w)...)
	out = append(out, a.fact("kept", plural(s.Kept, "connection")+" with evidence", w)...)
	out = append(out, a.fact("guesses", when(s.Guessed > 0, plural(s.Guessed, "connection")+" without: look at them"), w)...)
	out = append(out, a.fact("yours", join(", ", when(s.Decided > 0, fmt.Sprintf("%d kept", s.Decided)), when(s.Cut > 0, fmt.Sprintf("%d cut", s.Cut))), w)...)
	if len(a.net.decisions) > 0 {
		out = append(out, "", a.styles.bold.Render("Your decisions"))
		for _, d := range a.net.decisions {
			flag, value := connections.DecisionArgs(d)
			out = append(out, hang("  ", fixes.Clean(strings.TrimPrefix(flag, "--")+" "+value), w)...)
		}
	}
	return out
}

// namespacesPanes draws the namespaces and how they stand.
func (a *app) namespacesPanes() (left, right pane, status string) {
	n := &a.net
	left, right = pane{title: "namespaces"}, a.detailPane()
	w := a.lay.left.w
	switch {
	case n.err != nil:
		left.lines = append([]string{""}, indent(wrap("There is no matrix: "+fixes.CleanLines(n.err.Error()), max(w-2, 1)))...)
	case n.view == nil:
		left.lines = append([]string{""}, indent(wrap("Making the policies of all namespaces on a copy, to compare.", max(w-2, 1)))...)
	case len(n.view.Segments) == 0:
		left.lines = []string{"", " No namespace has workloads."}
	default:
		if len(n.view.Segments) > n.spaces.h {
			left.note = fmt.Sprintf("%d/%d", n.spaces.cursor+1, len(n.view.Segments))
		}
		from, to := n.spaces.window()
		for i := from; i < to; i++ {
			left.lines = append(left.lines, a.segmentRow(n.view.Segments[i], w, i == n.spaces.cursor))
		}
	}
	return left, right, a.networkCommandLine()
}

func (a *app) segmentRow(s network.Segment, w int, cursor bool) string {
	g := &a.glyphs.cells
	count := func(n int, mark string, style pen) cell {
		if n == 0 {
			return cell{text: "     "}
		}
		return cell{text: fmt.Sprintf(" %2d %s", n, mark), style: style}
	}
	state, style := "open", a.styles.warn
	if s.Finding == nil {
		state, style = "closed", a.styles.good
	} else if id, ok := a.list.print[s.Finding.Fingerprint]; ok && a.dec.taken[id] > 0 {
		state, style = "staged", a.styles.good.bold()
	}
	right := []cell{count(s.Kept, g[network.Proven], a.styles.good), count(s.Guessed, g[network.Guess], a.styles.warn)}
	if w >= 2*(4*5+8) { // the right of a row is at most half of it
		right = append(right, count(s.Decided, g[network.Kept], a.styles.good.bold()), count(s.Cut, g[network.Cut], a.styles.bad.bold()))
	}
	right = append(right, cell{text: fmt.Sprintf(" %6s ", state), style: style})
	return a.drawRow([]cell{{text: namespaceLabel(s.Namespace), style: a.styles.bold}}, right, w, cursor)
}

// networkCommandLine is the command line that does the same.
func (a *app) networkCommandLine() string {
	if a.session.NetworkCommand == nil {
		return a.styles.faint.Render(plural(len(a.net.decisions), "decision"))
	}
	return a.styles.faint.Render("$ " + fixes.Clean(a.session.NetworkCommand()))
}

// measureMatrix fits the matrix or the list, and makes the details of the cell
// under the cursor.
func (a *app) measureMatrix() {
	n := &a.net
	if n.grid == nil || n.grid.Namespace != n.namespace {
		a.detail.set(nil, n.namespace, a.lay.right.h, func() (string, []string) { return "", nil })
		return
	}
	room := max(a.lay.left.h-a.legendHeight(), 1)
	if n.listShown(a.lay) {
		n.list.size(len(n.grid.listed), room)
		n.followCell()
		n.rows.n, n.cols.n = len(n.grid.Clients), len(n.grid.Servers)
	} else {
		m := a.matrixShape()
		n.rows.size(len(n.grid.Clients), room-m.head)
		n.cols.size(len(n.grid.Servers), m.columns)
		n.followList()
	}
	type from struct {
		grid    *gridView
		at      spot
		w       int
		pending int
	}
	at, ok := n.at()
	w := a.lay.right.w
	a.detail.set(at, from{n.grid, at, w, n.version}, a.lay.right.h, func() (string, []string) {
		if !ok {
			return "", nil
		}
		return n.grid.name(at, a.glyphs.arrow), a.cellDetail(at, w)
	})
}

// legendHeight is the number of lines for the legend, and one before it.
func (a *app) legendHeight() int {
	if a.lay.left.h < 8 {
		return 0
	}
	return min(len(a.legend(a.lay.left.w-2)), 3) + 1
}

// matrixShape is how the matrix is laid out.
type matrixShape struct {
	names   int // cells for the clients
	cell    int // cells for a column
	columns int // that are seen
	head    int // lines of the heading
}

func (a *app) matrixShape() matrixShape {
	g := a.net.grid
	m := matrixShape{head: 3}
	if a.lay.left.h < 12 {
		m.head = 1
	}
	m.names = min(g.clientWidth, max(a.lay.left.w/4, 12))
	room := max(a.lay.left.w-m.names-3, 1)
	m.cell = min(max(g.headWidth+2, 7), 12)
	if n := len(g.Servers); n > 0 {
		m.cell = min(max(room/n, m.cell), 14)
	}
	if room/m.cell < min(len(g.Servers), 6) {
		m.cell = 8 // names are cut rather than few columns shown
	}
	m.columns = max(room/m.cell, 1)
	return m
}

// matrixPanes draws the matrix, or the list.
func (a *app) matrixPanes() (left, right pane, status string) {
	n := &a.net
	left, right = pane{title: namespaceLabel(n.namespace)}, a.detailPane()
	switch {
	case n.err != nil:
		left.lines = append([]string{""}, indent(wrap("There is no matrix: "+fixes.CleanLines(n.err.Error()), max(a.lay.left.w-2, 1)))...)
		return left, right, a.networkCommandLine()
	case n.grid == nil || n.grid.Namespace != n.namespace:
		left.lines = []string{"", " Comparing " + a.glyphs.ellipsis}
		return left, right, a.networkCommandLine()
	case len(n.grid.listed) == 0:
		left.lines = append([]string{""}, indent(wrap("No workload here has a port, or a connection that anything tells of.", max(a.lay.left.w-2, 1)))...)
		return left, right, a.networkCommandLine()
	}
	g := n.grid
	left.note = fmt.Sprintf("open now %d, after %d, of %d", g.Before, g.After, g.All)
	if n.listShown(a.lay) {
		left.lines = a.connectionRows()
	} else {
		left.title += ": who connects to whom"
		left.lines = a.matrixLines()
	}
	if h := a.legendHeight(); h > 0 {
		for len(left.lines) < a.lay.left.h-h {
			left.lines = append(left.lines, "")
		}
		left.lines = append(left.lines, "")
		left.lines = append(left.lines, indent(a.legend(a.lay.left.w-2))...)
	}
	return left, right, a.networkCommandLine()
}

// connectionRows are the list's rows in sight.
func (a *app) connectionRows() []string {
	n := &a.net
	var out []string
	from, to := n.list.window()
	for i := from; i < to; i++ {
		at := n.grid.listed[i]
		c := n.grid.Cell(at.row, at.col)
		mark, style := a.cellMark(at, c)
		left := []cell{{text: mark + " ", style: style}, {text: n.grid.clientNames[at.row]}, {text: " " + a.glyphs.arrow + " ", style: a.styles.faint},
			{text: n.grid.serverNames[at.col]}}
		word := stateWords(c.State)
		if c.Unmet() {
			word += ", not met"
		}
		right := []cell{{text: " " + word + " ", style: style}}
		if a.lay.left.w < roomy {
			right = nil
		}
		out = append(out, a.drawRow(left, right, a.lay.left.w, i == n.list.cursor))
	}
	return out
}

// matrixLines draws the columns' heads and the rows in sight.
func (a *app) matrixLines() []string {
	n, m := &a.net, a.matrixShape()
	g := n.grid
	fromCol, toCol := n.cols.window()
	var out []string
	for line := 3 - m.head; line < 3; line++ {
		var b strings.Builder
		b.WriteString(strings.Repeat(" ", m.names+3))
		for col := fromCol; col < toCol; col++ {
			text := g.heads[col][line]
			if m.head == 1 {
				text = g.serverNames[col]
			}
			style := a.styles.plain
			switch {
			case col == n.cols.cursor:
				style = a.styles.bold
			case line == 2:
				style = a.styles.faint
			}
			b.WriteString(style.Render(centred(text, m.cell-1, a.glyphs.ellipsis)) + " ")
		}
		out = append(out, b.String())
	}
	if len(g.Servers) > m.columns { // more to the sides
		more := fmt.Sprintf("%d-%d of %d", fromCol+1, toCol, len(g.Servers))
		out[0] = a.styles.faint.Render(fit(" "+more, m.names+3, "")) + ansi.TruncateLeft(out[0], m.names+3, "")
	}
	from, to := n.rows.window()
	for row := from; row < to; row++ {
		out = append(out, a.matrixRow(row, fromCol, toCol, m))
	}
	return out
}

func (a *app) matrixRow(row, fromCol, toCol int, m matrixShape) string {
	n := &a.net
	g := n.grid
	var b strings.Builder
	mark, style := " ", a.styles.plain
	if row == n.rows.cursor {
		mark, style = a.glyphs.cursor, a.styles.bold
	}
	if g.Clients[row].Others > 0 || !g.Clients[row].End.IsWorkload() {
		if row != n.rows.cursor {
			style = a.styles.faint
		}
	}
	b.WriteString(a.styles.bold.Render(mark) + style.Render(fit(g.clientNames[row], m.names, a.glyphs.ellipsis)) + "  ")
	for col := fromCol; col < toCol; col++ {
		at := spot{row, col}
		text, style := a.cellMark(at, g.Cell(row, col))
		if row == n.rows.cursor && col == n.cols.cursor {
			text = "[" + text + "]"
			if !a.inDetail {
				style = style.reverse()
			}
		} else {
			text = " " + text + " "
		}
		before := (m.cell - 1 - 3) / 2
		b.WriteString(strings.Repeat(" ", before) + style.Render(text) + strings.Repeat(" ", m.cell-3-before))
	}
	return b.String()
}

// centred fits a text into w cells, in their middle.
func centred(s string, w int, ellipsis string) string {
	over := w - ansi.StringWidth(s)
	if over < 0 {
		return fit(s, w, ellipsis)
	}
	return fit(strings.Repeat(" ", over/2)+s, w, ellipsis)
}

// cellMark is the sign of a cell; one that is being decided has its own.
func (a *app) cellMark(at spot, c network.Cell) (string, pen) {
	if keep, ok := a.net.pending[at]; ok {
		c = network.Cell{State: network.Cut}
		if keep {
			c.State, c.After = network.Kept, true
		}
	}
	mark := a.glyphs.cells[c.State]
	if mark == "" {
		mark = " "
	}
	return mark, a.cellStyle(c)
}

func (a *app) cellStyle(c network.Cell) pen {
	s := a.styles
	switch c.State {
	case network.Kept:
		if c.Unmet() {
			return s.bad.bold()
		}
		return s.good.bold()
	case network.Cut:
		return s.bad.bold()
	case network.Seen, network.Proven, network.Inferred:
		return s.good
	case network.Guess, network.Open:
		return s.warn
	case network.Blocked:
		return s.bad
	}
	return s.faint
}
