package access

import (
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/controllers"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

// grant is a binding that gives a dangerous right to somebody.
type grant struct {
	rbac.Bound
	// rights are the dangerous ones, as rules.
	rights []rbacv1.PolicyRule
	// to are the subjects that have them by this binding, outside of Kubernetes'
	// own and of controllers whose charts ask for them.
	to []rbacv1.Subject
}

// bindingKinds are what rules about bindings look at.
func bindingKinds() []fixes.Kind {
	return slices.Concat(rbac.Kinds(), fixes.WorkloadKinds(),
		[]fixes.Kind{fixes.KindNamespace, fixes.KindActivity, fixes.KindServed})
}

// finder returns the dangerous rights that a rule speaks of in what a binding
// gives; none where there are none.
type finder func(rbac.Bound) []rbacv1.PolicyRule

// reportGrants reports every binding that gives what find looks for. What a plan
// binds anew is for the next scan: no plan brings findings.
func reportGrants(p *fixes.Pass, find finder, report func(grant) fixes.Finding) {
	var before map[fixes.Ref]bool
	if scanned := p.Scanned(); scanned != p.Inventory {
		before = map[fixes.Ref]bool{}
		for _, g := range grants(scanned, find) {
			before[g.Binding] = true
		}
	}
	for _, g := range grants(p.Inventory, find) {
		if before == nil || before[g.Binding] {
			p.Report(report(g))
		}
	}
}

func grants(inv *fixes.Inventory, find finder) []grant {
	index, runners := rbac.Of(inv), rbac.RunnersOf(inv)
	log := fixes.Memo(inv, []fixes.Kind{fixes.KindActivity}, newDeeds)
	type scope struct {
		role       fixes.Ref
		everywhere bool
	}
	found := map[scope][]rbacv1.PolicyRule{}
	var out []grant
	for _, b := range index.Bindings() {
		at := scope{b.Role, b.Everywhere()}
		rights, known := found[at]
		if !known {
			rights = find(b)
			found[at] = rights
		}
		if len(rights) == 0 {
			continue
		}
		g := grant{Bound: b, rights: rights}
		for _, s := range b.Subjects {
			if !slices.Contains(g.to, s) && spokenOf(inv, b.Binding, s) && !leftAlone(index, runners, s, rights) && !log.needs(b, s, rights) {
				g.to = append(g.to, s)
			}
		}
		if len(g.to) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// spokenOf reports whether a scan speaks of a subject of a binding. One of a single
// namespace sees no pods of others, and is to change nothing for them: of what is
// bound everywhere it speaks as far as that is the namespace's own accounts.
func spokenOf(inv *fixes.Inventory, binding fixes.Ref, s rbacv1.Subject) bool {
	return inv.Namespace == "" || binding.Namespace != "" || s.Kind == rbacv1.ServiceAccountKind && s.Namespace == inv.Namespace
}

// installers are groups that installers make for a cluster's own administrators,
// whose members have no other way in (kubeadm: KEP-4214).
var installers = []string{"kubeadm:cluster-admins"}

// leftAlone reports whether a subject is a part of Kubernetes itself, or a
// controller that has no more than its chart asks for.
func leftAlone(index *rbac.Index, runners rbac.Runners, s rbacv1.Subject, rights []rbacv1.PolicyRule) bool {
	if index.System(s) || s.Kind == rbacv1.GroupKind && slices.Contains(installers, s.Name) {
		return true
	}
	if s.Kind != rbacv1.ServiceAccountKind {
		return false
	}
	c, ok := controllers.Of(runners[s])
	return ok && !slices.ContainsFunc(rights, func(r rbacv1.PolicyRule) bool { return !c.Asks(r) })
}

// where says where a binding counts.
func where(b rbac.Bound) string {
	if b.Everywhere() {
		return "in all namespaces"
	}
	if b.Binding.Namespace == fixes.Unnamed {
		return "in its namespace"
	}
	return "in " + b.Binding.Namespace
}

// finding begins a finding about a grant: its message names the whole way where
// there is one, and counts where there are several.
func (g grant) finding(inv *fixes.Inventory, does string) fixes.Finding {
	runners := rbac.RunnersOf(inv)
	var paths []string
	workloads, pods := 0, 0
	for _, s := range g.to {
		for _, path := range rbac.PathsOf(g.Bound, s, runners) {
			paths = append(paths, path.String())
		}
		if s.Kind == rbacv1.ServiceAccountKind {
			for _, w := range runners[s] {
				workloads++
				pods += len(inv.Pods(w))
			}
		}
	}
	f := fixes.Finding{Object: g.Binding, Path: "subjects", Severity: fixes.Medium}
	if len(paths) == 1 {
		f.Message = paths[0] + ": may " + does + "."
		f.Evidence = []string{"may " + rules(g.rights)}
	} else {
		f.Message = fmt.Sprintf("%s may %s: %s -> %s.", count(len(g.to), "subject"), does, g.Binding, g.Role)
		f.Evidence = append([]string{"may " + rules(g.rights)}, paths[:min(len(paths), named)]...)
		if more := len(paths) - named; more > 0 {
			f.Evidence = append(f.Evidence, fmt.Sprintf("and %d more", more))
		}
	}
	if workloads > 0 {
		affected := count(workloads, "workload") + " run with it"
		if pods > 0 {
			affected += ", in " + count(pods, "pod")
		}
		f.Evidence = append(f.Evidence, affected)
	}
	return f
}

// named is how many are told one by one.
const named = 8

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// rules writes rules as a person reads them ("get, list secrets; * pods.apps").
func rules(list []rbacv1.PolicyRule) string {
	out := make([]string, len(list))
	for i, r := range list {
		out[i] = rbac.Describe(r)
	}
	return strings.Join(out, "; ")
}

// everything reports whether rules allow all that there is.
func everything(list []rbacv1.PolicyRule) bool {
	return slices.ContainsFunc(list, func(r rbacv1.PolicyRule) bool {
		return slices.Contains(r.Verbs, "*") && slices.Contains(r.APIGroups, "*") && slices.Contains(r.Resources, "*") && len(r.ResourceNames) == 0
	})
}

// power is a right that is dangerous.
type power struct {
	verbs           []string
	group, resource string
	// named: it is dangerous also where it is limited to names.
	named bool
	// cluster: what it is about stands in no namespace, so a RoleBinding does not
	// give it.
	cluster bool
	// keyed: each of them is a subresource of its own ("userextras/scopes"); all
	// of them, or any, are as good as another.
	keyed bool
}

// held returns which of some powers a binding gives, as rules. A role with all
// rights is left to the rule about that.
func held(b rbac.Bound, powers []power) []rbacv1.PolicyRule {
	if everything(b.Rules) {
		return nil
	}
	var out []rbacv1.PolicyRule
	for _, pw := range powers {
		if pw.cluster && !b.Everywhere() {
			continue
		}
		var verbs []string
		for _, verb := range pw.verbs {
			if slices.ContainsFunc(b.Rules, func(r rbacv1.PolicyRule) bool { return pw.given(r, verb) }) {
				verbs = append(verbs, verb)
			}
		}
		if len(verbs) > 0 {
			out = append(out, rbacv1.PolicyRule{Verbs: verbs, APIGroups: []string{pw.group}, Resources: []string{pw.resource}})
		}
	}
	return out
}

func (pw power) given(r rbacv1.PolicyRule, verb string) bool {
	request := rbac.Request{Verb: verb, Group: pw.group, Resource: pw.resource}
	if pw.keyed {
		request.Resource += "/KEY"
		if i := slices.IndexFunc(r.Resources, func(name string) bool { return strings.HasPrefix(name, pw.resource+"/") }); i >= 0 {
			request.Resource = r.Resources[i]
		}
	}
	if pw.named && len(r.ResourceNames) > 0 {
		request.Name = r.ResourceNames[0]
	}
	return rbac.Allows(&r, request)
}

// rank gives a grant its severity: in all namespaces, in one to a ServiceAccount
// or to everybody, in one to people that are named.
func rank(g grant, everywhere, pods, people fixes.Severity) fixes.Severity {
	switch {
	case g.Everywhere():
		return everywhere
	case slices.ContainsFunc(g.to, func(s rbacv1.Subject) bool {
		return s.Kind == rbacv1.ServiceAccountKind || rbac.Everybody(s) || strings.HasPrefix(s.Name, rbac.ServiceAccounts)
	}):
		return pods
	}
	return people
}
