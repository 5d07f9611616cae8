package logging

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// node is a Node with labels and taints, ready.
func node(name, labels, taints string) string {
	return "---\napiVersion: v1\nkind: Node\nmetadata: {name: " + name + ", labels: {kubernetes.io/os: linux" + labels + "}}\nspec: {taints: [" + taints + "]}\n" +
		"status: {conditions: [{type: Ready, status: 'True'}], allocatable: {cpu: '2', memory: 4Gi, pods: '10'}}\n"
}

const (
	controlPlaneTaint = "{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}"
	mounts            = "volumeMounts: [{name: pods, mountPath: /var/log/pods, readOnly: true}, {name: links, mountPath: /var/log/containers, readOnly: true}, {name: config, mountPath: /etc/config}]"
	volumes           = "volumes: [{name: pods, hostPath: {path: /var/log/pods}}, {name: links, hostPath: {path: /var/log/containers}}, {name: config, configMap: {name: config}}]"
)

// agent is a DaemonSet logs/agent; more goes into its pod, container into its container.
func agent(image, container, more string) string {
	if more != "" {
		more = ", " + more
	}
	if container != "" {
		container = ", " + container
	}
	return "---\napiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent, namespace: logs, uid: ds-1}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: agent, image: '" +
		image + "', " + mounts + container + "}], " + volumes + more + "}}}\n"
}

const fluentBit = "cr.fluentbit.io/fluent/fluent-bit:3.2"

// pod is one of the agent's pods on a node.
func pod(node, state string) string {
	return "---\napiVersion: v1\nkind: Pod\nmetadata: {name: agent-" + node + ", namespace: logs, ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: agent, uid: ds-1, controller: true}]}\n" +
		"spec: {nodeName: " + node + ", containers: [{name: agent, image: x}]}\nstatus: {phase: " + state + ", containerStatuses: [{name: agent, ready: true, restartCount: 0, image: x, imageID: x}]}\n"
}

func config(file, text string) string {
	return "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: config, namespace: logs}\ndata:\n  " + file + ": |\n    " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n    ") + "\n"
}

func TestLogAgentMissing(t *testing.T) {
	const (
		manual = "DaemonSet kube-system/kubectl-harden-fluentd spec manual"
		review = "DaemonSet kube-system/kubectl-harden-fluentd spec review"
	)
	cases := []fixestest.Case{
		{Name: "no agent, and no output named", Objects: node("a", "", ""), Want: []string{manual}},
		{Name: "an output", Objects: node("a", "", ""), Logs: policies["forward"], Want: []string{review},
			Diff: []string{"+ kind: ConfigMap", "+ kind: ClusterRoleBinding", "+ runAsNonRoot: true", "+ - operator: Exists", "+ host logs.example.com"}},
		{Name: "loki needs no rights", Objects: node("a", "", ""), Logs: policies["loki"], Want: []string{review},
			Diff: []string{"+ automountServiceAccountToken: false"}, NotDiff: []string{"+ kind: ClusterRole"}},
		{Name: "stdout", Objects: node("a", "", ""), Logs: policies["stdout"], Want: []string{review}},
		{Name: "manifests without nodes", Objects: agent("nginx", "", "")},
		{Name: "manifests without nodes, asked", Objects: agent("nginx", "", ""), Logs: policies["s3"], Want: []string{review}},
		{Name: "somebody's binding of that name", Logs: policies["forward"], Want: []string{manual},
			Objects: node("a", "", "") + "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding\nmetadata: {name: kubectl-harden-fluentd}\nroleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}\n"},
		{Name: "by image", Objects: node("a", "", "") + agent(fluentBit, "", "")},
		{Name: "by command alone", Objects: node("a", "", "") + agent("acme/shipper:1", "command: [/opt/bin/vector, --config, /x]", "")},
		{Name: "by a shell's command", Objects: node("a", "", "") + agent("acme/shipper:1", "command: [sh, -c, 'exec promtail -config.file=/x']", "")},
		{Name: "by configuration alone", Objects: node("a", "", "") + agent("acme/shipper:1", "", "") + config("fluent.conf", "<source>\n@type tail\npath /var/log/containers/*.log\n</source>\n<match **>\n@type forward\n</match>")},
		{Name: "a name alone", Objects: strings.ReplaceAll(node("a", "", "")+agent("acme/shell", "", ""), "name: agent", "name: fluent-bit"), Want: []string{manual}},
		{Name: "an agent that mounts no logs", Objects: strings.ReplaceAll(node("a", "", "")+agent(fluentBit, "", ""), "hostPath: {path: /var/log", "hostPath: {path: /run/log"), Want: []string{manual}},
		{Name: "a Deployment", Objects: strings.Replace(node("a", "", "")+agent(fluentBit, "", ""), "DaemonSet", "Deployment", 1), Want: []string{manual}},
		{Name: "Datadog that is not told to", Objects: node("a", "", "") + agent("gcr.io/datadoghq/agent:7", "", ""), Want: []string{manual}},
		{Name: "Datadog that is", Objects: node("a", "", "") + agent("gcr.io/datadoghq/agent:7", "env: [{name: DD_LOGS_ENABLED, value: 'true'}]", "")},
		{Name: "OpenTelemetry without filelog", Want: []string{manual},
			Objects: node("a", "", "") + agent("otel/opentelemetry-collector-contrib:0.140", "", "") + config("relay.yaml", "receivers: {otlp: {}}\nservice: {pipelines: {logs: {receivers: [otlp], exporters: [otlp]}}}")},
		{Name: "Azure's", Objects: node("a", "", "") + agent("mcr.microsoft.com/azuremonitor/containerinsights/ciprod:3.1", "", "")},
		{Name: "GKE's", Objects: node("a", "", "") + agent("gke.gcr.io/fluent-bit:v1.8", "", "")},
		{Name: "Alloy by the API", Objects: strings.Replace(node("a", "", "")+agent("grafana/alloy:v1.9", "", ""), "DaemonSet", "Deployment", 1) + config("config.alloy", "loki.source.kubernetes \"pods\" {\n}\nloki.write \"x\" {\n}")},
		{Name: "StackLight's collector", Objects: strings.ReplaceAll(node("a", "", "")+agent("mirantis.azurecr.io/stacklight/fluentd:1.18", "", ""), "namespace: logs", "namespace: stacklight")},
		{Name: "StackLight without its collector", Objects: node("a", "", "") + stackLight, Want: []string{manual}},
		{Name: "StackLight without its collector, and another agent", Objects: node("a", "", "") + stackLight + agent(fluentBit, "", "")},
	}
	fixestest.Table(t, logAgentMissing(), cases)
	fixestest.Table(t, logAgentMissing(), []fixestest.Case{{Name: "a cluster", Live: true, Objects: node("a", "", ""), Logs: policies["forward"], Want: []string{review}}})
}

const stackLight = `---
apiVersion: lcm.mirantis.com/v1alpha1
kind: HelmBundle
metadata: {name: stacklight-bundle, namespace: stacklight}
spec: {releases: [{name: prometheus, namespace: stacklight}, {name: alerta, namespace: stacklight}]}
`

// TestStackLightIsSaid: the finding and its fix speak of StackLight.
func TestStackLightIsSaid(t *testing.T) {
	inv := fixestest.Load(t, node("a", "", "")+stackLight)
	f := fixes.Scan(inv, []*fixes.Rule{logAgentMissing()}).Findings[0]
	if all := strings.Join(f.Evidence, "\n") + f.Fix().Steps; !strings.Contains(all, "HelmBundle stacklight/stacklight-bundle") || !strings.Contains(all, "logging.enabled: true") {
		t.Errorf("%q %q", f.Evidence, f.Fix().Steps)
	}
}

// TestScansThatSeeTooLittle say nothing.
func TestScansThatSeeTooLittle(t *testing.T) {
	for name, blind := range map[string]func(*fixes.Inventory){
		"one namespace":  func(inv *fixes.Inventory) { inv.Namespace = "shop" },
		"no DaemonSets":  func(inv *fixes.Inventory) { inv.Skip(fixes.Skip{Resource: "daemonsets.apps", Reason: "forbidden"}) },
		"one DaemonSets": func(inv *fixes.Inventory) { inv.Skip(fixes.Skip{Resource: "daemonsets.apps", Namespace: "a"}) },
	} {
		inv := fixestest.Load(t, node("a", "", "{key: x, effect: NoSchedule}")+agent(fluentBit, "", ""))
		blind(inv)
		if got := fixes.Scan(inv, []*fixes.Rule{logAgentMissing(), logAgentGap()}).Findings; len(got) > 0 {
			t.Errorf("%s: %q", name, fixestest.Lines(got))
		}
	}
}

func TestLogAgentGap(t *testing.T) {
	const at = "DaemonSet logs/agent spec.template.spec "
	controlPlane := node("cp", ", node-role.kubernetes.io/control-plane: ''", controlPlaneTaint)
	fixestest.Table(t, logAgentGap(), []fixestest.Case{
		{Name: "everywhere", Objects: agent(fluentBit, "", "tolerations: [{operator: Exists}]") + node("a", "", "") + controlPlane},
		{Name: "not on the control plane", Objects: agent(fluentBit, "", "") + node("a", "", "") + controlPlane, Want: []string{at + "review"},
			Diff: []string{"+ tolerations:", "+ - effect: NoSchedule", "+ key: node-role.kubernetes.io/control-plane", "+ operator: Exists"}},
		{Name: "two taints, one tolerated", Objects: agent(fluentBit, "", "tolerations: [{key: team, value: a}]") + node("a", "", "") + node("b", "", "{key: team, value: a, effect: NoExecute}, {key: gpu, value: 'yes', effect: NoSchedule}"),
			Want: []string{at + "review"}, Diff: []string{"+ key: gpu"}, NotDiff: []string{"+ - effect: NoExecute"}},
		{Name: "taints that the controller tolerates", Objects: agent(fluentBit, "", "") + node("a", "", "{key: node.kubernetes.io/unschedulable, effect: NoSchedule}, {key: node.kubernetes.io/not-ready, effect: NoExecute}, {key: soft, effect: PreferNoSchedule}")},
		{Name: "network unavailable, which only the host's network tolerates", Objects: agent(fluentBit, "", "") + node("a", "", "{key: node.kubernetes.io/network-unavailable, effect: NoSchedule}"), Want: []string{at + "review"}},
		{Name: "a nodeSelector", Objects: agent(fluentBit, "", "nodeSelector: {kubernetes.io/os: linux, tier: web}") + node("a", ", tier: web", "") + node("b", "", ""), Want: []string{at + "review"},
			Diff: []string{"- tier: web"}, NotDiff: []string{"- kubernetes.io/os: linux"}},
		{Name: "a nodeName", Objects: agent(fluentBit, "", "nodeName: a") + node("a", "", "") + node("b", "", ""), Want: []string{at + "review"}, Diff: []string{"- nodeName: a"}},
		{Name: "an affinity", Objects: agent(fluentBit, "", "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: tier, operator: In, values: [web]}]}]}}}") + node("a", ", tier: web", "") + node("b", "", controlPlaneTaint),
			Want: []string{at + "manual"}},
		{Name: "a Windows node", Objects: agent(fluentBit, "", "nodeSelector: {kubernetes.io/os: linux}") + node("a", "", "") + strings.Replace(node("w", "", ""), "os: linux", "os: windows", 1), Want: []string{at + "manual"}},
		{Name: "both", Objects: agent(fluentBit, "", "nodeSelector: {kubernetes.io/os: linux}") + node("a", "", "") + controlPlane + strings.Replace(node("w", "", ""), "os: linux", "os: windows", 1), Want: []string{at + "review", at + "manual"}},
		{Name: "Fargate", Objects: agent(fluentBit, "", "") + node("a", "", "") + node("f", ", eks.amazonaws.com/compute-type: fargate", "{key: eks.amazonaws.com/compute-type, value: fargate, effect: NoSchedule}")},
		{Name: "another collector is there", Objects: agent(fluentBit, "", "") + node("a", "", "") + controlPlane + strings.Replace(agent("fluent/fluentd:v1.19", "", "nodeSelector: {node-role.kubernetes.io/control-plane: ''}, tolerations: [{operator: Exists}]"), "name: agent, namespace", "name: cp, namespace", 1)},
		{Name: "no collector", Objects: node("a", "", controlPlaneTaint)},
		{Name: "it runs", Live: true, Objects: agent(fluentBit, "", "") + node("a", "", "") + pod("a", "Running")},
		{Name: "it does not run", Live: true, Objects: agent(fluentBit, "", "") + node("a", "", "") + pod("a", "Running") + node("b", "", ""), Want: []string{"DaemonSet logs/agent status manual"}},
		{Name: "it has ended", Live: true, Objects: agent(fluentBit, "", "") + node("a", "", "") + pod("a", "Failed"), Want: []string{"DaemonSet logs/agent status manual"}},
		{Name: "a node that is down", Live: true, Objects: agent(fluentBit, "", "") + strings.Replace(node("a", "", ""), "'True'", "'False'", 1)},
		{Name: "it runs, and would not come back", Live: true, Objects: agent(fluentBit, "", "") + node("a", "", "") + pod("a", "Running") + node("b", "", controlPlaneTaint) + pod("b", "Running"), Want: []string{at + "review"}},
	})
}

// TestWhyIdle: the evidence says what a node lacks.
func TestWhyIdle(t *testing.T) {
	for name, c := range map[string]struct{ objects, want string }{
		"no room": {agent(fluentBit, "resources: {requests: {cpu: '1'}}", "") + node("a", "", "") + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: z}\nspec: {nodeName: a, containers: [{name: c, image: x, resources: {requests: {cpu: 1500m}}}]}\nstatus: {phase: Running}\n",
			"a: 1 of cpu requested, 500m free"},
		"room that others make": {agent(fluentBit, "resources: {requests: {cpu: '1'}}", "priorityClassName: system-node-critical") + node("a", "", "") + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: x, namespace: z}\nspec: {nodeName: a, containers: [{name: c, image: x, resources: {requests: {cpu: 1500m}}}]}\nstatus: {phase: Running}\n",
			"a: no pod of it"},
		"crashes": {agent(fluentBit, "", "") + node("a", "", "") + strings.Replace(pod("a", "Running"), "ready: true", "ready: false, state: {waiting: {reason: CrashLoopBackOff}}", 1), "a: pod agent-a: CrashLoopBackOff"},
	} {
		inv := fixestest.Load(t, c.objects)
		inv.Live = true
		got := fixes.Scan(inv, []*fixes.Rule{logAgentGap()}).Findings
		if len(got) != 1 || got[0].Evidence[0] != c.want {
			t.Errorf("%s: %q", name, got[0].Evidence)
		}
	}
}
