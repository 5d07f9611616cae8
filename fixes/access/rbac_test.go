package access

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// admin is the role that every API server has.
const admin = `
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: cluster-admin, labels: {kubernetes.io/bootstrapping: rbac-defaults}}
rules:
- {apiGroups: ["*"], resources: ["*"], verbs: ["*"]}
- {nonResourceURLs: ["*"], verbs: ["*"]}
`

// worker runs as a ServiceAccount of its own.
const worker = `
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: worker, namespace: shop}
spec:
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker}}
    spec:
      serviceAccountName: worker
      containers:
      - {name: worker, image: example.com/worker, args: [ARGS]}
`

func runs(args string) string { return strings.Replace(worker, "ARGS", args, 1) }

// binds is a ClusterRoleBinding of a role to a subject.
func binds(role, subject string) string {
	return `
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: x}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ` + role + `}
subjects: [` + subject + `]
`
}

// bindsIn is a RoleBinding in shop.
func bindsIn(role, subject string) string {
	return strings.Replace(strings.Replace(binds(role, subject), "ClusterRoleBinding", "RoleBinding", 1), "{name: x}", "{name: x, namespace: shop}", 1)
}

// role is a ClusterRole r.
func role(rules string) string {
	return `
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: r}
rules: [` + rules + `]
`
}

const (
	workerAccount = `{kind: ServiceAccount, name: worker, namespace: shop}`
	alice         = `{apiGroup: rbac.authorization.k8s.io, kind: User, name: alice}`
)

// logOf is a log of 40 days in which subjects did something.
func logOf(activities ...*fixes.Activity) []fixes.Object {
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	log := &fixes.Activity{From: at.Add(-40 * 24 * time.Hour), To: at}
	out := []fixes.Object{log}
	for _, a := range activities {
		out = append(out, a)
	}
	return out
}

func did(user string, groups []string, uses ...fixes.Use) *fixes.Activity {
	return &fixes.Activity{ObjectMeta: metav1.ObjectMeta{Name: user}, Groups: groups, Uses: uses}
}

const workerUser = "system:serviceaccount:shop:worker"

func TestClusterAdmin(t *testing.T) {
	fixestest.Table(t, clusterAdmin(), []fixestest.Case{{
		Name:    "a person, without a log",
		Objects: admin + binds("cluster-admin", alice),
		Want:    []string{"ClusterRoleBinding x subjects manual"},
	}, {
		Name:    "manifests, which do not hold the cluster's own roles",
		Objects: binds("cluster-admin", alice),
		Want:    []string{"ClusterRoleBinding x subjects manual"},
	}, {
		Name:    "a role of another name that allows everything",
		Objects: role(`{apiGroups: ["*"], resources: ["*"], verbs: ["*"]}`) + bindsIn("r", alice),
		Want:    []string{"RoleBinding shop/x subjects manual"},
	}, {
		Name:    "Kubernetes' own, and kubeadm's administrators",
		Objects: admin + binds("cluster-admin", `{kind: Group, name: "system:masters"}, {kind: Group, name: "kubeadm:cluster-admins"}, {kind: User, name: "system:kube-controller-manager"}`),
	}, {
		Name:    "its pods keep to their namespace",
		Objects: admin + binds("cluster-admin", workerAccount) + runs(`"--namespace=shop"`),
		Want:    []string{"ClusterRoleBinding x subjects review"},
		Diff:    []string{"+ kind: RoleBinding", "+ namespace: shop", "- kind: ClusterRoleBinding"},
	}, {
		Name:    "nothing shows that they do",
		Objects: admin + binds("cluster-admin", workerAccount) + runs(""),
		Want:    []string{"ClusterRoleBinding x subjects manual"},
	}, {
		Name:    "their arguments say that they do not",
		Objects: admin + binds("cluster-admin", workerAccount) + runs(`"--namespace=shop", "--all-namespaces"`),
		Want:    []string{"ClusterRoleBinding x subjects manual"},
	}, {
		Name: "a controller whose chart asks for it",
		Objects: strings.Replace(admin+binds("cluster-admin", workerAccount)+runs(""),
			"example.com/worker", "ghcr.io/fluxcd/kustomize-controller:v1.4.0", 1),
	}, {
		Name: "with something else beside it",
		Objects: strings.Replace(admin+binds("cluster-admin", workerAccount)+runs(""),
			"example.com/worker", "ghcr.io/fluxcd/kustomize-controller:v1.4.0", 1) + strings.Replace(runs(""), "name: worker, namespace", "name: other, namespace", 1),
		Want: []string{"ClusterRoleBinding x subjects manual"},
	}, {
		Name:    "narrowed to what the log shows",
		Objects: admin + binds("cluster-admin", workerAccount+", "+alice) + runs(""),
		Facts: logOf(
			did(workerUser, nil, fixes.Use{Verb: "get", Resource: "configmaps", Namespace: "shop", Names: []string{"settings"}},
				fixes.Use{Verb: "list", Resource: "pods", Namespace: "shop", AllNames: true}),
			did("alice", nil, fixes.Use{Verb: "list", Resource: "nodes", AllNames: true})),
		Want:    []string{"ClusterRoleBinding x subjects safe"},
		Diff:    []string{"+ kind: Role", "+ - settings", "+ - configmaps", "+ - nodes", "- kind: ClusterRoleBinding", "+ kind: ClusterRole"},
		NotDiff: []string{"+ - '*'", "+ - secrets"},
	}, {
		Name:    "one of them did nothing",
		Objects: admin + binds("cluster-admin", workerAccount+", "+alice) + runs(""),
		Facts:   logOf(did("alice", nil, fixes.Use{Verb: "list", Resource: "nodes", AllNames: true})),
		Want:    []string{"ClusterRoleBinding x subjects review"},
	}, {
		Name:    "a log that is old",
		Live:    true,
		Now:     time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
		Objects: admin + binds("cluster-admin", alice),
		Facts:   logOf(did("alice", nil, fixes.Use{Verb: "list", Resource: "nodes", AllNames: true})),
		Want:    []string{"ClusterRoleBinding x subjects review"},
	}, {
		Name:    "who writes roles needs what no log shows",
		Objects: admin + binds("cluster-admin", alice),
		Facts:   logOf(did("alice", nil, fixes.Use{Verb: "create", Group: "rbac.authorization.k8s.io", Resource: "roles", Namespace: "shop", AllNames: true})),
		Want:    []string{"ClusterRoleBinding x subjects review"},
	}, {
		Name:    "a group did what its members did",
		Objects: admin + binds("cluster-admin", `{kind: Group, name: devs}`),
		Facts:   logOf(did("bob", []string{"devs"}, fixes.Use{Verb: "get", Path: "/metrics"})),
		Want:    []string{"ClusterRoleBinding x subjects safe"},
		Diff:    []string{"+ - /metrics", "+ name: devs"},
	}})
}

func TestWildcard(t *testing.T) {
	served := &fixes.Served{Resources: []fixes.ServedResource{
		{Group: "apps", Name: "deployments", Namespaced: true, Verbs: []string{"get", "list", "create"}},
		{Group: "apps", Name: "deployments/scale", Namespaced: true, Verbs: []string{"get", "update"}},
		{Group: "batch", Name: "jobs", Namespaced: true, Verbs: []string{"get"}},
	}}
	fixestest.Table(t, wildcard(), []fixestest.Case{{
		Name:    "all resources of a group",
		Objects: role(`{apiGroups: [apps], resources: ["*"], verbs: [get, list]}`) + bindsIn("r", alice),
		Want:    []string{"RoleBinding shop/x subjects manual"},
	}, {
		Name:    "all verbs, written out",
		Objects: role(`{apiGroups: [apps], resources: ["*"], verbs: ["*"]}, {apiGroups: [""], resources: [pods], verbs: [get]}`) + binds("r", alice),
		Facts:   []fixes.Object{served},
		Want:    []string{"ClusterRoleBinding x subjects review"},
		Diff:    []string{"- - '*'", "+ - deployments", "+ - deployments/scale", "+ - update"},
		NotDiff: []string{"+ - jobs", "- - pods"},
	}, {
		Name:    "one role of two bindings is written out once",
		Objects: role(`{apiGroups: [batch], resources: ["*"], verbs: [get]}`) + binds("r", alice) + bindsIn("r", alice),
		Facts:   []fixes.Object{served},
		Want:    []string{"ClusterRoleBinding x subjects review", "RoleBinding shop/x subjects review"},
	}, {
		Name:    "everything is for rbac-cluster-admin, and */scale is no wildcard",
		Objects: admin + binds("cluster-admin", alice) + role(`{apiGroups: [apps], resources: ["*/scale"], verbs: [update]}`) + bindsIn("r", alice),
	}, {
		Name: "what the chart of Argo CD asks for",
		Objects: role(`{apiGroups: ["*"], resources: ["*"], verbs: [delete, get, patch]}`) + binds("r", workerAccount) +
			strings.Replace(runs("argocd-server"), "example.com/worker", "quay.io/argoproj/argocd:v2.14.0", 1),
	}, {
		Name: "and more",
		Objects: role(`{apiGroups: ["*"], resources: ["*"], verbs: [delete, get, patch, create]}`) + binds("r", workerAccount) +
			strings.Replace(runs("argocd-server"), "example.com/worker", "quay.io/argoproj/argocd:v2.14.0", 1),
		Want: []string{"ClusterRoleBinding x subjects manual"},
	}})
}

func TestEscalation(t *testing.T) {
	fixestest.Table(t, escalation(), []fixestest.Case{{
		Name:    "by each of the ways",
		Objects: role(`{apiGroups: [""], resources: [users, groups], resourceNames: [root], verbs: [impersonate]}, {apiGroups: [certificates.k8s.io], resources: [signers], verbs: [approve]}`) + binds("r", alice),
		Want:    []string{"ClusterRoleBinding x subjects manual"},
	}, {
		Name:    "acting with an extra, each of which is a subresource",
		Objects: role(`{apiGroups: [authentication.k8s.io], resources: [userextras/scopes], verbs: [impersonate]}`) + binds("r", alice),
		Want:    []string{"ClusterRoleBinding x subjects manual"},
	}, {
		Name:    "acting with all extras",
		Objects: role(`{apiGroups: [authentication.k8s.io], resources: ["*"], verbs: [impersonate]}`) + binds("r", alice),
		Want:    []string{"ClusterRoleBinding x subjects manual"},
	}, {
		Name:    "userextras alone, which no request is for",
		Objects: role(`{apiGroups: [authentication.k8s.io], resources: [userextras], verbs: [impersonate]}`) + binds("r", alice),
	}, {
		Name:    "bind in one namespace",
		Objects: role(`{apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [bind]}`) + bindsIn("r", alice),
		Want:    []string{"RoleBinding shop/x subjects manual"},
	}, {
		Name:    "whoever makes pods there acts as its ServiceAccounts anyway",
		Objects: role(`{apiGroups: [""], resources: [serviceaccounts], verbs: [impersonate]}, {apiGroups: [""], resources: [pods], verbs: [create]}`) + bindsIn("r", alice),
	}, {
		Name:    "a RoleBinding gives nothing of what stands in no namespace",
		Objects: role(`{apiGroups: [""], resources: [users], verbs: [impersonate]}`) + bindsIn("r", alice),
	}, {
		Name:    "used as the log shows, tokens of one account",
		Objects: role(`{apiGroups: [""], resources: [serviceaccounts/token], verbs: [create]}`) + binds("r", workerAccount) + runs(""),
		Facts:   logOf(did(workerUser, nil, fixes.Use{Verb: "create", Resource: "serviceaccounts/token", Namespace: "shop", Names: []string{"robot"}})),
		Want:    []string{"ClusterRoleBinding x subjects safe"},
		Diff:    []string{"+ - robot", "+ kind: Role"},
	}})
}

func TestReadSecrets(t *testing.T) {
	fixestest.Table(t, readSecrets(), []fixestest.Case{{
		Name:    "a pod's account, everywhere, where nothing shows that it needs that",
		Objects: role(`{apiGroups: [""], resources: [secrets], verbs: [get, list]}`) + binds("r", workerAccount) + runs(""),
		Want:    []string{"ClusterRoleBinding x subjects review"},
	}, {
		Name:    "with nodes, which stand in no namespace",
		Objects: role(`{apiGroups: [""], resources: [secrets, nodes], verbs: [get, list]}`) + binds("r", workerAccount) + runs(""),
		Want:    []string{"ClusterRoleBinding x subjects manual"},
	}, {
		Name:    "by name only",
		Objects: role(`{apiGroups: [""], resources: [secrets], resourceNames: [db], verbs: [get]}`) + binds("r", alice),
	}, {
		Name: "aggregated, in a loop",
		Objects: strings.Replace(role(""), "{name: r}", "{name: r, labels: {into: r}}", 1) + `
aggregationRule: {clusterRoleSelectors: [{matchLabels: {into: r}}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: part, labels: {into: r}}
rules: [{apiGroups: [""], resources: [secrets], verbs: [watch]}]
` + bindsIn("r", alice),
		Want: []string{"RoleBinding shop/x subjects manual"},
	}, {
		Name:    "ingress-nginx, as its chart has it",
		Objects: role(`{apiGroups: [""], resources: [secrets], verbs: [list, watch]}`) + binds("r", workerAccount) + strings.Replace(runs(""), "example.com/worker", "registry.k8s.io/ingress-nginx/controller:v1.12.1@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1", 1),
	}, {
		Name:    "used in full is needed",
		Objects: role(`{apiGroups: [""], resources: [secrets], verbs: [list]}`) + binds("r", alice),
		Facts:   logOf(did("alice", nil, fixes.Use{Verb: "list", Resource: "secrets", AllNames: true})),
	}, {
		Name:    "used in one namespace",
		Objects: role(`{apiGroups: [""], resources: [secrets], verbs: [get, list]}`) + binds("r", alice),
		Facts:   logOf(did("alice", nil, fixes.Use{Verb: "list", Resource: "secrets", Namespace: "shop", AllNames: true})),
		Want:    []string{"ClusterRoleBinding x subjects safe"},
		Diff:    []string{"+ kind: RoleBinding", "+ - list"},
		NotDiff: []string{"+ - get"},
	}})
}

func TestPathIsNamed(t *testing.T) {
	inv := fixestest.Load(t, role(`{apiGroups: [""], resources: [secrets], verbs: [get]}`)+bindsIn("r", workerAccount)+runs(""))
	findings := readSecrets().Run(inv)
	const want = "Deployment shop/worker -> ServiceAccount worker -> RoleBinding x -> ClusterRole r: may read every Secret in shop."
	if len(findings) != 1 || findings[0].Message != want {
		t.Errorf("%+v, want %q", findings, want)
	}
}

func TestCreateWorkloads(t *testing.T) {
	fixestest.Table(t, createWorkloads(), []fixestest.Case{{
		Name:    "a Deployment's image",
		Objects: role(`{apiGroups: [apps], resources: [deployments], verbs: [patch]}`) + bindsIn("r", alice),
		Want:    []string{"RoleBinding shop/x subjects manual"},
	}, {
		Name:    "its replicas",
		Objects: role(`{apiGroups: [apps], resources: [deployments/scale], verbs: [patch]}, {apiGroups: [apps], resources: [deployments], verbs: [get, delete]}`) + bindsIn("r", alice),
	}, {
		Name:    "two subjects, one of them a pod's",
		Objects: role(`{apiGroups: [""], resources: [pods], verbs: [create]}`) + binds("r", alice+","+workerAccount) + runs(""),
		Want:    []string{"ClusterRoleBinding x subjects manual"},
	}})
}

func TestAnonymous(t *testing.T) {
	fixestest.Table(t, anonymous(), []fixestest.Case{{
		Name:    "among others",
		Objects: role(`{apiGroups: [""], resources: [pods], verbs: [get]}`) + binds("r", alice+`, {kind: User, name: "system:anonymous"}`),
		Want:    []string{"ClusterRoleBinding x subjects review"},
		Diff:    []string{"- name: system:anonymous"},
	}, {
		Name:    "alone",
		Objects: role(`{apiGroups: [""], resources: [pods], verbs: [get]}`) + bindsIn("r", `{kind: Group, name: "system:serviceaccounts"}, {kind: Group, name: "system:unauthenticated"}`),
		Want:    []string{"RoleBinding shop/x subjects review"},
		Diff:    []string{"- kind: RoleBinding"},
	}, {
		Name: "the API server's own",
		Objects: strings.Replace(role(`{nonResourceURLs: [/version], verbs: [get]}`), "{name: r}", `{name: "system:public-info-viewer", labels: {kubernetes.io/bootstrapping: rbac-defaults}}`, 1) +
			binds(`"system:public-info-viewer"`, `{kind: Group, name: "system:unauthenticated"}`),
	}, {
		Name: "kubeadm's cluster-info",
		Objects: `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r, namespace: kube-public}
rules: [{apiGroups: [""], resources: [configmaps], resourceNames: [cluster-info], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: x, namespace: kube-public}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}
subjects: [{kind: User, name: "system:anonymous"}]
`,
	}})
}

func TestDangling(t *testing.T) {
	const shop = `
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: worker, namespace: shop}
`
	fixestest.Table(t, dangling(), []fixestest.Case{{
		Name: "a role that is not there", Live: true,
		Objects: shop + bindsIn("gone", workerAccount),
		Want:    []string{"RoleBinding shop/x roleRef review"},
		Diff:    []string{"- kind: RoleBinding"},
	}, {
		Name:    "which manifests may leave out",
		Objects: shop + bindsIn("gone", workerAccount),
	}, {
		Name: "one subject of three", Live: true,
		Objects: shop + role("") + bindsIn("r", workerAccount+`, {kind: ServiceAccount, name: gone}, {kind: ServiceAccount, name: default}`),
		Want:    []string{"RoleBinding shop/x subjects review"},
		Diff:    []string{"- name: gone"},
		NotDiff: []string{"- name: worker", "- name: default"},
	}, {
		Name: "all of them, and their namespace", Live: true,
		Objects: shop + role("") + binds("r", `{kind: ServiceAccount, name: default, namespace: gone}`),
		Want:    []string{"ClusterRoleBinding x subjects review"},
		Diff:    []string{"- kind: ClusterRoleBinding"},
	}, {
		Name: "people are known to nobody", Live: true,
		Objects: shop + role("") + binds("r", alice),
	}})
}

func TestDanglingWhereNobodyLooked(t *testing.T) {
	inv := fixestest.Load(t, bindsIn("gone", workerAccount))
	inv.Live = true
	for _, kind := range []fixes.Kind{fixes.KindClusterRole, fixes.KindServiceAccount} {
		inv.Skip(fixes.Skip{Resource: kind.String(), Reason: "forbidden"})
	}
	if got := dangling().Run(inv); len(got) != 0 {
		t.Errorf("%v", fixestest.Lines(got))
	}
}

// TestHostileNames: what a person is to copy into a shell is quoted.
func TestHostileNames(t *testing.T) {
	inv := fixestest.Load(t, strings.Replace(role(`{apiGroups: [""], resources: [secrets], verbs: [get]}`)+
		binds("r", `{kind: User, name: "a'; rm -rf /\e[2J"}`), "{name: x}", `{name: "x; reboot"}`, 1))
	findings := readSecrets().Run(inv)
	if len(findings) != 1 {
		t.Fatalf("%d findings", len(findings))
	}
	steps := findings[0].Fixes[0].Steps
	for _, want := range []string{"'clusterrolebinding/x; reboot'", `'a'\''; rm -rf /\x1b[2J'`} {
		if !strings.Contains(steps, want) {
			t.Errorf("the steps lack %s:\n%s", want, steps)
		}
	}
	if text := steps + findings[0].Message; strings.ContainsRune(text, '\x1b') {
		t.Errorf("an escape sequence is shown: %q", text)
	}
}
