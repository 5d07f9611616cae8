package access

import (
	"strings"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const defaultOfShop = `{kind: ServiceAccount, name: default, namespace: shop}`

func TestDefaultAccount(t *testing.T) {
	r := role(`{apiGroups: [""], resources: [pods], verbs: [get]}`)
	fixestest.Table(t, defaultAccount(), []fixestest.Case{{
		Name: "two workloads, two bindings",
		Objects: web + "---" + strings.ReplaceAll(web, "name: web, namespace", "name: api, namespace") + r + bindsIn("r", defaultOfShop) + binds("r", `{kind: User, name: "system:serviceaccount:shop:default"}`) + `
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: shop}
imagePullSecrets: [{name: registry}]
`,
		Want: []string{
			"Deployment shop/api spec.template.spec.serviceAccountName review",
			"Deployment shop/web spec.template.spec.serviceAccountName review",
		},
		Diff: []string{"+ serviceAccountName: web", "+ serviceAccountName: api", "+ - name: registry", "+ kind: ServiceAccount", "+ name: web"},
	}, {
		Name: "a pod by itself, in a running cluster", Live: true,
		Objects: `
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop}
spec: {containers: [{name: c, image: x}]}
` + r + bindsIn("r", defaultOfShop),
		Want: []string{"Pod shop/p spec.serviceAccountName manual"},
	}, {
		Name:    "no rights",
		Objects: web + r,
	}, {
		Name:    "no token",
		Objects: strings.Replace(web, "spec:\n      containers", "spec:\n      automountServiceAccountToken: false\n      containers", 1) + r + bindsIn("r", defaultOfShop),
	}, {
		Name:    "an account of its own",
		Objects: runs("") + r + bindsIn("r", workerAccount),
	}, {
		Name:    "rights that nothing runs with, of manifests",
		Objects: r + bindsIn("r", defaultOfShop),
		Want:    []string{"RoleBinding shop/x subjects manual"},
	}, {
		Name: "rights that nothing runs with", Live: true,
		Objects: r + bindsIn("r", defaultOfShop),
		Want:    []string{"RoleBinding shop/x subjects review"},
		Diff:    []string{"- kind: RoleBinding"},
	}, {
		Name: "rights that nothing runs with, and others have", Live: true,
		Objects: r + bindsIn("r", defaultOfShop+", "+workerAccount),
		Want:    []string{"RoleBinding shop/x subjects review"},
		Diff:    []string{"- name: default"},
		NotDiff: []string{"- kind: RoleBinding"},
	}, {
		Name: "an audit log shows somebody at work as default", Live: true,
		Objects: r + bindsIn("r", defaultOfShop),
		Facts: logOf(did("system:serviceaccount:shop:default", nil, fixes.Use{Verb: "get", Resource: "pods", Namespace: "shop", Count: 1,
			Last: time.Date(2026, 10, 30, 0, 0, 0, 0, time.UTC)})),
		Want: []string{"RoleBinding shop/x subjects manual"},
	}, {
		Name: "in all namespaces", Live: true,
		Objects: r + binds("r", defaultOfShop),
		Want:    []string{"ClusterRoleBinding x subjects review"},
	}, {
		Name: "a token of default is kept somewhere", Live: true,
		Objects: r + bindsIn("r", defaultOfShop) + `
---
apiVersion: v1
kind: Secret
metadata: {name: ci, namespace: shop, annotations: {kubernetes.io/service-account.name: default}}
type: kubernetes.io/service-account-token
`,
		Want: []string{"RoleBinding shop/x subjects manual"},
	}, {
		Name:    "an account of the workload's name is there, with other rights",
		Objects: strings.Replace(web, "---", "", 1) + r + bindsIn("r", defaultOfShop) + "\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web, namespace: shop}\n",
		Want:    []string{"Deployment shop/web spec.template.spec.serviceAccountName review"},
		Diff:    []string{"+ serviceAccountName: web-2"},
	}})
}

func TestTokenLegacy(t *testing.T) {
	const token = `
apiVersion: v1
kind: Secret
metadata: {name: worker-token, namespace: shop, annotations: {kubernetes.io/service-account.name: worker}, labels: {kubernetes.io/legacy-token-last-used: "2026-01-02"}}
type: kubernetes.io/service-account-token
`
	fixestest.Table(t, tokenLegacy(), []fixestest.Case{{
		Name: "used by nobody here",
		Objects: token + `
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: worker, namespace: shop}
secrets: [{name: worker-token}]
`,
		Want: []string{"Secret shop/worker-token type review"},
		Diff: []string{"- type: kubernetes.io/service-account-token", "- - name: worker-token"},
	}, {
		Name:    "mounted",
		Objects: token + strings.Replace(runs(""), "      containers:", "      volumes: [{name: t, secret: {secretName: worker-token}}]\n      containers:", 1),
		Want:    []string{"Secret shop/worker-token type manual"},
	}, {
		Name:    "invalid already",
		Objects: strings.Replace(token, "legacy-token-last-used", "legacy-token-invalid-since", 1),
	}, {
		Name:    "another Secret",
		Objects: strings.Replace(token, "kubernetes.io/service-account-token", "Opaque", 1),
	}})
}

func TestNamespaceDefault(t *testing.T) {
	site := strings.ReplaceAll(web, "namespace: shop", "namespace: default")
	fixestest.Table(t, namespaceDefault(), []fixestest.Case{{
		Name:    "an application in default",
		Objects: site,
		Want:    []string{"Deployment default/web metadata.namespace manual"},
	}, {
		Name:    "in a namespace of its own",
		Objects: web,
	}, {
		Name: "two teams",
		Objects: strings.Replace(web, "namespace: shop}", "namespace: shop, labels: {team: a}}", 1) +
			"---" + strings.Replace(web, "name: web, namespace: shop}", "name: api, namespace: shop, labels: {team: b}}", 1),
		Want: []string{"Namespace shop metadata.name manual"},
	}})
}

// TestMoveIsWrittenOut: the move names all that the application has, and what
// breaks.
func TestMoveIsWrittenOut(t *testing.T) {
	inv := fixestest.Load(t, `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: default, labels: {app: shop}}
spec:
  selector: {matchLabels: {app: db}}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {}}]
  template:
    metadata: {labels: {app: db}}
    spec:
      serviceAccountName: db
      containers:
      - name: db
        image: example.com/db
        env: [{name: P, valueFrom: {secretKeyRef: {name: db, key: p}}}]
---
apiVersion: v1
kind: Service
metadata: {name: db, namespace: default}
spec: {selector: {app: db}, ports: [{port: 5432}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: db, namespace: default}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: db, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: db}
subjects: [{kind: ServiceAccount, name: db}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: other, namespace: default}
spec:
  selector: {matchLabels: {app: other}}
  template:
    metadata: {labels: {app: other}}
    spec: {containers: [{name: c, image: example.com/other, envFrom: [{secretRef: {name: db}}]}]}
`)
	for _, f := range namespaceDefault().Run(inv) {
		if f.Object.Name != "db" {
			continue
		}
		for _, want := range []string{
			"kubectl harden move shop -n default --to shop --output-dir shop-move", "kubectl apply -k shop-move --dry-run=server",
			"kubectl apply -f shop-move/switch", "kubectl delete -n default statefulset.apps/db",
			"data-db-N", "secret/db are used by others", "system:serviceaccount:shop:NAME",
		} {
			if !strings.Contains(f.Fixes[0].Steps, want) {
				t.Errorf("the move lacks %q:\n%s", want, f.Fixes[0].Steps)
			}
		}
		return
	}
	t.Error("no finding of db")
}
