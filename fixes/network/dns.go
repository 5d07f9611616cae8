package network

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// dnsService is the name of the Service of the cluster's DNS.
const dnsService = "kube-dns"

// dnsPort reports whether a port of that Service is one for queries, by its name.
func dnsPort(name string) bool { return strings.HasPrefix(name, "dns") }

// endpoints adds the addresses at which the cluster's DNS answers where no
// selector of pods reaches them, and the ports of all: DNS that runs on nodes, as
// a process or a pod on the host network, or outside of the cluster. The
// EndpointSlices of its Service tell of it.
func (r *dnsTargets) endpoints(inv *fixes.Inventory) {
	onHost := map[string]bool{}
	for _, pod := range fixes.Objects[*corev1.Pod](inv, metav1.NamespaceSystem) {
		onHost[pod.Name] = pod.Spec.HostNetwork
	}
	for _, slice := range fixes.Objects[*discoveryv1.EndpointSlice](inv, metav1.NamespaceSystem) {
		if slice.Labels[discoveryv1.LabelServiceName] != dnsService {
			continue
		}
		for _, p := range slice.Ports {
			if p.Port != nil && p.Name != nil && dnsPort(*p.Name) && !has(r.ports, intstr.FromInt32(*p.Port)) {
				r.ports = append(r.ports, intstr.FromInt32(*p.Port))
			}
		}
		for _, e := range slice.Endpoints {
			if e.TargetRef != nil && e.TargetRef.Kind == fixes.KindPod.Name && !onHost[e.TargetRef.Name] {
				continue
			}
			for _, ip := range e.Addresses {
				r.address(ip)
			}
		}
	}
}
