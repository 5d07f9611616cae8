package connections

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// gateways adds what routes of the Gateway API lead to, from the proxies of
// their Gateways.
func (g *Graph) gateways(inv *fixes.Inventory, names *names) {
	var all []gateway
	for _, c := range fixes.Customs(inv, fixes.KindGateway, "") {
		if gw, ok := fixes.AsGateway(c); ok {
			proxies, how := g.proxies(inv, names, gw)
			all = append(all, gateway{gw, fixes.RefOf(c), proxies, how})
		}
	}
	for _, kind := range fixes.RouteKinds() {
		for _, c := range fixes.Customs(inv, kind, "") {
			route, ok := fixes.AsRoute(c)
			if !ok {
				continue
			}
			ref := fixes.RefOf(c)
			for _, d := range backendsOf(inv, names, route, ref) {
				g.route(route, ref, all, d)
			}
		}
	}
}

// gateway is a Gateway and what is known of its proxies.
type gateway struct {
	*fixes.Gateway
	ref     fixes.Ref
	proxies []fixes.Workload
	how     string
}

// route adds a destination of a route for each Gateway that the route hangs on.
func (g *Graph) route(route *fixes.Route, ref fixes.Ref, all []gateway, d destination) {
	why := Reason{ref, "spec.rules", ref.Kind.Name + " " + ref.Name + " leads to it"}
	for _, parent := range route.Spec.ParentRefs {
		if parent.Kind != "" && parent.Kind != fixes.KindGateway.Name {
			continue // a mesh: see follow
		}
		l := Link{From: End{Place: Anyone}, To: d.to, Ports: d.ports, Sure: Inferred}
		i := slices.IndexFunc(all, func(gw gateway) bool { return parent.OnGateway(ref.Namespace, gw.Gateway) })
		if i < 0 || len(all[i].proxies) == 0 {
			l.Why = []Reason{why, {ref, "spec.parentRefs", "what runs Gateway " + parent.Name + " is not known"}}
			g.add(l)
			continue
		}
		for _, w := range all[i].proxies {
			if w.Ref() == d.to.Workload {
				continue
			}
			l.From, l.Sure = Of(w), Proven
			l.Why = []Reason{why, {all[i].ref, "", all[i].how}}
			g.add(l)
		}
	}
}

// gatewayLabels tell of which Gateway a proxy is: GEP-1762, and two
// implementations that have labels of their own, for the name and for the
// namespace.
var gatewayLabels = [][2]string{
	{"gateway.networking.k8s.io/gateway-name", ""},
	{"gateway.envoyproxy.io/owning-gateway-name", "gateway.envoyproxy.io/owning-gateway-namespace"},
	{"projectcontour.io/owning-gateway-name", "projectcontour.io/owning-gateway-namespace"},
}

// gatewayControllers are the last parts of images of those that carry out all
// their Gateways in pods of one workload, by the controller's name in the
// GatewayClass.
var gatewayControllers = map[string][]string{
	"traefik.io":                {"traefik"},
	"konghq.com":                {"kong", "kong-gateway", "kong/kong-gateway"},
	"haproxy-ingress.github.io": {"haproxy-ingress", "haproxytech/kubernetes-ingress"},
	"haproxy.org":               {"haproxytech/kubernetes-ingress"},
	"gateway.nginx.org":         {"nginx-gateway-fabric/nginx", "nginx-gateway-fabric/nginx-plus"},
	"apisix.apache.org":         {"apisix"},
	"projectcontour.io":         {"envoyproxy/envoy"},
}

// proxies returns the workloads through whose pods the traffic of a Gateway goes,
// and how they were known; none where nothing tells, or they are outside.
func (g *Graph) proxies(inv *fixes.Inventory, names *names, gw *fixes.Gateway) ([]fixes.Workload, string) {
	if out := g.labelled(gw); len(out) > 0 {
		return out, "its proxy is known by its labels"
	}
	if out := behindAddresses(inv, names, gw); len(out) > 0 {
		return out, "its proxy is known by its address"
	}
	for _, c := range fixes.Customs(inv, fixes.KindGatewayClass, "") {
		class, ok := fixes.As[gatewayClass](c)
		if !ok || c.GetName() != gw.Spec.GatewayClassName {
			continue
		}
		domain, _, _ := strings.Cut(class.Spec.ControllerName, "/")
		if out := g.running(gatewayControllers[domain]...); len(out) > 0 {
			return out, "its proxy is known by the class's controller and its image"
		}
	}
	return nil, ""
}

// gatewayClass is a GatewayClass.
type gatewayClass struct {
	Spec struct {
		ControllerName string `json:"controllerName"`
	} `json:"spec"`
}

func (g *Graph) labelled(gw *fixes.Gateway) []fixes.Workload {
	var out []fixes.Workload
	for _, w := range g.Workloads {
		for _, keys := range gatewayLabels {
			namespace := w.Object.GetNamespace()
			if keys[1] != "" {
				namespace = w.Meta.Labels[keys[1]]
			}
			if w.Meta.Labels[keys[0]] == gw.Name && namespace == gw.Namespace {
				out = append(out, w)
				break
			}
		}
	}
	return out
}

// behindAddresses returns the workloads behind the Service that has the address
// of a Gateway: the name of one, or one that a load balancer has.
func behindAddresses(inv *fixes.Inventory, names *names, gw *fixes.Gateway) []fixes.Workload {
	for _, a := range slices.Concat(gw.Spec.Addresses, gw.Status.Addresses) {
		if s, ok := names.find(gw.Namespace, a.Value); ok && (strings.Contains(a.Value, ".") || strings.Contains(a.Value, ":")) {
			return s.to
		}
		for _, svc := range fixes.Objects[*corev1.Service](inv, "") {
			if slices.ContainsFunc(svc.Status.LoadBalancer.Ingress, func(in corev1.LoadBalancerIngress) bool {
				return a.Value != "" && (in.IP == a.Value || in.Hostname == a.Value)
			}) {
				s, _ := names.service(svc.Namespace, svc.Name)
				return s.to
			}
		}
	}
	return nil
}
