package logging

import (
	"encoding/json"
	"path"
	"strings"
)

// element is a section of Fluentd's configuration: <name arg> … </name>.
type element struct {
	name     string
	params   map[string]string
	elements []*element
}

// readFluentd reads Fluentd's configuration (docs.fluentd.org, Config File
// Syntax) far enough to know its inputs and outputs. How records are routed by
// their tags is not looked at.
func readFluentd(files map[string]string) pipeline {
	var p pipeline
	for _, name := range sortedKeys(files) {
		root := parseFluentd(files[name], func(include string) {
			if _, ok := files[path.Base(include)]; !ok && !strings.HasSuffix(include, "*.conf") {
				p.partial = true
			}
		})
		p.fluentd(root)
	}
	return p
}

// parseFluentd reads what it can; a strict parser is the program's own business.
func parseFluentd(text string, included func(string)) *element {
	root := &element{params: map[string]string{}}
	open := []*element{root}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		top := open[len(open)-1]
		switch {
		case line == "" || line[0] == '#':
		case strings.HasPrefix(line, "</"):
			if len(open) > 1 {
				open = open[:len(open)-1]
			}
		case line[0] == '<':
			name, _, _ := strings.Cut(strings.Trim(line, "<> "), " ")
			e := &element{name: name, params: map[string]string{}}
			top.elements = append(top.elements, e)
			open = append(open, e)
		default:
			key, value, _ := strings.Cut(line, " ")
			if key == "@include" {
				included(strings.TrimSpace(value))
				continue
			}
			top.params[key] = strings.TrimSpace(value)
		}
	}
	return root
}

func (p *pipeline) fluentd(e *element) {
	kind := e.params["@type"]
	if kind == "" {
		kind = e.params["type"]
	}
	kind = strings.Trim(kind, `"'`)
	switch e.name {
	case "source":
		switch {
		case kind == "tail" && strings.Contains(e.params["path"], "#{"): // a variable: of what, is not known
			p.partial = true
			p.inputs = append(p.inputs, input{})
		case kind == "tail":
			p.fileInput(fluentdList(e.params["path"]), fluentdList(e.params["exclude_path"]))
		}
	case "match", "store":
		switch kind {
		case "":
		case "relabel", "copy", "roundrobin", "rewrite_tag_filter", "label_router", "route", "concat", "detect_exceptions", "kubernetes_metadata":
			// records go on from there
		case "stdout", "null", "file", "secondary_file":
			p.output(kind, false)
		default:
			p.output(kind, true)
		}
	}
	for _, child := range e.elements {
		p.fluentd(child)
	}
}

// fluentdList reads a parameter of type array: JSON, or values between commas.
func fluentdList(value string) []string {
	value = strings.TrimSpace(value)
	var list []string
	if strings.HasPrefix(value, "[") && json.Unmarshal([]byte(value), &list) == nil {
		return list
	}
	for part := range strings.SplitSeq(strings.Trim(value, `"'`), ",") {
		list = append(list, strings.TrimSpace(part))
	}
	return list
}
