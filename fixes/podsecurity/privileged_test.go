package podsecurity

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func TestPrivileged(t *testing.T) {
	fixestest.Table(t, privileged(), []fixestest.Case{{
		Name: "one of two",
		Objects: deployment(`
containers:
- {name: web, image: x}
- {name: agent, image: x, securityContext: {privileged: true, capabilities: {add: [NET_ADMIN]}}}
`),
		Want:    want("spec.containers[1].securityContext.privileged", fixes.Review),
		Diff:    []string{"- privileged: true", "+ privileged: false"},
		NotDiff: []string{"- - NET_ADMIN"},
	}, {
		Name:    "an init container comes first, one finding for both",
		Objects: deployment("initContainers: [{name: i, image: x, securityContext: {privileged: true}}]\ncontainers: [{name: c, image: x, securityContext: {privileged: true}}]"),
		Want:    want("spec.initContainers[0].securityContext.privileged", fixes.Review),
	}, {
		Name: "a mount that only privileged containers may have",
		Objects: deployment(`
containers:
- name: csi
  image: x
  securityContext: {privileged: true}
  volumeMounts: [{name: v, mountPath: /v, mountPropagation: Bidirectional}]
volumes: [{name: v, hostPath: {path: /var/lib/kubelet}}]
`),
		Want: want("spec.containers[0].securityContext.privileged", fixes.Manual),
	}, {
		Name:    "said to be unprivileged",
		Objects: deployment("containers: [{name: c, image: x, securityContext: {privileged: false}}, {name: privileged, image: privileged}]"),
	}, {
		Name: "a static pod",
		Objects: `
apiVersion: v1
kind: Pod
metadata:
  name: proxy-node1
  namespace: kube-system
  ownerReferences: [{apiVersion: v1, kind: Node, name: node1, uid: u, controller: true}]
spec: {containers: [{name: c, image: x, securityContext: {privileged: true}}]}
`,
		Live: true,
		Want: []string{"Pod kube-system/proxy-node1 spec.containers[0].securityContext.privileged manual"},
	}, {
		Name: "every kind of workload",
		Objects: `
apiVersion: batch/v1
kind: CronJob
metadata: {name: backup, namespace: shop}
spec:
  schedule: "@daily"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: x, securityContext: {privileged: true}}]}}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: a}}
  template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: x, securityContext: {privileged: true}}]}}
`,
		Want: []string{
			"DaemonSet shop/agent spec.template.spec.containers[0].securityContext.privileged review",
			"CronJob shop/backup spec.jobTemplate.spec.template.spec.containers[0].securityContext.privileged review",
		},
	}})
}
