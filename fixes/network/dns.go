package network

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// dnsEndpoints returns the addresses at which the cluster's DNS answers where
// no selector of pods reaches them, and the ports of all: DNS that runs on nodes,
// as a process or a pod on the host network, or outside of the cluster. The
// EndpointSlices of its Service tell of it.
func dnsEndpoints(inv *fixes.Inventory) (peers []networkingv1.NetworkPolicyPeer, ports []intstr.IntOrString) {
	onHost := map[string]bool{}
	for _, pod := range fixes.Objects[*corev1.Pod](inv, metav1.NamespaceSystem) {
		onHost[pod.Name] = pod.Spec.HostNetwork
	}
	for _, slice := range fixes.Objects[*discoveryv1.EndpointSlice](inv, metav1.NamespaceSystem) {
		if slice.Labels[discoveryv1.LabelServiceName] != dnsService {
			continue
		}
		for _, p := range slice.Ports {
			if p.Port != nil && p.Name != nil && dnsPort(*p.Name) {
				ports = append(ports, intstr.FromInt32(*p.Port))
			}
		}
		for _, e := range slice.Endpoints {
			if e.TargetRef != nil && e.TargetRef.Kind == fixes.KindPod.Name && !onHost[e.TargetRef.Name] {
				continue
			}
			for _, ip := range e.Addresses {
				if addr, err := netip.ParseAddr(ip); err == nil {
					block := &networkingv1.IPBlock{CIDR: netip.PrefixFrom(addr, addr.BitLen()).String()}
					peers = append(peers, networkingv1.NetworkPolicyPeer{IPBlock: block})
				}
			}
		}
	}
	return peers, ports
}
