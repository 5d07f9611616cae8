package controlplane

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// elsewhere are the flags that name a file in which more is set than their
// command shows.
var elsewhere = map[program][]string{
	apiServer: {authenticationConfig, authorizationConfig},
	scheduler: {"config"},
	etcd:      {"config-file"},
}

const (
	authenticationConfig = "authentication-config"
	authorizationConfig  = "authorization-config"
	auditPolicyFile      = "audit-policy-file"
)

// unseen says what of the control plane no pod shows: on managed clusters
// nothing, elsewhere what stands in files.
func unseen(inv *fixes.Inventory) []fixes.Skip {
	if !looked(inv) {
		return nil
	}
	var skips []fixes.Skip
	var missing []string
	all := processesOf(inv)
	for _, prog := range programs {
		list := all.of(prog)
		if len(list) == 0 {
			missing = append(missing, string(prog))
		}
		for _, name := range elsewhere[prog] {
			if slices.ContainsFunc(list, func(p process) bool { return p.flags.has(name) }) {
				skips = append(skips, inFile(prog, name))
			}
		}
	}
	if len(missing) > 0 {
		skips = append(skips, fixes.Skip{Resource: "flags of " + strings.Join(missing, ", "),
			Reason: "no pod in " + metav1.NamespaceSystem + " shows them, as on managed clusters: ask the provider"})
	}
	return skips
}

func inFile(prog program, flag string) fixes.Skip {
	return fixes.Skip{Resource: "what --" + flag + " of " + string(prog) + " names", Reason: "a file on the node, which the API does not show"}
}

// looked reports whether the pods of a running control plane were asked for, and
// could be listed: else it is said already that they were not.
func looked(inv *fixes.Inventory) bool {
	const system = metav1.NamespaceSystem
	return inv.Live && (inv.Namespace == "" || inv.Namespace == system) && inv.Covers(fixes.KindPod, system)
}
