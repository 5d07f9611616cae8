package metrics_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/quota"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
	"github.com/kubectl-harden/kubectl-harden/plugin/metrics"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
	"github.com/kubectl-harden/kubectl-harden/testdata/cluster"
)

// server plays a metrics server: an API server of its own, to which the cluster's
// passes on what is asked of metrics.k8s.io.
type server struct {
	pods  atomic.Value // the PodMetrics to answer with, or what is none
	asked atomic.Int32
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/apis/metrics.k8s.io/v1beta1":
		fmt.Fprint(w, `{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": "metrics.k8s.io/v1beta1",
"resources": [{"name": "pods", "singularName": "", "namespaced": true, "kind": "PodMetrics", "verbs": ["get", "list"]}]}`)
	case "/apis/metrics.k8s.io/v1beta1/pods", "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods":
		s.asked.Add(1)
		fmt.Fprint(w, s.pods.Load())
	default:
		http.NotFound(w, r)
	}
}

// start registers a metrics server with a cluster, at a loopback address.
func start(t *testing.T, control *cluster.Cluster) *server {
	t.Helper()
	s := &server{}
	https := httptest.NewTLSServer(s)
	t.Cleanup(https.Close)
	_, port, err := net.SplitHostPort(https.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	control.Apply(t, `
apiVersion: v1
kind: Service
metadata: {name: metrics-server, namespace: kube-system}
spec: {type: ExternalName, externalName: 127.0.0.1}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec:
  group: metrics.k8s.io
  version: v1beta1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {name: metrics-server, namespace: kube-system, port: `+port+`}
`)
	control.Kubectl(t, "wait", "apiservice/v1beta1.metrics.k8s.io", "--for=condition=Available", "--timeout=180s")
	return s
}

func connect(t *testing.T, kubeconfig string) *client.Client {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// metricsOf answers for pods with a cpu each, of one container app.
func metricsOf(pods []string, cpu ...string) string {
	type object = map[string]any
	var items []object
	for i, pod := range pods {
		items = append(items, object{
			"metadata": object{"name": pod, "namespace": "shop"}, "timestamp": "2026-01-02T03:04:05Z", "window": "15.5s",
			"containers": []object{{"name": "app", "usage": object{"cpu": cpu[i%len(cpu)], "memory": "40Mi"}}},
		})
	}
	text, _ := json.Marshal(object{"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "items": items})
	return string(text)
}

// load returns the facts by name and the skips.
func load(t *testing.T, p metrics.Pods) (map[string]*fixes.Usage, []fixes.Skip) {
	t.Helper()
	facts, skips := map[string]*fixes.Usage{}, []fixes.Skip(nil)
	if err := p.Load(t.Context(), fixes.NewInventory(), func(b source.Batch) {
		for _, obj := range b.Objects {
			facts[obj.GetName()] = obj.(*fixes.Usage)
		}
		skips = append(skips, b.Skips...)
	}); err != nil {
		t.Fatal(err)
	}
	return facts, skips
}

// A real API server passes on what a metrics server says, through an APIService,
// and containers are sized by it.
func TestMetricsServer(t *testing.T) {
	control := cluster.Start(t)
	api := connect(t, control.Kubeconfig)
	if facts, skips := load(t, metrics.Pods{API: api}); len(facts) > 0 || len(skips) > 0 {
		t.Errorf("without a metrics server: %v, %v", facts, skips)
	}
	dev := metrics.Pods{API: connect(t, control.KubeconfigNoRights)}
	if facts, skips := load(t, dev); len(facts) > 0 || len(skips) > 0 {
		t.Errorf("without a metrics server, nor rights: %v, %v", facts, skips)
	}

	served := start(t, control)
	control.Kubectl(t, "create", "namespace", "shop")
	control.Apply(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: app, image: example.com/web:1}]}
`)
	control.Kubectl(t, "rollout", "status", "deployment/web", "-n", "shop", "--timeout=180s")
	pods := strings.Fields(control.Kubectl(t, "get", "pods", "-n", "shop", "-o", "jsonpath={.items[*].metadata.name}"))
	served.pods.Store(metricsOf(pods, "210m", "300m", "90m"))

	facts, skips := load(t, metrics.Pods{API: api, Namespace: "shop"})
	if len(facts) != 3 || len(skips) > 0 {
		t.Fatalf("facts %v, skips %v", facts, skips)
	}
	u := facts[pods[1]]
	if app := u.Container("app"); u.Window != 15500*time.Millisecond || u.Taken.Year() != 2026 || app.Cpu().MilliValue() != 300 || u.Container("other") != nil {
		t.Errorf("%+v", u)
	}

	result, err := source.Scan(t.Context(), &source.Cluster{Client: api}, []source.Facts{metrics.Pods{API: api}}, quota.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Inventory.Skips()) > 0 {
		t.Errorf("skips: %v", result.Inventory.Skips())
	}
	var said []string
	for _, f := range result.Findings {
		said = append(said, f.Evidence...)
	}
	for _, want := range []string{
		"proposed request of 0.36 cpu: 0.3 cpu is the 95th percentile of what is used by 3 pods, averaged over 15.5s; + 20%",
		"proposed limit of 96Mi memory: twice what it requests",
		"default cpu request 300m: the median of what 1 container used",
		// three pods of 300m and 48Mi with 20%; three that replace them, and a surge
		"quota with headroom: 2.3 cpu, 384Mi memory, 17Gi ephemeral storage, 17 pods",
	} {
		if text := strings.Join(said, "\n"); !strings.Contains(text, want) {
			t.Errorf("not said: %q in\n%s", want, text)
		}
	}

	if facts, skips := load(t, dev); len(facts) > 0 || fmt.Sprint(skips) != "[{pods.metrics.k8s.io  forbidden}]" {
		t.Errorf("without rights: %v, %v", facts, skips)
	}
	for answer, reason := range map[string]string{
		"no JSON": "the answer is no list of PodMetrics",
		`{"items": [{"containers": [{"usage": {"cpu": "many"}}]}]}`: "the answer is no list of PodMetrics",
	} {
		served.pods.Store(answer)
		if facts, skips := load(t, metrics.Pods{API: api}); len(facts) > 0 || len(skips) != 1 || skips[0].Reason != reason {
			t.Errorf("%s: %v, %v", answer, facts, skips)
		}
	}
	control.Kubectl(t, "delete", "service", "metrics-server", "-n", "kube-system")
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		facts, skips := load(t, metrics.Pods{API: api})
		if len(facts) == 0 && len(skips) == 1 && skips[0].Reason == "the metrics server is not available" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("with the server gone: %v, %v", facts, skips)
		}
	}
}
