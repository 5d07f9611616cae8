package access

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

const (
	// longEnough is how long a log must go for what is not in it to be taken as
	// never done: what runs once a month is in it.
	longEnough = 30 * 24 * time.Hour
	// fresh is how old a log's last event may be.
	fresh = 7 * 24 * time.Hour
)

// deeds are what subjects did, as an audit log tells it.
type deeds struct {
	log     *fixes.Activity // nil where none was read
	byUser  map[string][]fixes.Use
	byGroup map[string][]fixes.Use
}

func newDeeds(inv *fixes.Inventory) *deeds {
	d := &deeds{log: fixes.AuditLog(inv), byUser: map[string][]fixes.Use{}, byGroup: map[string][]fixes.Use{}}
	if d.log == nil {
		return d
	}
	for _, a := range fixes.Objects[*fixes.Activity](inv, "") {
		if a.Name == "" {
			continue
		}
		d.byUser[a.Name] = a.Uses
		for _, group := range a.Groups {
			d.byGroup[group] = append(d.byGroup[group], a.Uses...)
		}
	}
	return d
}

func (d *deeds) of(s rbacv1.Subject) []fixes.Use {
	if s.Kind == rbacv1.GroupKind {
		return d.byGroup[s.Name]
	}
	return d.byUser[rbac.IdentityOf(s).User]
}

// needs reports whether a log shows a subject to use each of some rights as far
// as a binding gives them: of all objects, and of all namespaces if it counts in
// all. Nothing could be taken from it then.
func (d *deeds) needs(b rbac.Bound, s rbacv1.Subject, rights []rbacv1.PolicyRule) bool {
	if d.log == nil {
		return false
	}
	uses := d.of(s)
	for _, r := range rights {
		if isWild(r) || len(r.Resources) == 0 {
			return false
		}
		for _, verb := range r.Verbs {
			used := slices.ContainsFunc(uses, func(u fixes.Use) bool {
				if u.Verb != verb || u.Group != r.APIGroups[0] || u.Resource != r.Resources[0] {
					return false
				}
				if !b.Everywhere() {
					return u.Namespace == b.Binding.Namespace || u.Namespace == fixes.AnyNamespace
				}
				return u.Namespace == "" || u.Namespace == fixes.AnyNamespace
			})
			if !used && !manyNamespaces(uses, verb, r) {
				return false
			}
		}
	}
	return true
}

// manyNamespaces reports whether a right was used in more namespaces than are
// bound one by one.
func manyNamespaces(uses []fixes.Use, verb string, r rbacv1.PolicyRule) bool {
	b := rbac.Bound{Binding: fixes.Ref{Kind: fixes.KindClusterRoleBinding}, Rules: []rbacv1.PolicyRule{r}}
	only := slices.DeleteFunc(slices.Clone(uses), func(u fixes.Use) bool { return u.Verb != verb })
	return len(rbac.Narrow(b, only, func(string) bool { return true }).Cluster) > 0
}

// narrowing is what becomes of one subject of a binding.
type narrowing struct {
	subject rbacv1.Subject
	rbac.Narrowed
	names map[string]string // of the Role in each namespace; of the ClusterRole under ""
}

// narrow gives each subject the least Roles that cover what it did, in the
// binding's place.
func (g grant) narrow(p *fixes.Pass) (fixes.Fix, bool) {
	d := fixes.Memo(p.Inventory, []fixes.Kind{fixes.KindActivity}, newDeeds)
	if d.log == nil || g.Binding.Namespace == fixes.Unnamed {
		return fixes.Fix{}, false
	}
	var list []narrowing
	idle := 0
	for i, s := range g.to {
		n := narrowing{subject: s, Narrowed: rbac.Narrow(g.Bound, g.worth(p, d.of(s)), existing(p.Inventory)), names: map[string]string{}}
		if n.Empty() {
			idle++
		}
		base := g.Binding.Name + "-used"
		if g.Everywhere() {
			base = g.Binding.Name + "-cluster-used"
		}
		if len(g.to) > 1 {
			base = fmt.Sprintf("%s-%d", base, i+1)
		}
		if len(n.Cluster) > 0 {
			n.names[""] = freeName(p.Inventory, fixes.KindClusterRole, fixes.KindClusterRoleBinding, "", base)
		}
		for ns := range n.Namespaces {
			n.names[ns] = freeName(p.Inventory, fixes.KindRole, fixes.KindRoleBinding, ns, base)
		}
		list = append(list, n)
	}
	fix := fixes.Fix{
		Title:      "Narrow it to what it did in " + days(d.log.To.Sub(d.log.From)),
		Confidence: fixes.Safe,
		Creates:    creates(list),
		Risks:      g.narrowRisks(list),
		Edit:       func(draft *fixes.Draft) error { return g.applyNarrowing(draft, list) },
	}
	fix.Why = "the log goes over " + days(d.log.To.Sub(d.log.From)) + ", and each subject did something in it"
	if doubt := g.doubt(p, d, list, idle); doubt != "" {
		fix.Confidence, fix.Why = fixes.Review, doubt
	}
	return fix, true
}

// existing tells which namespaces are there; in manifests, any may be.
func existing(inv *fixes.Inventory) func(string) bool {
	if !inv.Live || !inv.Covers(fixes.KindNamespace, "") || inv.Namespace != "" {
		return func(string) bool { return true }
	}
	return func(ns string) bool {
		_, ok := fixes.Lookup[*corev1.Namespace](inv, "", ns)
		return ok
	}
}

// worth are the uses that the binding was needed for: what everybody who is
// logged in may do by Kubernetes' own bindings stays allowed.
func (g grant) worth(p *fixes.Pass, uses []fixes.Use) []fixes.Use {
	index := rbac.Of(p.Inventory)
	return slices.DeleteFunc(slices.Clone(uses), func(u fixes.Use) bool {
		return index.Granted(rbac.Authenticated, rbac.Request{Verb: u.Verb, Group: u.Group, Resource: u.Resource, Path: u.Path})
	})
}

// doubt says why a narrowing has to be looked at first, or nothing.
func (g grant) doubt(p *fixes.Pass, d *deeds, list []narrowing, idle int) string {
	window := d.log.To.Sub(d.log.From)
	switch {
	case len(d.log.Gaps) > 0:
		return "the log is not whole: " + d.log.Gaps[0]
	case window < longEnough:
		return fmt.Sprintf("the log goes over %s: what is done more seldom is not in it (%s would be enough)", days(window), days(longEnough))
	case !p.Now.IsZero() && p.Now.Sub(d.log.To) > fresh:
		return "the log ended " + days(p.Now.Sub(d.log.To)) + " ago"
	case idle == len(list):
		return "it did nothing by this binding while the log was written; it may be for emergencies"
	case idle > 0:
		return fmt.Sprintf("%d of %s did nothing by this binding while the log was written", idle, count(len(list), "subject"))
	case slices.ContainsFunc(list, grantsOthers):
		return "it gives rights to others, or decides on certificates: what it must have for that is asked for inside the request, and not in the log"
	}
	return ""
}

// grantsOthers reports whether a subject wrote roles, bindings or certificate
// requests' decisions.
func grantsOthers(n narrowing) bool {
	all := slices.Concat(n.Cluster, slices.Concat(slices.Collect(maps.Values(n.Namespaces))...))
	return slices.ContainsFunc(all, func(r rbacv1.PolicyRule) bool {
		writes := slices.ContainsFunc(r.Verbs, func(v string) bool { return v == "create" || v == "update" || v == "patch" })
		return writes && (slices.Contains(r.APIGroups, rbacv1.GroupName) || slices.ContainsFunc(r.Resources, func(res string) bool {
			return strings.HasPrefix(res, "certificatesigningrequests/")
		}))
	})
}

func (g grant) narrowRisks(list []narrowing) []string {
	var risks []string
	for _, n := range list {
		cut := rbac.Cut(g.Rules, n.Narrowed)
		if len(cut) > 0 {
			risks = append(risks, "Cut from "+rbac.String(n.subject)+": "+fixes.Listed(cut)+".")
		}
		if g.Everywhere() && len(n.Cluster) == 0 && len(n.Namespaces) > 0 {
			risks = append(risks, rbac.String(n.subject)+" keeps rights in "+strings.Join(slices.Sorted(maps.Keys(n.Namespaces)), ", ")+" only.")
		}
	}
	return append(risks, "What the audit policy leaves out of the log is not known to have been done.")
}

func creates(list []narrowing) []fixes.Ref {
	var out []fixes.Ref
	for _, n := range list {
		for ns, name := range n.names {
			role, binding := kinds(ns)
			out = append(out, fixes.Ref{Kind: role, Namespace: ns, Name: name}, fixes.Ref{Kind: binding, Namespace: ns, Name: name})
		}
	}
	slices.SortFunc(out, fixes.Ref.Compare)
	return out
}

func kinds(namespace string) (role, binding fixes.Kind) {
	if namespace == "" {
		return fixes.KindClusterRole, fixes.KindClusterRoleBinding
	}
	return fixes.KindRole, fixes.KindRoleBinding
}

// freeName returns a name that neither a role nor a binding has.
func freeName(inv *fixes.Inventory, role, binding fixes.Kind, namespace, base string) string {
	name := base
	for n := 2; ; n++ {
		if inv.Get(fixes.Ref{Kind: role, Namespace: namespace, Name: name}) == nil &&
			inv.Get(fixes.Ref{Kind: binding, Namespace: namespace, Name: name}) == nil {
			return name
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
}

func (g grant) applyNarrowing(d *fixes.Draft, list []narrowing) error {
	for _, n := range list {
		if !bindsTo(d, g.Binding, n.subject) {
			continue // another rule's finding has narrowed it
		}
		for _, ns := range slices.Sorted(maps.Keys(n.names)) {
			kind, binding := kinds(ns)
			name := freeName(d.Inventory, kind, binding, ns, n.names[ns]) // another fix may have taken it
			meta := metav1.ObjectMeta{Namespace: ns, Name: name}
			var role fixes.Object = &rbacv1.Role{ObjectMeta: meta, Rules: n.Namespaces[ns]}
			if ns == "" {
				role = &rbacv1.ClusterRole{ObjectMeta: meta, Rules: n.Cluster}
			}
			if err := d.Create(role); err != nil {
				return err
			}
			if err := bind(d, fixes.Ref{Kind: binding, Namespace: ns, Name: name}, fixes.RefOf(role), n.subject); err != nil {
				return err
			}
		}
	}
	return unbind(d, g.Binding, g.to)
}

// days writes a time as days, or as hours below two days.
func days(d time.Duration) string {
	if d < 48*time.Hour {
		return count(int(d.Hours()), "hour")
	}
	return count(int(d.Hours()/24), "day")
}
