package quota

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// quotaName is the name of the ResourceQuota that the fix creates.
const quotaName = "namespace-quota"

func quotaMissing() *fixes.Rule {
	return &fixes.Rule{
		ID:         "quota-missing",
		Category:   fixes.Quota,
		Title:      "Nothing limits what a namespace takes of the cluster",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.DenialOfService},
		References: []fixes.Reference{fixes.NSA("Network separation and hardening"), fixes.OWASP("K01")},
		Kinds: append(fixes.WorkloadKinds(), fixes.KindNamespace, fixes.KindNode, fixes.KindHPA,
			fixes.KindLimitRange, fixes.KindResourceQuota),
		Phase: fixes.Size,
		Docs:  quotaMissingDocs,
		Check: checkQuotaMissing,
	}
}

const quotaMissingDocs = `
Without a ResourceQuota one namespace may take the whole cluster: a runaway
autoscaler, a Job that forks pods, or anyone with the right to create pods in
it denies service to all others.

## What is looked at
A namespace is reported when it has no ResourceQuota at all. One that has a
quota which leaves out cpu, memory or pods is not reported here. The finding's
path, resourceQuotas, stands for the namespace's ResourceQuotas.

## The fix
Creates ResourceQuota namespace-quota for requests.cpu, requests.memory and
pods, and LimitRange container-defaults where containers would get no default
requests, since the quota refuses pods that name none.

    full scale  the sum over all workloads of the most pods they may have (the
                larger of replicas and an autoscaler's maximum; for a DaemonSet
                its nodes; for a CronJob that may overlap, twice) times what one
                pod requests
    surge       the most that one rolling update adds
    hard        the larger of full scale + surge and what runs now, + 20%,
                rounded up; for pods + 50%, and at least 10 more

The numbers are worked out anew when the plan is made, from the requests that
the other fixes leave.

No running pod is stopped. Pods beyond the quota are refused: a rollout then
hangs, with FailedCreate on its ReplicaSet, and an autoscaler stops short. Limits
are left out of the quota, since it would force a cpu limit on every container.

The fix is safe when the whole namespace could be looked at in a running
cluster, no container needs a default, the numbers admit all pods that run and
the largest rollout, and nothing in it grows by itself.

## By hand
    kubectl get resourcequota -n shop
    kubectl describe resourcequota -n shop
    kubectl get events -n shop --field-selector reason=FailedCreate
`

func checkQuotaMissing(p *fixes.Pass) {
	for _, n := range namespaces(p) {
		if !p.Covers(fixes.KindResourceQuota, n.name) || !p.Covers(fixes.KindLimitRange, n.name) || n.hasQuota() {
			continue
		}
		lacking := n.lackingDefaults()
		s := n.size(lacking.requests)
		p.Report(fixes.Finding{
			Object:   n.ref(),
			Path:     "resourceQuotas",
			Message:  "No ResourceQuota: one workload, or anyone who may create pods here, can take all cpu and memory of the cluster.",
			Evidence: s.evidence(n.inv.Live),
			Fixes:    []fixes.Fix{n.quotaFix(p, lacking, s)},
		})
	}
}

func (n namespace) hasQuota() bool {
	return len(fixes.Objects[*corev1.ResourceQuota](n.inv, n.name)) > 0
}

func (n namespace) quotaFix(p *fixes.Pass, lacking defaults, s sizing) fixes.Fix {
	d := p.Draft()
	quota := fixes.Ref{Kind: fixes.KindResourceQuota, Namespace: n.name, Name: d.FreeName(fixes.KindResourceQuota, n.name, quotaName)}
	fix := fixes.Fix{
		Title:      "Create ResourceQuota " + quota.Name,
		Confidence: fixes.Safe,
		Why:        "it admits every pod that runs, all workloads at full scale, and the largest rollout",
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
	if doubts := n.doubts(p, s); len(doubts) > 0 {
		fix.Confidence, fix.Why = fixes.Review, strings.Join(doubts, "; ")
	}
	return fix
}

// doubts are the reasons for which the quota is not proven to admit all that
// the namespace needs.
func (n namespace) doubts(p *fixes.Pass, s sizing) []string {
	if !n.inv.Live {
		return []string{"sized by manifests: nothing shows what runs"}
	}
	var doubts []string
	for _, kind := range append(fixes.WorkloadKinds(), fixes.KindHPA) {
		if !p.Covers(kind, n.name) {
			doubts = append(doubts, kind.String()+" could not be listed")
		}
	}
	if len(n.workloads) == 0 {
		doubts = append(doubts, "nothing runs here to size it by")
	}
	if _, total := n.unnamed(n.lacks()...); total > 0 {
		doubts = append(doubts, count(int64(total), "container")+" will reserve a default that is a guess")
	}
	if len(s.owners) > 0 {
		doubts = append(doubts, "what starts pods of its own accord may start more: "+some(s.owners))
	}
	if len(s.perNode) > 0 {
		doubts = append(doubts, "pods are added with each node: "+some(s.perNode))
	}
	if need := s.running.plus(s.surge); !need.within(s.hard) {
		doubts = append(doubts, "with all that runs it leaves no room for the largest rollout")
	}
	return doubts
}

// createQuota adds the quota and the defaults it needs to the draft, unless
// the namespace has a quota by now.
func (n namespace) createQuota(d *fixes.Draft) error {
	if n.hasQuota() {
		return nil
	}
	n, err := n.createDefaults(d)
	if err != nil {
		return err
	}
	quota := &corev1.ResourceQuota{}
	quota.Name, quota.Namespace = d.FreeName(fixes.KindResourceQuota, n.name, quotaName), n.name
	quota.Spec.Hard = n.size(nil).hard.list()
	return d.Create(quota)
}
