package controlplane

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// static is a part of the control plane as a kubelet shows it.
func static(program, flags string) string {
	return `
---
apiVersion: v1
kind: Pod
metadata:
  name: ` + program + `-cp1
  namespace: kube-system
  annotations: {kubernetes.io/config.mirror: "1"}
  labels: {component: ` + program + `, tier: control-plane}
  ownerReferences: [{apiVersion: v1, kind: Node, name: cp1, uid: u, controller: true}]
spec:
  nodeName: cp1
  containers:
  - name: ` + program + `
    image: registry.k8s.io/` + program + `:v1.37.2
    command: ["` + strings.Join(append([]string{program}, strings.Fields(flags)...), `", "`) + `"]
`
}

const (
	tlsClient = "--etcd-servers=https://10.0.0.1:2379 "
	listening = "--listen-client-urls=https://127.0.0.1:2379,https://10.0.0.1:2379 --listen-peer-urls=https://10.0.0.1:2380 "
)

// samples holds flags for each row of the table: weak, and well. Flags that are weak in
// a way of their own come after a bar.
var samples = map[string]struct{ weak, well string }{
	"apiserver-insecure-port":                 {"--insecure-port=8080", "--insecure-port=0 | --secure-port=6443"},
	"apiserver-token-file":                    {"--token-auth-file=/t", "--token-auth-file= | --x=1"},
	"apiserver-kubelet-client":                {"--kubelet-client-key=/k | --x=1", "--kubelet-client-key=/k --kubelet-client-certificate=/c"},
	"apiserver-kubelet-authority":             {"--x=1", "--kubelet-certificate-authority=/ca"},
	"apiserver-profiling":                     {"--x=1 | --profiling | --profiling=true | --profiling=1", "--profiling=false | --profiling=$(P)"},
	"apiserver-request-timeout":               {"--request-timeout=10m | --request-timeout=1h0m1s", "--x=1 | --request-timeout=300s | --request-timeout=$(T) | --request-timeout=soon"},
	"apiserver-service-account-lookup":        {"--service-account-lookup=false", "--x=1 | --service-account-lookup=true"},
	"apiserver-service-account-key":           {"--x=1", "--service-account-key-file=/k | --service-account-signing-endpoint=/s"},
	"apiserver-token-extension":               {"--x=1", "--service-account-extend-token-expiration=false"},
	"apiserver-etcd-client":                   {tlsClient + " | --x=1 --etcd-servers=https://[2001:db8::1]:2379", tlsClient + "--etcd-certfile=/c --etcd-keyfile=/k | --etcd-servers=http://127.0.0.1:2379 | --etcd-servers=http://[::1]:2379 | --etcd-servers=unix:///e.sock | --etcd-servers=$(E)"},
	"apiserver-etcd-authority":                {tlsClient, tlsClient + "--etcd-cafile=/ca | --etcd-servers=http://localhost:2379"},
	"apiserver-tls-certificate":               {"--tls-cert-file=/c", "--tls-cert-file=/c --tls-private-key-file=/k"},
	"apiserver-client-ca":                     {"--x=1", "--client-ca-file=/ca"},
	"controller-manager-pod-gc":               {"--x=1 | --terminated-pod-gc-threshold=0 | --terminated-pod-gc-threshold=12500", "--terminated-pod-gc-threshold=500"},
	"controller-manager-profiling":            {"--x=1", "--profiling=false"},
	"controller-manager-credentials":          {"--x=1", "--use-service-account-credentials"},
	"controller-manager-service-account-key":  {"--x=1", "--service-account-private-key-file=/k"},
	"controller-manager-root-ca":              {"--x=1", "--root-ca-file=/ca"},
	"controller-manager-kubelet-certificates": {"--feature-gates=A=true,RotateKubeletServerCertificate=false", "--x=1 | --feature-gates=RotateKubeletServerCertificate=true"},
	"controller-manager-bind-address":         {"--x=1 | --bind-address=:: | --bind-address=10.0.0.1", "--bind-address=127.0.0.1 | --bind-address=::1 | --secure-port=0"},
	"scheduler-profiling":                     {"--x=1", "--profiling=false | --config=/c"},
	"scheduler-bind-address":                  {"--x=1", "--bind-address=127.0.0.1"},
	"etcd-tls":                                {listening, "--x=1 | " + listening + "--cert-file=/c --key-file=/k | " + listening + "--auto-tls | --config-file=/c"},
	"etcd-client-auth":                        {listening + " | " + listening + "--client-cert-auth=false", "--x=1 | " + listening + "--client-cert-auth | --config-file=/c"},
	"etcd-auto-tls":                           {"--auto-tls | --auto-tls=true", "--x=1 | --auto-tls=false"},
	"etcd-peer-tls":                           {listening, "--x=1 | " + listening + "--peer-cert-file=/c --peer-key-file=/k"},
	"etcd-peer-client-auth":                   {listening, "--x=1 | " + listening + "--peer-client-cert-auth=true"},
	"etcd-peer-auto-tls":                      {"--peer-auto-tls", "--x=1"},
}

func TestTable(t *testing.T) {
	for i := range table {
		r := &table[i]
		rule := r.rule()
		rule.Kinds = Rules()[0].Kinds
		name := string(r.program)
		sample, ok := samples[r.id]
		if !ok {
			t.Errorf("%s has no samples", r.id)
			continue
		}
		t.Run(r.id, func(t *testing.T) {
			cases := []fixestest.Case{
				{Name: "no control plane", Objects: "", Live: true},
				{Name: "an application's", Objects: strings.NewReplacer("kube-system", "shop", "tier: control-plane", "app: x", "kubernetes.io/config.mirror", "x", "kind: Node", "kind: Thing").
					Replace(static(name, strings.Split(sample.weak, "|")[0])), Live: true},
			}
			for flags := range strings.SplitSeq(sample.weak, "|") {
				cases = append(cases, fixestest.Case{Name: "weak" + flags, Objects: static(name, flags), Live: true,
					Want: []string{"Pod kube-system/" + name + "-cp1 spec.containers[0].command manual"}})
			}
			for flags := range strings.SplitSeq(sample.well, "|") {
				cases = append(cases, fixestest.Case{Name: "well" + flags, Objects: static(name, flags), Live: true})
			}
			fixestest.Table(t, rule, cases)
		})
	}
	if len(samples) != len(table) {
		t.Errorf("%d samples, %d rules", len(samples), len(table))
	}
}
