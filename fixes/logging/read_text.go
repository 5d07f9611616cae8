package logging

import (
	"regexp"
	"strings"
)

// parseTOML reads the part of TOML in which Vector's configurations are written:
// tables by dotted names, strings, and lists of strings, also over several lines.
// Other values are kept as they are written.
func parseTOML(text string) map[string]any {
	root := map[string]any{}
	table := root
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line := strings.TrimSpace(lines[i])
		switch {
		case line == "" || line[0] == '#':
			continue
		case line[0] == '[':
			table = root
			name, _, _ := strings.Cut(strings.TrimLeft(line, "["), "]")
			for part := range strings.SplitSeq(name, ".") {
				table = child(table, strings.Trim(part, ` "'`))
			}
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		for strings.HasPrefix(value, "[") && !strings.Contains(value, "]") && i+1 < len(lines) {
			i++
			value += " " + strings.TrimSpace(lines[i])
		}
		at := table
		parts := strings.Split(strings.TrimSpace(key), ".")
		for _, part := range parts[:len(parts)-1] {
			at = child(at, strings.Trim(part, ` "'`))
		}
		at[strings.Trim(parts[len(parts)-1], ` "'`)] = tomlValue(value)
	}
	return root
}

func child(table map[string]any, name string) map[string]any {
	next, ok := table[name].(map[string]any)
	if !ok {
		next = map[string]any{}
		table[name] = next
	}
	return next
}

var tomlString = regexp.MustCompile(`"([^"]*)"|'([^']*)'`)

func tomlValue(value string) any {
	var list []any
	for _, m := range tomlString.FindAllStringSubmatch(value, -1) {
		list = append(list, m[1]+m[2])
	}
	switch {
	case strings.HasPrefix(value, "["):
		return list
	case len(list) > 0:
		return list[0]
	}
	return value
}

// The components of Alloy (grafana.com/docs/alloy/latest/reference/components)
// that read container logs and that ship. How they are wired is not looked at.
var (
	alloyRead  = regexp.MustCompile(`(?m)^\s*(loki\.source\.(?:file|kubernetes|podlogs)|otelcol\.receiver\.filelog)\s+"`)
	alloyWrite = regexp.MustCompile(`(?m)^\s*(loki\.write|otelcol\.exporter\.[a-z_]+)\s+"`)
	alloyDrop  = regexp.MustCompile(`(?s)rule\s*\{[^}]*source_labels\s*=\s*\["__meta_kubernetes_namespace"\][^}]*\}`)
	alloyNames = regexp.MustCompile(`(?s)namespaces\s*\{[^}]*names\s*=\s*(\[[^\]]*\])`)
	alloyField = regexp.MustCompile(`(action|regex)\s*=\s*"([^"]*)"`)
)

// readAlloy reads the configuration of Grafana Alloy.
func readAlloy(files map[string]string) pipeline {
	var p pipeline
	var all strings.Builder
	for _, name := range sortedKeys(files) {
		all.WriteString(files[name] + "\n")
	}
	text := all.String()
	if strings.Contains(text, "scrape_configs") { // the older Grafana Agent's YAML, nested in another way
		return pipeline{partial: true}
	}
	p.partial = strings.Contains(text, "import.") || strings.Contains(text, "remote.")
	for _, m := range alloyWrite.FindAllStringSubmatch(text, -1) {
		p.output(m[1], m[1] != "otelcol.exporter.debug")
	}
	if !alloyRead.MatchString(text) {
		return p
	}
	var in input
	for _, m := range alloyNames.FindAllStringSubmatch(text, -1) {
		for _, name := range tomlValue(m[1]).([]any) {
			in.namespaces = append(in.namespaces, name.(string))
		}
	}
	for _, rule := range alloyDrop.FindAllString(text, -1) {
		fields := map[string]string{}
		for _, f := range alloyField.FindAllStringSubmatch(rule, -1) {
			fields[f[1]] = f[2]
		}
		switch fields["action"] {
		case "drop":
			in.without = append(in.without, plainNames(fields["regex"])...)
		case "keep":
			in.namespaces = append(in.namespaces, plainNames(fields["regex"])...)
		}
	}
	p.inputs = append(p.inputs, in)
	return p
}
