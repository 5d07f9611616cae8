//go:build unix

package apply_test

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

// planSpec is how the plan of a namespace is made. Another process makes the
// same of it.
type planSpec struct {
	// Rules are the ids of those that the plan serves; nil: all.
	Rules []string
	// Only are the objects whose changes it keeps ("Deployment/web"); nil: all.
	Only []string
	// Fates are labels that it gives the pods of workloads, by which kwok lets
	// them fail: "crash" or "not-ready".
	Fates map[string]string
	// Review are objects whose fixes it takes for ones to review.
	Review []string
	// Recreate are pods that it makes anew without privilege escalation.
	Recreate []string
}

// make plans the fixes of a namespace.
func (p planSpec) make(ctx context.Context, c *client.Client, namespace string) (*fixes.Plan, error) {
	plan := &fixes.Plan{Verified: true}
	if len(p.Recreate) == 0 {
		result, err := p.scan(ctx, c, namespace)
		if err != nil {
			return nil, err
		}
		if plan, err = fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review)); err != nil {
			return nil, err
		}
	}
	for _, name := range p.Recreate {
		change, err := recreation(ctx, c, fixes.Ref{Kind: fixes.KindPod, Namespace: namespace, Name: name})
		if err != nil {
			return nil, err
		}
		plan.Changes = append(plan.Changes, change)
	}
	if p.Only != nil {
		plan.Changes = slices.DeleteFunc(plan.Changes, func(c fixes.Change) bool { return !slices.Contains(p.Only, keyOf(c.Object)) })
	}
	for i := range plan.Changes {
		p.tamper(plan, &plan.Changes[i])
	}
	if !plan.Verified || len(plan.Changes) == 0 {
		return nil, fmt.Errorf("the plan is no good: verified %v, %d changes", plan.Verified, len(plan.Changes))
	}
	return plan, nil
}

// scan finds what is wrong with a namespace.
func (p planSpec) scan(ctx context.Context, c *client.Client, namespace string) (*fixes.Result, error) {
	rules := catalog.Rules()
	if p.Rules != nil {
		rules = slices.DeleteFunc(rules, func(r *fixes.Rule) bool { return !slices.Contains(p.Rules, r.ID) })
	}
	return source.Scan(ctx, &source.Cluster{Client: c, Namespace: namespace}, nil, rules, nil)
}

func (p planSpec) tamper(plan *fixes.Plan, c *fixes.Change) {
	if fate := p.Fates[keyOf(c.Object)]; fate != "" {
		w, _ := fixes.AsWorkload(c.After)
		w.Meta.Labels["fate"] = fate
	}
	if !slices.Contains(p.Review, keyOf(c.Object)) {
		return
	}
	for i := range plan.Choices {
		if choice := &plan.Choices[i]; slices.Contains(c.Fixes, choice.Finding) {
			fix := *choice.Fix
			fix.Confidence = fixes.Review
			choice.Fix = &fix
		}
	}
}

// recreation makes a pod anew that may not gain privileges.
func recreation(ctx context.Context, c *client.Client, ref fixes.Ref) (fixes.Change, error) {
	before, err := c.Get(ctx, ref)
	if err != nil {
		return fixes.Change{}, err
	}
	after := fixes.Recreated(before)
	after.(*corev1.Pod).Spec.Containers[0].SecurityContext = &corev1.SecurityContext{AllowPrivilegeEscalation: new(false)}
	return fixes.Change{Action: fixes.Recreate, Object: ref, Before: before, After: after}, nil
}
