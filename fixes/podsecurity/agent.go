package podsecurity

import (
	"fmt"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// sparing fits a finding to a known agent: it speaks of what the agent has
// beyond its needs, and where the agent needs some of what the control refuses,
// an edit that takes it all would stop its work.
func (s *subject) sparing(f *fixes.Finding) {
	if s.agent == nil {
		return
	}
	f.Evidence = append(f.Evidence, fmt.Sprintf("it is %s; left out is what that needs: %s", s.agent.Name, s.agent.Source))
	if s.needed <= len(s.faults) || f.Fix().Edit == nil {
		return
	}
	var beyond []string
	for _, fault := range s.faults {
		beyond = append(beyond, "- "+fault.who+": "+fault.what)
	}
	f.Fixes = []fixes.Fix{s.manual("Take from "+s.agent.Name+" what it does not need",
		s.agent.Name+" needs a part of what this control refuses, and the edit would take it all",
		s.agent.Name+" does not need this, take it away:\n"+strings.Join(beyond, "\n")+"\nIt needs the rest: "+s.agent.Source)}
}
