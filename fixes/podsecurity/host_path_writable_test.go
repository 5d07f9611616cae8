package podsecurity

import (
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// onNode is a Deployment that mounts a path of its node.
func onNode(hostPath, mount string) string {
	return deployment("containers: [{name: c, image: x, volumeMounts: [{name: v, mountPath: /v" + mount + "}]}]\nvolumes: [{name: v, hostPath: {" + hostPath + "}}]")
}

// agentDaemonSet is a DaemonSet of Fluentd.
func agentDaemonSet(spec string) string {
	return "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: logs, namespace: shop}\nspec:\n  selector: {matchLabels: {app: logs}}\n  template:\n    metadata: {labels: {app: logs}}\n    spec:\n" + indent(spec)
}

func TestHostPathWritable(t *testing.T) {
	const mounted = "spec.containers[0].volumeMounts[0]"
	var none []fixestest.Case
	for name, objects := range map[string]string{
		"read-only":            onNode("path: /etc", ", readOnly: true"),
		"a folder of its own":  onNode("path: /data", ""),
		"its own logs":         onNode("path: /var/log/app", ""),
		"somebody's folder":    onNode("path: /home/docker/data", ""),
		"a socket":             onNode("path: /run/docker.sock", ""),
		"a socket by its type": onNode("path: /run/systemd/notify, type: Socket", ""),
		"a device":             onNode("path: /dev/fuse", ""),
		"not mounted":          deployment("containers: [{name: c, image: x}]\nvolumes: [{name: v, hostPath: {path: /etc}}]"),
		"not of the node":      deployment("containers: [{name: c, image: x, volumeMounts: [{name: v, mountPath: /etc}]}]\nvolumes: [{name: v, emptyDir: {}}]"),
		"an agent's work":      agentDaemonSet("volumes: [{name: v, hostPath: {path: /var/log}}]\ncontainers: [{name: c, image: fluent/fluentd:v1, volumeMounts: [{name: v, mountPath: /var/log}]}]"),
	} {
		none = append(none, fixestest.Case{Name: name, Objects: objects})
	}
	fixestest.Table(t, hostPathWritable(), append(none, []fixestest.Case{{
		Name: "broken", Objects: onNode("path: /etc", ""), Want: want(mounted, fixes.Review), Diff: []string{"+ readOnly: true"},
	}, {
		Name: "the whole node", Objects: onNode("path: /", ""), Want: want(mounted, fixes.Review),
	}, {
		Name: "by a link and with a slash", Objects: onNode("path: /var/run/", ""), Want: want(mounted, fixes.Review),
	}, {
		Name: "keys of a user", Objects: onNode("path: /home/ann/.ssh", ""), Want: want(mounted, fixes.Review),
	}, {
		Name: "seen by the node", Objects: onNode("path: /var/lib/kubelet", ", mountPropagation: Bidirectional"), Want: want(mounted, fixes.Manual),
	}, {
		Name:    "in several containers",
		Objects: deployment("initContainers: [{name: i, image: x, volumeMounts: [{name: v, mountPath: /a}]}]\ncontainers: [{name: c, image: x, volumeMounts: [{name: o, mountPath: /o}, {name: v, mountPath: /a, readOnly: true}, {name: v, mountPath: /b, subPath: b}]}]\nvolumes: [{name: o, emptyDir: {}}, {name: v, hostPath: {path: /usr}}]"),
		Want:    want("spec.initContainers[0].volumeMounts[0]", fixes.Review),
		Diff:    []string{"+ readOnly: true"},
	}, {
		Name:    "more than an agent needs",
		Objects: agentDaemonSet("volumes: [{name: v, hostPath: {path: /var/log}}, {name: e, hostPath: {path: /etc}}]\ncontainers: [{name: c, image: fluent/fluentd:v1, volumeMounts: [{name: v, mountPath: /var/log}, {name: e, mountPath: /etc/host}]}]"),
		Want:    []string{"DaemonSet shop/logs spec.template.spec.containers[0].volumeMounts[1] review"},
	}, {
		Name:    "an agent by name alone",
		Objects: deployment("containers: [{name: fluentd, image: fluent/fluentd:v1, volumeMounts: [{name: v, mountPath: /var/log}]}]\nvolumes: [{name: v, hostPath: {path: /var/log}}]"),
		Want:    want(mounted, fixes.Review),
	}}...))
}
