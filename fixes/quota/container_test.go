package quota

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// vpa returns a vertical autoscaler of Deployment web, whose upper bound is
// twice its recommendation.
func vpa(mode, target string) string {
	return `
---
apiVersion: autoscaling.k8s.io/v1
kind: VerticalPodAutoscaler
metadata: {name: grow, namespace: shop}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  updatePolicy: {updateMode: "` + mode + `"}
status:
  recommendation:
    containerRecommendations:
    - {containerName: app, target: {` + target + `}, upperBound: {cpu: 600m, memory: 512Mi}}
`
}

// used are facts about pods web-0, web-1 …, each of one container app.
func used(usage ...[2]string) []fixes.Object {
	var out []fixes.Object
	for i, u := range usage {
		f := &fixes.Usage{Window: 30 * time.Second, Containers: []fixes.ContainerUsage{{Name: "app", Used: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(u[0]), corev1.ResourceMemory: resource.MustParse(u[1]),
		}}}}
		f.Namespace, f.Name = "shop", fmt.Sprintf("web-%d", i)
		out = append(out, f)
	}
	return out
}

func runs(n int, spec string) string {
	return many(n, func(i int) string { return running(fmt.Sprintf("web-%d", i), spec) })
}

const scalesByCPU = `
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: wide, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 3
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
`

func TestContainerNoRequests(t *testing.T) {
	const path = " spec.template.spec.containers[0].resources.requests "
	review := []string{"Deployment shop/web" + path + "review"}
	fixestest.Table(t, containerNoRequests(), []fixestest.Case{{
		Name:    "nothing is known",
		Objects: deployment("web", "", bare),
		Want:    review,
		Diff:    []string{"+ requests:", "+ cpu: 100m", "+ memory: 128Mi"},
	}, {
		Name:    "manifests that name no namespace",
		Objects: strings.ReplaceAll(deployment("web", "", bare), ", namespace: shop", "") + limitRange("x", standing),
		Want:    []string{"Deployment web" + path + "review"}, // the LimitRange is elsewhere
	}, {
		Name: "the median of the others; limits stand for requests; init containers too",
		Objects: deployment("web", "", `
initContainers: [{name: init, image: x, resources: {requests: {memory: 8Mi}}}]
containers:
- {name: a, image: x, resources: {requests: {cpu: 30m}, limits: {memory: 64Mi}}}
- {name: b, image: x, resources: {requests: {cpu: 50m, memory: 96Mi}}}
`),
		Want: []string{"Deployment shop/web spec.template.spec.initContainers[0].resources.requests review"},
		Diff: []string{"+ cpu: 30m"},
	}, {
		Name:    "what is used, with headroom, by the pods that run",
		Objects: deployment("web", "", bare) + runs(3, bare),
		Facts:   used([2]string{"10m", "40Mi"}, [2]string{"101m", "90Mi"}, [2]string{"30m", "50Mi"}, [2]string{"9", "9Gi"}),
		Live:    true,
		Want:    review, // 121.2m, 108Mi in steps of 10m and 16Mi
		Diff:    []string{"+ cpu: 130m", "+ memory: 112Mi"},
	}, {
		Name:    "of forty pods two may use more",
		Objects: deployment("web", "", bare) + runs(40, bare),
		Facts: append(used([2]string{"2", "2Gi"}, [2]string{"2", "2Gi"}), all(38, func(i int) fixes.Object {
			f := used([2]string{"100m", "100Mi"})[0].(*fixes.Usage)
			f.Name = fmt.Sprintf("web-%d", i+2)
			return f
		})...),
		Live: true,
		Want: review,
		Diff: []string{"+ cpu: 120m", "+ memory: 128Mi"},
	}, {
		Name:    "a LimitRange gives requests",
		Objects: deployment("web", "", bare) + limitRange("x", standing) + runs(1, bare),
		Facts:   used([2]string{"50m", "64Mi"}),
		Live:    true,
	}, {
		Name:    "a LimitRange gives less than is used",
		Objects: deployment("web", "", bare) + limitRange("x", standing) + runs(1, bare),
		Facts:   used([2]string{"100m", "64Mi"}),
		Live:    true,
		Want:    review,
		Diff:    []string{"+ cpu: 120m"},
		NotDiff: []string{"+ memory: 80Mi"},
	}, {
		Name:    "within a default limit, a minimum and a maximum",
		Objects: deployment("web", "", bare) + limitRange("x", `{type: Container, defaultRequest: {cpu: 1m, memory: 1Mi}, default: {cpu: 60m}, max: {memory: 70Mi}}`) + runs(1, bare),
		Facts:   used([2]string{"100m", "64Mi"}),
		Live:    true,
		Want:    review,
		Diff:    []string{"+ cpu: 60m", "+ memory: 70Mi"},
	}, {
		Name:    "no room in what pods may have",
		Objects: deployment("web", "", `containers: [{name: app, image: x}, {name: b, image: x, resources: {requests: {cpu: 100m, memory: 1Mi}}}]`) + limitRange("x", `{type: Pod, max: {cpu: 100m}}`),
		Want:    []string{"Deployment shop/web" + path + "manual"},
	}, {
		Name:    "the pod's own resources",
		Objects: deployment("web", "", "resources: {requests: {cpu: 1}, limits: {memory: 1Gi}}\n"+bare),
	}, {
		Name:    "a vertical autoscaler sets them",
		Objects: deployment("web", "", bare) + vpa("Auto", "cpu: 300m, memory: 256Mi"),
	}, {
		Name:    "a vertical autoscaler sets one of them",
		Objects: deployment("web", "", bare) + strings.Replace(vpa("", "cpu: 300m"), "status:", "  resourcePolicy: {containerPolicies: [{containerName: '*', controlledResources: [memory]}]}\nstatus:", 1),
		Want:    review,
		Diff:    []string{"+ cpu: 300m"},
		NotDiff: []string{"+ memory: 128Mi"},
	}, {
		Name:    "a vertical autoscaler recommends only",
		Objects: deployment("web", "", bare) + vpa("Off", "cpu: 300m, memory: 256Mi"),
		Want:    review,
		Diff:    []string{"+ cpu: 300m", "+ memory: 256Mi"},
	}, {
		Name:    "a vertical autoscaler leaves this container alone",
		Objects: deployment("web", "", bare) + strings.Replace(vpa("Recreate", "cpu: 300m, memory: 256Mi"), "status:", "  resourcePolicy: {containerPolicies: [{containerName: '*'}, {containerName: app, mode: \"Off\"}]}\nstatus:", 1),
		Want:    review,
	}, {
		Name:    "a horizontal autoscaler scales by the request",
		Objects: deployment("web", "", bare) + scalesByCPU,
		Want:    review,
	}, {
		Name:    "named",
		Objects: deployment("web", "", sized),
	}, {
		Name:    "the cluster's own namespace",
		Objects: strings.ReplaceAll(deployment("web", "", bare), "shop", "kube-system"),
	}, {
		Name:    "a running pod",
		Objects: "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec: {" + bare + "}\n",
		Live:    true,
		Want:    []string{"Pod shop/p spec.containers[0].resources.requests manual"},
	}})
}

func all[T any](n int, f func(int) T) []T {
	var out []T
	for i := range n {
		out = append(out, f(i))
	}
	return out
}

const node = "---\napiVersion: v1\nkind: Node\nmetadata: {name: node-1}\nstatus: {allocatable: {cpu: 4, memory: 8Gi, ephemeral-storage: 90Gi}}\n"

func TestContainerNoLimits(t *testing.T) {
	const path = " spec.template.spec.containers[0].resources.limits "
	review := []string{"Deployment shop/web" + path + "review"}
	fixestest.Table(t, containerNoLimits(), []fixestest.Case{{
		Name:    "nothing is known; the request comes with the limit",
		Objects: deployment("web", "", bare),
		Want:    review,
		Diff:    []string{"+ limits:", "+ memory: 512Mi", "+ ephemeral-storage: 4Gi", "+ requests:", "+ memory: 128Mi", "+ ephemeral-storage: 100Mi"},
		NotDiff: []string{"+ cpu: 100m", `+ cpu: "1"`},
	}, {
		Name:    "twice the request at the least, which stays",
		Objects: deployment("web", "", `containers: [{name: app, image: x, resources: {requests: {memory: 1000Mi}}}]`),
		Want:    review,
		Diff:    []string{"+ memory: 2000Mi"},
		NotDiff: []string{"+ memory: 128Mi"},
	}, {
		Name:    "the median of the others",
		Objects: deployment("web", "", `containers: [{name: app, image: x}, {name: a, image: x, resources: {requests: {memory: 200Mi}, limits: {memory: 1500Mi, ephemeral-storage: 1Gi}}}]`),
		Want:    review,
		Diff:    []string{"+ memory: 1504Mi", "+ memory: 200Mi", "+ ephemeral-storage: 1Gi"},
	}, {
		Name:    "twice what is used at the most",
		Objects: node + deployment("web", "", bare) + runs(2, bare),
		Facts:   used([2]string{"100m", "600Mi"}, [2]string{"100m", "700Mi"}),
		Live:    true,
		Want:    review,
		Diff:    []string{"+ memory: 1696Mi", "+ memory: 848Mi"}, // twice the request: 840Mi in steps of 16Mi
	}, {
		Name: "emptyDirs on disk count",
		Objects: deployment("web", "", `
volumes: [{name: a, emptyDir: {sizeLimit: 1Gi}}, {name: b, emptyDir: {}}, {name: c, emptyDir: {medium: Memory}}]
containers: [{name: app, image: x, resources: {limits: {memory: 1Gi}}}]
`),
		Want: review,
		Diff: []string{"+ ephemeral-storage: 9Gi"},
	}, {
		Name:    "nodes that do not account for storage",
		Objects: strings.Replace(node, ", ephemeral-storage: 90Gi", "", 1) + deployment("web", "", `containers: [{name: app, image: x, resources: {limits: {memory: 1Gi}}}]`),
		Live:    true,
	}, {
		Name:    "a LimitRange gives limits",
		Objects: deployment("web", "", bare) + limitRange("x", `{type: Container, default: {memory: 1Gi}, max: {ephemeral-storage: 1Gi}}`),
	}, {
		Name:    "within a ratio, from the default request",
		Objects: deployment("web", "", bare) + limitRange("x", `{type: Container, defaultRequest: {memory: 100Mi}, maxLimitRequestRatio: {memory: 3}}`),
		Want:    review,
		Diff:    []string{"+ memory: 300Mi", "+ memory: 100Mi"},
	}, {
		Name:    "within the maximum for pods",
		Objects: deployment("web", "", `containers: [{name: app, image: x}, {name: a, image: x, resources: {limits: {memory: 100Mi, ephemeral-storage: 1Gi}}}]`) + limitRange("x", `{type: Pod, max: {memory: 250Mi}}`),
		Want:    review,
		Diff:    []string{"+ memory: 150Mi", "+ memory: 100Mi"},
	}, {
		Name:    "no room",
		Objects: deployment("web", "", `containers: [{name: app, image: x, resources: {requests: {memory: 1Gi}}}]`) + limitRange("x", `{type: Pod, max: {memory: 350Mi}}`),
		Want:    []string{"Deployment shop/web" + path + "manual"},
	}, {
		Name:    "a quota demands cpu limits",
		Objects: deployment("web", "", `containers: [{name: app, image: x, resources: {requests: {cpu: 2}, limits: {memory: 1Gi, ephemeral-storage: 1Gi}}}]`) + resourceQuota("q", "{hard: {limits.cpu: 8}}"),
		Want:    review,
		Diff:    []string{`+ cpu: "4"`},
	}, {
		Name:    "a vertical autoscaler scales limits",
		Objects: deployment("web", "", bare) + vpa("InPlaceOrRecreate", "cpu: 1"),
		Want:    []string{"Deployment shop/web" + path + "manual"},
	}, {
		Name:    "the pod's own limit",
		Objects: deployment("web", "", "resources: {limits: {memory: 1Gi}}\ncontainers: [{name: app, image: x, resources: {limits: {ephemeral-storage: 1Gi}}}]"),
	}, {
		Name:    "named",
		Objects: deployment("web", "", `containers: [{name: app, image: x, resources: {limits: {memory: 1Gi, ephemeral-storage: 1Gi}}}]`),
	}})
}

// What a person is told of a container's proposal.
func TestContainerEvidence(t *testing.T) {
	objects := deployment("web", "", bare) + scalesByCPU + runs(2, bare) + resourceQuota("q", "{hard: {requests.memory: 8Gi}}")
	inv := fixestest.Load(t, objects)
	inv.Live = true
	for _, f := range used([2]string{"10m", "20Mi"}, [2]string{"20m", "40Mi"}) {
		inv.Add(f)
	}
	for rule, want := range map[*fixes.Rule][]string{
		containerNoRequests(): {
			"low Container app names no cpu or memory request: the scheduler counts on nothing, and others starve with it.",
			"proposed request of 0.03 cpu: 0.02 cpu is the 95th percentile of what is used by 2 pods, averaged over 30s; + 20%",
			"proposed request of 48Mi memory: 40Mi memory is the 95th percentile of what is used by 2 pods, averaged over 30s; + 20%",
			"HorizontalPodAutoscaler wide scales by the share of its cpu request that is used",
			"Its pods are Burstable then, no more BestEffort",
			"HorizontalPodAutoscaler wide scales by the share of the cpu request that is used: the number of pods may change.",
			"ResourceQuota q counts it",
		},
		containerNoLimits(): {
			"medium Container app has no memory limit: it may take all that its node has, and others with it.",
			"proposed limit of 96Mi memory: twice what it requests",
			"proposed request of 48Mi memory: 40Mi",
			"The container is killed when it needs more than 96Mi memory.",
		},
	} {
		f := rule.Run(inv)[0]
		got := f.Severity.String() + " " + f.Message + "\n" + strings.Join(append(f.Evidence, f.Fix().Risks...), "\n")
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s lacks %q:\n%s", rule.ID, w, got)
			}
		}
	}
}
