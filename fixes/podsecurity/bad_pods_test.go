package podsecurity

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// inAllKinds returns a pod as every kind of workload has it.
func inAllKinds(pod *corev1.Pod) []fixes.Object {
	meta := metav1.ObjectMeta{Name: pod.Name, Namespace: pod.Namespace}
	labels := map[string]string{"app": pod.Name}
	template := func() corev1.PodTemplateSpec {
		return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: *pod.Spec.DeepCopy()}
	}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	rc := template()
	job := batchv1.JobSpec{Template: template()}
	job.Template.Spec.RestartPolicy = corev1.RestartPolicyNever
	return []fixes.Object{
		pod.DeepCopy(),
		&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Selector: selector, Template: template()}},
		&appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Selector: selector, Template: template()}},
		&appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template()}},
		&appsv1.ReplicaSet{ObjectMeta: meta, Spec: appsv1.ReplicaSetSpec{Selector: selector, Template: template()}},
		&corev1.ReplicationController{ObjectMeta: meta, Spec: corev1.ReplicationControllerSpec{Selector: labels, Template: &rc}},
		&batchv1.Job{ObjectMeta: meta, Spec: job},
		&batchv1.CronJob{ObjectMeta: meta, Spec: batchv1.CronJobSpec{Schedule: "@daily", JobTemplate: batchv1.JobTemplateSpec{Spec: job}}},
	}
}

// TestBadPods takes pods that give away their node, in every kind of workload:
// what each gives away is found, fixed, or left with steps. With -v it prints the
// table.
func TestBadPods(t *testing.T) {
	text, err := os.ReadFile("testdata/bad-pods.yaml")
	if err != nil {
		t.Fatal(err)
	}
	// Beside what every pod that says nothing about its security has.
	var (
		usual  = []string{"fs-writable", "pss-allow-privilege-escalation", "pss-capabilities", "pss-run-as-non-root", "pss-seccomp"}
		byHand = []string{"pss-host-path", "volume-socket"}
	)
	classes := map[string]struct{ found, manual []string }{
		"everything-allowed": {[]string{"pss-privileged", "pss-host-namespaces", "pss-host-path", "volume-hostpath-writable", "volume-socket"}, byHand},
		"priv-and-hostpid":   {[]string{"pss-privileged", "pss-host-namespaces"}, nil},
		"priv":               {[]string{"pss-privileged"}, nil},
		"hostpath":           {[]string{"pss-host-path", "volume-hostpath-writable", "volume-socket"}, byHand},
		"hostpid":            {[]string{"pss-host-namespaces"}, nil},
		"hostnetwork":        {[]string{"pss-host-namespaces"}, nil},
		"hostipc":            {[]string{"pss-host-namespaces"}, nil},
		"nothing-allowed":    {nil, nil},
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nclass\tkinds\tfound\tfixed\tby hand\tlevel before\tafter\t")
	pods := fixes.Objects[*corev1.Pod](fixestest.Load(t, string(text)), "")
	if len(pods) != len(classes) {
		t.Fatalf("%d classes", len(pods))
	}
	for _, pod := range pods {
		class := classes[pod.Name]
		var found, fixed int
		var before, after api.Level
		kinds := inAllKinds(pod)
		for _, obj := range kinds {
			inv := fixes.NewInventory()
			inv.Add(obj)
			result := fixes.Scan(inv, Rules())
			got := ids(result.Findings)
			slices.Sort(got)
			want := slices.Concat(usual, class.found)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("%T %s: found %q, want %q", obj, pod.Name, got, want)
			}
			fixestest.ClosedLoop(t, result)
			plan, err := fixes.Compose(result, fixes.Choose(result.Findings, fixes.Review))
			if err != nil {
				t.Fatal(err)
			}
			if left := ids(plan.Remaining); !sameSet(left, class.manual) {
				t.Errorf("%T %s: left %q, want %q", obj, pod.Name, left, class.manual)
			}
			for _, f := range plan.Remaining {
				if f.Fix().Confidence != fixes.Manual || f.Fix().Steps == "" {
					t.Errorf("%T %s: %s is left without steps", obj, pod.Name, f.Rule.ID)
				}
			}
			found, fixed = found+len(got), fixed+len(got)-len(plan.Remaining)
			before, after = levelOf(inv), levelOf(fixestest.Applied(inv, plan))
			if want := api.LevelRestricted; class.manual == nil && after != want {
				t.Errorf("%T %s: %s after the fixes", obj, pod.Name, after)
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%s\t%s\t\n", pod.Name, len(kinds), found, fixed, found-fixed, before, after)
	}
	_ = w.Flush()
	t.Log(table.String())
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// levelOf is the level of an inventory's only workload.
func levelOf(inv *fixes.Inventory) api.Level {
	w := inv.Workloads("")[0]
	level, _ := NewJudge(inv).Level(w.Meta, w.Spec)
	return level
}
