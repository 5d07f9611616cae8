package network

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func service(name, spec string) string {
	return `
---
apiVersion: v1
kind: Service
metadata: {name: ` + name + `, namespace: shop}
spec: ` + spec + `
`
}

func TestAllowAll(t *testing.T) {
	web := deployment("web", "{app: web}", `{containers: [{name: c, image: x, env: [{name: DB, value: "db:5432"}]}]}`)
	db := deployment("db", "{app: db}", "{containers: [{name: c, image: postgres}]}") + service("db", "{selector: {app: db}, ports: [{port: 5432}]}")
	ingress := []string{"NetworkPolicy shop/p spec.ingress[0] review"}
	egress := []string{"NetworkPolicy shop/p spec.egress[0] review"}
	fixestest.Table(t, allowAll(), []fixestest.Case{{
		Name:    "an empty rule",
		Objects: web + db + networkPolicy("p", "{podSelector: {matchLabels: {app: db}}, ingress: [{}], policyTypes: [Ingress]}"),
		Want:    ingress,
		Diff:    []string{"- ingress:", "+ name: allow-db", "+ - port: 5432", "+ app: web"},
	}, {
		Name:    "without policyTypes, which then have to be said",
		Objects: web + db + networkPolicy("p", "{podSelector: {matchLabels: {app: db}}, ingress: [{}]}"),
		Want:    ingress,
		Diff:    []string{"+ policyTypes:", "+ - Ingress"},
	}, {
		Name:    "everything out",
		Objects: web + db + networkPolicy("p", "{podSelector: {matchLabels: {app: web}}, egress: [{}], policyTypes: [Egress]}"),
		Want:    egress,
		Diff:    []string{"+ name: allow-web", "+ - port: 5432", "+ name: allow-dns", "+ - port: 53"},
	}, {
		Name:    "all addresses",
		Objects: web + networkPolicy("p", "{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}], policyTypes: [Egress]}"),
		Want:    egress,
	}, {
		Name:    "all namespaces, on all ports",
		Objects: web + networkPolicy("p", "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}"),
		Want:    ingress,
	}, {
		Name: "all namespaces to a store, on its port for metrics",
		Objects: web + db + `---
apiVersion: v1
kind: Service
metadata: {name: db-metrics, namespace: shop, annotations: {prometheus.io/scrape: "true", prometheus.io/port: "9187"}}
spec: {selector: {app: db}, ports: [{port: 9187}]}
` + networkPolicy("p", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 9187}]}]}"),
	}, {
		Name:    "all namespaces to a store, on its port",
		Objects: web + db + networkPolicy("p", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 5432}]}]}"),
		Want:    ingress,
	}, {
		Name:    "all namespaces to a port of something else",
		Objects: web + networkPolicy("p", "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}], ports: [{port: 80}]}]}"),
	}, {
		Name:    "a port for everyone",
		Objects: web + networkPolicy("p", "{podSelector: {}, ingress: [{ports: [{port: 80}]}]}"),
	}, {
		Name:    "all addresses but private ones",
		Objects: web + networkPolicy("p", "{podSelector: {}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}], policyTypes: [Egress]}"),
	}, {
		Name:    "a rule of a direction that the policy is not about",
		Objects: web + networkPolicy("p", "{podSelector: {}, ingress: [{}], policyTypes: [Egress]}"),
	}, {
		Name:    "a policy for nobody",
		Objects: web + networkPolicy("p", "{podSelector: {matchLabels: {app: gone}}, ingress: [{}]}"),
	}})
}

func TestMetadataEgress(t *testing.T) {
	policy := func(egress string) string {
		return networkPolicy("p", "{podSelector: {}, policyTypes: [Egress], egress: ["+egress+"]}")
	}
	reported := []string{"NetworkPolicy shop/p spec.egress review"}
	fixestest.Table(t, metadataEgress(), []fixestest.Case{{
		Name: "all addresses", Objects: policy("{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}"), Want: reported,
		Diff: []string{"+ except:", "+ - 169.254.169.254/32"},
	}, {
		Name: "other exceptions stay", Objects: policy("{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]}"), Want: reported,
		Diff: []string{"+ - 169.254.169.254/32"}, NotDiff: []string{"- - 10.0.0.0/8"},
	}, {
		Name: "every peer on a port of the web", Objects: policy("{ports: [{port: 80}]}"), Want: reported,
		Diff: []string{"+ cidr: 0.0.0.0/0", "+ - 169.254.169.254/32", "+ - fd00:ec2::254/128", "+ - namespaceSelector: {}"},
	}, {
		Name: "the address itself: the rule goes", Objects: policy("{to: [{ipBlock: {cidr: 169.254.169.254/32}}]}, {to: [{podSelector: {}}]}"), Want: reported,
		Diff: []string{"- cidr: 169.254.169.254/32"}, NotDiff: []string{"- - podSelector: {}"},
	}, {
		Name: "link-local addresses", Objects: policy("{to: [{ipBlock: {cidr: 169.254.0.0/16}}]}"), Want: reported,
	}, {
		Name: "IPv6", Objects: policy("{to: [{ipBlock: {cidr: 'fd00::/8'}}]}"), Want: reported, Diff: []string{"+ - fd00:ec2::254/128"},
	}, {
		Name: "excepted", Objects: policy("{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}}]}"),
	}, {
		Name: "another port", Objects: policy("{ports: [{port: 443}]}"),
	}, {
		Name: "another network", Objects: policy("{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}"),
	}, {
		Name: "pods", Objects: policy("{to: [{namespaceSelector: {}}]}"),
	}})
}

func TestServiceExposed(t *testing.T) {
	db := deployment("db", "{app: db}", "{containers: [{name: c, image: redis}]}")
	fixestest.Table(t, serviceExposed(), []fixestest.Case{{
		Name: "a node's port", Objects: service("s", "{type: NodePort, externalTrafficPolicy: Local, selector: {app: x}, ports: [{port: 80, nodePort: 30080}]}"),
		Want: []string{"Service shop/s spec.type review"}, Diff: []string{"+ type: ClusterIP", "- - nodePort: 30080", "- externalTrafficPolicy: Local"},
	}, {
		Name: "addresses of others", Objects: service("s", "{externalIPs: [192.0.2.1], ports: [{port: 80}]}"),
		Want: []string{"Service shop/s spec.externalIPs review"}, Diff: []string{"- externalIPs:"},
	}, {
		Name: "a load balancer of a store", Objects: db + service("s", "{type: LoadBalancer, selector: {app: db}, ports: [{port: 6379}]}"),
		Want: []string{"Service shop/s spec.loadBalancerSourceRanges review"}, Diff: []string{"+ - 10.0.0.0/8"},
	}, {
		Name: "ranges that hold everybody", Objects: service("s", "{type: LoadBalancer, loadBalancerSourceRanges: [0.0.0.0/0], ports: [{port: 8080}]}"),
		Want: []string{"Service shop/s spec.loadBalancerSourceRanges review"},
	}, {
		Name: "a website", Objects: service("s", "{type: LoadBalancer, ports: [{port: 80}, {port: 443}]}"),
		Want: []string{"Service shop/s spec.loadBalancerSourceRanges manual"},
	}, {
		Name: "with ranges", Objects: service("s", "{type: LoadBalancer, loadBalancerSourceRanges: [203.0.113.0/24], ports: [{port: 8080}]}"),
	}, {
		Name: "internal", Objects: `
apiVersion: v1
kind: Service
metadata: {name: s, namespace: shop, annotations: {service.beta.kubernetes.io/azure-load-balancer-internal: "true"}}
spec: {type: LoadBalancer, ports: [{port: 8080}]}
`,
	}, {
		Name: "inside", Objects: service("s", "{ports: [{port: 8080}]}"),
	}})
}

// certificate returns a certificate for a name, in PEM.
func certificate(t *testing.T, name string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// tlsSecret writes a Secret wild with a certificate for a name.
func tlsSecret(t *testing.T, name string) string {
	t.Helper()
	return `
---
apiVersion: v1
kind: Secret
metadata: {name: wild, namespace: shop}
type: kubernetes.io/tls
data: {tls.crt: ` + base64.StdEncoding.EncodeToString([]byte(certificate(t, name))) + `, tls.key: ""}
`
}

func TestIngressNoTLS(t *testing.T) {
	ingress := func(annotations, spec string) string {
		return `
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front, namespace: shop, annotations: ` + annotations + `}
spec: ` + spec + `
`
	}
	secret := tlsSecret(t, "*.example.com")
	const a, b = "{host: a.example.com}", "{host: b.example.com}"
	fixestest.Table(t, ingressNoTLS(), []fixestest.Case{{
		Name: "no certificate", Objects: ingress("{}", "{rules: ["+a+"]}"),
		Want: []string{"Ingress shop/front spec.rules[0].host manual"},
	}, {
		Name: "a certificate for the host", Objects: secret + ingress("{}", "{rules: ["+a+", "+b+"]}"),
		Want: []string{"Ingress shop/front spec.rules[0].host review", "Ingress shop/front spec.rules[1].host review"},
		Diff: []string{"+ tls:", "+ - a.example.com", "+ - b.example.com", "+ secretName: wild"},
	}, {
		Name: "one of two hosts", Objects: ingress("{}", "{rules: ["+a+", "+b+"], tls: [{hosts: [a.example.com], secretName: s}]}"),
		Want: []string{"Ingress shop/front spec.rules[1].host manual"},
	}, {
		Name: "all hosts", Objects: ingress("{}", "{rules: [{}]}"),
		Want: []string{"Ingress shop/front spec.rules[0].host manual"},
	}, {
		Name: "a wildcard covers", Objects: ingress("{}", "{rules: ["+a+"], tls: [{hosts: ['*.example.com'], secretName: s}]}"),
	}, {
		Name: "an entry for all hosts", Objects: ingress("{}", "{rules: ["+a+"], tls: [{secretName: s}]}"),
	}, {
		Name: "the load balancer has a certificate", Objects: ingress("{alb.ingress.kubernetes.io/certificate-arn: x}", "{rules: ["+a+"]}"),
	}, {
		Name: "a wildcard is for one label", Objects: ingress("{}", "{rules: [{host: a.b.example.com}], tls: [{hosts: ['*.example.com'], secretName: s}]}"),
		Want: []string{"Ingress shop/front spec.rules[0].host manual"},
	}})
}
