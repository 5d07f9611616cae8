package rbac

import (
	_ "embed"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes/table"
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
var resourceText string

var resources = resourceTable.Embedded(resourceText)

var resourceTable = table.Table[Resource]{
	Name:    "resources.tsv",
	Columns: []string{"resource", "group", "scope", "names"},
	Key:     []string{"resource", "group"},
	Row: func(r table.Row) (Resource, error) {
		scope, err := table.OneOf(r, "scope", "ns", table.None)
		if err != nil {
			return Resource{}, err
		}
		return Resource{Name: r.Text("resource"), Group: r.Text("group"), Namespaced: scope == "ns", names: r.List("names")}, nil
	},
}

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
