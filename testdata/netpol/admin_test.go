package netpol

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	npav1alpha1 "sigs.k8s.io/network-policy-api/apis/v1alpha1"

	"github.com/kubectl-harden/kubectl-harden/fixes/netpol"
)

// administration is the policies of a cluster's administrators. What the other
// evaluator takes otherwise than the API says is left out: it looks named ports
// up in whoever connects, and nodes in pods. The tables beside our evaluator
// have these.
type administration struct {
	admin    []*npav1alpha1.AdminNetworkPolicy
	baseline []*npav1alpha1.BaselineAdminNetworkPolicy
}

func randomAdministration(rng *rand.Rand) administration {
	var a administration
	if chance(rng, 40) {
		return a
	}
	for n := range some(rng, 3) {
		p := &npav1alpha1.AdminNetworkPolicy{}
		p.Name = fmt.Sprintf("admin%d", n)
		p.Spec.Priority = int32(some(rng, 5))
		p.Spec.Subject = subject(rng)
		for range some(rng, 2) {
			p.Spec.Ingress = append(p.Spec.Ingress, npav1alpha1.AdminNetworkPolicyIngressRule{Action: action(rng), From: from(rng), Ports: adminPorts(rng)})
		}
		for range some(rng, 2) {
			p.Spec.Egress = append(p.Spec.Egress, npav1alpha1.AdminNetworkPolicyEgressRule{Action: action(rng), To: to(rng), Ports: adminPorts(rng)})
		}
		a.admin = append(a.admin, p)
	}
	if chance(rng, 60) {
		p := &npav1alpha1.BaselineAdminNetworkPolicy{}
		p.Name = "default"
		p.Spec.Subject = subject(rng)
		decide := func() npav1alpha1.BaselineAdminNetworkPolicyRuleAction {
			return pick(rng, npav1alpha1.BaselineAdminNetworkPolicyRuleActionAllow, npav1alpha1.BaselineAdminNetworkPolicyRuleActionDeny)
		}
		for range some(rng, 2) {
			p.Spec.Ingress = append(p.Spec.Ingress, npav1alpha1.BaselineAdminNetworkPolicyIngressRule{Action: decide(), From: from(rng), Ports: adminPorts(rng)})
		}
		for range some(rng, 2) {
			var peers []npav1alpha1.BaselineAdminNetworkPolicyEgressPeer
			for _, p := range to(rng) {
				peers = append(peers, npav1alpha1.BaselineAdminNetworkPolicyEgressPeer{Namespaces: p.Namespaces, Pods: p.Pods, Networks: p.Networks})
			}
			p.Spec.Egress = append(p.Spec.Egress, npav1alpha1.BaselineAdminNetworkPolicyEgressRule{Action: decide(), To: peers, Ports: adminPorts(rng)})
		}
		a.baseline = append(a.baseline, p)
	}
	return a
}

func action(rng *rand.Rand) npav1alpha1.AdminNetworkPolicyRuleAction {
	return pick(rng, npav1alpha1.AdminNetworkPolicyRuleActionAllow, npav1alpha1.AdminNetworkPolicyRuleActionDeny, npav1alpha1.AdminNetworkPolicyRuleActionPass)
}

func subject(rng *rand.Rand) npav1alpha1.AdminNetworkPolicySubject {
	if chance(rng, 50) {
		return npav1alpha1.AdminNetworkPolicySubject{Namespaces: selector(rng)}
	}
	return npav1alpha1.AdminNetworkPolicySubject{Pods: namespacedPod(rng)}
}

func namespacedPod(rng *rand.Rand) *npav1alpha1.NamespacedPod {
	return &npav1alpha1.NamespacedPod{NamespaceSelector: *selector(rng), PodSelector: *selector(rng)}
}

func from(rng *rand.Rand) []npav1alpha1.AdminNetworkPolicyIngressPeer {
	var out []npav1alpha1.AdminNetworkPolicyIngressPeer
	for range 1 + some(rng, 1) {
		p := npav1alpha1.AdminNetworkPolicyIngressPeer{Namespaces: selector(rng)}
		if chance(rng, 50) {
			p = npav1alpha1.AdminNetworkPolicyIngressPeer{Pods: namespacedPod(rng)}
		}
		out = append(out, p)
	}
	return out
}

func to(rng *rand.Rand) []npav1alpha1.AdminNetworkPolicyEgressPeer {
	var out []npav1alpha1.AdminNetworkPolicyEgressPeer
	for range 1 + some(rng, 1) {
		var p npav1alpha1.AdminNetworkPolicyEgressPeer
		switch rng.IntN(3) {
		case 0:
			p.Namespaces = selector(rng)
		case 1:
			p.Pods = namespacedPod(rng)
		default:
			p.Networks = []npav1alpha1.CIDR{pick[npav1alpha1.CIDR](rng, "0.0.0.0/0", "10.0.1.0/24", "8.8.0.0/16"), pick[npav1alpha1.CIDR](rng, "::/0", "fd00::/64")}
		}
		out = append(out, p)
	}
	return out
}

func adminPorts(rng *rand.Rand) *[]npav1alpha1.AdminNetworkPolicyPort {
	if chance(rng, 50) {
		return nil
	}
	var out []npav1alpha1.AdminNetworkPolicyPort
	for range 1 + some(rng, 1) {
		if chance(rng, 50) {
			out = append(out, npav1alpha1.AdminNetworkPolicyPort{PortNumber: &npav1alpha1.Port{Protocol: pick(rng, protocols...), Port: pick[int32](rng, 80, 81, 53)}})
			continue
		}
		out = append(out, npav1alpha1.AdminNetworkPolicyPort{PortRange: &npav1alpha1.PortRange{Protocol: pick(rng, protocols...), Start: pick[int32](rng, 50, 80), End: pick[int32](rng, 81, 90)}})
	}
	return &out
}

// ours returns the policies as our evaluator reads them from an API server, or
// as the ClusterNetworkPolicies that mean the same.
func (a administration) ours(t *testing.T, successors bool) []*netpol.AdminPolicy {
	t.Helper()
	var out []*netpol.AdminPolicy
	read := func(kind string, obj any) {
		content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
		if err != nil {
			t.Fatal(err)
		}
		content["kind"] = kind
		if successors {
			succeed(content)
		}
		p, ok := netpol.ReadAdmin(content)
		if !ok {
			t.Fatalf("not read: %v", content)
		}
		out = append(out, p)
	}
	for _, p := range a.admin {
		read("AdminNetworkPolicy", p)
	}
	for _, p := range a.baseline {
		read("BaselineAdminNetworkPolicy", p)
	}
	return out
}

// succeed makes a ClusterNetworkPolicy of the JSON of its predecessors.
func succeed(content map[string]any) {
	spec := content["spec"].(map[string]any)
	spec["tier"] = "Admin"
	if content["kind"] == "BaselineAdminNetworkPolicy" {
		spec["tier"] = "Baseline"
	}
	content["kind"] = "ClusterNetworkPolicy"
	for _, direction := range []string{"ingress", "egress"} {
		rules, _ := spec[direction].([]any)
		for _, r := range rules {
			rule := r.(map[string]any)
			if rule["action"] == "Allow" {
				rule["action"] = "Accept"
			}
			ports, _ := rule["ports"].([]any)
			delete(rule, "ports")
			var list []any
			for _, p := range ports {
				port := p.(map[string]any)
				destination, number := map[string]any{}, port["portNumber"]
				if number == nil {
					number = port["portRange"]
					destination["range"] = map[string]any{"start": number.(map[string]any)["start"], "end": number.(map[string]any)["end"]}
				} else {
					destination["number"] = number.(map[string]any)["port"]
				}
				name := map[string]string{string(corev1.ProtocolTCP): "tcp", string(corev1.ProtocolUDP): "udp", string(corev1.ProtocolSCTP): "sctp"}[number.(map[string]any)["protocol"].(string)]
				list = append(list, map[string]any{name: map[string]any{"destinationPort": destination}})
			}
			if list != nil {
				rule["protocols"] = list
			}
		}
	}
}

func (a administration) String() string {
	text := ""
	for _, p := range a.admin {
		spec, _ := json.Marshal(p.Spec)
		text += fmt.Sprintf("admin policy %s %s\n", p.Name, spec)
	}
	for _, p := range a.baseline {
		spec, _ := json.Marshal(p.Spec)
		text += fmt.Sprintf("baseline %s\n", spec)
	}
	return text
}
