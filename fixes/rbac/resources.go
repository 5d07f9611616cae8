package rbac

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// Resource is a resource of Kubernetes' own API, or one that a server serves.
type Resource struct {
	// Name is the plural; Group is empty for the core's.
	Name, Group string
	Namespaced  bool
	// Verbs are those that a server has for it; empty where none was asked.
	Verbs []string

	names []string
}

//go:embed resources.tsv
var resourceTable string

var resources = sync.OnceValue(func() []Resource {
	var all []Resource
	for line := range strings.Lines(resourceTable) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) != 4 {
			continue // the head; a test reads the rest
		}
		r := Resource{Name: f[0], Group: strings.TrimPrefix(f[1], "-"), Namespaced: f[2] == "ns"}
		if f[3] != "-" {
			r.names = strings.Split(f[3], ",")
		}
		all = append(all, r)
	}
	return all
})

// Resources lists the resources of Kubernetes' own API. The slice belongs to
// the package.
func Resources() []Resource { return resources() }

// FindResource returns the resource that a name means to kubectl, in the plural,
// the singular or short; the group is looked at only where it is given.
func FindResource(name, group string, grouped bool) (Resource, bool) {
	name = strings.ToLower(name)
	for _, r := range resources() {
		if (!grouped || r.Group == group) && (r.Name == name || slices.Contains(r.names, name)) {
			return r, true
		}
	}
	return Resource{}, false
}

// Namespaced reports whether a resource stands in a namespace; known is false
// for those that are not Kubernetes' own.
func Namespaced(group, resource string) (namespaced, known bool) {
	resource, _, _ = strings.Cut(resource, "/")
	for _, r := range resources() {
		if r.Group == group && r.Name == resource {
			return r.Namespaced, true
		}
	}
	return false, false
}
