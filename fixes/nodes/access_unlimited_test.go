package nodes

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func clusterRole(name, meta, rules string) string {
	return "\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: " + name + meta + "}\nrules: [" + rules + "]\n"
}

func bindingTo(role, subjects string) string {
	return "\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: " + role + "}\n" +
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: " + role + "}\nsubjects: [" + subjects + "]\n"
}

func roleBinding(namespace, role, group string) string {
	return "\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: b, namespace: " + namespace + "}\n" +
		"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: " + role + "}\n" +
		"subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: " + group + "}]\n"
}

const (
	someNamespaces = "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: pay}\n"

	devs     = "{apiGroup: rbac.authorization.k8s.io, kind: Group, name: devs}"
	execRule = `{apiGroups: [""], resources: [pods/exec, pods/attach], verbs: [create]}`
	readPods = `{apiGroups: [""], resources: [pods, pods/log], verbs: [get, list, watch]}`
	services = `{apiGroups: [""], resources: [services, pods/exec], verbs: ["*"]}`
	boot     = ", labels: {kubernetes.io/bootstrapping: rbac-defaults}"
)

func TestAccessUnlimited(t *testing.T) {
	found := func(role, confidence string) []string {
		return []string{"ClusterRoleBinding " + role + " roleRef " + confidence}
	}
	only := clusterRole("enter", "", execRule+", "+readPods) + bindingTo("enter", devs)
	mixed := clusterRole("ops", "", services) + bindingTo("ops", devs)
	view := clusterRole("view", boot, readPods) + someNamespaces
	fixestest.Table(t, accessUnlimited(), []fixestest.Case{
		{Name: "nothing", Objects: clusterRole("view", boot, readPods) + bindingTo("view", devs), Live: true},
		{Name: "in one namespace", Objects: clusterRole("enter", "", execRule) + roleBinding("shop", "enter", "devs"), Live: true},
		{Name: "nobody knows where it is needed", Objects: only, Live: true, Want: found("enter", "manual")},
		{Name: "it is bound in a namespace", Objects: only + view + roleBinding("shop", "view", "devs"), Live: true, Want: found("enter", "review"),
			Diff: []string{"+ kind: RoleBinding", "+ namespace: shop", "+ - pods/exec", "+ name: devs", "- name: enter"}, NotDiff: []string{"+ - pods/attach"}},
		{Name: "as it is in manifests", Objects: only + view + roleBinding("shop", "view", "devs"), Want: found("enter", "review")},
		{Name: "others' namespaces do not count", Objects: only + view + roleBinding("shop", "view", "others"), Live: true, Want: found("enter", "manual")},
		{Name: "the system's neither", Objects: only + view + roleBinding("kube-system", "view", "devs"), Live: true, Want: found("enter", "manual")},
		{Name: "a role for other things too", Objects: mixed + view + roleBinding("shop", "view", "devs"), Live: true, Want: found("ops", "review"),
			Diff: []string{"- - pods/exec", "+ - pods/exec"}, NotDiff: []string{"- - services"}},
		{Name: "one that RoleBindings give too", Objects: mixed + roleBinding("shop", "ops", "devs"), Live: true, Want: found("ops", "manual")},
		{Name: "Kubernetes' own", Objects: clusterRole("edit", boot, services) + bindingTo("edit", devs) + view + roleBinding("shop", "view", "devs"), Live: true, Want: found("edit", "manual")},
		{Name: "a part of others", Objects: clusterRole("ops", `, labels: {rbac.authorization.k8s.io/aggregate-to-edit: "true"}`, services) + bindingTo("ops", devs) + view + roleBinding("shop", "view", "devs"),
			Live: true, Want: found("ops", "manual")},
		{Name: "a wildcard", Objects: clusterRole("ops", "", `{apiGroups: [""], resources: ["*"], verbs: [get]}`) + bindingTo("ops", devs) + view + roleBinding("shop", "view", "devs"), Live: true, Want: found("ops", "manual")},
		{Name: "everything is another rule's", Objects: clusterRole("all", "", `{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}`) + bindingTo("all", devs), Live: true},
		{Name: "Kubernetes' own subjects", Objects: clusterRole("enter", "", execRule) + bindingTo("enter", `{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:nodes"}`), Live: true},
		{Name: "and others beside them", Objects: clusterRole("enter", "", execRule) + bindingTo("enter", `{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:nodes"}, `+devs) + view + roleBinding("shop", "view", "devs"),
			Live: true, Want: found("enter", "manual")},
		{Name: "the kubelet's API", Objects: clusterRole("scrape", "", `{apiGroups: [""], resources: [nodes/proxy], verbs: [get]}`) + bindingTo("scrape", "{kind: ServiceAccount, name: prometheus, namespace: monitoring}"),
			Live: true, Want: found("scrape", "manual")},
		{Name: "ports", Objects: clusterRole("ports", "", `{apiGroups: [""], resources: [pods/portforward], verbs: [create]}`) + bindingTo("ports", devs), Live: true, Want: found("ports", "manual")},
	})
}

// TestExecGroup gives exec to the groups that were named, each time once.
func TestExecGroup(t *testing.T) {
	inv := fixestest.Load(t, clusterRole("enter", "", execRule)+bindingTo("enter", devs)+clusterRole("more", "", execRule)+bindingTo("more", devs)+someNamespaces)
	inv.Live, inv.Exec = true, []fixes.ExecGrant{{Namespace: "shop", Group: "devs"}, {Namespace: "shop", Group: "oncall"}, {Namespace: "pay", Group: "payers"}}
	result := fixes.Scan(inv, []*fixes.Rule{accessUnlimited()})
	if lines := fixestest.Lines(result.Findings); len(lines) != 2 {
		t.Fatalf("findings: %q", lines)
	}
	diff := strings.Join(fixestest.ClosedLoop(t, result), "\n")
	for text, n := range map[string]int{"+ kind: Role": 4, "+ kind: RoleBinding": 2, "+ name: devs": 1, "+ name: oncall": 1, "+ name: payers": 1} {
		if got := strings.Count(diff+"\n", text+"\n"); got != n {
			t.Errorf("%q stands %d times in\n%s", text, got, diff)
		}
	}
	inv.Exec = append(inv.Exec, fixes.ExecGrant{Namespace: "gone", Group: "devs"})
	if fix := accessUnlimited().Run(inv)[0].Fix(); fix.Confidence != fixes.Manual || fix.Why != "namespace gone is not there" {
		t.Errorf("a namespace that is not there: %+v", fix)
	}
	inv.Namespace = "shop"
	if found := accessUnlimited().Run(inv); len(found) > 0 {
		t.Errorf("judged by one namespace: %v", found)
	}
	if title := result.Findings[0].Fix().Title; title != "Give exec to devs in shop, oncall in shop, payers in pay alone" {
		t.Error(title)
	}
}

func TestUnlimitedSeverity(t *testing.T) {
	for subject, want := range map[string]fixes.Severity{
		devs: fixes.High,
		`{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}`:       fixes.Critical,
		`{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:serviceaccounts:web"}`: fixes.Critical,
	} {
		f := accessUnlimited().Run(fixestest.Load(t, clusterRole("enter", "", execRule)+bindingTo("enter", subject)))
		if len(f) != 1 || f[0].Severity != want {
			t.Errorf("%s: %v", subject, f)
		}
	}
}
