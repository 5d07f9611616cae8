package network

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// deployment returns a Deployment of namespace shop; labels and the pod's spec
// are in YAML's flow style.
func deployment(name, labels, podSpec string) string {
	if podSpec == "" {
		podSpec = "{containers: [{name: c, image: x}]}"
	}
	return `
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ` + name + `, namespace: shop}
spec:
  selector: {matchLabels: ` + labels + `}
  template:
    metadata: {labels: ` + labels + `}
    spec: ` + podSpec + `
`
}

func networkPolicy(name, spec string) string {
	return `
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: ` + name + `, namespace: shop}
spec: ` + spec + `
`
}

func TestNoDefaultDeny(t *testing.T) {
	web := deployment("web", "{app: web}", "")
	db := deployment("db", "{app: db}", "")
	reported := []string{"Namespace shop networkPolicies review"}
	fixestest.Table(t, noDefaultDeny(), []fixestest.Case{{
		Name:    "no policy at all",
		Objects: web,
		Want:    reported,
		Diff: []string{"+ name: default-deny", "+ podSelector: {}", "+ - Ingress", "+ - Egress",
			"+ name: allow-dns", "+ kubernetes.io/metadata.name: kube-system", "+ k8s-app: kube-dns", "+ cidr: 169.254.20.10/32", "+ - port: 53", "+ protocol: UDP", "+ protocol: TCP"},
	}, {
		Name:    "a default deny in both directions, alone or in two policies",
		Objects: web + networkPolicy("a", "{podSelector: {}, policyTypes: [Ingress]}") + networkPolicy("b", "{policyTypes: [Egress]}"),
	}, {
		Name:    "without policyTypes, egress rules isolate for egress too",
		Objects: web + networkPolicy("a", "{podSelector: {}, egress: [{to: [{podSelector: {}}]}]}"),
	}, {
		Name:    "without policyTypes, no egress rules leave egress open",
		Objects: web + networkPolicy("default-deny", "{podSelector: {}}"),
		Want:    reported,
		Diff:    []string{"+ name: default-deny-egress", "+ name: allow-dns", "+ - Egress"},
		NotDiff: []string{"+ - Ingress", "+ ingress:"},
	}, {
		Name:    "policyTypes count, whatever the rules",
		Objects: web + networkPolicy("a", "{podSelector: {}, policyTypes: [Egress], ingress: [{}]}"),
		Want:    reported,
		Diff:    []string{"+ name: default-deny-ingress"},
		NotDiff: []string{"+ - Egress", "+ name: allow-dns"},
	}, {
		Name:    "what is isolated already is left out of the allowances",
		Objects: web + db + networkPolicy("db", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress, Egress]}"),
		Want:    reported,
		Diff:    []string{"+ operator: NotIn", "+ - db", "+ - key: app", "+ podSelector: {}"},
	}, {
		Name:    "isolated in one direction only",
		Objects: web + db + networkPolicy("db", "{podSelector: {matchLabels: {app: db}}}"),
		Want:    reported,
		Diff:    []string{"+ name: default-deny", "+ name: allow-dns"},
	}, {
		Name: "every workload is isolated, pods to come are not",
		Objects: web + networkPolicy("web", "{podSelector: {matchExpressions: [{key: app, operator: Exists}]}, policyTypes: [Ingress, Egress]}") +
			networkPolicy("allow-dns", "{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}"),
		Want: reported,
		Diff: []string{"+ name: default-deny", "+ operator: DoesNotExist", "+ name: allow-dns-2"},
	}, {
		Name:    "a policy that allows all selects all the same",
		Objects: web + networkPolicy("open", "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}"),
	}, {
		Name:    "a policy of another namespace",
		Objects: web + strings.Replace(networkPolicy("a", "{podSelector: {}, policyTypes: [Ingress, Egress]}"), "shop", "other", 1),
		Want:    reported,
	}, {
		Name:    "a namespace without workloads",
		Objects: "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
		Want:    reported,
		Diff:    []string{"+ name: default-deny", "+ name: allow-dns"},
	}, {
		Name:    "the Service of the cluster's DNS is allowed, and its pods' port",
		Objects: web + "---\napiVersion: v1\nkind: Service\nmetadata: {name: kube-dns, namespace: kube-system}\nspec: {clusterIP: 10.96.0.10, clusterIPs: [10.96.0.10, 'fd00::a'], ports: [{name: dns, port: 53, targetPort: 5353}, {name: metrics, port: 9153, targetPort: 9153}]}\n",
		Want:    reported,
		Diff:    []string{"+ cidr: 10.96.0.10/32", "+ cidr: fd00::a/128", "+ - port: 5353"},
		NotDiff: []string{"+ - port: 9153"},
	}, {
		Name:    "a headless Service has no address",
		Objects: web + "---\napiVersion: v1\nkind: Service\nmetadata: {name: kube-dns, namespace: kube-system}\nspec: {clusterIP: None, clusterIPs: [None]}\n",
		Want:    reported,
		NotDiff: []string{"+ cidr: None/32"},
	}, {
		Name:    "the cluster's own namespace",
		Objects: strings.ReplaceAll(web, "shop", "kube-system"),
	}, {
		Name:    "manifests that name no namespace",
		Objects: strings.ReplaceAll(web, ", namespace: shop", ""),
		Want:    []string{"Namespace (no namespace) networkPolicies review"},
		Diff:    []string{"+ name: default-deny"},
		NotDiff: []string{"+ namespace: NAMESPACE"},
	}})
}

func find(t *testing.T, inv *fixes.Inventory) *fixes.Finding {
	t.Helper()
	found := noDefaultDeny().Run(inv)
	if len(found) == 0 {
		t.Fatal("nothing found")
	}
	return found[len(found)-1] // shop
}

func TestNotListed(t *testing.T) {
	inv := fixestest.Load(t, deployment("web", "{app: web}", ""))
	inv.Skip(fixes.Skip{Resource: fixes.KindDeployment.String(), Reason: "forbidden"})
	inv.Skip(fixes.Skip{Resource: fixes.KindService.String(), Namespace: "shop", Reason: "forbidden"})
	f := find(t, inv)
	if want := "deployments.apps could not be listed: there may be more"; !slices.Contains(f.Evidence, want) {
		t.Errorf("evidence %q", f.Evidence)
	}
	if want := "services could not be listed: what they let in is cut."; !slices.Contains(f.Fix().Risks, want) {
		t.Errorf("risks %q", f.Fix().Risks)
	}
	inv.Skip(fixes.Skip{Resource: fixes.KindNetworkPolicy.String(), Namespace: "shop", Reason: "forbidden"})
	if found := noDefaultDeny().Run(inv); len(found) != 0 {
		t.Errorf("reported without the policies")
	}
}

func TestEvidence(t *testing.T) {
	inv := fixestest.Load(t, deployment("web", "{app: web}", "")+deployment("db", "{app: db}", "")+
		deployment("agent", "{app: agent}", "{hostNetwork: true, containers: [{name: c, image: x}]}")+
		networkPolicy("db", "{podSelector: {matchLabels: {app: db}}}"))
	f := find(t, inv)
	want := []string{
		"ingress: no policy selects 1 of 2 workloads: Deployment web",
		"egress: no policy selects 2 of 2 workloads: Deployment db and Deployment web",
		"on the host network, where no policy applies: Deployment agent",
		"connections kept: none but those to DNS",
	}
	if !slices.Equal(f.Evidence, want) {
		t.Errorf("got %q", f.Evidence)
	}
	if want := "No NetworkPolicy denies by default: 1 of 2 workloads accept connections from every pod of the cluster and 2 of 2 workloads may connect to anything."; f.Message != want {
		t.Errorf("got %q", f.Message)
	}
	if f.Severity != fixes.Medium {
		t.Errorf("severity %s", f.Severity)
	}
}

func TestNothingOpenYet(t *testing.T) {
	for _, objects := range []string{
		"apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
		deployment("db", "{app: db}", "") + networkPolicy("db", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress, Egress]}"),
		deployment("agent", "{app: agent}", "{hostNetwork: true, containers: [{name: c, image: x}]}"),
	} {
		f := find(t, fixestest.Load(t, objects))
		if f.Severity != fixes.Low || f.Message != "No NetworkPolicy denies ingress and egress by default: nothing is open now, but pods to come will be." {
			t.Errorf("%s, %q", f.Severity, f.Message)
		}
		if want := []string{"Nothing that runs is cut. Pods to come reach DNS at most."}; !slices.Equal(f.Fix().Risks, want) {
			t.Errorf("risks %q", f.Fix().Risks)
		}
	}
}

// The risks name what the inventory shows to be cut.
func TestRisks(t *testing.T) {
	service := func(ns, name, spec string) string {
		return "\n---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name + ", namespace: " + ns + "}\nspec: {ports: [{port: 80}], " + spec[1:] + "\n"
	}
	inv := fixestest.Load(t, deployment("web", "{app: web}", `
      containers:
      - name: c
        image: x
        args: [--cache=redis.data, --password, a.bc:22, "--broker", "kafka-0.kafka.data.svc.cluster.local:9092"]
        env:
        - {name: DATABASE_URL, value: "postgres://shop:p4ss.word@db.example.com:5432/shop"}
        - {name: API, value: "http://api.shop.svc"}
`)+deployment("isolated", "{app: isolated}", "")+
		networkPolicy("isolated", "{podSelector: {matchLabels: {app: isolated}}, policyTypes: [Ingress, Egress]}")+
		deployment("agent", "{app: agent}", "{hostNetwork: true, containers: [{name: c, image: x, args: ['http://agent.example.com']}]}")+
		service("shop", "web", "{type: LoadBalancer, selector: {app: web}}")+
		service("shop", "node", "{type: NodePort, selector: {app: web}}")+
		service("shop", "ip", "{externalIPs: [192.0.2.1], selector: {app: web}}")+
		service("shop", "inside", "{selector: {app: web}}")+
		service("shop", "closed", "{type: LoadBalancer, selector: {app: isolated}}")+
		service("shop", "by-hand", "{type: LoadBalancer}")+
		service("data", "redis", "{selector: {app: redis}}")+`
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: front, namespace: shop}
spec:
  rules:
  - http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: inside, port: {number: 80}}}}
      - {path: /x, pathType: Prefix, backend: {service: {name: closed, port: {number: 80}}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: stats}
spec: {schedule: "@daily", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: x, command: [sh, -c, "curl http://inside.shop:80/ && curl closed.shop"]}]}}}}}
---
apiVersion: v1
kind: Pod
metadata: {name: scraped, namespace: shop, annotations: {prometheus.io/scrape: "true"}, labels: {app: scraped}}
spec: {containers: [{name: c, image: x}]}
---
apiVersion: v1
kind: Pod
metadata: {name: coredns, namespace: kube-system}
spec: {containers: [{name: c, image: x}]}
`)
	inv.Live = true
	want := []string{
		"Kept by guess, to be tightened: any pod to scraped.",
		"Open to everyone who reaches the cluster: anyone to web 80/TCP.",
		"Cut: connections from what runs on the host network: Deployment agent.",
		"Cut: every other connection from pods, from other namespaces and from outside that no object tells of.",
		"A NetworkPolicy knows no names, so these are let out to every address that is not private, at the port alone: web to db.example.com 5432/TCP.",
		"Cut: every other connection to other namespaces and out of the cluster, the clouds' metadata address among them.",
		"No pod in kube-system is labelled k8s-app=kube-dns: add what serves DNS here to allow-dns, or no name resolves.",
	}
	var got []string
	for _, f := range noDefaultDeny().Run(inv) {
		if f.Object.Name == "shop" {
			got = f.Fix().Risks
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
