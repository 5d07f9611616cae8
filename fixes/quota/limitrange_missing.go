package quota

import (
	"fmt"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func limitRangeMissing() *fixes.Rule {
	return &fixes.Rule{
		ID:         "limitrange-missing",
		Category:   fixes.Quota,
		Title:      "Containers that name no requests get none by default",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.DenialOfService},
		References: []fixes.Reference{fixes.NSA("Network separation and hardening"), fixes.OWASP("K01")},
		Kinds:      append(fixes.WorkloadKinds(), fixes.KindNamespace, fixes.KindLimitRange, fixes.KindUsage),
		Local:      true,
		Phase:      fixes.Size,
		Docs:       limitRangeMissingDocs,
		Check:      checkLimitRangeMissing,
	}
}

const limitRangeMissingDocs = `
The scheduler places pods by what they request. A container that requests
nothing counts as nothing: any number of its kind fit on a node, where they
starve each other and their neighbours, and the kubelet evicts in an order
nobody chose. A ResourceQuota for cpu and memory, on the other hand, refuses
such a pod altogether.

## What is looked at
A namespace is reported when no LimitRange of type Container gives a default
request for cpu and for memory. A default limit, a maximum or a minimum counts,
since the API server completes the default request from them. The finding's
path, limitRanges, stands for the namespace's LimitRanges.

## The fix
Creates LimitRange container-defaults with a defaultRequest for what has none:
the median request of the namespace's containers, else the median of what they
use (where metrics are served), at most 500m and 512Mi, else 100m and 128Mi. A value that would make the pods
of a workload invalid is lowered, since a pod's containers may not ask for more
than its pod-level request or the maximum for pods.

It sets no default limits: a memory limit given to a container that never had
one kills it on its next restart. A container with a limit and no request keeps
asking for its limit, and is not touched by the default.

Running pods stay as they are. Restarted ones reserve what the default says, so
on a full cluster some may stay Pending.

## By hand
    kubectl get limitrange -n shop -o yaml
    kubectl describe limitrange -n shop
`

func checkLimitRangeMissing(p *fixes.Pass) {
	for _, n := range namespaces(p) {
		if !p.Covers(fixes.KindLimitRange, n.name) {
			continue
		}
		lacking := n.lackingDefaults()
		if len(lacking.requests) == 0 && lacking.blocked == "" {
			continue
		}
		var resources, evidence []string
		for _, r := range n.lacks() {
			resources = append(resources, string(r))
			if list, total := n.unnamed(r); total > 0 {
				evidence = append(evidence, fmt.Sprintf("%s without a %s request: %s", count(int64(total), "container"), r, some(list)))
			} else {
				evidence = append(evidence, fmt.Sprintf("no container here lacks a %s request now", r))
			}
		}
		what := strings.Join(resources, " or ")
		p.Report(fixes.Finding{
			Object:   n.ref(),
			Path:     "limitRanges",
			Message:  "No LimitRange gives containers a default " + what + " request: those that name none take what they get, and starve others.",
			Evidence: append(evidence, lacking.reasons...),
			Fixes:    []fixes.Fix{n.limitRangeFix(p, lacking)},
		})
	}
}

func (n namespace) limitRangeFix(p *fixes.Pass, lacking defaults) fixes.Fix {
	name := p.Draft().FreeName(fixes.KindLimitRange, n.name, limitRangeName)
	title := "Create LimitRange " + name
	if lacking.blocked != "" {
		return blockedFix(title, lacking.blocked, n.name)
	}
	return fixes.Fix{
		Title:      title,
		Confidence: fixes.Review,
		Why:        "what containers need that nobody sized is a guess",
		Risks:      n.defaultRisks(),
		Creates:    []fixes.Ref{{Kind: fixes.KindLimitRange, Namespace: n.name, Name: name}},
		Edit: func(d *fixes.Draft) error {
			_, err := namespaceOf(d.Inventory, n.name, d.Workloads(n.name)).createDefaults(d)
			return err
		},
	}
}

// defaultRisks say what default requests change.
func (n namespace) defaultRisks() []string {
	list, total := n.unnamed(n.lacks()...)
	if total == 0 {
		return []string{"Containers that name no request, should any come, reserve the default."}
	}
	return []string{fmt.Sprintf("From their next restart %s reserve the default, and may stay Pending on a full cluster: %s.",
		count(int64(total), "container"), some(list))}
}
