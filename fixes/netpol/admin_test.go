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

// admins reads documents "Kind name: spec".
func admins(t *testing.T, docs ...string) []*AdminPolicy {
	t.Helper()
	var out []*AdminPolicy
	for _, doc := range docs {
		head, spec, _ := strings.Cut(doc, ": ")
		kind, name, _ := strings.Cut(head, " ")
		content := map[string]any{"kind": kind, "metadata": map[string]any{"name": name}}
		var body map[string]any
		if err := yaml.Unmarshal([]byte(spec), &body); err != nil {
			t.Fatal(err)
		}
		content["spec"] = numbers(body)
		p, ok := ReadAdmin(content)
		if !ok {
			t.Fatalf("not read: %s", doc)
		}
		out = append(out, p)
	}
	return out
}

// numbers makes integers of the floats that YAML gives, as the API's JSON has.
func numbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case float64:
		return int64(v)
	}
	return v
}

// TestAdmin has the cases of the conformance tests of network-policy-api, and
// those that its API's comments tell of.
func TestAdmin(t *testing.T) {
	all := newReachability
	const subjectX = `subject: {namespaces: {matchLabels: {ns: x}}}`
	const denyToX = `{priority: 50, ` + subjectX + `, ingress: [{action: Deny, from: [{namespaces: {}}]}]}`
	const netpolAll = `{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}`
	tests := map[string]struct {
		admin    []string
		policies string
		port     int32
		protocol corev1.Protocol
		want     reachability
	}{
		"deny to a namespace": {
			admin: []string{"AdminNetworkPolicy a: " + denyToX}, want: all().ingress("x/", false)},
		"a NetworkPolicy does not open what is denied": {
			admin: []string{"AdminNetworkPolicy a: " + denyToX}, policies: netpolAll, want: all().ingress("x/", false)},
		"allow is before a NetworkPolicy that denies": {
			admin:    []string{"AdminNetworkPolicy a: {priority: 1, " + subjectX + ", ingress: [{action: Allow, from: [{namespaces: {matchLabels: {ns: 'y'}}}]}]}"},
			policies: `{podSelector: {}, policyTypes: [Ingress]}`,
			want:     all().ingress("x/", false).from("y/", "x/", true)},
		"allow for egress says nothing of ingress": {
			admin:    []string{"AdminNetworkPolicy a: {priority: 1, subject: {namespaces: {}}, egress: [{action: Allow, to: [{namespaces: {}}]}]}"},
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress, Egress]}`,
			want:     all().ingress("x/a", false)},
		"pass leaves it to the NetworkPolicies, past later denials": {
			admin: []string{"AdminNetworkPolicy a: {priority: 1, " + subjectX + ", ingress: [{action: Pass, from: [{namespaces: {matchLabels: {ns: 'y'}}}]}]}",
				"AdminNetworkPolicy b: " + denyToX},
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress]}`,
			want:     all().ingress("x/", false).from("y/", "x/b", true).from("y/", "x/c", true)},
		"the lower number decides": {
			admin: []string{"AdminNetworkPolicy z: " + denyToX,
				"AdminNetworkPolicy a: {priority: 51, " + subjectX + ", ingress: [{action: Allow, from: [{namespaces: {}}]}]}"},
			want: all().ingress("x/", false)},
		"the first rule of a policy decides": {
			admin: []string{"AdminNetworkPolicy a: {priority: 1, " + subjectX + ", ingress: [{action: Allow, from: [{pods: {namespaceSelector: {matchLabels: {ns: 'y'}}, podSelector: {matchLabels: {pod: b}}}}]}, {action: Deny, from: [{namespaces: {}}]}]}"},
			want:  all().ingress("x/", false).from("y/b", "x/", true)},
		"the subject is pods of namespaces": {
			admin: []string{"AdminNetworkPolicy a: {priority: 1, subject: {pods: {namespaceSelector: {matchLabels: {ns: x}}, podSelector: {matchLabels: {pod: a}}}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}"},
			want:  all().ingress("x/a", false)},
		"egress to a network, which pods are in": {
			admin: []string{"AdminNetworkPolicy a: {priority: 1, " + subjectX + ", egress: [{action: Deny, to: [{networks: [10.0.1.0/24, 'fd00::/8']}]}]}"},
			want:  all().from("x/", "y/", false)},
		"a port by number": {
			admin: []string{"AdminNetworkPolicy a: {priority: 1, " + subjectX + ", ingress: [{action: Deny, from: [{namespaces: {}}], ports: [{portNumber: {protocol: TCP, port: 80}}]}]}"},
			want:  all().ingress("x/", false)},
		"another port": {
			admin: []string{"AdminNetworkPolicy a: {priority: 1, " + subjectX + ", ingress: [{action: Deny, from: [{namespaces: {}}], ports: [{portNumber: {protocol: TCP, port: 80}}]}]}"},
			port:  81, want: all()},
		"another protocol": {
			admin:    []string{"AdminNetworkPolicy a: {priority: 1, " + subjectX + ", ingress: [{action: Deny, from: [{namespaces: {}}], ports: [{portNumber: {port: 80}}]}]}"},
			protocol: corev1.ProtocolUDP, want: all()},
		"a range of ports": {
			admin:    []string{"AdminNetworkPolicy a: {priority: 1, " + subjectX + ", ingress: [{action: Deny, from: [{namespaces: {}}], ports: [{portRange: {protocol: SCTP, start: 79, end: 80}}]}]}"},
			protocol: corev1.ProtocolSCTP, want: all().ingress("x/", false)},
		"a port by name": {
			admin: []string{"AdminNetworkPolicy a: {priority: 1, " + subjectX + ", egress: [{action: Deny, to: [{namespaces: {matchLabels: {ns: 'y'}}}], ports: [{namedPort: serve-81-tcp}]}]}"},
			port:  81, want: all().from("x/", "y/", false)},
		"a baseline denies": {
			admin: []string{"BaselineAdminNetworkPolicy default: {" + subjectX + ", ingress: [{action: Deny, from: [{namespaces: {}}]}]}"},
			want:  all().ingress("x/", false)},
		"a NetworkPolicy is before a baseline": {
			admin:    []string{"BaselineAdminNetworkPolicy default: {" + subjectX + ", ingress: [{action: Deny, from: [{namespaces: {}}]}]}"},
			policies: `{podSelector: {matchLabels: {pod: a}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {pod: b}}}]}]}`,
			want:     all().ingress("x/", false).from("x/b", "x/a", true)},
		"a NetworkPolicy of the other direction does not switch a baseline off": {
			admin:    []string{"BaselineAdminNetworkPolicy default: {" + subjectX + ", egress: [{action: Deny, to: [{namespaces: {}}]}]}"},
			policies: `{podSelector: {}, policyTypes: [Ingress], ingress: [{}]}`,
			want:     all().egress("x/", false)},
		"an admin policy that passes leads to the baseline": {
			admin: []string{"AdminNetworkPolicy a: {priority: 1, " + subjectX + ", ingress: [{action: Pass, from: [{namespaces: {}}]}]}",
				"BaselineAdminNetworkPolicy default: {" + subjectX + ", ingress: [{action: Allow, from: [{namespaces: {matchLabels: {ns: z}}}]}, {action: Deny, from: [{namespaces: {}}]}]}"},
			want: all().ingress("x/", false).from("z/", "x/", true)},
		"a ClusterNetworkPolicy of the Admin tier": {
			admin:    []string{"ClusterNetworkPolicy a: {tier: Admin, priority: 1, " + subjectX + ", ingress: [{action: Accept, from: [{namespaces: {matchLabels: {ns: 'y'}}}], protocols: [{tcp: {destinationPort: {number: 80}}}]}, {action: Deny, from: [{namespaces: {}}]}]}"},
			policies: netpolAll, want: all().ingress("x/", false).from("y/", "x/", true)},
		"a ClusterNetworkPolicy: ranges, names, all of a protocol": {
			admin: []string{"ClusterNetworkPolicy a: {tier: Baseline, priority: 1, " + subjectX + `, ingress: [
				{action: Deny, from: [{namespaces: {matchLabels: {ns: x}}}], protocols: [{udp: {}}, {tcp: {destinationPort: {range: {start: 80, end: 81}}}}]},
				{action: Deny, from: [{namespaces: {matchLabels: {ns: 'y'}}}], protocols: [{destinationNamedPort: serve-80-tcp}]},
				{action: Deny, from: [{namespaces: {matchLabels: {ns: z}}}], protocols: [{sctp: {}}]}]}`},
			want: all().from("x/", "x/", false).from("y/", "x/", false)},
		"what is not known fails closed: allow matches nothing": {
			admin:    []string{"AdminNetworkPolicy a: {priority: 1, " + subjectX + ", ingress: [{action: Allow, from: [{moons: {}}]}]}"},
			policies: `{podSelector: {}, policyTypes: [Ingress]}`,
			want:     all().ingress("x/", false)},
		"what is not known fails closed: pass denies": {
			admin: []string{"ClusterNetworkPolicy a: {tier: Admin, priority: 1, " + subjectX + ", ingress: [{action: Pass, from: [{namespaces: {}}], protocols: [{quic: {}}]}]}"},
			want:  all().ingress("x/", false)},
	}
	for title, tt := range tests {
		t.Run(title, func(t *testing.T) {
			check(t, Compile(parse(t, tt.policies), admins(t, tt.admin...)...), nil, tt.port, tt.protocol, tt.want)
		})
	}
}

// TestAdminPeers: nodes, addresses and names outside, pods on the host network.
func TestAdminPeers(t *testing.T) {
	a, agent := pod("x", "a"), pod("x", "agent")
	agent.HostNetwork, agent.NodeLabels = true, labels.Set{"role": "edge"}
	site := Peer{Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.7")}, Host: "www.Example.com"}
	deny := func(peer string) *Policies {
		return Compile(nil, admins(t, "AdminNetworkPolicy a: {priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}], egress: [{action: Deny, to: ["+peer+"]}]}")...)
	}
	unknown := pod("y", "b")
	unknown.Addrs = nil
	for title, tt := range map[string]struct {
		peer string
		from Peer
		to   Peer
		want bool
	}{
		"a node by labels":                        {"{nodes: {matchLabels: {role: edge}}}", a, agent, false},
		"another node":                            {"{nodes: {matchLabels: {role: core}}}", a, agent, true},
		"all nodes, and an address that is none":  {"{nodes: {}}", a, site, true},
		"pods, and one on the host network":       {"{namespaces: {}}", a, agent, true},
		"a subject on the host network":           {"{networks: [0.0.0.0/0]}", agent, site, true},
		"a source outside":                        {"{namespaces: {}}", site, a, true},
		"a name":                                  {"{domainNames: [www.example.com.]}", a, site, false},
		"a wildcard":                              {"{domainNames: ['*.example.com']}", a, site, false},
		"a wildcard is for no bare domain":        {"{domainNames: ['*.www.example.com']}", a, site, true},
		"no partial label":                        {"{domainNames: ['*.ample.com']}", a, site, true},
		"all addresses, of a pod of unknown ones": {"{networks: [0.0.0.0/0]}", a, unknown, false},
		"some addresses, of a pod of unknown":     {"{networks: [10.0.0.0/8]}", a, unknown, true},
	} {
		policies := deny(tt.peer)
		if tt.to.Name == unknown.Name { // only egress is asked
			policies.admin[AdminTier][0].ingress = nil
		}
		if got := policies.Allows(Connection{From: tt.from, To: tt.to, Port: 80}); got != tt.want {
			t.Errorf("%s: allowed %v", title, got)
		}
	}
}

// TestAdminVerdict names the policy that decides.
func TestAdminVerdict(t *testing.T) {
	policies := Compile(parse(t, `{podSelector: {}, policyTypes: [Ingress]}`),
		admins(t, "BaselineAdminNetworkPolicy default: {subject: {namespaces: {}}, egress: [{action: Deny, to: [{namespaces: {matchLabels: {ns: z}}}]}]}")...)
	v := policies.Judge(Connection{From: pod("y", "a"), To: pod("z", "b"), Port: 80})
	if v.Allowed || v.EgressAdmin == nil || v.EgressAdmin.String() != "BaselineAdminNetworkPolicy default" || v.IngressAdmin != nil {
		t.Errorf("%+v", v)
	}
	if v := policies.Judge(Connection{From: pod("y", "a"), To: pod("x", "b"), Port: 80}); v.Allowed || v.EgressAdmin != nil || len(v.Ingress) != 1 {
		t.Errorf("%+v", v)
	}
}

// TestReadAdmin: what is none is not read.
func TestReadAdmin(t *testing.T) {
	for title, content := range map[string]map[string]any{
		"another kind":           {"kind": "NetworkPolicy", "spec": map[string]any{"subject": map[string]any{"namespaces": map[string]any{}}}},
		"no tier":                {"kind": "ClusterNetworkPolicy", "spec": map[string]any{"subject": map[string]any{"namespaces": map[string]any{}}}},
		"another tier":           {"kind": "ClusterNetworkPolicy", "spec": map[string]any{"tier": "Top", "subject": map[string]any{"namespaces": map[string]any{}}}},
		"no subject":             {"kind": "AdminNetworkPolicy", "spec": map[string]any{}},
		"a subject that is none": {"kind": "AdminNetworkPolicy", "spec": map[string]any{"subject": map[string]any{"nodes": map[string]any{}}}},
		"a wrong type":           {"kind": "AdminNetworkPolicy", "spec": "x"},
		"nothing":                {},
	} {
		if p, ok := ReadAdmin(content); ok {
			t.Errorf("%s: %v", title, p)
		}
	}
}

func TestDefaultDeny(t *testing.T) {
	const x, anyPod, anywhere = "subject: {namespaces: {matchLabels: {ns: x}}}", "[{namespaces: {}}]", "[{networks: [0.0.0.0/0]}]"
	baseline := func(body string) string { return "BaselineAdminNetworkPolicy default: {" + body + "}" }
	for title, tt := range map[string]struct {
		admin           []string
		ipv6            bool
		ingress, egress bool
	}{
		"nothing":                       {},
		"from all pods":                 {admin: []string{baseline(x + ", ingress: [{action: Deny, from: " + anyPod + "}]")}, ingress: true},
		"of another namespace":          {admin: []string{baseline("subject: {namespaces: {matchLabels: {ns: 'y'}}}, ingress: [{action: Deny, from: " + anyPod + "}]")}},
		"from some":                     {admin: []string{baseline(x + ", ingress: [{action: Deny, from: [{namespaces: {matchLabels: {ns: 'y'}}}]}]")}},
		"on some ports":                 {admin: []string{baseline(x + ", ingress: [{action: Deny, from: " + anyPod + ", ports: [{portNumber: {port: 80}}]}]")}},
		"of some pods":                  {admin: []string{baseline("subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {pod: a}}}}, ingress: [{action: Deny, from: " + anyPod + "}]")}},
		"of all pods by selector":       {admin: []string{baseline("subject: {pods: {namespaceSelector: {}, podSelector: {}}}, ingress: [{action: Deny, from: [{pods: {namespaceSelector: {}, podSelector: {}}}]}]")}, ingress: true},
		"after some are accepted":       {admin: []string{baseline(x + ", ingress: [{action: Allow, from: [{namespaces: {matchLabels: {ns: 'y'}}}]}, {action: Deny, from: " + anyPod + "}]")}, ingress: true},
		"after all are accepted":        {admin: []string{baseline(x + ", ingress: [{action: Allow, from: " + anyPod + "}, {action: Deny, from: " + anyPod + "}]")}},
		"to all pods is not to all":     {admin: []string{baseline(x + ", egress: [{action: Deny, to: " + anyPod + "}]")}},
		"to all addresses":              {admin: []string{baseline(x + ", egress: [{action: Deny, to: " + anywhere + "}]")}, egress: true},
		"to all addresses but of IPv6":  {admin: []string{baseline(x + ", egress: [{action: Deny, to: " + anywhere + "}]")}, ipv6: true},
		"to all addresses of IPv6 too":  {admin: []string{baseline(x + ", egress: [{action: Deny, to: [{networks: [0.0.0.0/0, '::/0']}]}]")}, ipv6: true, egress: true},
		"the Admin tier denies":         {admin: []string{"ClusterNetworkPolicy a: {tier: Admin, " + x + ", ingress: [{action: Deny, from: " + anyPod + "}]}"}, ingress: true},
		"the Admin tier accepts":        {admin: []string{"ClusterNetworkPolicy a: {tier: Admin, " + x + ", ingress: [{action: Accept, from: " + anyPod + "}]}", baseline(x + ", ingress: [{action: Deny, from: " + anyPod + "}]")}},
		"the Admin tier passes":         {admin: []string{"ClusterNetworkPolicy a: {tier: Admin, " + x + ", ingress: [{action: Pass, from: " + anyPod + "}, {action: Deny, from: " + anyPod + "}]}"}},
		"the Admin tier passes it on":   {admin: []string{"ClusterNetworkPolicy a: {tier: Admin, " + x + ", ingress: [{action: Pass, from: " + anyPod + "}]}", baseline(x + ", ingress: [{action: Deny, from: " + anyPod + "}]")}, ingress: true},
		"what is not known denies too":  {admin: []string{baseline(x + ", ingress: [{action: Deny, from: [{moons: {}}]}]")}, ingress: true},
		"what is not known allows none": {admin: []string{baseline(x + ", ingress: [{action: Allow, from: [{moons: {}}]}]")}},
	} {
		policies := Compile(nil, admins(t, tt.admin...)...)
		set := labels.Set{"ns": "x"}
		if got := policies.DefaultDeny(networkingv1.PolicyTypeIngress, set, tt.ipv6) != nil; got != tt.ingress {
			t.Errorf("%s: ingress denied %v", title, got)
		}
		if got := policies.DefaultDeny(networkingv1.PolicyTypeEgress, set, tt.ipv6) != nil; got != tt.egress {
			t.Errorf("%s: egress denied %v", title, got)
		}
	}
}

// FuzzReadAdmin: whatever somebody's API server holds, reading and asking ends.
func FuzzReadAdmin(f *testing.F) {
	f.Add(`{"kind": "AdminNetworkPolicy", "spec": {"priority": 1, "subject": {"namespaces": {}}, "ingress": [{"action": "Deny", "from": [{"namespaces": {}}]}]}}`)
	f.Add(`{"kind": "ClusterNetworkPolicy", "spec": {"tier": "Admin", "subject": {"pods": {"podSelector": {"matchExpressions": [{"operator": "?"}]}}}, "egress": [{"to": [{"networks": ["x"]}], "protocols": [{}]}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var content map[string]any
		if yaml.Unmarshal([]byte(text), &content) != nil {
			return
		}
		p, ok := ReadAdmin(content)
		if !ok {
			return
		}
		policies := Compile(nil, p)
		for _, from := range everybody() {
			policies.Judge(Connection{From: from, To: pod("x", "a"), Port: 80})
			policies.Judge(Connection{From: pod("x", "a"), To: from, Port: 80})
		}
		policies.DefaultDeny(networkingv1.PolicyTypeEgress, labels.Set{}, true)
	})
}
