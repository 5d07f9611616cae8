package quota

import (
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func quotaPartial() *fixes.Rule {
	return &fixes.Rule{
		ID:         "quota-partial",
		Category:   fixes.Quota,
		Title:      "The quotas of a namespace leave something without bounds",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.DenialOfService},
		References: []fixes.Reference{fixes.NSA("Network separation and hardening"), fixes.OWASP("K01")},
		Kinds:      quotaKinds(),
		Phase:      fixes.Size,
		Docs:       quotaPartialDocs,
		Check:      checkQuotaPartial,
	}
}

const quotaPartialDocs = `
A quota that bounds only some resources is a wall with a gate in it: a namespace
that may have ten pods of any size still takes the whole cluster, and one that may
request four cores still fills it with pods that request next to nothing.

## What is looked at
A namespace that has ResourceQuotas is reported when none of them bounds cpu,
memory or the number of pods (medium), or ephemeral storage or the numbers of
Secrets, load balancers and node ports (low). A quota of limits bounds requests
too, which are never above them. A quota with a scope (a PriorityClass,
Terminating …) bounds some pods only, and does not count here; it is left alone.

## The fix
Creates one more ResourceQuota, namespace-quota, for what is missing, sized as
quota-missing says; quotas that are there are not edited. Where cpu or memory is
among it, LimitRange container-defaults too, since a quota refuses pods that name
no request of what it bounds.

A pod has to fit all quotas of its namespace. No running pod is stopped.

## By hand
    kubectl describe resourcequota -n shop
`

func checkQuotaPartial(p *fixes.Pass) {
	for _, n := range namespaces(p) {
		missing := n.unbounded()
		if !n.quotasKnown() || !n.hasQuota() || len(missing) == 0 {
			continue
		}
		f := fixes.Finding{Severity: fixes.Low}
		var words []string
		for _, b := range missing {
			words = append(words, b.word)
		}
		if slices.ContainsFunc(missing, func(b bound) bool { return b.compute }) {
			f.Severity = fixes.Medium
		}
		f.Message = "The ResourceQuotas leave without bounds: " + strings.Join(words, ", ") + "."
		if len(n.quotas()) == 0 {
			f.Message = "All ResourceQuotas have a scope; of other pods they leave without bounds: " + strings.Join(words, ", ") + "."
		}
		n.report(p, f, missing)
	}
}
