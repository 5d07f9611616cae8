package catalog_test

import (
	"fmt"
	"runtime"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/catalog"
)

// bigCluster is 100 namespaces with 50 Deployments each, of two pods: 10,000 pods.
func bigCluster() *fixes.Inventory {
	inv := fixes.NewInventory()
	inv.Live, inv.ServerMinor = true, 37
	owned := func(ns, kind, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, UID: types.UID(ns + name), Controller: new(true)}}
	}
	for n := range 100 {
		ns := fmt.Sprintf("ns-%d", n)
		inv.Add(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}})
		inv.Add(&corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "default"}})
		for i := range 50 {
			name := fmt.Sprintf("app-%d", i)
			labels := map[string]string{"app": name}
			container := corev1.Container{Name: "main", Image: fmt.Sprintf("registry.example.com/team/app-%d:1.%d", i, i%9),
				Env: []corev1.EnvVar{{Name: "PEER_URL", Value: fmt.Sprintf("http://app-%d:80", (i+1)%50)}}, Ports: []corev1.ContainerPort{{ContainerPort: 8080}}}
			if i%3 == 0 {
				container.Env = append(container.Env, corev1.EnvVar{Name: "DB_PASSWORD", Value: fmt.Sprintf("hunter%d!x", 1000+i)})
			}
			spec := corev1.PodSpec{Containers: []corev1.Container{container}, ServiceAccountName: "default"}
			replicas := int32(2)
			meta := metav1.ObjectMeta{Namespace: ns, Name: name, Labels: labels, UID: types.UID(ns + name)}
			inv.Add(&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
				Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec}}})
			inv.Add(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Spec: corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{{Port: 80}}}})
			inv.Add(&appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name + "-5d", Labels: labels, UID: types.UID(ns + name + "-5d"), OwnerReferences: owned(ns, "Deployment", name)}})
			for p := range 2 {
				inv.Add(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: fmt.Sprintf("%s-5d-%d", name, p), Labels: labels, OwnerReferences: owned(ns, "ReplicaSet", name+"-5d")},
					Spec: spec, Status: corev1.PodStatus{Phase: corev1.PodRunning}})
			}
		}
	}
	return inv
}

// BenchmarkJudge measures all rules over 10,000 pods with 5,000 Deployments: in an
// inventory that is judged for the first time, and in one in which a Deployment has
// changed. MiB-held is what the last result holds, once the ones before are gone.
func BenchmarkJudge(b *testing.B) {
	inv := bigCluster()
	b.Run("scan", func(b *testing.B) {
		var result *fixes.Result
		for b.Loop() {
			result = fixes.Scan(inv.Updated(nil), catalog.Rules())
		}
		held(b, result)
	})
	b.Run("update", func(b *testing.B) {
		result := fixes.Scan(inv, catalog.Rules())
		n := 0
		for b.Loop() {
			web, _ := fixes.Lookup[*appsv1.Deployment](result.Inventory, "ns-7", "app-7")
			web = web.DeepCopy()
			n++
			web.Spec.Template.Spec.Containers[0].Image = fmt.Sprintf("registry.example.com/web:%d", n)
			changed := fixes.RefOf(web)
			result = result.After(result.Inventory.Updated([]fixes.ObjectChange{{Object: changed, After: web}}), []fixes.Ref{changed})
		}
		held(b, result)
	})
}

func held(b *testing.B, result *fixes.Result) {
	b.Helper()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapAlloc)/(1<<20), "MiB-held")
	b.ReportMetric(float64(len(result.Findings)), "findings")
	runtime.KeepAlive(result)
}
