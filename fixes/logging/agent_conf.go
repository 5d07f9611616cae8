package logging

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// confInput reads every container's log but the agent's own. Records are those of
// the container runtime interface (time, stream, whether the line goes on, line;
// kubernetes, CRI logging format) or Docker's JSON; lines that a runtime parted at
// 16 KiB are joined again.
const confInput = `# Made by kubectl harden. https://docs.fluentd.org/configuration/config-file
<system>
  log_level warn
</system>

# Answers the kubelet's probes.
<source>
  @type monitor_agent
  bind 0.0.0.0
  port %[1]d
  include_config false
  include_retry false
</source>

<source>
  @type tail
  @id containers
  @label @CONTAINERS
  path %[2]s/*.log
  exclude_path ["%[2]s/%[3]s-*_%[4]s_*.log"]
  # Of the pod's own life: when it is replaced, all files are read again.
  pos_file %[5]s/containers.pos
  tag kubernetes.*
  read_from_head true
  refresh_interval 10
  rotate_wait 10
  follow_inodes true
  emit_unmatched_lines true
  <parse>
    @type regexp
    expression /^(?:(?<time>\d{4}-\d\d-\d\dT[^ ]+) (?<stream>stdout|stderr) (?<logtag>[FP])(?:[^ ]*) (?<log>.*)|(?<json>\{.*\}))$/
    time_key time
    time_format %%Y-%%m-%%dT%%H:%%M:%%S.%%N%%:z
    keep_time_key true
  </parse>
</source>

<label @CONTAINERS>
  <filter kubernetes.**>
    @type concat
    key log
    use_partial_cri_logtag true
    partial_cri_logtag_key logtag
    partial_cri_stream_key stream
    separator ""
    flush_interval 5
    timeout_label @OUTPUT
  </filter>
  <match **>
    @type relabel
    @label @OUTPUT
  </match>
</label>

<label @OUTPUT>
`

// confLabels adds what the API server knows of the pod; confNames only what the
// name of the file tells.
const (
	confLabels = `  <filter kubernetes.**>
    @type kubernetes_metadata
    watch true
    skip_container_metadata true
    skip_master_url true
  </filter>
`
	confNames = `  <filter kubernetes.**>
    @type record_transformer
    enable_ruby true
    <record>
      pod ${tag_suffix[4].split("_")[0]}
      namespace ${tag_suffix[4].split("_")[1]}
      container ${tag_suffix[4].split("_")[2].to_s.sub(/-[0-9a-f]{64}\.log\z/, "")}
      node "#{ENV['K8S_NODE_NAME']}"
    </record>
  </filter>
`
)

// confBuffer is bounded, and stops the reading when it is full: what is not read
// stays in the file, up to its rotation.
const confBuffer = `    <buffer%s>
      @type file
      path %s/output
      total_limit_size 768m
      chunk_limit_size 8m
      overflow_action block
      flush_mode interval
      flush_interval %s
      flush_thread_count 2
      flush_at_shutdown true
      retry_type exponential_backoff
      retry_max_interval 60s
      retry_forever true
%s    </buffer>
`

// fluentConf is the agent's configuration. Of the policy's strings it takes those
// that were checked, and of credentials the names of their variables.
func fluentConf(p fixes.LogPolicy) string {
	var b strings.Builder
	fmt.Fprintf(&b, confInput, healthPort, containerLogs, agentName, agentNamespace, bufferFolder)
	if labelled(p) {
		b.WriteString(confLabels)
	} else {
		b.WriteString(confNames)
	}
	b.WriteString("  <match **>\n")
	for _, line := range outputConf(p) {
		b.WriteString("    " + line + "\n")
	}
	if p.Output != fixes.LogStdout {
		keys, interval, more := "", "5s", ""
		if p.Output == fixes.LogS3 { // an object for each chunk: fewer, and by hour
			keys, interval, more = " time", "300s", "      timekey 3600\n      timekey_wait 60s\n"
		}
		fmt.Fprintf(&b, confBuffer, keys, bufferFolder, interval, more)
	}
	b.WriteString("  </match>\n</label>\n")
	return b.String()
}

// outputConf are the lines of the output, but for its buffer.
func outputConf(p fixes.LogPolicy) []string {
	switch p.Output {
	case fixes.LogForward:
		return forwardConf(p)
	case fixes.LogElasticsearch:
		return elasticsearchConf(p)
	case fixes.LogLoki:
		return lokiConf(p)
	case fixes.LogS3:
		return s3Conf(p)
	}
	return []string{"@type stdout"}
}

// env is how the configuration reads a variable.
func env(key string) string { return fmt.Sprintf(`"#{ENV['%s']}"`, variable(key)) }

func forwardConf(p fixes.LogPolicy) []string {
	lines := []string{"@type forward", "require_ack_response true"}
	if p.TLS {
		lines = append(lines, "transport tls", "tls_verify_hostname true", "tls_version TLSv1_2")
		if checksCA(p) {
			lines = append(lines, optionalCA("tls_cert_path"))
		}
	}
	if p.Secret != "" {
		lines = append(lines, "<security>", `  self_hostname "#{ENV['K8S_NODE_NAME']}"`, "  shared_key "+env(keySharedKey), "</security>")
	}
	return append(lines, "<server>", "  host "+p.Host, fmt.Sprintf("  port %d", p.Port), "</server>")
}

func elasticsearchConf(p fixes.LogPolicy) []string {
	lines := []string{"@type elasticsearch", "host " + p.Host, fmt.Sprintf("port %d", p.Port), "scheme " + scheme(p),
		"logstash_format true", "logstash_prefix kubernetes", "include_timestamp true", "suppress_type_name true",
		"reconnect_on_error true", "reload_on_failure true", "reload_connections false", "request_timeout 30s"}
	if p.Path != "" {
		lines = append(lines, "path /"+p.Path)
	}
	if p.TLS {
		lines = append(lines, "ssl_verify true", "ssl_version TLSv1_2")
	}
	return append(lines, credentials(p, "user", "password", "ca_file")...)
}

func lokiConf(p fixes.LogPolicy) []string {
	u := url.URL{Scheme: scheme(p), Host: net.JoinHostPort(p.Host, strconv.Itoa(p.Port)), Path: p.Path}
	lines := []string{"@type loki", "url " + u.String(), "line_format key_value", "drop_single_key true", "remove_keys time,logtag"}
	lines = append(lines, "<label>", "  namespace", "  pod", "  container", "  node", "  stream", "</label>")
	return append(lines, credentials(p, "username", "password", "ca_cert")...)
}

func s3Conf(p fixes.LogPolicy) []string {
	lines := []string{"@type s3", "s3_bucket " + p.Bucket, "s3_region " + p.Region,
		`s3_object_key_format "%{path}%{time_slice}/#{ENV['K8S_NODE_NAME']}-%{hex_random}.%{file_extension}"`,
		"time_slice_format %Y/%m/%d/%H", "store_as gzip", "use_server_side_encryption AES256", "check_bucket false", "check_object false",
		"<format>", "  @type json", "</format>"}
	if p.Path != "" {
		lines = append(lines, "path "+p.Path+"/")
	}
	if p.Secret != "" {
		lines = append(lines, "aws_key_id "+env(keyAccessKeyID), "aws_sec_key "+env(keySecretAccessKey))
	}
	return lines
}

func scheme(p fixes.LogPolicy) string {
	if p.TLS {
		return "https"
	}
	return "http"
}

// credentials are the lines of a user, a password and an authority.
func credentials(p fixes.LogPolicy, user, password, ca string) []string {
	var lines []string
	if p.Secret != "" {
		lines = append(lines, user+" "+env(keyUsername), password+" "+env(keyPassword))
	}
	if checksCA(p) {
		lines = append(lines, optionalCA(ca))
	}
	return lines
}

// optionalCA names the authority's file if it is there, and otherwise the one
// that the system has (use_default is Fluentd's word for a parameter not given).
func optionalCA(parameter string) string {
	return fmt.Sprintf(`%s "#{File.exist?('%[2]s') ? '%[2]s' : use_default}"`, parameter, caFile())
}
