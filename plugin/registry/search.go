package registry

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/secrets/detect"
)

const (
	// maxText is the size up to which files are looked into.
	maxText = 1 << 20
	// maxFound is how many credentials of an image are told.
	maxFound = 20
	// sure is the confidence from which something in an image is called a
	// credential: images hold whole programs, with their tests and examples.
	sure = 0.8
)

// search collects the credentials of one image. It never keeps a value.
type search struct {
	found   []fixes.ImageSecret
	partial string
}

func newSearch() *search { return &search{} }

func (s *search) missed(what string) {
	if s.partial == "" {
		s.partial = what
	}
}

func (s *search) add(where, why string) {
	found := fixes.ImageSecret{Where: fixes.Clean(where), Reason: fixes.Clean(why)}
	if len(s.found) == maxFound || slices.Contains(s.found, found) {
		return
	}
	s.found = append(s.found, found)
}

// config looks at an image's config: environment, labels, command, history.
func (s *search) config(c *v1.ConfigFile) {
	for _, e := range c.Config.Env {
		key, value, _ := strings.Cut(e, "=")
		if v := detect.Classify(key, value); v.Secret {
			s.add("env "+key, v.Reason)
		}
	}
	for _, key := range sortedKeys(c.Config.Labels) {
		if v := detect.Annotation(key, c.Config.Labels[key]); v.Secret {
			s.add("label "+key, v.Reason)
		}
	}
	for _, f := range detect.Args(slices.Concat(c.Config.Entrypoint, c.Config.Cmd)) {
		if f.Verdict.Secret {
			s.add("command", f.Verdict.Reason)
		}
	}
	for i, line := range c.History {
		s.history(i+1, line.CreatedBy)
	}
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// history looks at how one layer was made. Builders write it as
// "|2 TOKEN=x DIR=/a /bin/sh -c make" (Docker, with the arguments of the build)
// or "RUN |1 TOKEN=x /bin/sh -c make" (BuildKit), and "ENV TOKEN=x".
func (s *search) history(number int, by string) {
	where := fmt.Sprintf("history line %d", number)
	words := strings.Fields(by)
	for i, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if !ok || i > 0 && strings.HasPrefix(word, "-") {
			continue
		}
		if v := detect.Classify(key, strings.Trim(value, `"'`)); v.Secret && isName(key) {
			s.add(where+", "+key, v.Reason)
			return
		}
	}
	for _, f := range detect.Args([]string{"/bin/sh", "-c", by}) {
		if f.Verdict.Secret && f.Verdict.Confidence >= sure {
			s.add(where, f.Verdict.Reason)
			return
		}
	}
}

// isName reports whether a word is the name of a variable.
func isName(word string) bool {
	return word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
}

// ownFiles are the files that tools keep credentials in, by the end of their
// path, and what such a file holds if it holds one. "" leaves it to [detect].
var ownFiles = []struct{ path, mark, why string }{
	{".docker/config.json", `"auth":`, "login to a registry"},
	{".dockercfg", `"auth":`, "login to a registry"},
	{".aws/credentials", "aws_secret_access_key", "AWS access key"},
	{".git-credentials", "://", "login to a Git server"},
	{".netrc", "password", "login to a server"},
	{".npmrc", "_auth", "login to an npm registry"},
	{".pypirc", "password", "login to PyPI"},
	{".kube/config", "client-key-data", "key of a cluster's user"},
	{".kube/config", "token:", "token of a cluster's user"},
	{".config/gh/hosts.yml", "oauth_token", "GitHub token"},
	{".config/gcloud/application_default_credentials.json", "refresh_token", "Google credentials"},
	{".azure/accessTokens.json", "accessToken", "Azure token"},
	{".terraformrc", "token", "Terraform token"},
	{".vault-token", "", "Vault token"},
	{".pgpass", ":", "password of a database"},
	{".my.cnf", "password", "password of a database"},
}

// packaged are folders that the system's and the languages' packages fill: with
// programs, tests and examples, not with what belongs to this image.
var packaged = []string{
	"usr/share/", "usr/lib/", "usr/lib64/", "usr/libexec/", "usr/include/", "usr/src/", "usr/local/go/", "usr/local/lib/",
	"usr/local/share/", "usr/local/include/", "lib/", "lib64/", "var/lib/dpkg/", "var/lib/apt/", "var/lib/rpm/", "lib/apk/",
	"var/cache/", "etc/ssl/certs/", "etc/pki/", "proc/", "sys/",
}

// vendored are such folders wherever they are.
var vendored = []string{"/node_modules/", "/site-packages/", "/dist-packages/", "/vendor/", "/testdata/", "/gems/", "/pkg/mod/"}

// textual are the ends of names of configuration files.
var textual = []string{
	".env", ".yaml", ".yml", ".json", ".toml", ".ini", ".cfg", ".conf", ".config", ".properties", ".xml", ".sh", ".bash",
	".pem", ".key", ".tfvars", ".tfstate", ".cnf", ".credentials", ".txt", ".p8", ".ppk", ".ovpn", "rc", ".settings", ".secret",
}

// wants reports whether a file is to be looked into.
func (s *search) wants(name string, size int64) bool {
	name = clean(name)
	base := path.Base(name)
	if size == 0 || size > maxText || len(s.found) == maxFound || strings.HasPrefix(base, ".wh.") {
		return false
	}
	if isOwn(name) || isKeyFile(base) {
		return !slices.ContainsFunc(packaged, func(p string) bool { return strings.HasPrefix(name, p) })
	}
	if slices.ContainsFunc(packaged, func(p string) bool { return strings.HasPrefix(name, p) }) ||
		slices.ContainsFunc(vendored, func(p string) bool { return strings.Contains("/"+name, p) }) {
		return false
	}
	lower := strings.ToLower(base)
	return strings.HasPrefix(lower, ".env") || strings.HasPrefix(lower, "dockerfile") || strings.Contains(lower, "credential") ||
		slices.ContainsFunc(textual, func(end string) bool { return strings.HasSuffix(lower, end) })
}

// clean brings a path of an archive into one form: "root/.npmrc".
func clean(name string) string { return strings.TrimPrefix(path.Clean("/"+name), "/") }

func isOwn(name string) bool {
	return slices.ContainsFunc(ownFiles, func(o struct{ path, mark, why string }) bool {
		return name == o.path || strings.HasSuffix(name, "/"+o.path)
	})
}

func isKeyFile(base string) bool {
	return (strings.HasPrefix(base, "id_") || strings.HasPrefix(base, "ssh_host_")) && !strings.HasSuffix(base, ".pub")
}

// file looks into a file of a layer.
func (s *search) file(name string, layer int, text []byte) {
	name = clean(name)
	where := fmt.Sprintf("file /%s in layer %d", name, layer)
	if isPrivateKey(text) {
		s.add(where, "private key")
		return
	}
	for _, o := range ownFiles {
		if (name == o.path || strings.HasSuffix(name, "/"+o.path)) && len(bytes.TrimSpace(text)) > 0 && bytes.Contains(text, []byte(o.mark)) {
			s.add(where, o.why)
			return
		}
	}
	if !utf8.Valid(text) || bytes.IndexByte(text, 0) >= 0 {
		return
	}
	for _, f := range detect.Blob(path.Base(name), string(text)) {
		if f.Verdict.Confidence >= sure {
			s.add(where, f.Verdict.Reason)
			return
		}
	}
}

// isPrivateKey reports whether a text is a key in PEM, of any kind, that is not
// encrypted.
func isPrivateKey(text []byte) bool {
	begin := bytes.Index(text, []byte("-----BEGIN "))
	if begin < 0 {
		return false
	}
	line, body, _ := bytes.Cut(text[begin:], []byte("\n"))
	return bytes.Contains(line, []byte("PRIVATE KEY-----")) && !bytes.Contains(line, []byte("ENCRYPTED")) &&
		!bytes.Contains(body, []byte("Proc-Type: 4,ENCRYPTED")) && len(body) > 64
}
