package vap

import (
	"fmt"
	"strconv"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SystemNamespaces are those that no policy of this program closes: the nodes'
// own pods and the cluster's are there. See [fixes.IsSystemNamespace].
var SystemNamespaces = []string{metav1.NamespaceSystem, metav1.NamespacePublic, "kube-node-lease"}

// PodsAndTemplates matches every request that brings a pod or a pod template:
// pods, ephemeral containers, which the resource "pods" does not cover, and all
// workload kinds, outside the system's namespaces.
func PodsAndTemplates() *admissionregistrationv1.MatchResources {
	rule := func(group, version string, resources ...string) admissionregistrationv1.NamedRuleWithOperations {
		return Rule(group, version, resources, admissionregistrationv1.Create, admissionregistrationv1.Update)
	}
	m := Match(
		rule("", "v1", "pods", "pods/ephemeralcontainers", "replicationcontrollers"),
		rule("apps", "v1", "deployments", "statefulsets", "daemonsets", "replicasets"),
		rule("batch", "v1", "jobs", "cronjobs"),
	)
	m.NamespaceSelector = Without(SystemNamespaces...)
	return m
}

// Match matches requests by rules, in all namespaces.
func Match(rules ...admissionregistrationv1.NamedRuleWithOperations) *admissionregistrationv1.MatchResources {
	equivalent := admissionregistrationv1.Equivalent
	return &admissionregistrationv1.MatchResources{
		MatchPolicy: &equivalent, NamespaceSelector: &metav1.LabelSelector{}, ObjectSelector: &metav1.LabelSelector{},
		ResourceRules: rules,
	}
}

// Rule matches operations on namespaced resources.
func Rule(group, version string, resources []string, operations ...admissionregistrationv1.OperationType) admissionregistrationv1.NamedRuleWithOperations {
	scope := admissionregistrationv1.NamespacedScope
	return admissionregistrationv1.NamedRuleWithOperations{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
		Operations: operations,
		Rule: admissionregistrationv1.Rule{
			APIGroups: []string{group}, APIVersions: []string{version}, Resources: resources, Scope: &scope,
		},
	}}
}

// PodSpecs are the variables spec and was: the pod spec that a request brings,
// and that which was there before, which is {} when there was none.
func PodSpecs() []admissionregistrationv1.Variable {
	of := func(object string) string {
		return fmt.Sprintf(`object.kind == "Pod" ? %[1]s.spec : object.kind == "CronJob" ? %[1]s.spec.jobTemplate.spec.template.spec : %[1]s.spec.?template.?spec.orValue({})`, object)
	}
	return []admissionregistrationv1.Variable{
		{Name: "spec", Expression: of("object")},
		{Name: "was", Expression: "oldObject == null ? {} : " + of("oldObject")},
	}
}

// Containers is an expression for all containers of a pod spec.
func Containers(spec string) string {
	return fmt.Sprintf("%[1]s.?initContainers.orValue([]) + %[1]s.?containers.orValue([]) + %[1]s.?ephemeralContainers.orValue([])", spec)
}

// ParamKind is the kind of parameters.
func ParamKind() *admissionregistrationv1.ParamKind {
	return &admissionregistrationv1.ParamKind{APIVersion: "v1", Kind: "ConfigMap"}
}

// param is what the expression of a parameter ends in, and begins with.
const (
	paramHead = `params.?data[?`
	paramTail = `].orValue("").split("\n").map(l, l.trim()).filter(l, l != "")`
)

// Param is an expression for a list of the parameters; see [Policy.Params].
func Param(key string) string { return paramHead + strconv.Quote(key) + paramTail }

// Inline returns an expression with the list that stands in the parameters in
// place of [Param], for engines that have no parameters of this kind.
func Inline(expression string, data map[string]string) string {
	key, ok := strings.CutPrefix(expression, paramHead)
	if !ok {
		return expression
	}
	if key, ok = strings.CutSuffix(key, paramTail); !ok {
		return expression
	}
	name, err := strconv.Unquote(key)
	if err != nil {
		return expression
	}
	return List(lines(data[name]))
}

// List is an expression for a list of strings.
func List(entries []string) string {
	quoted := make([]string, len(entries))
	for i, e := range entries {
		quoted[i] = strconv.Quote(e)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
