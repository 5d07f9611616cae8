package network

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
)

// nodeLocalDNS is the address at which NodeLocal DNSCache answers on every
// node. It runs on the host network, so no pod selector reaches it
// (kubernetes#70555).
const nodeLocalDNS = "169.254.20.10"

// dnsLabel is what most clusters label the pods and the Service of their DNS
// with, whatever serves it.
var dnsLabel = map[string]string{"k8s-app": "kube-dns"}

// dnsNamespaces are those in which clusters run their DNS. A Service of such a
// name elsewhere can be anybody's.
var dnsNamespaces = []string{metav1.NamespaceSystem, "openshift-dns"}

// dnsNames are the usual names of its Service: kubeadm's and most others',
// RKE2's, OpenShift's.
var dnsNames = []string{"kube-dns", "coredns", "rke2-coredns-rke2-coredns", "dns-default"}

// dnsImages are the last parts of images of the servers.
var dnsImages = []string{"coredns", "k8s-dns-kube-dns", "hardened-coredns"}

// dnsRule allows queries to the cluster's DNS: its pods, or where it is on nodes
// (see endpoints), NodeLocal DNSCache, and the Service's own address, for network
// plugins that look at packets before it is replaced by a pod's.
func dnsRule(inv *fixes.Inventory) networkingv1.NetworkPolicyEgressRule {
	kept := fixes.Memo(inv, connections.Kinds(), newDNSRule)
	return *kept.DeepCopy()
}

// dnsEgress is a type of its own for what is kept with the inventory.
type dnsEgress struct {
	networkingv1.NetworkPolicyEgressRule
}

func newDNSRule(inv *fixes.Inventory) dnsEgress {
	r := &dnsTargets{ports: []intstr.IntOrString{intstr.FromInt32(53)}}
	r.pods(metav1.NamespaceSystem, dnsLabel)
	r.address(nodeLocalDNS)
	for _, svc := range dnsServices(inv) {
		if len(svc.Spec.Selector) > 0 {
			r.pods(svc.Namespace, svc.Spec.Selector)
		}
		for _, ip := range append([]string{svc.Spec.ClusterIP}, svc.Spec.ClusterIPs...) {
			r.address(ip)
		}
		for _, port := range svc.Spec.Ports {
			if dnsPort(port.Name) || port.Port == 53 {
				r.port(inv, svc, port.TargetPort)
			}
		}
	}
	for _, ip := range kubeletDNS(inv) {
		r.address(ip)
	}
	r.caches(inv)
	r.endpoints(inv)
	rule := networkingv1.NetworkPolicyEgressRule{To: r.peers}
	for _, port := range r.ports {
		for _, protocol := range []corev1.Protocol{corev1.ProtocolUDP, corev1.ProtocolTCP} {
			rule.Ports = append(rule.Ports, networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: &port})
		}
	}
	return dnsEgress{rule}
}

// dnsTargets are what serves DNS: each once.
type dnsTargets struct {
	peers []networkingv1.NetworkPolicyPeer
	ports []intstr.IntOrString
}

func (r *dnsTargets) add(peer networkingv1.NetworkPolicyPeer) {
	if !has(r.peers, peer) {
		r.peers = append(r.peers, peer)
	}
}

func (r *dnsTargets) pods(namespace string, set map[string]string) {
	r.add(networkingv1.NetworkPolicyPeer{
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}},
		PodSelector:       &metav1.LabelSelector{MatchLabels: set},
	})
}

// address adds an address; "" and "None" are none.
func (r *dnsTargets) address(text string) {
	if addr, err := netip.ParseAddr(text); err == nil {
		r.add(networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: netip.PrefixFrom(addr, addr.BitLen()).String()}})
	}
}

// port adds the port of the pods, which is what policies see, and which is not
// 53 everywhere. A name is looked up in the pods.
func (r *dnsTargets) port(inv *fixes.Inventory, svc *corev1.Service, target intstr.IntOrString) {
	if target.Type == intstr.Int {
		if target.IntVal != 0 && !has(r.ports, target) {
			r.ports = append(r.ports, target)
		}
		return
	}
	for _, w := range behind(inv, svc) {
		for c := range w.Containers() {
			for _, p := range c.Ports {
				if number := intstr.FromInt32(p.ContainerPort); p.Name == target.StrVal && !has(r.ports, number) {
					r.ports = append(r.ports, number)
				}
			}
		}
	}
}

// caches adds what NodeLocal DNSCache listens on besides its usual address, and
// its pods where they have a network of their own (Cilium's local redirect).
func (r *dnsTargets) caches(inv *fixes.Inventory) {
	for _, w := range inv.Workloads(metav1.NamespaceSystem) {
		for c := range w.Containers() {
			if !fixes.IsImage(c.Image, "k8s-dns-node-cache") {
				continue
			}
			if !w.Spec.HostNetwork && len(w.Meta.Labels) > 0 {
				r.pods(w.Object.GetNamespace(), map[string]string{"k8s-app": cmp.Or(w.Meta.Labels["k8s-app"], "node-local-dns")})
			}
			args := slices.Concat(c.Command, c.Args)
			for i, arg := range args {
				name, value, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
				if name == "localip" && !inline && i+1 < len(args) {
					value = args[i+1]
				}
				if name == "localip" {
					for ip := range strings.SplitSeq(value, ",") {
						r.address(strings.TrimSpace(ip))
					}
				}
			}
		}
	}
}

// dnsServices returns the Services of the cluster's DNS: in the namespaces where
// clusters run it, by the usual name or label, or since a DNS server is behind it.
// What the kubelets are told to use is one wherever it is.
func dnsServices(inv *fixes.Inventory) []*corev1.Service {
	told := kubeletDNS(inv)
	var out []*corev1.Service
	for _, svc := range fixes.Objects[*corev1.Service](inv, "") {
		system := slices.Contains(dnsNamespaces, svc.Namespace)
		if slices.Contains(told, svc.Spec.ClusterIP) || system && (slices.Contains(dnsNames, svc.Name) ||
			svc.Labels["k8s-app"] == dnsLabel["k8s-app"] || servesNames(inv, svc)) {
			out = append(out, svc)
		}
	}
	return out
}

// servesNames reports whether a Service leads to a DNS server, at DNS's port.
func servesNames(inv *fixes.Inventory, svc *corev1.Service) bool {
	if !slices.ContainsFunc(svc.Spec.Ports, func(p corev1.ServicePort) bool { return p.Port == 53 }) {
		return false
	}
	for _, w := range behind(inv, svc) {
		for c := range w.Containers() {
			if slices.ContainsFunc(dnsImages, func(known string) bool { return fixes.IsImage(c.Image, known) }) {
				return true
			}
		}
	}
	return false
}

func behind(inv *fixes.Inventory, svc *corev1.Service) []fixes.Workload {
	if len(svc.Spec.Selector) == 0 {
		return nil
	}
	selector := labels.SelectorFromSet(svc.Spec.Selector)
	return slices.DeleteFunc(slices.Clone(inv.Workloads(svc.Namespace)), func(w fixes.Workload) bool {
		return !selector.Matches(labels.Set(w.Meta.Labels))
	})
}

// kubeletDNS returns the addresses that kubelets give to pods as their DNS, from
// the configuration that kubeadm keeps in the cluster.
func kubeletDNS(inv *fixes.Inventory) []string {
	cm, ok := fixes.Lookup[*corev1.ConfigMap](inv, metav1.NamespaceSystem, "kubelet-config")
	if !ok {
		return nil
	}
	var config struct {
		ClusterDNS []string `json:"clusterDNS"`
	}
	if err := yaml.Unmarshal([]byte(cm.Data["kubelet"]), &config); err != nil {
		return nil
	}
	return config.ClusterDNS
}

// servesDNS reports whether something is known that the policies for DNS let out
// to.
func servesDNS(inv *fixes.Inventory) bool {
	return len(kubeletDNS(inv)) > 0 || slices.ContainsFunc(dnsServices(inv), func(svc *corev1.Service) bool { return len(behind(inv, svc)) > 0 }) ||
		slices.ContainsFunc(fixes.Objects[*corev1.Pod](inv, metav1.NamespaceSystem), func(pod *corev1.Pod) bool {
			return labels.SelectorFromSet(dnsLabel).Matches(labels.Set(pod.Labels))
		})
}
