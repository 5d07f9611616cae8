package rbac

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Narrowed are the least rights that cover what was done.
type Narrowed struct {
	// Cluster is for a ClusterRole: what stands in no namespace, or was asked of
	// all of them.
	Cluster []rbacv1.PolicyRule
	// Namespaces are for a Role each.
	Namespaces map[string][]rbacv1.PolicyRule
}

// Empty reports whether nothing was done.
func (n Narrowed) Empty() bool { return len(n.Cluster) == 0 && len(n.Namespaces) == 0 }

// The bounds within which what was done is told one by one.
const (
	maxNamespaces = 10 // more are taken for all of them
	maxNames      = 5  // more are taken for all objects
)

// Narrow returns the least rights that allow what was done by a binding. There
// tells whether a namespace exists: what was done in one that does not any more
// is done in namespaces that come and go, and needs all of them.
func Narrow(b Bound, uses []fixes.Use, there func(namespace string) bool) Narrowed {
	type act struct{ verb, group, resource string }
	scopes := map[act]map[string][]fixes.Use{}
	created := map[[3]string]bool{} // namespace, group, resource
	n := Narrowed{Namespaces: map[string][]rbacv1.PolicyRule{}}
	var urls []fixes.Use
	for _, u := range uses {
		if !b.Allowed(u) {
			continue
		}
		if u.Path != "" {
			urls = append(urls, u)
			continue
		}
		if u.Namespace == fixes.AnyNamespace && !b.Everywhere() {
			u.Namespace = b.Binding.Namespace // which may be among them
		}
		a := act{u.Verb, u.Group, u.Resource}
		if scopes[a] == nil {
			scopes[a] = map[string][]fixes.Use{}
		}
		scopes[a][u.Namespace] = append(scopes[a][u.Namespace], u)
		if u.Verb == "create" && !strings.Contains(u.Resource, "/") {
			created[[3]string{u.Namespace, u.Group, u.Resource}] = true
		}
	}
	parts := map[string][]rbacv1.PolicyRule{}
	for a, byNamespace := range scopes {
		everywhere := len(byNamespace) > maxNamespaces
		for ns := range byNamespace {
			everywhere = everywhere || ns == fixes.AnyNamespace || ns != "" && !there(ns)
		}
		if everywhere && b.Everywhere() {
			all := []fixes.Use{{Verb: a.verb, AllNames: true}}
			parts[""] = append(parts[""], rule(a.verb, a.group, a.resource, all, true))
			continue
		}
		if whole, ok := byNamespace[""]; ok {
			r := rule(a.verb, a.group, a.resource, whole, created[[3]string{"", a.group, a.resource}])
			parts[""] = append(parts[""], r)
			if len(r.ResourceNames) == 0 {
				continue // which covers each namespace
			}
		}
		for ns, list := range byNamespace {
			if ns != "" {
				parts[ns] = append(parts[ns], rule(a.verb, a.group, a.resource, list, created[[3]string{ns, a.group, a.resource}]))
			}
		}
	}
	for _, u := range urls {
		parts[""] = append(parts[""], rbacv1.PolicyRule{Verbs: []string{u.Verb}, NonResourceURLs: []string{u.Path}})
	}
	for ns, list := range parts {
		if merged := Merge(list); ns == "" {
			n.Cluster = merged
		} else {
			n.Namespaces[ns] = merged
		}
	}
	return n
}

// Allowed reports whether the binding's role allowed what was done; a use that
// sums up several is allowed where one of them could be.
func (b Bound) Allowed(u fixes.Use) bool {
	r := Request{Verb: u.Verb, Group: u.Group, Resource: u.Resource, Namespace: u.Namespace, Path: strings.TrimSuffix(u.Path, "*")}
	if u.Namespace == fixes.AnyNamespace {
		if r.Namespace = b.Binding.Namespace; b.Everywhere() {
			r.Namespace = ""
		}
	}
	if b.Allows(r) {
		return true
	}
	return slices.ContainsFunc(u.Names, func(name string) bool {
		r.Name = name
		return b.Allows(r)
	})
}

func rule(verb, group, resource string, uses []fixes.Use, created bool) rbacv1.PolicyRule {
	r := rbacv1.PolicyRule{Verbs: []string{verb}, APIGroups: []string{group}, Resources: []string{resource}}
	var names []string
	for _, u := range uses {
		if u.AllNames || len(u.Names) == 0 {
			return r
		}
		names = append(names, u.Names...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if created || len(names) > maxNames || !lasting(group, resource) || slices.ContainsFunc(names, generated.MatchString) {
		return r
	}
	r.ResourceNames = names
	return r
}

// generated are names that nobody chose: they end as generateName or a hash do
// (k8s.io/apimachinery, util/rand: no vowels, no 0, 1, 3), or in a number.
var generated = regexp.MustCompile(`[-.]([bcdfghjklmnpqrstvwxz2456789]{5,10}|v?[0-9]+|[0-9a-f]{8,})$`)

// lasting reports whether objects of a resource keep their names: those that
// controllers make and replace do not, nor do those of kinds that are not known.
func lasting(group, resource string) bool {
	resource, _, _ = strings.Cut(resource, "/")
	switch (fixes.Kind{Group: group, Resource: resource}).String() {
	case "secrets", "configmaps", "serviceaccounts", "services", "namespaces", "persistentvolumeclaims",
		"deployments.apps", "statefulsets.apps", "daemonsets.apps", "cronjobs.batch", "leases.coordination.k8s.io",
		"ingresses.networking.k8s.io", "networkpolicies.networking.k8s.io", "poddisruptionbudgets.policy",
		"horizontalpodautoscalers.autoscaling", "roles.rbac.authorization.k8s.io", "rolebindings.rbac.authorization.k8s.io",
		"clusterroles.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io",
		"customresourcedefinitions.apiextensions.k8s.io", "apiservices.apiregistration.k8s.io",
		"mutatingwebhookconfigurations.admissionregistration.k8s.io", "validatingwebhookconfigurations.admissionregistration.k8s.io",
		"priorityclasses.scheduling.k8s.io", "storageclasses.storage.k8s.io", "users", "groups",
		"uids.authentication.k8s.io", "userextras.authentication.k8s.io":
		return true
	}
	return false
}

// Merge puts rules together that differ in the verb alone, then those that
// differ in the resource alone. Their order says nothing, and is always the same.
func Merge(list []rbacv1.PolicyRule) []rbacv1.PolicyRule {
	join := func(list []rbacv1.PolicyRule, key func(rbacv1.PolicyRule) string, add func(to *rbacv1.PolicyRule, r rbacv1.PolicyRule)) []rbacv1.PolicyRule {
		found := map[string]*rbacv1.PolicyRule{}
		for _, r := range list {
			if to := found[key(r)]; to != nil {
				add(to, r)
			} else {
				found[key(r)] = &r
			}
		}
		var out []rbacv1.PolicyRule
		for _, k := range slices.Sorted(maps.Keys(found)) {
			out = append(out, *found[k])
		}
		return out
	}
	text := func(lists ...[]string) string {
		var parts []string
		for _, l := range lists {
			parts = append(parts, strings.Join(l, "\x00"))
		}
		return strings.Join(parts, "\x01")
	}
	union := func(a, b []string) []string {
		out := slices.Concat(a, b)
		slices.Sort(out)
		return slices.Compact(out)
	}
	list = join(list,
		func(r rbacv1.PolicyRule) string {
			return text(r.APIGroups, r.Resources, r.ResourceNames, r.NonResourceURLs)
		},
		func(to *rbacv1.PolicyRule, r rbacv1.PolicyRule) { to.Verbs = union(to.Verbs, r.Verbs) })
	list = join(list,
		func(r rbacv1.PolicyRule) string {
			if len(r.NonResourceURLs) > 0 {
				return text([]string{"url"}, r.Verbs)
			}
			return text(r.APIGroups, r.Verbs, r.ResourceNames)
		},
		func(to *rbacv1.PolicyRule, r rbacv1.PolicyRule) {
			to.Resources, to.NonResourceURLs = union(to.Resources, r.Resources), union(to.NonResourceURLs, r.NonResourceURLs)
		})
	slices.SortFunc(list, func(a, b rbacv1.PolicyRule) int {
		return cmp.Or(slices.Compare(a.NonResourceURLs, b.NonResourceURLs), slices.Compare(a.APIGroups, b.APIGroups),
			slices.Compare(a.Resources, b.Resources), slices.Compare(a.ResourceNames, b.ResourceNames), slices.Compare(a.Verbs, b.Verbs))
	})
	return list
}

// Cut says what of some rules others do not keep, anywhere, a phrase for each
// verb and resource; of a wildcard, that it goes.
func Cut(before []rbacv1.PolicyRule, n Narrowed) []string {
	var kept []rbacv1.PolicyRule
	kept = append(kept, n.Cluster...)
	for _, list := range n.Namespaces {
		kept = append(kept, list...)
	}
	keeps := func(r Request) bool {
		return slices.ContainsFunc(kept, func(rule rbacv1.PolicyRule) bool {
			if len(rule.ResourceNames) > 0 {
				r.Name = rule.ResourceNames[0]
			}
			return Allows(&rule, r)
		})
	}
	var out []string
	for _, rule := range before {
		for _, url := range rule.NonResourceURLs {
			for _, verb := range rule.Verbs {
				if !keeps(Request{Verb: verb, Path: strings.TrimSuffix(url, "*")}) {
					out = append(out, verb+" "+url)
				}
			}
		}
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				var verbs []string
				for _, verb := range rule.Verbs {
					if !keeps(Request{Verb: verb, Group: group, Resource: resource}) {
						verbs = append(verbs, verb)
					}
				}
				if len(verbs) > 0 {
					out = append(out, strings.Join(verbs, ", ")+" "+ResourceName(group, resource))
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
