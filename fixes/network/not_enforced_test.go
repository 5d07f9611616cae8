package network

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const aNode = `
---
apiVersion: v1
kind: Node
metadata: {name: n1}
`

func plugin(name, image string) string {
	return `
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ` + name + `, namespace: kube-system}
spec:
  selector: {matchLabels: {app: ` + name + `}}
  template: {metadata: {labels: {app: ` + name + `}}, spec: {hostNetwork: true, containers: [{name: c, image: '` + image + `'}]}}
`
}

func TestNotEnforced(t *testing.T) {
	web := deployment("web", "{app: web}", "")
	flannel, calico, weave := plugin("kube-flannel-ds", "flannel/flannel:v0.26.1"), plugin("calico-node", "calico/node:v3.29.1"), plugin("weave-net", "weaveworks/weave-npc:2.8.1")
	ranged := networkPolicy("p", "{podSelector: {}, ingress: [{ports: [{port: 80, endPort: 90}]}]}")
	baseline := "\n---\napiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\nmetadata: {name: default}\nspec: {subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}\n"
	reported := []string{"DaemonSet kube-system/kube-flannel-ds spec.template.spec.containers[0].image manual"}
	fixestest.Table(t, notEnforced(), []fixestest.Case{{
		Name: "flannel alone", Objects: aNode + flannel + web, Want: reported, Live: true,
	}, {
		Name: "flannel, and a policy without effect", Objects: aNode + flannel + networkPolicy("p", "{podSelector: {}}"), Want: reported, Live: true,
	}, {
		Name: "nothing to protect", Objects: aNode + flannel, Live: true,
	}, {
		Name: "manifests without nodes", Objects: flannel + web,
	}, {
		Name: "Canal", Objects: aNode + flannel + calico + web, Live: true,
	}, {
		Name: "a plugin that is not known", Objects: aNode + plugin("net", "example.com/net") + web, Live: true,
	}, {
		Name: "K3s with its controller switched off", Live: true,
		Objects: strings.Replace(aNode, "{name: n1}", `{name: n1, annotations: {k3s.io/node-args: '["server","--disable-network-policy"]'}}`+"\nstatus: {nodeInfo: {kubeletVersion: v1.33.1+k3s1}}", 1) + web,
		Want:    []string{"Node n1 metadata.annotations manual"},
	}, {
		Name: "a range of ports that is not known", Objects: aNode + weave + web + ranged, Live: true,
		Want: []string{"NetworkPolicy shop/p spec manual"},
	}, {
		Name: "a range of ports that is known", Objects: aNode + calico + web + ranged, Live: true,
	}, {
		Name: "an administrators' policy that is not known", Objects: aNode + weave + web + baseline, Live: true,
		Want: []string{"BaselineAdminNetworkPolicy default spec manual"},
	}, {
		Name: "an administrators' policy that is known", Objects: aNode + calico + web + baseline, Live: true,
	}})
}

// TestEnforceSteps: every plugin that may be known not to enforce has steps of
// its own or the general ones, which name it.
func TestEnforceSteps(t *testing.T) {
	for plugin, want := range map[string]string{
		"flannel": "kube-network-policies", "Amazon VPC CNI": "update-addon", "Amazon VPC CNI policy agent": "update-addon", "Cilium": "policy-audit-mode",
		"GKE Dataplane V2": "cilium-config", "kube-router": "--run-firewall", "kindnet": "0.24", "K3s": "systemctl restart k3s", "Weave Net": "beside Weave Net",
	} {
		if steps := enforceSteps(plugin); !strings.Contains(steps, want) || !strings.Contains(steps, "Check that a policy cuts") {
			t.Errorf("%s: %s", plugin, steps)
		}
	}
}

// TestEnforcementRisks: what the plugin makes of the policies is said with them.
func TestEnforcementRisks(t *testing.T) {
	web := deployment("web", "{app: web}", "{containers: [{name: c, image: x, env: [{name: API, value: 'https://api.example.com'}]}]}")
	for title, tt := range map[string]struct{ objects, want string }{
		"not enforced":  {aNode + plugin("kube-flannel-ds", "flannel/flannel"), "flannel enforces no NetworkPolicy here: until something does, these cut nothing (network-policies-not-enforced)."},
		"not known":     {aNode, "Whether the network plugin enforces NetworkPolicies could not be told: check that before you count on them."},
		"Calico stages": {aNode + plugin("calico-node", "calico/node"), "To see what would be cut first: --fix --dry-run --policies-as calico-staged writes them as staged policies, which Calico only logs."},
		"Cilium audits": {aNode + plugin("cilium", "cilium/cilium"), "To see what would be cut first: Cilium's policy-audit-mode logs instead of dropping (kubectl harden explain network-no-default-deny)."},
		"Cilium names":  {aNode + plugin("cilium", "cilium/cilium"), "Cilium runs here, whose CiliumNetworkPolicy with toFQDNs can name hosts."},
	} {
		risks := find(t, fixestest.Load(t, web+tt.objects)).Fix().Risks
		if !slices.Contains(risks, tt.want) {
			t.Errorf("%s: %q", title, risks)
		}
	}
	for _, risk := range find(t, fixestest.Load(t, web)).Fix().Risks {
		if strings.Contains(risk, "enforce") {
			t.Errorf("manifests without nodes: %q", risk)
		}
	}
}

func TestDeniedByAdministrators(t *testing.T) {
	web := deployment("web", "{app: web}", "")
	namespace := "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n"
	baseline := func(spec string) string {
		return "\n---\napiVersion: policy.networking.k8s.io/v1alpha1\nkind: BaselineAdminNetworkPolicy\nmetadata: {name: default}\nspec: " + spec + "\n"
	}
	const ingress, egress = "ingress: [{action: Deny, from: [{namespaces: {}}]}]", "egress: [{action: Deny, to: [{networks: [0.0.0.0/0]}]}]"
	reported := []string{"Namespace shop networkPolicies review"}
	fixestest.Table(t, noDefaultDeny(), []fixestest.Case{{
		Name: "both directions", Objects: namespace + web + baseline("{subject: {namespaces: {matchLabels: {team: a}}}, "+ingress+", "+egress+"}"),
	}, {
		Name: "ingress only", Objects: namespace + web + baseline("{subject: {namespaces: {}}, "+ingress+"}"), Want: reported,
		Diff: []string{"+ name: default-deny-egress"}, NotDiff: []string{"+ - Ingress"},
	}, {
		Name: "another namespace", Objects: namespace + web + baseline("{subject: {namespaces: {matchLabels: {team: b}}}, "+ingress+", "+egress+"}"), Want: reported,
		Diff: []string{"+ name: default-deny"},
	}, {
		Name: "a ClusterNetworkPolicy", Objects: namespace + web + "\n---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: base}\nspec: {tier: Baseline, priority: 0, subject: {namespaces: {}}, " + ingress + ", " + egress + "}\n",
	}})
	inv := fixestest.Load(t, namespace+web+baseline("{subject: {namespaces: {}}, "+ingress+"}")+
		"\n---\napiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\nmetadata: {name: strict}\nspec: {priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: [203.0.113.0/24]}]}]}\n")
	f := find(t, inv)
	if want := "ingress: BaselineAdminNetworkPolicy default denies it by default"; !slices.Contains(f.Evidence, want) {
		t.Errorf("evidence %q", f.Evidence)
	}
	if want := "Decided before these policies are asked, whatever they say: what matches AdminNetworkPolicy strict. kubectl harden network shows what comes of it."; !slices.Contains(f.Fix().Risks, want) {
		t.Errorf("risks %q", f.Fix().Risks)
	}
	inv.Skip(fixes.Skip{Resource: fixes.KindClusterNetworkPolicy.String(), Reason: "forbidden"})
	if want := "clusternetworkpolicies.policy.networking.k8s.io could not be listed: they may deny already"; !slices.Contains(find(t, inv).Evidence, want) {
		t.Errorf("evidence %q", find(t, inv).Evidence)
	}
}

// TestMatrixCountsAdministrators: what they deny is cut in the matrix.
func TestMatrixCountsAdministrators(t *testing.T) {
	shop := deployment("web", "{app: web}", `{containers: [{name: c, image: x, env: [{name: DB, value: "db:5432"}]}]}`) +
		deployment("db", "{app: db}", "{containers: [{name: c, image: postgres, ports: [{containerPort: 5432}]}]}") +
		service("db", "{selector: {app: db}, ports: [{port: 5432}]}")
	open := Compare(fixestest.Load(t, shop), fixestest.Load(t, shop), "")
	denied := fixestest.Load(t, shop+"\n---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: a}\nspec: {tier: Admin, priority: 0, subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: db}}}}, ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 5432}}}]}]}\n")
	cut := Compare(denied, denied, "")
	if open.Before != 1 || cut.Before != 0 {
		t.Errorf("%d open without the policy, %d with it", open.Before, cut.Before)
	}
}
