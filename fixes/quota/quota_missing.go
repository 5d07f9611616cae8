package quota

import (
	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func quotaMissing() *fixes.Rule {
	return &fixes.Rule{
		ID:         "quota-missing",
		Category:   fixes.Quota,
		Title:      "Nothing limits what a namespace takes of the cluster",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.DenialOfService},
		References: []fixes.Reference{fixes.NSA("Network separation and hardening"), fixes.OWASP("K01")},
		Kinds:      quotaKinds(),
		Local:      true,
		Phase:      fixes.Size,
		Docs:       quotaMissingDocs,
		Check:      checkQuotaMissing,
	}
}

const quotaMissingDocs = `
Without a ResourceQuota one namespace may take the whole cluster: a runaway
autoscaler, a Job that forks pods, or anyone with the right to create pods in
it denies service to all others.

## What is looked at
A namespace is reported when it has no ResourceQuota at all; see quota-partial
for one that has a quota which leaves something out. The finding's path,
resourceQuotas, stands for the namespace's ResourceQuotas.

## The fix
Creates ResourceQuota namespace-quota for requests.cpu, requests.memory,
requests.ephemeral-storage, pods, and the numbers of Secrets, load balancers and
node ports; and LimitRange container-defaults where containers would get no
default requests, since the quota refuses pods that name none.

    full scale  the sum over all workloads of the most pods they may have (the
                larger of replicas and an autoscaler's maximum; for a DaemonSet
                its nodes; for a CronJob that may overlap, twice) times what one
                pod requests, or uses where it requests nothing and metrics are
                served
    turnover    as many pods again, and what rolling updates add: a quota counts
                pods that are ending until they are gone, and all may be replaced
                at once. A finished Job may run again: the largest counts
    hard        the larger of full scale and what runs now, + 20%, + turnover,
                rounded up; for pods + 50%, and at least 10 more

Pods that name no ephemeral storage are not counted there: container-no-limits
gives them some. Secrets, load balancers and node ports get half as many again as
there are, and at least 20, 2 and 10 more; a Helm release counts with the ten
Secrets that it may come to. What may not be listed is left out.

The numbers are worked out anew when the plan is made, from the requests that
the other fixes leave.

No running pod is stopped. Pods beyond the quota are refused: a rollout then
hangs, with FailedCreate on its ReplicaSet, and an autoscaler stops short. Limits
are left out of the quota, since it would force a cpu limit on every container.

The fix is safe when the whole namespace could be looked at in a running
cluster, no container needs a default, and nothing in it grows by itself: then
the numbers admit all pods that run, and a rollout of all workloads at once.

## By hand
    kubectl get resourcequota -n shop
    kubectl describe resourcequota -n shop
    kubectl get events -n shop --field-selector reason=FailedCreate
`

func checkQuotaMissing(p *fixes.Pass) {
	for _, n := range namespaces(p) {
		if !n.quotasKnown() || n.hasQuota() {
			continue
		}
		n.report(p, fixes.Finding{
			Message: "No ResourceQuota: one workload, or anyone who may create pods here, can take all cpu and memory of the cluster.",
		}, n.unbounded())
	}
}
