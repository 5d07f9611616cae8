package secrets

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const dbSecret = `
---
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: shop}
stringData: {DB_PASSWORD: ` + password + `, DB_USER: shop, OTHER: x}
`

func fromAllDeployment(container string) string {
	return `
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: x}}
  template:
    metadata: {labels: {app: x}}
    spec: {containers: [{name: web, image: x, ` + container + `}]}
`
}

func TestFromAll(t *testing.T) {
	const at = "Deployment shop/web spec.template.spec.containers[0].envFrom[0].secretRef "
	fixestest.Table(t, fromAll(), []fixestest.Case{{
		Name: "two keys are named",
		Objects: dbSecret + fromAllDeployment(`envFrom: [{secretRef: {name: db, optional: true}}], args: ["--user=$(DB_USER)"],
          env: [{name: URL, value: "postgres://$(DB_USER):$(DB_PASSWORD)@db"}, {name: X, value: "$$(OTHER)"}]`),
		Want:    []string{at + "review"},
		Diff:    []string{"+ key: DB_PASSWORD", "+ key: DB_USER", "+ optional: true", "- envFrom:"},
		NotDiff: []string{"+ key: OTHER"},
	}, {
		Name:    "by a prefix, in a script",
		Objects: dbSecret + fromAllDeployment(`envFrom: [{prefix: P_, secretRef: {name: db}}], command: [sh, -c, 'login "${P_DB_PASSWORD}" $DB_USER']`),
		Want:    []string{at + "review"},
		Diff:    []string{"+ - name: P_DB_PASSWORD", "+ key: DB_PASSWORD"},
		NotDiff: []string{"+ key: DB_USER"},
	}, {
		Name: "a later source has the name, and wins",
		Objects: dbSecret + fromAllDeployment(`envFrom: [{secretRef: {name: db}}, {configMapRef: {name: c}}], args: ["$(DB_USER)", "$(OTHER)"]`) + `
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c, namespace: shop}
data: {DB_USER: x}
`,
		Want:    []string{at + "review"},
		Diff:    []string{"+ key: OTHER"},
		NotDiff: []string{"+ key: DB_USER"},
	}, {
		Name:    "a later source that is not seen",
		Objects: dbSecret + fromAllDeployment(`envFrom: [{secretRef: {name: db}}, {configMapRef: {name: c}}], args: ["$(DB_USER)"]`),
		Want:    []string{at + "manual"},
	}, {
		Name:    "nothing is named",
		Objects: dbSecret + fromAllDeployment(`envFrom: [{secretRef: {name: db}}]`),
		Want:    []string{at + "manual"},
	}, {
		Name:    "a Secret that is not seen",
		Objects: fromAllDeployment(`envFrom: [{secretRef: {name: db}}], args: ["$(DB_USER)"]`),
		Want:    []string{at + "manual"},
	}, {
		Name:    "look-alikes",
		Objects: dbSecret + fromAllDeployment(`envFrom: [{configMapRef: {name: c}}], env: [{name: A, valueFrom: {secretKeyRef: {name: db, key: DB_USER}}}]`),
	}})
}

func TestAtRest(t *testing.T) {
	server := func(name, labels, command string) string {
		return `
---
apiVersion: v1
kind: Pod
metadata: {name: ` + name + `, namespace: kube-system, labels: {` + labels + `}, ownerReferences: [{apiVersion: v1, kind: Node, name: node, uid: node, controller: true}]}
spec: {containers: [{name: kube-apiserver, image: x, command: [` + command + `]}]}
`
	}
	fixestest.Table(t, atRest(), []fixestest.Case{{
		Name:    "without a provider",
		Live:    true,
		Objects: server("a", "component: kube-apiserver", "kube-apiserver, --profiling=false") + server("b", "", "/usr/local/bin/kube-apiserver"),
		Want: []string{"Pod kube-system/a spec.containers[0].command manual",
			"Pod kube-system/b spec.containers[0].command manual"},
	}, {
		Name: "with one",
		Live: true,
		Objects: server("a", "component: kube-apiserver", "kube-apiserver, --encryption-provider-config=/etc/enc.yaml") +
			server("b", "", "kube-apiserver, --encryption-provider-config, /etc/enc.yaml"),
	}, {
		Name:    "no API server, and none of the cluster's",
		Live:    true,
		Objects: strings.Replace(server("a", "component: etcd", "etcd"), "name: kube-apiserver", "name: etcd", 1) + strings.Replace(server("b", "component: kube-apiserver", "kube-apiserver"), "kube-system", "virtual", 1),
	}})
}

func TestStale(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	secret := func(name, meta, rest string) string {
		return "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: " + name + ", namespace: shop, " + meta + "}\n" + rest + "\n"
	}
	const old, data = `creationTimestamp: "2025-05-31T00:00:00Z"`, "stringData: {password: " + password + "}"
	all := secret("old", old, data) +
		secret("docker", old, "type: kubernetes.io/dockerconfigjson") +
		secret("written", old+`, managedFields: [{manager: a, operation: Update, time: "2025-07-01T00:00:00Z"}]`, data) +
		secret("written-long-ago", old+`, managedFields: [{manager: a, operation: Update, time: "2025-06-01T00:00:00Z"}]`, data) +
		secret("young", `creationTimestamp: "2025-06-02T00:00:00Z"`, data) +
		secret("undated", "labels: {}", data) +
		secret("settings", old, "stringData: {LOG_LEVEL: info, url: http://x}") +
		secret("tls", old, "type: kubernetes.io/tls\n"+data) +
		secret("token", old, "type: kubernetes.io/service-account-token\n"+data) +
		secret("helm", old, "type: helm.sh/release.v1\n"+data)
	fixestest.Table(t, stale(), []fixestest.Case{
		{Name: "a running cluster", Live: true, Now: now, Objects: all,
			Want: []string{"Secret shop/docker data manual", "Secret shop/old data manual", "Secret shop/written-long-ago data manual"}},
		{Name: "no clock", Objects: all},
	})
}

func TestUnused(t *testing.T) {
	secret := func(name, rest string) string {
		return "\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: " + name + ", namespace: shop}\n" + rest + "\n"
	}
	var all strings.Builder
	for _, name := range []string{"env", "from", "vol", "proj", "pull", "csi", "sa", "sa-pull", "tls", "unused"} {
		all.WriteString(secret(name, "stringData: {a: b}"))
	}
	all.WriteString(secret("token", "type: kubernetes.io/service-account-token") + secret("boot", "type: bootstrap.kubernetes.io/token") + secret("helm", "type: helm.sh/release.v1") + `
---
apiVersion: v1
kind: Secret
metadata: {name: owned, namespace: shop, ownerReferences: [{apiVersion: external-secrets.io/v1, kind: ExternalSecret, name: x, uid: x}]}
---
apiVersion: v1
kind: Secret
metadata: {name: cert, namespace: shop, annotations: {cert-manager.io/certificate-name: x}}
---
apiVersion: v1
kind: Secret
metadata: {name: system, namespace: kube-system}
---
apiVersion: v1
kind: Secret
metadata: {name: env, namespace: pay}
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop}
spec:
  imagePullSecrets: [{name: pull}]
  containers: [{name: c, image: x, env: [{name: A, valueFrom: {secretKeyRef: {name: env, key: a}}}]}]
  initContainers: [{name: i, image: x, envFrom: [{secretRef: {name: from}}]}]
  volumes:
  - {name: v, secret: {secretName: vol}}
  - {name: w, projected: {sources: [{secret: {name: proj}}]}}
  - {name: x, csi: {driver: d, nodePublishSecretRef: {name: csi}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: a, namespace: shop}
secrets: [{name: sa}]
imagePullSecrets: [{name: sa-pull}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, namespace: shop}
spec: {tls: [{secretName: tls}]}
`)
	fixestest.Table(t, unused(), []fixestest.Case{
		{Name: "a running cluster", Live: true, Objects: all.String(), Want: []string{"Secret pay/env metadata.name manual", "Secret shop/unused metadata.name manual"}},
		{Name: "manifests are never all", Objects: all.String()},
	})
	inv := fixestest.Load(t, all.String())
	inv.Live = true
	inv.Skip(fixes.Skip{Resource: "ingresses.networking.k8s.io", Namespace: "shop"})
	if got := fixestest.Lines(fixes.Scan(inv, []*fixes.Rule{unused()}).Findings); len(got) != 1 {
		t.Errorf("where Ingresses are not seen: %q", got)
	}
}

func TestSharedWidely(t *testing.T) {
	role := `
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: secrets}
rules: [{apiGroups: [""], resources: [secrets], verbs: [list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: get}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: one}
rules: [{apiGroups: [""], resources: [secrets], resourceNames: [db], verbs: [get]}]
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
`
	bind := func(kind, name, role string, subjects ...string) string {
		var list strings.Builder
		for _, s := range subjects {
			kind, name, _ := strings.Cut(s, " ")
			fmt.Fprintf(&list, "- {apiGroup: rbac.authorization.k8s.io, kind: %s, name: %q}\n", kind, name)
		}
		ns := ""
		if kind == "RoleBinding" {
			ns = ", namespace: shop"
		}
		return "\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: " + kind + "\nmetadata: {name: " + name + ns + "}\n" +
			"roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: " + role + "}\nsubjects:\n" + list.String()
	}
	web := fromAllDeployment(`envFrom: [{secretRef: {name: db}}]`)
	const ns, cluster = "Namespace shop metadata.name manual", "ClusterRoleBinding all subjects manual"
	fixestest.Table(t, sharedWidely(), []fixestest.Case{{
		Name:    "three who do not use it",
		Live:    true,
		Objects: dbSecret + web + role + bind("RoleBinding", "b", "secrets", "User a", "User b", "Group c"),
		Want:    []string{ns},
	}, {
		Name:    "everybody",
		Live:    true,
		Objects: dbSecret + web + role + bind("RoleBinding", "b", "secrets", "Group system:authenticated"),
		Want:    []string{ns},
	}, {
		Name:    "those of the whole cluster are said once",
		Live:    true,
		Objects: dbSecret + web + role + bind("ClusterRoleBinding", "all", "get", "User a", "User b", "Group c") + bind("RoleBinding", "b", "secrets", "User a", "User d"),
		Want:    []string{cluster},
	}, {
		Name: "few, the system's own, one by name, and those that use it",
		Live: true,
		Objects: dbSecret + web + role + bind("RoleBinding", "b", "secrets", "User a", "User b", "User system:serviceaccount:shop:default", "Group system:masters") +
			bind("RoleBinding", "named", "one", "User n1", "User n2", "User n3", "User n4"),
	}, {
		Name:    "no credential to read",
		Live:    true,
		Objects: role + bind("RoleBinding", "b", "secrets", "User a", "User b", "Group c"),
	}, {
		Name:    "manifests are never all",
		Objects: dbSecret + web + role + bind("RoleBinding", "b", "secrets", "User a", "User b", "Group c"),
	}})

	inv := fixestest.Load(t, dbSecret+web+role+bind("RoleBinding", "b", "secrets", "User a", "User b", "Group c"))
	inv.Live = true
	p := &fixes.Pass{Inventory: inv}
	if got := readers(p, fixes.KindSecret, "shop"); got != "readable by 3 subjects: Group c, User a, User b" {
		t.Errorf("readers: %q", got)
	}
	if got := readers(p, fixes.KindDeployment, "shop"); got != "readable by no subject beside Kubernetes' own" {
		t.Errorf("readers: %q", got)
	}
	inv.Skip(fixes.Skip{Resource: fixes.KindRoleBinding.String(), Namespace: "shop"})
	if got := readers(p, fixes.KindSecret, "shop"); got != "" {
		t.Errorf("readers, where bindings are not seen: %q", got)
	}
}
