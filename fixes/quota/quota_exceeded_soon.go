package quota

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// nearlyUsed is the share of a quota, in percent, above which little is left.
const nearlyUsed = 90

func quotaExceededSoon() *fixes.Rule {
	return &fixes.Rule{
		ID:         "quota-exceeded-soon",
		Category:   fixes.Quota,
		Title:      "A ResourceQuota is nearly used up",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.DenialOfService},
		References: []fixes.Reference{fixes.NSA("Network separation and hardening"), fixes.OWASP("K01")},
		Kinds:      []fixes.Kind{fixes.KindResourceQuota},
		Docs:       quotaExceededSoonDocs,
		Check:      checkQuotaExceededSoon,
	}
}

const quotaExceededSoonDocs = `
A quota that is used up refuses the next pod: a rolling update hangs halfway, with
new pods refused and old ones still there, an autoscaler stops short, a pod of a
failed node is not made anew.

## What is looked at
The status of the ResourceQuotas of a running cluster: what is used of each
resource. Above 90% it is reported. A quota of 0 forbids something on purpose, and
is left alone.

## The fix
By hand, since only people know whether the namespace needs more or uses too much:
raise the quota, or lower what is requested.

## By hand
    kubectl describe resourcequota -n shop
    kubectl get events -n shop --field-selector reason=FailedCreate
`

func checkQuotaExceededSoon(p *fixes.Pass) {
	for _, q := range fixes.Objects[*corev1.ResourceQuota](p.Inventory, "") {
		if fixes.IsSystemNamespace(q.Namespace) || q.DeletionTimestamp != nil {
			continue
		}
		var near []string
		for _, name := range slices.Sorted(maps.Keys(q.Status.Hard)) {
			hard, used := q.Status.Hard[name], q.Status.Used[name]
			if percent := share(used, hard); percent > nearlyUsed {
				near = append(near, fmt.Sprintf("%s: %s of %s (%.0f%%)", name, used.String(), hard.String(), percent))
			}
		}
		if len(near) == 0 {
			continue
		}
		ref := fixes.RefOf(q)
		p.Report(fixes.Finding{
			Object:   ref,
			Path:     "status.used",
			Message:  fmt.Sprintf("Little is left of %s: the next rollout or scaling may be refused.", strings.Join(near, ", ")),
			Evidence: near,
			Fixes: []fixes.Fix{{
				Title:      "Raise the quota, or request less",
				Confidence: fixes.Manual,
				Why:        "only people know whether the namespace needs more or uses too much",
				Steps: "See what uses it, and then change the quota or the requests:\n  kubectl describe " + ref.KubectlArgs() +
					"\n  kubectl get pods -n " + ref.Namespace + " -o custom-columns=NAME:.metadata.name,CPU:.spec.containers[*].resources.requests.cpu,MEMORY:.spec.containers[*].resources.requests.memory",
			}},
		})
	}
}

// share returns what part of a whole is used, in percent; 0 of nothing.
func share(used, hard resource.Quantity) float64 {
	if hard.Sign() <= 0 {
		return 0
	}
	return 100 * used.AsApproximateFloat64() / hard.AsApproximateFloat64()
}
