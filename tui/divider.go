package tui

import "fmt"

// The least that a pane keeps when the divider is moved.
const (
	leastCells = 24
	leastLines = 3
)

// fitShare moves the divider to where the user has it.
func (l *layout) fitShare(s screen, body int) {
	share, moved := l.shares[s]
	if !moved {
		return
	}
	switch l.arrange {
	case side:
		w := min(max(l.w*share/1000, leastCells), l.w-2-leastCells)
		l.left.w, l.right.w = w, l.w-2-w
	case stack:
		h := min(max(l.h*share/1000, leastLines), body-1-leastLines)
		l.left.h, l.right.h = h, body-1-h
	}
}

// noDivider says why there is nothing to move.
func (a *app) noDivider() string {
	return when(a.lay.arrange == single,
		join("; ", fmt.Sprintf("the panes share the screen from %d columns or %d lines on", sideBySide, stacked), a.does("pane", "goes to the other one")))
}

// moveDivider moves it by steps, to the right or down.
func (a *app) moveDivider(steps int) {
	if a.lay.arrange == side {
		a.setDivider(a.lay.left.w + 4*steps)
	} else {
		a.setDivider(a.lay.left.h + steps)
	}
}

// setDivider gives the left or upper pane so many cells or lines.
func (a *app) setDivider(n int) {
	l := &a.lay
	of := l.w
	if l.arrange == stack {
		of = l.h
	}
	if l.shares == nil {
		l.shares = map[screen]int{}
	}
	// Rounded up, so that the cells come out as they were asked for.
	l.shares[a.screen] = (max(min(n, of), 0)*1000 + of - 1) / of
}
