package apply_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
	"github.com/kubectl-harden/kubectl-harden/fixes/quota"
	"github.com/kubectl-harden/kubectl-harden/plugin/source"
)

var manifestsDir = flag.String("manifests", "", "folder of manifests, with a folder for each repository: what is in them must survive quotas too")

// crowded has what a quota must leave room for beside replicas: a surge, an
// autoscaler, sidecars, parallel and overlapping Jobs, a pod on each node.
const crowded = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: wide, namespace: busy}
spec:
  replicas: 20
  strategy: {rollingUpdate: {maxSurge: 100%, maxUnavailable: 100%}}
  selector: {matchLabels: {app: wide}}
  template:
    metadata: {labels: {app: wide}}
    spec:
      initContainers: [{name: setup, image: x, resources: {requests: {cpu: 2}}}, {name: proxy, image: x, restartPolicy: Always}]
      containers: [{name: app, image: x, resources: {limits: {cpu: 700m}}}, {name: log, image: x}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: scaled, namespace: busy}
spec:
  selector: {matchLabels: {app: scaled}}
  template:
    metadata: {labels: {app: scaled}}
    spec: {containers: [{name: app, image: x, resources: {requests: {memory: 3Gi}}}]}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: scaled, namespace: busy}
spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: scaled}, maxReplicas: 9}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: busy}
spec:
  updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: app, image: x, resources: {requests: {cpu: 1, memory: 2Gi}}}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: busy}
spec:
  replicas: 3
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: app, image: x, resources: {requests: {cpu: 3, memory: 8Gi}}}]}
---
apiVersion: batch/v1
kind: Job
metadata: {name: batch, namespace: busy}
spec: {parallelism: 7, completions: 30, template: {spec: {restartPolicy: Never, containers: [{name: app, image: x, resources: {requests: {cpu: 1}}}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tick, namespace: busy}
spec: {schedule: "* * * * *", jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: app, image: x}]}}}}}
`

// TestQuotaAdmitsAll fixes namespaces, and then does to them what is hardest on
// a quota: autoscalers at their maximum and a rollout of all workloads at once,
// then all deleted and created again at once, while the old pods take seconds
// to end. No pod may be refused; but a fork bomb is stopped. With -manifests it
// does so to real ones too:
//
//	go test ./plugin/apply -run QuotaAdmitsAll -v -timeout 2h -args -manifests DIR
func TestQuotaAdmitsAll(t *testing.T) {
	groups := map[string]*fixes.Inventory{"busy": fixestest.Load(t, crowded)}
	files, err := filepath.Glob("../../testdata/manifests/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range append(files, "../source/demo.yaml") {
		groups[strings.TrimSuffix(filepath.Base(file), ".yaml")] = fixestest.ReadFiles(t, file)
	}
	if *manifestsDir != "" {
		repositories, err := os.ReadDir(*manifestsDir)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range repositories {
			groups[r.Name()] = fixestest.ReadFiles(t, manifestFiles(t, filepath.Join(*manifestsDir, r.Name()))...)
		}
	}
	var mu sync.Mutex
	var total survival
	t.Run("all", func(t *testing.T) {
		for name, inv := range groups {
			for _, namespace := range inv.Namespaces() {
				t.Run(name+"/"+namespace, func(t *testing.T) {
					t.Parallel()
					s := survive(t, inv, namespace)
					t.Logf("%d workloads (%d not taken by the server), %d changes, %d pods at the most of %d, refused %d, fork bomb stopped at %d",
						s.workloads, s.invalid, s.changes, s.mostPods, s.hardPods, s.refused, s.bomb)
					mu.Lock()
					defer mu.Unlock()
					total.namespaces++
					total.workloads, total.invalid, total.refused = total.workloads+s.workloads, total.invalid+s.invalid, total.refused+s.refused
				})
			}
		}
	})
	t.Logf("%d namespaces, %d workloads (%d more not taken by the server), %d pods refused", total.namespaces, total.workloads, total.invalid, total.refused)
	if total.workloads < 15 {
		t.Errorf("only %d workloads", total.workloads)
	}
}

func manifestFiles(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) {
			files = append(files, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return files
}

type survival struct {
	namespaces, workloads, invalid, changes, mostPods, hardPods, refused, bomb int
}

// survive plays one namespace of an inventory.
func survive(t *testing.T, inv *fixes.Inventory, from string) (s survival) {
	namespace := fmt.Sprintf("survive-%d", time.Now().UnixNano())
	control.Kubectl(t, "create", "namespace", namespace)
	t.Cleanup(func() {
		control.Kubectl(t, "delete", "pods,jobs,cronjobs,deployments,statefulsets,daemonsets,replicasets,rc", "--all", "-n", namespace, "--wait=false")
		control.Kubectl(t, "delete", "namespace", namespace, "--wait=false")
	})
	serviceAccount(t, namespace)
	var made []fixes.Object
	for _, kind := range []fixes.Kind{fixes.KindLimitRange, fixes.KindHPA} {
		for _, obj := range inv.List(kind) {
			if obj.GetNamespace() == from {
				if obj = plain(obj, namespace); create(t, obj) == nil {
					made = append(made, obj)
				}
			}
		}
	}
	var workloads []fixes.Object
	for _, w := range inv.Workloads(from) {
		if w.Object.GetNamespace() != from || w.Object.GetSelfLink() != "" {
			continue // of another namespace, or a second of its name
		}
		obj := runnable(w.Object, namespace)
		if create(t, obj) != nil {
			s.invalid++
			continue
		}
		workloads = append(workloads, obj)
	}
	if s.workloads = len(workloads); s.workloads == 0 {
		return s
	}
	settled(t, namespace, 60*time.Second)

	result, err := source.Scan(t.Context(), &source.Cluster{Client: api, Namespace: namespace}, nil, quota.Rules(), nil)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	if err != nil {
		t.Fatal(err)
	}
	if !plan.Verified {
		t.Errorf("not verified: unfixed %q, new %q", fixestest.Lines(plan.Unfixed), fixestest.Lines(plan.New))
	}
	s.changes = len(plan.Changes)
	a := applier(t)
	a.Settings.WaveSize = 10000
	var got outcomes
	if err := write(t.Context(), a, plan, got.report); err != nil {
		for _, c := range got.order {
			if o := got.last[c]; o.State != fixes.Applied {
				t.Errorf("%s is %s: %s", c.Object, o.State, o.Detail)
			}
		}
		t.Fatal(err)
	}
	s.hardPods = int(counted(t, namespace).hard)
	control.Kubectl(t, "delete", "events", "--all", "-n", namespace)

	// All at their maximum, and all rolled out.
	for _, obj := range made {
		if hpa, ok := obj.(*autoscalingv2.HorizontalPodAutoscaler); ok {
			target := hpa.Spec.ScaleTargetRef
			_, _, _ = control.KubectlErr("scale", strings.ToLower(target.Kind)+"/"+target.Name, "-n", namespace, fmt.Sprintf("--replicas=%d", hpa.Spec.MaxReplicas))
		}
	}
	s.mostPods = settled(t, namespace, 60*time.Second)
	for _, kind := range []string{"deployments", "statefulsets", "daemonsets"} {
		if control.Kubectl(t, "get", kind, "-n", namespace, "-o", "name") != "" {
			control.Kubectl(t, "rollout", "restart", kind, "-n", namespace)
		}
	}
	s.mostPods = max(s.mostPods, settled(t, namespace, 90*time.Second))

	// All deleted, and created again at once; but pods that have a name of their
	// own when those before them are gone (until then, each try counts in the
	// quota's use for a while, though the name is taken), and what has finished one
	// after another.
	var atOnce, named, finished []fixes.Object
	for _, obj := range workloads {
		live, err := api.Get(t.Context(), fixes.RefOf(obj))
		if apierrors.IsNotFound(err) {
			continue // a pod that a ReplicaSet with its labels took for one too many
		}
		if err != nil {
			t.Fatal(err)
		}
		w, _ := fixes.AsWorkload(live)
		switch obj.(type) {
		case *batchv1.Job, *corev1.Pod: // what the server has added to these does not fit a new one
		default:
			obj = plain(live, namespace)
		}
		switch obj.(type) {
		case *appsv1.StatefulSet, *corev1.Pod:
			named = append(named, obj)
		default:
			if w.Finished() {
				finished = append(finished, obj)
			} else {
				atOnce = append(atOnce, obj)
			}
		}
	}
	control.Kubectl(t, "delete", "deployments,statefulsets,daemonsets,replicasets,rc,jobs,cronjobs,pods", "--all", "-n", namespace, "--wait=false")
	again := func(list []fixes.Object) {
		for _, obj := range list {
			if err := create(t, obj); err != nil {
				s.refused++
				t.Errorf("created again: %v", err)
			}
		}
		s.mostPods = max(s.mostPods, settled(t, namespace, 90*time.Second))
	}
	again(atOnce)
	again(named)
	for i := range finished {
		again(finished[i : i+1])
	}
	for _, refusal := range refusals(t, namespace) {
		s.refused++
		t.Error(refusal)
	}

	// A fork bomb takes what is left, and no more.
	bomb := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "fork-bomb", Namespace: namespace}}
	replicas := int32(10000)
	bomb.Spec.Replicas, bomb.Spec.Selector = &replicas, &metav1.LabelSelector{MatchLabels: map[string]string{"bomb": "x"}}
	bomb.Spec.Template.Labels = bomb.Spec.Selector.MatchLabels
	bomb.Spec.Template.Spec.Containers = []corev1.Container{{Name: "fork", Image: "x"}}
	if err := create(t, bomb); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(3 * time.Minute); len(refusals(t, namespace)) == 0; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing stops a fork bomb")
		}
	}
	c := counted(t, namespace)
	// The server lets through what is made while its controller counts anew, from a
	// view that is behind (kubernetes#123434): on a busy machine dozens of pods.
	if s.bomb = int(c.used); c.used > 2*c.hard || c.hard > 5000 {
		t.Errorf("with a fork bomb %d pods of %d", c.used, c.hard)
	}
	return s
}
