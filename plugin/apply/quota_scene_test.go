package apply_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/client"
)

// refusals are what the API server says of pods that it does not take.
func refusals(t *testing.T, namespace string) []string {
	t.Helper()
	var events corev1.EventList
	if err := json.Unmarshal([]byte(control.Kubectl(t, "get", "events", "-n", namespace, "-o", "json")), &events); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range events.Items {
		if e.Reason == "FailedCreate" && (strings.Contains(e.Message, "forbidden") || strings.Contains(e.Message, "invalid")) {
			out = append(out, e.InvolvedObject.Kind+" "+e.InvolvedObject.Name+": "+e.Message)
		}
	}
	return out
}

type pods struct{ used, hard int64 }

// counted returns what the quota says of pods.
func counted(t *testing.T, namespace string) pods {
	t.Helper()
	var p pods
	for end := time.Now().Add(3 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		text := control.Kubectl(t, "get", "resourcequota", "namespace-quota", "-n", namespace, "-o", "jsonpath={.status.used.pods} {.status.hard.pods}")
		if _, err := fmt.Sscan(text, &p.used, &p.hard); err == nil {
			return p
		}
		if time.Now().After(end) {
			t.Fatalf("the quota is not counted: %q", text)
		}
	}
}

// settled waits until all workloads have all their pods, or for so long: some
// never will. It returns the most pods that were there meanwhile.
func settled(t *testing.T, namespace string, limit time.Duration) int {
	t.Helper()
	most, calm := 0, 0
	for end := time.Now().Add(limit); time.Now().Before(end) && calm < 3; time.Sleep(300 * time.Millisecond) {
		there, waiting := 0, false
		list(t, fixes.KindPod, namespace, func(obj fixes.Object) {
			pod := obj.(*corev1.Pod)
			if pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed {
				there++
			}
			waiting = waiting || pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodPending
		})
		list(t, fixes.KindDeployment, namespace, func(obj fixes.Object) {
			d := obj.(*appsv1.Deployment)
			waiting = waiting || d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedReplicas < *d.Spec.Replicas || d.Status.Replicas > d.Status.UpdatedReplicas
		})
		list(t, fixes.KindStatefulSet, namespace, func(obj fixes.Object) {
			s := obj.(*appsv1.StatefulSet)
			waiting = waiting || s.Status.ObservedGeneration < s.Generation || s.Status.ReadyReplicas < *s.Spec.Replicas || s.Status.CurrentRevision != s.Status.UpdateRevision
		})
		list(t, fixes.KindDaemonSet, namespace, func(obj fixes.Object) {
			d := obj.(*appsv1.DaemonSet)
			waiting = waiting || d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedNumberScheduled < d.Status.DesiredNumberScheduled || d.Status.NumberReady < d.Status.DesiredNumberScheduled
		})
		if most = max(most, there); waiting {
			calm = 0
		} else {
			calm++
		}
	}
	return most
}

func list(t *testing.T, kind fixes.Kind, namespace string, each func(fixes.Object)) {
	t.Helper()
	if err := api.List(t.Context(), kind, namespace, func(objects []fixes.Object) {
		for _, obj := range objects {
			each(obj)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, obj fixes.Object) error {
	t.Helper()
	_, err := api.Create(t.Context(), obj.DeepCopyObject().(fixes.Object), client.WriteOptions{FieldManager: "test"})
	return err
}

// serviceAccount waits for the one without which no pod is admitted.
func serviceAccount(t *testing.T, namespace string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for ; ; time.Sleep(50 * time.Millisecond) {
		if _, err := api.Get(ctx, fixes.Ref{Kind: fixes.KindServiceAccount, Namespace: namespace, Name: "default"}); err == nil {
			return
		}
		if ctx.Err() != nil {
			t.Fatal("no ServiceAccount")
		}
	}
}

// plain returns an object as it may be created in a namespace.
func plain(obj fixes.Object, namespace string) fixes.Object {
	obj = obj.DeepCopyObject().(fixes.Object)
	obj.SetNamespace(namespace)
	obj.SetUID("")
	obj.SetResourceVersion("")
	obj.SetGeneration(0)
	obj.SetManagedFields(nil)
	obj.SetOwnerReferences(nil)
	obj.SetFinalizers(nil)
	obj.SetSelfLink("")
	return obj
}

// runnable returns a workload whose pods ask for nothing that is not there, and
// take a while to end.
func runnable(obj fixes.Object, namespace string) fixes.Object {
	obj = plain(obj, namespace)
	w, _ := fixes.AsWorkload(obj)
	if w.Meta.Labels == nil {
		w.Meta.Labels = map[string]string{}
	}
	w.Meta.Labels["ends"] = "slowly"
	spec := w.Spec
	spec.ServiceAccountName, spec.DeprecatedServiceAccount, spec.PriorityClassName, spec.RuntimeClassName = "", "", "", nil
	spec.NodeName, spec.NodeSelector, spec.Affinity, spec.TopologySpreadConstraints = "", nil, nil, nil
	spec.HostNetwork, spec.ResourceClaims, spec.SchedulerName, spec.SchedulingGates = false, nil, "", nil
	for i := range spec.Volumes {
		if spec.Volumes[i].PersistentVolumeClaim != nil {
			spec.Volumes[i].VolumeSource = corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}
		}
	}
	if set, ok := obj.(*appsv1.StatefulSet); ok {
		for _, claim := range set.Spec.VolumeClaimTemplates {
			spec.Volumes = append(spec.Volumes, corev1.Volume{Name: claim.Name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
		}
		set.Spec.VolumeClaimTemplates = nil
	}
	for c := range w.Containers() {
		for i := range c.Ports {
			c.Ports[i].HostPort = 0
		}
	}
	return obj
}
