package access

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

// fix returns the ways to close a finding about a grant, the best first: narrowed
// to what an audit log shows, bound in the one namespace that is used, or by hand.
func (g grant) fix(p *fixes.Pass) []fixes.Fix {
	if fix, ok := g.narrow(p); ok {
		return []fixes.Fix{fix}
	}
	if fix, ok := g.rebind(p); ok {
		return []fixes.Fix{fix}
	}
	return []fixes.Fix{g.byHand()}
}

func (g grant) byHand() fixes.Fix {
	s := g.to[0]
	id := rbac.IdentityOf(s)
	as := "--as " + quote(id.User)
	if s.Kind == rbacv1.GroupKind {
		as = "--as anybody --as-group " + quote(s.Name)
	}
	scope := "-A"
	if !g.Everywhere() {
		scope = "-n " + g.Binding.Namespace
	}
	resource, verb := "'*'", "'*'"
	if r := g.rights[0]; len(r.Resources) > 0 {
		resource, verb = quote(rbac.ResourceName(r.APIGroups[0], r.Resources[0])), quote(r.Verbs[0])
	}
	return fixes.Fix{
		Title:      "Give it the rights that it needs and no others",
		Confidence: fixes.Manual,
		Why:        "what it needs is not known without an audit log",
		Steps: strings.Join([]string{
			"1. See what it needs: from an audit log of the API server this is computed, with the Roles written out:",
			"     kubectl harden --category access --audit-log FILE",
			"2. Without one, write a Role with what its documentation asks for, in each namespace that it works in, and bind that:",
			"     kubectl create role NAME -n NAMESPACE --verb=get,list,watch --resource=RESOURCE",
			"     kubectl create rolebinding NAME -n NAMESPACE --role=NAME " + subjectFlag(s),
			"3. Take the subject out of the old binding, or delete that where no other is left:",
			"     kubectl edit " + words(g.Binding),
			"4. Check that this answers no:",
			"     kubectl auth can-i " + verb + " " + resource + " " + scope + " " + as,
		}, "\n"),
	}
}

func subjectFlag(s rbacv1.Subject) string {
	switch s.Kind {
	case rbacv1.ServiceAccountKind:
		return "--serviceaccount=" + s.Namespace + ":" + s.Name
	case rbacv1.GroupKind:
		return "--group=" + quote(s.Name)
	}
	return "--user=" + quote(s.Name)
}

var plain = regexp.MustCompile(`^[A-Za-z0-9_./:@=+-]+$`)

// quote writes a word for a shell: names of users and groups may hold anything.
func quote(s string) string {
	if plain.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// words name an object to kubectl, quoted: names of roles and bindings may hold
// anything as well.
func words(ref fixes.Ref) string {
	out := quote(strings.ToLower(ref.Kind.Name) + "/" + ref.Name)
	if ref.Namespace != "" {
		out += " -n " + ref.Namespace
	}
	return out
}

// rebind turns a ClusterRoleBinding into RoleBindings in the namespaces of the
// ServiceAccounts that it names, where nothing shows that they work in others.
func (g grant) rebind(p *fixes.Pass) (fixes.Fix, bool) {
	if !g.Everywhere() {
		return fixes.Fix{}, false
	}
	runners := rbac.RunnersOf(p.Inventory)
	anchored := onlyNamespaced(g.Rules)
	var bindings []fixes.Ref
	var why []string
	for _, s := range g.to {
		if s.Kind != rbacv1.ServiceAccountKind || len(runners[s]) == 0 {
			return fixes.Fix{}, false
		}
		for _, w := range runners[s] {
			sign, roams := reach(w)
			if roams || sign == "" && !anchored {
				return fixes.Fix{}, false
			}
			if sign != "" {
				why = append(why, w.Ref().String()+": "+sign)
			}
		}
		ref := fixes.Ref{Kind: fixes.KindRoleBinding, Namespace: s.Namespace, Name: g.Binding.Name}
		if !slices.Contains(bindings, ref) {
			bindings = append(bindings, ref)
		}
	}
	for _, ref := range bindings {
		if p.Get(ref) != nil {
			return fixes.Fix{}, false // one of that name is there already
		}
	}
	if len(why) == 0 {
		why = []string{"all that the role allows stands in namespaces, and nothing shows that its pods look at others"}
	}
	names := make([]string, len(bindings))
	for i, ref := range bindings {
		names[i] = ref.Namespace
	}
	return fixes.Fix{
		Title:      "Bind " + g.Role.String() + " in namespace " + strings.Join(names, ", ") + " only",
		Confidence: fixes.Review,
		Why:        strings.Join(why, "; "),
		Risks:      []string{"What it does in other namespaces, and with what stands in none, is refused from then on."},
		Creates:    bindings,
		Edit: func(d *fixes.Draft) error {
			for _, s := range g.to {
				if !bindsTo(d, g.Binding, s) {
					continue
				}
				ref := fixes.Ref{Kind: fixes.KindRoleBinding, Namespace: s.Namespace, Name: g.Binding.Name}
				if err := bind(d, ref, g.Role, s); err != nil {
					return err
				}
			}
			return unbind(d, g.Binding, g.to)
		},
	}, true
}

// onlyNamespaced reports whether all that rules allow stands in namespaces, as
// far as is known.
func onlyNamespaced(list []rbacv1.PolicyRule) bool {
	for _, r := range list {
		if len(r.NonResourceURLs) > 0 {
			return false
		}
		for _, group := range r.APIGroups {
			for _, resource := range r.Resources {
				if namespaced, known := rbac.Namespaced(group, resource); !known || !namespaced {
					return false
				}
			}
		}
	}
	return true
}

var (
	roaming  = regexp.MustCompile(`(?i)^-?-?(all-namespaces|watch-all-namespaces|cluster-wide|clusterwide)(=true)?$`)
	staying  = regexp.MustCompile(`(?i)^--?(watch-)?namespaces?=([a-z0-9-]+)$`)
	watching = regexp.MustCompile(`(?i)^(WATCH|TARGET|OPERATOR_WATCH)_NAMESPACES?$`)
)

// reach returns what shows that a workload keeps to its own namespace, and
// whether something shows that it does not.
func reach(w fixes.Workload) (sign string, roams bool) {
	own := w.Object.GetNamespace()
	for c := range w.Containers() {
		for _, word := range slices.Concat(c.Command, c.Args) {
			if m := staying.FindStringSubmatch(word); m != nil {
				if m[2] != own {
					return "", true
				}
				sign = "argument " + word
			}
			if roaming.MatchString(word) {
				return "", true
			}
		}
		for _, e := range c.Env {
			if !watching.MatchString(e.Name) {
				continue
			}
			byField := e.ValueFrom != nil && e.ValueFrom.FieldRef != nil && e.ValueFrom.FieldRef.FieldPath == "metadata.namespace"
			if e.Value != own && !byField {
				return "", true
			}
			sign = "variable " + e.Name + " is its own namespace"
		}
	}
	return sign, false
}

// bindsTo reports whether a binding of the draft still names a subject.
func bindsTo(d *fixes.Draft, binding fixes.Ref, s rbacv1.Subject) bool {
	var list []rbacv1.Subject
	switch b := d.Get(binding).(type) {
	case *rbacv1.ClusterRoleBinding:
		list = b.Subjects
	case *rbacv1.RoleBinding:
		list = b.Subjects
	}
	return slices.ContainsFunc(list, func(have rbacv1.Subject) bool {
		c, ok := rbac.Canonical(have, binding.Namespace)
		return ok && c == s
	})
}

// unbind takes subjects out of a binding, and the binding away where nobody is
// left in it.
func unbind(d *fixes.Draft, binding fixes.Ref, gone []rbacv1.Subject) error {
	if d.Get(binding) == nil || !slices.ContainsFunc(gone, func(s rbacv1.Subject) bool { return bindsTo(d, binding, s) }) {
		return nil
	}
	obj, err := fixes.EditObject(d, binding)
	if err != nil {
		return err
	}
	without := func(list []rbacv1.Subject) []rbacv1.Subject {
		return slices.DeleteFunc(list, func(have rbacv1.Subject) bool {
			c, ok := rbac.Canonical(have, binding.Namespace)
			return ok && slices.Contains(gone, c)
		})
	}
	left := 0
	switch b := obj.(type) {
	case *rbacv1.ClusterRoleBinding:
		b.Subjects = without(b.Subjects)
		left = len(b.Subjects)
	case *rbacv1.RoleBinding:
		b.Subjects = without(b.Subjects)
		left = len(b.Subjects)
	}
	if left == 0 {
		d.Delete(binding)
	}
	return nil
}

// bind names a subject in a binding to a role, which is made if it is not there.
func bind(d *fixes.Draft, ref, role fixes.Ref, s rbacv1.Subject) error {
	if s.Kind != rbacv1.ServiceAccountKind {
		s.APIGroup = rbacv1.GroupName
	}
	if d.Get(ref) == nil {
		meta := metav1.ObjectMeta{Namespace: ref.Namespace, Name: ref.Name}
		to := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: role.Kind.Name, Name: role.Name}
		if ref.Kind == fixes.KindClusterRoleBinding {
			return d.Create(&rbacv1.ClusterRoleBinding{ObjectMeta: meta, RoleRef: to, Subjects: []rbacv1.Subject{s}})
		}
		return d.Create(&rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: to, Subjects: []rbacv1.Subject{s}})
	}
	if c, ok := rbac.Canonical(s, ref.Namespace); ok && bindsTo(d, ref, c) {
		return nil
	}
	obj, err := fixes.EditObject(d, ref)
	if err != nil {
		return err
	}
	switch b := obj.(type) {
	case *rbacv1.ClusterRoleBinding:
		b.Subjects = append(b.Subjects, s)
	case *rbacv1.RoleBinding:
		b.Subjects = append(b.Subjects, s)
	default:
		return fmt.Errorf("%s is no binding", ref)
	}
	return nil
}

// isToken reports whether a Secret is a ServiceAccount's long-lived token.
func isToken(s *corev1.Secret) bool { return s.Type == corev1.SecretTypeServiceAccountToken }
