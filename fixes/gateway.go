package fixes

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

const gatewayGroup = "gateway.networking.k8s.io"

// RouteKinds lists the kinds of the Gateway API that lead to Services.
func RouteKinds() []Kind {
	return []Kind{KindHTTPRoute, KindGRPCRoute, KindTCPRoute, KindTLSRoute, KindUDPRoute}
}

// Gateway is a Gateway, as far as rules look at it
// (https://gateway-api.sigs.k8s.io/reference/spec/).
type Gateway struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		GatewayClassName string            `json:"gatewayClassName,omitempty"`
		Listeners        []GatewayListener `json:"listeners,omitempty"`
		Addresses        []GatewayAddress  `json:"addresses,omitempty"`
		Infrastructure   struct {
			Annotations map[string]string `json:"annotations,omitempty"`
		} `json:"infrastructure,omitzero"`
	} `json:"spec"`
	Status struct {
		Addresses []GatewayAddress `json:"addresses,omitempty"`
	} `json:"status,omitzero"`
}

// GatewayListener is a port at which a Gateway listens.
type GatewayListener struct {
	Name string `json:"name"`
	// Hostname is empty for all of them.
	Hostname string `json:"hostname,omitempty"`
	Port     int32  `json:"port"`
	// Protocol is HTTP, HTTPS, TLS, TCP, UDP, or an implementation's own.
	Protocol string `json:"protocol"`
}

// GatewayAddress is an address of a Gateway: of type IPAddress, which an empty
// one means, Hostname, or an implementation's own.
type GatewayAddress struct {
	Type  string `json:"type,omitempty"`
	Value string `json:"value,omitempty"`
}

// AsGateway reads an object of [KindGateway].
func AsGateway(c *Custom) (*Gateway, bool) { return As[Gateway](c) }

// Route is what the [RouteKinds] have in common.
type Route struct {
	metav1.ObjectMeta `json:"metadata"`
	Spec              struct {
		ParentRefs []RouteParent `json:"parentRefs,omitempty"`
		Rules      []RouteRule   `json:"rules,omitempty"`
	} `json:"spec"`
}

// RouteParent is what a route hangs on.
type RouteParent struct {
	// Kind is a Gateway where it is empty; service meshes take a Service.
	Kind        string `json:"kind,omitempty"`
	Namespace   string `json:"namespace,omitempty"`
	Name        string `json:"name"`
	SectionName string `json:"sectionName,omitempty"`
	Port        int32  `json:"port,omitempty"`
}

// RouteRule is a rule of a route.
type RouteRule struct {
	BackendRefs []RouteBackend `json:"backendRefs,omitempty"`
	Filters     []RouteFilter  `json:"filters,omitempty"`
}

// RouteBackend is what a rule leads to.
type RouteBackend struct {
	// Group and Kind are those of a Service where they are empty.
	Group     string        `json:"group,omitempty"`
	Kind      string        `json:"kind,omitempty"`
	Namespace string        `json:"namespace,omitempty"`
	Name      string        `json:"name,omitempty"`
	Port      int32         `json:"port,omitempty"`
	Filters   []RouteFilter `json:"filters,omitempty"`
}

// RouteFilter is what is done to a request on its way.
type RouteFilter struct {
	RequestMirror *struct {
		BackendRef RouteBackend `json:"backendRef"`
	} `json:"requestMirror,omitempty"`
	ExternalAuth *struct {
		BackendRef RouteBackend `json:"backendRef"`
	} `json:"externalAuth,omitempty"`
	RequestRedirect *struct {
		Scheme string `json:"scheme,omitempty"`
	} `json:"requestRedirect,omitempty"`
}

// AsRoute reads an object of one of the [RouteKinds].
func AsRoute(c *Custom) (*Route, bool) { return As[Route](c) }

// OnGateway reports whether the parent of a route in a namespace is a Gateway.
func (p RouteParent) OnGateway(namespace string, gateway *Gateway) bool {
	if p.Namespace != "" {
		namespace = p.Namespace
	}
	return (p.Kind == "" || p.Kind == KindGateway.Name) && p.Name == gateway.Name && namespace == gateway.Namespace
}

// Backends returns what a route leads to, each once: what requests are copied
// to and asked about too.
func (r *Route) Backends() []RouteBackend {
	var out []RouteBackend
	type target struct {
		namespace, name string
		port            int32
	}
	seen := map[target]bool{}
	add := func(b RouteBackend) {
		if b.Group != "" || b.Kind != "" && b.Kind != KindService.Name {
			return
		}
		if b.Namespace == "" {
			b.Namespace = r.Namespace
		}
		if key := (target{b.Namespace, b.Name, b.Port}); !seen[key] {
			seen[key] = true
			out = append(out, b)
		}
	}
	filters := func(list []RouteFilter) {
		for _, f := range list {
			if f.RequestMirror != nil {
				add(f.RequestMirror.BackendRef)
			}
			if f.ExternalAuth != nil {
				add(f.ExternalAuth.BackendRef)
			}
		}
	}
	for _, rule := range r.Spec.Rules {
		filters(rule.Filters)
		for _, b := range rule.BackendRefs {
			add(b)
			filters(b.Filters)
		}
	}
	return out
}

// referenceGrant is a ReferenceGrant of the Gateway API.
type referenceGrant struct {
	Spec struct {
		From []struct {
			Group     string `json:"group"`
			Kind      string `json:"kind"`
			Namespace string `json:"namespace"`
		} `json:"from"`
		To []struct {
			Group string `json:"group"`
			Kind  string `json:"kind"`
			Name  string `json:"name,omitempty"`
		} `json:"to"`
	} `json:"spec"`
}

// Granted reports whether a route may lead to a Service: one of another
// namespace only where a ReferenceGrant there says so.
func Granted(inv *Inventory, route Ref, namespace, service string) bool {
	if route.Namespace == namespace {
		return true
	}
	for _, c := range Customs(inv, KindReferenceGrant, namespace) {
		grant, ok := As[referenceGrant](c)
		if !ok {
			continue
		}
		from, to := false, false
		for _, f := range grant.Spec.From {
			from = from || f.Group == gatewayGroup && f.Kind == route.Kind.Name && f.Namespace == route.Namespace
		}
		for _, t := range grant.Spec.To {
			to = to || t.Group == "" && t.Kind == KindService.Name && (t.Name == "" || t.Name == service)
		}
		if from && to {
			return true
		}
	}
	return !inv.Covers(KindReferenceGrant, namespace)
}
