package fixes

import (
	"cmp"
	"maps"
	"slices"
)

// The custom kinds: those that a server has only where somebody installed
// them, by a CustomResourceDefinition or an API server beside it. The version
// is the one that is asked for; where a server has others of the group only,
// its preferred one is. Objects keep the version that they came with.
var (
	KindRollout              = Kind{"argoproj.io", "v1alpha1", "Rollout", "rollouts", true}
	KindDeploymentConfig     = Kind{"apps.openshift.io", "v1", "DeploymentConfig", "deploymentconfigs", true}
	KindCloneSet             = Kind{"apps.kruise.io", "v1alpha1", "CloneSet", "clonesets", true}
	KindKruiseDaemonSet      = Kind{"apps.kruise.io", "v1alpha1", "DaemonSet", "daemonsets", true}
	KindKruiseStatefulSet    = Kind{"apps.kruise.io", "v1beta1", "StatefulSet", "statefulsets", true}
	KindScaledJob            = Kind{"keda.sh", "v1alpha1", "ScaledJob", "scaledjobs", true}
	KindKnativeService       = Kind{"serving.knative.dev", "v1", "Service", "services", true}
	KindKnativeConfiguration = Kind{"serving.knative.dev", "v1", "Configuration", "configurations", true}
	KindKnativeRevision      = Kind{"serving.knative.dev", "v1", "Revision", "revisions", true}

	KindVPA = Kind{"autoscaling.k8s.io", "v1", "VerticalPodAutoscaler", "verticalpodautoscalers", true}

	KindGateway        = Kind{gatewayGroup, "v1", "Gateway", "gateways", true}
	KindGatewayClass   = Kind{gatewayGroup, "v1", "GatewayClass", "gatewayclasses", false}
	KindHTTPRoute      = Kind{gatewayGroup, "v1", "HTTPRoute", "httproutes", true}
	KindGRPCRoute      = Kind{gatewayGroup, "v1", "GRPCRoute", "grpcroutes", true}
	KindTCPRoute       = Kind{gatewayGroup, "v1alpha2", "TCPRoute", "tcproutes", true}
	KindTLSRoute       = Kind{gatewayGroup, "v1", "TLSRoute", "tlsroutes", true}
	KindUDPRoute       = Kind{gatewayGroup, "v1alpha2", "UDPRoute", "udproutes", true}
	KindReferenceGrant = Kind{gatewayGroup, "v1beta1", "ReferenceGrant", "referencegrants", true}

	KindAPIService = Kind{"apiregistration.k8s.io", "v1", "APIService", "apiservices", false}

	KindServiceMonitor = Kind{"monitoring.coreos.com", "v1", "ServiceMonitor", "servicemonitors", true}
	KindPodMonitor     = Kind{"monitoring.coreos.com", "v1", "PodMonitor", "podmonitors", true}
	KindProbe          = Kind{"monitoring.coreos.com", "v1", "Probe", "probes", true}

	KindCiliumNetworkPolicy = Kind{"cilium.io", "v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies", true}

	// The administrators' network policies: the first two are served together, the
	// third is their successor.
	KindAdminNetworkPolicy         = Kind{"policy.networking.k8s.io", "v1alpha1", "AdminNetworkPolicy", "adminnetworkpolicies", false}
	KindBaselineAdminNetworkPolicy = Kind{"policy.networking.k8s.io", "v1alpha1", "BaselineAdminNetworkPolicy", "baselineadminnetworkpolicies", false}
	KindClusterNetworkPolicy       = Kind{"policy.networking.k8s.io", "v1alpha2", "ClusterNetworkPolicy", "clusternetworkpolicies", false}

	KindKyvernoClusterPolicy    = Kind{"kyverno.io", "v1", "ClusterPolicy", "clusterpolicies", false}
	KindKyvernoValidatingPolicy = Kind{"policies.kyverno.io", "v1", "ValidatingPolicy", "validatingpolicies", false}

	// Mirantis' releases of Helm charts, among them StackLight's.
	KindHelmBundle = Kind{"lcm.mirantis.com", "v1alpha1", "HelmBundle", "helmbundles", true}

	// Gatekeeper makes a kind of each ConstraintTemplate; these are of its library.
	KindGatekeeperHostNamespaces = Kind{"constraints.gatekeeper.sh", "v1beta1", "K8sPSPHostNamespace", "k8spsphostnamespace", false}
	KindGatekeeperHostNetwork    = Kind{"constraints.gatekeeper.sh", "v1beta1", "K8sPSPHostNetworkingPorts", "k8spsphostnetworkingports", false}
	KindGatekeeperHostPaths      = Kind{"constraints.gatekeeper.sh", "v1beta1", "K8sPSPHostFilesystem", "k8spsphostfilesystem", false}
)

// customKind is what is known of a custom kind.
type customKind struct {
	// template leads to a plain PodTemplateSpec; empty where there is none.
	template string
	// workload: pods stand below such an object, so that rules about workloads
	// need it, for its template or on the way up to one.
	workload bool
	// rolls: pods that run are replaced when the template changes.
	rolls bool
	// holds lists what a template may hold where that is not all of a pod; see
	// [customKind.takes].
	holds []string
	// assigns says who gives the pods their users, where somebody does.
	assigns string
}

// customKinds has all custom kinds. A kind is one line here and one above;
// rules read its content, or its template, by themselves.
//
// Kinds of several templates (Kubeflow's training jobs, RayCluster, an Argo
// Workflow) are not among the workloads: a workload is one template, and what
// is not fixed as a whole is better left to its owner, as the finding says. So
// are operators' own kinds, whose fields are no pod template at all.
var customKinds = map[Kind]customKind{
	// argo-rollouts, pkg/apis/rollouts/v1alpha1
	KindRollout: {template: "spec.template", workload: true, rolls: true},
	// openshift/api, apps/v1
	KindDeploymentConfig: {template: "spec.template", workload: true, rolls: true,
		assigns: "OpenShift gives pods a user of their namespace's range by an SCC, and may refuse another"},
	// openkruise/kruise, apis/apps
	KindCloneSet:          {template: "spec.template", workload: true, rolls: true},
	KindKruiseDaemonSet:   {template: "spec.template", workload: true, rolls: true},
	KindKruiseStatefulSet: {template: "spec.template", workload: true, rolls: true},
	// kedacore/keda, apis/keda/v1alpha1: the spec of a Job
	KindScaledJob: {template: "spec.jobTargetRef.template", workload: true},
	// knative/serving, pkg/apis/serving/v1
	KindKnativeService:       {template: "spec.template", workload: true, rolls: true, holds: knativeHolds},
	KindKnativeConfiguration: {template: "spec.template", workload: true, rolls: true, holds: knativeHolds},
	// A revision never changes; it is between a Configuration and its Deployment.
	KindKnativeRevision: {workload: true},

	// kubernetes/autoscaler, vertical-pod-autoscaler/pkg/apis/autoscaling.k8s.io/v1
	KindVPA: {},

	// kubernetes-sigs/gateway-api, apis/
	KindGateway: {}, KindGatewayClass: {}, KindReferenceGrant: {},
	KindHTTPRoute: {}, KindGRPCRoute: {}, KindTCPRoute: {}, KindTLSRoute: {}, KindUDPRoute: {},
	// kubernetes/kube-aggregator, pkg/apis/apiregistration/v1
	KindAPIService: {},
	// prometheus-operator/prometheus-operator, pkg/apis/monitoring/v1
	KindServiceMonitor: {}, KindPodMonitor: {}, KindProbe: {},
	// cilium/cilium, pkg/k8s/apis/cilium.io/v2
	KindCiliumNetworkPolicy: {},
	// sigs.k8s.io/network-policy-api, apis/v1alpha1, apis/v1alpha2, apis/v1beta1 (the same fields)
	KindAdminNetworkPolicy: {}, KindBaselineAdminNetworkPolicy: {}, KindClusterNetworkPolicy: {},

	// kyverno/kyverno, api/kyverno/v1, api/policies.kyverno.io
	KindKyvernoClusterPolicy: {}, KindKyvernoValidatingPolicy: {},
	// docs.mirantis.com, Container Cloud API: HelmBundle
	KindHelmBundle: {},
	// open-policy-agent/gatekeeper-library, library/pod-security-policy
	KindGatekeeperHostNamespaces: {}, KindGatekeeperHostNetwork: {}, KindGatekeeperHostPaths: {},
}

// CustomKinds lists the custom kinds, in order.
func CustomKinds() []Kind { return slices.Clone(customList) }

var customList = slices.SortedFunc(maps.Keys(customKinds), func(a, b Kind) int {
	return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name, b.Name))
})

// Custom reports whether a server has the kind only where somebody installed
// it. Its objects are of type [*Custom].
func (k Kind) Custom() bool { _, ok := customKinds[k]; return ok }

// Rolls reports whether the pods of a workload of the kind are replaced when
// its template changes. The others give a new template to later pods only.
func (k Kind) Rolls() bool {
	switch k {
	case KindDeployment, KindStatefulSet, KindDaemonSet:
		return true
	}
	return customKinds[k].rolls
}

// workloadKinds are those of [WorkloadKinds].
var workloadKinds = slices.Concat([]Kind{
	KindDeployment, KindStatefulSet, KindDaemonSet, KindReplicaSet,
	KindReplicationController, KindCronJob, KindJob, KindPod,
}, customWorkloads())

func customWorkloads() []Kind {
	return slices.DeleteFunc(CustomKinds(), func(k Kind) bool { return !customKinds[k].workload })
}
