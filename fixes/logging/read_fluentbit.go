package logging

import (
	"path"
	"strings"
)

// readFluentBit reads Fluent Bit's configuration in its two forms
// (docs.fluentbit.io, Configuring Fluent Bit) as far as inputs and outputs go.
func readFluentBit(files map[string]string) pipeline {
	var p pipeline
	for _, name := range sortedKeys(files) {
		if ext := path.Ext(name); ext == ".yaml" || ext == ".yml" {
			p.fluentBitYAML(files[name])
			continue
		}
		for _, s := range fluentBitSections(files[name], func(include string) {
			if _, ok := files[path.Base(include)]; !ok && !strings.ContainsAny(include, "*") {
				p.partial = true
			}
		}) {
			p.fluentBit(s.name, s.params)
		}
	}
	return p
}

// fluentBitSection is [NAME] with its entries, whose keys know no case.
type fluentBitSection struct {
	name   string
	params map[string][]string
}

func fluentBitSections(text string, included func(string)) []fluentBitSection {
	var out []fluentBitSection
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			out = append(out, fluentBitSection{strings.ToLower(strings.Trim(line, "[]")), map[string][]string{}})
		case strings.HasPrefix(strings.ToUpper(line), "@INCLUDE"):
			included(strings.TrimSpace(line[len("@INCLUDE"):]))
		case len(out) > 0:
			key, value, _ := strings.Cut(strings.ReplaceAll(line, "\t", " "), " ")
			key = strings.ToLower(key)
			params := out[len(out)-1].params
			params[key] = append(params[key], strings.TrimSpace(value))
		}
	}
	return out
}

func (p *pipeline) fluentBitYAML(text string) {
	doc, _ := parseYAML(text).(map[string]any)
	pipe, _ := doc["pipeline"].(map[string]any)
	for section, name := range map[string]string{"inputs": "input", "outputs": "output"} {
		for _, entry := range asList(pipe[section]) {
			params := map[string][]string{}
			for key, value := range asMap(entry) {
				params[strings.ToLower(key)] = asStrings(value)
			}
			p.fluentBit(name, params)
		}
	}
	if doc["includes"] != nil {
		p.partial = true
	}
}

func (p *pipeline) fluentBit(section string, params map[string][]string) {
	name := strings.ToLower(first(params["name"]))
	switch {
	case section == "input" && name == "tail" && strings.Contains(first(params["path"]), "${"):
		p.partial = true
		p.inputs = append(p.inputs, input{})
	case section == "input" && name == "tail":
		p.fileInput(commas(params["path"]), commas(params["exclude_path"]))
	case section == "output" && name != "":
		switch name {
		case "stdout", "null", "file", "counter", "flowcounter", "exit":
			p.output(name, false)
		default:
			p.output(name, true)
		}
	}
}

// commas splits values at their commas.
func commas(values []string) []string {
	var out []string
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			out = append(out, strings.TrimSpace(part))
		}
	}
	return out
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
