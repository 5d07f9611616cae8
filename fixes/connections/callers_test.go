package connections

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// graphCase is a table's row: what objects beside a Deployment web and one db
// with a Service at 5432 tell of. The guess that web uses db is left out.
type graphCase struct {
	objects string
	want    []string
}

func testGraph(t *testing.T, tests map[string]graphCase) {
	t.Helper()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			g := Find(fixestest.Load(t, workload("db", "5432", "")+tt.objects))
			got := slices.DeleteFunc(links(g), func(line string) bool { return strings.HasSuffix(line, "-> db 5432/TCP guessed") })
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
			for _, l := range g.Links {
				for _, why := range l.Why {
					if why.Text == "" {
						t.Errorf("%v -> %v: a reason without words", l.From, l.To)
					}
				}
			}
		})
	}
}

// proxy writes a Deployment of namespace edge with labels and an image.
func proxy(labels, image string) string {
	return `
apiVersion: apps/v1
kind: Deployment
metadata: {name: proxy, namespace: edge}
spec:
  selector: {matchLabels: {app: proxy}}
  template:
    metadata: {labels: {app: proxy` + labels + `}}
    spec: {containers: [{name: c, image: ` + image + `}]}
---
`
}

func gatewayObject(namespace, rest string) string {
	return `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: ` + namespace + `}
spec: {gatewayClassName: edge, listeners: [{name: web, port: 80, protocol: HTTP}]` + rest + `}
---
`
}

func routeObject(kind, namespace, parent, rules string) string {
	return `
apiVersion: gateway.networking.k8s.io/v1
kind: ` + kind + `
metadata: {name: r, namespace: ` + namespace + `}
spec: {parentRefs: [` + parent + `], rules: [` + rules + `]}
---
`
}

func TestGateways(t *testing.T) {
	const (
		parent = "{name: gw, namespace: edge}"
		toDB   = "{backendRefs: [{name: db, port: 5432}]}"
		grant  = `
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: g, namespace: shop}
spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: edge}], to: [{group: "", kind: Service%s}]}
---
`
		far = "{backendRefs: [{name: db, namespace: shop, port: 5432}]}"
	)
	labelled := proxy(", gateway.networking.k8s.io/gateway-name: gw", "x")
	gw := gatewayObject("edge", "")
	known, anyone := []string{"proxy -> db 5432/TCP proven"}, []string{"anyone -> db 5432/TCP inferred"}
	tests := map[string]graphCase{
		"a proxy with the Gateway's label":             {labelled + gw + routeObject("HTTPRoute", "shop", parent, toDB), known},
		"a proxy of another namespace with that label": {strings.ReplaceAll(labelled, "edge", "other") + gw + routeObject("HTTPRoute", "shop", parent, toDB), anyone},
		"Envoy Gateway's labels": {proxy(", gateway.envoyproxy.io/owning-gateway-name: gw, gateway.envoyproxy.io/owning-gateway-namespace: infra", "x") +
			gatewayObject("infra", "") + routeObject("HTTPRoute", "shop", "{name: gw, namespace: infra}", toDB), known},
		"nobody is known":   {gw + routeObject("HTTPRoute", "shop", parent, toDB), anyone},
		"no Gateway either": {routeObject("HTTPRoute", "shop", parent, toDB), anyone},
		"the class's controller": {proxy("", "docker.io/traefik:v3") + gw + `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: edge}
spec: {controllerName: traefik.io/gateway-controller}
---
` + routeObject("HTTPRoute", "shop", parent, toDB), known},
		"a proxy of another controller": {proxy("", "docker.io/traefik:v3") + gw + `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: edge}
spec: {controllerName: networking.gke.io/gateway}
---
` + routeObject("HTTPRoute", "shop", parent, toDB), anyone},
		"the address of a load balancer": {proxy("", "x") + gw + `
apiVersion: v1
kind: Service
metadata: {name: lb, namespace: edge}
spec: {type: LoadBalancer, selector: {app: proxy}, ports: [{port: 80}]}
status: {loadBalancer: {ingress: [{ip: 203.0.113.7}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: edge}
spec: {gatewayClassName: edge}
status: {addresses: [{value: 203.0.113.7}]}
---
` + routeObject("HTTPRoute", "shop", parent, toDB), []string{"anyone -> proxy 80/TCP proven", "proxy -> db 5432/TCP proven"}},
		"the name of a Service": {proxy("", "x") + gatewayObject("edge", ", addresses: [{type: Hostname, value: ingress.edge.svc.cluster.local}]") + `
apiVersion: v1
kind: Service
metadata: {name: ingress, namespace: edge}
spec: {selector: {app: proxy}, ports: [{port: 80}]}
---
` + routeObject("HTTPRoute", "shop", parent, toDB), known},
		"a route of each kind": {labelled + gw + routeObject("TCPRoute", "shop", parent, toDB) + routeObject("TLSRoute", "shop", parent, toDB) + routeObject("GRPCRoute", "shop", parent, toDB), known},
		"datagrams": {labelled + gw + strings.Replace(workload("game", "", ""), "image", "ports: [{containerPort: 7000, protocol: UDP}]\n        image", 1) + `
apiVersion: v1
kind: Service
metadata: {name: game, namespace: shop}
spec: {selector: {app: game}, ports: [{port: 7777, targetPort: 7000, protocol: UDP}]}
---
` + routeObject("UDPRoute", "shop", parent, "{backendRefs: [{name: game, port: 7777}]}"), []string{"proxy -> game 7000/UDP proven"}},
		"a copy of each request": {labelled + gw + routeObject("HTTPRoute", "shop", parent,
			"{backendRefs: [{name: gone, port: 80}], filters: [{type: RequestMirror, requestMirror: {backendRef: {name: db, port: 5432}}}]}"), known},
		"a copy at a backend": {labelled + gw + routeObject("HTTPRoute", "shop", parent,
			"{backendRefs: [{name: gone, port: 80, filters: [{type: RequestMirror, requestMirror: {backendRef: {name: db, port: 5432}}}]}]}"), known},
		"another namespace, granted":                  {labelled + gw + fmt.Sprintf(grant, "") + routeObject("HTTPRoute", "edge", parent, far), known},
		"another namespace, granted for this Service": {labelled + gw + fmt.Sprintf(grant, ", name: db") + routeObject("HTTPRoute", "edge", parent, far), known},
		"another namespace, granted for another":      {labelled + gw + fmt.Sprintf(grant, ", name: web") + routeObject("HTTPRoute", "edge", parent, far), nil},
		"another namespace, not granted":              {labelled + gw + routeObject("HTTPRoute", "edge", parent, far), nil},
		"another namespace, granted to another kind":  {labelled + gw + fmt.Sprintf(grant, "") + routeObject("GRPCRoute", "edge", parent, far), nil},
		"a bucket": {labelled + gw + routeObject("HTTPRoute", "shop", parent, "{backendRefs: [{group: example.com, kind: Bucket, name: db, port: 5432}]}"), nil},
	}
	testGraph(t, tests)
}

const apiObjects = `
apiVersion: v1
kind: Service
metadata: {name: kubernetes, namespace: default}
spec: {clusterIP: 10.96.0.1, clusterIPs: [10.96.0.1], ports: [{name: https, port: 443, targetPort: 6443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kubernetes, namespace: default}
addressType: IPv4
endpoints: [{addresses: [192.0.2.10]}, {addresses: [192.0.2.11]}]
ports: [{name: https, port: 6443, protocol: TCP}]
---
`

func node(name, address, rest string) string {
	return `
apiVersion: v1
kind: Node
metadata: {name: ` + name + rest + `
status: {addresses: [{type: InternalIP, address: ` + address + `}, {type: Hostname, address: ` + name + `}]}
---
`
}

func TestAPIAddresses(t *testing.T) {
	cp1 := node("cp1", "192.0.2.10", "}\nspec: {podCIDR: 10.244.0.0/24, podCIDRs: [10.244.0.0/24, 'fd00:1::/64']}")
	cp2 := node("cp2", "192.0.2.11", ", annotations: {projectcalico.org/IPv4VXLANTunnelAddr: 10.9.8.7}}")
	worker := node("worker", "192.0.2.12", "}\nspec: {podCIDR: 10.244.1.0/24}")
	tests := map[string]struct{ objects, servers, service, sources string }{
		"nothing is known":        {"", "[]", "[]", "[]"},
		"a managed control plane": {apiObjects + worker, "[192.0.2.10:6443 192.0.2.11:6443]", "[10.96.0.1:443]", "[]"},
		"on nodes": {apiObjects + cp1 + cp2 + worker, "[192.0.2.10:6443 192.0.2.11:6443]", "[10.96.0.1:443]",
			"[192.0.2.10/32 10.244.0.0/30 fd00:1::/126 192.0.2.11/32 10.9.8.7/32]"},
		"on nodes, through a tunnel whose agents are on any": {apiObjects + cp1 + cp2 + `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: konnectivity-agent, namespace: kube-system}
spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {hostNetwork: true, containers: [{name: c, image: quay.io/k0sproject/apiserver-network-proxy-agent:v0.30}]}}}
`, "[192.0.2.10:6443 192.0.2.11:6443]", "[10.96.0.1:443]", "[]"},
		"not all on nodes": {apiObjects + cp1 + worker, "[192.0.2.10:6443 192.0.2.11:6443]", "[10.96.0.1:443]", "[]"},
		"a slice that somebody else wrote": {strings.Replace(apiObjects, "kind: EndpointSlice\nmetadata: {name: kubernetes,", "kind: EndpointSlice\nmetadata: {labels: {kubernetes.io/service-name: kubernetes}, name: mine,", 1),
			"[]", "[10.96.0.1:443]", "[]"},
		"no addresses": {strings.NewReplacer("192.0.2.10", "127.0.0.1", "192.0.2.11", "x").Replace(apiObjects), "[]", "[10.96.0.1:443]", "[]"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			api := Find(fixestest.Load(t, tt.objects)).API
			if got := fmt.Sprint(api.Servers); got != tt.servers {
				t.Errorf("servers %s", got)
			}
			if got := fmt.Sprint(api.Service); got != tt.service {
				t.Errorf("service %s", got)
			}
			if got := fmt.Sprint(api.Sources); got != tt.sources {
				t.Errorf("sources %s", got)
			}
		})
	}
}

func TestCalledByTheAPIServer(t *testing.T) {
	hook := workload("hook", "", `
        ports: [{containerPort: 9443, name: webhook-server}]`)
	service := func(name, port string) string {
		return `
apiVersion: v1
kind: Service
metadata: {name: ` + name + `, namespace: shop}
spec: {selector: {app: hook}, ports: [` + port + `]}
---
`
	}
	config := func(kind, client string) string {
		return `
apiVersion: admissionregistration.k8s.io/v1
kind: ` + kind + `
metadata: {name: c}
webhooks: [{name: a.example.com, clientConfig: ` + client + `}]
---
`
	}
	plain := service("hook", "{port: 443, targetPort: 9443}")
	proven := []string{"the Kubernetes API -> hook 9443/TCP proven"}
	testGraph(t, map[string]graphCase{
		"a validating webhook": {hook + plain + config("ValidatingWebhookConfiguration", "{service: {name: hook, namespace: shop}}"), proven},
		"a mutating webhook at a port": {hook + service("hook", "{name: a, port: 8443, targetPort: webhook-server}, {name: b, port: 443, targetPort: 1}") +
			config("MutatingWebhookConfiguration", "{service: {name: hook, namespace: shop, port: 8443}}"),
			[]string{"the Kubernetes API -> hook 9443/TCP proven", "db -> hook 1/TCP guessed"}},
		"an API service": {hook + plain + `
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.x.example.com}
spec: {service: {name: hook, namespace: shop}, groupPriorityMinimum: 1, versionPriority: 1}
---
`, proven},
		"an API service of the server itself": {`
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.apps}
spec: {groupPriorityMinimum: 1, versionPriority: 1}
---
`, nil},
		"by a URL":                    {config("ValidatingWebhookConfiguration", "{url: 'https://hook.example.com'}"), nil},
		"a Service that is not there": {hook + config("ValidatingWebhookConfiguration", "{service: {name: gone, namespace: shop}}"), nil},
		"through agents in the cluster": {hook + plain + strings.ReplaceAll(workload("agent", "", ""), "example.com/agent:1", "registry.k8s.io/kas-network-proxy/proxy-agent:v0.30") +
			config("ValidatingWebhookConfiguration", "{service: {name: hook, namespace: shop}}"),
			[]string{"the Kubernetes API -> hook 9443/TCP proven", "agent -> hook 9443/TCP proven"}},
		"a webhook by its name": {hook + service("hook", "{port: 443, targetPort: webhook-server}"),
			[]string{"the Kubernetes API -> hook 9443/TCP guessed", "db -> hook 9443/TCP guessed"}},
		"a webhook of others": {hook + service("stripe-webhook", "{port: 80, targetPort: 8080}"), []string{"db -> hook 8080/TCP guessed"}},
	})
}

func TestMonitors(t *testing.T) {
	prometheus := strings.ReplaceAll(workload("prom", "", ""), "example.com/prom:1", "quay.io/prometheus/prometheus:v3")
	web := workload("web", "", `
        ports: [{containerPort: 8080, name: http}, {containerPort: 9090, name: metrics}]`) + `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {selector: {app: web}, ports: [{name: m, port: 80, targetPort: metrics}]}
---
`
	monitor := func(kind, namespace, spec string) string {
		return `
apiVersion: monitoring.coreos.com/v1
kind: ` + kind + `
metadata: {name: m, namespace: ` + namespace + `}
spec: ` + spec + `
---
`
	}
	metrics := func(g *Graph) []string {
		return slices.DeleteFunc(links(g), func(line string) bool {
			return !strings.Contains(line, "-> web") && !strings.Contains(line, "-> prober")
		})
	}
	const own = "{selector: {matchLabels: {app: web}}, "
	tests := map[string]graphCase{
		"a ServiceMonitor, by the Service's port": {prometheus + web + monitor("ServiceMonitor", "shop", own+"endpoints: [{port: m}]}"), []string{"prom -> web 9090/TCP inferred"}},
		"by the container's port": {prometheus + web + monitor("ServiceMonitor", "shop", own+"endpoints: [{targetPort: metrics}, {targetPort: 8080}]}"),
			[]string{"prom -> web 8080/TCP 9090/TCP inferred"}},
		"a port that is not there": {prometheus + web + monitor("ServiceMonitor", "shop", own+"endpoints: [{port: gone}]}"), nil},
		"a namespace of its own":   {prometheus + web + monitor("ServiceMonitor", "other", own+"endpoints: [{port: m}]}"), nil},
		"a namespace that it names": {prometheus + web + monitor("ServiceMonitor", "other", own+"namespaceSelector: {matchNames: [shop]}, endpoints: [{port: m}]}"),
			[]string{"prom -> web 9090/TCP inferred"}},
		"all namespaces": {prometheus + web + monitor("ServiceMonitor", "other", own+"namespaceSelector: {any: true}, endpoints: [{port: m}]}"),
			[]string{"prom -> web 9090/TCP inferred"}},
		"a PodMonitor":               {prometheus + web + monitor("PodMonitor", "shop", own+"podMetricsEndpoints: [{port: metrics}]}"), []string{"prom -> web 9090/TCP inferred"}},
		"a PodMonitor, by number":    {prometheus + web + monitor("PodMonitor", "shop", own+"podMetricsEndpoints: [{portNumber: 1234}]}"), []string{"prom -> web 1234/TCP inferred"}},
		"nobody is known to collect": {web + monitor("PodMonitor", "shop", own+"podMetricsEndpoints: [{port: metrics}]}"), []string{"any pod -> web 9090/TCP guessed"}},
		"nobody is known, and the monitor is elsewhere": {web + monitor("PodMonitor", "other", own+"namespaceSelector: {any: true}, podMetricsEndpoints: [{port: metrics}]}"),
			[]string{"pods of other -> web 9090/TCP guessed"}},
		"a Probe": {prometheus + web + workload("prober", "9115", "") + monitor("Probe", "shop", "{prober: {url: 'prober.shop.svc:9115'}, targets: {staticConfig: {static: ['http://web.shop.svc/health']}}}"),
			[]string{"prober -> web 9090/TCP proven", "prom -> prober 9115/TCP inferred"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inv := fixestest.Load(t, tt.objects)
			inv.Strictness = fixes.WithInferred
			got := slices.DeleteFunc(metrics(Find(inv)), func(line string) bool {
				return strings.HasSuffix(line, "guessed") && !strings.HasPrefix(line, "any pod") && !strings.HasPrefix(line, "pods of")
			})
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
			}
		})
	}
}

func TestCredentialsOfPods(t *testing.T) {
	eks := []string{"web -> 169.254.170.23 80/TCP proven", "web -> fd00:ec2::23 80/TCP proven"}
	account := func(annotations string) string {
		return `
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: shop, annotations: {` + annotations + `}}
automountServiceAccountToken: false
---
`
	}
	const runsAs = `
      serviceAccountName: robot`
	testGraph(t, map[string]graphCase{
		"a variable of EKS": {workload("web", "", `
        env: [{name: AWS_CONTAINER_CREDENTIALS_FULL_URI, value: "http://169.254.170.23/v1/credentials"}]`), eks},
		"a token of EKS": {workload("web", "", `
      volumes: [{name: t, projected: {sources: [{serviceAccountToken: {audience: pods.eks.amazonaws.com, path: t}}]}}]`), eks},
		"a pod's token of EKS": {workload("web", "", "") + `
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-1, namespace: shop, uid: r1, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: "", controller: true}]}
spec: {selector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1-a, namespace: shop, labels: {app: web}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: r1, controller: true}]}
spec: {containers: [{name: c, image: x}], volumes: [{name: t, projected: {sources: [{serviceAccountToken: {audience: pods.eks.amazonaws.com, path: t}}]}}]}
---
`, eks},
		"an account of EKS": {account("eks.amazonaws.com/audience: pods.eks.amazonaws.com") + workload("web", "", runsAs), eks},
		"an account of GKE": {account("iam.gke.io/gcp-service-account: x@y.iam.gserviceaccount.com") + workload("web", "", runsAs),
			[]string{"web -> 169.254.169.252 988/TCP proven", "web -> 169.254.169.254 80/TCP proven"}},
		"a token for the API": {workload("web", "", `
      volumes: [{name: t, projected: {sources: [{serviceAccountToken: {path: t}}]}}]`), []string{"web -> the Kubernetes API inferred"}},
		"an account of neither": {account("example.com/x: z") + workload("web", "", runsAs), nil},
	})
}

// TestAPIClients tells who is let out to the Kubernetes API.
func TestAPIClients(t *testing.T) {
	const account = `
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: shop}
---
`
	const runsAs = `
      serviceAccountName: robot`
	binding := func(name, namespace string) string {
		return `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: b}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: ` + name + `, namespace: ` + namespace + `}]
---
`
	}
	open := func(objects string) string { return strings.ReplaceAll(objects, ", namespace: shop", "") }
	client := []string{"web -> the Kubernetes API inferred"}
	testGraph(t, map[string]graphCase{
		"an account that is not known":      {workload("web", "", runsAs), client},
		"one that has no rights":            {account + workload("web", "", runsAs), nil},
		"one that has some":                 {account + binding("robot", "shop") + workload("web", "", runsAs), client},
		"another of its name":               {account + binding("robot", "other") + workload("web", "", runsAs), nil},
		"manifests of no namespace":         {open(account) + binding("robot", "somewhere") + open(workload("web", "", runsAs)), client},
		"the default account has rights":    {binding("default", "shop") + workload("web", "", ""), append([]string{"db -> the Kubernetes API inferred"}, client...)},
		"the default account has none":      {workload("web", "", ""), nil},
		"what says that it is a client":     {account + workload("web", "", "        args: [--leader-elect]"+runsAs), client},
		"one that is told to have no token": {account + binding("robot", "shop") + workload("web", "", runsAs+"\n      automountServiceAccountToken: false"), nil},
	})
}

func TestNodeMetadataIsBlocked(t *testing.T) {
	g := Find(fixestest.Load(t, workload("web", "", `
        env: [{name: URL, value: "http://169.254.169.254/latest"}, {name: HOST, value: metadata.google.internal}]`)))
	if got := links(g); len(got) != 0 {
		t.Errorf("links %q", got)
	}
	if len(g.Blocked) != 2 || g.Blocked[0].To.Name != "169.254.169.254" {
		t.Errorf("blocked %v", g.Blocked)
	}
	own := Find(fixestest.Load(t, workload("web", "", `
        env: [{name: URL, value: "http://169.254.169.254/computeMetadata"}]
      serviceAccountName: robot`)+`
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: shop, annotations: {iam.gke.io/gcp-service-account: x@y.iam.gserviceaccount.com}}
`))
	if len(own.Blocked) != 0 {
		t.Errorf("blocked, where it gets credentials of its own: %v", own.Blocked)
	}
}

func TestResolvers(t *testing.T) {
	testGraph(t, map[string]graphCase{
		"servers of its own": {workload("web", "", `
      dnsPolicy: None
      dnsConfig: {nameservers: [198.51.100.53]}`), []string{"web -> 198.51.100.53 53/TCP 53/UDP proven"}},
		"those of the node": {workload("web", "", `
      dnsPolicy: Default`), []string{"web -> 0.0.0.0/0 53/TCP 53/UDP proven", "web -> ::/0 53/TCP 53/UDP proven"}},
	})
}
