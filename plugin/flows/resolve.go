package flows

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// place is what an end of a record is in the inventory, or why it is nothing.
type place struct {
	end fixes.FlowEnd
	// pod is the pod's namespace and name, node the address of its node or, of a
	// Block, that it is one; where they are known.
	pod  string
	node netip.Addr
	why  missed
}

// isPublic reports whether the place is an address out of the cluster that no
// private network has.
func (p place) isPublic() bool {
	return p.end.Block.IsValid() && !p.node.IsValid() && isPublic(p.end.Block.Addr())
}

var shared = netip.MustParsePrefix("100.64.0.0/10") // RFC 6598

func isPublic(a netip.Addr) bool { return !a.IsPrivate() && !shared.Contains(a) }

// The addresses at which clouds tell a node's credentials.
var metadataAddrs = []netip.Addr{netip.MustParseAddr("169.254.169.254"), netip.MustParseAddr("fd00:ec2::254")}

// resolver finds what names and addresses mean in an inventory.
type resolver struct {
	inv       *fixes.Inventory
	workloads map[string]map[string][]fixes.Workload // by namespace and name
	ours      map[fixes.Ref]fixes.Workload           // whom policies reach
	pods      map[string]pod                         // by namespace/name
	podByAddr map[netip.Addr]pod
	services  map[netip.Addr]*corev1.Service
	nodes     map[netip.Addr]bool
	// ranges hold the pods' addresses: one of them that no pod has was that of one
	// which is gone.
	ranges map[netip.Prefix]bool
}

type pod struct {
	name string
	node netip.Addr
	of   fixes.Ref
	host bool
}

func newResolver(inv *fixes.Inventory) *resolver {
	r := &resolver{
		inv: inv, workloads: map[string]map[string][]fixes.Workload{}, ours: map[fixes.Ref]fixes.Workload{},
		pods: map[string]pod{}, podByAddr: map[netip.Addr]pod{}, services: map[netip.Addr]*corev1.Service{},
		nodes: map[netip.Addr]bool{}, ranges: map[netip.Prefix]bool{},
	}
	for _, w := range inv.Workloads("") {
		ns, name := w.Object.GetNamespace(), w.Object.GetName()
		if r.workloads[ns] == nil {
			r.workloads[ns] = map[string][]fixes.Workload{}
		}
		r.workloads[ns][name] = append(r.workloads[ns][name], w)
		if !w.Finished() && !w.Spec.HostNetwork {
			r.ours[w.Ref()] = w
		}
	}
	for _, p := range fixes.Objects[*corev1.Pod](inv, "") {
		r.addPod(p)
	}
	for _, svc := range fixes.Objects[*corev1.Service](inv, "") {
		for _, ip := range append(slices.Concat(svc.Spec.ClusterIPs, svc.Spec.ExternalIPs), svc.Spec.ClusterIP) {
			if addr := addressOf(ip); addr.IsValid() {
				r.services[addr] = svc
			}
		}
		for _, in := range svc.Status.LoadBalancer.Ingress {
			if addr := addressOf(in.IP); addr.IsValid() {
				r.services[addr] = svc
			}
		}
	}
	return r
}

func (r *resolver) addPod(p *corev1.Pod) {
	top, _ := r.inv.Top(p)
	is := pod{name: p.Namespace + "/" + p.Name, node: addressOf(p.Status.HostIP), of: fixes.RefOf(top), host: p.Spec.HostNetwork}
	r.pods[is.name] = is
	if is.node.IsValid() {
		r.nodes[is.node] = true
	}
	if is.host || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return
	}
	ips := []string{p.Status.PodIP}
	for _, ip := range p.Status.PodIPs {
		ips = append(ips, ip.IP)
	}
	for _, ip := range ips {
		addr := addressOf(ip)
		if !addr.IsValid() {
			continue
		}
		r.podByAddr[addr] = is
		r.ranges[rangeOf(addr)] = true
	}
}

// rangeOf is the smallest block that networks commonly give to the pods of a
// node.
func rangeOf(addr netip.Addr) netip.Prefix {
	bits := 24
	if addr.Is6() {
		bits = 120
	}
	block, _ := addr.Prefix(bits)
	return block
}

// isOurs reports whether an end is a workload or a Service of the inventory.
func (r *resolver) isOurs(e fixes.FlowEnd) bool { return e.Object.Kind != fixes.Kind{} }

func (r *resolver) resolve(p Peer) place {
	switch {
	case p.Place == OwnNode || p.Place == Observer:
		return place{why: silently}
	case p.Place == API:
		return place{end: fixes.FlowEnd{API: true}}
	case p.Place == Outside && p.Host != "":
		return place{end: fixes.FlowEnd{Host: p.Host}}
	case p.Place == Outside && !p.Addr.IsValid():
		return place{end: fixes.FlowEnd{Outside: true}}
	case p.Service != "":
		return r.service(p.Namespace, p.Service)
	case p.Pod != "" || p.Owner != "" || p.Prefix != "":
		return r.podsOf(p)
	case p.Name != "":
		return r.name(p)
	case p.Block.IsValid() && p.Block.Bits() == 0:
		return place{end: fixes.FlowEnd{Outside: true}}
	case p.Block.IsValid():
		return place{end: fixes.FlowEnd{Block: p.Block}}
	case p.Addr.IsValid():
		return r.address(p.Addr, p.Place == Outside)
	}
	return place{why: unknownAddr}
}

// address returns what has an address. One out of the cluster is taken as it is
// where the observer says so, or where it cannot be that of a pod that is gone.
func (r *resolver) address(addr netip.Addr, outside bool) place {
	switch {
	case slices.Contains(metadataAddrs, addr):
		return place{why: metadata}
	case addr.IsLoopback() || addr.IsUnspecified() || addr.IsMulticast() || addr.IsLinkLocalUnicast():
		return place{why: silently} // within a pod or a node; NodeLocal DNSCache has one
	}
	if p, ok := r.podByAddr[addr]; ok {
		return r.pod(p)
	}
	if svc, ok := r.services[addr]; ok {
		return r.service(svc.Namespace, svc.Name)
	}
	p := place{end: fixes.FlowEnd{Block: netip.PrefixFrom(addr, addr.BitLen())}}
	switch {
	case r.nodes[addr]:
		p.node = addr
	case isPublic(addr) || outside:
	case r.ranges[rangeOf(addr)] || len(r.podByAddr) == 0:
		return place{why: unknownAddr}
	}
	return p
}

func (r *resolver) pod(p pod) place {
	if p.host {
		return place{why: hostPods}
	}
	if _, ok := r.ours[p.of]; !ok {
		return place{why: unknownPod}
	}
	return place{end: fixes.FlowEnd{Object: p.of}, pod: p.name, node: p.node}
}

func (r *resolver) workload(w fixes.Workload) place {
	if w.Spec.HostNetwork {
		return place{why: hostPods}
	}
	if _, ok := r.ours[w.Ref()]; !ok {
		return place{why: unknownPod}
	}
	return place{end: fixes.FlowEnd{Object: w.Ref()}}
}

// podsOf returns the workload of a pod: by its name, by who the observer says
// stands above it, by how controllers name pods, by its labels.
func (r *resolver) podsOf(p Peer) place {
	if known, ok := r.pods[p.Namespace+"/"+p.Pod]; ok && p.Pod != "" {
		return r.pod(known)
	}
	in, ok := r.workloads[p.Namespace]
	if !ok {
		return r.namespace(p.Namespace)
	}
	for _, candidate := range candidates(p) {
		for _, w := range in[candidate.name] {
			if candidate.fits(w) {
				return r.workload(w)
			}
		}
	}
	if w, ok := byLabels(in, p.Labels); ok {
		return r.workload(w)
	}
	return place{why: unknownPod}
}

// namespace returns the pods of a namespace that the inventory does not have.
// In one that was looked at, there are none.
func (r *resolver) namespace(ns string) place {
	if ns == "" || len(validation.IsDNS1123Label(ns)) > 0 || r.inv.Live && r.inv.Namespace == "" && r.inv.Covers(fixes.KindPod, ns) {
		return place{why: unknownPod}
	}
	return place{end: fixes.FlowEnd{Namespace: ns}}
}

// byLabels returns the one workload whose pods have such labels.
func byLabels(in map[string][]fixes.Workload, text string) (fixes.Workload, bool) {
	set := labels.Set(labelsOf(text))
	var found []fixes.Workload
	for _, list := range in {
		for _, w := range list {
			own := labels.Set(w.Meta.Labels)
			if len(own) > 0 && len(set) > 0 && own.AsSelectorPreValidated().Matches(set) {
				found = append(found, w)
			}
		}
	}
	if len(found) != 1 {
		return fixes.Workload{}, false
	}
	return found[0], true
}

func (r *resolver) service(ns, name string) place {
	svc, ok := fixes.Lookup[*corev1.Service](r.inv, ns, name)
	switch {
	case ns == "default" && name == "kubernetes":
		return place{end: fixes.FlowEnd{API: true}}
	case !ok:
		if _, looked := r.workloads[ns]; !looked {
			return r.namespace(ns)
		}
		return place{why: unknownPod}
	case svc.Spec.Type == corev1.ServiceTypeExternalName:
		if host := hostOf([]string{svc.Spec.ExternalName}); host != "" {
			return place{end: fixes.FlowEnd{Host: host}}
		}
		return place{why: unknownPod}
	case len(svc.Spec.Selector) == 0:
		return place{why: noPods}
	}
	return place{end: fixes.FlowEnd{Object: fixes.RefOf(svc)}}
}

// name returns what somebody wrote down: a workload, a pod, a Service, or a host
// out of the cluster.
func (r *resolver) name(p Peer) place {
	if list := r.workloads[p.Namespace][p.Name]; len(list) > 0 {
		return r.workload(list[0])
	}
	asPod := p
	asPod.Pod = p.Name
	if found := r.podsOf(asPod); found.why == "" && found.end.Namespace == "" {
		return found
	}
	if found := r.service(p.Namespace, p.Name); found.why == "" && found.end.Namespace == "" {
		return found
	}
	parts := strings.Split(p.Name, ".")
	if i := slices.Index(parts, "svc"); i == 2 || i < 0 && len(parts) == 2 && r.workloads[parts[1]] != nil {
		return r.service(parts[1], parts[0])
	}
	if host := hostOf([]string{p.Name}); host != "" {
		return place{end: fixes.FlowEnd{Host: host}}
	}
	if _, looked := r.workloads[p.Namespace]; !looked {
		return r.namespace(p.Namespace)
	}
	return place{why: unknownPod}
}

// serves reports whether an end is known to have a server behind a port: its
// containers declare it, or a Service leads to it.
func (r *resolver) serves(e fixes.FlowEnd, protocol corev1.Protocol, port int32) bool {
	if e.Object.Kind == fixes.KindService {
		svc, ok := fixes.Lookup[*corev1.Service](r.inv, e.Object.Namespace, e.Object.Name)
		return ok && slices.ContainsFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == port })
	}
	w, ok := r.ours[e.Object]
	if !ok {
		return false
	}
	for c := range w.Containers() {
		for _, p := range c.Ports {
			if p.ContainerPort == port && cmp.Or(p.Protocol, corev1.ProtocolTCP) == protocol {
				return true
			}
		}
	}
	for _, svc := range fixes.Objects[*corev1.Service](r.inv, e.Object.Namespace) {
		if len(svc.Spec.Selector) == 0 || !labels.SelectorFromSet(svc.Spec.Selector).Matches(labels.Set(w.Meta.Labels)) {
			continue
		}
		for _, p := range svc.Spec.Ports {
			if p.TargetPort == intstr.FromInt32(port) || p.TargetPort == (intstr.IntOrString{}) && p.Port == port {
				return true
			}
		}
	}
	return false
}
