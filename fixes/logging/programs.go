package logging

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/agents"
)

// program is a log collector that is known.
type program struct {
	// name is the program's own, as fixes/agents has it where it is there.
	name string
	// images are the last parts of its repositories, beside those of fixes/agents.
	images []string
	// commands are the names of its executables.
	commands []string
	// read takes its configuration apart; nil: that is not known here.
	read func(files map[string]string) pipeline
	// asked: it collects logs only where its configuration or a variable says so.
	asked func(c fixes.Container, config string) bool
}

// programs are the log collectors that are known. The sources of those that
// fixes/agents has are there; the others':
//
//	Elastic Agent             elastic.co/guide/en/fleet (running on Kubernetes)
//	Logstash, syslog          the projects' images and executables
//	New Relic                 github.com/newrelic/helm-charts, newrelic-logging
//	Azure Monitor             github.com/microsoft/Docker-Provider, ama-logs
//	GKE's Fluentd             kubernetes, cluster/addons/fluentd-gcp
//	Splunk                    github.com/splunk/splunk-connect-for-kubernetes
//	LogDNA                    github.com/logdna/logdna-agent-v2
//	Dynatrace                 github.com/Dynatrace/dynatrace-operator
//	Datadog                   docs.datadoghq.com/containers/kubernetes/log
//	CloudWatch                docs.aws.amazon.com, CloudWatch-Agent-Configuration-File-Details (logs)
var programs = []program{
	{name: "Fluentd", commands: []string{"fluentd", "td-agent"}, read: readFluentd,
		images: []string{"kube-logging/fluentd", "banzaicloud/fluentd", "openshift-logging/fluentd-rhel8", "openshift-logging/fluentd-rhel9", "fluentd-gcp", "stackdriver-logging-agent", "splunk/fluentd-hec", "stacklight/fluentd", "stacklight/fluentd-logs", "mirantis/fluentd"}},
	{name: "Fluent Bit", commands: []string{"fluent-bit", "td-agent-bit"}, read: readFluentBit,
		images: []string{"newrelic/newrelic-fluentbit-output", "stacklight/fluent-bit"}},
	{name: "Vector", commands: []string{"vector"}, read: readVector,
		images: []string{"openshift-logging/vector-rhel8", "openshift-logging/vector-rhel9"}},
	{name: "Promtail", commands: []string{"promtail"}, read: readPromtail},
	{name: "Grafana Alloy", commands: []string{"alloy", "grafana-agent"}, read: readAlloy, asked: alloyAsked},
	{name: "OpenTelemetry Collector", commands: []string{"otelcol", "otelcol-contrib", "otelcol-k8s", "otelcontribcol"}, read: readOTel, asked: otelAsked},
	{name: "Splunk OpenTelemetry Collector", read: readOTel, asked: otelAsked},
	{name: "Filebeat", commands: []string{"filebeat"}, read: readFilebeat},
	{name: "Elastic Agent", commands: []string{"elastic-agent"}, images: []string{"beats/elastic-agent", "beats/elastic-agent-complete", "elastic-agent/elastic-agent", "elastic/elastic-agent"}},
	{name: "Logstash", commands: []string{"logstash"}, images: []string{"logstash/logstash", "logstash/logstash-oss", "logstash"}},
	{name: "Datadog Agent", asked: datadogAsked},
	{name: "Splunk forwarder", commands: []string{"splunkd"}, images: []string{"splunk/universalforwarder"}},
	{name: "rsyslog", commands: []string{"rsyslogd"}, images: []string{"rsyslog/rsyslog", "rsyslog"}},
	{name: "syslog-ng", commands: []string{"syslog-ng"}, images: []string{"balabit/syslog-ng", "axoflow/axosyslog", "linuxserver/syslog-ng"}},
	{name: "Azure Monitor agent", images: []string{"azuremonitor/containerinsights/ciprod"}},
	{name: "Amazon CloudWatch agent", commands: []string{"amazon-cloudwatch-agent"}, asked: cloudWatchAsked},
	{name: "LogDNA agent", commands: []string{"logdna-agent"}, images: []string{"logdna/logdna-agent", "logdna-agent"}},
	{name: "Dynatrace OneAgent", images: []string{"dynatrace/oneagent", "dynatrace-oneagent", "dynatrace/dynatrace-oneagent"}},
}

// runs reports whether an image is one of the program's, wherever it is pulled
// from.
func (p *program) runs(image string) bool {
	if slices.ContainsFunc(p.images, func(known string) bool { return fixes.IsImage(image, known) }) {
		return true
	}
	return slices.ContainsFunc(agents.All(), func(a *agents.Agent) bool { return a.Name == p.name && a.Runs(image) })
}

// starts reports whether a container's command, or what a shell is to run, is
// the program.
func (p *program) starts(c fixes.Container) bool {
	line := slices.Concat(c.Command, c.Args)
	if len(line) == 0 {
		return false
	}
	words := line[:1]
	switch path.Base(line[0]) {
	case "sh", "bash", "ash", "dash", "tini", "dumb-init":
		words = strings.Fields(strings.Join(line[1:], " "))
	}
	return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(p.commands, path.Base(word)) })
}

// The variables and words by which a program is told to collect logs.

func datadogAsked(c fixes.Container, config string) bool {
	return slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool { return e.Name == "DD_LOGS_ENABLED" && e.Value == "true" }) ||
		strings.Contains(config, "logs_enabled: true")
}

func cloudWatchAsked(_ fixes.Container, config string) bool {
	return strings.Contains(config, "logs_collected")
}

// A configuration that is not in the cluster as a ConfigMap (a Secret, a file of
// the image) is not held against an agent that mounts the logs.

func otelAsked(_ fixes.Container, config string) bool {
	return config == "" || !strings.Contains(config, "receivers") || strings.Contains(config, "filelog")
}

func alloyAsked(_ fixes.Container, config string) bool {
	return config == "" || strings.Contains(config, "loki.source.") || strings.Contains(config, "otelcol.receiver.filelog") || strings.Contains(config, "scrape_configs")
}

// readsByAPI reports whether an agent of Grafana's reads the logs of all pods
// from the kubelets, through the API server: then it needs no node's files, and
// need not run on every node (loki.source.kubernetes, loki.source.podlogs).
func readsByAPI(p *program, config string) bool {
	return p.name == "Grafana Alloy" && (strings.Contains(config, "loki.source.kubernetes \"") || strings.Contains(config, "loki.source.podlogs \""))
}
