package netpol

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// reachability is who is expected to reach whom, written as the conformance
// tests write it: at first everything is allowed.
type reachability map[[2]string]bool

func newReachability() reachability {
	r := reachability{}
	for _, from := range pods() {
		for _, to := range pods() {
			r[[2]string{name(from), name(to)}] = true
		}
	}
	return r
}

func pods() []Peer { return everybody()[1:] }

// ingress sets what reaches a pod from all others, egress what it reaches; a pod
// reaches itself.
func (r reachability) ingress(pod string, allowed bool) reachability {
	return r.from("", pod, allowed)
}

func (r reachability) egress(pod string, allowed bool) reachability { return r.from(pod, "", allowed) }

// from sets one connection, or those of all pods whose names begin so.
func (r reachability) from(from, to string, allowed bool) reachability {
	for pair := range r {
		if strings.HasPrefix(pair[0], from) && strings.HasPrefix(pair[1], to) && pair[0] != pair[1] {
			r[pair] = allowed
		}
	}
	return r
}

// TestConformance has the cases of the conformance tests of NetworkPolicy by
// their names (Kubernetes, test/e2e/network/netpol/network_policy.go). Policies
// are of namespace x.
func TestConformance(t *testing.T) {
	type state struct {
		policies string
		relabel  map[string]labels.Set // of a pod or a namespace
		port     int32                 // 80 where it is 0
		protocol corev1.Protocol
		want     reachability
	}
	all := newReachability
	const onlyB = `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}`
	updatedPod := `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b, pod2: updated}}}]}]}`
	tests := map[string][]state{
		"should support a 'default-deny-ingress' policy": {{
			policies: `{podSelector: {}, policyTypes: [Ingress], ingress: []}`, want: all().ingress("x/", false)}},
		"should support a 'default-deny-all' policy": {{
			policies: `{podSelector: {}, policyTypes: [Egress, Ingress]}`, want: all().ingress("x/", false).egress("x/", false)}},
		"should enforce policy to allow traffic from pods within server namespace based on PodSelector": {{
			policies: onlyB, want: all().ingress("x/a", false).from("x/b", "x/a", true)}},
		"should enforce policy to allow ingress traffic for a target": {{
			policies: `{podSelector: {}, policyTypes: [Ingress]}
---
{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {pod: b}}}]}]}`,
			want: all().ingress("x/", false).from("x/b", "x/a", true).from("y/b", "x/a", true).from("z/b", "x/a", true)}},
		"should enforce policy to allow ingress traffic from pods in all namespaces": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}}]}]}`, want: all()}},
		"should enforce policy to allow traffic only from a different namespace, based on NamespaceSelector": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns: "y"}}}]}]}`,
			want:     all().from("x/", "x/a", false).from("z/", "x/a", false)}},
		"should enforce policy based on PodSelector with MatchExpressions": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchExpressions: [{key: pod, operator: In, values: [b]}]}}]}]}`,
			want:     all().ingress("x/a", false).from("x/b", "x/a", true)}},
		"should enforce policy based on NamespaceSelector with MatchExpressions": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: ns, operator: In, values: ["y"]}]}}]}]}`,
			want:     all().ingress("x/a", false).from("y/", "x/a", true)}},
		"should enforce policy based on NamespaceSelector with MatchExpressions using default ns label": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [x, z]}]}}]}]}`,
			want:     all().ingress("x/a", false).from("y/", "x/a", true)}},
		"should enforce policy based on PodSelector or NamespaceSelector": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: [x]}]}}, {podSelector: {matchLabels: {pod: b}}}]}]}`,
			want:     all().from("x/c", "x/a", false)}},
		"should enforce policy based on PodSelector and NamespaceSelector": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: [x]}]}, podSelector: {matchLabels: {pod: b}}}]}]}`,
			want:     all().ingress("x/a", false).from("y/b", "x/a", true).from("z/b", "x/a", true)}},
		"should enforce policy based on Multiple PodSelectors and NamespaceSelectors": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: ns, operator: NotIn, values: [x]}]}, podSelector: {matchExpressions: [{key: pod, operator: In, values: [b, c]}]}}]}]}`,
			want:     all().from("x/", "x/a", false).from("y/a", "x/a", false).from("z/a", "x/a", false)}},
		"should enforce policy based on any PodSelectors": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {pod: b}}}, {namespaceSelector: {}, podSelector: {matchLabels: {pod: c}}}]}]}`,
			want:     all().from("y/a", "x/a", false).from("z/a", "x/a", false)}},
		"should enforce policy to allow traffic only from a pod in a different namespace based on PodSelector and NamespaceSelector": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns: "y"}}, podSelector: {matchLabels: {pod: a}}}]}]}`,
			want:     all().ingress("x/a", false).from("y/a", "x/a", true)}},
		"should enforce policy based on Ports": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns: "y"}}}], ports: [{port: 81}]}]}`,
			port:     81, want: all().ingress("x/a", false).from("y/", "x/a", true),
		}, {
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns: "y"}}}], ports: [{port: 81}]}]}`,
			port:     80, want: all().ingress("x/a", false)}},
		"should enforce multiple, stacked policies with overlapping podSelectors": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns: "y"}}}], ports: [{port: 81}]}]}
---
{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns: "y"}}}], ports: [{port: 80}]}]}`,
			port: 80, want: all().ingress("x/a", false).from("y/", "x/a", true)}},
		"should support allow-all policy": {{
			policies: `{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}`, want: all()}},
		"should allow ingress access on one named port": {{
			policies: `{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: serve-81-tcp}]}]}`, port: 81, want: all(),
		}, {
			policies: `{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: serve-81-tcp}]}]}`, port: 80, want: all().ingress("x/", false)}},
		"should allow ingress access from namespace on one named port": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns: "y"}}}], ports: [{port: serve-80-tcp}]}]}`,
			want:     all().ingress("x/a", false).from("y/", "x/a", true),
		}, {
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns: "y"}}}], ports: [{port: serve-80-tcp}]}]}`,
			port:     81, want: all().ingress("x/a", false)}},
		"should allow egress access on one named port": {{
			policies: `{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: serve-80-tcp}]}]}`, want: all(),
		}, {
			policies: `{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: serve-80-tcp}]}]}`, port: 81, want: all().egress("x/", false)}},
		"should enforce updated policy": {{
			policies: `{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}`, port: 81, want: all(),
		}, {
			policies: `{podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: serve-80-tcp}]}]}`, port: 81, want: all().ingress("x/", false)}},
		"should allow ingress access from updated namespace": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns2: updated}}}]}]}`,
			want:     all().ingress("x/a", false),
		}, {
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {ns2: updated}}}]}]}`,
			relabel:  map[string]labels.Set{"y": {"ns": "y", "ns2": "updated"}}, want: all().ingress("x/a", false).from("y/", "x/a", true)}},
		"should allow ingress access from updated pod": {{
			policies: updatedPod, want: all().ingress("x/a", false),
		}, {
			policies: updatedPod, relabel: map[string]labels.Set{"x/b": {"pod": "b", "pod2": "updated"}}, want: all().ingress("x/a", false).from("x/b", "x/a", true)}},
		"should deny ingress from pods on other namespaces": {{
			policies: `{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {}}]}]}`,
			want:     all().ingress("x/", false).from("x/", "x/", true)}},
		"should deny ingress access to updated pod": {{
			policies: `{podSelector: {matchLabels: {target: isolated}}, policyTypes: [Ingress]}`, want: all(),
		}, {
			policies: `{podSelector: {matchLabels: {target: isolated}}, policyTypes: [Ingress]}`,
			relabel:  map[string]labels.Set{"x/a": {"target": "isolated"}}, want: all().ingress("x/a", false)}},
		"should deny egress from pods based on PodSelector": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress]}`, want: all().egress("x/a", false)}},
		"should deny egress from all pods in a namespace": {{
			policies: `{podSelector: {}, policyTypes: [Egress]}`, want: all().egress("x/", false)}},
		"should work with Ingress, Egress specified together": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}], egress: [{ports: [{port: 80}]}]}`,
			want:     all().ingress("x/a", false).from("x/b", "x/a", true),
		}, {
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}], egress: [{ports: [{port: 80}]}]}`,
			port:     81, want: all().ingress("x/a", false).from("x/b", "x/a", true).egress("x/a", false)}},
		"should support denying of egress traffic on the client side (even if the server explicitly allows this traffic)": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {pod: b}}}]}]}
---
{podSelector: {matchLabels: {pod: c}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: a}}}]}]}`,
			want: all().egress("x/a", false).from("x/a", "x/b", true).ingress("x/c", false)}},
		"should stop enforcing policies after they are deleted": {{
			policies: `{podSelector: {}, policyTypes: [Egress, Ingress]}`, want: all().ingress("x/", false).egress("x/", false),
		}, {want: all()}},
		"should allow egress access to server in CIDR block": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.1.98/32}}]}]}`,
			want:     all().egress("x/a", false).from("x/a", "y/b", true)}},
		"should enforce except clause while egress access to server in CIDR block": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.1.0/24, except: [10.0.1.98/32]}}]}]}`,
			want:     all().egress("x/a", false).from("x/a", "y/", true).from("x/a", "y/b", false)}},
		"should ensure an IP overlapping both IPBlock.CIDR and IPBlock.Except is allowed": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.1.0/24, except: [10.0.1.98/32]}}, {ipBlock: {cidr: 10.0.1.98/32}}]}]}`,
			want:     all().egress("x/a", false).from("x/a", "y/", true)}},
		"should enforce policies to check ingress and egress policies can be controlled independently based on PodSelector": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {pod: b}}}]}]}
---
{podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: c}}}]}]}`,
			want: all().egress("x/a", false).ingress("x/b", false).from("x/c", "x/b", true)}},
		"should not mistakenly treat 'protocol: SCTP' as 'protocol: TCP', even if the plugin doesn't support SCTP": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 81, protocol: SCTP}]}]}`,
			port:     81, want: all().ingress("x/a", false)}},
		"should properly isolate pods that are selected by a policy allowing SCTP, even if the plugin doesn't support SCTP": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 80, protocol: SCTP}]}]}`,
			want:     all().ingress("x/a", false),
		}, {
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 80, protocol: SCTP}]}]}`,
			protocol: corev1.ProtocolSCTP, want: all()}},
		"should not allow access by TCP when a policy specifies only UDP": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 81, protocol: UDP}]}]}`,
			port:     81, want: all().ingress("x/a", false),
		}, {
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{ports: [{port: 81, protocol: UDP}]}]}`,
			port:     81, protocol: corev1.ProtocolUDP, want: all()}},
		"should support a policy with a range of ports (endPort)": {{
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {ns: "y"}}}], ports: [{port: 81, endPort: 90}]}]}`,
			port:     81, want: all().egress("x/a", false).from("x/a", "y/", true),
		}, {
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {ns: "y"}}}], ports: [{port: 81, endPort: 90}]}]}`,
			port:     80, want: all().egress("x/a", false)}},
	}
	for title, states := range tests {
		t.Run(title, func(t *testing.T) {
			for _, s := range states {
				policies := Compile(parse(t, s.policies))
				check(t, policies, s.relabel, s.port, s.protocol, s.want)
			}
		})
	}
}

// check asks about all pairs of pods.
func check(t *testing.T, policies *Policies, relabel map[string]labels.Set, port int32, protocol corev1.Protocol, want reachability) {
	t.Helper()
	if port == 0 {
		port = 80
	}
	relabelled := func(p Peer) Peer {
		if set, ok := relabel[name(p)]; ok {
			p.Labels = set
		}
		if set, ok := relabel[p.Namespace]; ok {
			p.NamespaceLabels = set
		}
		return p
	}
	for _, from := range pods() {
		for _, to := range pods() {
			got := policies.Allows(Connection{From: relabelled(from), To: relabelled(to), Port: port, Protocol: protocol})
			if w := want[[2]string{name(from), name(to)}]; got != w {
				t.Errorf("port %d: %s -> %s: allowed %v, want %v", port, name(from), name(to), got, w)
			}
		}
	}
}
