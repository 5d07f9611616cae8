package nodes

import (
	"encoding/json"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func kubelet(t *testing.T, config string) fixes.Object {
	t.Helper()
	k := &fixes.Kubelet{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}
	if err := json.Unmarshal([]byte(config), &k.Config); err != nil {
		t.Fatal(err)
	}
	return k
}

// kubeletSamples are configurations for each row, weak and well, as configz
// writes them: what is false or empty is mostly left out.
var kubeletSamples = map[string]struct{ weak, well []string }{
	"kubelet-anonymous-auth":            {[]string{`{"authentication":{"anonymous":{"enabled":true}}}`}, []string{`{"authentication":{"anonymous":{"enabled":false}}}`, `{}`}},
	"kubelet-authorization":             {[]string{`{"authorization":{"mode":"AlwaysAllow"}}`}, []string{`{"authorization":{"mode":"Webhook"}}`}},
	"kubelet-client-ca":                 {[]string{`{"authentication":{"x509":{}}}`, `{}`}, []string{`{"authentication":{"x509":{"clientCAFile":"/ca"}}}`}},
	"kubelet-read-only-port":            {[]string{`{"readOnlyPort":10255}`}, []string{`{}`, `{"readOnlyPort":0}`}},
	"kubelet-streaming-timeout":         {[]string{`{"streamingConnectionIdleTimeout":"0s"}`}, []string{`{"streamingConnectionIdleTimeout":"4h0m0s"}`, `{}`}},
	"kubelet-iptables-chains":           {[]string{`{"makeIPTablesUtilChains":false}`}, []string{`{"makeIPTablesUtilChains":true}`, `{}`}},
	"kubelet-event-rate":                {[]string{`{"eventRecordQPS":0}`, `{"eventRecordQPS":1}`}, []string{`{"eventRecordQPS":50}`, `{}`}},
	"kubelet-serving-certificate":       {[]string{`{}`, `{"tlsCertFile":"/var/lib/kubelet/pki/kubelet.crt"}`}, []string{`{"serverTLSBootstrap":true}`, `{"tlsCertFile":"/etc/kubernetes/n1.crt"}`}},
	"kubelet-rotate-certificates":       {[]string{`{}`}, []string{`{"rotateCertificates":true}`}},
	"kubelet-rotate-server-certificate": {[]string{`{"featureGates":{"RotateKubeletServerCertificate":false}}`}, []string{`{}`, `{"featureGates":{"RotateKubeletServerCertificate":true}}`}},
	"kubelet-tls-version":               {[]string{`{"tlsMinVersion":"VersionTLS11"}`}, []string{`{}`, `{"tlsMinVersion":"VersionTLS12"}`}},
	"kubelet-tls-ciphers":               {[]string{`{"tlsCipherSuites":["TLS_RSA_WITH_AES_256_CBC_SHA"]}`}, []string{`{}`, `{"tlsCipherSuites":["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]}`}},
	"kubelet-pod-pids":                  {[]string{`{"podPidsLimit":-1}`, `{}`}, []string{`{"podPidsLimit":4096}`}},
	"kubelet-seccomp-default":           {[]string{`{"seccompDefault":false}`, `{}`}, []string{`{"seccompDefault":true}`}},
	"kubelet-protect-kernel-defaults":   {[]string{`{}`}, []string{`{"protectKernelDefaults":true}`}},
	"kubelet-webhook-auth":              {[]string{`{"authentication":{"anonymous":{"enabled":true},"webhook":{"enabled":false}}}`}, []string{`{"authentication":{"webhook":{"enabled":true}}}`, `{}`}},
	"kubelet-profiling":                 {[]string{`{"enableProfilingHandler":true}`}, []string{`{"enableProfilingHandler":false}`, `{"enableProfilingHandler":true,"enableDebuggingHandlers":false}`}},
	"kubelet-static-pod-url":            {[]string{`{"staticPodURL":"https://u:hunter2@example.com/"}`}, []string{`{}`}},
}

func TestKubelets(t *testing.T) {
	for i := range kubeletTable {
		r := &kubeletTable[i]
		sample, ok := kubeletSamples[r.id]
		if !ok {
			t.Errorf("%s has no samples", r.id)
		}
		t.Run(r.id, func(t *testing.T) {
			cases := []fixestest.Case{{Name: "nobody asked", Objects: node("n1", "v1.37.2", "", "", ""), Live: true}}
			for _, config := range sample.weak {
				cases = append(cases, fixestest.Case{Name: "weak " + config, Facts: []fixes.Object{kubelet(t, config)}, Live: true, Want: []string{"Node n1 " + r.path + " manual"}})
			}
			for _, config := range sample.well {
				cases = append(cases, fixestest.Case{Name: "well " + config, Facts: []fixes.Object{kubelet(t, config)}, Live: true})
			}
			fixestest.Table(t, r.rule(), cases)
		})
	}
	if len(kubeletSamples) != len(kubeletTable) {
		t.Errorf("%d samples, %d rules", len(kubeletSamples), len(kubeletTable))
	}
}

// TestKubeletSteps: they name the node and hold the lines, and no value that may be
// a secret is shown.
func TestKubeletSteps(t *testing.T) {
	inv := fixes.NewInventory()
	inv.Add(kubelet(t, kubeletSamples["kubelet-static-pod-url"].weak[0]))
	for _, rule := range kubeletRules() {
		for _, f := range rule.Run(inv) {
			if steps := f.Fix().Steps; !strings.Contains(steps, "On node n1") || !strings.Contains(steps, rule.ID) {
				t.Error(steps)
			}
			if strings.Contains(strings.Join(f.Evidence, " ")+f.Message+f.Fix().Steps, "hunter2") {
				t.Errorf("%s shows a password: %q", rule.ID, f.Evidence)
			}
		}
	}
}

func TestHostnameOverride(t *testing.T) {
	fact := func(flags map[string]string) []fixes.Object {
		return []fixes.Object{&fixes.Kubelet{ObjectMeta: metav1.ObjectMeta{Name: "n1"}, Flags: flags}}
	}
	fixestest.Table(t, hostnameOverride(), []fixestest.Case{
		{Name: "nobody asked", Objects: node("n1", "v1.37.2", "", "", ""), Live: true},
		{Name: "its flags are not shown", Facts: fact(nil), Live: true},
		{Name: "it has its host's name", Facts: fact(map[string]string{"hostname-override": ""}), Live: true},
		{Name: "it is told its name", Facts: fact(map[string]string{"hostname-override": "x\x1b[2J"}), Live: true, Want: []string{"Node n1 --hostname-override manual"}},
	})
}
