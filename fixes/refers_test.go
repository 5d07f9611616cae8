package fixes_test

import (
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// TestRefers looks for Secret, ConfigMap and ServiceAccount "x" of namespace
// shop in every place where one can be named.
func TestRefers(t *testing.T) {
	pod := func(spec string) string {
		return "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop}, spec: {" + spec + "}}"
	}
	container := func(c string) string { return pod("containers: [{name: c, " + c + "}]") }
	volume := func(v string) string { return pod("containers: [{name: c}], volumes: [{name: v, " + v + "}]") }
	template := "template: {spec: {containers: [{name: c, envFrom: [{secretRef: {name: x}}]}]}}"
	workload := func(version, kind, spec string) string {
		return "{apiVersion: " + version + ", kind: " + kind + ", metadata: {name: w, namespace: shop}, spec: {" + spec + "}}"
	}
	const nothing, secret, config, account = "", "Secret", "ConfigMap", "ServiceAccount"
	for _, c := range []struct{ object, want string }{
		{container("env: [{name: A, valueFrom: {secretKeyRef: {name: x, key: k}}}]"), secret},
		{container("env: [{name: A, valueFrom: {configMapKeyRef: {name: x, key: k}}}]"), config},
		{container("env: [{name: x, value: x}, {name: B, valueFrom: {secretKeyRef: {name: z, key: x}}}]"), nothing},
		{container("env: [{name: A, valueFrom: {fieldRef: {fieldPath: x}}}]"), nothing},
		{container("envFrom: [{prefix: x, configMapRef: {name: z}}, {secretRef: {name: x}}]"), secret},
		{container("envFrom: [{configMapRef: {name: x}}]"), config},
		{pod("initContainers: [{name: i, envFrom: [{secretRef: {name: x}}]}], containers: []"), secret},
		{pod("ephemeralContainers: [{name: e, envFrom: [{secretRef: {name: x}}]}], containers: []"), secret},
		{pod("imagePullSecrets: [{name: z}, {name: x}]"), secret},
		{pod("serviceAccountName: x"), account},
		{pod("serviceAccount: x"), account},
		{pod("serviceAccountName: z, serviceAccount: x"), nothing},
		{volume("secret: {secretName: x}"), secret},
		{volume("secret: {secretName: z, items: [{key: x, path: x}]}"), nothing},
		{volume("configMap: {name: x}"), config},
		{volume("persistentVolumeClaim: {claimName: x}"), nothing},
		{volume("projected: {sources: [{secret: {name: z}}, {secret: {name: x}}]}"), secret},
		{volume("projected: {sources: [{configMap: {name: x}}]}"), config},
		{volume("projected: {sources: [{serviceAccountToken: {path: x, audience: x}}]}"), nothing},
		{volume("csi: {driver: x, nodePublishSecretRef: {name: x}}"), secret},
		{volume("csi: {driver: x, volumeAttributes: {secretProviderClass: x}}"), nothing},
		{volume("azureFile: {secretName: x, shareName: s}"), secret},
		{volume("cephfs: {monitors: [], secretRef: {name: x}}"), secret},
		{volume("cinder: {volumeID: i, secretRef: {name: x}}"), secret},
		{volume("flexVolume: {driver: d, secretRef: {name: x}}"), secret},
		{volume("iscsi: {targetPortal: t, secretRef: {name: x}}"), secret},
		{volume("rbd: {image: i, secretRef: {name: x}}"), secret},
		{volume("scaleIO: {gateway: g, secretRef: {name: x}}"), secret},
		{volume("storageos: {volumeName: i, secretRef: {name: x}}"), secret},
		{workload("apps/v1", "Deployment", template), secret},
		{workload("apps/v1", "StatefulSet", template), secret},
		{workload("apps/v1", "DaemonSet", template), secret},
		{workload("apps/v1", "ReplicaSet", template), secret},
		{workload("v1", "ReplicationController", template), secret},
		{workload("batch/v1", "Job", template), secret},
		{workload("batch/v1", "CronJob", "jobTemplate: {spec: {"+template+"}}"), secret},
		{"{apiVersion: v1, kind: ServiceAccount, metadata: {name: s, namespace: shop}, secrets: [{name: x}]}", secret},
		{"{apiVersion: v1, kind: ServiceAccount, metadata: {name: s, namespace: shop}, imagePullSecrets: [{name: x}]}", secret},
		{"{apiVersion: v1, kind: ServiceAccount, metadata: {name: x, namespace: shop}}", nothing},
		{workload("networking.k8s.io/v1", "Ingress", "tls: [{hosts: [x], secretName: x}]"), secret},
		{workload("networking.k8s.io/v1", "Ingress", "tls: [{hosts: [x], secretName: z}]"), nothing},
		{"{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: shop, annotations: {kubernetes.io/service-account.name: x}}, type: kubernetes.io/service-account-token}", account},
		{"{apiVersion: v1, kind: Secret, metadata: {name: x, namespace: shop, annotations: {kubernetes.io/service-account.name: x}}, type: Opaque}", nothing},
		{"{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: b, namespace: shop}, subjects: [{kind: ServiceAccount, name: x}]}", account},
		{"{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: b, namespace: other}, subjects: [{kind: ServiceAccount, name: x, namespace: shop}]}", account},
		{"{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: b, namespace: other}, subjects: [{kind: ServiceAccount, name: x}]}", nothing},
		{"{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: b}, subjects: [{kind: User, name: 'system:serviceaccount:shop:x'}]}", account},
		{"{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: b}, subjects: [{kind: User, name: x}, {kind: Group, name: x}]}", nothing},
		{"{apiVersion: v1, kind: Service, metadata: {name: x, namespace: shop}, spec: {selector: {x: x}}}", nothing},
	} {
		inv := loadFlow(t, c.object)
		for _, kind := range []fixes.Kind{fixes.KindSecret, fixes.KindConfigMap, fixes.KindServiceAccount} {
			for _, namespace := range []string{"shop", "elsewhere"} {
				to := fixes.Ref{Kind: kind, Namespace: namespace, Name: "x"}
				want := kind.Name == c.want && namespace == "shop"
				if got := fixes.Refers(only(t, inv), to); got != want {
					t.Errorf("%s: refers to %s is %v", c.object, to, got)
				}
			}
		}
	}
	deployment := only(t, loadFlow(t, workload("apps/v1", "Deployment", template)))
	if !fixes.Refers(deployment, fixes.Ref{Kind: fixes.KindServiceAccount, Namespace: "shop", Name: "default"}) {
		t.Error("a pod that names no account has the default one")
	}
}

// loadFlow loads an object that is written in one line.
func loadFlow(t *testing.T, object string) *fixes.Inventory {
	t.Helper()
	text, err := yaml.YAMLToJSON([]byte(object))
	if err != nil {
		t.Fatalf("%s: %v", object, err)
	}
	return fixestest.Load(t, string(text))
}

// only returns the one object of an inventory.
func only(t *testing.T, inv *fixes.Inventory) fixes.Object {
	t.Helper()
	for _, kind := range append(fixes.WorkloadKinds(), fixes.KindSecret, fixes.KindServiceAccount, fixes.KindIngress,
		fixes.KindRoleBinding, fixes.KindClusterRoleBinding, fixes.KindService) {
		if list := inv.List(kind); len(list) > 0 {
			return list[0]
		}
	}
	t.Fatal("no object")
	return nil
}

// TestRefersKnowsEveryField fills every field of a pod's spec that by its type
// or name holds the name of a Secret or a ConfigMap, one at a time: a field
// that a later version of the API adds must not be missed.
func TestRefersKnowsEveryField(t *testing.T) {
	found := 0
	check := func(path string, kind fixes.Kind, set func(spec *corev1.PodSpec)) {
		found++
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p"}}
		set(&pod.Spec)
		if !fixes.Refers(pod, fixes.Ref{Kind: kind, Namespace: "shop", Name: "x"}) {
			t.Errorf("%s is not looked at for a %s", path, kind.Name)
		}
	}
	// reach returns the field at a path of a new spec, with what leads there.
	reach := func(spec *corev1.PodSpec, path []int) reflect.Value {
		v := reflect.ValueOf(spec).Elem()
		for _, i := range path {
			switch v.Kind() {
			case reflect.Pointer:
				v.Set(reflect.New(v.Type().Elem()))
				v = v.Elem()
			case reflect.Slice:
				v.Set(reflect.MakeSlice(v.Type(), 1, 1))
				v = v.Index(0)
			}
			v = v.Field(i)
		}
		return v
	}
	var walk func(path []int, name string, typ reflect.Type)
	walk = func(path []int, name string, typ reflect.Type) {
		for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct {
			return
		}
		for i := range typ.NumField() {
			f := typ.Field(i)
			at, label := append(append([]int{}, path...), i), name+"."+f.Name
			isName := f.Name == "Name" && typ == reflect.TypeFor[corev1.LocalObjectReference]()
			if isName || f.Name == "SecretName" {
				kind := fixes.KindSecret
				if strings.Contains(name, "ConfigMap") {
					kind = fixes.KindConfigMap
				}
				check(label, kind, func(spec *corev1.PodSpec) { reach(spec, at).SetString("x") })
			} else if strings.HasPrefix(f.Type.PkgPath()+elem(f.Type).PkgPath(), "k8s.io/api/core/v1") {
				walk(at, label, f.Type)
			}
		}
	}
	walk(nil, "spec", reflect.TypeFor[corev1.PodSpec]())
	if found < 26 {
		t.Errorf("only %d fields", found)
	}
}

func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}
