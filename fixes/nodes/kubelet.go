package nodes

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/controlplane"
)

// kubeletRow is a rule about one setting of kubelets.
type kubeletRow struct {
	id, title string
	severity  fixes.Severity
	threats   []fixes.Threat
	// cis is the recommendation of the CIS Kubernetes Benchmark v1.12, where it
	// has one.
	cis string
	// path leads to the setting in a KubeletConfiguration.
	path string
	// weak reports whether the setting is wrong; v is nil where it is left out.
	weak func(v any) bool
	// unless, where set, reports that another setting makes up for it.
	unless func(k *fixes.Kubelet) bool
	// message says in a sentence what is wrong, why explains it in the docs.
	message, why string
	// lines are the KubeletConfiguration's, as they should be.
	lines string
	// risk says what the change may break.
	risk string
}

// kubeletRules makes the rules of the table.
func kubeletRules() []*fixes.Rule {
	rules := make([]*fixes.Rule, 0, len(kubeletTable))
	for i := range kubeletTable {
		rules = append(rules, kubeletTable[i].rule())
	}
	return rules
}

func (r *kubeletRow) rule() *fixes.Rule {
	refs := []fixes.Reference{fixes.OWASP("K09")}
	if r.cis != "" {
		refs = append([]fixes.Reference{fixes.CIS(r.cis)}, refs...)
	}
	return &fixes.Rule{
		ID: r.id, Category: fixes.Nodes, Title: r.title, Severity: r.severity, Threats: r.threats,
		References: refs, Kinds: []fixes.Kind{fixes.KindNode, fixes.KindKubelet},
		Docs: r.docs(), Check: r.check,
	}
}

func (r *kubeletRow) docs() string {
	risk := ""
	if r.risk != "" {
		risk = "\n\n" + r.risk
	}
	return fmt.Sprintf(`
%s

## What is looked at
%s of the configuration that each kubelet runs with, read through the API server
(GET nodes/NAME/proxy/configz), with --kubelet-config only: who may do that may also use
the kubelet's other paths. Without the flag nothing is found here, and nothing claimed.

## The fix
In the KubeletConfiguration of the nodes concerned (mostly /var/lib/kubelet/config.yaml),
then restart the kubelet; running pods stay:

%s%s

## By hand
    kubectl get --raw /api/v1/nodes/NODE/proxy/configz
`, r.why, r.path, indented(r.lines), risk)
}

func indented(lines string) string {
	return "    " + strings.ReplaceAll(strings.TrimSuffix(lines, "\n"), "\n", "\n    ")
}

func (r *kubeletRow) check(p *fixes.Pass) {
	for _, k := range fixes.Objects[*fixes.Kubelet](p.Inventory, "") {
		v := k.Setting(r.path)
		if !r.weak(v) || r.unless != nil && r.unless(k) {
			continue
		}
		risks := []string{"The kubelet restarts; running pods stay."}
		if r.risk != "" {
			risks = append(risks, r.risk)
		}
		p.Report(fixes.Finding{
			Object: fixes.Ref{Kind: fixes.KindNode, Name: k.Name}, Path: r.path, Key: r.path,
			Message:  r.message,
			Evidence: []string{"its configz says " + r.path + ": " + shown(v)},
			Fixes: []fixes.Fix{{
				Title: "Change the kubelet's configuration", Confidence: fixes.Manual,
				Why:   "a kubelet reads its configuration from a file on its node",
				Risks: risks, Steps: r.steps(k.Name),
			}},
		})
	}
}

func (r *kubeletRow) steps(node string) string {
	return "On node " + node + ", in the file that the kubelet's --config names (mostly /var/lib/kubelet/config.yaml),\n" +
		"and in what makes such files for new nodes (kubeadm: ConfigMap kube-system/kubelet-config):\n" + indented(r.lines) + "\n" +
		"A flag of the kubelet's command line counts before the file: see that none says otherwise.\n" +
		"Then: systemctl restart kubelet\n" +
		"Check: kubectl harden --kubelet-config --rule " + r.id
}

// shown writes a setting as a person would.
func shown(v any) string {
	switch v := v.(type) {
	case nil:
		return "not set"
	case string:
		if strings.Contains(v, "://") { // a URL may hold a credential
			return "set"
		}
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		names := make([]string, len(v))
		for i, e := range v {
			names[i] = fmt.Sprint(e)
		}
		return fixes.Listed(names)
	}
	return fmt.Sprint(v)
}

// Judgements of a setting.

func isTrue(v any) bool  { return v == true }
func isUnset(v any) bool { return v == nil || v == "" || v == false }

func isPositive(v any) bool { n, ok := v.(float64); return ok && n > 0 }

func isZeroDuration(v any) bool {
	text, ok := v.(string)
	d, err := time.ParseDuration(text)
	return ok && err == nil && d == 0
}

func hasWeakCipher(v any) bool { return len(controlplane.WeakCiphers(texts(v))) > 0 }

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

var (
	nodeTakeover   = []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering, fixes.InformationDisclosure}
	nodeDisclosure = []fixes.Threat{fixes.InformationDisclosure}
	nodeSpoofing   = []fixes.Threat{fixes.Spoofing, fixes.Tampering}
)

// kubeletTable holds a row for each control of section 4.2 of the benchmark that
// configz shows, and a few more. Defaults are those of
// kubelet.config.k8s.io/v1beta1; configz has them filled in.
var kubeletTable = []kubeletRow{
	{
		id: "kubelet-anonymous-auth", title: "A kubelet takes anonymous requests", severity: fixes.High, threats: nodeTakeover, cis: "4.2.1",
		path: "authentication.anonymous.enabled", weak: isTrue,
		message: "The kubelet takes requests without credentials: whoever reaches its port 10250 is only kept out by its authorization.",
		why:     "The kubelet's API runs commands in containers and reads their logs.",
		lines:   "authentication:\n  anonymous: {enabled: false}\n",
	},
	{
		id: "kubelet-authorization", title: "A kubelet allows every request", severity: fixes.Critical, threats: nodeTakeover, cis: "4.2.2",
		path: "authorization.mode", weak: func(v any) bool { return v == "AlwaysAllow" },
		message: "The kubelet allows every request (AlwaysAllow): whoever it lets in runs commands in all pods of the node.",
		why:     "With Webhook the kubelet asks the API server whether the caller has the right (nodes/proxy).",
		lines:   "authorization: {mode: Webhook}\n",
		risk:    "Callers without rights on nodes/proxy, nodes/metrics or nodes/stats are refused: give Prometheus a role.",
	},
	{
		id: "kubelet-client-ca", title: "A kubelet knows no client certificates", severity: fixes.High, threats: nodeSpoofing, cis: "4.2.3",
		path: "authentication.x509.clientCAFile", weak: isUnset,
		message: "The kubelet has no authority for client certificates: it cannot tell the API server from others by its certificate.",
		why:     "The API server proves itself to kubelets by a client certificate.",
		lines:   "authentication:\n  x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}\n",
	},
	{
		id: "kubelet-read-only-port", title: "A kubelet serves without authentication", severity: fixes.Medium, threats: nodeDisclosure, cis: "4.2.4",
		path: "readOnlyPort", weak: isPositive,
		message: "The kubelet serves its read-only port: whoever reaches it reads the specs of all pods of the node, without credentials.",
		why:     "Specs of pods show images, arguments, variables and what a node runs.",
		lines:   "readOnlyPort: 0\n", risk: "What scrapes the read-only port must use 10250, with a token.",
	},
	{
		id: "kubelet-streaming-timeout", title: "Idle exec sessions never end", severity: fixes.Low, threats: []fixes.Threat{fixes.DenialOfService, fixes.Spoofing}, cis: "4.2.5",
		path: "streamingConnectionIdleTimeout", weak: isZeroDuration,
		message: "Idle exec, attach and port-forward sessions through the kubelet never end.",
		why:     "A forgotten session is one that somebody else can find.",
		lines:   "streamingConnectionIdleTimeout: 5m\n",
	},
	{
		id: "kubelet-iptables-chains", title: "A kubelet leaves iptables alone", severity: fixes.Low, threats: []fixes.Threat{fixes.Tampering}, cis: "4.2.6",
		path: "makeIPTablesUtilChains", weak: func(v any) bool { return v == false },
		message: "The kubelet does not keep the iptables chains that Kubernetes rests on.",
		why:     "Among them is the one that drops packets to 127.0.0.1 from outside (CVE-2020-8558).",
		lines:   "makeIPTablesUtilChains: true\n",
	},
	{
		id: "kubelet-event-rate", title: "A kubelet drops events, or sends any number", severity: fixes.Low, threats: []fixes.Threat{fixes.Repudiation, fixes.DenialOfService}, cis: "4.2.8",
		path: "eventRecordQPS", weak: func(v any) bool { n, ok := v.(float64); return ok && (n == 0 || n < 5) },
		message: "The kubelet's limit of events is off (0), or so low that events of what happens on the node are lost.",
		why:     "Events tell of what containers do; without a limit one crashing pod floods etcd.",
		lines:   "eventRecordQPS: 50\n",
	},
	{
		id: "kubelet-serving-certificate", title: "A kubelet signs its certificate itself", severity: fixes.Medium, threats: nodeSpoofing, cis: "4.2.9",
		path: "serverTLSBootstrap", weak: isUnset,
		unless:  func(k *fixes.Kubelet) bool { return !isUnset(k.Setting("tlsCertFile")) && !isOwnCertificate(k) },
		message: "The kubelet signs its serving certificate itself: nobody can tell it from an impostor, and exec and logs go to whoever answers.",
		why:     "With serverTLSBootstrap the kubelet asks the cluster for a certificate, which somebody approves\n(signer kubernetes.io/kubelet-serving); or one is given by tlsCertFile and tlsPrivateKeyFile.",
		lines:   "serverTLSBootstrap: true\n",
		risk:    "Until its CertificateSigningRequest is approved (kubectl certificate approve), the kubelet serves no exec and no logs.",
	},
	{
		id: "kubelet-rotate-certificates", title: "A kubelet's client certificate is not renewed", severity: fixes.Low, threats: []fixes.Threat{fixes.Spoofing, fixes.DenialOfService}, cis: "4.2.10",
		path: "rotateCertificates", weak: isUnset,
		message: "The kubelet does not renew its client certificate: it must be made to last, and the node is lost when it expires.",
		why:     "Rotation keeps certificates short-lived.",
		lines:   "rotateCertificates: true\n",
	},
	{
		id: "kubelet-rotate-server-certificate", title: "A kubelet's serving certificate is not renewed", severity: fixes.Low, threats: nodeSpoofing, cis: "4.2.11",
		path: "featureGates.RotateKubeletServerCertificate", weak: func(v any) bool { return v == false },
		message: "The kubelet's gate RotateKubeletServerCertificate is off: its serving certificate is not renewed before it expires.",
		why:     "The gate is on by default since Kubernetes 1.12.",
		lines:   "featureGates: {RotateKubeletServerCertificate: true}\n",
	},
	{
		id: "kubelet-tls-version", title: "A kubelet speaks outdated TLS", severity: fixes.Medium, threats: nodeDisclosure,
		path: "tlsMinVersion", weak: func(v any) bool { text, ok := v.(string); return ok && controlplane.OldTLS(text) },
		message: "The kubelet speaks TLS 1.0 or 1.1, which are broken (RFC 8996).",
		why:     "Where nothing is set, TLS 1.2 is the oldest.",
		lines:   "tlsMinVersion: VersionTLS12\n", risk: "Clients that speak nothing newer are locked out.",
	},
	{
		id: "kubelet-tls-ciphers", title: "A kubelet takes weak cipher suites", severity: fixes.Medium, threats: nodeDisclosure, cis: "4.2.12",
		path: "tlsCipherSuites", weak: hasWeakCipher,
		message: "The kubelet takes cipher suites without forward secrecy, or that are broken.",
		why:     "Where nothing is set, Go's own choice counts, which is sound.",
		lines:   "tlsCipherSuites:\n- " + strings.Join(controlplane.SoundCiphers(), "\n- ") + "\n", risk: "Clients that know none of them are locked out.",
	},
	{
		id: "kubelet-pod-pids", title: "A pod may use up a node's processes", severity: fixes.Medium, threats: []fixes.Threat{fixes.DenialOfService}, cis: "4.2.13",
		path:    "podPidsLimit",
		weak:    func(v any) bool { n, ok := v.(float64); return v == nil || ok && (n <= 0 || n >= math.MaxInt32) },
		message: "The kubelet sets no limit on a pod's processes: a fork bomb in one pod takes down the node.",
		why:     "No limit of cpu or memory stops a fork bomb before the node has no process numbers left.",
		lines:   "podPidsLimit: 4096\n", risk: "A pod with more threads and processes than that cannot start more: look at the largest first.",
	},
	{
		id: "kubelet-seccomp-default", title: "Pods run without a seccomp profile by default", severity: fixes.Low, threats: []fixes.Threat{fixes.ElevationOfPrivilege}, cis: "4.2.14",
		path: "seccompDefault", weak: isUnset,
		message: "Pods that name no seccomp profile run without one on this node: they may make every system call.",
		why:     "With seccompDefault they get the runtime's profile (RuntimeDefault).",
		lines:   "seccompDefault: true\n", risk: "A program that makes a system call which the profile refuses fails; the profile can be set to Unconfined for it.",
	},
	{
		id: "kubelet-protect-kernel-defaults", title: "A kubelet changes the kernel's settings", severity: fixes.Low, threats: []fixes.Threat{fixes.Tampering},
		path: "protectKernelDefaults", weak: isUnset,
		message: "The kubelet changes kernel settings that are not as it wants them, rather than to refuse to start.",
		why:     "Settings that a baseline set (vm.overcommit_memory, kernel.panic …) are overwritten. The benchmark\nhad it as 4.2.6 up to v1.7.",
		lines:   "protectKernelDefaults: true\n",
		risk:    "The kubelet does not start until the node has vm.overcommit_memory=1, kernel.panic=10, kernel.panic_on_oops=1, kernel.keys.root_maxkeys=1000000 and kernel.keys.root_maxbytes=25000000: set them first, in /etc/sysctl.d.",
	},
	{
		id: "kubelet-webhook-auth", title: "A kubelet takes no tokens", severity: fixes.Low, threats: nodeSpoofing,
		path: "authentication.webhook.enabled", weak: isUnset,
		unless:  func(k *fixes.Kubelet) bool { return k.Setting("authentication.anonymous.enabled") != true },
		message: "The kubelet does not check tokens with the API server, and takes anonymous requests: callers with tokens are anonymous.",
		why:     "With the webhook, callers are who their token says.",
		lines:   "authentication:\n  webhook: {enabled: true}\n",
	},
	{
		id: "kubelet-profiling", title: "A kubelet serves profiles", severity: fixes.Low, threats: nodeDisclosure,
		path: "enableProfilingHandler", weak: isTrue,
		unless:  func(k *fixes.Kubelet) bool { return k.Setting("enableDebuggingHandlers") == false },
		message: "The kubelet serves profiles under /debug/pprof to whoever may use nodes/proxy.",
		why:     "Profiles are for those who develop it; nobody needs them in production.",
		lines:   "enableProfilingHandler: false\n",
	},
	{
		id: "kubelet-static-pod-url", title: "A kubelet runs pods that a URL names", severity: fixes.Critical, threats: nodeTakeover,
		path: "staticPodURL", weak: func(v any) bool { return !isUnset(v) },
		message: "The kubelet runs what a URL tells it to, past the API server: who answers there rules the node.",
		why:     "Static pods pass no admission and no authorization.",
		lines:   "staticPodURL: \"\"\n", risk: "The pods that the URL names end.",
	},
}

// isOwnCertificate reports whether the certificate is the one that the kubelet
// made itself, which configz names too (cmd/kubelet/app/server.go, InitializeTLS).
func isOwnCertificate(k *fixes.Kubelet) bool {
	file, _ := k.Setting("tlsCertFile").(string)
	return strings.HasSuffix(file, "/kubelet/pki/kubelet.crt")
}
