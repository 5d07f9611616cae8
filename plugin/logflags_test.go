package plugin

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func TestLogFlags(t *testing.T) {
	const image = "ghcr.io/kube-logging/fluentd:v1.17-5.0-full@sha256:4bcff63911fcb4448bd4fdacec207030997caf25e9bea4045fa6c8c44de311d1"
	for _, c := range []struct {
		flags logFlags
		want  fixes.LogPolicy
		fails string
	}{
		{flags: logFlags{}},
		{flags: logFlags{Output: "stdout"}, want: fixes.LogPolicy{Output: fixes.LogStdout}},
		{flags: logFlags{Output: "forward", Endpoint: "tls://logs.example.com", Secret: "logs"},
			want: fixes.LogPolicy{Output: fixes.LogForward, Host: "logs.example.com", Port: 24224, TLS: true, Secret: "logs"}},
		{flags: logFlags{Output: "forward", Endpoint: "tcp://10.0.0.1:1"}, want: fixes.LogPolicy{Output: fixes.LogForward, Host: "10.0.0.1", Port: 1}},
		{flags: logFlags{Output: "elasticsearch", Endpoint: "https://es/a/b/"}, want: fixes.LogPolicy{Output: fixes.LogElasticsearch, Host: "es", Port: 9200, TLS: true, Path: "a/b"}},
		{flags: logFlags{Output: "loki", Endpoint: "http://[fd00::1]:80", Image: image}, want: fixes.LogPolicy{Output: fixes.LogLoki, Host: "fd00::1", Port: 80, Image: image}},
		{flags: logFlags{Output: "s3", Endpoint: "s3://logs/prod", Region: "eu-central-1", Image: image},
			want: fixes.LogPolicy{Output: fixes.LogS3, Bucket: "logs", Path: "prod", Region: "eu-central-1", Image: image}},

		{flags: logFlags{Endpoint: "tls://x"}, fails: "go with --log-output"},
		{flags: logFlags{Output: "forwrd"}, fails: `did you mean "forward"?`},
		{flags: logFlags{Output: "forward"}, fails: "needs --log-endpoint"},
		{flags: logFlags{Output: "stdout", Endpoint: "tls://x"}, fails: "has no address"},
		{flags: logFlags{Output: "stdout", Secret: "x"}, fails: "does not go with"},
		{flags: logFlags{Output: "forward", Endpoint: "logs.example.com:24224"}, fails: "write tls://HOST:PORT"},
		{flags: logFlags{Output: "forward", Endpoint: "https://x"}, fails: "write tls://HOST:PORT"},
		{flags: logFlags{Output: "forward", Endpoint: "tls://x/y"}, fails: "is not a path"},
		{flags: logFlags{Output: "forward", Endpoint: "tls://x:99999"}, fails: "is no port"},
		{flags: logFlags{Output: "forward", Endpoint: "tls://a_b"}, fails: "no host name"},
		{flags: logFlags{Output: "elasticsearch", Endpoint: "https://user:hunter2@es"}, fails: "--log-secret"},
		{flags: logFlags{Output: "elasticsearch", Endpoint: "https://es/a?key=hunter2"}, fails: "leave out"},
		{flags: logFlags{Output: "elasticsearch", Endpoint: "https://es/a\"b"}, fails: "is not a path"},
		{flags: logFlags{Output: "elasticsearch", Endpoint: "https://es:hunter2"}, fails: "is not an address"},
		{flags: logFlags{Output: "elasticsearch", Endpoint: "https://es", Secret: "Hunter2!"}, fails: "not a credential"},
		{flags: logFlags{Output: "loki", Endpoint: "https://x"}, fails: "needs --log-image"},
		{flags: logFlags{Output: "loki", Endpoint: "https://x", Image: "fluentd:v1"}, fails: "no image with a digest"},
		{flags: logFlags{Output: "s3", Endpoint: "s3://Logs", Region: "eu-central-1", Image: image}, fails: "names no bucket"},
		{flags: logFlags{Output: "s3", Endpoint: "s3://logs", Image: image}, fails: "needs --log-region"},
		{flags: logFlags{Output: "forward", Endpoint: "tls://x", Region: "eu-central-1"}, fails: "goes with --log-output s3"},
	} {
		o := &Options{}
		err := c.flags.set(o)
		if c.fails == "" && err != nil || o.Logs != c.want {
			t.Errorf("%+v: %v, %+v", c.flags, err, o.Logs)
		}
		if c.fails != "" && (err == nil || !strings.Contains(err.Error(), c.fails)) {
			t.Errorf("%+v: %v, want %q", c.flags, err, c.fails)
		}
		if err != nil && strings.Contains(strings.ToLower(err.Error()), "hunter2") {
			t.Errorf("a credential is repeated: %v", err)
		}
	}
}
