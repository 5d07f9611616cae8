package fixes

// LogOutput is where a log agent that this program makes sends its records.
type LogOutput string

// The outputs, named as the flag names them. The zero value is none.
const (
	// LogForward is another Fluentd or Fluent Bit, by the Forward protocol.
	LogForward LogOutput = "forward"
	// LogElasticsearch is Elasticsearch, or what speaks its bulk API.
	LogElasticsearch LogOutput = "elasticsearch"
	// LogLoki is Grafana Loki.
	LogLoki LogOutput = "loki"
	// LogS3 is a bucket of Amazon S3.
	LogS3 LogOutput = "s3"
	// LogStdout is the agent's own output: it shows that the agent works, and
	// keeps nothing.
	LogStdout LogOutput = "stdout"
)

// LogOutputs lists them.
func LogOutputs() []LogOutput {
	return []LogOutput{LogForward, LogElasticsearch, LogLoki, LogS3, LogStdout}
}

// LogPolicy is what the user asks of logs. The zero value asks for nothing.
// Its strings end up in the configuration of an agent: whoever fills it in must
// have checked them.
type LogPolicy struct {
	Output LogOutput
	// Host and Port are where the output listens, and TLS whether it is spoken
	// to encrypted. They are empty for S3 and for standard output.
	Host string
	Port int
	TLS  bool
	// Path is what comes before the API's own path, or the prefix of the objects
	// in a bucket. It neither begins nor ends with a slash.
	Path string
	// Bucket and Region are those of S3.
	Bucket, Region string
	// Secret names the Secret, in the agent's namespace, that holds the
	// credentials; empty: none are needed.
	Secret string
	// Image is the agent's image, with its digest; empty: that of the program.
	Image string
}
