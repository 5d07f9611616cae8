package fixes

// knativeHolds is what the template of a Knative Service may hold without
// feature flags (knative/serving, pkg/apis/serving/fieldmask.go): its webhook
// refuses the rest, or a controller drops it. Paths are below the pod's spec;
// "*" is any element of a list.
var knativeHolds = []string{
	"serviceAccountName", "serviceAccount", "imagePullSecrets", "enableServiceLinks", "automountServiceAccountToken",
	"volumes.*.name", "volumes.*.secret", "volumes.*.configMap", "volumes.*.projected", "volumes.*.emptyDir",
	"containers.*.name", "containers.*.args", "containers.*.command", "containers.*.env", "containers.*.envFrom",
	"containers.*.workingDir", "containers.*.image", "containers.*.imagePullPolicy", "containers.*.ports",
	"containers.*.livenessProbe", "containers.*.readinessProbe", "containers.*.startupProbe",
	"containers.*.resources", "containers.*.terminationMessagePath", "containers.*.terminationMessagePolicy",
	"containers.*.volumeMounts",
	"containers.*.securityContext.runAsUser", "containers.*.securityContext.runAsGroup",
	"containers.*.securityContext.runAsNonRoot", "containers.*.securityContext.readOnlyRootFilesystem",
	"containers.*.securityContext.allowPrivilegeEscalation", "containers.*.securityContext.seccompProfile",
	"containers.*.securityContext.capabilities.drop",
}
