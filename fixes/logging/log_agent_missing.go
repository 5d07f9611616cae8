package logging

import (
	"fmt"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func logAgentMissing() *fixes.Rule {
	return &fixes.Rule{
		ID:         "log-agent-missing",
		Category:   fixes.Logging,
		Title:      "Nothing takes container logs off the nodes",
		Severity:   fixes.High,
		Threats:    []fixes.Threat{fixes.Repudiation},
		References: logReferences(),
		Kinds: append(collectorKinds(), fixes.KindNode, fixes.KindServiceAccount,
			fixes.KindClusterRole, fixes.KindClusterRoleBinding),
		Docs:  logAgentMissingDocs,
		Check: checkLogAgentMissing,
	}
}

func logReferences() []fixes.Reference {
	return []fixes.Reference{fixes.NSA("Audit logging and threat detection"), fixes.OWASP("K05")}
}

const logAgentMissingDocs = `
A container's log is a file on its node. It goes with the pod, is cut at ten
megabytes, and whoever becomes root there can change it: without a copy elsewhere
anybody can deny what they did.

## What is looked at
DaemonSets and static pods that read the logs of containers: they run a known
collector (Fluentd, Fluent Bit, Vector, Promtail, Grafana Alloy, OpenTelemetry
Collector, Filebeat, Elastic Agent, Datadog, Splunk, rsyslog, Logstash, New Relic, those
of the clouds, StackLight's), known by its image, its command or its configuration,
and mount /var/log/pods, /var/log/containers or /var/lib/docker/containers from the
node. A name alone counts for nothing. Programs that do other things too count where
they are told to collect logs (DD_LOGS_ENABLED, a filelog receiver). Alloy may also
read all logs through the API (loki.source.kubernetes), and then needs no node.

Manifests are only judged where nodes are among them, or with --log-output: they
seldom hold a whole cluster. A scan of one namespace is not judged.

StackLight counts as what its collector is. Where it is installed without one, the
finding says so: logging is switched off in its values.

## The fix
With --log-output and --log-endpoint: Fluentd as DaemonSet kubectl-harden-fluentd, its
ConfigMap, and a ServiceAccount of its own, in kube-system: a node agent is a part of
the cluster, and its priority, system-node-critical, is not to be had everywhere else.

- It runs on every node: it tolerates every taint, and precedes what else asks for room.
- It is not root. Container runtimes write logs as root, mode 0640, with group root:
  user 10001 in group 0 reads them, and needs no capability. (Capabilities added to a
  user other than root have no effect in Kubernetes, KEP-2763; root without
  capabilities would do, and the restricted level refuses it.) No process gains
  rights, all capabilities are dropped, the root file system is read-only, seccomp
  is the runtime's. What of the restricted level it breaks is hostPath, which no
  reader of logs can do without; the folders are mounted read-only.
- Its buffer is a file in an emptyDir, bounded (768 MiB of 1 GiB). When it is full, reading
  stops: nothing is dropped until the kubelet rotates the file. When the pod is replaced, all files are
  read from the start again: records may come twice, and none is left out.
- Namespace, pod and container of a record are those of its file. For all outputs but
  loki, labels are added, for which the ServiceAccount may get, list and watch pods and
  namespaces (ClusterRole kubectl-harden-fluentd); for loki it has no right and no token.
- Its own log is not read: an error about the output would make ever more of itself.

    --log-output forward --log-endpoint tls://HOST:24224 [--log-secret NAME]
    --log-output elasticsearch --log-endpoint https://HOST:9200 [--log-secret NAME]
    --log-output loki --log-endpoint https://HOST:3100 --log-image IMAGE@sha256:…
    --log-output s3 --log-endpoint s3://BUCKET/PREFIX --log-region R --log-image IMAGE@sha256:…
    --log-output stdout

The Secret is yours to make, in kube-system, before: keys username and password; for
forward shared-key; for s3 access-key-id and secret-access-key. ca.crt, if there, is
the authority by which the output's certificate is checked. Credentials are never on
the command line. stdout shows that it works, and keeps nothing: log-agent-partial then
only accepts it because you asked.

The default image is fluent/fluentd-kubernetes-daemonset, by version and digest. loki and s3 need plugins that it has
not: name an image (fluent/fluentd-kubernetes-daemonset:v1.19.3-debian-s3-1.1,
ghcr.io/kube-logging/fluentd:v1.17-5.0-full) by its digest.

The tests of this program check the configuration with a strict parser of Fluentd's
language, written for them, and run a program in Fluentd's place, as its user, on a real
node; Fluentd itself was not to be had there. A rollout that fails is rolled back.

On nodes that enforce SELinux (RHEL, OpenShift) the pod may not read logs until its type
is container_logreader_t. Docker may keep its own folder closed to the group.

## By hand
    kubectl get daemonsets -A -o wide
    kubectl rollout status -n kube-system daemonset/kubectl-harden-fluentd
    kubectl logs -n kube-system ds/kubectl-harden-fluentd
`

func checkLogAgentMissing(p *fixes.Pass) {
	asked := p.Logs.Output != ""
	nodes := p.Len(fixes.KindNode)
	if p.Namespace != "" || !p.Covers(fixes.KindDaemonSet, "") || nodes == 0 && !asked && p.Covers(fixes.KindNode, "") {
		return
	}
	f := collectorsOf(p.Inventory)
	if len(f.collectors) > 0 {
		return
	}
	finding := fixes.Finding{
		Object: agentRef(), Path: "spec", Key: "agent",
		Message:  "No log collector runs on the nodes: what containers wrote goes with their pods, and whoever takes a node can change it.",
		Evidence: []string{fmt.Sprintf("none of %d DaemonSets runs a known collector that mounts container logs", p.Len(fixes.KindDaemonSet))},
	}
	for _, c := range f.blind {
		finding.Evidence = append(finding.Evidence, c.title()+" mounts none of the folders with container logs")
	}
	stackLight := stackLightIn(p.Inventory)
	for _, why := range stackLight {
		finding.Evidence = append(finding.Evidence, "StackLight is there ("+why+"), without its log collector")
	}
	finding.Fixes = []fixes.Fix{agentFix(p, len(stackLight) > 0)}
	p.Report(finding)
}

// agentFix creates the agent where the user said where logs are to go.
func agentFix(p *fixes.Pass, stackLight bool) fixes.Fix {
	switch {
	case p.Logs.Output == "" && stackLight:
		return fixes.Fix{
			Title: "Switch StackLight's logging on", Confidence: fixes.Manual,
			Why: "StackLight's values say so, and its operator would put back what is changed below them",
			Steps: "In the values of StackLight (the Cluster's helmReleases, or its HelmBundle) set logging.enabled: true. Check:\n" +
				"  kubectl get daemonsets -n " + stackLightNamespace + "\nOr make another agent: scan again with --log-output and --log-endpoint.",
		}
	case p.Logs.Output == "":
		return fixes.Fix{
			Title: "Create a log agent", Confidence: fixes.Manual,
			Why: "where logs are to go is not known",
			Steps: "Scan again and say where:\n  kubectl harden --category logging --fix --dry-run --confidence review --log-output forward --log-endpoint tls://HOST:24224\n" +
				"kubectl harden explain log-agent-missing lists the outputs. Check afterwards:\n  kubectl rollout status -n kube-system daemonset/" + agentName,
		}
	}
	fix := fixes.Fix{
		Title: "Create DaemonSet " + agentRef().NamespacedName() + ", which sends logs to " + destination(p.Logs), Confidence: fixes.Review,
		Why: "whether the output takes the logs is only seen when they are sent",
		Risks: []string{
			"Each node keeps 100m cpu, 200Mi memory and up to 1536Mi of disk for it; where there is no room, pods of a lower priority are evicted.",
			"All that containers write is sent, also secrets that they write.",
			"On nodes that enforce SELinux it needs seLinuxOptions.type container_logreader_t.",
		},
		Edit: createAgent,
	}
	if s := p.Logs.Secret; s != "" {
		fix.Risks = append(fix.Risks, "Its pods wait for Secret "+agentNamespace+"/"+s+".")
	}
	if !p.Logs.TLS && p.Logs.Host != "" {
		fix.Risks = append(fix.Risks, "The logs travel unencrypted.")
	}
	for _, obj := range agentObjects(p.Inventory) {
		ref := fixes.RefOf(obj)
		if p.Get(ref) != nil {
			// Somebody else's: a binding of that name may give the agent any right.
			return fixes.Fix{
				Title: "Create a log agent", Confidence: fixes.Manual,
				Why:   ref.String() + " is there already, and is no part of an agent",
				Steps: "Look at it, and rename or delete it: kubectl get " + ref.KubectlArgs() + " -o yaml\nThen scan again.",
			}
		}
		fix.Creates = append(fix.Creates, ref)
	}
	return fix
}

// createAgent adds the agent's objects.
func createAgent(d *fixes.Draft) error {
	if d.Get(agentRef()) != nil {
		return nil
	}
	for _, obj := range agentObjects(d.Inventory) {
		if err := d.Create(obj); err != nil {
			return err
		}
	}
	return nil
}
