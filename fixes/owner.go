package fixes

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Owner is a controller that the inventory does not hold: a custom resource,
// the node of a static pod, or an object that is gone.
type Owner struct {
	APIVersion, Kind, Name string
}

// maxOwnerDepth bounds the walk up: ownerReferences can be made to loop.
const maxOwnerDepth = 16

// Top walks controller references up from an object to the topmost one that
// the inventory holds. When that one is itself controlled by something the
// inventory does not hold, that owner is returned too. From what takes its
// template from another object, the walk goes on to that one.
func (inv *Inventory) Top(obj Object) (Object, *Owner) {
	for range maxOwnerDepth {
		if holder := inv.templateOf(obj); holder != nil {
			obj = holder
			continue
		}
		ref := metav1.GetControllerOfNoCopy(obj)
		if ref == nil {
			return obj, nil
		}
		parent := inv.owner(obj.GetNamespace(), ref)
		if parent == nil {
			return obj, &Owner{APIVersion: ref.APIVersion, Kind: ref.Kind, Name: ref.Name}
		}
		obj = parent
	}
	return obj, &Owner{Kind: "unknown", Name: "owners form a loop"}
}

func (inv *Inventory) owner(namespace string, ref *metav1.OwnerReference) Object {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil
	}
	kind, ok := LookupKind(schema.GroupKind{Group: gv.Group, Kind: ref.Kind})
	if !ok || kind == KindNode || kind.Custom() && !customKinds[kind].workload {
		return nil // above a Gateway's pods, say, stands no workload
	}
	if !kind.Namespaced {
		namespace = ""
	}
	parent := inv.Get(Ref{Kind: kind, Namespace: namespace, Name: ref.Name})
	if parent == nil || parent.GetUID() != ref.UID {
		return nil
	}
	return parent
}

// podsByTop maps the topmost owners to their pods. A draft shares its base's:
// pods that run are evidence, and no edit of a draft changes them.
func (inv *Inventory) podsByTop() map[Ref][]*corev1.Pod {
	if inv.base != nil {
		return inv.base.podsByTop()
	}
	return derive(inv,
		func(d *derived) (map[Ref][]*corev1.Pod, bool) { return d.podsByTop, d.podsByTop != nil },
		func() map[Ref][]*corev1.Pod {
			index := map[Ref][]*corev1.Pod{}
			for _, pod := range Objects[*corev1.Pod](inv, "") {
				if top, _ := inv.Top(pod); top != Object(pod) {
					ref := RefOf(top)
					index[ref] = append(index[ref], pod)
				}
			}
			return index
		},
		func(d *derived, index map[Ref][]*corev1.Pod) { d.podsByTop = index })
}
