package controlplane

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// proxy is kube-proxy as kubeadm installs it, with a command and a configuration.
func proxy(command, config string) string {
	text := `
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: kube-proxy, namespace: kube-system}
spec:
  selector: {matchLabels: {k8s-app: kube-proxy}}
  template:
    metadata: {labels: {k8s-app: kube-proxy}}
    spec:
      hostNetwork: true
      containers:
      - name: kube-proxy
        image: registry.k8s.io/kube-proxy:v1.37.2
        command: [` + command + `]
        volumeMounts: [{name: config, mountPath: /var/lib/kube-proxy}]
      volumes: [{name: config, configMap: {name: kube-proxy}}]
`
	if config != "" {
		text += "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-proxy, namespace: kube-system}\ndata:\n  config.conf: |\n    " +
			strings.ReplaceAll(strings.TrimSuffix(config, "\n"), "\n", "\n    ") + "\n"
	}
	return text
}

const (
	byFile  = "/usr/local/bin/kube-proxy, --config=/var/lib/kube-proxy/config.conf, --hostname-override=$(NODE_NAME)"
	monitor = `
---
apiVersion: v1
kind: Service
metadata: {name: prometheus-kube-proxy, namespace: kube-system}
spec: {clusterIP: None, selector: {k8s-app: kube-proxy}, ports: [{port: 10249}]}
`
)

// configured is a KubeProxyConfiguration with comments and an order of its own.
func configured(setting string) string {
	return "# ours\nkind: KubeProxyConfiguration\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nbindAddress: 0.0.0.0\n" + setting + "\nmode:   \"\" # the default\nfeatureGates: null\n"
}

func TestKubeProxyMetrics(t *testing.T) {
	inConfig, inFlags := "ConfigMap kube-system/kube-proxy data[config.conf] ", "DaemonSet kube-system/kube-proxy spec.template.spec.containers[0].command "
	row := func(name, objects, want string, diff ...string) fixestest.Case {
		c := fixestest.Case{Name: name, Objects: objects, Live: true, Diff: diff}
		if want != "" {
			c.Want = []string{want}
		}
		return c
	}
	rule := kubeProxyMetrics()
	rule.Kinds = append(rule.Kinds, fixes.WorkloadKinds()...)
	fixestest.Table(t, rule, []fixestest.Case{
		row("kubeadm's default", proxy(byFile, configured(`metricsBindAddress: ""`)), ""),
		row("the setting is not there", proxy(byFile, configured("x: y")), ""),
		row("loopback", proxy(byFile, configured("metricsBindAddress: 127.0.0.1:10249")), ""),
		row("loopback of IPv6", proxy(byFile, configured("metricsBindAddress: '[::1]:10249'")), ""),
		row("all addresses", proxy(byFile, configured("metricsBindAddress: 0.0.0.0:10249 # for Prometheus")), inConfig+"review",
			`+ metricsBindAddress: "127.0.0.1:10249" # for Prometheus`, "- metricsBindAddress: 0.0.0.0:10249 # for Prometheus"),
		row("quoted, and a port of its own", proxy(byFile, configured(`metricsBindAddress:  "[::]:9999"`)), inConfig+"review", `+ metricsBindAddress:  "127.0.0.1:9999"`),
		row("without a port", proxy(byFile, configured("metricsBindAddress: 0.0.0.0")), inConfig+"review", `+ metricsBindAddress: "127.0.0.1:10249"`),
		row("an address of IPv6", proxy(byFile, configured("metricsBindAddress: '[2001:db8::1]:10249'")), inConfig+"review", `+ metricsBindAddress: "[::1]:10249"`),
		row("JSON", proxy(byFile, `{"kind": "KubeProxyConfiguration", "metricsBindAddress": "0.0.0.0:10249"}`), inConfig+"manual"),
		row("another document", proxy(byFile, "kind: Other\nmetricsBindAddress: 0.0.0.0:10249\n"), ""),
		row("no YAML", proxy(byFile, "kind: [\nmetricsBindAddress: 0.0.0.0:10249\n"), ""),
		row("a file of the node", proxy("kube-proxy, --config=/etc/kube-proxy.conf", configured("metricsBindAddress: 0.0.0.0:10249")), ""),
		row("no ConfigMap", proxy(byFile, ""), ""),
		row("no flag", proxy("kube-proxy", ""), ""),
		row("a flag", proxy("kube-proxy, --metrics-bind-address=0.0.0.0:10249", ""), inFlags+"review", "+ - --metrics-bind-address=127.0.0.1:10249"),
		row("a flag of two words", proxy("kube-proxy, --metrics-bind-address, 0.0.0.0", ""), inFlags+"review", "+ - 127.0.0.1:10249"),
		row("a flag beside a configuration", proxy(byFile+", --metrics-bind-address=0.0.0.0:10249", configured("x: y")), ""),
		row("a variable", proxy("kube-proxy, --metrics-bind-address=$(ADDRESS)", ""), ""),
		row("a script", proxy(`sh, -c, "exec kube-proxy --metrics-bind-address=0.0.0.0:10249 1>>/var/log/kube-proxy.log 2>&1"`, ""), inFlags+"manual"),
		row("an application's", strings.ReplaceAll(proxy(byFile, configured("metricsBindAddress: 0.0.0.0:10249")), "kube-system", "shop"), ""),
		row("a static pod", static("kube-proxy", "--metrics-bind-address=0.0.0.0:10249"), "Pod kube-system/kube-proxy-cp1 spec.containers[0].command manual"),
	})
}

// TestKubeProxyConfigBytes: all of the configuration but the address stays, byte for
// byte, and kube-proxy's pods are made anew.
func TestKubeProxyConfigBytes(t *testing.T) {
	inv := fixestest.Load(t, proxy(byFile, configured("metricsBindAddress: 0.0.0.0:10249 # for Prometheus"))+monitor)
	f := kubeProxyMetrics().Run(inv)[0]
	if want := "Service kube-system/prometheus-kube-proxy leads to it, as monitoring makes them"; f.Evidence[len(f.Evidence)-1] != want {
		t.Errorf("%q", f.Evidence)
	}
	d := inv.Draft()
	if err := f.Fix().Edit(d); err != nil {
		t.Fatal(err)
	}
	changes, err := d.Changes()
	if err != nil || len(changes) != 2 || changes[0].Object.Kind != fixes.KindConfigMap || changes[0].Stage() != fixes.Preparation {
		t.Fatal(changes, err)
	}
	cm, ok := proxySettingText(d, f.Object)
	if want := configured(`metricsBindAddress: "127.0.0.1:10249" # for Prometheus`); !ok || cm != want {
		t.Errorf("%q\nnot\n%q", cm, want)
	}
	w, _ := fixes.AsWorkload(changes[1].After)
	if len(w.Meta.Annotations[configChecksum]) != 16 {
		t.Errorf("%v", w.Meta.Annotations)
	}
}

func FuzzWithMetricsAddress(f *testing.F) {
	f.Add(configured("metricsBindAddress: 0.0.0.0:10249"))
	f.Add("metricsBindAddress: |\n  0.0.0.0\n")
	f.Add("a: |\n  x\nmetricsBindAddress: !!str 0.0.0.0 #")
	f.Fuzz(func(t *testing.T, text string) {
		changed, ok := withMetricsAddress(text, "127.0.0.1:1")
		if !ok {
			return
		}
		if got := proxyConfig(changed)[metricsSetting]; got != "127.0.0.1:1" {
			t.Errorf("%q: %q", changed, got)
		}
		if before, after := strings.Split(text, "\n"), strings.Split(changed, "\n"); len(before) != len(after) {
			t.Errorf("%d lines, then %d", len(before), len(after))
		}
	})
}

func proxySettingText(d *fixes.Draft, ref fixes.Ref) (string, bool) {
	cm, ok := d.Get(ref).(*corev1.ConfigMap)
	if !ok {
		return "", false
	}
	return cm.Data["config.conf"], true
}
