package plugin

import (
	"fmt"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/cni"
	"github.com/kubectl-harden/kubectl-harden/plugin/export/forms"
	"github.com/kubectl-harden/kubectl-harden/plugin/report"
)

// stage returns a plan with its network policies staged, and says how to go on.
func (o *Options) stage(plan *fixes.Plan) (*fixes.Plan, error) {
	out, staged, err := forms.Staged(plan)
	if err != nil {
		return nil, err
	}
	if staged == 0 {
		fmt.Fprintln(o.ErrOut, "The plan has no NetworkPolicy to stage (--rule network-no-default-deny --confidence review).")
		return out, nil
	}
	fmt.Fprintf(o.ErrOut, `%s staged: they cut nothing. Look in Calico's flow logs (pending policies) for what they would deny,
then apply the plan itself and delete them: kubectl delete stagedkubernetesnetworkpolicies.projectcalico.org -n NAMESPACE NAME
`, report.Count(staged, "network policy change"))
	return out, nil
}

// sayStaged warns where Calico is not what would log the staged policies.
func (o *Options) sayStaged(status *cni.Status) {
	enforcer, ok := status.Enforcer()
	switch {
	case !ok || enforcer.Trial == cni.CalicoStaged:
	case enforcer.Trial == cni.CiliumAudit:
		fmt.Fprint(o.ErrOut, ciliumSteps)
	default:
		fmt.Fprintf(o.ErrOut, "%s runs here, which knows no staged policies.\n", fixes.Clean(strings.Join(status.Names(), ", ")))
	}
}

const ciliumSteps = `Cilium runs here, which knows no staged policies; it can log instead of dropping:
  1. For all pods:        cilium config set policy-audit-mode true
     or for one endpoint: kubectl exec -n kube-system ds/cilium -- cilium-dbg endpoint config ENDPOINT PolicyAuditMode=Enabled
  2. Apply the plan as it is, without --policies-as.
  3. See what would be dropped: hubble observe --verdict AUDIT --namespace NAMESPACE
  4. Enforce:             cilium config set policy-audit-mode false
`
