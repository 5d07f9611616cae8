package netpol

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// TestRedundant: the first policy of each beside the others.
func TestRedundant(t *testing.T) {
	const fromB = `ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}], ports: [{port: 80}]}]`
	const a = `podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress]`
	for title, tt := range map[string]struct {
		policies string
		want     bool
	}{
		"alone":                              {`{` + a + `}`, false},
		"the same again":                     {`{` + a + `, ` + fromB + "}\n---\n{" + a + `, ` + fromB + `}`, true},
		"more pods":                          {`{` + a + `, ` + fromB + "}\n---\n{podSelector: {}, policyTypes: [Ingress], " + fromB + `}`, true},
		"fewer pods":                         {`{podSelector: {}, policyTypes: [Ingress], ` + fromB + "}\n---\n{" + a + `, ` + fromB + `}`, false},
		"other pods":                         {`{` + a + `, ` + fromB + "}\n---\n{podSelector: {matchLabels: {pod: b}}, policyTypes: [Ingress], " + fromB + `}`, false},
		"pods by expression":                 {`{` + a + `, ` + fromB + "}\n---\n{podSelector: {matchExpressions: [{key: pod, operator: In, values: [a, c]}, {key: pod, operator: NotIn, values: [d]}]}, policyTypes: [Ingress], " + fromB + `}`, true},
		"the other direction too":            {`{podSelector: {}, policyTypes: [Ingress, Egress]}` + "\n---\n" + `{podSelector: {}, policyTypes: [Ingress]}`, false},
		"both directions by two":             {`{podSelector: {}, policyTypes: [Ingress, Egress]}` + "\n---\n" + `{podSelector: {}, policyTypes: [Ingress]}` + "\n---\n" + `{podSelector: {}, policyTypes: [Egress]}`, true},
		"isolation alone":                    {`{` + a + "}\n---\n{podSelector: {}, policyTypes: [Ingress]}", true},
		"a port more":                        {`{` + a + `, ingress: [{ports: [{port: 80}, {port: 81}]}]}` + "\n---\n{" + a + `, ingress: [{ports: [{port: 80}]}]}`, false},
		"ports by two":                       {`{` + a + `, ingress: [{ports: [{port: 80}, {port: 81}]}]}` + "\n---\n{" + a + `, ingress: [{ports: [{port: 80}]}]}` + "\n---\n{" + a + `, ingress: [{ports: [{port: 81}]}]}`, true},
		"a range":                            {`{` + a + `, ingress: [{ports: [{port: 80, endPort: 90}]}]}` + "\n---\n{" + a + `, ingress: [{ports: [{port: 70, endPort: 90}]}]}`, true},
		"beyond a range":                     {`{` + a + `, ingress: [{ports: [{port: 80, endPort: 91}]}]}` + "\n---\n{" + a + `, ingress: [{ports: [{port: 70, endPort: 90}]}]}`, false},
		"another protocol":                   {`{` + a + `, ingress: [{ports: [{port: 80, protocol: UDP}]}]}` + "\n---\n{" + a + `, ingress: [{ports: [{port: 80}]}]}`, false},
		"all ports of a protocol":            {`{` + a + `, ingress: [{ports: [{port: web}]}]}` + "\n---\n{" + a + `, ingress: [{ports: [{protocol: TCP}]}]}`, true},
		"a name is no number":                {`{` + a + `, ingress: [{ports: [{port: web}]}]}` + "\n---\n{" + a + `, ingress: [{ports: [{port: 1, endPort: 65535}]}]}`, false},
		"all ports":                          {`{` + a + `, ingress: [{}]}` + "\n---\n{" + a + `, ingress: [{ports: [{port: 80}]}]}`, false},
		"a block in a block":                 {`{` + a + `, ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/16}}]}]}` + "\n---\n{" + a + `, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.2.0.0/16]}}]}]}`, true},
		"a hole":                             {`{` + a + `, ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/16}}]}]}` + "\n---\n{" + a + `, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.2.0/24]}}]}]}`, false},
		"a hole in a hole":                   {`{` + a + `, ingress: [{from: [{ipBlock: {cidr: 10.1.0.0/16, except: [10.1.0.0/20]}}]}]}` + "\n---\n{" + a + `, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.2.0/24]}}]}]}`, true},
		"a block is no pod":                  {`{` + a + `, ingress: [{from: [{podSelector: {}}]}]}` + "\n---\n{" + a + `, ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`, false},
		"the own namespace among all":        {`{` + a + `, ingress: [{from: [{podSelector: {}}]}]}` + "\n---\n{" + a + `, ingress: [{from: [{namespaceSelector: {}}]}]}`, true},
		"the own namespace by name":          {`{` + a + `, ingress: [{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: x}}}]}]}` + "\n---\n{" + a + `, ingress: [{from: [{podSelector: {}}]}]}`, true},
		"another namespace":                  {`{` + a + `, ingress: [{from: [{namespaceSelector: {matchLabels: {ns: "y"}}}]}]}` + "\n---\n{" + a + `, ingress: [{from: [{podSelector: {}}]}]}`, false},
		"everybody":                          {`{` + a + `, ` + fromB + "}\n---\n{" + a + `, ingress: [{ports: [{port: 80}]}]}`, true},
		"without policyTypes, egress counts": {`{podSelector: {}, egress: [{ports: [{port: 80}]}]}` + "\n---\n" + `{podSelector: {}, policyTypes: [Ingress]}`, false},
	} {
		list := parse(t, tt.policies)
		by, ok := Redundant(list[0], list)
		if ok != tt.want {
			t.Errorf("%s: redundant %v", title, ok)
		}
		if ok && len(by) != len(list)-1 {
			t.Errorf("%s: by %d", title, len(by))
		}
	}
}

// TestRedundantChangesNothing asks about random connections before and after a
// redundant policy is gone.
func TestRedundantChangesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	redundant, asked := 0, 0
	for range 20_000 {
		var list []*networkingv1.NetworkPolicy
		for n := range 2 + rng.IntN(3) {
			list = append(list, randomPolicy(rng, n))
		}
		if _, ok := Redundant(list[0], list); !ok {
			continue
		}
		redundant++
		with, without := Compile(list), Compile(list[1:])
		for range 60 {
			c := Connection{From: randomPeer(rng), To: randomPeer(rng), Port: int32(79 + rng.IntN(4)), Protocol: pick(rng, corev1.ProtocolTCP, corev1.ProtocolUDP)}
			if with.Allows(c) != without.Allows(c) {
				t.Fatalf("%+v: %v with it, %v without\n%v\n%v", c, with.Allows(c), without.Allows(c), list[0].Spec.String(), list[1].Spec.String())
			}
			asked++
		}
	}
	if redundant < 300 {
		t.Errorf("shows too little: %d redundant", redundant)
	}
	t.Logf("%d redundant policies, %d connections", redundant, asked)
}

func pick[T any](rng *rand.Rand, list ...T) T { return list[rng.IntN(len(list))] }

func randomPeer(rng *rand.Rand) Peer {
	if rng.IntN(6) == 0 {
		return Peer{Addrs: []netip.Addr{netip.MustParseAddr(pick(rng, "10.1.2.3", "10.9.9.9", "8.8.8.8"))}}
	}
	ns := pick(rng, "x", "y")
	p := Peer{Namespace: ns, Name: fmt.Sprint(rng.IntN(1000)), Labels: labels.Set{}, NamespaceLabels: labels.Set{corev1.LabelMetadataName: ns}}
	for _, key := range []string{"k", "l"} {
		if rng.IntN(3) > 0 {
			p.Labels[key] = pick(rng, "a", "b", "c")
		}
	}
	p.Ports = []corev1.ContainerPort{{Name: "web", ContainerPort: 80}}
	return p
}

func randomLabels(rng *rand.Rand) *metav1.LabelSelector {
	s := &metav1.LabelSelector{}
	for range rng.IntN(3) {
		r := metav1.LabelSelectorRequirement{Key: pick(rng, "k", "l"), Operator: pick(rng, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)}
		if r.Operator == metav1.LabelSelectorOpIn || r.Operator == metav1.LabelSelectorOpNotIn {
			r.Values = []string{pick(rng, "a", "b", "c"), pick(rng, "a", "b")}
		}
		s.MatchExpressions = append(s.MatchExpressions, r)
	}
	return s
}

func randomPolicy(rng *rand.Rand, n int) *networkingv1.NetworkPolicy {
	p := &networkingv1.NetworkPolicy{}
	p.Namespace, p.Name = "x", fmt.Sprint(n)
	p.Spec.PodSelector = *randomLabels(rng)
	for range rng.IntN(3) {
		var rule networkingv1.NetworkPolicyIngressRule
		for range rng.IntN(3) {
			var peer networkingv1.NetworkPolicyPeer
			switch rng.IntN(4) {
			case 0:
				peer.IPBlock = pick(rng, &networkingv1.IPBlock{CIDR: "10.0.0.0/8", Except: []string{"10.1.0.0/16"}}, &networkingv1.IPBlock{CIDR: "10.1.2.0/24"}, &networkingv1.IPBlock{CIDR: "0.0.0.0/0"}, &networkingv1.IPBlock{CIDR: "10.0.0.0/8", Except: []string{"10.1.2.0/24"}})
			case 1:
				peer.NamespaceSelector = &metav1.LabelSelector{}
			case 2:
				peer.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: pick(rng, "x", "y")}}
				peer.PodSelector = randomLabels(rng)
			default:
				peer.PodSelector = randomLabels(rng)
			}
			rule.From = append(rule.From, peer)
		}
		for range rng.IntN(3) {
			protocol := pick(rng, corev1.ProtocolTCP, corev1.ProtocolUDP)
			port := networkingv1.NetworkPolicyPort{Protocol: &protocol}
			switch rng.IntN(4) {
			case 0:
				name := intstr.FromString("web")
				port.Port = &name
			case 1, 2:
				first, last := intstr.FromInt32(80), int32(80+rng.IntN(2))
				port.Port, port.EndPort = &first, &last
			}
			rule.Ports = append(rule.Ports, port)
		}
		if rng.IntN(2) == 0 {
			p.Spec.Ingress = append(p.Spec.Ingress, rule)
		} else {
			p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: rule.From, Ports: rule.Ports})
		}
	}
	p.Spec.PolicyTypes = pick(rng, nil, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}, []networkingv1.PolicyType{networkingv1.PolicyTypeEgress})
	return p
}
