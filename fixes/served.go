package fixes

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// KindServed is what an API server serves.
var KindServed = Kind{factGroup, "v1", "Served", "served", false}

// Served is what an API server serves, as its discovery tells. There is one, and
// only when wildcards are to be expanded.
type Served struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	// Resources are its resources, subresources included, each once.
	Resources []ServedResource
}

// ServedResource is one resource of an API.
type ServedResource struct {
	// Group is empty for the core's; Name is the plural, with a subresource after
	// a slash.
	Group, Name string
	Namespaced  bool
	Verbs       []string
}

// DeepCopyObject implements [runtime.Object].
func (s *Served) DeepCopyObject() runtime.Object {
	out := *s
	s.DeepCopyInto(&out.ObjectMeta)
	out.Resources = slices.Clone(s.Resources)
	for i := range out.Resources {
		out.Resources[i].Verbs = slices.Clone(out.Resources[i].Verbs)
	}
	return &out
}
