package quota

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// quotaName is the name of the ResourceQuota that the fixes create.
const quotaName = "namespace-quota"

// quotaKinds are what the rules about quotas look at.
func quotaKinds() []fixes.Kind {
	return append(fixes.WorkloadKinds(), fixes.KindNamespace, fixes.KindNode, fixes.KindHPA, fixes.KindVPA,
		fixes.KindLimitRange, fixes.KindResourceQuota, fixes.KindSecret, fixes.KindService, fixes.KindUsage)
}

func (n namespace) quotasKnown() bool {
	return n.inv.Covers(fixes.KindResourceQuota, n.name) && n.inv.Covers(fixes.KindLimitRange, n.name)
}

func (n namespace) hasQuota() bool {
	return len(fixes.Objects[*corev1.ResourceQuota](n.inv, n.name)) > 0
}

// needsDefaults reports whether a quota of these bounds refuses pods whose
// containers name no requests.
func needsDefaults(of []bound) bool {
	return slices.ContainsFunc(of, func(b bound) bool {
		return b.name == corev1.ResourceRequestsCPU || b.name == corev1.ResourceRequestsMemory
	})
}

// report completes a finding about quotas that leave something without bounds.
func (n namespace) report(p *fixes.Pass, f fixes.Finding, missing []bound) {
	var lacking defaults
	if needsDefaults(missing) {
		lacking = n.lackingDefaults()
	}
	s := n.size(lacking.requests)
	f.Object, f.Path = n.ref(), "resourceQuotas"
	f.Evidence = s.evidence(n.inv.Live)
	hard := n.hard(missing, s.hard)
	var counts []string
	for _, b := range missing {
		if q := hard[b.name]; b.count != nil {
			counts = append(counts, fmt.Sprintf("%s %s (there: %d)", q.String(), b.word, b.count(n)))
		}
	}
	if len(counts) > 0 {
		f.Evidence = append(f.Evidence, "and "+strings.Join(counts, ", "))
	}
	f.Fixes = []fixes.Fix{n.quotaFix(p, lacking, s)}
	p.Report(f)
}

func (n namespace) quotaFix(p *fixes.Pass, lacking defaults, s sizing) fixes.Fix {
	d := p.Draft()
	quota := fixes.Ref{Kind: fixes.KindResourceQuota, Namespace: n.name, Name: d.FreeName(fixes.KindResourceQuota, n.name, quotaName)}
	fix := fixes.Fix{
		Title:      "Create ResourceQuota " + quota.Name,
		Confidence: fixes.Safe,
		Why:        "it admits every pod that runs, all workloads at full scale, and a rollout of all at once",
		Risks:      []string{"Pods beyond the quota are refused: a rollout or an autoscaler that needs more stops there (FailedCreate)."},
		Creates:    []fixes.Ref{quota},
		Edit: func(d *fixes.Draft) error {
			return namespaceOf(d.Inventory, n.name, d.Workloads(n.name)).createQuota(d)
		},
	}
	if len(s.perNode) > 0 {
		fix.Risks = append(fix.Risks, "Raise the quota as nodes are added: each gets a pod of "+some(s.perNode)+".")
	}
	if lacking.blocked != "" {
		return blockedFix(fix.Title+", with default requests", lacking.blocked, n.name)
	}
	if len(lacking.requests) > 0 {
		limits := fixes.Ref{Kind: fixes.KindLimitRange, Namespace: n.name, Name: d.FreeName(fixes.KindLimitRange, n.name, limitRangeName)}
		fix.Title += " and LimitRange " + limits.Name
		fix.Creates = append(fix.Creates, limits)
		fix.Risks = append(fix.Risks, n.defaultRisks()...)
	}
	if doubts := n.doubts(p, lacking, s); len(doubts) > 0 {
		fix.Confidence, fix.Why = fixes.Review, strings.Join(doubts, "; ")
	}
	return fix
}

// doubts are the reasons for which the quota is not proven to admit all that
// the namespace needs.
func (n namespace) doubts(p *fixes.Pass, lacking defaults, s sizing) []string {
	if !n.inv.Live {
		return []string{"sized by manifests: nothing shows what runs"}
	}
	var doubts []string
	for _, kind := range append(fixes.WorkloadKinds(), fixes.KindHPA, fixes.KindVPA) {
		if !p.Covers(kind, n.name) {
			doubts = append(doubts, kind.String()+" could not be listed")
		}
	}
	if len(n.workloads) == 0 {
		doubts = append(doubts, "nothing runs here to size it by")
	}
	if _, total := n.unnamed(slices.Collect(maps.Keys(lacking.requests))...); total > 0 {
		doubts = append(doubts, count(int64(total), "container")+" will reserve a default that is a guess")
	}
	if len(s.owners) > 0 {
		doubts = append(doubts, "what starts pods of its own accord may start more: "+some(s.owners))
	}
	if len(s.perNode) > 0 {
		doubts = append(doubts, "pods are added with each node: "+some(s.perNode))
	}
	if len(s.vertical) > 0 {
		doubts = append(doubts, "requests may grow: "+some(s.vertical))
	}
	return doubts
}

// createQuota adds the quota of what is without bounds, and the defaults it
// needs, to the draft; there is nothing to do where an earlier fix has.
func (n namespace) createQuota(d *fixes.Draft) error {
	missing := n.unbounded()
	if len(missing) == 0 {
		return nil
	}
	if needsDefaults(missing) {
		var err error
		if n, err = n.createDefaults(d); err != nil {
			return err
		}
	}
	quota := &corev1.ResourceQuota{}
	quota.Name, quota.Namespace = d.FreeName(fixes.KindResourceQuota, n.name, quotaName), n.name
	quota.Spec.Hard = n.hard(missing, n.size(nil).hard)
	return d.Create(quota)
}
