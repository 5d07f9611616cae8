package connections

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// routes adds what comes from outside: through Services that the outside
// reaches, host ports, and Ingresses with their controllers.
func (g *Graph) routes(inv *fixes.Inventory, names *names) {
	controllers := g.ingressControllers()
	for _, svc := range fixes.Objects[*corev1.Service](inv, "") {
		s, _ := names.service(svc.Namespace, svc.Name)
		var how string
		switch {
		case svc.Spec.Type == corev1.ServiceTypeLoadBalancer, svc.Spec.Type == corev1.ServiceTypeNodePort:
			how = "of type " + string(svc.Spec.Type)
		case len(svc.Spec.ExternalIPs) > 0:
			how = "with externalIPs"
		default:
			continue
		}
		why := Reason{fixes.RefOf(svc), "spec.type", fmt.Sprintf("Service %s is %s", svc.Name, how)}
		for _, d := range names.destinations(s, 0) {
			for _, from := range sources(svc) {
				g.add(Link{From: from, To: d.to, Ports: d.ports, Sure: Proven, Why: []Reason{why}})
			}
		}
	}
	for _, w := range g.Workloads {
		for c := range w.Containers() {
			for i, p := range c.Ports {
				if p.HostPort != 0 {
					g.add(Link{From: End{Place: Anyone}, To: Of(w), Ports: []Port{{orTCP(p.Protocol), p.ContainerPort}}, Sure: Proven,
						Why: []Reason{{w.Ref(), fmt.Sprintf("%s.ports[%d].hostPort", c.Path, i), "it has a host port"}}})
				}
			}
		}
	}
	for _, ing := range fixes.Objects[*networkingv1.Ingress](inv, "") {
		why := Reason{fixes.RefOf(ing), "spec.rules", "Ingress " + ing.Name + " leads to it"}
		for _, b := range backends(ing) {
			s, ok := names.service(ing.Namespace, b.Name)
			if !ok {
				continue
			}
			for _, d := range names.destinations(s, portOf(s, b.Port)) {
				l := Link{From: End{Place: Anyone}, To: d.to, Ports: d.ports, Sure: Inferred, Why: []Reason{why}}
				if len(controllers) == 0 {
					l.Why = append(slices.Clip(l.Why), Reason{fixes.RefOf(ing), "spec.ingressClassName", "its controller is not known"})
					g.add(l)
				}
				for _, c := range controllers {
					l.From, l.Sure = Of(c), Proven
					g.add(l)
				}
			}
		}
	}
}

// sources returns who may come through a Service: its ranges count only where
// the address of the client is kept.
func sources(svc *corev1.Service) []End {
	if len(svc.Spec.LoadBalancerSourceRanges) == 0 || svc.Spec.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal {
		return []End{{Place: Anyone}}
	}
	var out []End
	for _, cidr := range svc.Spec.LoadBalancerSourceRanges {
		out = append(out, End{Place: Block, Name: strings.TrimSpace(cidr)})
	}
	return out
}

// backends returns the Services that an Ingress leads to, each port once.
func backends(ing *networkingv1.Ingress) []networkingv1.IngressServiceBackend {
	var out []networkingv1.IngressServiceBackend
	add := func(b *networkingv1.IngressBackend) {
		if b != nil && b.Service != nil && !slices.Contains(out, *b.Service) {
			out = append(out, *b.Service)
		}
	}
	add(ing.Spec.DefaultBackend)
	for _, rule := range ing.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for _, path := range rule.HTTP.Paths {
			add(&path.Backend)
		}
	}
	return out
}

// portOf returns the number of a Service's port; 0, which is all of them, where
// it has none of that name.
func portOf(s service, port networkingv1.ServiceBackendPort) int32 {
	for _, p := range s.Spec.Ports {
		if p.Name == port.Name && port.Name != "" {
			return p.Port
		}
	}
	return port.Number
}

// controllerImages are the last parts of images of ingress controllers, and of
// proxies that implement the Gateway API.
var controllerImages = []string{"ingress-nginx/controller", "nginx-ingress-controller", "nginx-ingress", "traefik", "kubernetes-ingress",
	"haproxy-ingress", "kong", "kubernetes-ingress-controller", "contour", "ambassador", "emissary", "apisix", "skipper",
	"voyager", "glbc", "aws-alb-ingress-controller", "aws-load-balancer-controller", "pomerium/ingress-controller"}

// ingressControllers returns the workloads that carry out Ingresses, known by
// their images. Istio's proxy is one where it stands alone: elsewhere it is a
// sidecar.
func (g *Graph) ingressControllers() []fixes.Workload {
	out := g.running(controllerImages...)
	for _, w := range g.running("istio/proxyv2") {
		if len(w.Spec.Containers) == 1 {
			out = append(out, w)
		}
	}
	return out
}

// repository returns an image's name without its tag and digest.
func repository(image string) string {
	name, _ := fixes.SplitImage(image)
	return name
}

func tcp(port int32) []Port { return []Port{{corev1.ProtocolTCP, port}} }

func orTCP(p corev1.Protocol) corev1.Protocol {
	if p == "" {
		return corev1.ProtocolTCP
	}
	return p
}
