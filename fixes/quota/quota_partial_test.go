package quota

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

func resourceQuota(name, spec string) string {
	return `
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: ` + name + `, namespace: shop}
spec: ` + spec + `
`
}

const complete = `{hard: {requests.cpu: 4, requests.memory: 4Gi, requests.ephemeral-storage: 9Gi, pods: 9, secrets: 9, services.loadbalancers: 0, services.nodeports: 0}}`

func TestQuotaPartial(t *testing.T) {
	review := []string{"Namespace shop resourceQuotas review"}
	web := limitRange("x", standing) + deployment("web", "strategy: {type: Recreate}", sized)
	fixestest.Table(t, quotaPartial(), []fixestest.Case{{
		Name:    "no quota: another rule's",
		Objects: web,
	}, {
		Name:    "all is bounded",
		Objects: web + resourceQuota("q", complete),
	}, {
		Name: "all is bounded, by several quotas and under other names",
		Objects: web + resourceQuota("q", `{hard: {cpu: 4, limits.memory: 4Gi, count/pods: 9}}`) +
			resourceQuota("r", `{hard: {limits.ephemeral-storage: 9Gi, count/secrets: 9, services.loadbalancers: 1, services.nodeports: 1}}`),
	}, {
		Name:    "pods of any size",
		Objects: web + resourceQuota("namespace-quota", strings.NewReplacer("requests.cpu: 4, ", "", "requests.memory: 4Gi, ", "").Replace(complete)),
		Want:    review,
		Diff:    []string{"+ name: namespace-quota-2", "+ requests.cpu: 500m", "+ requests.memory: 576Mi"},
		NotDiff: []string{"+ kind: LimitRange", `+ pods: "12"`, "+ requests.ephemeral-storage: 12Gi", `+ secrets: "20"`},
	}, {
		Name:    "cpu is bounded for pods that name none, which get defaults with it",
		Objects: deployment("web", "", bare) + resourceQuota("q", strings.Replace(complete, "requests.cpu: 4, ", "", 1)),
		Want:    review,
		Diff:    []string{"+ name: namespace-quota", "+ kind: LimitRange", "+ cpu: 100m"},
	}, {
		Name:    "no number of pods: no defaults are needed",
		Objects: deployment("web", "", bare) + resourceQuota("q", strings.Replace(complete, "pods: 9, ", "", 1)),
		Want:    review,
		Diff:    []string{`+ pods: "13"`}, // 1, 10 more, and 2 in a rollout
		NotDiff: []string{"+ kind: LimitRange", "+ requests.cpu: 300m"},
	}, {
		Name: "scoped quotas do not count, and stay",
		Objects: web + resourceQuota("high", `{hard: {pods: 1, cpu: 1}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In, values: [high]}]}}`) +
			resourceQuota("ending", `{hard: {pods: 1}, scopes: [Terminating]}`),
		Want: review,
		Diff: []string{"+ name: namespace-quota", `+ pods: "12"`, "+ requests.cpu: 500m"},
	}, {
		Name: "objects are counted, with headroom",
		Objects: web + resourceQuota("q", `{hard: {requests.cpu: 4, requests.memory: 4Gi, requests.ephemeral-storage: 9Gi, pods: 9}}`) +
			many(90, func(i int) string {
				return "---\napiVersion: v1\nkind: Secret\nmetadata: {namespace: shop, name: s" + string(rune('a'+i%26)) + strings.Repeat("x", i/26) + "}\n"
			}) + `---
apiVersion: v1
kind: Secret
metadata: {namespace: shop, name: sh.helm.release.v1.web.v1}
type: helm.sh/release.v1
---
apiVersion: v1
kind: Secret
metadata: {namespace: shop, name: sh.helm.release.v1.web.v2}
type: helm.sh/release.v1
---
apiVersion: v1
kind: Service
metadata: {namespace: shop, name: lb}
spec: {type: LoadBalancer, ports: [{port: 80}, {port: 443}]}
---
apiVersion: v1
kind: Service
metadata: {namespace: shop, name: quiet}
spec: {type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{name: a, port: 80}, {name: b, port: 81, nodePort: 30001}]}
---
apiVersion: v1
kind: Service
metadata: {namespace: shop, name: node}
spec: {type: NodePort, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {namespace: shop, name: inside}
spec: {ports: [{port: 80}]}
`,
		Want: review, // 90 + 10 of a release, 2, and 2+1+1
		Diff: []string{`+ secrets: "150"`, `+ services.loadbalancers: "4"`, `+ services.nodeports: "14"`},
	}, {
		Name:    "live and proven",
		Objects: web + running("web-1", sized) + resourceQuota("q", `{hard: {pods: 40}}`),
		Live:    true,
		Want:    []string{"Namespace shop resourceQuotas safe"},
	}, {
		Name:    "live, a vertical autoscaler may raise requests",
		Objects: web + running("web-1", sized) + resourceQuota("q", `{hard: {pods: 40}}`) + vpa("Recreate", "cpu: 300m, memory: 256Mi"),
		Live:    true,
		Want:    review, // upper bound 600m, 512Mi: 1320m, 1126.4Mi
		Diff:    []string{"+ requests.cpu: 1400m", "+ requests.memory: 1152Mi"},
	}, {
		Name:    "the cluster's own namespace",
		Objects: strings.ReplaceAll(web+resourceQuota("q", `{hard: {pods: 40}}`), "shop", "kube-system"),
	}})
}

func TestQuotaPartialSeverity(t *testing.T) {
	for hard, want := range map[string]string{
		`{hard: {pods: 1}}`:                                      "medium The ResourceQuotas leave without bounds: cpu, memory, ephemeral storage, Secrets, load balancers, node ports.",
		`{hard: {cpu: 1, memory: 1Gi, pods: 1}}`:                 "low The ResourceQuotas leave without bounds: ephemeral storage, Secrets, load balancers, node ports.",
		`{hard: {cpu: 1, memory: 1Gi}, scopes: [NotBestEffort]}`: "medium All ResourceQuotas have a scope; of other pods they leave without bounds: cpu, memory, pods, ephemeral storage, Secrets, load balancers, node ports.",
	} {
		inv := fixestest.Load(t, deployment("web", "", sized)+resourceQuota("q", hard))
		f := quotaPartial().Run(inv)[0]
		if got := f.Severity.String() + " " + f.Message; got != want {
			t.Errorf("%s:\n%s\nwant\n%s", hard, got, want)
		}
	}
}

// A Secret that the same plan creates is counted.
func TestCountsSeeTheDraft(t *testing.T) {
	inv := fixestest.Load(t, deployment("web", "", sized)+resourceQuota("q", `{hard: {pods: 1}}`))
	d := inv.Draft()
	for i := range 50 {
		s := &corev1.Secret{}
		s.Namespace, s.Name = "shop", strings.Repeat("s", i+1)
		if err := d.Create(s); err != nil {
			t.Fatal(err)
		}
	}
	if err := quotaPartial().Run(inv)[0].Fix().Edit(d); err != nil {
		t.Fatal(err)
	}
	quotas := fixes.CreatedIn[*corev1.ResourceQuota](d, "shop")
	if len(quotas) != 1 {
		t.Fatal(quotas)
	}
	if got := quotas[0].Spec.Hard[corev1.ResourceSecrets]; got.Value() != 75 {
		t.Errorf("secrets: %s", got.String())
	}
	if rules := Rules(); slices.IndexFunc(rules, func(r *fixes.Rule) bool { return r.ID == "quota-partial" }) < 0 {
		t.Error("it is no rule of the chapter")
	}
}
