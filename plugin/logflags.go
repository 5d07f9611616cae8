package plugin

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// logFlags say where a new log agent is to send what it reads.
type logFlags struct {
	Output   string
	Endpoint string
	Secret   string
	Region   string
	Image    string
}

func (f *logFlags) addTo(fs *pflag.FlagSet) {
	fs.StringVar(&f.Output, "log-output", "", "Where a new log agent sends container logs: "+join(fixes.LogOutputs())+". Without it none is made.")
	fs.StringVar(&f.Endpoint, "log-endpoint", "", "Its address: tls://HOST:24224 (forward), https://HOST:9200 (elasticsearch), https://HOST:3100 (loki), s3://BUCKET/PREFIX; tcp:// and http:// are not encrypted.")
	fs.StringVar(&f.Secret, "log-secret", "", "The Secret in kube-system that holds its credentials: keys username and password, shared-key (forward), or access-key-id and secret-access-key (s3).")
	fs.StringVar(&f.Region, "log-region", "", "The region of the bucket (s3).")
	fs.StringVar(&f.Image, "log-image", "", "Another image of Fluentd, with its digest. loki and s3 need one: the default image has no plugin for them.")
}

// set puts into the options what the flags mean.
func (f *logFlags) set(o *Options) error {
	if f.Output == "" {
		if f.Endpoint+f.Secret+f.Region+f.Image != "" {
			return errors.New("--log-endpoint, --log-secret, --log-region and --log-image go with --log-output")
		}
		return nil
	}
	p := fixes.LogPolicy{Output: fixes.LogOutput(f.Output), Secret: f.Secret, Region: f.Region, Image: f.Image}
	if !slices.Contains(fixes.LogOutputs(), p.Output) {
		return unknown("log output", f.Output, names(fixes.LogOutputs()))
	}
	for _, check := range []func(*fixes.LogPolicy) error{f.setEndpoint, f.checkSecret, f.checkRegion, f.checkImage} {
		if err := check(&p); err != nil {
			return err
		}
	}
	o.Logs = p
	return nil
}

// logSchemes are those of an output's addresses: the encrypted one, the other,
// and the port where none is given.
var logSchemes = map[fixes.LogOutput]struct {
	tls, plain string
	port       int
}{
	fixes.LogForward:       {"tls", "tcp", 24224},
	fixes.LogElasticsearch: {"https", "http", 9200},
	fixes.LogLoki:          {"https", "http", 3100},
}

// logPath is what may stand in the path of an address, or as prefix in a bucket.
// None of it means anything to Fluentd's configuration.
var logPath = regexp.MustCompile(`^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$`)

// bucketName is how buckets are called (Amazon S3, bucket naming rules).
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

func (f *logFlags) setEndpoint(p *fixes.LogPolicy) error {
	if p.Output == fixes.LogStdout {
		if f.Endpoint != "" {
			return errors.New("--log-endpoint does not go with --log-output stdout, which has no address")
		}
		return nil
	}
	if f.Endpoint == "" {
		return fmt.Errorf("--log-output %s needs --log-endpoint", p.Output)
	}
	u, err := url.Parse(f.Endpoint)
	if err != nil {
		return errors.New("--log-endpoint is not an address: write SCHEME://HOST:PORT") // without it: it may hold a password
	}
	switch {
	case u.User != nil:
		return errors.New("--log-endpoint holds a user: credentials belong into the Secret that --log-secret names")
	case u.RawQuery != "" || u.Fragment != "":
		return errors.New("--log-endpoint ends at its path: leave out what begins with ? or #")
	}
	p.Path = strings.Trim(u.Path, "/")
	if p.Path != "" && (!logPath.MatchString(p.Path) || p.Output == fixes.LogForward) {
		return fmt.Errorf("--log-endpoint: %q is not a path for %s", p.Path, p.Output)
	}
	if p.Output == fixes.LogS3 {
		if u.Scheme != "s3" || !bucketName.MatchString(u.Host) {
			return fmt.Errorf("--log-endpoint %q names no bucket: write s3://BUCKET or s3://BUCKET/PREFIX", f.Endpoint)
		}
		p.Bucket = u.Host
		return nil
	}
	return setLogHost(p, u)
}

// setLogHost takes scheme, host and port from an address.
func setLogHost(p *fixes.LogPolicy, u *url.URL) error {
	scheme := logSchemes[p.Output]
	if u.Scheme != scheme.tls && u.Scheme != scheme.plain {
		return fmt.Errorf("--log-endpoint: write %s://HOST:PORT for %s, or %s://, which is not encrypted", scheme.tls, p.Output, scheme.plain)
	}
	p.TLS, p.Host, p.Port = u.Scheme == scheme.tls, u.Hostname(), scheme.port
	if net.ParseIP(p.Host) == nil && len(validation.IsDNS1123Subdomain(p.Host)) > 0 {
		return fmt.Errorf("--log-endpoint: %q is no host name and no IP address", p.Host)
	}
	if u.Port() == "" {
		return nil
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil || len(validation.IsValidPortNum(port)) > 0 {
		return fmt.Errorf("--log-endpoint: %s is no port", u.Port())
	}
	p.Port = port
	return nil
}

func (f *logFlags) checkSecret(p *fixes.LogPolicy) error {
	switch {
	case p.Secret == "":
		return nil
	case p.Output == fixes.LogStdout:
		return errors.New("--log-secret does not go with --log-output stdout")
	case len(validation.IsDNS1123Subdomain(p.Secret)) > 0:
		return errors.New("--log-secret is the name of a Secret, not a credential") // it may be one: not repeated
	}
	return nil
}

var regionName = regexp.MustCompile(`^[a-z]{2,}(-[a-z]+)+-[0-9]+$`)

func (f *logFlags) checkRegion(p *fixes.LogPolicy) error {
	switch {
	case p.Output != fixes.LogS3 && p.Region != "":
		return errors.New("--log-region goes with --log-output s3")
	case p.Output == fixes.LogS3 && !regionName.MatchString(p.Region):
		return fmt.Errorf("--log-output s3 needs --log-region, as AWS writes it (eu-central-1), not %q", p.Region)
	}
	return nil
}

func (f *logFlags) checkImage(p *fixes.LogPolicy) error {
	if p.Image == "" {
		if p.Output == fixes.LogLoki || p.Output == fixes.LogS3 {
			return fmt.Errorf("--log-output %s needs --log-image: an image of Fluentd with its plugin, as IMAGE@sha256:… (crane digest IMAGE gives it)", p.Output)
		}
		return nil
	}
	if _, err := name.NewDigest(p.Image, name.WeakValidation); err != nil {
		return fmt.Errorf("--log-image: %q is no image with a digest; write IMAGE@sha256:… (crane digest IMAGE gives it)", p.Image)
	}
	return nil
}
