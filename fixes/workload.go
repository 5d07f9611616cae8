package fixes

import (
	"fmt"
	"iter"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Workload is an object that holds a pod or a pod template, of whatever kind,
// seen through that template. Its pointers reach into the object, so an edit
// of a draft's workload is an edit of the draft.
type Workload struct {
	Object Object
	// Meta and Spec are the pod's, or its template's.
	Meta *metav1.ObjectMeta
	Spec *corev1.PodSpec
	// MetaPath and SpecPath lead there from the object
	// ("spec.template.metadata", "spec.template.spec").
	MetaPath, SpecPath string
}

// AsWorkload returns the workload view of an object, or false when it holds
// no pod.
func AsWorkload(obj Object) (Workload, bool) {
	template := func(t *corev1.PodTemplateSpec) (Workload, bool) {
		return Workload{obj, &t.ObjectMeta, &t.Spec, "spec.template.metadata", "spec.template.spec"}, true
	}
	switch o := obj.(type) {
	case *Custom:
		return o.workload()
	case *corev1.Pod:
		return Workload{obj, &o.ObjectMeta, &o.Spec, "metadata", "spec"}, true
	case *appsv1.Deployment:
		return template(&o.Spec.Template)
	case *appsv1.StatefulSet:
		return template(&o.Spec.Template)
	case *appsv1.DaemonSet:
		return template(&o.Spec.Template)
	case *appsv1.ReplicaSet:
		return template(&o.Spec.Template)
	case *batchv1.Job:
		return template(&o.Spec.Template)
	case *corev1.ReplicationController:
		if o.Spec.Template == nil {
			return Workload{}, false
		}
		return template(o.Spec.Template)
	case *batchv1.CronJob:
		t := &o.Spec.JobTemplate.Spec.Template
		return Workload{obj, &t.ObjectMeta, &t.Spec,
			"spec.jobTemplate.spec.template.metadata", "spec.jobTemplate.spec.template.spec"}, true
	}
	return Workload{}, false
}

// Selector returns what the workload's controller selects its pods by; nil
// where the pods are not selected by what its author wrote: Jobs, CronJobs,
// pods.
func (w Workload) Selector() *metav1.LabelSelector {
	switch o := w.Object.(type) {
	case *appsv1.Deployment:
		return o.Spec.Selector
	case *appsv1.StatefulSet:
		return o.Spec.Selector
	case *appsv1.DaemonSet:
		return o.Spec.Selector
	case *appsv1.ReplicaSet:
		return o.Spec.Selector
	case *corev1.ReplicationController:
		if len(o.Spec.Selector) > 0 {
			return &metav1.LabelSelector{MatchLabels: o.Spec.Selector}
		}
	}
	return nil
}

// Ref names the workload's object.
func (w Workload) Ref() Ref { return RefOf(w.Object) }

// Same reports whether two workloads are the same object, or states of it.
func (w Workload) Same(o Workload) bool {
	return w.Object == o.Object || w.Object.GetName() == o.Object.GetName() && w.Ref() == o.Ref()
}

// Container is one container of a workload, of any of the three lists.
type Container struct {
	*corev1.Container
	// Path leads to it from the object ("spec.template.spec.initContainers[0]").
	Path string
	// Init and Ephemeral tell the list it stands in.
	Init, Ephemeral bool
}

// Containers yields init containers, containers and ephemeral containers, in
// the order in which they start. Ephemeral containers cannot be edited: a
// change made through the pointer of one reaches the object all the same,
// since the types are laid out alike.
func (w Workload) Containers() iter.Seq[Container] {
	return func(yield func(Container) bool) {
		for i := range w.Spec.InitContainers {
			if !yield(Container{&w.Spec.InitContainers[i], fmt.Sprintf("%s.initContainers[%d]", w.SpecPath, i), true, false}) {
				return
			}
		}
		for i := range w.Spec.Containers {
			if !yield(Container{&w.Spec.Containers[i], fmt.Sprintf("%s.containers[%d]", w.SpecPath, i), false, false}) {
				return
			}
		}
		for i := range w.Spec.EphemeralContainers {
			c := (*corev1.Container)(&w.Spec.EphemeralContainers[i].EphemeralContainerCommon)
			if !yield(Container{c, fmt.Sprintf("%s.ephemeralContainers[%d]", w.SpecPath, i), false, true}) {
				return
			}
		}
	}
}

// Container returns the container with a name; names are unique in a pod over
// all three lists.
func (w Workload) Container(name string) (Container, bool) {
	for c := range w.Containers() {
		if c.Name == name {
			return c, true
		}
	}
	return Container{}, false
}

// nameTwice returns a name that two containers have, or "". The API server
// refuses such a pod; edits find their places by these names.
func (w Workload) nameTwice() string {
	seen := map[string]bool{}
	for c := range w.Containers() {
		if seen[c.Name] {
			return c.Name
		}
		seen[c.Name] = true
	}
	return ""
}

// Windows reports whether the pod runs on Windows, where Linux security
// settings are refused.
func (w Workload) Windows() bool {
	return w.Spec.OS != nil && w.Spec.OS.Name == corev1.Windows ||
		w.Spec.NodeSelector[corev1.LabelOSStable] == string(corev1.Windows)
}

// Finished reports whether the workload has run to its end and starts no more
// pods.
func (w Workload) Finished() bool {
	switch o := w.Object.(type) {
	case *batchv1.Job:
		for _, c := range o.Status.Conditions {
			if (c.Type == batchv1.JobComplete || c.Type == batchv1.JobFailed) && c.Status == corev1.ConditionTrue {
				return true
			}
		}
	case *corev1.Pod:
		return o.Status.Phase == corev1.PodSucceeded || o.Status.Phase == corev1.PodFailed
	}
	return false
}

// Workloads returns the workloads that nothing in the inventory controls, in
// a namespace or (when it is empty) everywhere: the objects in which a fix
// lasts. A workload controlled by something the inventory does not hold (a
// custom resource, a node) is among them; [Inventory.Top] tells. The slice
// belongs to the inventory.
func (inv *Inventory) Workloads(namespace string) []Workload {
	return derive(inv,
		func(d *derived) ([]Workload, bool) { list, ok := d.workloads[namespace]; return list, ok },
		func() []Workload { return inv.tops(namespace) },
		func(d *derived, list []Workload) {
			if d.workloads == nil {
				d.workloads = map[string][]Workload{}
			}
			d.workloads[namespace] = list
		})
}

func (inv *Inventory) tops(namespace string) []Workload {
	var list []Workload
	for _, kind := range workloadKinds {
		for _, obj := range inv.listIn(kind, namespace) {
			if top, _ := inv.Top(obj); top != obj {
				continue
			}
			if w, ok := AsWorkload(obj); ok {
				list = append(list, w)
			}
		}
	}
	return list
}

// Pods returns the pods that a workload stands above, itself included when it
// is a pod.
func (inv *Inventory) Pods(w Workload) []*corev1.Pod {
	if pod, ok := w.Object.(*corev1.Pod); ok {
		return []*corev1.Pod{pod}
	}
	return inv.podsByTop()[RefOf(w.Object)]
}
