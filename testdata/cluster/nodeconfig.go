package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	pauseImage = "registry.k8s.io/pause:3.10.1"
	dnsService = "10.96.0.10"
)

// nodeComponents are the users that the parts of a real node log in as, beside
// components. CoreDNS and kube-router would come with roles of their own.
var nodeComponents = []component{
	{"kubelet", "system:node:" + NodeName, []string{"system:nodes"}},
	{"kube-proxy", "system:kube-proxy", nil},
	{"coredns", "coredns", []string{"system:masters"}},
	{"kube-router", "kube-router", []string{"system:masters"}},
}

func (c *Cluster) config(name string) string { return filepath.Join(c.Dir, "etc", name) }

// nodeAPIServerArgs makes the API server and the node reach each other.
func (c *Cluster) nodeAPIServerArgs() []string {
	return []string{
		"--bind-address=0.0.0.0",
		"--advertise-address=" + nodeIP,
		"--kubelet-preferred-address-types=InternalIP",
		"--kubelet-client-certificate=" + c.pki("kubelet-client.crt"),
		"--kubelet-client-key=" + c.pki("kubelet-client.key"),
		"--kubelet-certificate-authority=" + c.CA,
	}
}

func (c *Cluster) writeNodeConfigs() error {
	if err := os.MkdirAll(c.config("cni"), 0o755); err != nil {
		return err
	}
	fill := strings.NewReplacer(
		"$CNI", filepath.Dir(findTool("bridge")),
		"$RUNC", findTool("runc"),
		"$DIR", c.Dir,
		"$ETC", c.config(""),
		"$PKI", c.pki(""),
		"$CGROUP", "/"+c.node.cgroup,
		"$NODE_IP", nodeIP,
		"$NODE", NodeName,
		"$PODS", podRange,
		"$DNS", dnsService,
		"$PAUSE", pauseImage,
	)
	var errs []error
	for name, text := range nodeConfigs {
		errs = append(errs, os.WriteFile(c.config(name), []byte(fill.Replace(text)), 0o644))
	}
	return errors.Join(errs...)
}

// createDNSService makes pods' name server address lead to CoreDNS, which is
// no pod here but a process of the node.
func (c *Cluster) createDNSService(ctx context.Context) error {
	ports := []map[string]any{
		{"name": "dns", "port": 53, "protocol": "UDP"},
		{"name": "dns-tcp", "port": 53, "protocol": "TCP"},
	}
	err := c.create(ctx, "/api/v1/namespaces/kube-system/services", map[string]any{
		"metadata": map[string]any{"name": "kube-dns", "labels": map[string]string{"k8s-app": "kube-dns"}},
		"spec":     map[string]any{"clusterIP": dnsService, "ports": ports},
	})
	if err != nil {
		return fmt.Errorf("creating the DNS service: %w", err)
	}
	return c.create(ctx, "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices", map[string]any{
		"metadata": map[string]any{
			"name":   "kube-dns",
			"labels": map[string]string{"kubernetes.io/service-name": "kube-dns"},
		},
		"addressType": "IPv4",
		"ports":       ports,
		"endpoints":   []map[string]any{{"addresses": []string{nodeIP}}},
	})
}

// nodeConfigs are the files in Dir/etc. The folders that they do not name are
// the usual ones, which nodeinit gives the node for its own.
var nodeConfigs = map[string]string{
	// The runtime leaves out what a test machine may not have: AppArmor, the
	// right to lower an OOM score.
	"containerd.toml": `version = 3
disabled_plugins = ["io.containerd.nri.v1.nri"]
[plugins.'io.containerd.internal.v1.opt']
  path = "$DIR/opt"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "$PAUSE"
[plugins.'io.containerd.cri.v1.runtime']
  disable_apparmor = true
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["$CNI"]
  conf_dir = "$ETC/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "$RUNC"
  SystemdCgroup = false
`,
	"cni/10-bridge.conflist": `{
  "cniVersion": "1.0.0",
  "name": "pods",
  "plugins": [
    {"type": "bridge", "bridge": "cni0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
     "ipam": {"type": "host-local", "ranges": [[{"subnet": "$PODS"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
`,
	// Nothing is evicted or collected: a test's pods matter more than the
	// disk of the machine that it runs on.
	"kubelet.yaml": `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/ca.crt}
authorization: {mode: Webhook}
tlsCertFile: $PKI/kubelet-server.crt
tlsPrivateKeyFile: $PKI/kubelet-server.key
cgroupDriver: cgroupfs
cgroupRoot: $CGROUP
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
enforceNodeAllocatable: []
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
clusterDNS: [$DNS]
clusterDomain: cluster.local
resolvConf: $ETC/resolv.conf
makeIPTablesUtilChains: false
volumePluginDir: $DIR/volume-plugins
evictionHard: {memory.available: 1Mi}
imageGCHighThresholdPercent: 100
imagePullCredentialsVerificationPolicy: NeverVerify
nodeStatusUpdateFrequency: 5s
`,
	"resolv.conf": "nameserver $DNS\n",
	// The limits of connection tracking belong to the whole machine.
	"kube-proxy.yaml": `apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: $PKI/kube-proxy.kubeconfig}
mode: nftables
clusterCIDR: $PODS
hostnameOverride: $NODE
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
`,
	// Names outside the cluster do not exist, and that is said at once.
	"Corefile": `cluster.local:53 in-addr.arpa:53 {
	bind $NODE_IP
	kubernetes cluster.local in-addr.arpa {
		kubeconfig $PKI/coredns.kubeconfig
		pods insecure
	}
}
.:53 {
	bind $NODE_IP
	template IN ANY . {
		rcode NXDOMAIN
	}
}
`,
}
