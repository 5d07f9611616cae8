package admission

import (
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// webhook is a webhook of either kind, as far as it is looked at.
type webhook struct {
	config     fixes.Object
	name       string
	client     admissionregistrationv1.WebhookClientConfig
	rules      []admissionregistrationv1.RuleWithOperations
	failure    admissionregistrationv1.FailurePolicyType
	namespaces *metav1.LabelSelector
	objects    *metav1.LabelSelector
	conditions []admissionregistrationv1.MatchCondition
	timeout    int32 // seconds
}

// webhooks lists all webhooks. What is left out has the server's defaults
// (admissionregistration.k8s.io/v1: Fail, ten seconds).
func webhooks(inv *fixes.Inventory) []webhook {
	var list []webhook
	for _, c := range fixes.Objects[*admissionregistrationv1.ValidatingWebhookConfiguration](inv, "") {
		for _, w := range c.Webhooks {
			list = append(list, webhook{c, w.Name, w.ClientConfig, w.Rules, or(w.FailurePolicy, admissionregistrationv1.Fail),
				w.NamespaceSelector, w.ObjectSelector, w.MatchConditions, or(w.TimeoutSeconds, 10)})
		}
	}
	for _, c := range fixes.Objects[*admissionregistrationv1.MutatingWebhookConfiguration](inv, "") {
		for _, w := range c.Webhooks {
			list = append(list, webhook{c, w.Name, w.ClientConfig, w.Rules, or(w.FailurePolicy, admissionregistrationv1.Fail),
				w.NamespaceSelector, w.ObjectSelector, w.MatchConditions, or(w.TimeoutSeconds, 10)})
		}
	}
	return list
}

func or[T any](v *T, otherwise T) T {
	if v == nil {
		return otherwise
	}
	return *v
}

// guard is a program whose webhooks keep a cluster secure: without them, what it
// would refuse is let in. Webhooks that bring secrets or sidecars (Vault, Istio)
// are none: a pod without those does not start, or does less.
type guard struct {
	name string
	// marks are parts of the names of its webhooks, configurations or Services.
	marks []string
	// failure says how its owner makes it refuse when it cannot be asked, and
	// scope how its owner says what it looks at.
	failure, scope string
	// guarded is a namespace's label by which its pods are left out, and that the
	// guard itself keeps others from setting.
	guarded string
}

// guards are known by the names that their charts and operators give. The
// source is each one's chart or operator, of 2025 or later.
var guards = []guard{
	{name: "Kyverno", marks: []string{"kyverno.svc", "kyverno-svc"},
		failure: "Set spec.failurePolicy: Fail in the policies (it becomes a webhook of its own), and run three replicas of the admission controller: helm upgrade … --set admissionController.replicas=3.",
		scope:   "Edit config.webhooks and config.resourceFilters of the chart (ConfigMap kyverno), not the configuration, which Kyverno writes anew."},
	{name: "Gatekeeper", marks: []string{"gatekeeper.sh", "gatekeeper-webhook-service"}, guarded: "admission.gatekeeper.sh/ignore",
		failure: "helm upgrade … --set validatingWebhookFailurePolicy=Fail --set replicas=3.",
		scope:   "helm upgrade … --set validatingWebhookExemptNamespacesLabels=… and exemptNamespaces; only namespaces that the flag --exempt-namespace names may carry the label."},
	{name: "Kubewarden", marks: []string{"kubewarden.admission", "kubewarden"},
		failure: "Set spec.failurePolicy: Fail in the ClusterAdmissionPolicy or AdmissionPolicy, and spec.replicas: 2 in its PolicyServer.",
		scope:   "Edit spec.namespaceSelector, objectSelector and matchConditions of the policy."},
	{name: "jsPolicy", marks: []string{"jspolicy"},
		failure: "Set spec.failurePolicy: Fail in the JsPolicy.", scope: "Edit spec.namespaceSelector and objectSelector of the JsPolicy."},
	{name: "Sigstore policy-controller", marks: []string{"policy.sigstore.dev", "clusterimagepolicy.sigstore.dev", "cosigned.sigstore.dev"},
		failure: "helm upgrade … --set webhook.failurePolicy=Fail --set webhook.replicaCount=3.",
		scope:   "Label the namespaces (policy.sigstore.dev/include=true), or give the chart webhook.namespaceSelector that leaves out and does not let in."},
	{name: "Connaisseur", marks: []string{"connaisseur"},
		failure: "helm upgrade … --set kubernetes.webhook.failurePolicy=Fail.", scope: "Edit features.namespacedValidation of the chart."},
	{name: "Ratify", marks: []string{"ratify"}, failure: "Set the failurePolicy of Gatekeeper and of its external data provider to Fail.", scope: "Edit the constraint."},
	{name: "Portieris", marks: []string{"portieris", "trust.hooks.securityenforcement"}, failure: "helm upgrade … --set FailurePolicy=Fail.", scope: "helm upgrade … --set AllowAdmissionSkip=false."},
	{name: "the image policy webhook", marks: []string{"image-policy", "imagepolicy", "image-bouncer"}, failure: "Set failurePolicy: Fail at its source.", scope: "Edit the selectors at its source."},
	{name: "Open Policy Agent", marks: []string{"openpolicyagent.org", "opa-validating-webhook"}, failure: "helm upgrade … --set admissionController.failurePolicy=Fail.", scope: "Edit the namespaceSelector of the chart."},
	{name: "Datree", marks: []string{"datree"}, failure: "Set failurePolicy: Fail in the chart's ValidatingWebhookConfiguration.", scope: "Edit the namespaceSelector of the chart."},
	{name: "Polaris", marks: []string{"polaris.fairwinds.com", "polaris-webhook"}, failure: "helm upgrade … --set webhook.failurePolicy=Fail.", scope: "helm upgrade … --set webhook.namespaceSelector=…."},
	{name: "k-rail", marks: []string{"k-rail"}, failure: "Set failurePolicy: Fail in the chart.", scope: "Edit the namespaceSelector of the chart."},
	{name: "NeuVector", marks: []string{"neuvector"}, failure: "Set the admission control's failure policy to Fail in the console.", scope: "Edit the namespace selector in the console."},
	{name: "StackRox", marks: []string{"stackrox"}, failure: "Set spec.admissionControl.failurePolicy: Fail in the SecuredCluster.", scope: "Edit the policies' scopes."},
	{name: "Aqua", marks: []string{"aquasec", "kube-enforcer"}, failure: "Set failurePolicy: Fail in the KubeEnforcer's chart.", scope: "Edit the namespaceSelector of the chart."},
	{name: "Prisma Cloud", marks: []string{"twistlock", "tw-validating-webhook"}, failure: "Set failurePolicy: Fail in the defender's admission manifest.", scope: "Edit the namespaceSelector of the manifest."},
	{name: "Sysdig", marks: []string{"sysdig"}, failure: "Set the chart's failurePolicy to Fail.", scope: "Edit the namespaceSelector of the chart."},
}

// guardOf returns the program that a webhook belongs to, if it is known for
// keeping clusters secure.
func guardOf(w webhook) (guard, bool) {
	names := []string{w.name, w.config.GetName()}
	if w.client.Service != nil {
		names = append(names, w.client.Service.Name)
	}
	for _, g := range guards {
		for _, mark := range g.marks {
			if slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, mark) }) {
				return g, true
			}
		}
	}
	return guard{}, false
}
