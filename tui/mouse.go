package tui

import (
	tea "charm.land/bubbletea/v2"
)

// mouse is off until it is asked for, since a terminal whose mouse goes to a
// program selects no text. What it does is harmless: it moves the cursor, what
// has the keys, folds, scrolls and the divider. It never stages, answers or
// applies anything: a click that goes astray must not.
type mouse struct {
	on       bool
	dragging bool // the divider
}

// wheelLines is how far a notch of the wheel goes.
const wheelLines = 3

func (a *app) toggleMouse() {
	a.mouse = mouse{on: !a.mouse.on}
	if a.mouse.on {
		a.say(info, join("; ", "mouse on: click, wheel, drag the divider", a.does("mouse", "turns it off, to select text")))
	} else {
		a.say(info, "mouse off: the terminal selects text")
	}
}

// part is what of the screen a point is in.
type part int

const (
	offPanes part = iota
	leftPane
	rightPane
	divider
)

// top is the number of lines above the panes.
func (l *layout) top() int {
	n := 0
	for _, line := range []bool{l.bars, l.rules} {
		if line {
			n++
		}
	}
	return n
}

// at tells what is at a cell of the screen, and which line of the pane.
func (l *layout) at(x, y int) (p part, line int) {
	y -= l.top()
	if x < 0 || y < 0 || x >= l.w {
		return offPanes, 0
	}
	switch l.arrange {
	case side:
		switch {
		case y >= l.left.h:
		case x < l.left.w:
			return leftPane, y
		case x < l.left.w+2:
			return divider, y
		default:
			return rightPane, y
		}
	case stack:
		switch {
		case y < l.left.h:
			return leftPane, y
		case y == l.left.h:
			return divider, 0
		case y-l.left.h-1 < l.right.h:
			return rightPane, y - l.left.h - 1
		}
	case single:
		if y < l.left.h {
			return map[bool]part{false: leftPane, true: rightPane}[l.detail], y
		}
	}
	return offPanes, 0
}

func (a *app) onMouse(msg tea.MouseMsg) tea.Cmd {
	m := msg.Mouse()
	if !a.mouse.on { // an event that was on its way
		return nil
	}
	_, released := msg.(tea.MouseReleaseMsg)
	if a.overlay != nil || released {
		a.mouse.dragging = false
	}
	switch msg.(type) {
	case tea.MouseWheelMsg:
		return a.onWheel(m)
	case tea.MouseMotionMsg:
		if a.mouse.dragging {
			a.dragDivider(m)
		}
	case tea.MouseClickMsg:
		if a.overlay == nil && m.Button == tea.MouseLeft {
			a.onClick(m)
		}
	}
	return nil
}

// onWheel scrolls what lies below the pointer.
func (a *app) onWheel(m tea.Mouse) tea.Cmd {
	by := map[tea.MouseButton]int{tea.MouseWheelUp: -wheelLines, tea.MouseWheelDown: wheelLines}[m.Button]
	sideways := map[tea.MouseButton]int{tea.MouseWheelLeft: -1, tea.MouseWheelRight: 1}[m.Button]
	if m.Mod.Contains(tea.ModShift) {
		by, sideways = 0, sideways+by/wheelLines
	}
	if a.overlay != nil {
		return a.wheelOverlay(by)
	}
	where, _ := a.lay.at(m.X, m.Y)
	switch {
	case where == leftPane && sideways != 0 && a.screen == matrixScreen && !a.net.listShown(a.lay):
		a.net.cols.scroll(sideways)
	case where == leftPane:
		a.scroller().scroll(by)
		if a.screen == applyScreen {
			a.apply.follow = false
		}
	case where == rightPane:
		a.detailPager().by(by)
	}
	return nil
}

// wheelOverlay scrolls an overlay's text, or moves in it as the arrows do.
func (a *app) wheelOverlay(by int) tea.Cmd {
	if o, ok := a.overlay.(interface{ pager() *pager }); ok {
		o.pager().by(by)
		return nil
	}
	switch {
	case by < 0:
		return a.overlay.update(a, tea.KeyPressMsg{Code: tea.KeyUp})
	case by > 0:
		return a.overlay.update(a, tea.KeyPressMsg{Code: tea.KeyDown})
	}
	return nil
}

func (c *confirm) pager() *pager { return &c.page }
func (m *message) pager() *pager { return &m.page }
func (k *help) pager() *pager    { return &k.page }

// onClick puts the cursor on what was clicked. On what has it already, a click
// does what enter does: it opens or closes a group, or goes to the details.
func (a *app) onClick(m tea.Mouse) {
	a.notice = notice{}
	where, line := a.lay.at(m.X, m.Y)
	if where != offPanes {
		a.editing = nil // as enter does; the filter stays
	}
	switch where {
	case divider:
		a.mouse.dragging = true
	case rightPane:
		a.inDetail = true
	case leftPane:
		if a.screen == matrixScreen && !a.net.listShown(a.lay) {
			a.clickMatrix(m.X, line)
			return
		}
		a.clickRow(m.X, line)
	}
}

func (a *app) clickRow(x, line int) {
	s := a.scroller()
	row := s.offset + line
	if row >= s.n || line >= s.h {
		return
	}
	again := row == s.cursor && !a.inDetail
	a.inDetail = false
	s.to(row)
	if a.screen == applyScreen {
		a.apply.follow = false
	}
	if a.screen == findingsScreen {
		if r, ok := a.list.current(); ok && r.isGroup() {
			if again || x < foldCells {
				a.touched = true
				a.list.toggle(r.group, !a.list.listed(r.group), &a.dec)
			}
			return
		}
	}
	a.inDetail = again
}

// foldCells is how many cells a row begins with that open and close it.
const foldCells = 3

// clickMatrix puts the cursor on a cell of the matrix.
func (a *app) clickMatrix(x, line int) {
	n := &a.net
	if n.grid == nil || len(n.grid.Clients) == 0 || len(n.grid.Servers) == 0 {
		return
	}
	m := a.matrixShape()
	row, col := n.rows.offset+line-m.head, n.cols.offset+(x-m.names-3)/m.cell
	if line < m.head || line-m.head >= n.rows.h || row >= n.rows.n || x < m.names+3 || col >= min(n.cols.n, n.cols.offset+n.cols.h) {
		return
	}
	again := row == n.rows.cursor && col == n.cols.cursor && !a.inDetail
	n.rows.to(row)
	n.cols.to(col)
	a.inDetail = again
}

// dragDivider puts the divider below the pointer.
func (a *app) dragDivider(m tea.Mouse) {
	switch a.lay.arrange {
	case side:
		a.setDivider(m.X)
	case stack:
		a.setDivider(m.Y - a.lay.top())
	}
}
