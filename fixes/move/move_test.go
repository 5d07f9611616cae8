package move_test

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/fixes/move"
)

const site = `
apiVersion: v1
kind: Namespace
metadata: {name: default, labels: {kubernetes.io/metadata.name: default, istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: default
  uid: u
  resourceVersion: "7"
  labels: {app: shop, helm.toolkit.fluxcd.io/name: x}
  annotations: {deployment.kubernetes.io/revision: "3", note: keep}
  ownerReferences: [{apiVersion: example.com/v1, kind: App, name: a, uid: v, controller: false}]
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      serviceAccountName: web
      containers:
      - name: c
        image: example.com/web
        args: ["--api=http://api.default.svc:80", "--property=api.default=1"]
        env:
        - {name: API, value: "http://api.default/v1"}
        - {name: CACHE, value: "cache:6379"}
        - {name: OTHER, value: "my-api.default.svc api.default.svcs"}
        - {name: P, valueFrom: {secretKeyRef: {name: db, key: url}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: default, labels: {app: shop}}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec: {containers: [{name: c, image: example.com/api}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: other, namespace: default}
spec:
  selector: {matchLabels: {app: other}}
  template:
    metadata: {labels: {app: other}}
    spec: {containers: [{name: c, image: example.com/other, envFrom: [{secretRef: {name: db}}]}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly, namespace: default, labels: {app: shop}}
spec:
  schedule: "0 3 * * *"
  jobTemplate: {spec: {template: {metadata: {labels: {app: nightly}}, spec: {restartPolicy: Never, volumes: [{name: d, persistentVolumeClaim: {claimName: data}}], containers: [{name: c, image: busybox}]}}}}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: default, uid: s}
spec: {type: NodePort, clusterIP: 10.0.0.7, clusterIPs: [10.0.0.7], selector: {app: api}, ports: [{port: 80, nodePort: 31000}]}
---
apiVersion: v1
kind: Service
metadata: {name: cache, namespace: default}
spec: {selector: {app: cache}, ports: [{port: 6379}]}
---
apiVersion: v1
kind: Secret
metadata: {name: db, namespace: default}
data: {url: cG9zdGdyZXM6Ly9hcGkuZGVmYXVsdC5zdmM6NTQzMg==}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: default, annotations: {pv.kubernetes.io/bind-completed: "yes"}}
spec: {accessModes: [ReadWriteOnce], volumeName: pv-1, resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: default}
secrets: [{name: web-token}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web, namespace: default}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web, namespace: default}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: web}
subjects: [{kind: ServiceAccount, name: web}, {kind: ServiceAccount, name: other}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: default}
spec: {podSelector: {matchLabels: {app: api}}, ingress: [{from: [{podSelector: {matchLabels: {app: gateway}}}]}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: api, namespace: default}
spec: {rules: [{host: x.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: api, port: {number: 80}}}}]}}]}
`

func moved(t *testing.T, objects string) *move.Move {
	t.Helper()
	inv := fixestest.Load(t, objects)
	var list []fixes.Workload
	for _, w := range inv.Workloads("default") {
		if move.Application(w) == "shop" {
			list = append(list, w)
		}
	}
	return move.Of(inv, "shop", "default", "shop", list)
}

func newOne[T fixes.Object](t *testing.T, m *move.Move, name string) T {
	t.Helper()
	for _, obj := range m.New {
		if o, ok := obj.(T); ok && o.GetName() == name {
			return o
		}
	}
	t.Fatalf("no new %s", name)
	return *new(T)
}

func refs(list []fixes.Object) []string {
	var out []string
	for _, obj := range list {
		out = append(out, fixes.RefOf(obj).String())
	}
	return out
}

func TestMove(t *testing.T) {
	m := moved(t, site)
	want := []string{"Namespace shop", "ServiceAccount shop/web", "Secret shop/db", "PersistentVolumeClaim shop/data", "Role shop/web", "RoleBinding shop/web",
		"NetworkPolicy shop/api", "Service shop/api", "Service shop/cache", "CronJob shop/nightly", "Deployment shop/api", "Deployment shop/web"}
	got := refs(m.New)
	slices.Sort(got[9:])
	if !slices.Equal(got, want) {
		t.Fatalf("made %q\nnot  %q", got, want)
	}
	for _, obj := range m.New {
		if obj.GetUID() != "" || obj.GetResourceVersion() != "" || len(obj.GetOwnerReferences()) > 0 {
			t.Errorf("%s keeps what the cluster gave it", fixes.RefOf(obj))
		}
	}
	if ns := newOne[*corev1.Namespace](t, m, "shop"); ns.Labels["istio-injection"] != "enabled" || ns.Labels[corev1.LabelMetadataName] != "" || ns.Labels["pod-security.kubernetes.io/warn"] != "restricted" {
		t.Errorf("labels %v", ns.Labels)
	}
	web := newOne[*appsv1.Deployment](t, m, "web")
	if len(web.Labels) != 1 || web.Annotations["note"] != "keep" || len(web.Annotations) != 1 {
		t.Errorf("%v %v", web.Labels, web.Annotations)
	}
	c := web.Spec.Template.Spec.Containers[0]
	if !slices.Equal(c.Args, []string{"--api=http://api.shop.svc:80", "--property=api.default=1"}) || c.Env[0].Value != "http://api.shop/v1" ||
		c.Env[2].Value != "my-api.default.svc api.default.svcs" {
		t.Errorf("%q, %v", c.Args, c.Env)
	}
	if s := newOne[*corev1.Secret](t, m, "db"); string(s.Data["url"]) != "postgres://api.shop.svc:5432" {
		t.Errorf("%q", s.Data["url"])
	}
	if s := newOne[*corev1.Service](t, m, "api").Spec; s.ClusterIP != "" || len(s.ClusterIPs) > 0 || s.Ports[0].NodePort != 0 {
		t.Errorf("%+v", s)
	}
	if s := newOne[*corev1.Service](t, m, "cache").Spec; s.ExternalName != "cache.default.svc.cluster.local" {
		t.Errorf("%+v", s)
	}
	if p := newOne[*corev1.PersistentVolumeClaim](t, m, "data"); p.Spec.VolumeName != "" || len(p.Annotations) > 0 {
		t.Errorf("%+v", p)
	}
	if p := newOne[*networkingv1.NetworkPolicy](t, m, "api"); len(p.Spec.Ingress[0].From) != 2 {
		t.Errorf("%+v", p.Spec)
	}
	if len(m.Switch) != 2 || len(m.Back) != 2 || m.Switch[0].After.(*corev1.Service).Spec.ExternalName != "api.shop.svc.cluster.local" {
		t.Errorf("%v, %v", m.Switch, m.Back)
	}
	if slices.ContainsFunc(m.Old, func(r fixes.Ref) bool { return r.Kind == fixes.KindSecret }) {
		t.Error("a Secret that others use is to be deleted")
	}
	said := m.Steps(".", true) + strings.Join(m.Stays, "\n")
	for _, want := range []string{"kubectl apply -k . --dry-run=server", "secret/db are used by others", "claims data are made empty", "Service api is a NodePort",
		"kubectl patch cronjob.batch/nightly -n shop -p '{\"spec\":{\"suspend\":false}}'", "kubectl delete ingress api -n default", "kubectl rollout status deployment.apps/web -n shop"} {
		if !strings.Contains(said, want) {
			t.Errorf("the steps lack %q:\n%s", want, said)
		}
	}
}

// TestMoveTwice: what is there is left as it is, so that a move can be written again.
func TestMoveTwice(t *testing.T) {
	m := moved(t, site+strings.ReplaceAll(site, "namespace: default", "namespace: shop")+"\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
	if got := refs(m.New); len(got) != 0 || len(m.There) != 11 {
		t.Errorf("made %q, %d are there", got, len(m.There))
	}
}

func TestCommandIsQuoted(t *testing.T) {
	m := move.Move{From: "default", To: "x", App: "a; rm -rf 'b'"}
	if got := m.Command("d"); got != `kubectl harden move 'a; rm -rf '\''b'\''' -n default --to x --output-dir d` {
		t.Error(got)
	}
}
