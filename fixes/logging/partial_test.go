package logging

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const shop = `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: x}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: etcd-a, namespace: kube-system}
spec: {containers: [{name: c, image: x}]}
`

func TestLogAgentPartial(t *testing.T) {
	const partial = "DaemonSet logs/agent spec.template.spec manual"
	programs := []struct {
		name, image, file string
		// whole reads and ships everything; of the others each lacks one thing.
		whole             string
		leaves, unshipped [2]string // what is replaced by what
	}{
		{"Fluentd", "fluent/fluentd:v1.19", "fluent.conf",
			"<source>\n  @type tail\n  path /var/log/containers/*.log\n  exclude_path [\"/var/log/containers/nothing*.log\"]\n</source>\n<match **>\n  @type copy\n  <store>\n    @type elasticsearch\n  </store>\n  <store>\n    @type stdout\n  </store>\n</match>",
			[2]string{"nothing*", "*_kube-system_*"}, [2]string{"@type elasticsearch", "@type file"}},
		{"Fluent Bit", fluentBit, "fluent-bit.conf",
			"[INPUT]\n    Name tail\n    Path /var/log/containers/*.log\n    Exclude_Path nothing*\n[OUTPUT]\n    Name  es\n    Match *",
			[2]string{"nothing*", "*_shop_*.log"}, [2]string{"Name  es", "Name  stdout"}},
		{"Fluent Bit in YAML", fluentBit, "fluent-bit.yaml",
			"pipeline:\n  inputs:\n  - name: tail\n    path: /var/log/containers/*.log\n  outputs:\n  - {name: loki, match: '*'}",
			[2]string{"containers/*", "containers/*_shop_*"}, [2]string{"loki", "\"null\""}},
		{"Vector", "timberio/vector:0.50", "vector.yaml",
			"sources:\n  k: {type: kubernetes_logs, exclude_paths_glob_patterns: ['**/nothing/**']}\nsinks:\n  out: {type: loki, inputs: [k]}",
			[2]string{"**/nothing/**", "**/kube-system_*/**"}, [2]string{"type: loki", "type: console"}},
		{"Vector in TOML", "timberio/vector:0.50", "vector.toml",
			"[sources.k]\ntype = \"kubernetes_logs\"\nextra_field_selector = \"metadata.namespace!=nothing\"\n[sinks.out]\ntype = \"loki\"\ninputs = [\n  \"k\",\n]",
			[2]string{"!=nothing", "=shop"}, [2]string{"\"loki\"", "\"blackhole\""}},
		{"Promtail", "grafana/promtail:3.5", "promtail.yaml",
			"clients:\n- url: http://loki/push\nscrape_configs:\n- kubernetes_sd_configs: [{role: pod}]\n  relabel_configs:\n  - {action: drop, source_labels: [__meta_kubernetes_namespace], regex: nothing}",
			[2]string{"regex: nothing", "regex: (kube-system|x)"}, [2]string{"- url: http://loki/push", "- {}"}},
		{"Alloy", "grafana/alloy:v1.9", "config.alloy",
			"discovery.kubernetes \"pods\" {\n  role = \"pod\"\n  namespaces {\n    own_namespace = false\n  }\n}\nloki.source.file \"pods\" {\n}\nloki.write \"x\" {\n}",
			[2]string{"own_namespace = false", "names = [\"shop\", \"logs\"]"}, [2]string{"loki.write \"x\"", "loki.echo \"x\""}},
		{"OpenTelemetry", "otel/opentelemetry-collector-contrib:0.140", "relay.yaml",
			"receivers:\n  filelog: {include: [/var/log/pods/*/*/*.log], exclude: [/var/log/pods/nothing/*/*.log]}\nservice: {pipelines: {logs: {receivers: [filelog], exporters: [otlp]}}}",
			[2]string{"nothing/", "kube-system_*/"}, [2]string{"[otlp]", "[debug]"}},
		{"Filebeat", "docker.elastic.co/beats/filebeat:9.2.0", "filebeat.yml",
			"filebeat.inputs:\n- type: container\n  paths: [/var/log/containers/*.log]\n  exclude_files: ['nothing']\noutput.elasticsearch: {hosts: [x]}",
			[2]string{"'nothing'", "'_kube-system_'"}, [2]string{"output.elasticsearch", "output.console"}},
	}
	var cases []fixestest.Case
	for _, p := range programs {
		with := func(change [2]string) string {
			text := strings.Replace(p.whole, change[0], change[1], 1)
			if change[0] != change[1] && text == p.whole {
				t.Fatalf("%s: %q is not there", p.name, change[0])
			}
			return node("a", "", "") + agent(p.image, "", "") + shop + config(p.file, text)
		}
		cases = append(cases,
			fixestest.Case{Name: p.name, Objects: with([2]string{})},
			fixestest.Case{Name: p.name + " leaves a namespace out", Objects: with(p.leaves), Want: []string{partial}},
			fixestest.Case{Name: p.name + " ships nothing", Objects: with(p.unshipped), Want: []string{partial}},
		)
	}
	cases = append(cases,
		fixestest.Case{Name: "no configuration that is seen", Objects: agent(fluentBit, "", "") + shop},
		fixestest.Case{Name: "its own logs are left out", Objects: agent(fluentBit, "", "") + shop + config("a.conf", "[INPUT]\nName tail\nPath /var/log/containers/*.log\nExclude_Path *_logs_*\n[OUTPUT]\nName es")},
		fixestest.Case{Name: "an output in a file that is not there", Objects: agent(fluentBit, "", "") + shop + config("a.conf", "[INPUT]\nName tail\nPath /var/log/containers/*.log\n@INCLUDE output.conf")},
		fixestest.Case{Name: "paths that are variables", Objects: agent(fluentBit, "", "") + shop + config("a.conf", "[INPUT]\nName tail\nPath ${LOGS}\n[OUTPUT]\nName es")},
		fixestest.Case{Name: "paths of one application", Want: []string{partial}, Objects: agent(fluentBit, "", "") + shop + config("a.conf", "[INPUT]\nName tail\nPath /var/log/containers/api-*.log\n[OUTPUT]\nName es")},
		fixestest.Case{Name: "links without what they lead to", Want: []string{partial}, Objects: strings.ReplaceAll(agent(fluentBit, "", ""), "hostPath: {path: /var/log/pods}", "emptyDir: {}")},
		fixestest.Case{Name: "no YAML", Objects: agent("timberio/vector:0.50", "", "") + shop + config("vector.yaml", "{{ not yaml")},
	)
	fixestest.Table(t, logAgentPartial(), cases)
}

// TestOwnStdout: standard output ships nothing, unless it was asked for.
func TestOwnStdout(t *testing.T) {
	made := fixes.NewInventory()
	made.Logs = policies["stdout"]
	for asked, want := range map[fixes.LogOutput]int{fixes.LogStdout: 0, "": 1} {
		inv := fixestest.Load(t, shop)
		for _, obj := range agentObjects(made) {
			inv.Add(obj)
		}
		inv.Logs.Output = asked
		if got := fixes.Scan(inv, []*fixes.Rule{logAgentPartial()}).Findings; len(got) != want {
			t.Errorf("asked for %q: %q", asked, fixestest.Lines(got))
		}
	}
}

// TestHostileConfigurations: readers neither fail nor hang.
func TestHostileConfigurations(t *testing.T) {
	for _, text := range []string{"", "\x00", strings.Repeat("<a>", 10000), strings.Repeat("[", 100000), "</a>\n</a>", "a: &a [*a]", "[sources", "=", "[sources.x]\ntype", "path [", "@include", "<source>\n@type tail\npath [\"", "{\"a\": " + strings.Repeat("[", 5000), "filebeat.inputs: 1\noutput: [1]", "scrape_configs: {a: 1}", "pipeline: {inputs: {a: b}}"} {
		for i := range programs {
			if programs[i].read == nil {
				continue
			}
			for _, file := range []string{"a.conf", "a.yaml", "a.toml"} {
				pipe := programs[i].read(map[string]string{file: text})
				pipe.reads("a", "b")
			}
		}
	}
}

func TestGlobs(t *testing.T) {
	for _, c := range []struct {
		pattern, file string
		want          bool
	}{
		{"/var/log/containers/*.log", "/var/log/containers/a_b_c.log", true},
		{"/var/log/*.log", "/var/log/containers/a.log", false},
		{"/var/log/**/*.log", "/var/log/pods/a/b/0.log", true},
		{"/var/log/pods/*/*/*.log", "/var/log/pods/a/b/0.log", true},
		{"*_kube-system_*", "/var/log/containers/a_kube-system_c.log", true},
		{"/a/{b,c}.log", "/a/c.log", true},
		{"/a/[!b].log", "/a/b.log", false},
		{"/a/?.log", "/a/b.log", true},
	} {
		re, ok := globs([]string{c.pattern})
		if !ok || matches(re, c.file) != c.want {
			t.Errorf("%s %s: %v", c.pattern, c.file, !c.want)
		}
	}
}
