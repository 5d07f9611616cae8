package controlplane

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// policy is an audit policy (audit.k8s.io/v1), as far as it is judged.
type policy struct {
	Kind  string
	Rules []policyRule
}

type policyRule struct {
	Level             string
	Users, UserGroups []string
	Verbs, Namespaces []string
	NonResourceURLs   []string
	Resources         []struct {
		Group                    string
		Resources, ResourceNames []string
	}
}

// parsePolicy reads an audit policy.
func parsePolicy(text string) (policy, bool) {
	var p policy
	if err := yaml.Unmarshal([]byte(text), &p); err != nil || p.Kind != "Policy" {
		return policy{}, false
	}
	return p, true
}

// request is one whose place in the audit log matters.
type request struct {
	what, user            string
	groups                []string
	verb, group, resource string // with a subresource after a slash
	namespace, name       string
	secret                bool // its answer holds one
}

// level is what a policy writes of a request: that of the first rule which
// matches, None if there is none (k8s.io/apiserver/pkg/audit/policy, checker.go).
func (p policy) level(r request) string {
	for i := range p.Rules {
		if p.Rules[i].matches(r) {
			return p.Rules[i].Level
		}
	}
	return "None"
}

func (rule *policyRule) matches(r request) bool {
	in := func(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }
	if !in(rule.Users, r.user) || !in(rule.Verbs, r.verb) ||
		len(rule.UserGroups) > 0 && !slices.ContainsFunc(r.groups, func(g string) bool { return slices.Contains(rule.UserGroups, g) }) {
		return false
	}
	if len(rule.Namespaces) == 0 && len(rule.Resources) == 0 {
		return len(rule.NonResourceURLs) == 0
	}
	if !in(rule.Namespaces, r.namespace) {
		return false
	}
	if len(rule.Resources) == 0 {
		return true
	}
	resource, sub, isSub := strings.Cut(r.resource, "/")
	for _, gr := range rule.Resources {
		if gr.Group != r.group && gr.Group != "*" {
			continue
		}
		if len(gr.Resources) == 0 {
			return true
		}
		if !in(gr.ResourceNames, r.name) {
			continue
		}
		for _, res := range gr.Resources {
			if res == r.resource || res == "*" || isSub && res == "*/"+sub || res == resource+"/*" {
				return true
			}
		}
	}
	return false
}

// auditPolicyOf returns the text of the policy that an API server's flag names,
// where the pod mounts it from a ConfigMap that the inventory holds.
func auditPolicyOf(inv *fixes.Inventory, proc process) string {
	file, known := proc.flags.last(auditPolicyFile, "")
	if !known || file == "" {
		return ""
	}
	for _, m := range proc.container.VolumeMounts {
		key, below := strings.CutPrefix(path.Clean(file), path.Clean(m.MountPath)+"/")
		at := slices.IndexFunc(proc.workload.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name && v.ConfigMap != nil })
		switch {
		case at < 0:
			continue
		case path.Clean(file) == path.Clean(m.MountPath) && m.SubPath != "":
			key = m.SubPath
		case !below:
			continue
		}
		source := proc.workload.Spec.Volumes[at].ConfigMap
		for _, item := range source.Items {
			if item.Path == key {
				key = item.Key
				break
			}
		}
		if cm, ok := fixes.Lookup[*corev1.ConfigMap](inv, proc.workload.Object.GetNamespace(), source.Name); ok {
			return cm.Data[key]
		}
	}
	return ""
}
