package main

import (
	"strings"
	"testing"
)

// connectedShop is what tells of connections through the kinds of others: a
// Gateway, a monitor, a webhook, the API, a host by name.
const connectedShop = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: NS}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: true
      containers: [{name: c, image: example.com/web:1, ports: [{containerPort: 8443, name: tls}, {containerPort: 9090, name: metrics}],
        env: [{name: PAYMENT_URL, value: "https://pay.example.com/v1"}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: NS, labels: {app: web}}
spec: {selector: {app: web}, ports: [{name: tls, port: 443, targetPort: tls}, {name: metrics, port: 9090, targetPort: metrics}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: proxy, namespace: NS}
spec:
  selector: {matchLabels: {app: proxy}}
  template:
    metadata: {labels: {app: proxy, gateway.networking.k8s.io/gateway-name: edge}}
    spec: {containers: [{name: c, image: example.com/proxy:1}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: metrics, namespace: NS}
spec:
  selector: {matchLabels: {app: metrics}}
  template:
    metadata: {labels: {app: metrics}}
    spec: {containers: [{name: c, image: quay.io/prometheus/prometheus:v3}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: hook, namespace: NS}
spec:
  selector: {matchLabels: {app: hook}}
  template:
    metadata: {labels: {app: hook}}
    spec: {containers: [{name: c, image: example.com/hook:1, ports: [{containerPort: 9443}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: hook, namespace: NS}
spec: {selector: {app: hook}, ports: [{port: 443, targetPort: 9443}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: NS}
spec: {gatewayClassName: edge, listeners: [{name: tls, port: 443, protocol: TLS, tls: {mode: Passthrough}}, {name: plain, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1alpha3
kind: TLSRoute
metadata: {name: web, namespace: NS}
spec: {parentRefs: [{name: edge}], hostnames: [shop.example.com], rules: [{backendRefs: [{name: web, port: 443}]}]}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: web, namespace: NS}
spec: {selector: {matchLabels: {app: web}}, endpoints: [{port: metrics}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: NS}
webhooks:
- name: hook.example.com
  clientConfig: {service: {name: hook, namespace: NS}}
  rules: [{apiGroups: [none.example.com], apiVersions: [v1], operations: [CREATE], resources: [nothings]}]
  failurePolicy: Ignore
  sideEffects: None
  admissionReviewVersions: [v1]
`

// apiAddresses are what API servers publish of themselves.
const apiAddresses = `
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: kubernetes, namespace: default}
addressType: IPv4
endpoints: [{addresses: [192.0.2.10]}]
ports: [{name: https, port: 6443, protocol: TCP}]
`

// TestConnectionsOfOtherKinds segments a namespace of a real server that serves
// the Gateway API, monitors and Cilium's policies, and takes it back.
func TestConnectionsOfOtherKinds(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	const file = "../../testdata/customkinds/network.yaml"
	control.Kubectl(t, "apply", "-f", file)
	t.Cleanup(func() { control.Kubectl(t, "delete", "-f", file, "--timeout=60s") })
	control.Kubectl(t, "wait", "--for=condition=Established", "-f", file, "--timeout=180s")
	eventually(t, "the kinds", func() bool {
		_, _, err := control.KubectlErr("get", "gateways,tlsroutes,servicemonitors,ciliumnetworkpolicies", "-A")
		return err == nil
	})
	ns := namespace(t, "connected")
	control.Apply(t, strings.ReplaceAll(connectedShop, "NS", ns))
	t.Cleanup(func() { control.Kubectl(t, "delete", "validatingwebhookconfiguration", ns) })

	// The control plane listens on the loopback alone, and so publishes no address.
	control.Apply(t, apiAddresses)
	t.Cleanup(func() { control.Kubectl(t, "delete", "endpointslice", "kubernetes", "-n", "default") })

	scan := parseReport(t, succeed(t, "-n", ns, "-o", "json"))
	plain := false
	for _, f := range inNamespaces(scan, ns) {
		plain = plain || f.Rule == "ingress-no-tls" && f.Object.Kind == "Gateway" && f.Path == "spec.listeners[1].protocol"
	}
	if !plain || len(scan.Skipped) > 0 {
		t.Errorf("the listener without TLS is found: %v; skipped %v", plain, scan.Skipped)
	}

	fix := []string{"-n", ns, "--rule", "network-no-default-deny", "--confidence=review", "--fix", "--yes"}
	succeed(t, fix...)
	policy := func(kind, name string) string {
		return control.Kubectl(t, "get", kind, name, "-n", ns, "-o", "jsonpath={.spec}")
	}
	service := control.Kubectl(t, "get", "service", "kubernetes", "-n", "default", "-o", "jsonpath={.spec.clusterIP}/32")
	for _, tt := range []struct {
		kind, name string
		has, not   []string
	}{
		{"networkpolicy", "allow-web", []string{`"cidr":"192.0.2.10/32"`, `"port":6443`, `"cidr":"` + service + `"`, `"app":"proxy"`, `"port":8443`, `"app":"metrics"`, `"port":9090`}, []string{`"0.0.0.0/0"`}},
		{"networkpolicy", "allow-hook", []string{`"port":9443`}, nil},
		{"ciliumnetworkpolicy", "allow-web", []string{`"matchName":"pay.example.com"`, `"kube-apiserver"`, `"matchPattern":"*"`}, nil},
		{"ciliumnetworkpolicy", "allow-hook", []string{`"fromEntities":["kube-apiserver"`, `"port":"9443"`}, nil},
	} {
		spec := policy(tt.kind, tt.name)
		for _, want := range tt.has {
			if !strings.Contains(spec, want) {
				t.Errorf("%s %s lacks %s: %s", tt.kind, tt.name, want, spec)
			}
		}
		for _, not := range tt.not {
			if strings.Contains(spec, not) {
				t.Errorf("%s %s holds %s: %s", tt.kind, tt.name, not, spec)
			}
		}
	}
	for _, f := range inNamespaces(parseReport(t, succeed(t, "-n", ns, "-o", "json")), ns) {
		if f.Rule == "network-no-default-deny" {
			t.Errorf("still there after the fix: %s", f.Message)
		}
	}
	succeed(t, "undo", "--yes")
	// The garbage collector ends the deletion; it learns of new kinds within half a minute.
	eventually(t, "the end of all policies after the undo", func() bool {
		return control.Kubectl(t, "get", "networkpolicies,ciliumnetworkpolicies", "-n", ns, "-o", "name") == ""
	})
}
