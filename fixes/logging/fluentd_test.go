package logging

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// No Fluentd is to be had where these tests run. So its configuration is read by a
// parser of its language that takes nothing it does not know: sections, plugins,
// their parameters and the types of these, from docs.fluentd.org and the plugins'
// own documentation.

// parameter is the type of a plugin's parameter.
type parameter string

const (
	isString parameter = "string"
	isBool   parameter = "bool"
	isInt    parameter = "integer"
	isSize   parameter = "size"
	isTime   parameter = "time"
	isArray  parameter = "array"
	isRegexp parameter = "regexp"
	isPath   parameter = "path"
)

// plugin is what a section may hold: parameters, of which some must be there, and
// sections.
type plugin struct {
	params   map[string]parameter
	required []string
	sections map[string]map[string]plugin // by name, then by @type ("" where it has none)
	free     bool                         // any parameter, of type string
}

// buffers are file buffers (docs.fluentd.org/configuration/buffer-section).
var buffers = map[string]plugin{"file": {
	params: map[string]parameter{"path": isPath, "total_limit_size": isSize, "chunk_limit_size": isSize, "overflow_action": isString,
		"flush_mode": isString, "flush_interval": isTime, "flush_thread_count": isInt, "flush_at_shutdown": isBool,
		"retry_type": isString, "retry_max_interval": isTime, "retry_forever": isBool, "timekey": isTime, "timekey_wait": isTime},
	required: []string{"path", "total_limit_size", "overflow_action"},
}}

var fluentdSections = map[string]map[string]plugin{
	"system": {"": {params: map[string]parameter{"log_level": isString}}},
	"source": {
		"monitor_agent": {params: map[string]parameter{"bind": isString, "port": isInt, "include_config": isBool, "include_retry": isBool}},
		"tail": {
			params: map[string]parameter{"path": isPath, "exclude_path": isArray, "pos_file": isPath, "tag": isString, "read_from_head": isBool,
				"refresh_interval": isTime, "rotate_wait": isTime, "follow_inodes": isBool, "emit_unmatched_lines": isBool},
			required: []string{"path", "tag"},
			sections: map[string]map[string]plugin{"parse": {"regexp": {
				params:   map[string]parameter{"expression": isRegexp, "time_key": isString, "time_format": isString, "keep_time_key": isBool},
				required: []string{"expression"},
			}}},
		},
	},
	"filter": {
		"concat": {params: map[string]parameter{"key": isString, "use_partial_cri_logtag": isBool, "partial_cri_logtag_key": isString,
			"partial_cri_stream_key": isString, "separator": isString, "flush_interval": isTime, "timeout_label": isString}, required: []string{"key"}},
		"kubernetes_metadata": {params: map[string]parameter{"watch": isBool, "skip_container_metadata": isBool, "skip_master_url": isBool}},
		"record_transformer":  {params: map[string]parameter{"enable_ruby": isBool}, sections: map[string]map[string]plugin{"record": {"": {free: true}}}},
	},
	"match": {
		"relabel": {},
		"stdout":  {},
		"forward": {
			params: map[string]parameter{"require_ack_response": isBool, "transport": isString, "tls_verify_hostname": isBool, "tls_version": isString, "tls_cert_path": isArray},
			sections: map[string]map[string]plugin{
				"server":   {"": {params: map[string]parameter{"host": isString, "port": isInt}, required: []string{"host"}}},
				"security": {"": {params: map[string]parameter{"self_hostname": isString, "shared_key": isString}, required: []string{"self_hostname", "shared_key"}}},
				"buffer":   buffers,
			},
		},
		"elasticsearch": {
			params: map[string]parameter{"host": isString, "port": isInt, "scheme": isString, "path": isString, "logstash_format": isBool, "logstash_prefix": isString,
				"include_timestamp": isBool, "suppress_type_name": isBool, "reconnect_on_error": isBool, "reload_on_failure": isBool, "reload_connections": isBool,
				"request_timeout": isTime, "ssl_verify": isBool, "ssl_version": isString, "user": isString, "password": isString, "ca_file": isString},
			sections: map[string]map[string]plugin{"buffer": buffers},
		},
		"loki": {
			params: map[string]parameter{"url": isString, "username": isString, "password": isString, "ca_cert": isString, "line_format": isString,
				"drop_single_key": isBool, "remove_keys": isArray},
			required: []string{"url"},
			sections: map[string]map[string]plugin{"label": {"": {free: true}}, "buffer": buffers},
		},
		"s3": {
			params: map[string]parameter{"s3_bucket": isString, "s3_region": isString, "s3_object_key_format": isString, "time_slice_format": isString, "store_as": isString,
				"use_server_side_encryption": isString, "check_bucket": isBool, "check_object": isBool, "path": isString, "aws_key_id": isString, "aws_sec_key": isString},
			required: []string{"s3_bucket"},
			sections: map[string]map[string]plugin{"format": {"json": {}}, "buffer": buffers},
		},
	},
}

// section is a section of a configuration, with the line in which it begins.
type section struct {
	name, arg, kind string
	line            int
	params          map[string]string
	sections        []*section
}

var (
	sectionStart = regexp.MustCompile(`^<([a-z_]+)(?: ([^<>]+))?>$`)
	paramLine    = regexp.MustCompile(`^(@?[a-z_0-9]+)(?:[ \t]+(.*))?$`)
)

// parseStrictly reads a configuration, or says at which line it is none.
func parseStrictly(text string) (*section, error) {
	root := &section{params: map[string]string{}}
	open := []*section{root}
	for i, line := range strings.Split(text, "\n") {
		n := i + 1
		line = strings.TrimSpace(line)
		top := open[len(open)-1]
		switch {
		case line == "" || line[0] == '#':
		case strings.HasPrefix(line, "</"):
			if line != "</"+top.name+">" {
				return nil, fmt.Errorf("line %d: %s does not end <%s> of line %d", n, line, top.name, top.line)
			}
			open = open[:len(open)-1]
		case line[0] == '<':
			m := sectionStart.FindStringSubmatch(line)
			if m == nil {
				return nil, fmt.Errorf("line %d: %s begins no section", n, line)
			}
			s := &section{name: m[1], arg: m[2], line: n, params: map[string]string{}}
			top.sections = append(top.sections, s)
			open = append(open, s)
		default:
			m := paramLine.FindStringSubmatch(line)
			if m == nil || top == root {
				return nil, fmt.Errorf("line %d: %q is no parameter of a section", n, line)
			}
			if _, twice := top.params[m[1]]; twice {
				return nil, fmt.Errorf("line %d: %s is there twice", n, m[1])
			}
			value, err := literal(m[2])
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			if top.params[m[1]] = value; m[1] == "@type" {
				top.kind = value
			}
		}
	}
	if len(open) > 1 {
		return nil, fmt.Errorf("<%s> of line %d does not end", open[len(open)-1].name, open[len(open)-1].line)
	}
	return root, nil
}

// literal reads a value: quoted, in which Ruby may be embedded, or as it stands.
func literal(value string) (string, error) {
	if !strings.HasPrefix(value, `"`) {
		if strings.Contains(value, " #") {
			return "", fmt.Errorf("%q ends in a comment", value)
		}
		return value, nil
	}
	if len(value) < 2 || !strings.HasSuffix(value, `"`) || strings.Contains(value[1:len(value)-1], `"`) {
		return "", fmt.Errorf("%s is not quoted to its end", value)
	}
	value = value[1 : len(value)-1]
	if strings.Count(value, "#{") != strings.Count(value, "}")-strings.Count(value, "%{") {
		return "", fmt.Errorf("%q embeds Ruby that does not end", value)
	}
	return value, nil
}

// checkFluentd reads a configuration strictly: what is in it is known, what must
// be there is, labels that are named exist, and something matches all records.
func checkFluentd(text string) error {
	root, err := parseStrictly(text)
	if err != nil {
		return err
	}
	labels := map[string]bool{}
	for _, s := range root.sections {
		if s.name == "label" {
			labels[s.arg] = true
		}
	}
	return checkSections(root, fluentdSections, labels, true)
}

func checkSections(in *section, known map[string]map[string]plugin, labels map[string]bool, top bool) error {
	for _, s := range in.sections {
		if top && s.name == "label" {
			if !strings.HasPrefix(s.arg, "@") || len(s.sections) == 0 || s.sections[len(s.sections)-1].name != "match" || s.sections[len(s.sections)-1].arg != "**" {
				return fmt.Errorf("label %s of line %d does not match all records at its end", s.arg, s.line)
			}
			if err := checkSections(s, known, labels, false); err != nil {
				return err
			}
			continue
		}
		if (s.name == "match" || s.name == "filter") != (s.arg != "") && s.name != "buffer" {
			return fmt.Errorf("<%s> of line %d: pattern %q", s.name, s.line, s.arg)
		}
		p, ok := known[s.name][s.kind]
		if !ok {
			return fmt.Errorf("<%s> of line %d: no plugin %q", s.name, s.line, s.kind)
		}
		if err := p.check(s, labels); err != nil {
			return fmt.Errorf("<%s> %s of line %d: %w", s.name, s.kind, s.line, err)
		}
		if err := checkSections(s, p.sections, labels, false); err != nil {
			return err
		}
	}
	return nil
}

func (p plugin) check(s *section, labels map[string]bool) error {
	for name, value := range s.params {
		switch {
		case name == "@type", name == "@id":
			continue
		case name == "@label", name == "timeout_label":
			if !labels[value] {
				return fmt.Errorf("no label %s", value)
			}
			continue
		case p.free:
			continue
		}
		kind, known := p.params[name]
		if !known {
			return fmt.Errorf("no parameter %s", name)
		}
		if err := kind.takes(value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, name := range p.required {
		if s.params[name] == "" {
			return fmt.Errorf("%s is missing", name)
		}
	}
	return nil
}

var (
	sizes = regexp.MustCompile(`^[0-9]+[kmgt]?$`)
	times = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?[smhd]?$`)
)

func (kind parameter) takes(value string) error {
	ok := true
	switch kind {
	case isBool:
		ok = value == "true" || value == "false"
	case isInt:
		_, err := strconv.Atoi(value)
		ok = err == nil
	case isSize:
		ok = sizes.MatchString(value)
	case isTime:
		ok = times.MatchString(value)
	case isPath:
		ok = strings.HasPrefix(value, "/")
	case isArray:
		var list []string
		ok = !strings.HasPrefix(value, "[") || json.Unmarshal([]byte(value), &list) == nil
	case isRegexp:
		expression, found := strings.CutPrefix(value, "/")
		expression, end := strings.CutSuffix(expression, "/")
		_, err := regexp.Compile(expression) // Ruby's and Go's are alike here
		ok = found && end && err == nil && strings.Contains(expression, "(?<")
	}
	if !ok {
		return fmt.Errorf("%q is no %s", value, kind)
	}
	return nil
}

// TestStrictParser demands of the parser that it refuses what Fluentd would.
func TestStrictParser(t *testing.T) {
	good := "<source>\n@type tail\npath /a\ntag x\n<parse>\n@type regexp\nexpression /(?<a>.)/\n</parse>\n</source>\n<match **>\n@type stdout\n</match>\n"
	if err := checkFluentd(good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, from, to string }{
		{"a section that does not end", "</match>\n", ""},
		{"sections that cross", "</parse>\n</source>", "</source>\n</parse>"},
		{"an unknown plugin", "@type stdout", "@type stdot"},
		{"an unknown section", "<parse>\n@type regexp\nexpression /(?<a>.)/\n</parse>", "<pars>\n</pars>"},
		{"an unknown parameter", "path /a", "path /a\npaht /b"},
		{"a parameter twice", "path /a", "path /a\npath /b"},
		{"a required one missing", "tag x\n", ""},
		{"a bad bool", "tag x", "tag x\nread_from_head yes"},
		{"a bad time", "tag x", "tag x\nrotate_wait soon"},
		{"a relative path", "path /a", "path a"},
		{"a bad expression", "/(?<a>.)/", "/(?<a>./"},
		{"a label that is not there", "tag x", "tag x\n@label @NONE"},
		{"a match without a pattern", "<match **>", "<match>"},
		{"quotes that do not end", "tag x", `tag "x`},
		{"a parameter outside", "<match **>", "log_level warn\n<match **>"},
	} {
		bad := strings.Replace(good, c.from, c.to, 1)
		if bad == good {
			t.Fatalf("%s: nothing replaced", c.what)
		}
		if err := checkFluentd(bad); err == nil {
			t.Errorf("%s is taken", c.what)
		}
	}
}

// find returns the sections of a name, all the way down.
func (s *section) find(name string) []*section {
	var out []*section
	for _, child := range s.sections {
		if child.name == name {
			out = append(out, child)
		}
		out = append(out, child.find(name)...)
	}
	return out
}

// kinds are the plugins of sections of a name.
func (s *section) kinds(name string) []string {
	var out []string
	for _, child := range s.find(name) {
		out = append(out, child.kind)
	}
	slices.Sort(out)
	return out
}
