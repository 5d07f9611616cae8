package controlplane

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

func kubeProxyMetrics() *fixes.Rule {
	return &fixes.Rule{
		ID:         "kube-proxy-metrics",
		Category:   fixes.Nodes,
		Title:      "kube-proxy serves its metrics to the network",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.InformationDisclosure, fixes.DenialOfService},
		References: []fixes.Reference{fixes.CIS("4.3.1"), fixes.OWASP("K09")},
		Kinds:      []fixes.Kind{fixes.KindConfigMap, fixes.KindService},
		Docs:       kubeProxyMetricsDocs,
		Check:      checkKubeProxyMetrics,
		Unseen:     func(*fixes.Inventory) []fixes.Skip { return nil }, // a cluster may do without it
	}
}

const kubeProxyMetricsDocs = `
kube-proxy's metrics port asks for no credentials, and stands on every node's own
addresses: whoever reaches a node reads how many Services and endpoints there are, in
which mode kube-proxy works (/proxyMode), and, where profiling is on, its memory.

## What is looked at
metricsBindAddress of the KubeProxyConfiguration in the ConfigMap that kube-proxy's pods
mount (kubeadm: kube-system/kube-proxy), else their flag --metrics-bind-address, which
does not count beside --config. Where neither says anything the address is 127.0.0.1,
and nothing is found. A configuration that is a file of the node is not seen.

## The fix
For review: Prometheus may read the metrics there, and no more afterwards. Only the
address is changed, to 127.0.0.1 with the same port; every other line of the
configuration stays as it is. kube-proxy reads its configuration when it starts, so a
checksum in the DaemonSet's pod template makes its pods restart, node by node;
connections that are open stay. Where the line cannot be found (JSON, a script, a static
pod), the steps say what to do.

## By hand
    kubectl get configmap kube-proxy -n kube-system -o jsonpath='{.data.config\.conf}' | grep metricsBindAddress
`

const (
	metricsFlag    = "metrics-bind-address"
	metricsSetting = "metricsBindAddress"
	// configChecksum, on a pod template, makes pods new ones when their
	// configuration is, as Helm charts do it.
	configChecksum = "checksum/config"
)

func checkKubeProxyMetrics(p *fixes.Pass) {
	seen := map[fixes.Ref]bool{}
	for _, proc := range processesOf(p.Inventory).of(kubeProxy) {
		if file, known := proc.flags.last("config", ""); file != "" || !known {
			cm, key := proc.mounted(p.Inventory, file)
			if cm == nil || seen[fixes.RefOf(cm)] || !known {
				continue
			}
			seen[fixes.RefOf(cm)] = true
			if address, ok := proxySetting(cm.Data[key]); ok && reachable(address) {
				proc.reportConfig(p, cm, key, address)
			}
		} else if address, known := proc.flags.last(metricsFlag, ""); known && reachable(address) {
			proc.reportMetricsFlag(p, address)
		}
	}
}

// reachable reports whether an address that kube-proxy serves on, with or without a
// port, is another than loopback. Where none is given, loopback is the default.
func reachable(address string) bool {
	host, _ := hostPort(address)
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return ip != nil && !ip.IsLoopback()
}

func hostPort(address string) (host, port string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address, ""
	}
	return host, port
}

// onLoopback is an address with its port, but on this machine alone.
func onLoopback(address string) string {
	host, port := hostPort(address)
	loopback := "127.0.0.1"
	if ip := net.ParseIP(strings.Trim(host, "[]")); ip != nil && ip.To4() == nil && !ip.IsUnspecified() {
		loopback = "::1" // of a node that may have no other
	}
	if port == "" {
		port = "10249"
	}
	return net.JoinHostPort(loopback, port)
}

// proxySetting reads metricsBindAddress from a KubeProxyConfiguration.
func proxySetting(text string) (string, bool) {
	doc := proxyConfig(text)
	address, ok := doc[metricsSetting].(string)
	return address, ok && doc["kind"] == "KubeProxyConfiguration"
}

func proxyConfig(text string) map[string]any {
	var doc map[string]any
	if yaml.Unmarshal([]byte(text), &doc) != nil {
		return nil
	}
	return doc
}

// mounted returns the ConfigMap, and its key, that a container sees as a file.
func (proc process) mounted(inv *fixes.Inventory, file string) (*corev1.ConfigMap, string) {
	for _, m := range proc.container.VolumeMounts {
		rest, ok := strings.CutPrefix(path.Clean(file), path.Clean(m.MountPath)+"/")
		if !ok {
			continue
		}
		at := slices.IndexFunc(proc.workload.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if at < 0 || proc.workload.Spec.Volumes[at].ConfigMap == nil || m.SubPathExpr != "" {
			continue
		}
		source, name := proc.workload.Spec.Volumes[at].ConfigMap, path.Join(m.SubPath, rest)
		if i := slices.IndexFunc(source.Items, func(item corev1.KeyToPath) bool { return item.Path == name }); i >= 0 {
			name = source.Items[i].Key
		} else if len(source.Items) > 0 {
			continue
		}
		ref := fixes.Ref{Kind: fixes.KindConfigMap, Namespace: proc.workload.Object.GetNamespace(), Name: source.Name}
		if cm, ok := inv.Get(ref).(*corev1.ConfigMap); ok {
			return cm, name
		}
	}
	return nil, ""
}

// metricsLine is the setting in a document of block style.
var metricsLine = regexp.MustCompile(`(?m)^(` + metricsSetting + `:[ \t]*)("[^"\n]*"|'[^'\n]*'|[^\s#"'][^\s#]*)`)

// withMetricsAddress changes the setting in a configuration's text and nothing else;
// it is false where that cannot be done for certain.
func withMetricsAddress(text, address string) (string, bool) {
	places := metricsLine.FindAllStringSubmatchIndex(text, -1)
	if len(places) != 1 {
		return "", false
	}
	changed := text[:places[0][4]] + `"` + address + `"` + text[places[0][5]:]
	before, after := proxyConfig(text), proxyConfig(changed)
	if after[metricsSetting] != address {
		return "", false
	}
	delete(before, metricsSetting)
	delete(after, metricsSetting)
	return changed, reflect.DeepEqual(before, after)
}

func (proc process) reportConfig(p *fixes.Pass, cm *corev1.ConfigMap, key, address string) {
	ref, to := fixes.RefOf(cm), onLoopback(address)
	f := proc.metricsFinding(p, address)
	f.Object, f.Path, f.Key = ref, "data["+key+"]", metricsSetting
	f.Evidence = append([]string{"its " + key + " says " + metricsSetting + ": " + address, proc.workload.Ref().String() + " starts kube-proxy with it"}, f.Evidence...)
	fix := &f.Fixes[0]
	workload := proc.workload.Ref()
	if _, ok := withMetricsAddress(cm.Data[key], to); !ok || cm.Immutable != nil && *cm.Immutable || !rolls(workload) {
		fix.Confidence, fix.Why = fixes.Manual, "its configuration cannot be changed by itself for certain"
		fix.Steps = fmt.Sprintf("kubectl edit configmap %s -n %s\n  in %s: %s: %q\nThen start kube-proxy anew, which reads it only then:\n  kubectl rollout restart %s -n %s\nCheck: kubectl harden --rule kube-proxy-metrics -n %s",
			ref.Name, ref.Namespace, key, metricsSetting, to, workload.ResourceName(), workload.Namespace, ref.Namespace)
		p.Report(f)
		return
	}
	fix.Risks = append(fix.Risks, "An undo puts the configuration back last: start kube-proxy anew after it (kubectl rollout restart "+workload.ResourceName()+" -n "+workload.Namespace+").")
	fix.Edit = func(d *fixes.Draft) error {
		cm, err := fixes.EditRef[*corev1.ConfigMap](d, ref)
		if err != nil {
			return err
		}
		now, ok := proxySetting(cm.Data[key])
		if !ok || !reachable(now) {
			return nil
		}
		text, ok := withMetricsAddress(cm.Data[key], onLoopback(now))
		if !ok {
			return fmt.Errorf("%s: its %s is not the one of the scan", ref, key)
		}
		cm.Data[key] = text
		w, err := d.EditWorkload(workload)
		if err != nil {
			return err
		}
		if w.Meta.Annotations == nil {
			w.Meta.Annotations = map[string]string{}
		}
		sum := sha256.Sum256([]byte(text))
		w.Meta.Annotations[configChecksum] = hex.EncodeToString(sum[:8])
		return nil
	}
	p.Report(f)
}

func (proc process) reportMetricsFlag(p *fixes.Pass, address string) {
	f := proc.metricsFinding(p, address)
	f.Object, f.Path, f.Key = proc.workload.Ref(), proc.path(), "--"+metricsFlag
	f.Evidence = append([]string{proc.flags.evidence(metricsFlag, "")}, f.Evidence...)
	fix, name := &f.Fixes[0], proc.container.Name
	if !rolls(f.Object) || !setMetricsFlag(&corev1.Container{Command: slices.Clone(proc.container.Command), Args: slices.Clone(proc.container.Args)}) {
		fix.Confidence, fix.Why = fixes.Manual, "its command cannot be changed by itself for certain"
		where := "In " + f.Object.String()
		if isStatic(proc.workload) {
			where = "On each node, in the manifest of kube-proxy's static pod (mostly in /etc/kubernetes/manifests)"
		}
		fix.Steps = where + ", container " + name + ", in its command:\n    - --" + metricsFlag + "=" + onLoopback(address) +
			"\nIts pods start anew by themselves. Check: kubectl harden --rule kube-proxy-metrics -n " + f.Object.Namespace
		p.Report(f)
		return
	}
	fix.Edit = func(d *fixes.Draft) error {
		w, err := d.EditWorkload(f.Object)
		if err != nil {
			return err
		}
		if c, ok := w.Container(name); ok {
			setMetricsFlag(c.Container)
		}
		return nil
	}
	p.Report(f)
}

// setMetricsFlag changes the flag's value wherever it is written out, and reports
// whether it was.
func setMetricsFlag(c *corev1.Container) bool {
	found := false
	for _, words := range [][]string{c.Command, c.Args} {
		for i, word := range words {
			name, value, has := strings.Cut(word, "=")
			if name != "--"+metricsFlag {
				continue
			}
			switch {
			case has && net.ParseIP(strings.Trim(first(hostPort(value)), "[]")) != nil:
				words[i] = name + "=" + onLoopback(value)
				found = true
			case !has && i+1 < len(words):
				words[i+1] = onLoopback(words[i+1])
				found = true
			}
		}
	}
	return found
}

func first(s, _ string) string { return s }

// metricsFinding is what both findings have in common.
func (proc process) metricsFinding(p *fixes.Pass, address string) fixes.Finding {
	risks := []string{"Prometheus at another address scrapes kube-proxy no more.", "kube-proxy restarts, node by node; open connections stay, new Services wait for it."}
	var evidence []string
	for _, s := range fixes.Objects[*corev1.Service](p.Inventory, proc.workload.Object.GetNamespace()) {
		if len(s.Spec.Selector) > 0 && labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(proc.workload.Meta.Labels)) {
			evidence = append(evidence, fixes.RefOf(s).String()+" leads to it, as monitoring makes them")
		}
	}
	return fixes.Finding{
		Message:  "kube-proxy serves its metrics on " + fixes.Clean(address) + ": whoever reaches a node reads them without credentials.",
		Evidence: evidence,
		Fixes: []fixes.Fix{{
			Title: "Serve them on " + onLoopback(address) + " only", Confidence: fixes.Review,
			Why:   "who scrapes the metrics is not known from objects",
			Risks: risks,
		}},
	}
}

// rolls reports whether a workload's pods are made anew by its controller.
func rolls(ref fixes.Ref) bool { return ref.Kind == fixes.KindDaemonSet }
