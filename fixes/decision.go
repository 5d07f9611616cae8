package fixes

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Decision is what the user says of connections: that they are kept, or that
// they are cut, whatever objects tell of them. The finer one of several counts;
// see the package connections, which reads and obeys them.
type Decision struct {
	Keep     bool
	From, To DecidedEnd
	// Port is a port of the pods that are connected to. 0 stands for all.
	Port int32
	// Protocol is that of the port; it is empty where Port is 0.
	Protocol corev1.Protocol
}

// DecidedEnd names an end of the connections that a [Decision] is about: the
// workloads of a name, or a place.
type DecidedEnd struct {
	// Kind is the workload's; without one, workloads of the name of any kind are
	// meant.
	Kind            Kind
	Namespace, Name string
	// Place is a place as the package connections has them, and Name then tells
	// which one of its sort. It is empty for workloads.
	Place string
}

// Decide returns the result of the scan as it is after the user has decided
// about connections: the inventory carries the decisions, and the rules that
// look at connections have judged it again. The result itself stays as it was.
func (r *Result) Decide(decisions []Decision) *Result {
	draft := r.Inventory.Scanned().Draft()
	draft.Decisions = decisions
	out := &Result{Inventory: draft.Inventory, Rules: r.Rules}
	var again []*Rule
	for _, rule := range r.Rules {
		if rule.Connections {
			again = append(again, rule)
		}
	}
	fresh := Scan(draft.Inventory, again).Findings
	unasked := map[string]bool{}
	keep := func(had []*Finding) (kept []*Finding) {
		for _, f := range had {
			if !f.Rule.Connections {
				kept = append(kept, f)
			}
		}
		return kept
	}
	for _, f := range r.Others {
		unasked[f.Fingerprint] = true
	}
	out.Findings, out.Others = keep(slices.Concat(r.Findings, r.suppressed())), keep(r.Others)
	for _, f := range fresh {
		if unasked[f.Fingerprint] {
			out.Others = append(out.Others, f)
		} else {
			out.Findings = append(out.Findings, f)
		}
	}
	SortFindings(out.Findings)
	return out.ignoreAgain(r)
}
