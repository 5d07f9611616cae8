package network

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/connections"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/fixes/netpol"
)

// apiObjects are the Service and the addresses of the Kubernetes API.
const apiObjects = `
---
apiVersion: v1
kind: Service
metadata: {name: kubernetes, namespace: default}
spec: {clusterIP: 10.96.0.1, ports: [{name: https, port: 443, targetPort: 6443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kubernetes, namespace: default}
addressType: IPv4
endpoints: [{addresses: [192.0.2.10]}]
ports: [{name: https, port: 6443, protocol: TCP}]
`

const controlPlane = `
---
apiVersion: v1
kind: Node
metadata: {name: cp1}
spec: {podCIDR: 10.244.0.0/24}
status: {addresses: [{type: InternalIP, address: 192.0.2.10}]}
`

// hook is a webhook of namespace shop.
var hook = deployment("hook", "{app: hook}", "{containers: [{name: c, image: x, ports: [{containerPort: 9443}]}]}") +
	service("hook", "{selector: {app: hook}, ports: [{port: 443, targetPort: 9443}]}") + `
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: c}
webhooks: [{name: a.example.com, clientConfig: {service: {name: hook, namespace: shop}}}]
`

var robot = deployment("robot", "{app: robot}", "{serviceAccountName: robot, containers: [{name: c, image: x}]}")

// ciliumServed makes manifests those of a cluster with Cilium: they hold a policy
// of its.
const ciliumServed = `
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: other, namespace: elsewhere}
spec: {endpointSelector: {}}
`

func TestAPIServer(t *testing.T) {
	reported := []string{"Namespace shop networkPolicies review"}
	fixestest.Table(t, noDefaultDeny(), []fixestest.Case{{
		Name: "out to its addresses", Objects: robot + apiObjects, Want: reported,
		Diff:    []string{"+ cidr: 192.0.2.10/32", "+ - port: 6443", "+ cidr: 10.96.0.1/32", "+ - port: 443"},
		NotDiff: []string{"+ cidr: 0.0.0.0/0"},
	}, {
		Name: "out to anywhere, where they are not known", Objects: robot, Want: reported,
		Diff: []string{"+ - port: 6443", "+ cidr: 0.0.0.0/0", "+ - 169.254.0.0/16"},
	}, {
		Name: "a webhook, from the nodes of its servers", Objects: hook + apiObjects + controlPlane, Want: reported,
		Diff: []string{"+ name: allow-hook", "+ cidr: 192.0.2.10/32", "+ cidr: 10.244.0.0/30", "+ - port: 9443"},
	}, {
		Name: "a webhook, from anyone where the servers are elsewhere", Objects: hook + apiObjects, Want: reported,
		Diff: []string{"+ name: allow-hook", "+ - ports:", "+ - port: 9443"}, NotDiff: []string{"+ - from:"},
	}, {
		Name: "with Cilium, which does not find it by its address", Objects: hook + robot + apiObjects + controlPlane + ciliumServed, Want: reported,
		Diff: []string{"+ kind: CiliumNetworkPolicy", "+ - fromEntities:", "+ - remote-node", `+ - port: "9443"`, "+ - toEntities:", "+ - kube-apiserver", `+ - port: "6443"`},
	}})
}

// afterwards returns the policies of a plan that segments namespace shop.
func afterwards(t *testing.T, inv *fixes.Inventory) (*fixes.Draft, *netpol.Policies) {
	t.Helper()
	draft := segmented(t, inv)
	return draft, netpol.Compile(fixes.Objects[*networkingv1.NetworkPolicy](draft.Inventory, ""))
}

func TestAPIServerExactly(t *testing.T) {
	inv := fixestest.Load(t, robot+hook+apiObjects+controlPlane)
	draft, policies := afterwards(t, inv)
	at := func(addr string) netpol.Peer { return netpol.Peer{Addrs: []netip.Addr{netip.MustParseAddr(addr)}} }
	pod := func(name string) netpol.Peer {
		i := slices.IndexFunc(inv.Workloads("shop"), func(w fixes.Workload) bool { return w.Object.GetName() == name })
		return peerOf(inv, inv.Workloads("shop")[i])
	}
	for _, tt := range []struct {
		name string
		c    netpol.Connection
		want bool
	}{
		{"a server", netpol.Connection{From: pod("robot"), To: at("192.0.2.10"), Port: 6443}, true},
		{"its Service", netpol.Connection{From: pod("robot"), To: at("10.96.0.1"), Port: 443}, true},
		{"another port of the server", netpol.Connection{From: pod("robot"), To: at("192.0.2.10"), Port: 443}, false},
		{"another address", netpol.Connection{From: pod("robot"), To: at("198.51.100.1"), Port: 443}, false},
		{"the API to the webhook", netpol.Connection{From: at("192.0.2.10"), To: pod("hook"), Port: 9443}, true},
		{"the API through a tunnel", netpol.Connection{From: at("10.244.0.0"), To: pod("hook"), Port: 9443}, true},
		{"the API to another port", netpol.Connection{From: at("192.0.2.10"), To: pod("hook"), Port: 8080}, false},
		{"somebody to the webhook", netpol.Connection{From: at("198.51.100.1"), To: pod("hook"), Port: 9443}, false},
		{"a pod to the webhook", netpol.Connection{From: netpol.Peer{Namespace: "elsewhere", Addrs: at("10.244.3.9").Addrs}, To: pod("hook"), Port: 9443}, false},
	} {
		if got := policies.Allows(tt.c); got != tt.want {
			t.Errorf("%s: allowed %v", tt.name, got)
		}
	}
	rows := 0
	for _, row := range Compare(inv, draft.Inventory, "shop").Rows {
		if row.From.Place == connections.APIServer || row.To.Place == connections.APIServer {
			if rows++; !row.After {
				t.Errorf("cut: %v -> %v", row.From, row.To)
			}
		}
	}
	if rows != 2 {
		t.Errorf("%d rows of the API", rows)
	}
}

// risksOf returns the risks of segmenting namespace shop.
func risksOf(inv *fixes.Inventory) string {
	for _, f := range noDefaultDeny().Run(inv) {
		if f.Object.Name == "shop" {
			return strings.Join(f.Fix().Risks, "\n")
		}
	}
	return ""
}

func TestRisksOfAddresses(t *testing.T) {
	caller := deployment("web", "{app: web}", `{containers: [{name: c, image: x, env: [{name: API, value: "https://api.example.com/v1"}, {name: IMDS, value: "http://169.254.169.254/latest"}]}]}`)
	agent := func(image string) string {
		return strings.ReplaceAll(deployment("agent", "{app: agent}", "{hostNetwork: true, containers: [{name: c, image: "+image+"}]}"), "shop", "kube-system")
	}
	for name, tt := range map[string]struct {
		objects   string
		served    []string
		want, not []string
	}{
		"an API on nodes":   {robot + apiObjects + controlPlane, nil, []string{"192.0.2.10:6443 and 10.96.0.1:443: robot to the Kubernetes API. When a server is added"}, []string{"Managed"}},
		"a managed API":     {robot + hook + apiObjects, nil, []string{"Managed control planes change their addresses", "Open to everyone at the port that the API server calls, since a policy cannot name it and its addresses are not known, or change: the Kubernetes API to hook 9443/TCP."}, nil},
		"an API not known":  {robot, nil, nil, []string{"Let out to the Kubernetes API"}},
		"the node's roles":  {caller, nil, []string{"Cut, though objects name it, since it gives out the node's credentials: web to 169.254.169.254."}, nil},
		"a host":            {caller, nil, []string{"at the port alone: web to api.example.com 443/TCP."}, []string{"The other choice"}},
		"Cilium":            {caller + agent("quay.io/cilium/cilium:v1.19"), []string{"cilium.io/v2"}, []string{"Let out by name, in policies of Cilium", "The other choice is a NetworkPolicy"}, []string{"port alone"}},
		"Tetragon alone":    {caller, []string{"cilium.io/v1alpha1"}, []string{"at the port alone"}, []string{"The other choice"}},
		"Cilium of a cloud": {caller + agent("gke.gcr.io/cilium/cilium:v1.19"), []string{"cilium.io/v2"}, []string{"at the port alone", "The other choice is a policy that knows names: this edition"}, nil},
		"Calico":            {caller, []string{"projectcalico.org/v3"}, []string{"at the port alone", "Calico Enterprise and Calico Cloud (destination.domains)"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			inv := fixestest.Load(t, tt.objects)
			inv.Live, inv.APIVersions = true, tt.served
			got := risksOf(inv)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("lacks %q:\n%s", want, got)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(got, not) {
					t.Errorf("holds %q:\n%s", not, got)
				}
			}
		})
	}
}

func TestHostsByName(t *testing.T) {
	web := deployment("web", "{app: web}", `{containers: [{name: c, image: x, env: [{name: API, value: "https://api.example.com/v1"}, {name: OLD_HOST, value: "198.51.100.7:25"}]}]}`)
	db := deployment("db", "{app: db}", "{containers: [{name: c, image: postgres}]}")
	isolated := networkPolicy("own", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress, Egress]}")
	reported := []string{"Namespace shop networkPolicies review"}
	fixestest.Table(t, noDefaultDeny(), []fixestest.Case{{
		Name: "Cilium is there", Objects: web + db + isolated + ciliumServed, Want: reported,
		Diff: []string{"+ kind: CiliumNetworkPolicy", "+ name: allow-web", "+ - toFQDNs:", "+ - matchName: api.example.com", `+ - port: "443"`,
			"+ dns:", "+ - matchPattern: '*'", "+ k8s:k8s-app: kube-dns", "+ cidr: 198.51.100.7/32", "+ operator: NotIn"},
		NotDiff: []string{"+ cidr: 0.0.0.0/0", "+ - port: 443"},
	}, {
		Name: "it is not", Objects: web, Want: reported,
		Diff: []string{"+ cidr: 0.0.0.0/0", "+ - port: 443"}, NotDiff: []string{"+ kind: CiliumNetworkPolicy"},
	}, {
		Name: "the name is taken", Objects: web + strings.Replace(strings.Replace(ciliumServed, "elsewhere", "shop", 1), "other", "allow-web", 1), Want: reported,
		Diff: []string{"+ name: allow-web-2"},
	}})
	fixestest.Table(t, allowAll(), []fixestest.Case{{
		Name: "narrowed to names", Objects: web + ciliumServed + networkPolicy("p", "{podSelector: {}, policyTypes: [Egress], egress: [{}]}"),
		Want: []string{"NetworkPolicy shop/p spec.egress[0] review"},
		Diff: []string{"+ kind: CiliumNetworkPolicy", "+ - matchName: api.example.com"}, NotDiff: []string{"+ cidr: 0.0.0.0/0"},
	}})

	inv := fixestest.Load(t, web+ciliumServed)
	draft := segmented(t, inv)
	for _, row := range Compare(inv, draft.Inventory, "shop").Rows {
		if row.To.Place == connections.Host && !row.After {
			t.Errorf("cut: %v -> %v %v", row.From, row.To, row.Ports)
		}
	}
	other := connections.Link{From: connections.End{Workload: inv.Workloads("shop")[0].Ref()}, To: connections.End{Place: connections.Host, Name: "other.example.com"},
		Ports: []connections.Port{{Protocol: "TCP", Number: 443}}}
	if newSimulation(draft.Inventory).allows(other) {
		t.Error("another name is let out to")
	}
}

func TestDNS(t *testing.T) {
	web := deployment("web", "{app: web}", "")
	system := func(namespace, kind, name, labels, podSpec string) string {
		return `
---
apiVersion: apps/v1
kind: ` + kind + `
metadata: {name: ` + name + `, namespace: ` + namespace + `}
spec:
  selector: {matchLabels: ` + labels + `}
  template: {metadata: {labels: ` + labels + `}, spec: ` + podSpec + `}
`
	}
	dnsService := func(namespace, name, labels, selector, ports string) string {
		return `
---
apiVersion: v1
kind: Service
metadata: {name: ` + name + `, namespace: ` + namespace + `, labels: ` + labels + `}
spec: {clusterIP: 10.96.0.53, selector: ` + selector + `, ports: [` + ports + `]}
`
	}
	const udp = "{name: dns, port: 53, protocol: UDP}"
	reported := []string{"Namespace shop networkPolicies review"}
	base := []string{"+ k8s-app: kube-dns", "+ cidr: 169.254.20.10/32", "+ - port: 53"}
	with := func(lines ...string) []string { return append(slices.Clone(base), lines...) }
	fixestest.Table(t, noDefaultDeny(), []fixestest.Case{{
		Name: "OpenShift", Objects: web + strings.ReplaceAll(web, "shop", "openshift-dns-look-alike") + system("openshift-dns", "DaemonSet", "dns-default", "{dns.operator.openshift.io/daemonset-dns: default}",
			"{containers: [{name: dns, image: 'quay.io/openshift/coredns:v1', ports: [{name: dns, containerPort: 5353, protocol: UDP}, {name: m, containerPort: 9154}]}]}") +
			dnsService("openshift-dns", "dns-default", "{}", "{dns.operator.openshift.io/daemonset-dns: default}", "{name: dns, port: 53, targetPort: dns, protocol: UDP}, {name: metrics, port: 9154, targetPort: m}"),
		Want: []string{"Namespace openshift-dns networkPolicies review", "Namespace openshift-dns-look-alike networkPolicies review", "Namespace shop networkPolicies review"},
		Diff: with("+ kubernetes.io/metadata.name: openshift-dns", "+ dns.operator.openshift.io/daemonset-dns: default", "+ - port: 5353", "+ cidr: 10.96.0.53/32"), NotDiff: []string{"+ - port: 9154"},
	}, {
		Name: "CoreDNS by another name and label", Objects: web + system("kube-system", "Deployment", "names", "{app: names}", "{containers: [{name: c, image: 'registry.k8s.io/coredns/coredns:v1.12'}]}") +
			dnsService("kube-system", "names", "{}", "{app: names}", "{name: d, port: 53, targetPort: 8053, protocol: UDP}"),
		Want: reported, Diff: with("+ app: names", "+ - port: 8053", "+ cidr: 10.96.0.53/32"),
	}, {
		Name: "a Service of that name and image that anybody made", Objects: web + strings.ReplaceAll(system("x", "Deployment", "coredns", "{app: names}", "{containers: [{name: c, image: coredns/coredns}]}"), "namespace: x", "namespace: kube-public") +
			dnsService("tenant", "kube-dns", "{k8s-app: kube-dns}", "{app: names}", udp),
		Want: reported, Diff: base, NotDiff: []string{"+ kubernetes.io/metadata.name: tenant", "+ cidr: 10.96.0.53/32"},
	}, {
		Name: "what the kubelets are told, wherever it is", Objects: web + dnsService("names", "server", "{}", "{app: names}", udp) + `
---
apiVersion: v1
kind: ConfigMap
metadata: {name: kubelet-config, namespace: kube-system}
data: {kubelet: "kind: KubeletConfiguration\nclusterDNS: [10.96.0.53, 169.254.25.10]\n"}
`,
		Want: reported, Diff: with("+ kubernetes.io/metadata.name: names", "+ app: names", "+ cidr: 10.96.0.53/32", "+ cidr: 169.254.25.10/32"),
	}, {
		Name: "NodeLocal DNSCache at another address", Objects: web + system("kube-system", "DaemonSet", "node-local-dns", "{k8s-app: node-local-dns}",
			"{hostNetwork: true, containers: [{name: c, image: 'registry.k8s.io/dns/k8s-dns-node-cache:1.26', args: [-localip, '169.254.20.25,10.96.0.10', -conf, x]}]}"),
		Want: reported, Diff: with("+ cidr: 169.254.20.25/32", "+ cidr: 10.96.0.10/32"), NotDiff: []string{"+ k8s-app: node-local-dns"},
	}, {
		Name: "NodeLocal DNSCache in pods of their own", Objects: web + system("kube-system", "DaemonSet", "node-local-dns", "{k8s-app: node-local-dns}",
			"{containers: [{name: c, image: 'registry.k8s.io/dns/k8s-dns-node-cache:1.26', args: ['-localip=169.254.20.10']}]}"),
		Want: reported, Diff: with("+ k8s-app: node-local-dns"),
	}})
}

func TestMetadataOfGKE(t *testing.T) {
	account := `
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot, namespace: shop, annotations: {iam.gke.io/gcp-service-account: x@y.iam.gserviceaccount.com}}
automountServiceAccountToken: false
`
	own := networkPolicy("p", "{podSelector: {matchLabels: {app: robot}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 169.254.169.254/32}}], ports: [{port: 80}]}]}")
	all := networkPolicy("p", "{podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}")
	web := deployment("web", "{app: web}", "")
	reported := []string{"NetworkPolicy shop/p spec.egress review"}
	fixestest.Table(t, metadataEgress(), []fixestest.Case{
		{Name: "only pods with credentials of their own", Objects: robot + web + account + own},
		{Name: "pods without", Objects: robot + web + own, Want: reported},
		{Name: "both", Objects: robot + web + account + all, Want: reported},
	})
	// Both rules together: what one allows, the other does not complain of.
	result := fixes.Scan(fixestest.Load(t, robot+web+account), Rules())
	if diff := fixestest.ClosedLoop(t, result); !slices.Contains(diff, "+ cidr: 169.254.169.254/32") || !slices.Contains(diff, "+ cidr: 169.254.169.252/32") {
		t.Errorf("the metadata server of GKE is cut:\n%s", strings.Join(diff, "\n"))
	}
	node := deployment("web", "{app: web}", "{containers: [{name: c, image: x, env: [{name: IMDS, value: 'http://169.254.169.254'}]}]}")
	if diff := fixestest.ClosedLoop(t, fixes.Scan(fixestest.Load(t, node), Rules())); slices.Contains(diff, "+ cidr: 169.254.169.254/32") {
		t.Error("the node's metadata is let out to, since a variable names it")
	}
}

func TestGatewayNoTLS(t *testing.T) {
	gateway := func(listeners string) string {
		return `
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec: {gatewayClassName: c, listeners: [` + listeners + `]}
`
	}
	route := func(section, rules string) string {
		return `
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r` + section + `, namespace: web}
spec: {parentRefs: [{name: gw, namespace: shop, sectionName: "` + section + `"}], rules: [` + rules + `]}
`
	}
	const (
		http     = "{name: http, port: 80, protocol: HTTP}"
		host     = "{name: http, port: 80, protocol: HTTP, hostname: a.example.com}"
		https    = "{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: s}]}}"
		redirect = "{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]}"
	)
	secret := tlsSecret(t, "*.example.com")
	manual, review := []string{"Gateway shop/gw spec.listeners[0].protocol manual"}, []string{"Gateway shop/gw spec.listeners[0].protocol review"}
	fixestest.Table(t, ingressNoTLS(), []fixestest.Case{
		{Name: "without TLS", Objects: gateway(http), Want: manual},
		{Name: "a certificate for the host", Objects: gateway(host) + secret, Want: review,
			Diff: []string{"+ port: 443", "+ protocol: HTTPS", "- protocol: HTTP", "+ name: wild", "+ mode: Terminate"}},
		{Name: "a certificate, but not known for which host", Objects: gateway(http) + secret, Want: manual},
		{Name: "the port is taken by something else", Objects: gateway(host+", {name: tls, port: 443, protocol: TLS}") + secret, Want: manual},
		{Name: "a listener with TLS is there, and routes use both", Objects: gateway(host+", "+https) + secret + route("", "{}"), Want: manual},
		{Name: "all it does is redirect", Objects: gateway(http+", "+https) + route("http", redirect) + route("https", "{}")},
		{Name: "it does something else too", Objects: gateway(http+", "+https) + route("http", redirect+", {}"), Want: manual},
		{Name: "another route uses it", Objects: gateway(http+", "+https) + route("http", redirect) + route("", "{}"), Want: manual},
		{Name: "a redirect to another path", Objects: gateway(http) + route("http", "{filters: [{type: RequestRedirect, requestRedirect: {path: {type: ReplaceFullPath, replaceFullPath: /x}}}]}"), Want: manual},
		{Name: "raw TCP", Objects: gateway("{name: db, port: 5432, protocol: TCP}"), Want: manual},
		{Name: "with TLS", Objects: gateway(https)},
		{Name: "TLS and datagrams", Objects: gateway("{name: a, port: 443, protocol: TLS}, {name: b, port: 53, protocol: UDP}, {name: c, port: 15008, protocol: HBONE}")},
		{Name: "the load balancer has a certificate", Objects: strings.Replace(gateway(http), "listeners:", "infrastructure: {annotations: {service.beta.kubernetes.io/aws-load-balancer-ssl-cert: x}}, listeners:", 1)},
	})
	for _, f := range ingressNoTLS().Run(fixestest.Load(t, gateway("{name: db, port: 5432, protocol: TCP}"))) {
		if f.Severity != fixes.Low {
			t.Errorf("severity %v", f.Severity)
		}
	}
}
