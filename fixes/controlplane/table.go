package controlplane

import (
	"net"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

var (
	disclosure = []fixes.Threat{fixes.InformationDisclosure}
	spoofing   = []fixes.Threat{fixes.Spoofing, fixes.ElevationOfPrivilege}
	takeover   = []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering, fixes.InformationDisclosure}
)

// lacks is broken where one of some flags is not given.
func lacks(names ...string) func(flags) bool {
	return func(f flags) bool { return f.without(names...) }
}

// isTrue is broken where a boolean flag is true, or is by default.
func isTrue(name string, byDefault bool) func(flags) bool {
	return func(f flags) bool { return f.is(name, true, byDefault) }
}

func isFalse(name string, byDefault bool) func(flags) bool {
	return func(f flags) bool { return f.is(name, false, byDefault) }
}

// table holds the rules that one flag, or a pair of them, decides. The numbers
// are those of the CIS Kubernetes Benchmark v1.12; defaults are the programs' own
// (k8s.io/apiserver/pkg/server/options, k8s.io/kubernetes/pkg/kubeapiserver/options,
// cmd/kube-controller-manager/app/options, go.etcd.io/etcd/server/v3/embed).
var table = []row{
	{
		id: "apiserver-insecure-port", title: "The API server serves a port without authentication", program: apiServer,
		severity: fixes.Critical, threats: takeover, cis: []string{"1.2.6"}, flag: "insecure-port", byDefault: "0 since Kubernetes 1.20",
		weak:    func(f flags) bool { port, known := f.last("insecure-port", "0"); return known && port != "0" },
		message: "The API server has an insecure port: whoever reaches it may do everything, without authentication.",
		why:     "On the insecure port there is neither authentication nor authorization, and no encryption.\nKubernetes 1.24 has no such port any more.",
		set:     []string{"--insecure-port=0"}, drop: []string{"--insecure-bind-address"},
		risk: "What uses the insecure port does not work any more: probes, scripts on the node.",
	},
	{
		id: "apiserver-token-file", title: "The API server takes tokens from a file", program: apiServer,
		severity: fixes.Medium, threats: spoofing, cis: []string{"1.2.2"}, flag: "token-auth-file",
		weak:    func(f flags) bool { return !f.without("token-auth-file") },
		message: "The API server takes tokens from a file: they never expire, stand there in plain text, and none can be withdrawn without a restart.",
		why:     "Static tokens last until the file is changed and the API server restarted. They are\nstored in plain text on every control plane node and in its backups.",
		before:  "First give whom the file names another way in: certificates, OIDC, ServiceAccount tokens.\n",
		drop:    []string{"--token-auth-file"}, risk: "Whoever uses a token of the file is locked out.",
	},
	{
		id: "apiserver-kubelet-client", title: "The API server does not authenticate to kubelets", program: apiServer,
		severity: fixes.High, threats: spoofing, cis: []string{"1.2.4"}, flag: "kubelet-client-certificate",
		weak:    lacks("kubelet-client-certificate", "kubelet-client-key"),
		message: "The API server has no certificate for kubelets: exec and logs only work where kubelets take anonymous requests.",
		why:     "Without a client certificate the API server's requests to kubelets are anonymous, so that\nkubelets which serve them serve anybody.",
		set: []string{"--kubelet-client-certificate=/etc/kubernetes/pki/apiserver-kubelet-client.crt",
			"--kubelet-client-key=/etc/kubernetes/pki/apiserver-kubelet-client.key"},
		risk: "Kubelets must trust the authority that signed the certificate (authentication.x509.clientCAFile).",
	},
	{
		id: "apiserver-kubelet-authority", title: "The API server does not verify kubelets", program: apiServer,
		severity: fixes.Medium, threats: []fixes.Threat{fixes.Spoofing, fixes.InformationDisclosure, fixes.Tampering}, cis: []string{"1.2.5"}, flag: "kubelet-certificate-authority",
		weak:    lacks("kubelet-certificate-authority"),
		message: "The API server takes any certificate for a kubelet's: who is between it and a node reads and changes logs and exec sessions.",
		why:     "Without an authority, the API server does not verify who answers at a node's address.",
		before: "First give the kubelets certificates of the cluster's authority, or exec and logs end:\n" +
			"set serverTLSBootstrap: true in each KubeletConfiguration, restart the kubelets, and approve their requests:\n" +
			"  kubectl get csr    (signer kubernetes.io/kubelet-serving)\n  kubectl certificate approve NAME\n",
		set:  []string{"--kubelet-certificate-authority=/etc/kubernetes/pki/ca.crt"},
		risk: "exec, logs and port-forward fail to nodes whose kubelet has a certificate that it signed itself, which is kubeadm's default.",
	},
	{
		id: "apiserver-profiling", title: "The API server serves profiles", program: apiServer,
		severity: fixes.Low, threats: []fixes.Threat{fixes.InformationDisclosure, fixes.DenialOfService}, cis: []string{"1.2.15"}, flag: "profiling", byDefault: "true",
		weak:    isTrue("profiling", true),
		message: "The API server serves profiles under /debug/pprof: they show how it works inside, and taking one costs it time.",
		why:     "Profiles are for those who develop the server. Nobody needs them in production, until\nsomebody does for an hour.",
		set:     []string{"--profiling=false"},
	},
	{
		id: "apiserver-request-timeout", title: "Requests to the API server may last very long", program: apiServer,
		severity: fixes.Low, threats: []fixes.Threat{fixes.DenialOfService}, cis: []string{"1.2.20"}, flag: "request-timeout", byDefault: "1m0s",
		weak: func(f flags) bool {
			text, known := f.last("request-timeout", "1m")
			d, err := time.ParseDuration(text)
			return known && err == nil && d > 5*time.Minute
		},
		message: "The API server lets a request last longer than five minutes: a few slow clients keep its room for all others.",
		why:     "A request that lasts holds memory and one of the places that --max-requests-inflight\ngives. The benchmark's own example is 300s; watches, exec and logs do not count.",
		set:     []string{"--request-timeout=60s"},
		risk:    "Requests that need longer fail: lists of very many objects without pages, slow admission webhooks.",
	},
	{
		id: "apiserver-service-account-lookup", title: "Tokens of deleted ServiceAccounts stay valid", program: apiServer,
		severity: fixes.Medium, threats: spoofing, cis: []string{"1.2.21"}, flag: "service-account-lookup", byDefault: "true",
		weak:    isFalse("service-account-lookup", true),
		message: "The API server does not look whether a token's ServiceAccount is still there: tokens of deleted ones stay valid.",
		why:     "With the look-up, deleting a ServiceAccount, a pod or a token Secret withdraws its tokens.",
		set:     []string{"--service-account-lookup=true"},
	},
	{
		id: "apiserver-service-account-key", title: "ServiceAccount tokens are verified with the TLS key", program: apiServer,
		severity: fixes.Low, threats: spoofing, cis: []string{"1.2.22"}, flag: "service-account-key-file",
		weak: func(f flags) bool {
			return f.without("service-account-key-file") && f.without("service-account-signing-endpoint")
		},
		message: "The API server has no key of its own for ServiceAccount tokens, and verifies them with its TLS key: neither can be changed without the other.",
		why:     "Without --service-account-key-file the key of --tls-private-key-file is used.",
		set:     []string{"--service-account-key-file=/etc/kubernetes/pki/sa.pub"},
		risk:    "Tokens that the TLS key signed are refused: pods get new ones within the hour, token Secrets must be made anew.",
	},
	{
		id: "apiserver-token-extension", title: "Tokens of pods live for a year", program: apiServer,
		severity: fixes.Low, threats: spoofing, cis: []string{"1.2.30"}, flag: "service-account-extend-token-expiration", byDefault: "true",
		weak:    isTrue("service-account-extend-token-expiration", true),
		message: "Tokens that pods mount are valid for a year, though they are renewed each hour: a stolen one is of use for that long.",
		why:     "The extension was made for clients of before 1.21 that do not read a renewed token. The\nmetric serviceaccount_stale_tokens_total tells whether there are any.",
		before: "First see that no client uses a token past its hour; this must not grow:\n" +
			"  kubectl get --raw /metrics | grep serviceaccount_stale_tokens_total\n",
		set:  []string{"--service-account-extend-token-expiration=false"},
		risk: "Clients that never read their token anew lose access an hour after they started.",
	},
	{
		id: "apiserver-etcd-client", title: "The API server does not authenticate to etcd", program: apiServer,
		severity: fixes.High, threats: takeover, cis: []string{"1.2.23"}, flag: "etcd-certfile",
		weak: func(f flags) bool {
			return f.without("etcd-certfile", "etcd-keyfile") && !onlyLoopback(f, "etcd-servers", "")
		},
		message: "The API server has no client certificate for etcd: an etcd that serves it so serves everybody, Secrets and all.",
		why:     "Whoever may write to etcd rules the cluster, past every authorizer. An etcd that only this\nmachine reaches (a loopback address) is left alone.",
		set: []string{"--etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt",
			"--etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key"},
		risk: "The API server does not start if etcd does not trust the certificate.",
	},
	{
		id: "apiserver-etcd-authority", title: "The API server does not verify etcd", program: apiServer,
		severity: fixes.Medium, threats: []fixes.Threat{fixes.Spoofing, fixes.InformationDisclosure, fixes.Tampering}, cis: []string{"1.2.26"}, flag: "etcd-cafile",
		weak:    func(f flags) bool { return f.without("etcd-cafile") && !onlyLoopback(f, "etcd-servers", "") },
		message: "The API server names no authority for etcd's certificate: it trusts whoever a public one vouches for, or nobody at all.",
		why:     "Who answers in etcd's place tells the API server what the cluster is.",
		set:     []string{"--etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt"},
		risk:    "The API server does not start if the authority is not etcd's.",
	},
	{
		id: "apiserver-tls-certificate", title: "The API server signs its certificate itself", program: apiServer,
		severity: fixes.Medium, threats: []fixes.Threat{fixes.Spoofing}, cis: []string{"1.2.24"}, flag: "tls-cert-file",
		weak:    lacks("tls-cert-file", "tls-private-key-file"),
		message: "The API server has no certificate given to it, and signs one itself: clients cannot tell it from an impostor.",
		why:     "Without a certificate the server makes one of its own in --cert-dir.",
		set:     []string{"--tls-cert-file=/etc/kubernetes/pki/apiserver.crt", "--tls-private-key-file=/etc/kubernetes/pki/apiserver.key"},
	},
	{
		id: "apiserver-client-ca", title: "The API server knows no client certificates", program: apiServer,
		severity: fixes.Medium, threats: spoofing, cis: []string{"1.2.25"}, flag: "client-ca-file",
		weak:    lacks("client-ca-file"),
		message: "The API server takes no client certificates: kubelets and the control plane must use tokens that last.",
		why:     "Client certificates are how the parts of a cluster prove who they are without a shared secret.",
		set:     []string{"--client-ca-file=/etc/kubernetes/pki/ca.crt"},
	},
	{
		id: "controller-manager-pod-gc", title: "Pods that ended pile up", program: controllerManager,
		severity: fixes.Low, threats: []fixes.Threat{fixes.DenialOfService}, cis: []string{"1.3.1"}, flag: "terminated-pod-gc-threshold", byDefault: "12500",
		weak: func(f flags) bool {
			n, known := f.last("terminated-pod-gc-threshold", "12500")
			return known && (n == "12500" || n == "0" || strings.HasPrefix(n, "-"))
		},
		message: "12,500 pods that ended may lie in etcd, or any number, before they are collected: lists get slow.",
		why:     "Each pod that ended stays in etcd and in every list until there are more than the threshold.",
		set:     []string{"--terminated-pod-gc-threshold=100"},
		risk:    "Logs and statuses of pods that ended go sooner.",
	},
	{
		id: "controller-manager-profiling", title: "The controller manager serves profiles", program: controllerManager,
		severity: fixes.Low, threats: disclosure, cis: []string{"1.3.2"}, flag: "profiling", byDefault: "true",
		weak:    isTrue("profiling", true),
		message: "The controller manager serves profiles under /debug/pprof, which show how it works inside.",
		why:     "Profiles are for those who develop the program; nobody needs them in production.",
		set:     []string{"--profiling=false"},
	},
	{
		id: "controller-manager-credentials", title: "All controllers share one identity", program: controllerManager,
		severity: fixes.Medium, threats: []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Repudiation}, cis: []string{"1.3.3"}, flag: "use-service-account-credentials", byDefault: "false",
		weak:    isFalse("use-service-account-credentials", false),
		message: "All controllers act as one user with the rights of all: the audit log does not tell them apart, and a fault in one has all of them.",
		why:     "With credentials of their own, each controller has only the rights of its ServiceAccount\n(system:controller:…), and its own name in the audit log.",
		set:     []string{"--use-service-account-credentials=true"},
		risk:    "Controllers lose rights that somebody gave to the user system:kube-controller-manager beyond its role.",
	},
	{
		id: "controller-manager-service-account-key", title: "No tokens for token Secrets are signed", program: controllerManager,
		severity: fixes.Low, threats: spoofing, cis: []string{"1.3.4"}, flag: "service-account-private-key-file",
		weak:    lacks("service-account-private-key-file"),
		message: "The controller manager has no key for ServiceAccount tokens: the API server then has to take tokens signed with another one.",
		why:     "The key must be the pair of the API server's --service-account-key-file, and its own.",
		set:     []string{"--service-account-private-key-file=/etc/kubernetes/pki/sa.key"},
	},
	{
		id: "controller-manager-root-ca", title: "Pods are not told whom to trust as the API server", program: controllerManager,
		severity: fixes.Low, threats: []fixes.Threat{fixes.Spoofing}, cis: []string{"1.3.5"}, flag: "root-ca-file",
		weak:    lacks("root-ca-file"),
		message: "The controller manager gives pods no authority for the API server's certificate: they trust anybody who answers, or nobody.",
		why:     "It puts the bundle into each namespace's ConfigMap kube-root-ca.crt, which every pod mounts.",
		set:     []string{"--root-ca-file=/etc/kubernetes/pki/ca.crt"},
	},
	{
		id: "controller-manager-kubelet-certificates", title: "Kubelets' serving certificates are not renewed", program: controllerManager,
		severity: fixes.Low, threats: []fixes.Threat{fixes.Spoofing}, cis: []string{"1.3.6"}, flag: "feature-gates",
		weak: func(f flags) bool {
			gates, _ := f.list("feature-gates")
			return slices.Contains(gates, "RotateKubeletServerCertificate=false")
		},
		message: "The controller manager's gate RotateKubeletServerCertificate is off: kubelets get no new serving certificate before theirs expires.",
		why:     "The gate is on by default since Kubernetes 1.12.",
		drop:    []string{"--feature-gates=RotateKubeletServerCertificate=false (keep the other gates)"},
	},
	{
		id: "controller-manager-bind-address", title: "The controller manager listens to the network", program: controllerManager,
		severity: fixes.Low, threats: disclosure, cis: []string{"1.3.7"}, flag: "bind-address", byDefault: "0.0.0.0",
		weak:    listensToAll,
		message: "The controller manager serves metrics and health on all of its node's addresses.",
		why:     "The port wants a token for all but health, but need not be there for everybody.",
		set:     []string{"--bind-address=127.0.0.1"},
		risk:    "Prometheus in another place scrapes it no more.",
	},
	{
		id: "scheduler-profiling", title: "The scheduler serves profiles", program: scheduler,
		severity: fixes.Low, threats: disclosure, cis: []string{"1.4.1"}, flag: "profiling", byDefault: "true",
		weak: isTrue("profiling", true), hides: []string{"config"},
		message: "The scheduler serves profiles under /debug/pprof, which show how it works inside.",
		why:     "Profiles are for those who develop the program; nobody needs them in production. With\n--config the field enableProfiling of KubeSchedulerConfiguration counts instead.",
		set:     []string{"--profiling=false"},
	},
	{
		id: "scheduler-bind-address", title: "The scheduler listens to the network", program: scheduler,
		severity: fixes.Low, threats: disclosure, cis: []string{"1.4.2"}, flag: "bind-address", byDefault: "0.0.0.0",
		weak:    listensToAll,
		message: "The scheduler serves metrics and health on all of its node's addresses.",
		why:     "The port wants a token for all but health, but need not be there for everybody.",
		set:     []string{"--bind-address=127.0.0.1"},
		risk:    "Prometheus in another place scrapes it no more.",
	},
	{
		id: "etcd-tls", title: "etcd serves the network without TLS", program: etcd,
		severity: fixes.Critical, threats: takeover, cis: []string{"2.1"}, flag: "cert-file", hides: []string{"config-file"},
		weak: func(f flags) bool {
			return f.without("cert-file", "key-file") && !onlyLoopback(f, "listen-client-urls", "http://localhost:2379") && !f.is("auto-tls", true, false)
		},
		message: "etcd has no certificate, and listens to the network: all of the cluster's data goes over it in plain text.",
		why:     "etcd holds every Secret. An etcd that listens on loopback addresses alone is left alone.",
		set:     []string{"--cert-file=/etc/kubernetes/pki/etcd/server.crt", "--key-file=/etc/kubernetes/pki/etcd/server.key"},
		before:  "Change --listen-client-urls and --advertise-client-urls to https://… with it, and the API servers' --etcd-servers.\n",
		risk:    "Clients that do not speak TLS are locked out; do it in a maintenance window.",
	},
	{
		id: "etcd-client-auth", title: "etcd serves whoever reaches it", program: etcd,
		severity: fixes.Critical, threats: takeover, cis: []string{"2.2"}, flag: "client-cert-auth", byDefault: "false", hides: []string{"config-file"},
		weak: func(f flags) bool {
			return f.is("client-cert-auth", false, false) && !onlyLoopback(f, "listen-client-urls", "http://localhost:2379")
		},
		message: "etcd asks its clients for no certificate: whoever reaches its port reads every Secret, and writes what the cluster is.",
		why:     "Whoever may write to etcd rules the cluster, past every authorizer. An etcd that listens on\nloopback addresses alone is left alone.",
		set:     []string{"--client-cert-auth=true", "--trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt"},
		risk:    "The API servers need client certificates of that authority first (--etcd-certfile, --etcd-keyfile).",
	},
	{
		id: "etcd-auto-tls", title: "etcd signs its certificate itself", program: etcd,
		severity: fixes.High, threats: spoofing, cis: []string{"2.3"}, flag: "auto-tls", byDefault: "false", hides: []string{"config-file"},
		weak:    isTrue("auto-tls", false),
		message: "etcd signs its certificate itself: no client can tell it from an impostor, and clients' certificates are not asked for.",
		why:     "Automatic TLS encrypts, and authenticates nobody.",
		set:     []string{"--auto-tls=false", "--cert-file=/etc/kubernetes/pki/etcd/server.crt", "--key-file=/etc/kubernetes/pki/etcd/server.key"},
		risk:    "Clients must trust the authority of the new certificate first.",
	},
	{
		id: "etcd-peer-tls", title: "Members of etcd talk in plain text", program: etcd,
		severity: fixes.High, threats: takeover, cis: []string{"2.4"}, flag: "peer-cert-file", hides: []string{"config-file"},
		weak: func(f flags) bool {
			return f.without("peer-cert-file", "peer-key-file") && !onlyLoopback(f, "listen-peer-urls", "http://localhost:2380") && !f.is("peer-auto-tls", true, false)
		},
		message: "etcd has no certificate for its peers, and listens to them on the network: replicated data goes over it in plain text.",
		why:     "Members replicate all of the cluster's data to each other.",
		set:     []string{"--peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt", "--peer-key-file=/etc/kubernetes/pki/etcd/peer.key"},
		before:  "Change the members' peer URLs to https://… with it (etcdctl member update), one member after another.\n",
		risk:    "A member that speaks no TLS leaves the quorum.",
	},
	{
		id: "etcd-peer-client-auth", title: "etcd takes whoever reaches it for a member", program: etcd,
		severity: fixes.High, threats: takeover, cis: []string{"2.5"}, flag: "peer-client-cert-auth", byDefault: "false", hides: []string{"config-file"},
		weak: func(f flags) bool {
			return f.is("peer-client-cert-auth", false, false) && !onlyLoopback(f, "listen-peer-urls", "http://localhost:2380")
		},
		message: "etcd asks its peers for no certificate: whoever reaches the peer port may read snapshots, or speak as a member.",
		why:     "The peer port hands out the whole store to a member.",
		set:     []string{"--peer-client-cert-auth=true", "--peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt"},
		risk:    "Members need peer certificates of that authority first.",
	},
	{
		id: "etcd-peer-auto-tls", title: "Members of etcd sign their certificates themselves", program: etcd,
		severity: fixes.High, threats: spoofing, cis: []string{"2.6"}, flag: "peer-auto-tls", byDefault: "false", hides: []string{"config-file"},
		weak:    isTrue("peer-auto-tls", false),
		message: "etcd signs its peer certificate itself: members cannot tell each other from an impostor.",
		why:     "Automatic TLS encrypts, and authenticates nobody.",
		set:     []string{"--peer-auto-tls=false", "--peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt", "--peer-key-file=/etc/kubernetes/pki/etcd/peer.key"},
		risk:    "Members must trust the authority of the new certificates first.",
	},
}

// listensToAll reports whether a program serves on more than loopback; with port
// 0 it serves nothing.
func listensToAll(f flags) bool {
	address, known := f.last("bind-address", "0.0.0.0")
	port, portKnown := f.last("secure-port", "1")
	ip := net.ParseIP(address)
	return known && portKnown && port != "0" && ip != nil && !ip.IsLoopback()
}

// onlyLoopback reports whether a flag's URLs all lead to this machine itself. What
// cannot be read may.
func onlyLoopback(f flags, name, byDefault string) bool {
	urls, known := f.list(name)
	if !known {
		return true
	}
	if len(urls) == 0 {
		urls = []string{byDefault}
	}
	for _, u := range urls {
		scheme, rest, ok := strings.Cut(u, "://")
		if !ok || strings.HasPrefix(scheme, "unix") {
			if ok {
				continue
			}
			return false
		}
		host, _, _ := strings.Cut(rest, "/")
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}
