package connections

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// API is what is known of the addresses of the Kubernetes API.
type API struct {
	// Servers are the addresses of its servers, as they publish them in
	// EndpointSlice default/kubernetes; Service are those of Service
	// default/kubernetes. Either may be empty: not known.
	Servers, Service []netip.AddrPort
	// Nodes are the names of the nodes that the servers run on, where they do.
	Nodes []string
	// Sources are the addresses from which the servers connect to pods; empty
	// where that cannot be told.
	Sources []netip.Prefix
}

// Exact reports whether all addresses are known at which pods reach the API.
func (a API) Exact() bool { return len(a.Servers) > 0 && len(a.Service) > 0 }

// apiName is the name of the API's Service and of its EndpointSlice, in
// namespace default. The API server itself writes both (kubernetes/kubernetes,
// pkg/controlplane/controller/kubernetesservice).
const apiName = "kubernetes"

func apiOf(inv *fixes.Inventory) API {
	var a API
	if slice, ok := fixes.Lookup[*discoveryv1.EndpointSlice](inv, metav1.NamespaceDefault, apiName); ok && slice.AddressType != discoveryv1.AddressTypeFQDN {
		for _, endpoint := range slice.Endpoints {
			for _, port := range slice.Ports {
				if port.Port != nil {
					a.Servers = appendAddresses(a.Servers, endpoint.Addresses, *port.Port)
				}
			}
		}
	}
	if svc, ok := fixes.Lookup[*corev1.Service](inv, metav1.NamespaceDefault, apiName); ok {
		for _, port := range svc.Spec.Ports {
			a.Service = appendAddresses(a.Service, append([]string{svc.Spec.ClusterIP}, svc.Spec.ClusterIPs...), port.Port)
		}
	}
	for _, server := range a.Servers {
		node := nodeAt(inv, server.Addr())
		if node == nil {
			a.Nodes, a.Sources = nil, nil
			break
		}
		if !slices.Contains(a.Nodes, node.Name) {
			a.Nodes = append(a.Nodes, node.Name)
			a.Sources = append(a.Sources, hostAddresses(node)...)
		}
	}
	if slices.ContainsFunc(inv.Workloads(""), func(w fixes.Workload) bool { return w.Spec.HostNetwork && runs(w, tunnelImages...) }) {
		a.Sources = nil // of whatever node the tunnel's agent is chosen on
	}
	return a
}

// tunnelImages are the last parts of images of the agents of the API's tunnel into
// a cluster (Konnectivity, KEP-1281).
var tunnelImages = []string{"konnectivity-agent", "proxy-agent", "apiserver-network-proxy-agent"}

func appendAddresses(list []netip.AddrPort, addresses []string, port int32) []netip.AddrPort {
	for _, text := range addresses {
		addr, err := netip.ParseAddr(text)
		at := netip.AddrPortFrom(addr, uint16(port)) //nolint:gosec // a port of the API
		if err == nil && !addr.IsLoopback() && !slices.Contains(list, at) {
			list = append(list, at)
		}
	}
	return list
}

func nodeAt(inv *fixes.Inventory, addr netip.Addr) *corev1.Node {
	for _, node := range fixes.Objects[*corev1.Node](inv, "") {
		if slices.ContainsFunc(node.Status.Addresses, func(a corev1.NodeAddress) bool { return a.Address == addr.String() }) {
			return node
		}
	}
	return nil
}

// tunnelAnnotations hold the addresses that Calico gives a node in the network of
// pods (calico, libcalico-go/lib/backend/k8s/resources/node.go).
var tunnelAnnotations = []string{"projectcalico.org/IPv4IPIPTunnelAddr", "projectcalico.org/IPv4VXLANTunnelAddr", "projectcalico.org/IPv6VXLANTunnelAddr",
	"projectcalico.org/IPv4WireguardInterfaceAddr", "projectcalico.org/IPv6WireguardInterfaceAddr"}

// hostAddresses returns the addresses with which a node's own processes reach
// pods: its own, and where the pods' network is a tunnel, the one that it has in
// there. That is one of the first of the node's range: flannel takes the first,
// Antrea and bridges the second, OVN-Kubernetes the third.
func hostAddresses(node *corev1.Node) []netip.Prefix {
	var out []netip.Prefix
	add := func(text string) {
		if addr, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(addr, addr.BitLen()))
		}
	}
	for _, a := range node.Status.Addresses {
		add(a.Address) // a name is no address
	}
	for _, key := range tunnelAnnotations {
		add(node.Annotations[key])
	}
	for _, text := range append([]string{node.Spec.PodCIDR}, node.Spec.PodCIDRs...) {
		if cidr, err := netip.ParsePrefix(text); err == nil && cidr.Bits() <= cidr.Addr().BitLen()-2 {
			first := netip.PrefixFrom(cidr.Addr(), cidr.Addr().BitLen()-2).Masked()
			if !slices.Contains(out, first) {
				out = append(out, first)
			}
		}
	}
	return out
}

// from says from where the API's servers connect, and why that is believed.
func (a API) from() Reason {
	nodes := strings.Join(a.Nodes, ", ")
	switch {
	case len(a.Sources) > 0:
		return Reason{apiSlice, "endpoints", "its servers run on " + nodes + ": from the addresses of these nodes"}
	case len(a.Servers) > 0:
		return Reason{apiSlice, "endpoints", "its servers may come through a tunnel, or change their addresses: from anyone at this port"}
	}
	return Reason{apiSlice, "endpoints", "the addresses of its servers are not known: from anyone at this port"}
}

var (
	apiSlice   = fixes.Ref{Kind: fixes.KindEndpointSlice, Namespace: metav1.NamespaceDefault, Name: apiName}
	apiService = fixes.Ref{Kind: fixes.KindService, Namespace: metav1.NamespaceDefault, Name: apiName}
)

// to says where pods reach the API.
func (a API) to() Reason {
	if !a.Exact() {
		return Reason{apiService, "spec.clusterIPs", "its addresses are not known: anywhere, at its usual ports"}
	}
	return Reason{apiSlice, "endpoints", "at the addresses of its servers and of Service kubernetes"}
}

// called adds what the API server connects to: admission webhooks and the
// servers of API services. The API's tunnel into the cluster, where its agents
// run as pods, comes from those.
func (g *Graph) called(inv *fixes.Inventory, names *names) {
	call := func(namespace, name string, port *int32, why Reason) {
		s, ok := names.service(namespace, name)
		if !ok {
			return
		}
		at := int32(443)
		if port != nil {
			at = *port
		}
		for _, d := range names.destinations(s, at) {
			for _, l := range g.fromAPI(d, Proven, why) {
				g.add(l)
			}
		}
	}
	admission := func(obj fixes.Object, i int, c admissionregistrationv1.WebhookClientConfig) {
		if s := c.Service; s != nil {
			call(s.Namespace, s.Name, s.Port, Reason{fixes.RefOf(obj), fmt.Sprintf("webhooks[%d].clientConfig.service", i), "the API server calls this webhook"})
		}
	}
	for _, obj := range fixes.Objects[*admissionregistrationv1.ValidatingWebhookConfiguration](inv, "") {
		for i, w := range obj.Webhooks {
			admission(obj, i, w.ClientConfig)
		}
	}
	for _, obj := range fixes.Objects[*admissionregistrationv1.MutatingWebhookConfiguration](inv, "") {
		for i, w := range obj.Webhooks {
			admission(obj, i, w.ClientConfig)
		}
	}
	for _, c := range fixes.Customs(inv, fixes.KindAPIService, "") {
		if a, ok := fixes.As[apiServiceObject](c); ok && a.Spec.Service != nil {
			s := a.Spec.Service
			call(s.Namespace, s.Name, s.Port, Reason{fixes.RefOf(c), "spec.service", "the API server passes requests on to it"})
		}
	}
}

// apiServiceObject is an APIService (apiregistration.k8s.io/v1).
type apiServiceObject struct {
	Spec struct {
		Service *struct {
			Namespace string `json:"namespace"`
			Name      string `json:"name"`
			Port      *int32 `json:"port,omitempty"`
		} `json:"service,omitempty"`
	} `json:"spec"`
}

// fromAPI returns the links by which the API server reaches a destination.
func (g *Graph) fromAPI(d destination, sure Certainty, why Reason) []Link {
	out := []Link{{From: End{Place: APIServer}, To: d.to, Ports: d.ports, Sure: sure, Why: []Reason{why, g.API.from()}}}
	for _, w := range g.running(tunnelImages...) {
		out = append(out, Link{From: Of(w), To: d.to, Ports: d.ports, Sure: sure, Why: []Reason{why, {w.Ref(), "", "the API server's connections come through it"}}})
	}
	return out
}

// webhooks guesses which Services are webhooks that no object tells of: those
// that convert the objects of custom kinds, by the names that they usually have.
// The definitions of all kinds, which would tell, are megabytes to read.
func (g *Graph) webhooks(names *names) []Link {
	var out []Link
	for _, w := range g.Workloads {
		services := names.services[w.Object.GetNamespace()]
		for _, name := range names.order[w.Object.GetNamespace()] {
			for _, p := range services[name].Spec.Ports {
				if p.Port != 443 || !strings.Contains(name+" "+p.Name+" "+p.TargetPort.StrVal, "webhook") {
					continue
				}
				if open := g.unreached(w, names.destinations(services[name], p.Port)); len(open) > 0 {
					why := Reason{fixes.RefOf(services[name].Service), "spec.ports", "its name tells of a webhook, and nothing of who calls it"}
					out = append(out, g.fromAPI(destination{Of(w), open}, Guessed, why)...)
				}
			}
		}
	}
	return out
}
