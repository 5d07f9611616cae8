package cni_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/cni"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// daemonSet has containers in YAML's flow style.
func daemonSet(name, containers string) string {
	return `
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ` + name + `, namespace: kube-system}
spec:
  selector: {matchLabels: {app: ` + name + `}}
  template:
    metadata: {labels: {app: ` + name + `}}
    spec: {hostNetwork: true, containers: [` + containers + `]}
`
}

func ciliumConfig(data string) string {
	return "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: cilium-config, namespace: kube-system}\ndata: " + data + "\n"
}

func node(annotations, kubelet string) string {
	return "\n---\napiVersion: v1\nkind: Node\nmetadata: {name: n1, annotations: " + annotations + "}\nstatus: {nodeInfo: {kubeletVersion: " + kubelet + "}}\n"
}

func TestDetect(t *testing.T) {
	flannel := daemonSet("kube-flannel-ds", "{name: kube-flannel, image: 'ghcr.io/flannel-io/flannel:v0.26.1', command: [/opt/bin/flanneld]}")
	cilium := daemonSet("cilium", "{name: cilium-agent, image: 'quay.io/cilium/cilium:v1.17.0@sha256:0', command: [cilium-agent], args: [--config-dir=/tmp/cilium/config-map]}")
	aws := func(args string) string {
		return daemonSet("aws-node", "{name: aws-node, image: '602401143452.dkr.ecr.us-east-1.amazonaws.com/amazon-k8s-cni:v1.19.0'}, {name: aws-eks-nodeagent, image: '602401143452.dkr.ecr.us-east-1.amazonaws.com/amazon/aws-network-policy-agent:v1.1.5', args: ["+args+"]}")
	}
	kindnet := func(tag string) string {
		return daemonSet("kindnet", "{name: kindnet-cni, image: 'docker.io/kindest/kindnetd:"+tag+"'}")
	}
	for title, tt := range map[string]struct {
		objects  string
		enforced cni.Enforcement
		names    []string
		why      string // part of the reason of the first
	}{
		"nothing":                                {"", cni.Unknown, nil, ""},
		"a DaemonSet that is none":               {daemonSet("fluentd", "{name: c, image: fluent/fluentd}"), cni.Unknown, nil, ""},
		"Calico":                                 {daemonSet("calico-node", "{name: calico-node, image: 'docker.io/calico/node:v3.29.1'}"), cni.Yes, []string{"Calico"}, "DaemonSet kube-system/calico-node runs Calico"},
		"flannel":                                {flannel, cni.No, []string{"flannel"}, "runs flannel"},
		"Canal":                                  {daemonSet("canal", "{name: calico-node, image: calico/node:v3.29.1}, {name: kube-flannel, image: flannel/flannel:v0.24.4}"), cni.Yes, []string{"Calico", "flannel"}, ""},
		"flannel, and an enforcer beside it":     {flannel + daemonSet("kube-network-policies", "{name: c, image: 'registry.k8s.io/networking/kube-network-policies:v0.8.0'}"), cni.Yes, []string{"flannel", "kube-network-policies"}, ""},
		"Cilium":                                 {cilium + ciliumConfig(`{enable-policy: default}`), cni.Yes, []string{"Cilium"}, ""},
		"Cilium that never enforces":             {cilium + ciliumConfig(`{enable-policy: never}`), cni.No, []string{"Cilium"}, "enable-policy: never"},
		"Cilium that only audits":                {cilium + ciliumConfig(`{policy-audit-mode: "true"}`), cni.No, []string{"Cilium"}, "it only logs"},
		"Cilium that knows its own only":         {cilium + ciliumConfig(`{enable-k8s-networkpolicy: "false"}`), cni.No, []string{"Cilium"}, "ignores NetworkPolicies"},
		"Dataplane V2":                           {daemonSet("anetd", "{name: cilium-agent, image: 'gke.gcr.io/cilium/cilium:v1.15', command: [cilium-agent]}"), cni.Yes, []string{"GKE Dataplane V2"}, ""},
		"Antrea":                                 {daemonSet("antrea-agent", "{name: antrea-agent, image: antrea/antrea-agent-ubuntu:v2.2.0}"), cni.Yes, []string{"Antrea"}, ""},
		"Weave Net":                              {daemonSet("weave-net", "{name: weave, image: 'weaveworks/weave-kube:2.8.1'}, {name: weave-npc, image: 'weaveworks/weave-npc:2.8.1'}"), cni.Yes, []string{"Weave Net", "Weave Net policy controller"}, ""},
		"Weave Net without its controller":       {daemonSet("weave-net", "{name: weave, image: 'weaveworks/weave-kube:2.8.1'}"), cni.No, []string{"Weave Net"}, ""},
		"kube-router":                            {daemonSet("kube-router", "{name: kube-router, image: cloudnativelabs/kube-router, args: [--run-router=true]}"), cni.Yes, []string{"kube-router"}, "--run-firewall=true, its default"},
		"kube-router without a firewall":         {daemonSet("kube-router", "{name: kube-router, image: cloudnativelabs/kube-router, args: [--run-firewall=false]}"), cni.No, []string{"kube-router"}, "--run-firewall=false"},
		"kindnet":                                {kindnet("v20241108-5c6d2daf"), cni.Yes, []string{"kindnet"}, ""},
		"kindnet before kind 0.24":               {kindnet("v20240202-8f1494ea"), cni.No, []string{"kindnet"}, "older than v20240813"},
		"kindnet of an unknown version":          {kindnet("latest"), cni.Unknown, []string{"kindnet"}, "does not tell"},
		"Amazon's plugin, agent off":             {aws(""), cni.No, []string{"Amazon VPC CNI", "Amazon VPC CNI policy agent"}, ""},
		"Amazon's plugin, agent on":              {aws("--enable-network-policy=true"), cni.Yes, []string{"Amazon VPC CNI", "Amazon VPC CNI policy agent"}, ""},
		"Amazon's plugin, agent's flag and word": {aws("--enable-network-policy, 'true'"), cni.Yes, []string{"Amazon VPC CNI", "Amazon VPC CNI policy agent"}, ""},
		"Azure":                                  {daemonSet("azure-npm", "{name: azure-npm, image: mcr.microsoft.com/containernetworking/azure-npm:v1.5.34}"), cni.Yes, []string{"Azure NPM"}, ""},
		"OVN-Kubernetes by its script":           {daemonSet("ovnkube-node", `{name: ovnkube-controller, image: 'quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:0', command: [/bin/bash, -c, "set -e; exec /usr/bin/ovnkube --init-node n1"]}`), cni.Yes, []string{"OVN-Kubernetes"}, ""},
		"a script that only names a file":        {daemonSet("x", `{name: c, image: x, command: [/bin/bash, -c, "cat /var/log/ovnkube.log"]}`), cni.Unknown, nil, ""},
		"OpenShift SDN by its program":           {daemonSet("sdn", "{name: sdn, image: 'quay.io/openshift-release-dev/ocp-v4.0-art-dev@sha256:0', command: [/usr/bin/openshift-sdn-node]}"), cni.Yes, []string{"OpenShift SDN"}, ""},
		"a DaemonSet that no node takes":         {strings.Replace(flannel, "spec:\n  selector", "status: {observedGeneration: 1, desiredNumberScheduled: 0, currentNumberScheduled: 0, numberReady: 0, numberMisscheduled: 0}\nspec:\n  selector", 1), cni.Unknown, nil, ""},
		"an init container is no plugin":         {strings.Replace(daemonSet("x", "{name: c, image: x}"), "hostNetwork: true", "initContainers: [{name: i, image: calico/node}]", 1), cni.Unknown, nil, ""},
		"a Deployment is no plugin":              {strings.Replace(flannel, "DaemonSet", "Deployment", 1), cni.Unknown, nil, ""},
		"K3s":                                    {node(`{k3s.io/node-args: '["server","--tls-san","x"]'}`, "v1.33.1+k3s1"), cni.Yes, []string{"K3s"}, "is a server of K3s"},
		"K3s, switched off":                      {node(`{k3s.io/node-args: '["server","--disable-network-policy"]'}`, "v1.33.1+k3s1"), cni.No, []string{"K3s"}, "--disable-network-policy"},
		"an agent of K3s":                        {node(`{k3s.io/node-args: '["agent"]'}`, "v1.33.1+k3s1"), cni.Unknown, nil, ""},
		"what is left of Calico":                 {node(`{projectcalico.org/IPv4Address: 10.0.0.1/24}`, "v1.33.1"), cni.Unknown, nil, ""},
	} {
		t.Run(title, func(t *testing.T) {
			s := cni.Detect(fixestest.Load(t, tt.objects))
			if s.Enforced != tt.enforced || !slices.Equal(s.Names(), tt.names) {
				t.Errorf("enforced %d by %q", s.Enforced, s.Names())
			}
			if tt.why != "" && (len(s.Running) == 0 || !strings.Contains(s.Running[0].Why, tt.why)) {
				t.Errorf("%+v", s.Running)
			}
		})
	}
}

// TestOutOfSight: where DaemonSets may not be listed, nodes tell; and what is
// seen of one plugin does not mean that there is no other.
func TestOutOfSight(t *testing.T) {
	hidden := func(objects string) *cni.Status {
		inv := fixestest.Load(t, objects)
		inv.Skip(fixes.Skip{Resource: fixes.KindDaemonSet.String(), Namespace: "kube-system", Reason: "forbidden"})
		return cni.Detect(inv)
	}
	if s := hidden(node(`{projectcalico.org/IPv4Address: 10.0.0.1/24}`, "v1.33.1")); s.Enforced != cni.Yes || s.Running[0].Why != "node n1 is annotated with projectcalico.org/IPv4Address" {
		t.Errorf("Calico: %+v", s)
	}
	if s := hidden(node(`{flannel.alpha.coreos.com/backend-type: vxlan}`, "v1.33.1")); s.Enforced != cni.Unknown {
		t.Errorf("flannel: %+v", s)
	}
	inv := fixestest.Load(t, daemonSet("kube-flannel-ds", "{name: kube-flannel, image: flannel/flannel}"))
	inv.Namespace = "kube-system"
	if s := cni.Detect(inv); s.Enforced != cni.Unknown {
		t.Errorf("one namespace: %+v", s)
	}
}

func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range cni.All() {
		if p.Name == "" || seen[p.Name] || !strings.HasPrefix(p.Source, "https://") {
			t.Errorf("%q is taken, or has no source", p.Name)
		}
		seen[p.Name] = true
		if p.Trial != cni.NoTrial && p.Trial != cni.CalicoStaged && p.Trial != cni.CiliumAudit {
			t.Errorf("%s: no trial %q", p.Name, p.Trial)
		}
		for _, kind := range p.AdminKinds {
			if !slices.ContainsFunc(fixes.CustomKinds(), func(k fixes.Kind) bool { return k.Name == kind && k.Group == "policy.networking.k8s.io" }) {
				t.Errorf("%s: no kind %q", p.Name, kind)
			}
		}
	}
	if len(seen) < 15 {
		t.Errorf("%d plugins", len(seen))
	}
}
