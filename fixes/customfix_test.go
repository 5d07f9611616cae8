package fixes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const ugly = `containers: [{name: web, image: "example.com/web:1", env: [{name: DB_PASSWORD, value: "Jd93kQz7Lm2pX"}], securityContext: {privileged: true}}]`

// chain is what controllers make of a workload, down to a pod.
const chain = `
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, uid: pod, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: set, controller: true}]}
spec: {containers: [{name: web, image: "example.com/web:1", securityContext: {privileged: true}}]}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-1, namespace: shop, uid: set, ownerReferences: [OWNER]}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {` + "containers: [{name: web, image: \"example.com/web:1\"}]" + `}}}
---
`

// TestFindingsLandOnTheTop demands that what a custom workload owns has no
// findings of its own, and that its pods are the workload's.
func TestFindingsLandOnTheTop(t *testing.T) {
	for _, c := range []struct{ name, owner, objects, top string }{
		{"Rollout", `{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web, uid: top, controller: true}`, `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop, uid: top}
spec: {template: {metadata: {labels: {app: web}}, spec: {` + ugly + `}}}`, "Rollout shop/web"},
		{"another version", `{apiVersion: argoproj.io/v2, kind: Rollout, name: web, uid: top, controller: true}`, `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop, uid: top}
spec: {template: {metadata: {labels: {app: web}}, spec: {` + ugly + `}}}`, "Rollout shop/web"},
		{"workloadRef", `{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web, uid: top, controller: true}`, `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop, uid: top}
spec: {workloadRef: {apiVersion: apps/v1, kind: Deployment, name: template}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: template, namespace: shop, uid: template}
spec: {replicas: 0, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {` + ugly + `}}}`, "Deployment shop/template"},
		{"Knative", `{apiVersion: apps/v1, kind: Deployment, name: web-1, uid: deploy, controller: true}`, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web-1, namespace: shop, uid: deploy, ownerReferences: [{apiVersion: serving.knative.dev/v1, kind: Revision, name: web-1, uid: rev, controller: true}]}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {` + ugly + `}}}
---
apiVersion: serving.knative.dev/v1
kind: Revision
metadata: {name: web-1, namespace: shop, uid: rev, ownerReferences: [{apiVersion: serving.knative.dev/v1, kind: Configuration, name: web, uid: conf, controller: true}]}
---
apiVersion: serving.knative.dev/v1
kind: Configuration
metadata: {name: web, namespace: shop, uid: conf, ownerReferences: [{apiVersion: serving.knative.dev/v1, kind: Service, name: web, uid: top, controller: true}]}
spec: {template: {spec: {` + ugly + `}}}
---
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: web, namespace: shop, uid: top}
spec: {template: {spec: {` + ugly + `}}}`, "Service.serving.knative.dev shop/web"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inv := fixestest.Load(t, strings.Replace(chain, "OWNER", c.owner, 1)+c.objects)
			inv.Live, inv.ServerMinor = true, 37
			workloads := inv.Workloads("")
			if len(workloads) != 1 || workloads[0].Ref().String() != c.top {
				t.Fatalf("workloads: %v", workloads)
			}
			if pods := inv.Pods(workloads[0]); len(pods) != 1 {
				t.Errorf("its pods: %v", pods)
			}
			result := fixes.Scan(inv, catalog.Rules())
			found := 0
			for _, f := range result.Findings {
				if f.Object.Kind == fixes.KindNamespace || f.Object.Namespace == "" {
					continue
				}
				found++
				if f.Object.String() != c.top {
					t.Errorf("%s of %s", f.Rule.ID, f.Object)
				}
				if fix := f.Fix(); fix != nil && strings.Contains(fix.Why, "controls this object") {
					t.Errorf("%s: %s", f.Rule.ID, fix.Why)
				}
			}
			if found < 5 {
				t.Errorf("%d findings", found)
			}
			fixestest.ClosedLoop(t, result)
		})
	}
}

// A Rollout that somebody else's resource owns is no top.
func TestCustomWorkloadUnderAnother(t *testing.T) {
	inv := fixestest.Load(t, `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop, ownerReferences: [{apiVersion: example.com/v1, kind: Shop, name: shop, uid: u, controller: true}]}
spec: {template: {spec: {`+ugly+`}}}`)
	for _, f := range fixes.Scan(inv, catalog.Rules()).Findings {
		if fix := f.Fix(); f.Object.Kind == fixes.KindRollout && fix != nil && fix.Confidence != fixes.Manual {
			t.Errorf("%s: %v", f.Rule.ID, fix.Confidence)
		}
	}
}

// owners that lead to each other end the walk.
func TestTemplatesThatReferInARing(t *testing.T) {
	inv := fixestest.Load(t, `
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: a, namespace: shop}
spec: {workloadRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: b}}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: b, namespace: shop}
spec: {workloadRef: {apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: a}}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: c, namespace: shop}
spec: {workloadRef: [1]}
---
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: d, namespace: shop}
spec: {workloadRef: {apiVersion: a/b/c, kind: 7, name: {}}}
`)
	if _, owner := inv.Top(inv.List(fixes.KindRollout)[0]); owner == nil {
		t.Error("a ring has a top")
	}
	if n := len(inv.Workloads("")); n != 0 {
		t.Errorf("%d workloads", n)
	}
	fixes.Scan(inv, catalog.Rules())
}

// knative is a Service of a pod spec.
func knative(spec string) string {
	return `
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {template: {metadata: {META}, spec: {` + spec + `}}}`
}

func TestKnativeHoldsPartOfAPod(t *testing.T) {
	rule := func(set func(w fixes.Workload)) *fixes.Rule {
		return &fixes.Rule{ID: "test", Title: "t", Severity: fixes.Low, Threats: []fixes.Threat{fixes.Tampering}, Docs: "d", Kinds: fixes.WorkloadKinds(),
			Check: func(p *fixes.Pass) {
				for _, w := range p.Workloads("") {
					p.Report(fixes.Finding{Object: w.Ref(), Path: "spec", Message: "m", Fixes: []fixes.Fix{{Title: "set it", Confidence: fixes.Safe, Why: "w",
						Edit: func(d *fixes.Draft) error {
							w, err := d.EditWorkload(w.Ref())
							if err == nil {
								set(w)
							}
							return err
						}}}})
				}
			}}
	}
	yes, user := true, int64(1000)
	const plain = `containers: [{image: "example.com/web:1", novel: kept}, {name: side, image: "example.com/side:1", securityContext: {runAsUser: 7}}]`
	for _, c := range []struct {
		name, spec, meta string
		set              func(w fixes.Workload)
		manual           string
		diff             []string
	}{
		{"image", plain, "", func(w fixes.Workload) { w.Spec.Containers[0].Image = "x" }, "", nil},
		{"pod's user", plain, "", func(w fixes.Workload) {
			w.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: &user, RunAsNonRoot: &yes}
		}, "", []string{"+ runAsUser: 1000", "+ runAsNonRoot: true"}},
		{"pod's group", plain, "", func(w fixes.Workload) {
			w.Spec.SecurityContext = &corev1.PodSecurityContext{FSGroup: &user}
		}, "holds no securityContext.fsGroup", nil},
		{"pod's group where pods have a context", plain + `, securityContext: {runAsNonRoot: false}`, "", func(w fixes.Workload) {
			w.Spec.SecurityContext.FSGroup = &user
		}, "", []string{"+ fsGroup: 1000"}},
		{"init container", plain, "", func(w fixes.Workload) {
			w.Spec.InitContainers = []corev1.Container{{Name: "seed"}}
		}, "holds no initContainers[0].name", nil},
		{"host network", plain, "", func(w fixes.Workload) { w.Spec.HostNetwork = true }, "holds no hostNetwork", nil},
		{"no more host network", plain + ", hostNetwork: true", "", func(w fixes.Workload) { w.Spec.HostNetwork = false }, "", []string{"- hostNetwork: true"}},
		{"scratch", plain, "", func(w fixes.Workload) {
			w.AddScratch("side", []fixes.Scratch{{Path: "/tmp"}})
		}, "", nil},
		{"host path", plain, "", func(w fixes.Workload) {
			w.Spec.Volumes = []corev1.Volume{{Name: "h", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
		}, "holds no volumes[0].hostPath.path", nil},
		{"named revision", plain, "name: web-7", func(w fixes.Workload) { w.Spec.Containers[0].Image = "x" }, "takes no other template under the revision name", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			inv := fixestest.Load(t, strings.Replace(knative(c.spec), "META", c.meta, 1))
			result := fixes.Scan(inv, []*fixes.Rule{rule(c.set)})
			fix := result.Findings[0].Fix()
			if c.manual != "" {
				if fix.Confidence != fixes.Manual || fix.Edit != nil || fix.Steps == "" || !strings.Contains(fix.Why, c.manual) {
					t.Errorf("%v: %s", fix.Confidence, fix.Why)
				}
				return
			}
			if fix.Confidence != fixes.Safe {
				t.Fatalf("%v: %s", fix.Confidence, fix.Why)
			}
			plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Safe))
			if err != nil || len(plan.Changes) != 1 {
				t.Fatal(plan, err)
			}
			text, err := plan.Changes[0].Diff(func(o fixes.Object) fixes.Object { return o }, 0)
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for line := range strings.SplitSeq(text, "\n") {
				if line != "" {
					lines = append(lines, line[:1]+" "+strings.TrimSpace(line[1:]))
				}
			}
			for _, want := range c.diff {
				if !slices.Contains(lines, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			if m, err := plan.Changes[0].Manifest(); err != nil || !strings.Contains(fmt.Sprint(m), "novel:kept") {
				t.Errorf("the unknown field is gone: %v", m)
			}
			after, _ := fixes.AsWorkload(plan.Changes[0].After)
			if c.name == "pod's user" && (after.Spec.SecurityContext != nil || *after.Spec.Containers[1].SecurityContext.RunAsUser != 7) {
				t.Errorf("%v", after.Spec)
			}
		})
	}
}

// The catalogue's fixes of a plain Knative Service are ones that its API takes.
func TestKnativeIsFixed(t *testing.T) {
	inv := fixestest.Load(t, strings.Replace(knative(ugly), "META", "", 1))
	result := fixes.Scan(inv, catalog.Rules())
	for _, f := range result.Findings {
		if fix := f.Fix(); fix != nil && strings.Contains(fix.Why, "feature flag") {
			t.Errorf("%s: %s", f.Rule.ID, fix.Why)
		}
	}
	fixestest.ClosedLoop(t, result)
}

func TestOpenShiftAssignsUsers(t *testing.T) {
	inv := fixestest.Load(t, `
apiVersion: apps.openshift.io/v1
kind: DeploymentConfig
metadata: {name: web, namespace: shop}
spec: {template: {spec: {containers: [{name: web, image: "example.com/web:1", securityContext: {runAsUser: 0}}]}}}`)
	said := 0
	for _, f := range fixes.Scan(inv, catalog.Rules()).Findings {
		fix := f.Fix()
		if fix == nil || fix.Edit == nil {
			continue
		}
		if slices.ContainsFunc(fix.Risks, func(r string) bool { return strings.Contains(r, "SCC") }) {
			said++
			if !strings.Contains(f.Rule.ID, "user") && !strings.Contains(f.Rule.ID, "root") {
				t.Errorf("%s chooses no user", f.Rule.ID)
			}
		}
	}
	t.Logf("said of %d fixes", said)
}

func TestNamesOfCustomKinds(t *testing.T) {
	for _, c := range []struct {
		kind          fixes.Kind
		text, kubectl string
	}{
		{fixes.KindRollout, "Rollout shop/web", "rollout.argoproj.io/web -n shop"},
		{fixes.KindKnativeService, "Service.serving.knative.dev shop/web", "service.serving.knative.dev/web -n shop"},
		{fixes.KindKruiseStatefulSet, "StatefulSet.apps.kruise.io shop/web", "statefulset.apps.kruise.io/web -n shop"},
		{fixes.KindStatefulSet, "StatefulSet shop/web", "statefulset/web -n shop"},
	} {
		ref := fixes.Ref{Kind: c.kind, Namespace: "shop", Name: "web"}
		if ref.String() != c.text || ref.KubectlArgs() != c.kubectl {
			t.Error(ref, ref.KubectlArgs())
		}
	}
	for word, want := range map[string]fixes.Kind{
		"service": fixes.KindService, "services.serving.knative.dev": fixes.KindKnativeService, "service.v1.serving.knative.dev": fixes.KindKnativeService,
		"rollout": fixes.KindRollout, "statefulset": fixes.KindStatefulSet, "statefulsets.apps.kruise.io": fixes.KindKruiseStatefulSet, "daemonsets.apps": fixes.KindDaemonSet,
	} {
		if got, err := fixes.ParseKind(word); err != nil || got != want {
			t.Errorf("%s: %v %v", word, got, err)
		}
	}
}
