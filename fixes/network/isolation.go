package network

import (
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/netpol"
)

// isolation is how far the policies of a namespace isolate its pods in one
// direction. A pod that a policy selects is isolated: only what some policy
// allows gets through. A pod that none selects is open.
type isolation struct {
	direction networkingv1.PolicyType
	// selectors are those of the policies that isolate, and everything is set
	// when one of them selects all pods, those to come included.
	selectors  []labels.Selector
	everything bool
	// by is the administrators' policy that denies in their place, if one does.
	by *netpol.AdminPolicy
	// open are the workloads that no policy selects.
	open []fixes.Workload
}

// isolationOf judges the workloads of a namespace, by the labels of their
// templates.
func isolationOf(inv *fixes.Inventory, namespace string, direction networkingv1.PolicyType, workloads []fixes.Workload) isolation {
	iso := isolation{direction: direction}
	for _, policy := range fixes.Objects[*networkingv1.NetworkPolicy](inv, namespace) {
		if !netpol.Isolates(policy, direction) {
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(&policy.Spec.PodSelector)
		if err != nil {
			continue // the API server refuses such a policy
		}
		iso.selectors = append(iso.selectors, selector)
		iso.everything = iso.everything || selector.Empty()
	}
	if !iso.everything {
		iso.by = deniedByAdmin(inv, namespace, direction)
		iso.everything = iso.by != nil
	}
	if iso.by != nil {
		return iso // also what no policy selects
	}
	for _, w := range workloads {
		if !iso.selects(w.Meta.Labels) {
			iso.open = append(iso.open, w)
		}
	}
	return iso
}

// selects reports whether a policy isolates pods with such labels.
func (iso isolation) selects(pod labels.Set) bool {
	return slices.ContainsFunc(iso.selectors, func(s labels.Selector) bool { return s.Matches(pod) })
}

// outside returns selectors that together match every open workload, and no
// pod that is isolated already. Policies add up, so that an allowance for all
// pods would also open those that somebody has closed on purpose. Where no
// workload is open they speak for pods to come.
func (iso isolation) outside() []metav1.LabelSelector {
	var pods []labels.Set
	for _, w := range iso.open {
		pods = append(pods, w.Meta.Labels)
	}
	if unlabelled := (labels.Set{}); len(pods) == 0 && !iso.selects(unlabelled) {
		pods = append(pods, unlabelled)
	}
	var found []metav1.LabelSelector
	for len(pods) > 0 {
		s := iso.around(pods[0])
		found = append(found, s)
		matches, err := metav1.LabelSelectorAsSelector(&s)
		if err != nil {
			break // cannot be: its requirements are those of valid selectors
		}
		pods = slices.DeleteFunc(pods, func(pod labels.Set) bool { return matches.Matches(pod) })
	}
	return found
}

// around returns a selector of a pod that none of the policies selects: of
// each policy it takes one requirement that the pod does not meet, and asks
// for the opposite.
func (iso isolation) around(pod labels.Set) metav1.LabelSelector {
	var out metav1.LabelSelector
	for _, s := range iso.selectors {
		requirements, _ := s.Requirements()
		i := slices.IndexFunc(requirements, func(r labels.Requirement) bool { return !r.Matches(pod) })
		if i < 0 {
			continue // cannot be: the policy would select the pod
		}
		out.MatchExpressions = require(out.MatchExpressions, opposite(requirements[i]))
	}
	return out
}

func opposite(r labels.Requirement) metav1.LabelSelectorRequirement {
	out := metav1.LabelSelectorRequirement{Key: r.Key(), Values: r.ValuesUnsorted()}
	slices.Sort(out.Values)
	switch r.Operator() {
	case selection.In, selection.Equals, selection.DoubleEquals:
		out.Operator = metav1.LabelSelectorOpNotIn
	case selection.NotIn, selection.NotEquals:
		out.Operator = metav1.LabelSelectorOpIn
	case selection.Exists:
		out.Operator = metav1.LabelSelectorOpDoesNotExist
	case selection.DoesNotExist:
		out.Operator = metav1.LabelSelectorOpExists
	}
	return out
}

// require adds a requirement, joining what excludes values of the same label.
func require(all []metav1.LabelSelectorRequirement, r metav1.LabelSelectorRequirement) []metav1.LabelSelectorRequirement {
	for i := range all {
		if all[i].Key != r.Key || all[i].Operator != r.Operator {
			continue
		}
		if r.Operator == metav1.LabelSelectorOpNotIn {
			all[i].Values = append(all[i].Values, r.Values...)
			slices.Sort(all[i].Values)
			all[i].Values = slices.Compact(all[i].Values)
			return all
		}
		if slices.Equal(all[i].Values, r.Values) {
			return all
		}
	}
	return append(all, r)
}
