package network

import (
	"slices"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// TestDNSOnNodes has DNS that no selector of pods reaches.
func TestDNSOnNodes(t *testing.T) {
	rule := dnsRule(fixestest.Load(t, `
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec: {clusterIP: 10.96.0.10, ports: [{name: dns, port: 53, protocol: UDP}]}
---
apiVersion: v1
kind: Pod
metadata: {name: on-host, namespace: kube-system}
spec: {hostNetwork: true, containers: [{name: c, image: "coredns:1"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: usual, namespace: kube-system}
spec: {containers: [{name: c, image: "coredns:1"}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kube-dns-x, namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}
addressType: IPv4
ports: [{name: dns, port: 9053, protocol: UDP}, {name: metrics, port: 9153, protocol: TCP}]
endpoints:
- {addresses: [10.77.0.1]}
- {addresses: [10.77.0.2], targetRef: {kind: Pod, name: on-host, namespace: kube-system}}
- {addresses: [10.88.0.3], targetRef: {kind: Pod, name: usual, namespace: kube-system}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: other, namespace: kube-system, labels: {kubernetes.io/service-name: other}}
addressType: IPv4
endpoints: [{addresses: [10.77.0.9]}]
`))
	var blocks, ports []string
	for _, p := range rule.To {
		if p.IPBlock != nil {
			blocks = append(blocks, p.IPBlock.CIDR)
		}
	}
	for _, p := range rule.Ports {
		ports = append(ports, p.Port.String()+"/"+string(*p.Protocol))
	}
	if want := []string{"169.254.20.10/32", "10.96.0.10/32", "10.77.0.1/32", "10.77.0.2/32"}; !slices.Equal(blocks, want) {
		t.Errorf("blocks %q, want %q", blocks, want)
	}
	if want := []string{"53/UDP", "53/TCP", "9053/UDP", "9053/TCP"}; !slices.Equal(ports, want) {
		t.Errorf("ports %q, want %q", ports, want)
	}
}
