package fixes

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// KindUsage is what the containers of a pod used when the scan looked.
var KindUsage = Kind{factGroup, "v1", "Usage", "usages", true}

// Usage is what metrics.k8s.io says of a running pod, whose namespace and name
// it has. It is one look: there is no history in it.
type Usage struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	// Taken is when the metrics were collected.
	Taken time.Time
	// Window is the time over which cpu was averaged; memory is the working set
	// at its end.
	Window time.Duration
	// Containers are those that ran; init containers that have ended are not
	// among them.
	Containers []ContainerUsage
}

// ContainerUsage is what one container used.
type ContainerUsage struct {
	Name string
	// Used holds cpu and memory.
	Used corev1.ResourceList
}

// Container returns what the container of that name used, or nil.
func (u *Usage) Container(name string) corev1.ResourceList {
	for _, c := range u.Containers {
		if c.Name == name {
			return c.Used
		}
	}
	return nil
}

// DeepCopyObject implements [runtime.Object].
func (u *Usage) DeepCopyObject() runtime.Object {
	out := *u
	u.DeepCopyInto(&out.ObjectMeta)
	out.Containers = slices.Clone(u.Containers)
	for i := range out.Containers {
		out.Containers[i].Used = out.Containers[i].Used.DeepCopy()
	}
	return &out
}
