package network

import (
	"reflect"
	"slices"

	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
)

// drawn is a grid with what it was judged by.
type drawn struct {
	was, is *simulation
	grid    *Grid
	others  []connections.End
}

// known are the verdicts of a grid that an earlier one has already: those between
// ends that the same policies are about. A decision changes the policies of two
// workloads, and a grid may have a quarter of a million cells. Nil knows nothing.
type known struct {
	old *Grid
	// rows and cols are the places in the earlier grid, -1 where a verdict may be
	// another.
	rows, cols []int
	sameOthers bool
}

func newKnown(v *View, last *drawn, g *Grid, others []connections.End) *known {
	if last == nil || last.grid.Namespace != g.Namespace || !v.was.alike(last.was) || !v.is.alike(last.is) {
		return nil
	}
	asked := map[connections.End]bool{}
	same := func(e connections.End) bool {
		is, ok := asked[e]
		if !ok {
			is = v.was.same(last.was, e) && v.is.same(last.is, e)
			asked[e] = is
		}
		return is
	}
	k := &known{old: last.grid}
	rows := map[connections.End]int{}
	for i, c := range last.grid.Clients {
		if c.Others == 0 {
			rows[c.End] = i
		}
	}
	for _, c := range g.Clients {
		at, ok := rows[c.End]
		if !ok || c.Others > 0 || !same(c.End) {
			at = -1
		}
		k.rows = append(k.rows, at)
	}
	type column struct {
		end  connections.End
		port connections.Port
	}
	cols := map[column]int{}
	for i, s := range last.grid.Servers {
		cols[column{s.End, s.Port}] = i
	}
	for _, s := range g.Servers {
		at, ok := cols[column{s.End, s.Port}]
		if !ok || !same(s.End) {
			at = -1
		}
		k.cols = append(k.cols, at)
	}
	k.sameOthers = slices.Equal(others, last.others) && !slices.ContainsFunc(others, func(e connections.End) bool { return !same(e) })
	return k
}

// cell fills in what the policies say of a cell, if that is known.
func (k *known) cell(row, col int, c *Cell) bool {
	if k == nil || k.rows[row] < 0 || k.cols[col] < 0 {
		return false
	}
	old := k.old.Cell(k.rows[row], k.cols[col])
	c.Before, c.After = old.Before, old.After
	return old.State != None // else nobody has asked
}

// others fills in what is known of those of whom nothing tells.
func (k *known) others(col int, r *pairs) bool {
	if k == nil || !k.sameOthers || k.cols[col] < 0 || k.old.others == nil {
		return false
	}
	*r = k.old.others[k.cols[col]]
	return true
}

// alike reports whether two simulations judge alike where the policies about both
// ends are the same.
func (s *simulation) alike(o *simulation) bool {
	return reflect.DeepEqual(s.named, o.named) && reflect.DeepEqual(s.api, o.api)
}

// same reports whether the same policies are about an end.
func (s *simulation) same(o *simulation, e connections.End) bool {
	a, b := s.endpoint(e), o.endpoint(e)
	return a.Same(&b)
}
