package fixes

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Object is a typed Kubernetes object with its metadata.
type Object interface {
	runtime.Object
	metav1.Object
}

// Kind is one kind of object that rules may look at.
type Kind struct {
	Group, Version, Name string
	// Resource is the plural name used in the API's paths.
	Resource   string
	Namespaced bool
}

// GVK returns the kind as the API machinery names it.
func (k Kind) GVK() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: k.Group, Version: k.Version, Kind: k.Name}
}

// APIVersion returns group and version as they stand in a manifest.
func (k Kind) APIVersion() string {
	return schema.GroupVersion{Group: k.Group, Version: k.Version}.String()
}

// New returns an empty object of the kind.
func (k Kind) New() Object {
	if k.Custom() {
		return NewCustom(k, nil)
	}
	for _, kt := range kindTypes {
		if kt.kind == k {
			return reflect.New(kt.typ.Elem()).Interface().(Object)
		}
	}
	panic(fmt.Sprintf("fixes: no type for %v", k))
}

// String returns the resource and its group as kubectl writes them
// ("deployments.apps").
func (k Kind) String() string {
	if k.Group == "" {
		return k.Resource
	}
	return k.Resource + "." + k.Group
}

// Title returns the kind's name, and its group with it where the server's own
// kinds have one of that name ("Service.serving.knative.dev").
func (k Kind) Title() string {
	if !k.Custom() {
		return k.Name
	}
	for _, kt := range kindTypes {
		if kt.kind.Name == k.Name {
			return k.Name + "." + k.Group
		}
	}
	return k.Name
}

// The kinds an inventory can hold.
var (
	KindNamespace             = Kind{"", "v1", "Namespace", "namespaces", false}
	KindNode                  = Kind{"", "v1", "Node", "nodes", false}
	KindPod                   = Kind{"", "v1", "Pod", "pods", true}
	KindReplicationController = Kind{"", "v1", "ReplicationController", "replicationcontrollers", true}
	KindService               = Kind{"", "v1", "Service", "services", true}
	KindServiceAccount        = Kind{"", "v1", "ServiceAccount", "serviceaccounts", true}
	KindSecret                = Kind{"", "v1", "Secret", "secrets", true}
	KindConfigMap             = Kind{"", "v1", "ConfigMap", "configmaps", true}
	KindPersistentVolumeClaim = Kind{"", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", true}
	KindResourceQuota         = Kind{"", "v1", "ResourceQuota", "resourcequotas", true}
	KindLimitRange            = Kind{"", "v1", "LimitRange", "limitranges", true}
	KindDeployment            = Kind{"apps", "v1", "Deployment", "deployments", true}
	KindStatefulSet           = Kind{"apps", "v1", "StatefulSet", "statefulsets", true}
	KindDaemonSet             = Kind{"apps", "v1", "DaemonSet", "daemonsets", true}
	KindReplicaSet            = Kind{"apps", "v1", "ReplicaSet", "replicasets", true}
	KindJob                   = Kind{"batch", "v1", "Job", "jobs", true}
	KindCronJob               = Kind{"batch", "v1", "CronJob", "cronjobs", true}
	KindHPA                   = Kind{"autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", true}
	KindNetworkPolicy         = Kind{"networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", true}
	KindIngress               = Kind{"networking.k8s.io", "v1", "Ingress", "ingresses", true}
	KindRole                  = Kind{"rbac.authorization.k8s.io", "v1", "Role", "roles", true}
	KindRoleBinding           = Kind{"rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", true}
	KindClusterRole           = Kind{"rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false}
	KindClusterRoleBinding    = Kind{"rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", false}
	KindEndpointSlice         = Kind{"discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", true}
	KindControllerRevision    = Kind{"apps", "v1", "ControllerRevision", "controllerrevisions", true}

	KindValidatingAdmissionPolicy        = Kind{"admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", false}
	KindValidatingAdmissionPolicyBinding = Kind{"admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding", "validatingadmissionpolicybindings", false}
	KindMutatingAdmissionPolicy          = Kind{"admissionregistration.k8s.io", "v1", "MutatingAdmissionPolicy", "mutatingadmissionpolicies", false}
	KindMutatingAdmissionPolicyBinding   = Kind{"admissionregistration.k8s.io", "v1", "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings", false}
	KindValidatingWebhookConfiguration   = Kind{"admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", false}
	KindMutatingWebhookConfiguration     = Kind{"admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", false}
)

// kindTypes pairs every kind with its Go type.
var kindTypes = []struct {
	kind Kind
	typ  reflect.Type
}{
	{KindNamespace, reflect.TypeFor[*corev1.Namespace]()},
	{KindNode, reflect.TypeFor[*corev1.Node]()},
	{KindPod, reflect.TypeFor[*corev1.Pod]()},
	{KindReplicationController, reflect.TypeFor[*corev1.ReplicationController]()},
	{KindService, reflect.TypeFor[*corev1.Service]()},
	{KindServiceAccount, reflect.TypeFor[*corev1.ServiceAccount]()},
	{KindSecret, reflect.TypeFor[*corev1.Secret]()},
	{KindConfigMap, reflect.TypeFor[*corev1.ConfigMap]()},
	{KindPersistentVolumeClaim, reflect.TypeFor[*corev1.PersistentVolumeClaim]()},
	{KindResourceQuota, reflect.TypeFor[*corev1.ResourceQuota]()},
	{KindLimitRange, reflect.TypeFor[*corev1.LimitRange]()},
	{KindDeployment, reflect.TypeFor[*appsv1.Deployment]()},
	{KindStatefulSet, reflect.TypeFor[*appsv1.StatefulSet]()},
	{KindDaemonSet, reflect.TypeFor[*appsv1.DaemonSet]()},
	{KindReplicaSet, reflect.TypeFor[*appsv1.ReplicaSet]()},
	{KindJob, reflect.TypeFor[*batchv1.Job]()},
	{KindCronJob, reflect.TypeFor[*batchv1.CronJob]()},
	{KindHPA, reflect.TypeFor[*autoscalingv2.HorizontalPodAutoscaler]()},
	{KindNetworkPolicy, reflect.TypeFor[*networkingv1.NetworkPolicy]()},
	{KindIngress, reflect.TypeFor[*networkingv1.Ingress]()},
	{KindRole, reflect.TypeFor[*rbacv1.Role]()},
	{KindRoleBinding, reflect.TypeFor[*rbacv1.RoleBinding]()},
	{KindClusterRole, reflect.TypeFor[*rbacv1.ClusterRole]()},
	{KindClusterRoleBinding, reflect.TypeFor[*rbacv1.ClusterRoleBinding]()},
	{KindEndpointSlice, reflect.TypeFor[*discoveryv1.EndpointSlice]()},
	{KindControllerRevision, reflect.TypeFor[*appsv1.ControllerRevision]()},
	{KindValidatingAdmissionPolicy, reflect.TypeFor[*admissionregistrationv1.ValidatingAdmissionPolicy]()},
	{KindValidatingAdmissionPolicyBinding, reflect.TypeFor[*admissionregistrationv1.ValidatingAdmissionPolicyBinding]()},
	{KindMutatingAdmissionPolicy, reflect.TypeFor[*admissionregistrationv1.MutatingAdmissionPolicy]()},
	{KindMutatingAdmissionPolicyBinding, reflect.TypeFor[*admissionregistrationv1.MutatingAdmissionPolicyBinding]()},
	{KindValidatingWebhookConfiguration, reflect.TypeFor[*admissionregistrationv1.ValidatingWebhookConfiguration]()},
	{KindMutatingWebhookConfiguration, reflect.TypeFor[*admissionregistrationv1.MutatingWebhookConfiguration]()},
	{KindImage, reflect.TypeFor[*Image]()},
	{KindRegistry, reflect.TypeFor[*Registry]()},
	{KindVulnerabilities, reflect.TypeFor[*Vulnerabilities]()},
	{KindProcess, reflect.TypeFor[*Process]()},
	{KindTrial, reflect.TypeFor[*Trial]()},
	{KindUsage, reflect.TypeFor[*Usage]()},
	{KindKubelet, reflect.TypeFor[*Kubelet]()},
	{KindNodeProbe, reflect.TypeFor[*NodeProbe]()},
	{KindActivity, reflect.TypeFor[*Activity]()},
	{KindServed, reflect.TypeFor[*Served]()},
	{KindFlows, reflect.TypeFor[*Flows]()},
}

// WorkloadKinds are the kinds that hold a pod or a pod template. A rule that
// looks at workloads needs them all: pods and ReplicaSets tell which owner
// stands at the top. The custom ones among them ([CustomKinds]) are nowhere on
// most servers.
func WorkloadKinds() []Kind { return slices.Clone(workloadKinds) }

// KindOf returns the kind of an object: by its type, or for a [*Custom] by
// what it says of itself, in whatever version.
func KindOf(obj runtime.Object) (Kind, bool) {
	if c, ok := obj.(*Custom); ok {
		return lookupCustom(c.GroupVersionKind().GroupKind())
	}
	return kindOfType(reflect.TypeOf(obj))
}

// LookupKind returns the kind with a group and a kind name, in whatever
// version it is written.
func LookupKind(gk schema.GroupKind) (Kind, bool) {
	for _, kt := range kindTypes {
		if kt.kind.Group == gk.Group && kt.kind.Name == gk.Kind {
			return kt.kind, true
		}
	}
	return lookupCustom(gk)
}

func lookupCustom(gk schema.GroupKind) (Kind, bool) {
	for _, kind := range customList {
		if kind.Group == gk.Group && kind.Name == gk.Kind {
			return kind, true
		}
	}
	return Kind{}, false
}

func kindOfType(t reflect.Type) (Kind, bool) {
	kind, ok := kindByType[t]
	return kind, ok
}

// kindByType has the kinds of kindTypes: every name of an object asks for its kind.
var kindByType = func() map[reflect.Type]Kind {
	index := map[reflect.Type]Kind{}
	for _, kt := range kindTypes {
		index[kt.typ] = kt.kind
	}
	return index
}()

// allKinds lists all kinds; of those of one name, the server's own comes first.
func allKinds() []Kind {
	kinds := make([]Kind, 0, len(kindTypes)+len(customList))
	for _, kt := range kindTypes {
		kinds = append(kinds, kt.kind)
	}
	return append(kinds, customList...)
}

func kindFor[T Object]() Kind {
	kind, ok := kindOfType(reflect.TypeFor[T]())
	if !ok {
		panic(fmt.Sprintf("fixes: no kind for %v", reflect.TypeFor[T]()))
	}
	return kind
}

// Ref names one object.
type Ref struct {
	Kind      Kind
	Namespace string
	Name      string
	// Origin tells apart objects of one name that stand in different manifests
	// ("overlays/prod/web.yaml:12"). It is empty for the first of them, and for
	// everything in a cluster.
	Origin string
}

// RefOf names a typed object of a known kind.
func RefOf(obj Object) Ref {
	kind, _ := KindOf(obj)
	return Ref{Kind: kind, Namespace: obj.GetNamespace(), Name: obj.GetName(), Origin: obj.GetSelfLink()}
}

// SetOrigin sets what [RefOf] gives as the object's origin. It is kept in
// selfLink, a field that no API server has filled since 1.20 (KEP-1164), so
// that copies of the object keep it.
func SetOrigin(obj Object, origin string) { obj.SetSelfLink(origin) }

// NamespacedName returns "namespace/name", or the name alone where there is
// no namespace, or it is not known yet.
func (r Ref) NamespacedName() string {
	if ns := ManifestNamespace(r.Namespace); ns != "" {
		return ns + "/" + r.Name
	}
	if r.Kind == KindNamespace {
		return NamespaceLabel(r.Name)
	}
	return r.Name
}

// ResourceName returns "deployment.apps/web", as kubectl's -o name does.
func (r Ref) ResourceName() string {
	name := strings.ToLower(r.Kind.Name)
	if r.Kind.Group != "" {
		name += "." + r.Kind.Group
	}
	return name + "/" + r.Name
}

// KubectlArgs returns what follows a verb on kubectl's command line
// ("deployment/web -n shop"), with the group of a custom kind.
func (r Ref) KubectlArgs() string {
	args := strings.ToLower(r.Kind.Name) + "/" + r.Name
	if r.Kind.Custom() {
		args = r.ResourceName()
	}
	if r.Namespace != "" {
		args += " -n " + r.Namespace
	}
	return args
}

// String returns "Deployment shop/web".
func (r Ref) String() string { return r.Kind.Title() + " " + r.NamespacedName() }

// Compare orders refs by namespace, kind and name.
func (r Ref) Compare(o Ref) int {
	return cmp.Or(
		cmp.Compare(r.Namespace, o.Namespace), cmp.Compare(r.Kind.Group, o.Kind.Group),
		cmp.Compare(r.Kind.Name, o.Kind.Name), cmp.Compare(r.Name, o.Name),
		cmp.Compare(r.Origin, o.Origin))
}
