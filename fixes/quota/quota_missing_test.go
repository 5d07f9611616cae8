package quota

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const sized = `containers: [{name: app, image: x, resources: {requests: {cpu: 200m, memory: 256Mi}}}]`

func autoscaler(target, name string, most int) string {
	return fmt.Sprintf(`
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: %s, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: %s, name: %s}
  maxReplicas: %d
`, name, target, name, most)
}

// running returns a pod of a Deployment's ReplicaSet, with both.
func running(pod, podSpec string) string {
	const deployment = "web"
	return `
---
apiVersion: v1
kind: Pod
metadata:
  name: ` + pod + `
  namespace: shop
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: ` + deployment + `, uid: "", controller: true}]
spec:` + indent(podSpec, 2) + `
status: {phase: Running}
`
}

const standing = `{type: Container, defaultRequest: {cpu: 50m, memory: 64Mi}}`

func TestQuotaMissing(t *testing.T) {
	review := []string{"Namespace shop resourceQuotas review"}
	safe := []string{"Namespace shop resourceQuotas safe"}
	fixestest.Table(t, quotaMissing(), []fixestest.Case{{
		Name:    "manifests, with an autoscaler and a rolling update",
		Objects: deployment("web", "replicas: 4", sized) + autoscaler("Deployment", "web", 10),
		Want:    review,
		// 10 pods of 200m and 256Mi with 20% are 2400m, 3072Mi; those that replace
		// them, and ceil(25% of 10) more, 2600m, 3328Mi; 10+10+13 pods.
		Diff: []string{"+ name: namespace-quota", `+ requests.cpu: "5"`, "+ requests.memory: 7Gi", `+ pods: "33"`,
			"+ requests.ephemeral-storage: 33Gi", `+ secrets: "20"`, `+ services.loadbalancers: "2"`, `+ services.nodeports: "10"`,
			"+ name: container-defaults", "+ cpu: 200m", "+ memory: 256Mi"},
	}, {
		Name:    "containers without requests count with the default to come",
		Objects: deployment("web", "replicas: 2\nstrategy: {type: Recreate}", bare),
		Want:    review, // twice 200m, 256Mi and 20%: 440m, 563.2Mi
		Diff:    []string{"+ requests.cpu: 500m", "+ requests.memory: 576Mi", `+ pods: "14"`, "+ cpu: 100m", "+ memory: 128Mi"},
	}, {
		Name:    "and with the default that stands",
		Objects: deployment("web", "replicas: 2\nstrategy: {type: Recreate}", bare) + limitRange("x", standing),
		Want:    review, // 100m, 128Mi: 220m, 281.6Mi
		Diff:    []string{"+ requests.cpu: 300m", "+ requests.memory: 320Mi"},
		NotDiff: []string{"+ kind: LimitRange"},
	}, {
		Name: "sidecars run beside the containers, init containers before them, and overhead is added",
		Objects: limitRange("x", standing) + deployment("web", "strategy: {type: Recreate}", `
overhead: {cpu: 10m, memory: 10Mi}
initContainers:
- {name: proxy, image: x, restartPolicy: Always, resources: {requests: {cpu: 100m, memory: 100Mi}}}
- {name: init, image: x, resources: {requests: {cpu: 900m, memory: 10Mi}}}
containers:
- {name: app, image: x, resources: {limits: {cpu: 500m, memory: 500Mi}}}
- {name: log, image: x}
`),
		Want: review, // cpu 100m+900m+10m, memory 100+500+64+10Mi; 2222m, 1482.8Mi
		Diff: []string{"+ requests.cpu: 2300m", "+ requests.memory: 1536Mi", `+ pods: "12"`},
	}, {
		Name: "pod-level resources hold for the pod",
		Objects: limitRange("x", standing) + deployment("web", "strategy: {type: Recreate}", `
resources: {requests: {cpu: 2}, limits: {memory: 3Gi}}
containers: [{name: app, image: x}, {name: log, image: x}]
`),
		Want: review, // 4400m, 6.6Gi
		Diff: []string{`+ requests.cpu: "5"`, "+ requests.memory: 7Gi"},
	}, {
		Name: "Jobs, CronJobs and what has no controller",
		Objects: limitRange("x", standing) + `
---
apiVersion: batch/v1
kind: Job
metadata: {name: wide, namespace: shop}
spec: {parallelism: 5, completions: 3, template: {spec: {restartPolicy: Never, ` + sized + `}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: overlap, namespace: shop}
spec: {schedule: "* * * * *", jobTemplate: {spec: {parallelism: 2, template: {spec: {restartPolicy: Never, ` + sized + `}}}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: single, namespace: shop}
spec: {schedule: "* * * * *", concurrencyPolicy: Forbid, jobTemplate: {spec: {template: {spec: {restartPolicy: Never, ` + sized + `}}}}}
---
apiVersion: v1
kind: Pod
metadata: {name: alone, namespace: shop}
spec: {` + sized + `}
---
apiVersion: batch/v1
kind: Job
metadata: {name: done, namespace: shop}
spec: {parallelism: 50, template: {spec: {restartPolicy: Never, ` + sized + `}}}
status: {conditions: [{type: Complete, status: "True"}]}
`,
		Want: review, // 3 + 2x2 + 1 + 1 = 9 pods: 1800m, 2304Mi; 3960m, 5068.8Mi; 50 of the Job that may run again
		Diff: []string{`+ requests.cpu: "14"`, "+ requests.memory: 18Gi", `+ pods: "78"`},
	}, {
		Name: "a DaemonSet on three nodes",
		Objects: limitRange("x", standing) + `
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector: {matchLabels: {app: agent}}
  template: {metadata: {labels: {app: agent}}, spec: {` + sized + `}}
---
apiVersion: v1
kind: Node
metadata: {name: a}
---
apiVersion: v1
kind: Node
metadata: {name: b}
---
apiVersion: v1
kind: Node
metadata: {name: c}
`,
		Want: review, // 3 pods with 20%, and 4: 1520m, 1945.6Mi
		Diff: []string{"+ requests.cpu: 1600m", "+ requests.memory: 1984Mi", `+ pods: "17"`},
	}, {
		Name:    "large sums are rounded to whole cores and Gi",
		Objects: limitRange("x", standing) + deployment("web", "replicas: 40\nstrategy: {rollingUpdate: {maxSurge: 0}}", sized),
		Want:    review, // 8 cores, 10Gi: 17.6, 22Gi; 40+20+40 pods
		Diff:    []string{`+ requests.cpu: "18"`, "+ requests.memory: 22Gi", `+ pods: "100"`},
	}, {
		Name:    "sums beyond any cluster do not overflow",
		Objects: limitRange("x", standing) + deployment("web", "replicas: 2000000000", `containers: [{name: app, image: x, resources: {requests: {cpu: 9000000, memory: 9Ei}}}]`),
		Want:    review,
		Diff:    []string{`+ requests.cpu: "1152921504606847"`},
	}, {
		Name:    "a namespace without workloads",
		Objects: "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
		Live:    true,
		Want:    review, // room for 10 pods of the default
		Diff:    []string{`+ requests.cpu: "1"`, "+ requests.memory: 1280Mi", `+ pods: "10"`},
	}, {
		Name:    "live and proven, though defaults are created for pods to come",
		Objects: deployment("web", "replicas: 2", sized) + running("web-1", sized) + running("web-2", sized),
		Live:    true,
		Want:    safe, // 2 pods with 20%, and 3: 1080m, 1382.4Mi
		Diff:    []string{"+ requests.cpu: 1100m", "+ requests.memory: 1408Mi", `+ pods: "15"`, "+ kind: LimitRange"},
	}, {
		Name:    "live, and the default that stands is what runs",
		Objects: deployment("web", "", bare) + limitRange("x", standing) + running("web-1", `containers: [{name: app, image: x, resources: {requests: {cpu: 50m, memory: 64Mi}}}]`),
		Live:    true,
		Want:    safe,
		Diff:    []string{"+ requests.cpu: 200m", "+ requests.memory: 256Mi"}, // a pod with 20%, and 2
	}, {
		Name:    "live, a container will get a default",
		Objects: deployment("web", "", bare) + running("web-1", bare),
		Live:    true,
		Want:    review,
	}, {
		Name: "live, a webhook injects a container that counts",
		Objects: deployment("web", "strategy: {type: Recreate}", sized) + running("web-1", `
containers:
- {name: app, image: x, resources: {requests: {cpu: 200m, memory: 256Mi}}}
- {name: proxy, image: x, resources: {requests: {cpu: 100m, memory: 128Mi}}}
`),
		Live: true,
		Want: safe, // 300m, 384Mi: 660m, 844.8Mi
		Diff: []string{"+ requests.cpu: 700m", "+ requests.memory: 896Mi"},
	}, {
		Name:    "live, an injected container will get a default",
		Objects: deployment("web", "", sized) + running("web-1", strings.Replace(sized, "[", "[{name: proxy, image: x}, ", 1)),
		Live:    true,
		Want:    review,
	}, {
		Name: "more runs than is known of",
		Objects: limitRange("x", standing) + deployment("web", "replicas: 1\nstrategy: {type: Recreate}", sized) +
			running("web-1", sized) + running("web-2", sized) + running("web-3", sized),
		Live: true,
		Want: safe, // 3 run with 20%, and one is replaced: 920m, 1177.6Mi
		Diff: []string{`+ requests.cpu: "1"`, "+ requests.memory: 1216Mi", `+ pods: "14"`},
	}, {
		Name: "far more runs than is known of, and a large rollout",
		Objects: limitRange("x", standing) + deployment("web", "replicas: 1\nstrategy: {rollingUpdate: {maxSurge: 20}}", sized) +
			many(21, func(i int) string { return running(fmt.Sprintf("web-%d", i), sized) }),
		Live: true,
		Want: safe, // 21 run with 20%, and 21 more in the rollout: 9240m
		Diff: []string{`+ requests.cpu: "10"`},
	}, {
		Name: "live, an operator controls a workload",
		Objects: limitRange("x", standing) + `
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: kafka
  namespace: shop
  ownerReferences: [{apiVersion: kafka.strimzi.io/v1, kind: Kafka, name: main, uid: u, controller: true}]
spec:
  selector: {matchLabels: {app: kafka}}
  template: {metadata: {labels: {app: kafka}}, spec: {` + sized + `}}
`,
		Live: true,
		Want: review,
	}, {
		Name: "live, a DaemonSet grows with the nodes",
		Objects: limitRange("x", standing) + `
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template: {metadata: {labels: {app: agent}}, spec: {` + sized + `}}
status: {desiredNumberScheduled: 5, observedGeneration: 1}
`,
		Live: true,
		Want: review, // 1 core, 1280Mi: 2200m, 2816Mi
		Diff: []string{"+ requests.cpu: 2200m", "+ requests.memory: 2816Mi", `+ pods: "20"`},
	}, {
		Name:    "no default would do",
		Objects: deployment("web", "", "resources: {requests: {cpu: 50m}}\ncontainers: [{name: a, image: x, resources: {requests: {cpu: 50m}}}, {name: b, image: x}]"),
		Want:    []string{"Namespace shop resourceQuotas manual"},
	}, {
		Name: "a quota is there, if only of a few things",
		Objects: deployment("web", "", sized) + `
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: x, namespace: shop}
spec: {hard: {services.loadbalancers: 1}}
`,
	}, {
		Name:    "the cluster's own namespace",
		Objects: strings.ReplaceAll(deployment("web", "", sized), "shop", "kube-system"),
	}, {
		Name:    "manifests that name no namespace",
		Objects: strings.ReplaceAll(deployment("web", "", sized), ", namespace: shop", ""),
		Want:    []string{"Namespace (no namespace) resourceQuotas review"},
		NotDiff: []string{"+ namespace: NAMESPACE"},
	}})
}

func many(n int, f func(int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(f(i))
	}
	return b.String()
}

// What could not be listed is said, and leaves the fix to a person; without
// the quotas or the LimitRanges there is nothing to say.
func TestQuotaNotListed(t *testing.T) {
	for _, kind := range quotaMissing().Kinds {
		if kind == fixes.KindNode || kind == fixes.KindNamespace || kind == fixes.KindUsage {
			continue
		}
		inv := fixestest.Load(t, limitRange("x", standing)+deployment("web", "", sized))
		inv.Live = true
		inv.Skip(fixes.Skip{Resource: kind.String(), Reason: "forbidden"})
		found := quotaMissing().Run(inv)
		if kind == fixes.KindResourceQuota || kind == fixes.KindLimitRange {
			if len(found) != 0 {
				t.Errorf("%s: reported", kind)
			}
			continue
		}
		if kind == fixes.KindSecret || kind == fixes.KindService {
			plan, err := fixes.Compose(fixes.Scan(inv, []*fixes.Rule{quotaMissing()}), fixes.Choose(found, fixes.Safe))
			if err != nil || !plan.Verified {
				t.Fatal(err, plan)
			}
			for _, c := range plan.Changes {
				quota, ok := c.After.(*corev1.ResourceQuota)
				_, secrets := quota.Spec.Hard[corev1.ResourceSecrets]
				_, ports := quota.Spec.Hard[corev1.ResourceServicesNodePorts]
				if !ok || secrets == (kind == fixes.KindSecret) || ports == (kind == fixes.KindService) {
					t.Errorf("%s: %v", kind, quota.Spec.Hard)
				}
			}
			continue
		}
		if fix := found[0].Fix(); fix.Confidence != fixes.Review || fix.Why != kind.String()+" could not be listed" {
			t.Errorf("%s: %s, %s", kind, fix.Confidence, fix.Why)
		}
	}
}

func TestQuotaEvidence(t *testing.T) {
	inv := fixestest.Load(t, deployment("web", "replicas: 4", sized)+autoscaler("Deployment", "web", 10)+
		running("web-1", sized)+running("web-2", sized)+
		strings.Replace(running("web-3", sized), "Running", "Failed", 1))
	inv.Live = true
	got := quotaMissing().Run(inv)[0].Evidence
	want := []string{
		"runs now: 0.4 cpu, 512Mi memory, 2 pods",
		"at full scale: 2 cpu, 2.5Gi memory, 10 pods",
		"Deployment web: 4 replicas, an autoscaler may make them 10",
		"while all pods are replaced at once: 2.6 cpu, 3.25Gi memory, 13 pods more",
		"quota with headroom: 5 cpu, 7Gi memory, 33Gi ephemeral storage, 33 pods",
		"and 20 Secrets (there: 0), 2 load balancers (there: 0), 10 node ports (there: 0)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// The quota is worked out from the requests that other fixes leave.
func TestQuotaSeesTheDraft(t *testing.T) {
	inv := fixestest.Load(t, limitRange("x", standing)+deployment("web", "strategy: {type: Recreate}", sized))
	d := inv.Draft()
	w, err := d.EditWorkload(fixes.Ref{Kind: fixes.KindDeployment, Namespace: "shop", Name: "web"})
	if err != nil {
		t.Fatal(err)
	}
	w.Spec.Containers[0].Resources.Requests[corev1.ResourceCPU] = quantity(3000, corev1.ResourceCPU)
	if err := quotaMissing().Run(inv)[0].Fix().Edit(d); err != nil {
		t.Fatal(err)
	}
	quota, _ := fixes.Lookup[*corev1.ResourceQuota](d.Inventory, "shop", quotaName)
	if got := quota.Spec.Hard[corev1.ResourceRequestsCPU]; got.String() != "7" {
		t.Errorf("requests.cpu is %s", got.String())
	}
}
