package network

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
)

// writesCilium reports whether a plan may hold CiliumNetworkPolicies: their kind
// is served, and not by an edition that takes no notice of host names in them.
func writesCilium(inv *fixes.Inventory) bool {
	return inv.Serves(fixes.KindCiliumNetworkPolicy) && !reducedCilium(inv)
}

// reducedCilium reports whether the agent is that of GKE Dataplane V2 or of Azure,
// where a CiliumNetworkPolicy has no names of hosts, or no effect.
func reducedCilium(inv *fixes.Inventory) bool {
	return slices.ContainsFunc(inv.Workloads(metav1.NamespaceSystem), func(w fixes.Workload) bool {
		for c := range w.Containers() {
			if strings.Contains(c.Image, "cilium") && (strings.HasPrefix(c.Image, "gke.gcr.io/") || strings.HasPrefix(c.Image, "mcr.microsoft.com/")) {
				return true
			}
		}
		return false
	})
}

// byName reports whether a host is let out to by its name.
func (s synthesis) byName(host string) bool {
	_, err := netip.ParseAddr(host)
	return s.cilium && err != nil
}

// linkLocal reports whether a host is an address of the node itself: that of an
// agent there, which Cilium takes for the node.
func linkLocal(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && (addr.IsLinkLocalUnicast() || addr.IsPrivate() && addr.Is6() && strings.HasPrefix(host, "fd00:ec2:"))
}

// ciliumPolicy returns the CiliumNetworkPolicy that says of a workload what a
// NetworkPolicy cannot: hosts by their names, and the Kubernetes API, which Cilium
// does not find by address where its servers run on nodes
// (https://docs.cilium.io/en/stable/security/policy/language/). It is nil where
// there is nothing to say. Names need the rule for DNS: Cilium learns their
// addresses from the answers.
//
// leaveOut takes pods that are isolated already out of the selector; see
// [namespace.leaveOut].
func (s synthesis) ciliumPolicy(w fixes.Workload, in, out bool, leaveOut func(*metav1.LabelSelector, fixes.Workload, bool, bool)) *fixes.Custom {
	if !s.cilium {
		return nil
	}
	own := connections.Of(w)
	var ingress, egress []any
	if in {
		for _, l := range s.graph.To(own) {
			if l.From.Place == connections.APIServer {
				ingress = append(ingress, ciliumRule("fromEntities", []any{"kube-apiserver", "remote-node", "host"}, l.Ports))
			}
		}
	}
	var names []any
	if out {
		for _, l := range s.graph.From(own) {
			switch {
			case l.To.Place == connections.APIServer:
				egress = append(egress, ciliumRule("toEntities", []any{"kube-apiserver"}, s.apiPorts()))
			case l.To.Place == connections.Host && s.byName(l.To.Name):
				names = append(names, ciliumRule("toFQDNs", []any{map[string]any{"matchName": l.To.Name}}, l.Ports))
			case l.To.Place == connections.Host && linkLocal(l.To.Name):
				egress = append(egress, ciliumRule("toEntities", []any{"host"}, l.Ports))
			}
		}
	}
	if len(names) > 0 {
		egress = slices.Concat(egress, []any{s.ciliumDNS()}, names)
	}
	if len(ingress)+len(egress) == 0 {
		return nil
	}
	selector := s.selectors.of(w)
	if leaveOut != nil {
		leaveOut(&selector, w, len(ingress) > 0, len(egress) > 0)
	}
	pods, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&selector)
	if err != nil {
		return nil // cannot be
	}
	spec := map[string]any{"endpointSelector": pods}
	if len(ingress) > 0 {
		spec["ingress"] = ingress
	}
	if len(egress) > 0 {
		spec["egress"] = egress
	}
	p := fixes.NewCustom(fixes.KindCiliumNetworkPolicy, map[string]any{"spec": spec})
	p.SetNamespace(w.Object.GetNamespace())
	p.SetName("allow-" + w.Object.GetName())
	return p
}

// apiPorts are the ports of the API's servers, or the usual ones.
func (s synthesis) apiPorts() []connections.Port {
	var out []connections.Port
	for _, at := range slices.Concat(s.graph.API.Servers, s.graph.API.Service) {
		if p := (connections.Port{Protocol: corev1.ProtocolTCP, Number: int32(at.Port())}); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	if !s.graph.API.Exact() {
		return apiPorts
	}
	return out
}

func ciliumRule(key string, peers []any, ports []connections.Port) map[string]any {
	rule := map[string]any{key: peers}
	var list []any
	for _, p := range ports {
		if p.Number != 0 {
			list = append(list, map[string]any{"port": strconv.Itoa(int(p.Number)), "protocol": string(p.Protocol)})
		}
	}
	if len(list) > 0 {
		rule["toPorts"] = []any{map[string]any{"ports": list}}
	}
	return rule
}

// ciliumDNS lets Cilium see the questions to the cluster's DNS, of whatever name.
func (s synthesis) ciliumDNS() map[string]any {
	var servers, ports []any
	for _, peer := range s.dns.To {
		if peer.NamespaceSelector == nil || peer.PodSelector == nil {
			continue // an address: Cilium looks behind those of Services
		}
		set := map[string]any{"k8s:io.kubernetes.pod.namespace": peer.NamespaceSelector.MatchLabels[corev1.LabelMetadataName]}
		for key, value := range peer.PodSelector.MatchLabels {
			set["k8s:"+key] = value
		}
		servers = append(servers, map[string]any{"matchLabels": set})
	}
	for _, p := range s.dns.Ports {
		if port := (map[string]any{"port": p.Port.String(), "protocol": "ANY"}); !has(ports, any(port)) {
			ports = append(ports, port)
		}
	}
	return map[string]any{
		"toEndpoints": servers,
		"toPorts": []any{map[string]any{
			"ports": ports,
			"rules": map[string]any{"dns": []any{map[string]any{"matchPattern": "*"}}},
		}},
	}
}

// isolateCilium adds the CiliumNetworkPolicies of a namespace's open workloads to
// the draft, and to the list of what was created.
func (n namespace) isolateCilium(d *fixes.Draft, created []fixes.Ref) ([]fixes.Ref, error) {
	s := synthesisOf(d.Inventory)
	for _, w := range n.workloads {
		in, out := n.opens(w)
		p := s.ciliumPolicy(w, in, out, n.leaveOut)
		if p == nil {
			continue
		}
		ref, err := createCilium(d, p)
		if err != nil {
			return created, err
		}
		created = append(created, ref)
	}
	return created, nil
}

func createCilium(d *fixes.Draft, p *fixes.Custom) (fixes.Ref, error) {
	if p == nil {
		return fixes.Ref{}, nil
	}
	p.SetName(d.FreeName(fixes.KindCiliumNetworkPolicy, p.GetNamespace(), p.GetName()))
	return fixes.RefOf(p), d.Create(p)
}

// named are the hosts that CiliumNetworkPolicies let pods of a namespace reach by
// name.
type named struct {
	namespace string
	pods      labels.Selector
	egress    []namedRule
}

type namedRule struct {
	ToFQDNs []struct {
		MatchName string `json:"matchName,omitempty"`
	} `json:"toFQDNs,omitempty"`
	ToPorts []struct {
		Ports []struct {
			Port     string `json:"port"`
			Protocol string `json:"protocol,omitempty"`
		} `json:"ports,omitempty"`
	} `json:"toPorts,omitempty"`
}

func namedHosts(inv *fixes.Inventory) []named {
	var out []named
	for _, c := range fixes.Customs(inv, fixes.KindCiliumNetworkPolicy, "") {
		p, ok := fixes.As[struct {
			Spec struct {
				EndpointSelector metav1.LabelSelector `json:"endpointSelector"`
				Egress           []namedRule          `json:"egress,omitempty"`
			} `json:"spec"`
		}](c)
		if !ok {
			continue
		}
		pods, err := metav1.LabelSelectorAsSelector(&p.Spec.EndpointSelector)
		if err == nil { // Cilium's own prefixes of labels are not read
			out = append(out, named{c.GetNamespace(), pods, p.Spec.Egress})
		}
	}
	return out
}

// allow reports whether pods with such labels reach a host at a port.
func (n named) allow(pod labels.Set, host string, port connections.Port) bool {
	return n.pods.Matches(pod) && slices.ContainsFunc(n.egress, func(r namedRule) bool {
		at := len(r.ToPorts) == 0
		for _, list := range r.ToPorts {
			for _, p := range list.Ports {
				at = at || p.Port == strconv.Itoa(int(port.Number)) && (p.Protocol == string(port.Protocol) || p.Protocol == "" || p.Protocol == "ANY")
			}
		}
		for _, f := range r.ToFQDNs {
			if at && f.MatchName == host {
				return true
			}
		}
		return false
	})
}
