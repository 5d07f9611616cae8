// Package vap holds what the ValidatingAdmissionPolicies of this program have
// in common (KEP-3488): a policy, its binding and, where people are to tell it
// more, a ConfigMap of parameters, all of one name.
package vap

import (
	"maps"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// ParamNamespace is where the ConfigMaps of parameters are. Who may edit
// ConfigMaps there rules the cluster's DNS already, so that nobody gains the
// right to widen a policy by a right that was harmless before.
const ParamNamespace = metav1.NamespaceSystem

// Policy is a policy as it should be.
type Policy struct {
	// Name is the policy's, the binding's and the ConfigMap's.
	Name string
	// Spec is the policy's; [Policy.Enforce] says which failurePolicy stands in it.
	Spec admissionregistrationv1.ValidatingAdmissionPolicySpec
	// Params are the lists that the ConfigMap holds when it is made. A list that
	// is there is somebody's, and gets only the entries of Needs that it lacks.
	Params, Needs map[string][]string
	// Outside are namespaces that the binding leaves out when it is made.
	Outside []string
	// Enforce denies what the policy does not let in; otherwise it takes Trial.
	Enforce bool
	// Trial are the actions before that. A warning reaches nobody on CONNECT: the
	// connection is taken over before the headers are written.
	Trial []admissionregistrationv1.ValidationAction
	// Keep leaves the expressions of a policy that is there as they are.
	Keep bool
}

// Kinds are what a policy is made of: a rule about one names them.
func Kinds() []fixes.Kind {
	return []fixes.Kind{fixes.KindValidatingAdmissionPolicy, fixes.KindValidatingAdmissionPolicyBinding, fixes.KindConfigMap}
}

// Covered reports whether all policies of a running cluster were looked at. It
// is false where the server has none (before Kubernetes 1.30).
func Covered(inv *fixes.Inventory) bool {
	return inv.Live && inv.Namespace == "" &&
		inv.Covers(fixes.KindValidatingAdmissionPolicy, "") && inv.Covers(fixes.KindValidatingAdmissionPolicyBinding, "")
}

// Ref names the policy.
func (p Policy) Ref() fixes.Ref {
	return fixes.Ref{Kind: fixes.KindValidatingAdmissionPolicy, Name: p.Name}
}

func (p Policy) bindingRef() fixes.Ref {
	return fixes.Ref{Kind: fixes.KindValidatingAdmissionPolicyBinding, Name: p.Name}
}

func (p Policy) paramRef() fixes.Ref {
	return fixes.Ref{Kind: fixes.KindConfigMap, Namespace: ParamNamespace, Name: p.Name}
}

// Lack is what keeps a policy from having its effect.
type Lack int

// The lacks, the worst first after Nothing.
const (
	Nothing Lack = iota
	// Absent: there is no policy.
	Absent
	// Unbound: no binding names it.
	Unbound
	// Outdated: its expressions are not these.
	Outdated
	// Unparameterised: its parameters are not there, or not all that are needed.
	Unparameterised
	// Lenient: it only warns, or only writes to the audit log.
	Lenient
)

// Lack says what of the policy is not there.
func (p Policy) Lack(inv *fixes.Inventory) Lack {
	policy, ok := fixes.Lookup[*admissionregistrationv1.ValidatingAdmissionPolicy](inv, "", p.Name)
	if !ok {
		return Absent
	}
	binding, ok := fixes.Lookup[*admissionregistrationv1.ValidatingAdmissionPolicyBinding](inv, "", p.Name)
	if !ok || !p.bound(binding) {
		return Unbound
	}
	switch {
	case !p.Keep && !p.holds(policy):
		return Outdated
	case p.lacksParams(inv):
		return Unparameterised
	case p.Enforce && !slices.Contains(binding.Spec.ValidationActions, admissionregistrationv1.Deny):
		return Lenient
	}
	return Nothing
}

func (p Policy) holds(policy *admissionregistrationv1.ValidatingAdmissionPolicy) bool {
	return apiequality.Semantic.DeepEqual(policy.Spec.Variables, p.Spec.Variables) &&
		apiequality.Semantic.DeepEqual(policy.Spec.Validations, p.Spec.Validations)
}

func (p Policy) bound(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) bool {
	return b.Spec.PolicyName == p.Name && apiequality.Semantic.DeepEqual(b.Spec.ParamRef, p.paramOf())
}

// lacksParams asks for the ConfigMap only where it was looked at.
func (p Policy) lacksParams(inv *fixes.Inventory) bool {
	if p.Params == nil || !inv.Covers(fixes.KindConfigMap, ParamNamespace) {
		return false
	}
	params, ok := fixes.Lookup[*corev1.ConfigMap](inv, ParamNamespace, p.Name)
	if !ok {
		return true
	}
	for key, needed := range p.Needs {
		if len(missing(params.Data[key], needed)) > 0 {
			return true
		}
	}
	return false
}

// Creates names what the edit makes.
func (p Policy) Creates(inv *fixes.Inventory) []fixes.Ref {
	refs := []fixes.Ref{p.Ref(), p.bindingRef()}
	if p.Params != nil {
		refs = append([]fixes.Ref{p.paramRef()}, refs...)
	}
	return slices.DeleteFunc(refs, func(r fixes.Ref) bool { return inv.Get(r) != nil })
}

// Edit makes the policy, or brings what is there of it up to date: expressions
// unless Keep, the binding's policy and parameters, and the actions where they
// are to deny. An action that denies stays.
func (p Policy) Edit(d *fixes.Draft) error {
	for _, edit := range []func(*fixes.Draft) error{p.editParams, p.editPolicy, p.editBinding} {
		if err := edit(d); err != nil {
			return err
		}
	}
	return nil
}

func (p Policy) editParams(d *fixes.Draft) error {
	if p.Params == nil {
		return nil
	}
	if d.Get(p.paramRef()) == nil {
		data := map[string]string{}
		for key, entries := range p.Params {
			data[key] = joinLines(entries)
		}
		return d.Create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: p.Name, Namespace: ParamNamespace}, Data: data})
	}
	if !p.lacksParams(d.Inventory) {
		return nil
	}
	params, err := fixes.Edit[*corev1.ConfigMap](d, ParamNamespace, p.Name)
	if err != nil {
		return err
	}
	if params.Data == nil {
		params.Data = map[string]string{}
	}
	for _, key := range slices.Sorted(maps.Keys(p.Needs)) {
		if more := missing(params.Data[key], p.Needs[key]); len(more) > 0 {
			params.Data[key] = joinLines(append(lines(params.Data[key]), more...))
		}
	}
	return nil
}

func (p Policy) editPolicy(d *fixes.Draft) error {
	if d.Get(p.Ref()) == nil {
		return d.Create(&admissionregistrationv1.ValidatingAdmissionPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: p.Name}, Spec: *p.Spec.DeepCopy(),
		})
	}
	policy, err := fixes.Edit[*admissionregistrationv1.ValidatingAdmissionPolicy](d, "", p.Name)
	if err != nil {
		return err
	}
	if !p.Keep && !p.holds(policy) {
		spec := p.Spec.DeepCopy()
		policy.Spec.ParamKind, policy.Spec.Variables, policy.Spec.Validations = spec.ParamKind, spec.Variables, spec.Validations
	}
	if p.Enforce {
		policy.Spec.FailurePolicy = p.Spec.FailurePolicy
	}
	return nil
}

func (p Policy) editBinding(d *fixes.Draft) error {
	actions := p.Trial
	if p.Enforce {
		actions = []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny}
	}
	if d.Get(p.bindingRef()) == nil {
		return d.Create(&admissionregistrationv1.ValidatingAdmissionPolicyBinding{
			ObjectMeta: metav1.ObjectMeta{Name: p.Name},
			Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
				PolicyName: p.Name, ParamRef: p.paramOf(), MatchResources: p.outside(), ValidationActions: actions,
			},
		})
	}
	binding, err := fixes.Edit[*admissionregistrationv1.ValidatingAdmissionPolicyBinding](d, "", p.Name)
	if err != nil {
		return err
	}
	if !p.bound(binding) {
		binding.Spec.PolicyName, binding.Spec.ParamRef = p.Name, p.paramOf()
	}
	if p.Enforce && !slices.Contains(binding.Spec.ValidationActions, admissionregistrationv1.Deny) {
		binding.Spec.ValidationActions = actions
	}
	return nil
}

// paramOf is the binding's reference to the ConfigMap. Without it the policy
// cannot be evaluated, which is for the failurePolicy.
func (p Policy) paramOf() *admissionregistrationv1.ParamRef {
	if p.Params == nil {
		return nil
	}
	deny := admissionregistrationv1.DenyAction
	return &admissionregistrationv1.ParamRef{Name: p.Name, Namespace: ParamNamespace, ParameterNotFoundAction: &deny}
}

func (p Policy) outside() *admissionregistrationv1.MatchResources {
	if len(p.Outside) == 0 {
		return nil
	}
	return &admissionregistrationv1.MatchResources{NamespaceSelector: Without(p.Outside...)}
}

// Without selects all namespaces but some, by a label that the API server sets
// itself, and that nobody can take off.
func Without(namespaces ...string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{
		Key: corev1.LabelMetadataName, Operator: metav1.LabelSelectorOpNotIn, Values: namespaces,
	}}}
}

// lines are the entries of a list in a ConfigMap: one a line.
func lines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}

func joinLines(entries []string) string {
	if len(entries) == 0 {
		return ""
	}
	return strings.Join(entries, "\n") + "\n"
}

// missing are the entries that a list lacks.
func missing(text string, needed []string) []string {
	there := lines(text)
	return slices.DeleteFunc(slices.Clone(needed), func(n string) bool { return slices.Contains(there, n) })
}
