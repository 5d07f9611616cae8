package plugin

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

// knownVerbs are those that kubectl auth can-i knows (kubectl/pkg/cmd/auth/cani.go).
var knownVerbs = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection",
	"use", "bind", "impersonate", "escalate", "approve", "sign", "attest", "*"}

// pathVerbs are those of requests for a path.
var pathVerbs = []string{"get", "put", "post", "head", "options", "delete", "patch", "*"}

// subresources are those that people write behind a slash, where the name of an
// object belongs, with what they are of.
var subresources = map[string][]string{
	"pods":                       {"exec", "attach", "portforward", "log", "proxy", "ephemeralcontainers", "eviction", "binding", "resize", "status"},
	"services":                   {"proxy", "status"},
	"nodes":                      {"proxy", "stats", "metrics", "log", "configz", "healthz", "status"},
	"serviceaccounts":            {"token"},
	"namespaces":                 {"finalize", "status"},
	"certificatesigningrequests": {"approval", "status"},
	"deployments":                {"scale", "status"},
	"statefulsets":               {"scale", "status"},
	"replicasets":                {"scale", "status"},
	"replicationcontrollers":     {"scale", "status"},
	"daemonsets":                 {"status"},
	"jobs":                       {"status"},
	"userextras":                 {"scopes"},
}

// sayDoubts warns of a question that may not be the one that was meant, as kubectl
// auth can-i does. It is answered all the same: any verb may be in a role.
func (o *Options) sayDoubts(r rbac.Request, what string) {
	known := knownVerbs
	if r.Path != "" {
		known = pathVerbs
	}
	if !slices.Contains(known, r.Verb) {
		o.warn(fmt.Sprintf("verb %q is not a known verb", r.Verb))
	}
	if slices.Contains(subresources[r.Resource], r.Name) {
		resource, _, _ := strings.Cut(what, "/")
		o.warn(fmt.Sprintf("%s is asked about the object named %s; for the subresource write: %s --subresource %s", what, r.Name, resource, r.Name))
	}
	resource, _, _ := strings.Cut(r.Resource, "/")
	if namespaced, known := rbac.Namespaced(r.Group, resource); known && !namespaced && o.Namespace != "" {
		o.warn(fmt.Sprintf("resource %q is not namespace scoped", resource))
	}
	if r.Path != "" && o.Namespace != "" {
		o.warn("a path is in no namespace: -n says nothing here")
	}
}

// sayElsewhere tells where more subjects may do what was asked of all namespaces.
func (o *Options) sayElsewhere(by map[string][]rbacv1.Subject) {
	if len(by) == 0 {
		return
	}
	var where []string
	for _, ns := range slices.Sorted(maps.Keys(by)) {
		if ns == "" {
			continue
		}
		where = append(where, fmt.Sprintf("%s (%d)", ns, len(by[ns])))
	}
	fmt.Fprintf(o.ErrOut, "That is in all namespaces at once; more may in single ones: %s. Ask with -n NAMESPACE.\n", fixes.Clean(fixes.Listed(where)))
}

// rolesSeen reports whether a role that is not among the objects is not there.
func rolesSeen(inv *fixes.Inventory, namespace string) bool {
	return inv.Live && inv.Covers(fixes.KindClusterRole, "") && inv.Covers(fixes.KindRole, namespace)
}

// bindingsSeen reports whether a binding that is not among the objects is not there.
func bindingsSeen(inv *fixes.Inventory, namespace string) bool {
	return inv.Live && inv.Covers(fixes.KindClusterRoleBinding, "") && inv.Covers(fixes.KindRoleBinding, namespace)
}

// sayUnresolved tells of bindings whose roles were not looked at: whom they name may be
// missing in the answer.
func (o *Options) sayUnresolved(inv *fixes.Inventory, r rbac.Request) {
	if rolesSeen(inv, r.Namespace) {
		return
	}
	var names []string
	for _, b := range rbac.Of(inv).Unresolved() {
		if b.Everywhere() || r.Namespace != "" && b.Binding.Namespace == r.Namespace {
			names = append(names, b.Binding.String()+" -> "+b.Role.String())
		}
	}
	if len(names) > 0 {
		fmt.Fprintf(o.ErrOut, "not known: what is given by %s (the role was not looked at)\n", fixes.Clean(fixes.Listed(names)))
	}
}
