package podsecurity

import (
	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// about is a subject for rules that are no control: they judge by themselves.
func about(p *fixes.Pass, w fixes.Workload) *subject {
	return &subject{Workload: w, inv: p.Inventory}
}

// each calls check for every workload on Linux.
func each(check func(*fixes.Pass, *subject)) func(*fixes.Pass) {
	return func(p *fixes.Pass) {
		for _, w := range p.Workloads("") {
			if !w.Windows() {
				check(p, about(p, w))
			}
		}
	}
}
