package forms

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/vap"
)

// KindConstraintTemplate is the kind of the template that [Gatekeeper] writes; the
// constraint is of the kind that the template defines.
var KindConstraintTemplate = fixes.Kind{Group: "templates.gatekeeper.sh", Version: "v1", Name: "ConstraintTemplate", Resource: "constrainttemplates"}

// Policy is a ValidatingAdmissionPolicy that a plan creates, with all that
// belongs to it.
type Policy struct {
	*admissionregistrationv1.ValidatingAdmissionPolicy
	binding *admissionregistrationv1.ValidatingAdmissionPolicyBinding
	params  map[string]string
}

// Engine makes of an admission policy what another engine takes in its place.
type Engine func(Policy) ([]*unstructured.Unstructured, error)

// Policies returns a plan in which the ValidatingAdmissionPolicies that it
// creates are in the form of another engine, and the names of those that stay as
// they are. That are policies on connections, which ask the API server's
// authorizer: no other engine has it.
func Policies(plan *fixes.Plan, engine Engine) (out *fixes.Plan, stay []string, err error) {
	copied := *plan
	out, copied.Changes = &copied, nil
	gone := map[fixes.Ref]bool{}
	for _, c := range plan.Changes {
		p, ok := policyOf(plan, c)
		switch {
		case !ok:
			copied.Changes = append(copied.Changes, c)
			continue
		case !portable(p):
			stay = append(stay, p.Name)
			copied.Changes = append(copied.Changes, c)
			continue
		}
		objects, err := engine(p)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", c.Object, err)
		}
		for _, obj := range objects {
			gvk := obj.GroupVersionKind()
			ref := fixes.Ref{Name: obj.GetName(), Kind: fixes.Kind{Group: gvk.Group, Version: gvk.Version, Name: gvk.Kind, Resource: strings.ToLower(gvk.Kind)}}
			copied.Changes = append(copied.Changes, fixes.Change{Action: fixes.Create, Object: ref, After: obj, Fixes: c.Fixes})
		}
		gone[fixes.RefOf(p.binding)] = true
		gone[fixes.Ref{Kind: fixes.KindConfigMap, Namespace: vap.ParamNamespace, Name: p.Name}] = p.params != nil
	}
	copied.Changes = slices.DeleteFunc(copied.Changes, func(c fixes.Change) bool { return gone[c.Object] })
	return out, stay, nil
}

// policyOf returns the policy that a change creates, if its binding, and the
// parameters that it reads, are created beside it.
func policyOf(plan *fixes.Plan, c fixes.Change) (Policy, bool) {
	p := Policy{}
	var ok bool
	if p.ValidatingAdmissionPolicy, ok = c.After.(*admissionregistrationv1.ValidatingAdmissionPolicy); !ok || c.Action != fixes.Create {
		return p, false
	}
	for _, other := range plan.Changes {
		if other.Action != fixes.Create {
			continue
		}
		switch obj := other.After.(type) {
		case *admissionregistrationv1.ValidatingAdmissionPolicyBinding:
			if obj.Spec.PolicyName == p.Name {
				p.binding = obj
			}
		case *corev1.ConfigMap:
			if obj.Name == p.Name && obj.Namespace == vap.ParamNamespace {
				p.params = obj.Data
			}
		}
	}
	return p, p.binding != nil && (p.Spec.ParamKind == nil || p.params != nil)
}

func portable(p Policy) bool {
	for _, v := range p.Spec.Validations {
		if strings.Contains(v.Expression, "authorizer") {
			return false
		}
	}
	return true
}

// Kyverno is the form of a ValidatingPolicy (policies.kyverno.io/v1, Kyverno
// 1.17): its spec is that of a ValidatingAdmissionPolicy with the binding's
// actions, and without parameters, which stand in the expressions.
func Kyverno(p Policy) ([]*unstructured.Unstructured, error) {
	spec, err := plainSpec(p)
	if err != nil {
		return nil, err
	}
	actions := []any{}
	for _, a := range p.binding.Spec.ValidationActions {
		actions = append(actions, string(a))
	}
	spec["validationActions"] = actions
	return []*unstructured.Unstructured{clusterObject(fixes.KindKyvernoValidatingPolicy, p.Name, spec)}, nil
}

// plainSpec is a policy's spec with its parameters in the expressions and the
// namespaces that its binding leaves out in its own selector.
func plainSpec(p Policy) (map[string]any, error) {
	typed := p.Spec.DeepCopy()
	typed.ParamKind = nil
	for i := range typed.Variables {
		typed.Variables[i].Expression = vap.Inline(typed.Variables[i].Expression, p.params)
	}
	if m := p.binding.Spec.MatchResources; m != nil && m.NamespaceSelector != nil {
		if typed.MatchConstraints.NamespaceSelector == nil {
			typed.MatchConstraints.NamespaceSelector = &metav1.LabelSelector{}
		}
		own := typed.MatchConstraints.NamespaceSelector
		own.MatchExpressions = append(own.MatchExpressions, m.NamespaceSelector.MatchExpressions...)
	}
	return runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
}

// Gatekeeper is the form of a ConstraintTemplate with the engine
// K8sNativeValidation (Gatekeeper 3.18 and later), and of its constraint, whose
// parameters are the policy's. It has no audit of requests; a trial is "warn".
func Gatekeeper(p Policy) ([]*unstructured.Unstructured, error) {
	kind := camel(p.Name)
	var variables, validations []any
	schema, parameters := map[string]any{}, map[string]any{}
	for _, v := range p.Spec.Variables {
		expression := v.Expression
		for key, text := range p.params {
			if expression != vap.Param(key) {
				continue
			}
			expression = "variables.params." + key
			list := []any{}
			for line := range strings.Lines(text) {
				list = append(list, strings.TrimSpace(line))
			}
			parameters[key] = list
			schema[key] = map[string]any{"type": "array", "items": map[string]any{"type": "string"}}
		}
		variables = append(variables, map[string]any{"name": v.Name, "expression": expression})
	}
	for _, v := range p.Spec.Validations {
		validations = append(validations, map[string]any{"expression": v.Expression, "message": v.Message, "messageExpression": v.MessageExpression})
	}
	source := map[string]any{"failurePolicy": string(*p.Spec.FailurePolicy), "variables": variables, "validations": validations}
	template := clusterObject(KindConstraintTemplate, strings.ToLower(kind), map[string]any{
		"crd": map[string]any{"spec": map[string]any{
			"names":      map[string]any{"kind": kind},
			"validation": map[string]any{"openAPIV3Schema": map[string]any{"type": "object", "properties": schema}},
		}},
		"targets": []any{map[string]any{
			"target": "admission.k8s.gatekeeper.sh",
			"code":   []any{map[string]any{"engine": "K8sNativeValidation", "source": source}},
		}},
	})
	match, err := constraintMatch(p)
	if err != nil {
		return nil, err
	}
	action := "warn"
	if slices.Contains(p.binding.Spec.ValidationActions, admissionregistrationv1.Deny) {
		action = "deny"
	}
	spec := map[string]any{"enforcementAction": action, "match": match}
	if len(parameters) > 0 {
		spec["parameters"] = parameters
	}
	constraint := clusterObject(fixes.Kind{Group: "constraints.gatekeeper.sh", Version: "v1beta1", Name: kind}, p.Name, spec)
	return []*unstructured.Unstructured{template, constraint}, nil
}

// kindsByResource are the kinds of the resources that policies match: an engine
// that is asked by a webhook matches by kind.
var kindsByResource = map[string]string{
	"pods": "Pod", "replicationcontrollers": "ReplicationController",
	"deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet", "replicasets": "ReplicaSet",
	"jobs": "Job", "cronjobs": "CronJob",
}

// constraintMatch matches what a policy and its binding do: kinds, in all
// namespaces but some.
func constraintMatch(p Policy) (map[string]any, error) {
	match := map[string]any{}
	kinds := []any{}
	for _, r := range p.Spec.MatchConstraints.ResourceRules {
		names := []any{}
		for _, resource := range r.Resources {
			if strings.Contains(resource, "/") {
				continue // it comes as its Pod
			}
			kind, ok := kindsByResource[resource]
			if !ok {
				return nil, errors.New("Gatekeeper matches by kind, and that of " + resource + " is not known")
			}
			names = append(names, kind)
		}
		groups := []any{}
		for _, g := range r.APIGroups {
			groups = append(groups, g)
		}
		kinds = append(kinds, map[string]any{"apiGroups": groups, "kinds": names})
	}
	match["kinds"] = kinds
	excluded := []any{}
	selectors := []*metav1.LabelSelector{p.Spec.MatchConstraints.NamespaceSelector}
	if m := p.binding.Spec.MatchResources; m != nil {
		selectors = append(selectors, m.NamespaceSelector)
	}
	for _, s := range selectors {
		if s == nil {
			continue
		}
		for _, e := range s.MatchExpressions {
			if e.Key == corev1.LabelMetadataName && e.Operator == metav1.LabelSelectorOpNotIn {
				for _, ns := range e.Values {
					excluded = append(excluded, ns)
				}
			}
		}
	}
	if len(excluded) > 0 {
		match["excludedNamespaces"] = excluded
	}
	return match, nil
}

func clusterObject(kind fixes.Kind, name string, spec map[string]any) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{}
	obj.SetName(name)
	return newObject(kind, obj, spec)
}

// camel makes "kubectl-harden-images" "KubectlHardenImages".
func camel(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "-") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}
