package connections

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// service is a Service and the workloads that it leads to.
type service struct {
	*corev1.Service
	to []fixes.Workload
}

// headless reports whether the Service's name leads to the pods themselves, at
// whatever port.
func (s service) headless() bool { return s.Spec.ClusterIP == corev1.ClusterIPNone }

// forSiblings returns the Service without its ports for who collects metrics, by
// their names; as it is, if none would be left.
func (s service) forSiblings() service {
	ports := slices.DeleteFunc(slices.Clone(s.Spec.Ports), func(p corev1.ServicePort) bool { return namesMetrics(p.Name) })
	if len(ports) == 0 || len(ports) == len(s.Spec.Ports) {
		return s
	}
	svc := *s.Service
	svc.Spec.Ports = ports
	s.Service = &svc
	return s
}

// names finds what the names and addresses of a cluster lead to.
type names struct {
	services  map[string]map[string]service // by namespace and name
	order     map[string][]string           // the names of a namespace's
	addresses map[netip.Addr]service
	serving   map[End][]service // those of its namespace that select a workload
	// leading has the names of a namespace's Services that lead to a workload,
	// wherever it is, at ports for its siblings; in order.
	leading map[string]map[End][]string
}

func newNames(inv *fixes.Inventory, nodes nodes) *names {
	n := &names{services: map[string]map[string]service{}, addresses: map[netip.Addr]service{}, order: map[string][]string{},
		serving: map[End][]service{}, leading: map[string]map[End][]string{}}
	for _, svc := range fixes.Objects[*corev1.Service](inv, "") {
		s := service{Service: svc}
		if len(svc.Spec.Selector) > 0 {
			selector := labels.SelectorFromSet(svc.Spec.Selector)
			for _, w := range nodes.in[svc.Namespace] {
				if selector.Matches(labels.Set(w.Meta.Labels)) {
					s.to = append(s.to, w)
				}
			}
			for _, w := range s.to {
				n.serving[Of(w)] = append(n.serving[Of(w)], s)
			}
		}
		if n.services[svc.Namespace] == nil {
			n.services[svc.Namespace] = map[string]service{}
		}
		if _, twice := n.services[svc.Namespace][svc.Name]; !twice { // in another manifest
			n.order[svc.Namespace] = append(n.order[svc.Namespace], svc.Name)
		}
		n.services[svc.Namespace][svc.Name] = s
		for _, ip := range slices.Concat(svc.Spec.ClusterIPs, svc.Spec.ExternalIPs, []string{svc.Spec.ClusterIP}) {
			if addr, err := netip.ParseAddr(ip); err == nil {
				n.addresses[addr] = s
			}
		}
	}
	n.lead()
	return n
}

// lead fills in what leads to whom.
func (n *names) lead() {
	for ns, services := range n.services {
		n.leading[ns] = map[End][]string{}
		for _, name := range n.order[ns] {
			for _, d := range n.destinations(services[name].forSiblings(), 0) {
				if d.to.IsWorkload() {
					n.leading[ns][d.to] = append(n.leading[ns][d.to], name)
				}
			}
		}
	}
}

// service returns a Service by its name.
func (n *names) service(namespace, name string) (service, bool) {
	s, ok := n.services[namespace][name]
	return s, ok
}

// serviceAt returns a Service by the full name that something calls it by. Where
// nothing is in that namespace, it may be the one that manifests leave open.
func (n *names) serviceAt(namespace, name string) (service, bool) {
	if _, there := n.services[namespace]; !there {
		namespace = fixes.Unnamed
	}
	return n.service(namespace, name)
}

// find returns the Service that a host name means to a pod of a namespace: db,
// db.shop, db.shop.svc, and with a pod's name before or the cluster's domain
// after it (DNS for Services and Pods).
func (n *names) find(from, host string) (service, bool) {
	if addr, err := netip.ParseAddr(host); err == nil {
		s, ok := n.addresses[addr.Unmap()]
		return s, ok
	}
	parts := strings.Split(host, ".")
	if i := slices.Index(parts, "svc"); i >= 2 {
		return n.serviceAt(parts[i-1], parts[i-2])
	}
	switch len(parts) {
	case 1:
		return n.service(from, parts[0])
	case 2:
		if s, ok := n.serviceAt(parts[1], parts[0]); ok {
			return s, true
		}
		// A pod of a StatefulSet, by its short name: db-0.db.
		if s, ok := n.service(from, parts[1]); ok && s.headless() {
			return s, true
		}
	case 3:
		return n.serviceAt(parts[2], parts[1])
	}
	return service{}, false
}

// clusterName reports whether a host name can only be one of the cluster.
func clusterName(host string) bool {
	parts := strings.Split(host, ".")
	return slices.Index(parts, "svc") >= 2 || len(parts) == 1 || strings.HasSuffix(host, ".cluster.local")
}

// maxAliases bounds how far Services of type ExternalName are followed.
const maxAliases = 8

// destination is what a name leads to: a workload and its ports, or a host
// outside.
type destination struct {
	to    End
	ports []Port
}

// destinations returns what a Service leads to at a port of its own, or, where
// port is 0, at all of them.
func (n *names) destinations(s service, port int32) []destination {
	for range maxAliases {
		if s.Spec.Type != corev1.ServiceTypeExternalName {
			break
		}
		host := strings.ToLower(strings.TrimSuffix(s.Spec.ExternalName, "."))
		next, ok := n.find(s.Namespace, host)
		if !ok {
			d := destination{to: End{Place: Host, Name: host}}
			if port != 0 {
				d.ports = []Port{{corev1.ProtocolTCP, port}}
			}
			return []destination{d}
		}
		s = next
	}
	var out []destination
	for _, w := range s.to {
		d := destination{to: Of(w)}
		for _, p := range s.Spec.Ports {
			if port == 0 || p.Port == port {
				d.ports = append(d.ports, podPorts(w, p)...)
			}
		}
		// The name of a headless Service leads to the pods, at any of their ports.
		if s.headless() && port != 0 && len(d.ports) == 0 {
			d.ports = []Port{{corev1.ProtocolTCP, port}}
		}
		if s.headless() && port == 0 && len(d.ports) == 0 {
			d.ports = declared(w)
		}
		if len(d.ports) > 0 {
			out = append(out, d)
		}
	}
	return out
}

// podPorts returns the ports of a workload's pods that a Service's port leads
// to. A name that no container declares leads nowhere.
func podPorts(w fixes.Workload, p corev1.ServicePort) []Port {
	protocol := cmp.Or(p.Protocol, corev1.ProtocolTCP)
	switch {
	case p.TargetPort.Type == intstr.Int && p.TargetPort.IntVal != 0:
		return []Port{{protocol, p.TargetPort.IntVal}}
	case p.TargetPort.Type == intstr.Int, p.TargetPort.StrVal == "":
		return []Port{{protocol, p.Port}}
	}
	var out []Port
	for c := range w.Containers() {
		for _, d := range c.Ports {
			if d.Name == p.TargetPort.StrVal && cmp.Or(d.Protocol, corev1.ProtocolTCP) == protocol {
				out = append(out, Port{protocol, d.ContainerPort})
			}
		}
	}
	return out
}

// declared returns the ports that a workload's containers declare.
func declared(w fixes.Workload) []Port {
	var out []Port
	for c := range w.Containers() {
		for _, d := range c.Ports {
			out = append(out, Port{cmp.Or(d.Protocol, corev1.ProtocolTCP), d.ContainerPort})
		}
	}
	return out
}
