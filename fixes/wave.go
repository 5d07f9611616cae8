package fixes

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// Stage is a part of applying a plan. A stage begins when the one before has
// ended.
type Stage int

// The stages, in order.
const (
	// Preparation makes what others refer to.
	Preparation Stage = iota
	// Rollout changes workloads, a wave at a time.
	Rollout
	// Removal takes away what workloads used before their rollout: the keys of
	// ConfigMaps, rights. Pods of the old template still need them meanwhile.
	Removal
	// Enforcement closes namespaces: what it would reject has been fixed by
	// then.
	Enforcement
)

func (s Stage) String() string {
	return [...]string{"first, what others need", "workloads", "then, what they read no more", "last, enforcement"}[s]
}

// Stage returns the stage that the change belongs to.
func (c Change) Stage() Stage {
	switch c.rank() {
	case 0:
		return Preparation
	case 1:
		return Rollout
	case 2:
		return Removal
	}
	return Enforcement
}

// rank orders changes: what others refer to first; workloads; what they read no
// more; then what encloses a namespace, a LimitRange before the ResourceQuota that would
// refuse pods without its defaults, and what allows traffic before what
// denies it.
func (c Change) rank() int {
	obj := c.After
	if obj == nil {
		obj = c.Before
	}
	switch c.rights() {
	case givesRights:
		return 0
	case takesRights:
		return 2
	}
	switch obj := obj.(type) {
	case *corev1.ConfigMap:
		if c.takesKeys() {
			return 2
		}
		return 0
	case *corev1.Secret, *corev1.ServiceAccount:
		return 0
	case *appsv1.ReplicaSet, *appsv1.ControllerRevision:
		if c.Before == nil || c.After == nil {
			return 2 // an old state of a workload, which is there while that may have to go back
		}
	case *corev1.LimitRange:
		return 3
	case *corev1.ResourceQuota:
		return 4
	case *networkingv1.NetworkPolicy:
		if len(obj.Spec.Ingress)+len(obj.Spec.Egress) > 0 {
			return 5
		}
		return 6
	case *Custom:
		if c.Object.Kind == KindCiliumNetworkPolicy {
			return 5 // the program makes only ones that allow
		}
	case *corev1.Namespace:
		return 7
	case *admissionregistrationv1.ValidatingAdmissionPolicy, *admissionregistrationv1.MutatingAdmissionPolicy:
		return 8
	case *admissionregistrationv1.ValidatingAdmissionPolicyBinding, *admissionregistrationv1.MutatingAdmissionPolicyBinding:
		return 9 // it refers to the policy
	}
	return 1
}

// takesKeys reports whether a change does nothing to the data of a ConfigMap
// but take keys out of it, or put back what was taken out: in the reverse order
// they have to be there again before the workloads that read them.
func (c Change) takesKeys() bool {
	before, ok := c.Before.(*corev1.ConfigMap)
	if !ok || before == nil {
		return false
	}
	after, ok := c.After.(*corev1.ConfigMap)
	if !ok || after == nil {
		return false
	}
	more, less := before, after
	if len(before.Data)+len(before.BinaryData) < len(after.Data)+len(after.BinaryData) {
		more, less = after, before
	}
	if len(more.Data)+len(more.BinaryData) == len(less.Data)+len(less.BinaryData) {
		return false
	}
	for key, value := range less.Data {
		if was, ok := more.Data[key]; !ok || was != value {
			return false
		}
	}
	for key, value := range less.BinaryData {
		if was, ok := more.BinaryData[key]; !ok || !bytes.Equal(was, value) {
			return false
		}
	}
	return true
}

// AltersConfig reports whether a change gives keys of a ConfigMap other values,
// and takes or adds none. What starts reads them: so they are to be there before
// a workload restarts, in an undo too.
func (c Change) AltersConfig() bool {
	before, ok := c.Before.(*corev1.ConfigMap)
	if !ok || before == nil {
		return false
	}
	after, ok := c.After.(*corev1.ConfigMap)
	if !ok || after == nil || len(before.Data) != len(after.Data) || !maps.EqualFunc(before.BinaryData, after.BinaryData, bytes.Equal) {
		return false
	}
	for key := range before.Data {
		if _, ok := after.Data[key]; !ok {
			return false
		}
	}
	return !maps.Equal(before.Data, after.Data)
}

// ConfigFirst puts the changes that alter the configuration of pods before all
// others, and leaves the order otherwise. In the reverse of the order of a plan
// pods would restart first, and read once more what is taken back.
func ConfigFirst(changes []Change) {
	slices.SortStableFunc(changes, func(a, b Change) int {
		switch first, second := a.AltersConfig(), b.AltersConfig(); {
		case first == second:
			return 0
		case first:
			return -1
		}
		return 1
	})
}

// realm is the namespace that a change is about.
func (c Change) realm() string {
	if c.Object.Kind == KindNamespace {
		return c.Object.Name
	}
	return c.Object.Namespace
}

// SortChanges puts changes into the order in which it is safe to apply them:
// by stage, one namespace after another, and within it what allows before what
// denies. The reverse is the order in which it is safe to take them back.
func SortChanges(changes []Change) {
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(
			cmp.Compare(a.Stage(), b.Stage()),
			cmp.Compare(a.realm(), b.realm()),
			cmp.Compare(a.rank(), b.rank()),
			a.Object.Compare(b.Object))
	})
}

// Wave is a set of changes that are written one right after another, and whose
// rollouts have ended before the next wave begins.
type Wave struct {
	Stage Stage
	// Namespace is the one that the wave is about. It is empty for what comes
	// before all else, and for objects without a namespace.
	Namespace string
	// Changes are places in the list of changes, in the order of writing.
	Changes []int
}

// Waves parts changes, which are in the order of [SortChanges] or its reverse,
// into waves: all that comes before; workloads of one namespace, at most size
// at a time; and all enforcement of one namespace, since a policy that allows
// also isolates, until those beside it are there.
func Waves(changes []Change, size int) []Wave {
	var waves []Wave
	for i, c := range changes {
		stage, namespace := c.Stage(), c.realm()
		if stage == Preparation {
			namespace = ""
		}
		if n := len(waves); n > 0 {
			last := &waves[n-1]
			if last.Stage == stage && last.Namespace == namespace && (stage != Rollout || len(last.Changes) < size) {
				last.Changes = append(last.Changes, i)
				continue
			}
		}
		waves = append(waves, Wave{stage, namespace, []int{i}})
	}
	return waves
}
