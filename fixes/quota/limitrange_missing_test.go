package quota

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// deployment returns a Deployment of namespace shop; containers are in YAML's
// flow style.
func deployment(name, spec, podSpec string) string {
	return `
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ` + name + `, namespace: shop}
spec:
  selector: {matchLabels: {app: ` + name + `}}` + indent(spec, 2) + `
  template:
    metadata: {labels: {app: ` + name + `}}
    spec:` + indent(podSpec, 6)
}

func indent(yaml string, n int) string {
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSpace(yaml), "\n") {
		if line != "" {
			b.WriteString("\n" + strings.Repeat(" ", n) + line)
		}
	}
	return b.String() + "\n"
}

func limitRange(name, item string) string {
	return `
---
apiVersion: v1
kind: LimitRange
metadata: {name: ` + name + `, namespace: shop}
spec:
  limits:
  - ` + item + `
`
}

const bare = `containers: [{name: app, image: x}]`

func TestLimitRangeMissing(t *testing.T) {
	reported := []string{"Namespace shop limitRanges review"}
	fixestest.Table(t, limitRangeMissing(), []fixestest.Case{{
		Name:    "nothing names a request",
		Objects: deployment("web", "", bare),
		Want:    reported,
		Diff:    []string{"+ kind: LimitRange", "+ name: container-defaults", "+ namespace: shop", "+ - defaultRequest:", "+ cpu: 100m", "+ memory: 128Mi", "+ type: Container"},
		NotDiff: []string{"+ default:"},
	}, {
		Name: "the median of what containers name, limits counted as requests, zeros not",
		Objects: deployment("web", "", `
initContainers:
- {name: init, image: x, resources: {requests: {cpu: 10m}}}
containers:
- {name: a, image: x, resources: {requests: {cpu: 30m, memory: 64Mi}}}
- {name: b, image: x, resources: {limits: {cpu: 50m, memory: 96Mi}}}
- {name: c, image: x, resources: {requests: {cpu: 0, memory: 100Mi}}}
- {name: d, image: x}
`) + deployment("api", "", `containers: [{name: a, image: x, resources: {requests: {cpu: 2, memory: 1Gi}}}]`),
		Want: reported, // cpu of 10m 30m 50m 2, memory of 64Mi 96Mi 100Mi 1Gi
		Diff: []string{"+ cpu: 30m", "+ memory: 96Mi"},
	}, {
		Name:    "a large median is bounded",
		Objects: deployment("db", "", `containers: [{name: a, image: x, resources: {requests: {cpu: 4, memory: 8Gi}}}]`),
		Want:    reported,
		Diff:    []string{"+ cpu: 500m", "+ memory: 512Mi"},
	}, {
		Name:    "a namespace without workloads",
		Objects: "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n",
		Want:    reported,
		Diff:    []string{"+ cpu: 100m"},
	}, {
		Name:    "defaults for both",
		Objects: deployment("web", "", bare) + limitRange("x", `{type: Container, defaultRequest: {cpu: 1m, memory: 1Mi}}`),
	}, {
		Name: "defaults for both, from two LimitRanges",
		Objects: deployment("web", "", bare) + limitRange("x", `{type: Container, defaultRequest: {cpu: 1m}}`) +
			limitRange("second", `{type: Container, defaultRequest: {memory: 1Mi}}`),
	}, {
		Name:    "the API server completes defaults from limits, maxima and minima",
		Objects: deployment("web", "", bare) + limitRange("x", `{type: Container, max: {cpu: 1}, min: {memory: 1Mi}}`),
	}, {
		Name:    "only cpu has a default",
		Objects: deployment("web", "", bare) + limitRange("container-defaults", `{type: Container, default: {cpu: 1}}`),
		Want:    reported,
		Diff:    []string{"+ name: container-defaults-2", "+ memory: 128Mi"},
		NotDiff: []string{"+ cpu: 100m"},
	}, {
		Name:    "a LimitRange for pods and one for volumes give no defaults",
		Objects: deployment("web", "", bare) + limitRange("x", `{type: Pod, max: {cpu: 1, memory: 1Gi}}`) + limitRange("second", `{type: PersistentVolumeClaim, max: {storage: 1Gi}}`),
		Want:    reported,
	}, {
		Name: "within what the pod may ask for",
		Objects: deployment("web", "", `
resources: {requests: {cpu: 110m, memory: 300Mi}}
containers:
- {name: a, image: x, resources: {requests: {cpu: 50m}}}
- {name: b, image: x}
- {name: c, image: x}
`),
		Want: reported, // cpu (110m-50m)/2; 300Mi/3 for memory
		Diff: []string{"+ cpu: 30m", "+ memory: 100Mi"},
	}, {
		Name: "within a maximum for pods",
		Objects: limitRange("x", `{type: Pod, max: {memory: 160Mi}}`) + deployment("web", "", `
containers:
- {name: a, image: x, resources: {limits: {memory: 129Mi}}}
- {name: b, image: x}
`),
		Want: reported,
		Diff: []string{"+ cpu: 100m", "+ memory: 31Mi"},
	}, {
		Name: "no default would do",
		Objects: deployment("web", "", `
resources: {requests: {cpu: 50m}}
containers:
- {name: a, image: x, resources: {requests: {cpu: 50m}}}
- {name: b, image: x}
`),
		Want: []string{"Namespace shop limitRanges manual"},
	}, {
		Name:    "the cluster's own namespace",
		Objects: strings.ReplaceAll(deployment("web", "", bare), "shop", "kube-system"),
	}, {
		Name:    "a namespace on its way out",
		Objects: deployment("web", "", bare) + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, deletionTimestamp: 2026-01-01T00:00:00Z}\n",
	}, {
		Name:    "manifests that name no namespace",
		Objects: strings.ReplaceAll(deployment("web", "", bare), ", namespace: shop", ""),
		Want:    []string{"Namespace (no namespace) limitRanges review"},
		NotDiff: []string{"+ namespace: NAMESPACE"},
	}})
}

func TestLimitRangeNotListed(t *testing.T) {
	inv := fixestest.Load(t, deployment("web", "", bare)+
		"---\napiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n")
	inv.Skip(fixes.Skip{Resource: fixes.KindLimitRange.String(), Namespace: "shop", Reason: "forbidden"})
	got := fixestest.Lines(fixes.Scan(inv, Rules()).Findings)
	want := "Namespace other resourceQuotas review|Namespace other limitRanges review" // nor what containers of shop lack
	if strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
}

// Before 1.37 the pod-level request is what the containers name, so that any
// default added to another container makes the pod invalid.
func TestPodLevelLimits(t *testing.T) {
	objects := deployment("web", "", `
resources: {limits: {cpu: 1, memory: 1Gi}}
containers:
- {name: a, image: x, resources: {requests: {cpu: 50m, memory: 64Mi}}}
- {name: b, image: x}
`)
	for minor, want := range map[int]string{36: "manual", 37: "review"} {
		inv := fixestest.Load(t, objects)
		inv.ServerMinor = minor
		for _, f := range fixes.Scan(inv, []*fixes.Rule{limitRangeMissing(), quotaMissing()}).Findings {
			if got := f.Fix().Confidence.String(); got != want {
				t.Errorf("1.%d: %s is %s, want %s", minor, f.Rule.ID, got, want)
			}
		}
	}
}

func TestEvidenceNamesContainers(t *testing.T) {
	inv := fixestest.Load(t, deployment("web", "", `
initContainers: [{name: init, image: x, resources: {requests: {cpu: 1m}}}]
containers:
- {name: a, image: x, resources: {limits: {cpu: 1, memory: 1Gi}}}
- {name: b, image: x}
`))
	f := limitRangeMissing().Run(inv)[0]
	got := strings.Join(append(f.Evidence, f.Fix().Risks...), "\n")
	for _, want := range []string{
		"1 container without a cpu request: Deployment web (b)",
		"2 containers without a memory request: Deployment web (init, b)",
		"default cpu request 1m: the median of 2 containers",
		"default memory request 512Mi: bounded, the median of 1 container is 1Gi",
		"From their next restart 2 containers reserve the default, and may stay Pending on a full cluster: Deployment web (init, b).",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
}
