package main

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// weakControlPlane is a control plane as kubeadm makes it, and weaker.
const weakControlPlane = `
apiVersion: v1
kind: Pod
metadata:
  name: kube-apiserver-cp1
  namespace: kube-system
  labels: {component: kube-apiserver, tier: control-plane}
spec:
  nodeName: cp1
  containers:
  - name: kube-apiserver
    image: registry.k8s.io/kube-apiserver:v1.37.2
    command: [kube-apiserver, "--authorization-mode=Node,RBAC", --enable-admission-plugins=NodeRestriction, --tls-min-version=VersionTLS10, --service-account-lookup=false]
`

// fixedFiles returns the steps of all findings of some rules about the API server:
// the files that they hold, written below dir, and the flags that they set, with
// paths below dir.
func fixedFiles(t *testing.T, dir string, rules ...string) (flags []string) {
	t.Helper()
	inv := fixestest.Load(t, weakControlPlane)
	inside := strings.NewReplacer("/etc/kubernetes", filepath.Join(dir, "etc"), "/var/log/kubernetes", filepath.Join(dir, "log"))
	found := map[string]bool{}
	for _, r := range catalog.Rules() {
		for _, want := range rules {
			if r.ID != want {
				continue
			}
			for _, f := range r.Run(inv) {
				found[r.ID] = true
				steps := f.Fix().Steps
				writeFile(t, steps, inside)
				for _, m := range regexp.MustCompile(`(?m)^ +- (--\S+=\S+)$`).FindAllStringSubmatch(steps, -1) {
					flags = append(flags, inside.Replace(m[1]))
				}
			}
		}
	}
	for _, want := range rules {
		if !found[want] {
			t.Errorf("%s found nothing", want)
		}
	}
	return flags
}

// writeFile writes the file that steps hold, if they do: "Write PATH…", and lines
// that are set in.
func writeFile(t *testing.T, steps string, inside *strings.Replacer) {
	t.Helper()
	m := regexp.MustCompile(`Write (/\S+\.yaml)`).FindStringSubmatch(steps)
	if m == nil {
		return
	}
	var text strings.Builder
	indent := ""
	for line := range strings.Lines(steps) {
		body := strings.TrimLeft(line, " ")
		if indent == "" && strings.HasPrefix(body, "apiVersion: ") {
			indent = line[:len(line)-len(body)]
		}
		if indent != "" {
			rest, ok := strings.CutPrefix(line, indent)
			if !ok {
				break
			}
			text.WriteString(rest)
		}
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	content := strings.ReplaceAll(text.String(), "<the key from step 1>", base64.StdEncoding.EncodeToString(key))
	path := inside.Replace(m[1])
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestControlPlaneFiles starts a real API server with the files and flags that the
// steps of fixes hold: the audit policy, the configurations of encryption,
// authentication and admission. Each does what it is for.
func TestControlPlaneFiles(t *testing.T) {
	dir := t.TempDir()
	flags := fixedFiles(t, dir, "audit-log-off", "secret-plaintext-at-rest", "apiserver-anonymous-auth", "apiserver-profiling",
		"apiserver-token-extension", "apiserver-tls", "apiserver-service-account-lookup")
	inv := fixestest.Load(t, weakControlPlane)
	for _, r := range catalog.Rules() {
		if r.ID != "apiserver-admission-plugins" {
			continue
		}
		for _, f := range r.Run(inv) {
			if strings.HasSuffix(f.Key, " EventRateLimit") {
				inside := strings.NewReplacer("/etc/kubernetes", filepath.Join(dir, "etc"))
				writeFile(t, f.Fix().Steps, inside)
				for _, m := range regexp.MustCompile(`(?m)^ +- (--\S+=\S+)$`).FindAllStringSubmatch(f.Fix().Steps, -1) {
					flags = append(flags, inside.Replace(m[1]))
				}
			}
		}
	}
	log := filepath.Join(dir, "log", "audit", "audit.log")
	if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
		t.Fatal(err)
	}
	c := cluster.Start(t, cluster.WithNodes(0), cluster.WithAPIServerArgs(flags...))

	c.Kubectl(t, "create", "secret", "generic", "db", "--from-literal=password=hunter2-7f3a")
	c.Kubectl(t, "get", "secret", "db")
	c.Kubectl(t, "create", "role", "reader", "--verb=get", "--resource=pods")
	events := auditEvents(t, log)
	if e := events["create secrets"]; e.Level != "Metadata" || len(e.RequestObject) > 0 {
		t.Errorf("the Secret: %+v", e)
	}
	if e := events["get secrets"]; e.Level != "Metadata" {
		t.Errorf("the Secret that is read: %+v", e)
	}
	if e := events["create roles"]; e.Level != "RequestResponse" || !bytes.Contains(e.RequestObject, []byte("pods")) {
		t.Errorf("the Role: %+v", e)
	}
	for what := range events {
		if strings.HasSuffix(what, " events") {
			t.Errorf("the log holds: %s", what)
		}
	}
	if text, err := os.ReadFile(log); err != nil || bytes.Contains(text, []byte("hunter2-7f3a")) {
		t.Errorf("the audit log holds the password: %v", err)
	}
	if metrics := c.Kubectl(t, "get", "--raw", "/metrics"); !regexp.MustCompile(`transformation_operations_total\{.*transformation_type="to_storage",transformer_prefix="k8s:enc:secretbox:v1:"`).MatchString(metrics) {
		t.Error("no Secret was encrypted")
	}
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200, "/version": 401, "/api": 401, "/debug/pprof/": 401} {
		if got := anonymous(t, c.URL+path); got != want {
			t.Errorf("anonymously, %s is answered with %d", path, got)
		}
	}
	if out, err := c.Command(c.KubectlPath, "get", "--raw", "/debug/pprof/").CombinedOutput(); err == nil {
		t.Errorf("profiles are served: %s", out)
	}
}

type auditEvent struct {
	Level, Verb   string
	ObjectRef     struct{ Resource string }
	RequestObject json.RawMessage
}

// auditEvents returns an event of each verb and resource in a log.
func auditEvents(t *testing.T, file string) map[string]auditEvent {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	events := map[string]auditEvent{}
	for line := range bytes.Lines(text) {
		var e auditEvent
		if json.Unmarshal(line, &e) == nil {
			events[e.Verb+" "+e.ObjectRef.Resource] = e
		}
	}
	return events
}

// anonymous asks without credentials, and returns the status.
func anonymous(t *testing.T, url string) int {
	t.Helper()
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}} // to see the status alone
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp.StatusCode
}

// TestStaticPods judges the pods of a control plane that the API server holds, and
// says what it does not see.
func TestStaticPods(t *testing.T) {
	unseen := func(out report, resource string) bool {
		for _, s := range out.Skipped {
			if s.Resource == resource {
				return true
			}
		}
		return false
	}
	scan := []string{"--category", "access,logging", "-n", "kube-system", "-o", "json"}
	if out := parseReport(t, succeed(t, scan...)); !unseen(out, "flags of kube-apiserver, kube-controller-manager, kube-scheduler, etcd") {
		t.Errorf("it is not said that no control plane is seen: %+v", out.Skipped)
	}
	// The server would bind the pod to a node that is not there, and have it deleted.
	pod := strings.Replace(weakControlPlane, "  nodeName: cp1\n", "  nodeName: node-1\n", 1)
	cmd := control.Command(control.KubectlPath, "create", "-f", "-")
	cmd.Stdin = strings.NewReader(pod)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() { control.Kubectl(t, "delete", "pod", "-n", "kube-system", "kube-apiserver-cp1", "--force") })
	out := parseReport(t, succeed(t, scan...))
	rules := map[string]string{}
	for _, f := range out.Findings {
		if f.Object.Name == "kube-apiserver-cp1" && f.Fix != nil {
			rules[f.Rule] = f.Fix.Confidence
		}
	}
	for _, want := range []string{"audit-log-off", "apiserver-profiling", "apiserver-tls", "apiserver-anonymous-auth", "apiserver-service-account-lookup"} {
		if rules[want] != fixes.Manual.String() {
			t.Errorf("%s: %q", want, rules[want])
		}
	}
	for _, not := range []string{"authorization-mode", "apiserver-insecure-port", "audit-policy-weak"} {
		if rules[not] != "" {
			t.Errorf("%s is found", not)
		}
	}
	if !unseen(out, "flags of kube-controller-manager, kube-scheduler, etcd") {
		t.Errorf("it is not said what is not seen: %+v", out.Skipped)
	}
}
