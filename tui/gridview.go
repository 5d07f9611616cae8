package tui

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/network"
)

// matrixWidth is the number of cells from which on connections are a matrix.
const matrixWidth = 64

// gridView is a grid with all that is written of it, worked out once.
type gridView struct {
	*network.Grid
	clientNames []string
	serverNames []string    // with their ports
	heads       [][3]string // the name on two lines, and the port
	clientWidth int
	headWidth   int
	// listed are the cells that are listed: what objects tell of or the user has
	// decided, server by server, then what is open without.
	listed []spot
}

func newGridView(g *network.Grid) *gridView {
	v := &gridView{Grid: g}
	for _, c := range g.Clients {
		name := endWords(c.End, g.Namespace)
		if c.Others > 0 {
			name = plural(c.Others, "other")
		}
		v.clientNames = append(v.clientNames, name)
		v.clientWidth = max(v.clientWidth, ansi.StringWidth(name))
	}
	for _, s := range g.Servers {
		name, port := endWords(s.End, g.Namespace), "any"
		v.serverNames = append(v.serverNames, name)
		if s.Port.Number != 0 {
			port = strings.TrimSuffix(s.Port.String(), "/TCP")
			v.serverNames[len(v.serverNames)-1] += ":" + port
		}
		first, second := halves(name)
		v.heads = append(v.heads, [3]string{first, second, port})
		v.headWidth = max(v.headWidth, ansi.StringWidth(first), ansi.StringWidth(second), ansi.StringWidth(port))
	}
	for col := range g.Servers {
		for row := range g.Clients {
			if g.Cell(row, col).State > network.Closed {
				v.listed = append(v.listed, spot{row, col})
			}
		}
	}
	slices.SortStableFunc(v.listed, func(a, b spot) int {
		told := func(p spot) bool { return g.Cell(p.row, p.col).State >= network.Blocked }
		if told(a) == told(b) {
			return 0
		}
		return cmp.Or(map[bool]int{true: -1, false: 1}[told(a)])
	})
	return v
}

// name returns "web -> db:5432".
func (v *gridView) name(at spot, arrow string) string {
	return v.clientNames[at.row] + " " + arrow + " " + v.serverNames[at.col]
}

// endWords names an end as seen from a namespace.
func endWords(e connections.End, namespace string) string {
	if !e.IsWorkload() {
		return fixes.Clean(e.String())
	}
	if e.Workload.Namespace == namespace {
		return fixes.Clean(e.Workload.Name)
	}
	return fixes.Clean(e.Workload.NamespacedName())
}

// halves parts a name for two lines, where there is a mark near its middle.
func halves(name string) (first, second string) {
	best := -1
	for i, r := range name {
		if i > 0 && strings.ContainsRune("-./_", r) && (best < 0 || abs(2*i-len(name)) < abs(2*best-len(name))) {
			best = i
		}
	}
	if best < 0 || len(name) <= 7 {
		return "", name
	}
	return name[:best+1], name[best+1:]
}

func abs(n int) int { return max(n, -n) }

// stateWords say what a state is, in the legend and in a list.
func stateWords(s network.State) string {
	return [...]string{
		network.Closed: "closed", network.Lost: "open now, cut", network.Open: "stays open", network.Blocked: "told of, yet closed",
		network.Guess: "guess", network.Inferred: "inferred", network.Proven: "proven", network.Seen: "seen",
		network.Kept: "kept by you", network.Cut: "cut by you",
	}[s]
}

// cellDetail explains a cell: what becomes of the connection, why, and which
// policies say so.
func (a *app) cellDetail(at spot, w int) []string {
	n := &a.net
	g := n.grid
	c := g.Cell(at.row, at.col)
	out := wrap(a.cellStyle(c).Render(a.glyphs.cells[c.State])+" "+a.styles.bold.Render(a.verdict(at, c)), w)
	if g.Clients[at.row].Others > 0 {
		return append(append(out, ""), a.fact("who", "workloads of other namespaces that nothing tells of", w)...)
	}
	out = append(out, "")
	for _, l := range n.view.Why(g.Grid, at.row, at.col) {
		out = append(out, a.fact("sure", l.Sure.String(), w)...)
		for _, why := range l.Why {
			out = append(out, a.fact("why", fixes.Clean(why.Text), w)...)
			if why.Object != (fixes.Ref{}) {
				out = append(out, a.fact("in", fixes.Clean(why.Object.String()), w)...)
				out = append(out, a.fact("at", fixes.Clean(why.Path), w)...)
			}
		}
	}
	now, after := n.view.Policies(g.Grid, at.row, at.col)
	out = append(out, a.fact("now", policyWords(now.Allowed, names(now.Egress), names(now.Ingress)), w)...)
	out = append(out, a.fact("after", policyWords(after.Allowed, names(after.Egress), names(after.Ingress)), w)...)
	return out
}

// verdict says in a sentence what becomes of a cell's connection.
func (a *app) verdict(at spot, c network.Cell) string {
	if keep, ok := a.net.pending[at]; ok {
		return map[bool]string{true: "Keep: the policies are being made anew.", false: "Cut: the policies are being made anew."}[keep]
	}
	switch {
	case c.State == network.Kept && c.Unmet():
		return "You keep it, and yet policies that are there already do not allow it."
	case c.State == network.Cut && c.Unmet():
		return "You cut it, and yet it stays open: another allowance, or a policy that is there already, lets it through."
	}
	hint := sentence(join(", ", a.does("confirm", "confirms it"), a.does("toggle", "cuts it")))
	return [...]string{
		network.None:     "Nothing that the policies of this namespace would see.",
		network.Closed:   "Closed now, and it stays closed: nothing tells of it.",
		network.Lost:     "Open now, cut by the plan: nothing tells of it.",
		network.Open:     "Stays open, though nothing tells of it: it cannot be told from others that are kept.",
		network.Blocked:  "Objects tell of it, and yet policies that are there already do not allow it.",
		network.Guess:    join(" ", "Kept by guess: nothing tells of a client.", hint),
		network.Inferred: "Kept: objects suggest it.",
		network.Proven:   "Kept: an object names both ends.",
		network.Seen:     "Kept: it was seen.",
		network.Kept:     "Kept, as you decided.",
		network.Cut:      "Cut, as you decided.",
	}[c.State]
}

func names[T interface{ GetName() string }](list []T) []string {
	var out []string
	for _, p := range list {
		if !slices.Contains(out, p.GetName()) {
			out = append(out, p.GetName())
		}
	}
	return out
}

// policyWords says which policies decide.
func policyWords(allowed bool, egress, ingress []string) string {
	word := map[bool]string{true: "open", false: "closed"}[allowed]
	var parts []string
	for _, side := range []struct {
		word  string
		names []string
	}{{"out", egress}, {"in", ingress}} {
		if len(side.names) > 0 {
			parts = append(parts, side.word+" by "+fixes.Clean(strings.Join(side.names, ", ")))
		}
	}
	if len(parts) == 0 {
		return word + ": no policy selects either end"
	}
	return word + ": " + strings.Join(parts, "; ")
}

// legend explains the marks that are on the grid, with how many there are.
func (a *app) legend(w int) []string {
	var parts []string
	for s := network.Cut; s > network.Closed; s-- {
		if n := a.net.grid.Count[s]; n > 0 {
			parts = append(parts, a.cellStyle(network.Cell{State: s}).Render(a.glyphs.cells[s])+" "+fmt.Sprintf("%d %s", n, stateWords(s)))
		}
	}
	return inLines(parts, w)
}
