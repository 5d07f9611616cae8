// Package netpol compares the project's evaluator of NetworkPolicies, and of the
// administrators' policies around them, with an independent one, that of sigs.k8s.io/kube-network-policies, on random
// clusters. It is a module of its own for its dependencies' sake.
package netpol

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	_ "unsafe" // for go:linkname

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
	npainformers "sigs.k8s.io/network-policy-api/pkg/client/informers/externalversions"

	"github.com/kubectl-harden/kubectl-harden/fixes/netpol"
)

// packet has the layout of networkpolicy.packet (v0.8.0).
type packet struct {
	id      uint32
	family  corev1.IPFamily
	srcIP   net.IP
	dstIP   net.IP
	proto   corev1.Protocol
	srcPort int
	dstPort int
	payload []byte
}

// evaluatePacket is where the controller decides on a packet that the kernel
// has queued. It is not exported.
//
//go:linkname evaluatePacket sigs.k8s.io/kube-network-policies/pkg/networkpolicy.(*Controller).evaluatePacket
func evaluatePacket(c *networkpolicy.Controller, ctx context.Context, p packet) bool

// cluster is a random one.
type cluster struct {
	namespaces []*corev1.Namespace
	pods       []*corev1.Pod
	policies   []*networkingv1.NetworkPolicy
	administration
}

const (
	clusters   = 10_000
	perCluster = 12
)

// TestAgree asks both evaluators about random connections in random clusters.
func TestAgree(t *testing.T) {
	const seed = 7
	rng := rand.New(rand.NewPCG(seed, 1))
	allowed, denied := 0, 0
	theirs := newEngine(t)
	for n := range clusters {
		c := random(rng)
		theirs.hold(t, c)
		ours := netpol.Compile(c.policies, c.ours(t, n%2 == 1)...)
		for range perCluster {
			conn, p := c.connection(rng)
			got, want := ours.Allows(conn), evaluatePacket(theirs.Controller, t.Context(), p)
			if got {
				allowed++
			} else {
				denied++
			}
			if got != want {
				t.Fatalf("cluster %d: %v -> %v port %d %s: allowed %v, theirs %v\n%s", n, p.srcIP, p.dstIP, p.dstPort, p.proto, got, want, c)
			}
		}
	}
	t.Logf("%d clusters, %d connections allowed, %d denied", clusters, allowed, denied)
	if allowed < clusters || denied < clusters {
		t.Errorf("the clusters show too little: %d allowed, %d denied", allowed, denied)
	}
}

// engine is the other evaluator, with what it looks at.
type engine struct {
	*networkpolicy.Controller
	namespaces, pods, policies, admin, baseline cache.Store
}

func newEngine(t *testing.T) engine {
	t.Helper()
	client := fake.NewClientset()
	factory := informers.NewSharedInformerFactory(client, 0)
	core, policies := factory.Core().V1(), factory.Networking().V1().NetworkPolicies()
	admin := npainformers.NewSharedInformerFactory(nil, 0).Policy().V1alpha1()
	controller, err := networkpolicy.NewController(client, policies, core.Namespaces(), core.Pods(), core.Nodes(),
		nil, admin.AdminNetworkPolicies(), admin.BaselineAdminNetworkPolicies(),
		networkpolicy.Config{NodeName: "node", AdminNetworkPolicy: true, BaselineAdminNetworkPolicy: true})
	if err != nil {
		t.Fatal(err)
	}
	return engine{controller, core.Namespaces().Informer().GetStore(), core.Pods().Informer().GetStore(), policies.Informer().GetStore(),
		admin.AdminNetworkPolicies().Informer().GetStore(), admin.BaselineAdminNetworkPolicies().Informer().GetStore()}
}

func (e engine) hold(t *testing.T, c cluster) {
	t.Helper()
	replace(t, e.namespaces, c.namespaces)
	replace(t, e.pods, c.pods)
	replace(t, e.policies, c.policies)
	replace(t, e.admin, c.admin)
	replace(t, e.baseline, c.baseline)
}

func replace[T any](t *testing.T, store cache.Store, objects []T) {
	t.Helper()
	list := make([]any, len(objects))
	for i, o := range objects {
		list[i] = o
	}
	if err := store.Replace(list, ""); err != nil {
		t.Fatal(err)
	}
}

func (c cluster) String() string {
	text := ""
	for _, pod := range c.pods {
		text += fmt.Sprintf("pod %s/%s %s %v %v\n", pod.Namespace, pod.Name, pod.Status.PodIPs[0].IP, pod.Labels, pod.Spec.Containers[0].Ports)
	}
	for _, p := range c.policies {
		text += fmt.Sprintf("policy %s/%s %+v\n", p.Namespace, p.Name, p.Spec.String())
	}
	return text + c.administration.String()
}

func pick[T any](rng *rand.Rand, list ...T) T { return list[rng.IntN(len(list))] }

func some(rng *rand.Rand, most int) int { return rng.IntN(most + 1) }

func chance(rng *rand.Rand, percent int) bool { return rng.IntN(100) < percent }

var (
	labelKeys   = []string{"app", "tier"}
	labelValues = []string{"a", "b", "c"}
	portNames   = []string{"http", "dns"}
	protocols   = []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}
)

func randomLabels(rng *rand.Rand) map[string]string {
	out := map[string]string{}
	for _, key := range labelKeys {
		if chance(rng, 70) {
			out[key] = pick(rng, labelValues...)
		}
	}
	return out
}

func random(rng *rand.Rand) cluster {
	c := cluster{administration: randomAdministration(rng)}
	for n := range 1 + some(rng, 2) {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("ns%d", n), Labels: randomLabels(rng)}}
		ns.Labels[corev1.LabelMetadataName] = ns.Name
		c.namespaces = append(c.namespaces, ns)
		for m := range 1 + some(rng, 3) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: fmt.Sprintf("pod%d", m), Labels: randomLabels(rng)}}
			ip := fmt.Sprintf("10.0.%d.%d", n, m+1)
			if chance(rng, 20) {
				ip = fmt.Sprintf("fd00::%d:%d", n+1, m+1)
			}
			pod.Spec.NodeName = "node"
			pod.Status.Phase = corev1.PodRunning
			pod.Status.PodIPs = []corev1.PodIP{{IP: ip}}
			container := corev1.Container{Name: "c"}
			for _, name := range portNames {
				if chance(rng, 60) {
					container.Ports = append(container.Ports, corev1.ContainerPort{Name: name, ContainerPort: pick[int32](rng, 80, 81, 53), Protocol: pick(rng, protocols...)})
				}
			}
			pod.Spec.Containers = []corev1.Container{container}
			c.pods = append(c.pods, pod)
		}
		for m := range some(rng, 3) {
			p := randomPolicy(rng, ns.Name, fmt.Sprintf("policy%d", m))
			if len(c.baseline) > 0 {
				// The other one takes a policy of any direction for one that isolates in
				// both, where it asks whether the baseline applies.
				p.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
			}
			c.policies = append(c.policies, p)
		}
	}
	return c
}

// randomPolicy makes a policy as the API server hands it out: with its types,
// and without lists that are empty.
func randomPolicy(rng *rand.Rand, namespace, name string) *networkingv1.NetworkPolicy {
	p := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	p.Spec.PodSelector = *selector(rng)
	for range some(rng, 2) {
		p.Spec.Ingress = append(p.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: peers(rng), Ports: ports(rng)})
	}
	for range some(rng, 2) {
		p.Spec.Egress = append(p.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: peers(rng), Ports: ports(rng)})
	}
	p.Spec.PolicyTypes = pick(rng,
		[]networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		[]networkingv1.PolicyType{networkingv1.PolicyTypeEgress},
		[]networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress})
	return p
}

func selector(rng *rand.Rand) *metav1.LabelSelector {
	s := &metav1.LabelSelector{}
	if chance(rng, 30) {
		return s
	}
	key := pick(rng, labelKeys...)
	if chance(rng, 50) {
		s.MatchLabels = map[string]string{key: pick(rng, labelValues...)}
		return s
	}
	op := pick(rng, metav1.LabelSelectorOpIn, metav1.LabelSelectorOpNotIn, metav1.LabelSelectorOpExists, metav1.LabelSelectorOpDoesNotExist)
	r := metav1.LabelSelectorRequirement{Key: key, Operator: op}
	if op == metav1.LabelSelectorOpIn || op == metav1.LabelSelectorOpNotIn {
		r.Values = []string{pick(rng, labelValues...), pick(rng, labelValues...)}
	}
	s.MatchExpressions = []metav1.LabelSelectorRequirement{r}
	return s
}

func peers(rng *rand.Rand) []networkingv1.NetworkPolicyPeer {
	var out []networkingv1.NetworkPolicyPeer
	for range some(rng, 2) {
		var p networkingv1.NetworkPolicyPeer
		switch rng.IntN(4) {
		case 0:
			p.PodSelector = selector(rng)
		case 1:
			p.NamespaceSelector = selector(rng)
		case 2:
			p.PodSelector, p.NamespaceSelector = selector(rng), selector(rng)
		default:
			p.IPBlock = pick(rng,
				&networkingv1.IPBlock{CIDR: "0.0.0.0/0", Except: []string{"10.0.0.0/24"}},
				&networkingv1.IPBlock{CIDR: "10.0.0.0/16", Except: []string{"10.0.1.2/32", "10.0.2.0/30"}},
				&networkingv1.IPBlock{CIDR: "8.8.0.0/16"},
				&networkingv1.IPBlock{CIDR: "fd00::/64"})
		}
		out = append(out, p)
	}
	return out
}

func ports(rng *rand.Rand) []networkingv1.NetworkPolicyPort {
	var out []networkingv1.NetworkPolicyPort
	for range some(rng, 2) {
		protocol := pick(rng, protocols...)
		p := networkingv1.NetworkPolicyPort{Protocol: &protocol}
		switch rng.IntN(4) {
		case 0:
			name := intstr.FromString(pick(rng, portNames...))
			p.Port = &name
		case 1:
			number := intstr.FromInt32(pick[int32](rng, 80, 81, 53))
			p.Port = &number
		case 2:
			from, to := intstr.FromInt32(pick[int32](rng, 50, 80)), int32(pick(rng, 80, 90))
			p.Port, p.EndPort = &from, &to
		}
		out = append(out, p)
	}
	return out
}

// connection makes a random one, for both evaluators.
func (c cluster) connection(rng *rand.Rand) (netpol.Connection, packet) {
	from, src := c.end(rng)
	to, dst := c.end(rng)
	protocol, port := pick(rng, protocols...), pick[int32](rng, 80, 81, 53, 85, 90)
	// The other one knows no pod that talks to itself: the kernel does not queue
	// such packets.
	for from.Namespace != "" && from.Namespace == to.Namespace && from.Name == to.Name {
		to, dst = c.end(rng)
	}
	return netpol.Connection{From: from, To: to, Protocol: protocol, Port: port},
		packet{srcIP: src, dstIP: dst, proto: protocol, srcPort: 40_000, dstPort: int(port)}
}

func (c cluster) end(rng *rand.Rand) (netpol.Peer, net.IP) {
	if chance(rng, 15) {
		ip := pick(rng, "8.8.8.8", "192.0.2.1", "fd00::ffff", "2001:db8::1")
		return netpol.Peer{Addrs: []netip.Addr{netip.MustParseAddr(ip)}}, net.ParseIP(ip)
	}
	pod := pick(rng, c.pods...)
	ip := pod.Status.PodIPs[0].IP
	peer := netpol.Peer{Namespace: pod.Namespace, Name: pod.Name, Labels: pod.Labels, Ports: pod.Spec.Containers[0].Ports,
		Addrs: []netip.Addr{netip.MustParseAddr(ip)}}
	for _, ns := range c.namespaces {
		if ns.Name == pod.Namespace {
			peer.NamespaceLabels = ns.Labels
		}
	}
	return peer, net.ParseIP(ip)
}
