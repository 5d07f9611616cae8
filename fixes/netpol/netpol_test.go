package netpol

import (
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// The cluster of the truth tables, as the conformance tests have it: three
// namespaces of three pods, each of which listens on 80 and 81 with TCP, UDP
// and SCTP (test/e2e/network/netpol of Kubernetes).
func pod(namespace, name string) Peer {
	p := Peer{Namespace: namespace, Name: name,
		NamespaceLabels: labels.Set{"ns": namespace, corev1.LabelMetadataName: namespace},
		Labels:          labels.Set{"pod": name},
		Addrs:           []netip.Addr{netip.AddrFrom4([4]byte{10, 0, namespace[0] - 'x', name[0]})}}
	for _, port := range []int32{80, 81} {
		for _, protocol := range []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP} {
			p.Ports = append(p.Ports, corev1.ContainerPort{Name: portName(port, protocol), ContainerPort: port, Protocol: protocol})
		}
	}
	return p
}

func portName(port int32, protocol corev1.Protocol) string {
	name := map[int32]string{80: "serve-80-", 81: "serve-81-"}[port]
	return name + map[corev1.Protocol]string{corev1.ProtocolTCP: "tcp", corev1.ProtocolUDP: "udp", corev1.ProtocolSCTP: "sctp"}[protocol]
}

// outside is an address that no pod has.
var outside = Peer{Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}

// name returns "x/a", or "outside".
func name(p Peer) string {
	if p.Namespace == "" {
		return "outside"
	}
	return p.Namespace + "/" + p.Name
}

func everybody() []Peer {
	list := []Peer{outside}
	for _, ns := range []string{"x", "y", "z"} {
		for _, n := range []string{"a", "b", "c"} {
			list = append(list, pod(ns, n))
		}
	}
	return list
}

// TestTruthTables has the cases of the conformance tests: who reaches x/a, and
// whom x/a reaches.
func TestTruthTables(t *testing.T) {
	const all = "outside x/a x/b x/c y/a y/b y/c z/a z/b z/c"
	tests := map[string]struct {
		policies string
		protocol corev1.Protocol
		port     int32
		from, to string // of all, those that reach x/a, and that x/a reaches
	}{
		"no policy": {from: all, to: all},
		"default-deny ingress": {
			policies: `{podSelector: {}, policyTypes: [Ingress]}`,
			from:     "x/a", to: "outside x/a y/a y/b y/c z/a z/b z/c"},
		"default-deny all": {
			policies: `{podSelector: {}, policyTypes: [Ingress, Egress]}`,
			from:     "x/a", to: "x/a"},
		"without policyTypes: ingress": {
			policies: `{podSelector: {matchLabels: {pod: a}}}`,
			from:     "x/a", to: all},
		"without policyTypes, with egress": {
			policies: `{podSelector: {matchLabels: {pod: a}}, egress: [{to: [{podSelector: {matchLabels: {pod: b}}}]}]}`,
			from:     "x/a", to: "x/a x/b"},
		"an empty rule allows all": {
			policies: `{podSelector: {}, ingress: [{}], policyTypes: [Ingress]}`,
			from:     all, to: all},
		"no rules at all allow nothing": {
			policies: `{podSelector: {}, ingress: [], policyTypes: [Ingress]}`,
			from:     "x/a", to: "outside x/a y/a y/b y/c z/a z/b z/c"},
		"another pod's policy": {
			policies: `{podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress]}`,
			from:     all, to: "outside x/a x/c y/a y/b y/c z/a z/b z/c"},
		"pods of the policy's namespace": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}], policyTypes: [Ingress]}`,
			from:     "x/a x/b", to: all},
		"an empty pod selector: all of the namespace": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{podSelector: {}}]}], policyTypes: [Ingress]}`,
			from:     "x/a x/b x/c", to: all},
		"namespaces by label": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: "y"}}}]}], policyTypes: [Ingress]}`,
			from:     "x/a y/a y/b y/c", to: all},
		"an empty namespace selector: all pods, nothing from outside": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{namespaceSelector: {}}]}], policyTypes: [Ingress]}`,
			from:     "x/a x/b x/c y/a y/b y/c z/a z/b z/c", to: all},
		"pods of namespaces: both must match": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: "y"}}, podSelector: {matchLabels: {pod: b}}}]}], policyTypes: [Ingress]}`,
			from:     "x/a y/b", to: all},
		"pods or namespaces: one must match": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: "y"}}}, {podSelector: {matchLabels: {pod: b}}}]}], policyTypes: [Ingress]}`,
			from:     "x/a x/b y/a y/b y/c", to: all},
		"namespaces by expression": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: [x]}]}}]}], policyTypes: [Ingress]}`,
			from:     "x/a y/a y/b y/c z/a z/b z/c", to: all},
		"a block with an exception": {
			policies: `{podSelector: {matchLabels: {pod: a}}, egress: [{to: [{ipBlock: {cidr: 10.0.0.0/16, except: [10.0.1.0/24]}}]}], policyTypes: [Egress]}`,
			from:     all, to: "x/a x/b x/c z/a z/b z/c"},
		"a block outside": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{ipBlock: {cidr: 192.0.2.0/24}}]}], policyTypes: [Ingress]}`,
			from:     "outside x/a", to: all},
		"a port by number": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{port: 81}]}], policyTypes: [Ingress]}`,
			port:     81, from: all, to: all},
		"another port": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{port: 81}]}], policyTypes: [Ingress]}`,
			from:     "x/a", to: all},
		"a port by name": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{port: serve-81-tcp}]}], policyTypes: [Ingress]}`,
			port:     81, from: all, to: all},
		"a port by the name of another": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{port: serve-81-tcp}]}], policyTypes: [Ingress]}`,
			from:     "x/a", to: all},
		"a name is one of the pod that is connected to": {
			policies: `{podSelector: {matchLabels: {pod: a}}, egress: [{ports: [{port: serve-80-tcp}]}], policyTypes: [Egress]}`,
			from:     all, to: "x/a x/b x/c y/a y/b y/c z/a z/b z/c"},
		"a range of ports": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{port: 80, endPort: 81}]}], policyTypes: [Ingress]}`,
			port:     81, from: all, to: all},
		"above a range": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{port: 79, endPort: 80}]}], policyTypes: [Ingress]}`,
			port:     81, from: "x/a", to: all},
		"all ports of a protocol": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{protocol: SCTP}]}], policyTypes: [Ingress]}`,
			protocol: corev1.ProtocolSCTP, from: all, to: all},
		"another protocol": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{protocol: UDP, port: 80}]}], policyTypes: [Ingress]}`,
			from:     "x/a", to: all},
		"TCP where none is named": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{ports: [{port: 80}]}], policyTypes: [Ingress]}`,
			protocol: corev1.ProtocolUDP, from: "x/a", to: all},
		"policies add up": {
			policies: `
{podSelector: {}, policyTypes: [Ingress]}
---
{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}], policyTypes: [Ingress]}
---
{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: z}}}]}], policyTypes: [Ingress]}`,
			from: "x/a x/b z/a z/b z/c", to: "outside x/a y/a y/b y/c z/a z/b z/c"},
		"both sides must allow": {
			policies: `
{podSelector: {matchLabels: {pod: a}}, egress: [{to: [{podSelector: {}}]}], policyTypes: [Egress]}
---
{podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress]}`,
			from: all, to: "x/a x/c"},
		"a peer that cannot be read lets nobody in": {
			policies: `{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{ipBlock: {cidr: nonsense}}]}], policyTypes: [Ingress]}`,
			from:     "x/a", to: all},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			policies := Compile(parse(t, tt.policies))
			if tt.port == 0 {
				tt.port = 80
			}
			a := pod("x", "a")
			var from, to string
			for _, p := range everybody() {
				if policies.Allows(Connection{From: p, To: a, Protocol: tt.protocol, Port: tt.port}) {
					from += " " + name(p)
				}
				if policies.Allows(Connection{From: a, To: p, Protocol: tt.protocol, Port: tt.port}) {
					to += " " + name(p)
				}
			}
			if from != " "+tt.from {
				t.Errorf("reach x/a:%s\nwant %s", from, tt.from)
			}
			if to != " "+tt.to {
				t.Errorf("x/a reaches:%s\nwant %s", to, tt.to)
			}
		})
	}
}

// TestHostNetwork: no policy applies to a pod on its node's network, and no
// selector finds it.
func TestHostNetwork(t *testing.T) {
	policies := Compile(parse(t, `{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}], policyTypes: [Ingress, Egress]}`))
	agent, a := pod("x", "agent"), pod("x", "a")
	agent.HostNetwork = true
	if policies.Allows(Connection{From: agent, To: a, Port: 80}) {
		t.Error("a selector finds a pod on the host network")
	}
	if !policies.Allows(Connection{From: outside, To: agent, Port: 80}) {
		t.Error("a policy applies to a pod on the host network")
	}
}

// TestVerdict names the policies that decide.
func TestVerdict(t *testing.T) {
	policies := Compile(parse(t, `
{podSelector: {}, policyTypes: [Ingress]}
---
{podSelector: {matchLabels: {pod: a}}, ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}], policyTypes: [Ingress]}`))
	a := pod("x", "a")
	if v := policies.Judge(Connection{From: pod("x", "b"), To: a, Port: 80}); !v.Allowed || len(v.Ingress) != 1 || v.Ingress[0].Name != "p1" || v.Egress != nil {
		t.Errorf("b: %+v", v)
	}
	if v := policies.Judge(Connection{From: pod("y", "b"), To: a, Port: 80}); v.Allowed || len(v.Ingress) != 2 {
		t.Errorf("y/b: %+v", v)
	}
}

// parse reads policies of namespace x, of which only the specs are written.
func parse(t *testing.T, text string) []*networkingv1.NetworkPolicy {
	t.Helper()
	var list []*networkingv1.NetworkPolicy
	for doc := range strings.SplitSeq(text, "---") {
		if strings.TrimSpace(doc) == "" {
			continue
		}
		p := &networkingv1.NetworkPolicy{}
		p.Namespace, p.Name = "x", "p"+string(rune('0'+len(list)))
		if err := yaml.UnmarshalStrict([]byte(doc), &p.Spec); err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}
