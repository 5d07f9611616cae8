package vap

import (
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Matches reports whether a policy looks at an operation on all objects of a
// resource ("pods", "pods/exec") of version v1 of a group.
func Matches(m *admissionregistrationv1.MatchResources, operation admissionregistrationv1.OperationType, group, resource string) bool {
	return m != nil && slices.ContainsFunc(m.ResourceRules, func(r admissionregistrationv1.NamedRuleWithOperations) bool {
		return len(r.ResourceNames) == 0 && RuleMatches(r.RuleWithOperations, operation, group, resource)
	})
}

// RuleMatches is [Matches] for one rule. A resource is matched by its name, by
// "*" (all without subresources) and by "*/*", a subresource also by "*/exec"
// and "pods/*" (ValidatingWebhookConfiguration v1, rules.resources).
func RuleMatches(r admissionregistrationv1.RuleWithOperations, operation admissionregistrationv1.OperationType, group, resource string) bool {
	names := []string{resource, "*/*"}
	if of, sub, ok := strings.Cut(resource, "/"); ok {
		names = append(names, of+"/*", "*/"+sub)
	} else {
		names = append(names, "*")
	}
	return hasAny(r.APIGroups, group, "*") && hasAny(r.APIVersions, "v1", "*") && hasAny(r.Resources, names...) &&
		hasAny(r.Operations, operation, admissionregistrationv1.OperationAll)
}

func hasAny[T comparable](list []T, wanted ...T) bool {
	return slices.ContainsFunc(list, func(v T) bool { return slices.Contains(wanted, v) })
}

// Short says why no binding lets a policy deny in all of some namespaces, or
// returns "".
func Short(inv *fixes.Inventory, policy *admissionregistrationv1.ValidatingAdmissionPolicy, namespaces []string) string {
	const unbound = "it is bound to nothing"
	short := unbound
	for _, b := range fixes.Objects[*admissionregistrationv1.ValidatingAdmissionPolicyBinding](inv, "") {
		if b.Spec.PolicyName != policy.Name {
			continue
		}
		if !slices.Contains(b.Spec.ValidationActions, admissionregistrationv1.Deny) {
			if short == unbound {
				short = "it only warns or audits"
			}
			continue
		}
		left := LeftOut(inv, namespaces, policy.Spec.MatchConstraints, b.Spec.MatchResources)
		if left == "" {
			return ""
		}
		short = left
	}
	return short
}

// LeftOut says what selectors leave out of some namespaces, or returns "".
func LeftOut(inv *fixes.Inventory, namespaces []string, matches ...*admissionregistrationv1.MatchResources) string {
	for _, m := range matches {
		if m == nil {
			continue
		}
		if !SelectsAll(m.ObjectSelector) {
			return "labels of the objects themselves decide whether it looks at them"
		}
		if out := NotSelected(inv, namespaces, m.NamespaceSelector); len(out) > 0 {
			return "it leaves out namespaces: " + fixes.Listed(out)
		}
	}
	return ""
}

// SelectsAll reports whether a selector of a webhook or a policy, which may be
// nil, selects everything.
func SelectsAll(s *metav1.LabelSelector) bool {
	return s == nil || len(s.MatchLabels)+len(s.MatchExpressions) == 0
}

// NotSelected lists those of some namespaces that a selector does not select.
// One that is not valid selects nothing.
func NotSelected(inv *fixes.Inventory, namespaces []string, s *metav1.LabelSelector) []string {
	if SelectsAll(s) {
		return nil
	}
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		selector = labels.Nothing()
	}
	var out []string
	for _, name := range namespaces {
		set := labels.Set{corev1.LabelMetadataName: name}
		if ns, ok := fixes.Lookup[*corev1.Namespace](inv, "", name); ok {
			set = labels.Merge(ns.Labels, set)
		}
		if !selector.Matches(set) {
			out = append(out, name)
		}
	}
	return out
}
