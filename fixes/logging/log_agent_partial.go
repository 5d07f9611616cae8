package logging

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func logAgentPartial() *fixes.Rule {
	return &fixes.Rule{
		ID:         "log-agent-partial",
		Category:   fixes.Logging,
		Title:      "The log collector leaves namespaces out, or sends nothing",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.Repudiation},
		References: logReferences(),
		Kinds:      collectorKinds(),
		Docs:       logAgentPartialDocs,
		Check:      checkLogAgentPartial,
	}
}

const logAgentPartialDocs = `
A collector that runs on every node and leaves a namespace out, or has nowhere to send
what it reads, looks like a record and is none.

## What is looked at
Each collector that log-agent-missing recognises:
- what it mounts: /var/log/containers holds links into /var/log/pods, which dangle where
  that is not mounted;
- its configuration, where ConfigMaps hold it: that of Fluentd, Fluent Bit, Vector,
  Promtail, Grafana Alloy, OpenTelemetry Collector and Filebeat. It is read far enough to
  know its inputs (patterns of paths, what is excluded, namespaces) and its outputs.
  Patterns are tried on the names that the kubelet gives the logs of the workloads that
  are there. How records are routed inside is not followed.

Outputs that keep what they get on the node (stdout, file, null, debug, blackhole) ship
nothing; stdout is accepted of this program's own agent where --log-output stdout asks
for it. A collector's own logs may be left out: it would feed on them. A configuration
that includes files that are not there, or reads its values from variables, is only
reported for what is certain.

## The fix
By hand: the message names what is left out. Other collectors may cover it: then say so
by --skip log-agent-partial.

## By hand
    kubectl get configmap -n NAMESPACE NAME -o yaml
    kubectl exec -n NAMESPACE ds/NAME -- ls -lL /var/log/containers
`

func checkLogAgentPartial(p *fixes.Pass) {
	all := collectorsOf(p.Inventory).collectors
	for _, c := range all {
		if c.dangles() {
			p.Report(c.partial("links", "reads links that lead nowhere: it mounts "+containerLogs+" and not "+podLogs+", where the logs are",
				nil, "Mount "+podLogs+" from the node too, read-only."))
		}
		if c.read == nil || len(c.files) == 0 {
			continue
		}
		pipe := c.read(c.files)
		if ships, kept := pipe.ships(); !ships && !acceptsStdout(p, c, kept) {
			p.Report(c.partial("output", "sends nothing off its node: "+kept, nil,
				"Give its configuration an output that leaves the node, and reload it."))
		}
		if len(pipe.inputs) == 0 || pipe.partial {
			continue
		}
		if left := leftOut(p, all, pipe); len(left) > 0 {
			var names []string
			for _, ns := range left {
				names = append(names, ns.name)
			}
			f := c.partial("namespaces", "does not read the logs of "+fixes.Listed(names), nil,
				"Widen the paths that its configuration reads, or take out what it excludes.")
			for _, ns := range left[:min(len(left), most)] {
				f.Evidence = append(f.Evidence, "left out in "+ns.name+": "+fixes.Listed(ns.workloads))
			}
			p.Report(f)
		}
	}
}

// partial is a finding of one of the ways in which a collector falls short.
func (c *collector) partial(key, does string, evidence []string, steps string) fixes.Finding {
	return fixes.Finding{
		Object: c.Ref(), Path: c.SpecPath, Key: key,
		Message:  c.title() + " " + does + ".",
		Evidence: append(evidence, "recognised by: "+strings.Join(c.why, "; ")),
		Fixes: []fixes.Fix{{
			Title: "Complete the configuration of " + c.Ref().String(), Confidence: fixes.Manual,
			Why:   "what it is to read and where it is to send it, its owner decides",
			Steps: steps + "\nCheck: kubectl logs " + c.Ref().KubectlArgs(),
		}},
	}
}

// dangles reports whether a collector has the links to logs, and not the logs.
func (c *collector) dangles() bool {
	return slices.Contains(c.sees, containerLogs) && !slices.Contains(c.sees, podLogs) && !slices.Contains(c.sees, dockerLogs)
}

// ships reports whether a configuration sends anything off the node, or may, and
// otherwise says what it does.
func (p pipeline) ships() (yes bool, kept string) {
	switch {
	case len(p.outputs) > 0:
		return true, ""
	case len(p.kept) > 0:
		return p.partial, "its only output is " + strings.Join(slices.Compact(slices.Sorted(slices.Values(p.kept))), ", ")
	}
	return p.partial || len(p.inputs) == 0, "its configuration has no output"
}

// acceptsStdout reports whether the user asked for just that.
func acceptsStdout(p *fixes.Pass, c *collector, kept string) bool {
	return p.Logs.Output == fixes.LogStdout && c.Ref() == agentRef() && strings.HasSuffix(kept, " stdout")
}

// namespaceLeft is a namespace with the workloads whose logs are not read.
type namespaceLeft struct {
	name      string
	workloads []string
}

// leftOut lists what a configuration does not read of all workloads that run, in
// order, but for collectors.
func leftOut(p *fixes.Pass, collectors []*collector, pipe pipeline) []namespaceLeft {
	var left []namespaceLeft
	for _, ns := range p.Namespaces() {
		var workloads []string
		for _, w := range p.Workloads(ns) {
			if w.Finished() || slices.ContainsFunc(collectors, func(c *collector) bool { return c.Ref() == w.Ref() }) {
				continue
			}
			if !pipe.reads(ns, podName(w)) {
				workloads = append(workloads, w.Ref().Kind.Name+" "+w.Object.GetName())
			}
		}
		if len(workloads) > 0 {
			left = append(left, namespaceLeft{ns, workloads})
		}
	}
	return left
}

// podName is how a pod of a workload may be called.
func podName(w fixes.Workload) string {
	if w.Ref().Kind == fixes.KindPod {
		return w.Object.GetName()
	}
	return fmt.Sprintf("%s-7d4b9c-x2v8k", w.Object.GetName())
}
