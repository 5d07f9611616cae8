package logging

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// parseYAML reads a YAML document; nil where it is none.
func parseYAML(text string) any {
	const most = 1 << 20 // a ConfigMap holds no more
	if len(text) > most {
		return nil
	}
	var v any
	if yaml.Unmarshal([]byte(text), &v) != nil {
		return nil
	}
	return v
}

func asMap(v any) map[string]any { m, _ := v.(map[string]any); return m }
func asList(v any) []any         { l, _ := v.([]any); return l }

// asStrings reads a string, or a list of them.
func asStrings(v any) []string {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		var out []string
		for _, e := range v {
			out = append(out, asStrings(e)...)
		}
		return out
	case string:
		return []string{v}
	}
	return []string{fmt.Sprint(v)}
}

// at follows keys down.
func at(v any, keys ...string) any {
	for _, key := range keys {
		v = asMap(v)[key]
	}
	return v
}

// readVector reads Vector's configuration (vector.dev/docs/reference/configuration)
// in YAML, JSON and TOML.
func readVector(files map[string]string) pipeline {
	var p pipeline
	for _, name := range sortedKeys(files) {
		doc := parseYAML(files[name])
		if path.Ext(name) == ".toml" {
			doc = parseTOML(files[name])
		}
		for _, source := range asMap(at(doc, "sources")) {
			switch first(asStrings(at(source, "type"))) {
			case "kubernetes_logs":
				var in input
				in.include, _ = globs([]string{podLogs + "/**"})
				var ok bool
				in.exclude, ok = globs(asStrings(at(source, "exclude_paths_glob_patterns")))
				only := first(asStrings(at(source, "extra_namespace_label_selector"))) + first(asStrings(at(source, "extra_field_selector")))
				in.namespaces, in.without = selectedNamespaces(only)
				p.partial = p.partial || !ok
				p.inputs = append(p.inputs, in)
			case "file":
				p.fileInput(asStrings(at(source, "include")), asStrings(at(source, "exclude")))
			}
		}
		for _, sink := range asMap(at(doc, "sinks")) {
			switch kind := first(asStrings(at(sink, "type"))); kind {
			case "":
			case "console", "blackhole", "file":
				p.output(kind, false)
			default:
				p.output(kind, true)
			}
		}
	}
	return p
}

// selectedNamespaces reads a selector of labels or fields as far as it names
// namespaces.
func selectedNamespaces(selector string) (only, without []string) {
	for part := range strings.SplitSeq(selector, ",") {
		key, value, ok := strings.Cut(part, "=")
		negated := strings.HasSuffix(key, "!")
		key = strings.Trim(key, "! ")
		if !ok || key != "kubernetes.io/metadata.name" && key != "metadata.namespace" {
			continue
		}
		value = strings.Trim(value, "= ")
		if negated {
			without = append(without, value)
		} else {
			only = append(only, value)
		}
	}
	return only, without
}

// readPromtail reads Promtail's configuration
// (grafana.com/docs/loki/latest/send-data/promtail/configuration).
func readPromtail(files map[string]string) pipeline {
	var p pipeline
	for _, name := range sortedKeys(files) {
		doc := parseYAML(files[name])
		clients := asList(at(doc, "clients"))
		if c := at(doc, "client"); c != nil {
			clients = append(clients, c)
		}
		for _, c := range clients {
			if len(asStrings(at(c, "url"))) > 0 {
				p.output("loki", true)
			}
		}
		for _, scrape := range asList(at(doc, "scrape_configs")) {
			p.promtail(scrape)
		}
	}
	return p
}

func (p *pipeline) promtail(scrape any) {
	var in input
	reads := false
	for _, sd := range asList(at(scrape, "kubernetes_sd_configs")) {
		if first(asStrings(at(sd, "role"))) == "pod" {
			reads = true
			in.namespaces = append(in.namespaces, asStrings(at(sd, "namespaces", "names"))...)
		}
	}
	for _, sc := range asList(at(scrape, "static_configs")) {
		p.fileInput(asStrings(at(sc, "labels", "__path__")), asStrings(at(sc, "labels", "__path_exclude__")))
	}
	for _, rule := range asList(at(scrape, "relabel_configs")) {
		if !slices.Equal(asStrings(at(rule, "source_labels")), []string{"__meta_kubernetes_namespace"}) {
			continue
		}
		names := plainNames(first(asStrings(at(rule, "regex"))))
		switch first(asStrings(at(rule, "action"))) {
		case "drop":
			in.without = append(in.without, names...)
		case "keep":
			in.namespaces = append(in.namespaces, names...)
		}
	}
	if reads {
		p.inputs = append(p.inputs, in)
	}
}

// plainNames are the names that a regular expression of alternatives stands for,
// or none where it is something else.
func plainNames(expression string) []string {
	names := strings.Split(strings.Trim(expression, "^$()"), "|")
	if slices.ContainsFunc(names, func(n string) bool { return !namespaceName.MatchString(n) }) {
		return nil
	}
	return names
}

var namespaceName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`)

// readOTel reads the configuration of an OpenTelemetry Collector
// (opentelemetry.io/docs/collector/configuration).
func readOTel(files map[string]string) pipeline {
	var p pipeline
	for _, name := range sortedKeys(files) {
		doc := parseYAML(files[name])
		pipelines := asMap(at(doc, "service", "pipelines"))
		for _, id := range sortedKeys(pipelines) {
			if kind, _, _ := strings.Cut(id, "/"); kind != "logs" {
				continue
			}
			for _, receiver := range asStrings(at(pipelines[id], "receivers")) {
				if kind, _, _ := strings.Cut(receiver, "/"); kind == "filelog" {
					own := at(doc, "receivers", receiver)
					p.fileInput(asStrings(at(own, "include")), asStrings(at(own, "exclude")))
				}
			}
			for _, exporter := range asStrings(at(pipelines[id], "exporters")) {
				switch kind, _, _ := strings.Cut(exporter, "/"); kind {
				case "debug", "logging", "nop", "file":
					p.output(exporter, false)
				default:
					p.output(exporter, true)
				}
			}
		}
	}
	return p
}

// readFilebeat reads Filebeat's configuration (elastic.co/guide, filebeat.yml).
func readFilebeat(files map[string]string) pipeline {
	var p pipeline
	for _, name := range sortedKeys(files) {
		doc := asMap(parseYAML(files[name]))
		inputs := asList(at(doc, "filebeat", "inputs"))
		inputs = append(inputs, asList(doc["filebeat.inputs"])...)
		for _, in := range inputs {
			exclude := asStrings(at(in, "exclude_files"))
			exclude = append(exclude, asStrings(at(in, "prospector", "scanner", "exclude_files"))...)
			p.filebeat(asStrings(at(in, "paths")), exclude)
		}
		discover := append(asList(at(doc, "filebeat", "autodiscover", "providers")), asList(at(doc["filebeat.autodiscover"], "providers"))...)
		for _, provider := range discover {
			if kind := first(asStrings(at(provider, "type"))); kind == "kubernetes" || kind == "docker" {
				p.inputs = append(p.inputs, input{namespaces: asStrings(at(provider, "namespace"))})
			}
		}
		for _, key := range sortedKeys(doc) {
			kinds := []string{strings.TrimPrefix(key, "output.")}
			if key == "output" {
				kinds = sortedKeys(asMap(doc[key]))
			} else if !strings.HasPrefix(key, "output.") {
				continue
			}
			for _, kind := range kinds {
				p.output(kind, kind != "console" && kind != "file" && kind != "discard")
			}
		}
	}
	return p
}

// filebeat is fileInput with what is left out given as regular expressions.
func (p *pipeline) filebeat(paths, exclude []string) {
	if !ofContainers(paths) {
		return
	}
	var in input
	var ok bool
	in.include, ok = globs(paths)
	p.partial = p.partial || !ok
	for _, e := range exclude {
		re, err := regexp.Compile(e)
		if err != nil {
			p.partial = true
			continue
		}
		in.exclude = append(in.exclude, re)
	}
	p.inputs = append(p.inputs, in)
}
