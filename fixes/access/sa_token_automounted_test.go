package access

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: example.com/web}
`

func TestTokenAutomounted(t *testing.T) {
	fixestest.Table(t, tokenAutomounted(), []fixestest.Case{{
		Name:    "no rights at all",
		Objects: web,
		Want:    []string{"Deployment shop/web spec.template.spec.automountServiceAccountToken safe"},
		Diff:    []string{"+ automountServiceAccountToken: false"},
	}, {
		Name: "the default account has rights",
		Objects: web + `
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: x}
subjects: [{kind: ServiceAccount, name: default, namespace: shop}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
`,
		Want: []string{"Deployment shop/web spec.template.spec.automountServiceAccountToken review"},
	}, {
		Name: "an account of its own with rights needs its token",
		Objects: `
apiVersion: v1
kind: Pod
metadata: {name: operator, namespace: shop}
spec:
  serviceAccountName: operator
  containers: [{name: c, image: example.com/operator}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: x, namespace: shop}
subjects: [{kind: ServiceAccount, name: operator}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: x}
`,
	}, {
		Name: "manifests that name no namespace, but in a binding",
		Objects: `
apiVersion: v1
kind: ServiceAccount
metadata: {name: operator}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: operator}
spec: {selector: {}, template: {spec: {serviceAccountName: operator, containers: [{name: c, image: example.com/x}]}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: x}
subjects: [{kind: ServiceAccount, name: operator, namespace: tools}]
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: x}
`,
	}, {
		Name: "an image that looks like an API client",
		Objects: `
apiVersion: batch/v1
kind: CronJob
metadata: {name: backup, namespace: shop}
spec:
  schedule: "@daily"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: Never
          containers: [{name: c, image: "registry.example.com/kubectl:1.30"}]
`,
		Want: []string{"CronJob shop/backup spec.jobTemplate.spec.template.spec.automountServiceAccountToken review"},
	}, {
		Name: "switched off at the account",
		Objects: web + `
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: shop}
automountServiceAccountToken: false
`,
	}, {
		Name: "a pod of a running cluster cannot be edited",
		Objects: `
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: shop}
spec: {containers: [{name: c, image: x}]}
`,
		Live: true,
		Want: []string{"Pod shop/p spec.automountServiceAccountToken manual"},
	}})
}
