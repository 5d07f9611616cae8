package network

import (
	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
)

// observed says who watched the connections that are kept, over which time, and
// what was not seen then: what nobody used meanwhile may be used next month.
func observed(inv *fixes.Inventory, links []connections.Link) []string {
	var out []string
	for _, f := range fixes.Objects[*fixes.Flows](inv, "") {
		line := "observed: " + f.Name
		switch window := f.Window(); {
		case window != "":
			line += ", " + window + " until " + f.Last.UTC().Format("2006-01-02 15:04 UTC")
		case f.Look:
			line += ", one look: what it does not show may be there all the same"
		}
		out = append(out, line)
	}
	say := func(what string, want func(connections.Link) bool) {
		if lines := linesOf(links, want); len(lines) > 0 {
			out = append(out, what+some(lines))
		}
	}
	say("seen: ", func(l connections.Link) bool { return l.Sure == connections.Seen })
	say("told by objects, not seen: ", func(l connections.Link) bool { return l.NotSeen() && l.Sure > connections.Guessed })
	say("guessed, not seen: ", func(l connections.Link) bool { return l.NotSeen() && l.Sure == connections.Guessed })
	return out
}
