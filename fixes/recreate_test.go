package fixes_test

import (
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// livePod is a pod as a server returns it, with what the scheduler, admission
// and somebody's debugging have added.
const livePod = `
apiVersion: v1
kind: Pod
metadata:
  name: worker
  namespace: shop
  uid: 11111111-1111-4111-8111-111111111111
  resourceVersion: "42"
  generation: 2
  creationTimestamp: "2026-01-02T03:04:05Z"
  labels: {app: worker}
spec:
  nodeName: node-1
  serviceAccountName: default
  serviceAccount: default
  priority: 0
  preemptionPolicy: PreemptLowerPriority
  overhead: {cpu: 10m}
  restartPolicy: Always
  initContainers:
  - name: setup
    image: example.com/shop/setup:1
    volumeMounts: [{name: kube-api-access-x7k2p, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}]
  containers:
  - name: main
    image: example.com/shop/worker:1
    env: [{name: DB_PASSWORD, value: Tr0ub4dor&3-horse}]
    volumeMounts:
    - {name: data, mountPath: /data}
    - {name: kube-api-access-x7k2p, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
  ephemeralContainers: [{name: debugger, image: busybox}]
  volumes:
  - {name: data, emptyDir: {}}
  - {name: kube-api-access-mine, emptyDir: {}}
  - name: kube-api-access-x7k2p
    projected:
      defaultMode: 420
      sources: [{serviceAccountToken: {expirationSeconds: 3607, path: token}}]
status: {phase: Running, podIP: 10.0.0.1}
`

const liveJob = `
apiVersion: batch/v1
kind: Job
metadata:
  name: import
  namespace: shop
  uid: 22222222-2222-4222-8222-222222222222
  resourceVersion: "43"
  generation: 1
  annotations: {batch.kubernetes.io/job-tracking: ""}
  labels: {team: blue, controller-uid: 22222222-2222-4222-8222-222222222222, job-name: import}
spec:
  completions: 1
  parallelism: 1
  manualSelector: false
  selector: {matchLabels: {batch.kubernetes.io/controller-uid: 22222222-2222-4222-8222-222222222222}}
  template:
    metadata:
      labels:
        app: import
        batch.kubernetes.io/controller-uid: 22222222-2222-4222-8222-222222222222
        batch.kubernetes.io/job-name: import
        controller-uid: 22222222-2222-4222-8222-222222222222
        job-name: import
    spec:
      restartPolicy: Never
      containers: [{name: main, image: "example.com/shop/import:1", env: [{name: DB_PASSWORD, value: Tr0ub4dor&3-horse}]}]
status: {active: 1}
`

func live(t *testing.T, objects string, recreate ...string) *fixes.Inventory {
	t.Helper()
	inv := fixestest.Load(t, objects)
	inv.Live, inv.ServerMinor = true, 37
	inv.AllowRecreate(func(ref fixes.Ref) bool { return slices.Contains(recreate, ref.ResourceName()) })
	return inv
}

// TestRecreate fixes a bare pod and a Job of a running cluster: the plan is
// verified, a second round has nothing to do, and what is to be created is
// what a server takes.
func TestRecreate(t *testing.T) {
	inv := live(t, livePod+"---"+liveJob, "pod/worker", "job.batch/import")
	result := fixes.Scan(inv, catalog.Rules())
	for _, f := range result.Findings {
		if fix := f.Fix(); (f.Object.Kind == fixes.KindPod || f.Object.Kind == fixes.KindJob) && fix != nil && fix.Edit != nil {
			if fix.Confidence != fixes.Review || !strings.Contains(fix.Why, "nothing brings it back if it is refused then") {
				t.Errorf("%s of %s is %s: %s", f.Rule.ID, f.Object, fix.Confidence, fix.Why)
			}
		}
	}
	fixestest.ClosedLoop(t, result)
	plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
	if err != nil {
		t.Fatal(err)
	}
	got := map[fixes.Kind]fixes.Change{}
	for _, c := range plan.Changes {
		got[c.Object.Kind] = c
	}
	pod, job := got[fixes.KindPod], got[fixes.KindJob]
	if pod.Action != fixes.Recreate || job.Action != fixes.Recreate || !pod.Restarts() || !job.Restarts() {
		t.Fatalf("the pod: %s, the Job: %s", pod.Action, job.Action)
	}

	p := pod.After.(*corev1.Pod)
	if p.UID != "" || p.ResourceVersion != "" || !p.CreationTimestamp.IsZero() || p.Generation != 0 || p.Status.Phase != "" {
		t.Errorf("the pod keeps what the server keeps of its own: %+v %+v", p.ObjectMeta, p.Status)
	}
	if s := p.Spec; s.NodeName != "" || s.EphemeralContainers != nil || s.Priority != nil || s.PreemptionPolicy != nil || s.Overhead != nil {
		t.Errorf("the pod keeps what admission and the scheduler gave it: %+v", s)
	}
	var volumes, mounts []string
	for _, v := range p.Spec.Volumes {
		volumes = append(volumes, v.Name)
	}
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		for _, m := range c.VolumeMounts {
			mounts = append(mounts, m.Name)
		}
	}
	if !slices.Equal(volumes, []string{"data", "kube-api-access-mine", "scratch-tmp", "scratch-tmp-2"}) ||
		!slices.Equal(mounts, []string{"scratch-tmp", "data", "scratch-tmp-2"}) {
		t.Errorf("volumes %q, mounts %q", volumes, mounts)
	}
	if v := p.Spec.AutomountServiceAccountToken; v == nil || *v || p.Spec.Containers[0].Env[0].ValueFrom == nil || p.Labels["app"] != "worker" {
		t.Error("the pod's fixes are not made, or its own fields lost")
	}

	j := job.After.(*batchv1.Job)
	if j.Spec.Selector != nil || len(j.Spec.Template.Labels) != 1 || len(j.Labels) != 1 || len(j.Annotations) != 0 || j.Status.Active != 0 {
		t.Errorf("the Job keeps what the server generated: %+v", j)
	}
	if before := pod.Before.(*corev1.Pod); before.Spec.NodeName == "" || before.UID == "" {
		t.Error("the state before is not the live one")
	}

	// With one fix made, the others can still be.
	secret := slices.IndexFunc(result.Findings, func(f *fixes.Finding) bool {
		return f.Rule.ID == "env-secret" && f.Object.Kind == fixes.KindPod
	})
	one, err := fixes.Compose(result, []fixes.Choice{{Finding: result.Findings[secret], Fix: result.Findings[secret].Fix()}})
	if err != nil || !slices.ContainsFunc(one.Remaining, func(f *fixes.Finding) bool {
		return f.Object.Kind == fixes.KindPod && f.Fix() != nil && f.Fix().Edit != nil
	}) {
		t.Errorf("what remains has no fixes: %v", err)
	}

	// People see what changes, not what the server makes of it again.
	diff, err := pod.Diff(func(o fixes.Object) fixes.Object { return o }, 0)
	if err != nil || strings.Contains(diff, "nodeName") || strings.Contains(diff, "kube-api-access") || !strings.Contains(diff, "valueFrom") {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestManualSelectorStays(t *testing.T) {
	job := fixestest.Load(t, strings.Replace(liveJob, "manualSelector: false", "manualSelector: true", 1)).List(fixes.KindJob)[0]
	if j := fixes.Recreated(job).(*batchv1.Job); j.Spec.Selector == nil || len(j.Spec.Template.Labels) != 5 {
		t.Errorf("a selector that its author made is gone: %+v", j.Spec)
	}
}

// TestNodeOfItsAuthor keeps the node that a pod's author chose.
func TestNodeOfItsAuthor(t *testing.T) {
	managed := func(subresource, fields string) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "m", Subresource: subresource, FieldsV1: metav1.NewFieldsV1(fields)}}
		}
	}
	for name, c := range map[string]struct {
		change func(*corev1.Pod)
		kept   bool
	}{
		"the scheduler chose": {func(*corev1.Pod) {}, false},
		"applied with it": {func(p *corev1.Pod) {
			p.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: `{"spec":{"nodeName":"node-1"}}`}
		}, true},
		"applied without it": {func(p *corev1.Pod) {
			p.Annotations = map[string]string{corev1.LastAppliedConfigAnnotation: `{"spec":{"nodeSelector":{}}}`}
		}, false},
		"created with it":    {managed("", `{"f:spec":{"f:nodeName":{}}}`), true},
		"created without it": {managed("", `{"f:spec":{"f:containers":{}}}`), false},
		"bound":              {managed("binding", `{"f:spec":{"f:nodeName":{}}}`), false},
		"from a manifest":    {func(p *corev1.Pod) { p.UID = "" }, true},
	} {
		pod := fixestest.Load(t, livePod).List(fixes.KindPod)[0].(*corev1.Pod)
		c.change(pod)
		got := fixes.Recreated(pod).(*corev1.Pod)
		if (got.Spec.NodeName != "") != c.kept {
			t.Errorf("%s: node %q", name, got.Spec.NodeName)
		}
		if again := fixes.Recreated(got).(*corev1.Pod); again.Spec.NodeName != got.Spec.NodeName {
			t.Errorf("%s: not the same a second time", name)
		}
	}
}

// TestNotRecreated names pods and Jobs of all kinds: those that would not come
// back as they were stay manual, and so do those that nobody named.
func TestNotRecreated(t *testing.T) {
	all := func(fixes.Ref) bool { return true }
	none := func(fixes.Ref) bool { return false }
	for name, c := range map[string]struct {
		object      string
		match       func(fixes.Ref) bool
		manual      bool
		why, advice string
	}{
		"a pod":             {livePod, all, false, "the pod is deleted and created anew", ""},
		"a Job":             {liveJob, all, false, "its work begins from the start", ""},
		"a pod not named":   {livePod, none, true, "cannot be changed in place", "kubectl harden --fix --confidence=review --recreate pod/worker -n shop\n"},
		"a Job not named":   {liveJob, none, true, "cannot be changed in place", "kubectl harden --fix --confidence=review --recreate job/import -n shop\n"},
		"nothing was named": {livePod, nil, true, "cannot be changed in place", "--recreate pod/worker"},
		"a finished pod":    {strings.Replace(livePod, "phase: Running", "phase: Succeeded", 1), all, true, "it has finished", "kubectl delete pod/worker"},
		"a finished Job":    {strings.Replace(liveJob, "active: 1", `conditions: [{type: Complete, status: "True"}]`, 1), all, true, "it has finished", ""},
		"a static pod":      {strings.Replace(livePod, "uid:", "annotations: {kubernetes.io/config.mirror: x}\n  uid:", 1), all, true, "the kubelet of node node-1", "staticPodPath"},
		"a pod of the node": {strings.Replace(livePod, "uid:", "ownerReferences: [{apiVersion: v1, kind: Node, name: node-7, uid: u1, controller: true}]\n  uid:", 1), all, true, "the kubelet of node node-7", "staticPodPath"},
		"a pod of a custom resource": {strings.Replace(livePod, "uid:", "ownerReferences: [{apiVersion: a/v1, kind: Kafka, name: k, uid: u1, controller: true}]\n  uid:", 1),
			all, true, "Kafka k controls this object", ""},
		"a pod that is going": {strings.Replace(livePod, "uid:", `deletionTimestamp: "2026-01-02T03:04:05Z"`+"\n  uid:", 1), all, true, "cannot be changed in place", ""},
		"a pod of Helm": {strings.Replace(livePod, "labels: {", "annotations: {meta.helm.sh/release-name: r}\n  labels: {app.kubernetes.io/managed-by: Helm, ", 1),
			all, false, "helm:r manages this object", ""},
	} {
		inv := live(t, c.object)
		inv.AllowRecreate(c.match)
		found := false
		for _, f := range fixes.Scan(inv, catalog.Rules()).Findings {
			fix := f.Fix()
			if f.Rule.ID != "env-secret" || fix == nil {
				continue
			}
			found = true
			if (fix.Confidence == fixes.Manual) != c.manual || !strings.Contains(fix.Why, c.why) || !strings.Contains(fix.Steps, c.advice) {
				t.Errorf("%s: %s: %s\n%s", name, fix.Confidence, fix.Why, fix.Steps)
			}
		}
		if !found {
			t.Errorf("%s: nothing was found", name)
		}
	}
}

// TestReviewKeepsItsReason keeps the reason that a fix needed a look before.
func TestReviewKeepsItsReason(t *testing.T) {
	inv := live(t, livePod, "pod/worker")
	rule := &fixes.Rule{ID: "r", Severity: fixes.Low, Kinds: fixes.WorkloadKinds(), Check: func(p *fixes.Pass) {
		for _, w := range p.Workloads("") {
			p.Report(fixes.Finding{Object: w.Ref(), Path: "x", Message: "m", Fixes: []fixes.Fix{
				{Title: "t", Confidence: fixes.Review, Why: "it is a guess", Edit: func(*fixes.Draft) error { return nil }},
				{Title: "t", Confidence: fixes.Manual, Why: "no edit", Steps: "s"},
			}})
		}
	}}
	found := rule.Run(inv)[0]
	if why := found.Fixes[0].Why; !strings.HasPrefix(why, "it is a guess; and the pod is deleted") {
		t.Errorf("%q", why)
	}
	if found.Fixes[1].Why != "no edit" || found.Fixes[1].Confidence != fixes.Manual {
		t.Errorf("a manual fix has changed: %+v", found.Fixes[1])
	}
}
