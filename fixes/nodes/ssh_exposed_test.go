package nodes

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func service(kind, ports string) string {
	return "\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: shop}\nspec: {type: " + kind + ", selector: {app: web}, ports: [" + ports + "]}\n"
}

// web is a Deployment with a container and what its pod has beside.
func web(container, pod string) string {
	return `
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, ` + container + `}]` + pod + `}
`
}

func TestSSHExposed(t *testing.T) {
	const (
		spec = "Deployment shop/web spec.template.spec."
		port = spec + "containers[0].ports[0] review"
	)
	mount := func(path string) string {
		return web("image: x, volumeMounts: [{name: v, mountPath: /v}]", ", volumes: [{name: v, hostPath: {path: "+path+"}}]")
	}
	fixestest.Table(t, sshExposed(), []fixestest.Case{
		{Name: "other ports", Objects: service("NodePort", "{port: 80}, {port: 2222, targetPort: 2222}") + web("image: nginx, ports: [{containerPort: 80}]", "")},
		{Name: "a Service for SSH", Objects: service("NodePort", "{port: 22}"), Want: []string{"Service shop/s spec.ports[0] review"}, Diff: []string{"- kind: Service"}},
		{Name: "behind another port", Objects: service("LoadBalancer", "{name: a, port: 80}, {name: b, port: 2222, targetPort: 22}"), Want: []string{"Service shop/s spec.ports[1] review"},
			Diff: []string{"- targetPort: 22"}, NotDiff: []string{"- kind: Service", "- port: 80"}},
		{Name: "22 for something else", Objects: service("ClusterIP", "{port: 22, targetPort: 8080}")},
		{Name: "by the name of a port", Objects: service("ClusterIP", "{port: 2222, targetPort: ssh}"), Want: []string{"Service shop/s spec.ports[0] review"}},
		{Name: "UDP", Objects: service("ClusterIP", "{port: 22, protocol: UDP}")},
		{Name: "two ways to 22", Objects: service("ClusterIP", "{name: a, port: 22}, {name: b, port: 2222, targetPort: 22}, {name: c, port: 80}"),
			Want: []string{"Service shop/s spec.ports[0] review", "Service shop/s spec.ports[1] review"}, NotDiff: []string{"- kind: Service"}},
		{Name: "only ways to 22", Objects: service("ClusterIP", "{name: a, port: 22}, {name: b, port: 2222, targetPort: 22}"),
			Want: []string{"Service shop/s spec.ports[0] review", "Service shop/s spec.ports[1] review"}, Diff: []string{"- kind: Service"}},
		{Name: "a container's port", Objects: web("image: x, ports: [{containerPort: 22}, {containerPort: 80}]", ""), Want: []string{port}, Diff: []string{"- - containerPort: 22"}},
		{Name: "the node's port", Objects: web("image: x, ports: [{name: web, containerPort: 8022, hostPort: 22}], readinessProbe: {tcpSocket: {port: web}}", ""), Want: []string{port}, Diff: []string{"- hostPort: 22", "+ port: 8022"}},
		{Name: "a server by its image", Objects: web("image: 'example.com/tools/openssh-server:9'", ""), Want: []string{spec + "containers[0] manual"}},
		{Name: "by its command", Objects: web("image: x, command: [sh, -c, 'ssh-keygen -A; exec /usr/sbin/sshd -D']", ""), Want: []string{spec + "containers[0] manual"}},
		{Name: "a preparation", Objects: web("image: x", ", initContainers: [{name: i, image: example.com/sshd, command: [cp, /etc/passwd, /v]}]")},
		{Name: "a sidecar", Objects: web("image: x", ", initContainers: [{name: i, image: example.com/sshd, restartPolicy: Always}]"), Want: []string{spec + "initContainers[0] manual"}},
		{Name: "a client", Objects: web("image: example.com/ssh-client, command: [ssh, host, -p, '22']", "")},
		{Name: "a git server", Objects: web("image: 'gitea/gitea:1.24', ports: [{containerPort: 22}]", "") + service("ClusterIP", "{port: 22}"), Want: []string{"Service shop/s spec.ports[0] review", port}},
		{Name: "/etc/ssh", Objects: mount("/etc/ssh"), Want: []string{spec + "volumes[0].hostPath review"}, Diff: []string{"- path: /etc/ssh", "- - mountPath: /v"}},
		{Name: "keys", Objects: mount("/root/.ssh/"), Want: []string{spec + "volumes[0].hostPath review"}},
		{Name: "a home", Objects: mount("/home/ubuntu"), Want: []string{spec + "volumes[0].hostPath review"}},
		{Name: "other folders", Objects: mount("/home/ubuntu/data")},
		{Name: "a folder of a like name", Objects: mount("/etc/sshd_config.d.bak")},
		{Name: "a node that answers", Live: true, Facts: []fixes.Object{
			&fixes.NodeProbe{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Asked: []string{"10.0.0.1:22"}, Answered: []string{"10.0.0.1:22: SSH-2.0-x"}},
			&fixes.NodeProbe{ObjectMeta: metav1.ObjectMeta{Name: "n2"}, Asked: []string{"10.0.0.2:22"}},
		}, Want: []string{"Node n1 status.addresses manual"}},
	})
}

func TestSSHSeverity(t *testing.T) {
	for objects, want := range map[string]fixes.Severity{
		service("NodePort", "{port: 22}"):                                          fixes.High,
		service("LoadBalancer", "{port: 22}"):                                      fixes.High,
		service("ClusterIP", "{port: 22}"):                                         fixes.Medium,
		service("NodePort", "{port: 22}") + web("image: atmoz/sftp", ""):           fixes.Low,
		web("image: x, ports: [{containerPort: 22}]", ""):                          fixes.Low,
		web("image: x, ports: [{containerPort: 22, hostPort: 22}]", ""):            fixes.High,
		web("image: x, ports: [{containerPort: 22}]", ", hostNetwork: true"):       fixes.High,
		web("image: sshd", ""):                                                     fixes.Medium,
		web("image: sshd", ", hostPID: true"):                                      fixes.High,
		web("image: x", ", volumes: [{name: v, hostPath: {path: /etc/ssh/keys}}]"): fixes.High,
	} {
		f := sshExposed().Run(fixestest.Load(t, objects))
		if len(f) != 1 || f[0].Severity != want {
			t.Errorf("%s: %d findings, of severity %v", objects, len(f), f)
		}
	}
}
