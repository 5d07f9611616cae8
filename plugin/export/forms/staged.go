package forms

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// KindStagedPolicy is Calico's kind of a NetworkPolicy that is not enforced yet:
// what it would do is in the flow logs (projectcalico/calico, api/pkg/apis/projectcalico/v3).
var KindStagedPolicy = fixes.Kind{Group: "projectcalico.org", Version: "v3", Name: "StagedKubernetesNetworkPolicy", Resource: "stagedkubernetesnetworkpolicies", Namespaced: true}

// Staged returns a plan in which what it does to NetworkPolicies is staged: each
// one that it creates, changes or deletes becomes a staged policy of that name,
// which says what the NetworkPolicy is to be. It returns also how many there are.
func Staged(plan *fixes.Plan) (out *fixes.Plan, staged int, err error) {
	copied := *plan
	out, copied.Changes = &copied, nil
	for _, c := range plan.Changes {
		if c.Object.Kind != fixes.KindNetworkPolicy {
			copied.Changes = append(copied.Changes, c)
			continue
		}
		obj, err := stagedPolicy(c)
		if err != nil {
			return nil, 0, fmt.Errorf("%s: %w", c.Object, err)
		}
		ref := fixes.Ref{Kind: KindStagedPolicy, Namespace: c.Object.Namespace, Name: c.Object.Name, Origin: c.Object.Origin}
		copied.Changes = append(copied.Changes, fixes.Change{Action: fixes.Create, Object: ref, After: obj, Fixes: c.Fixes})
		staged++
	}
	return out, staged, nil
}

func stagedPolicy(c fixes.Change) (*unstructured.Unstructured, error) {
	spec := map[string]any{"stagedAction": "Delete"}
	if policy, ok := c.After.(*networkingv1.NetworkPolicy); ok {
		var err error
		if spec, err = runtime.DefaultUnstructuredConverter.ToUnstructured(&policy.Spec); err != nil {
			return nil, err
		}
		spec["stagedAction"] = "Set"
	}
	obj := &unstructured.Unstructured{}
	obj.SetName(c.Object.Name)
	obj.SetNamespace(fixes.ManifestNamespace(c.Object.Namespace)) // taken out where it is empty
	return newObject(KindStagedPolicy, obj, spec), nil
}
