// Package controlplane holds the rules about the flags of kube-apiserver,
// kube-controller-manager, kube-scheduler and etcd, as their pods show them, and the
// one about kube-proxy's configuration: sections 1.2, 1.3, 1.4, 2, 3.2 and 4.3 of the
// CIS Kubernetes Benchmark v1.12. docs/benchmark.md has all of its numbers.
//
// What a flag only names (a configuration file on the node) is not seen through
// the API; the rules say so, and claim nothing of it. Defaults are those of the
// program's version.
package controlplane

import "github.com/kubectl-harden/kubectl-harden/fixes"

// Rules lists the rules about the control plane.
func Rules() []*fixes.Rule {
	rules := []*fixes.Rule{
		authorizationMode(),
		anonymousAuth(),
		admissionPlugins(),
		tlsCiphers(),
		auditLogOff(),
		auditPolicyWeak(),
		etcdOwnCA(),
		kubeProxyMetrics(),
	}
	for i := range table {
		rules = append(rules, table[i].rule())
	}
	for _, r := range rules {
		r.Kinds = append(r.Kinds, fixes.WorkloadKinds()...)
		if r.Unseen == nil {
			r.Unseen = unseen
		}
	}
	return rules
}
