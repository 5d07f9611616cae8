package rbac

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Describe writes a rule as a person reads it ("get, list secrets", "update
// deployments.apps/scale named web", "get /metrics", "* all paths").
func Describe(r rbacv1.PolicyRule) string {
	verbs := strings.Join(r.Verbs, ", ")
	if len(r.NonResourceURLs) > 0 {
		if slices.Contains(r.NonResourceURLs, "*") { // else it would read as all core resources
			return verbs + " all paths"
		}
		return verbs + " " + strings.Join(r.NonResourceURLs, ", ")
	}
	var what []string
	for _, resource := range r.Resources {
		for _, group := range r.APIGroups {
			what = append(what, ResourceName(group, resource))
		}
	}
	text := verbs + " " + strings.Join(what, ", ")
	if text == "* *.*" && len(r.ResourceNames) == 0 {
		text = "do everything (* *.*)"
	}
	if len(r.ResourceNames) > 0 {
		text += " named " + strings.Join(r.ResourceNames, ", ")
	}
	return text
}

// ResourceName writes a resource as kubectl does, a subresource after the group
// ("deployments.apps/scale").
func ResourceName(group, resource string) string {
	if group == "" {
		return resource
	}
	name, sub, isSub := strings.Cut(resource, "/")
	name += "." + group
	if isSub {
		name += "/" + sub
	}
	return name
}
