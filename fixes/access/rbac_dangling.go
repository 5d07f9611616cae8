package access

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
)

func dangling() *fixes.Rule {
	return &fixes.Rule{
		ID:         "rbac-dangling",
		Category:   fixes.Access,
		Title:      "A binding names a role or a ServiceAccount that is not there",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege},
		References: []fixes.Reference{fixes.CIS("5.1.1"), fixes.OWASP("K03")},
		Kinds:      append(rbac.Kinds(), fixes.KindServiceAccount, fixes.KindNamespace),
		Docs:       danglingDocs,
		Check:      checkDangling,
	}
}

const danglingDocs = `
A binding to what is not there gives nothing today. It waits: whoever makes a
ServiceAccount of that name, or the namespace that it stood in, gets the rights
without being asked whether they may have them; and so does everybody in the
binding when somebody makes a role of that name.

## What is looked at
In a running cluster: bindings whose role is not there, and subjects that are
ServiceAccounts which are not there, where all roles and ServiceAccounts could be
listed. Users and groups are known to no API server. Kubernetes' own bindings name
accounts of controllers that some clusters do not run, and are left alone.

## The fix
Deletes a binding whose role is not there, or which nobody is left in; takes
subjects that are not there out of others (review: an installer may be about to
make them).

## By hand
    kubectl get rolebindings,clusterrolebindings -A -o wide
    kubectl get serviceaccount NAME -n NAMESPACE
`

func checkDangling(p *fixes.Pass) {
	if !p.Live {
		return // what is not among manifests may be in the cluster
	}
	for _, kind := range []fixes.Kind{fixes.KindClusterRoleBinding, fixes.KindRoleBinding} {
		for _, obj := range p.List(kind) {
			if strings.HasPrefix(obj.GetName(), "system:") && obj.GetLabels()["kubernetes.io/bootstrapping"] != "" {
				continue
			}
			role, subjects := bindingOf(obj)
			if f, ok := danglingRole(p, obj, role); ok {
				p.Report(f)
			} else if f, ok := danglingSubjects(p, obj, subjects); ok {
				p.Report(f)
			}
		}
	}
}

func bindingOf(obj fixes.Object) (rbacv1.RoleRef, []rbacv1.Subject) {
	switch b := obj.(type) {
	case *rbacv1.ClusterRoleBinding:
		return b.RoleRef, b.Subjects
	case *rbacv1.RoleBinding:
		return b.RoleRef, b.Subjects
	}
	return rbacv1.RoleRef{}, nil
}

func danglingRole(p *fixes.Pass, obj fixes.Object, to rbacv1.RoleRef) (fixes.Finding, bool) {
	ref := fixes.Ref{Kind: fixes.KindClusterRole, Name: to.Name}
	if to.Kind == fixes.KindRole.Name {
		ref = fixes.Ref{Kind: fixes.KindRole, Namespace: obj.GetNamespace(), Name: to.Name}
	}
	if !p.Covers(ref.Kind, ref.Namespace) || p.Get(ref) != nil || p.Namespace != "" && obj.GetNamespace() == "" {
		return fixes.Finding{}, false
	}
	binding := fixes.RefOf(obj)
	return fixes.Finding{
		Object: binding, Path: "roleRef", Key: "role",
		Message: ref.String() + " is not there: whoever makes one of that name gives its rights to all subjects of the binding.",
		Fixes: []fixes.Fix{{
			Title:      "Delete " + binding.String(),
			Confidence: fixes.Review,
			Why:        "it gives nothing now; whether the role is to come is not known",
			Edit: func(d *fixes.Draft) error {
				d.Delete(binding)
				return nil
			},
		}},
	}, true
}

func danglingSubjects(p *fixes.Pass, obj fixes.Object, subjects []rbacv1.Subject) (fixes.Finding, bool) {
	if p.Scanned() != p.Inventory && p.Scanned().Get(fixes.RefOf(obj)) == nil {
		return fixes.Finding{}, false // a plan makes it, for an account that the scan's rules speak of
	}
	var gone []rbacv1.Subject
	var why []string
	for _, s := range subjects {
		c, ok := rbac.Canonical(s, obj.GetNamespace())
		if !ok || c.Kind != rbacv1.ServiceAccountKind || slices.Contains(gone, c) || there(p, c) {
			continue
		}
		gone = append(gone, c)
		if _, ok := fixes.Lookup[*corev1.Namespace](p.Inventory, "", c.Namespace); !ok && p.Covers(fixes.KindNamespace, "") {
			why = append(why, rbac.String(c)+", nor is its namespace")
		} else {
			why = append(why, rbac.String(c))
		}
	}
	if len(gone) == 0 {
		return fixes.Finding{}, false
	}
	binding := fixes.RefOf(obj)
	return fixes.Finding{
		Object: binding, Path: "subjects", Key: "subjects",
		Message:  "Names " + count(len(gone), "subject") + " not there: whoever makes a ServiceAccount of that name has its rights.",
		Evidence: []string{"not there: " + fixes.Listed(why)},
		Fixes: []fixes.Fix{{
			Title:      "Take what is not there out of " + binding.String(),
			Confidence: fixes.Review,
			Why:        "it gives nothing now; whether the account is to come is not known",
			Edit:       func(d *fixes.Draft) error { return unbind(d, binding, gone) },
		}},
	}, true
}

// there reports whether a ServiceAccount exists, or may exist where nobody
// looked. Each namespace gets its account default from a controller.
func there(p *fixes.Pass, s rbacv1.Subject) bool {
	if p.Namespace != "" && p.Namespace != s.Namespace || !p.Covers(fixes.KindServiceAccount, s.Namespace) {
		return true
	}
	if _, ok := fixes.Lookup[*corev1.ServiceAccount](p.Inventory, s.Namespace, s.Name); ok {
		return true
	}
	_, namespace := fixes.Lookup[*corev1.Namespace](p.Inventory, "", s.Namespace)
	return s.Name == "default" && namespace
}
