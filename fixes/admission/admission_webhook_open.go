package admission

import (
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/vap"
)

func webhookOpen() *fixes.Rule {
	return &fixes.Rule{
		ID:         "admission-webhook-open",
		Category:   fixes.Admission,
		Title:      "An admission webhook lets through what it is to refuse, or stops the cluster",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering},
		References: []fixes.Reference{fixes.CIS("5.2.1"), fixes.CIS("5.5.1"), fixes.NSA("Kubernetes Pod security"), fixes.OWASP("K04")},
		Kinds: []fixes.Kind{fixes.KindValidatingWebhookConfiguration, fixes.KindMutatingWebhookConfiguration,
			fixes.KindNamespace, fixes.KindService, fixes.KindPod},
		Docs:  webhookOpenDocs,
		Check: checkWebhookOpen,
	}
}

const webhookOpenDocs = `
A policy engine that is asked through a webhook refuses only while it answers, and
only what it is asked about. With failurePolicy Ignore, whatever happens while it is
away is let in: an attacker only has to wait for an update, or to make it slow. What
its selectors leave out is never asked about.

## What is looked at
Webhooks of known policy engines and image verifiers (Kyverno, Gatekeeper, Kubewarden,
jsPolicy, Sigstore, Connaisseur, OPA, Datree, Polaris and others), recognised by the
names that their charts give:

- failurePolicy Ignore, on rules about pods or what makes them
- an objectSelector or a match condition that reads labels or annotations of the
  object: whoever creates the object sets them
- a namespaceSelector that leaves out namespaces other than the system's and the
  engine's own

And every webhook whose Service is not there, or has no pod that is ready: with
Fail, nothing that it matches can be written any more, the cluster's own repair
included; with Ignore, a known engine's is an open door.

## The fix
There is none to make here: engines write their webhooks themselves, and put back
what others change. The steps say which setting of the engine it is. Before Fail, see
that the engine has several replicas, and that its own namespace and kube-system are
left out by kubernetes.io/metadata.name.

## By hand
    kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml
    kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=SERVICE
`

func checkWebhookOpen(p *fixes.Pass) {
	for _, w := range webhooks(p.Inventory) {
		if len(w.rules) == 0 {
			continue // it is asked about nothing
		}
		g, known := guardOf(w)
		if why := unreachable(p, w); why != "" {
			reportUnreachable(p, w, g, known, why)
		}
		if !known || !aboutPods(w) {
			continue
		}
		if w.failure == admissionregistrationv1.Ignore {
			reportWebhook(p, w, "failurePolicy", "failurePolicy",
				fmt.Sprintf("While %s does not answer, everything that it would refuse is let in.", g.name),
				[]string{fmt.Sprintf("failurePolicy: Ignore; it is waited for %d s", w.timeout)},
				g.failure)
		}
		reportSelectors(p, w, g)
	}
}

// aboutPods reports whether a webhook is asked about new pods, or about what
// makes them. A namespace's labels and an engine's own policies are no matter.
func aboutPods(w webhook) bool {
	return slices.ContainsFunc(w.rules, func(r admissionregistrationv1.RuleWithOperations) bool {
		return vap.RuleMatches(r, admissionregistrationv1.Create, corev1.GroupName, "pods") ||
			vap.RuleMatches(r, admissionregistrationv1.Create, "apps", "deployments")
	})
}

func reportSelectors(p *fixes.Pass, w webhook, g guard) {
	if !vap.SelectsAll(w.objects) {
		reportWebhook(p, w, "objectSelector", "objectSelector",
			fmt.Sprintf("Labels of an object decide whether %s looks at it, and whoever creates the object sets them.", g.name),
			[]string{"objectSelector: " + metav1.FormatLabelSelector(w.objects)}, g.scope)
	}
	for _, c := range w.conditions {
		if strings.Contains(c.Expression, "object.metadata.labels") || strings.Contains(c.Expression, "object.metadata.annotations") ||
			strings.Contains(c.Expression, "object.metadata.?labels") || strings.Contains(c.Expression, "object.metadata.?annotations") {
			reportWebhook(p, w, "matchConditions", "matchConditions/"+c.Name,
				fmt.Sprintf("Labels or annotations of an object decide whether %s looks at it, and whoever creates the object sets them.", g.name),
				[]string{"matchCondition " + c.Name + ": " + c.Expression}, g.scope)
		}
	}
	if !p.Covers(fixes.KindNamespace, "") {
		return
	}
	own := ""
	if w.client.Service != nil {
		own = w.client.Service.Namespace
	}
	namespaces := slices.DeleteFunc(p.UserNamespaces(), func(name string) bool {
		ns, ok := fixes.Lookup[*corev1.Namespace](p.Inventory, "", name)
		return name == own || ok && g.guarded != "" && ns.Labels[g.guarded] != ""
	})
	if out := vap.NotSelected(p.Inventory, namespaces, w.namespaces); len(out) > 0 {
		reportWebhook(p, w, "namespaceSelector", "namespaceSelector",
			fmt.Sprintf("%s is not asked about %d of %d namespaces.", g.name, len(out), len(namespaces)),
			[]string{"left out: " + fixes.Listed(out), "namespaceSelector: " + metav1.FormatLabelSelector(w.namespaces)}, g.scope)
	}
}

func reportUnreachable(p *fixes.Pass, w webhook, g guard, known bool, why string) {
	service := w.client.Service.Namespace + "/" + w.client.Service.Name
	f := fixes.Finding{
		Object: fixes.RefOf(w.config), Path: "webhooks[" + w.name + "].clientConfig.service", Key: w.name + "/service",
		Evidence: []string{fmt.Sprintf("failurePolicy: %s; it is waited for %d s", w.failure, w.timeout), "Service " + service + " " + why},
	}
	steps := fmt.Sprintf("Bring back what Service %s leads to, or remove the webhook if what it belonged to is gone:\n  kubectl get service,pods -n %s\n  kubectl delete %s",
		service, w.client.Service.Namespace, fixes.RefOf(w.config).KubectlArgs())
	switch {
	case w.failure == admissionregistrationv1.Fail:
		f.Severity, f.Threats = fixes.High, []fixes.Threat{fixes.DenialOfService}
		f.Message = fmt.Sprintf("Nothing that webhook %s matches can be written: its Service %s.", w.name, why)
	case known:
		f.Severity = fixes.High
		f.Message = fmt.Sprintf("%s refuses nothing now: the Service of webhook %s %s.", g.name, w.name, why)
	default:
		return // whatever it does is not done, and nothing is the less secure
	}
	f.Fixes = []fixes.Fix{{Title: "Bring the webhook back, or remove it", Confidence: fixes.Manual,
		Why: "whether what it belonged to is to come back is for a person to say", Steps: steps}}
	p.Report(f)
}

func reportWebhook(p *fixes.Pass, w webhook, field, key, message string, evidence []string, how string) {
	ref := fixes.RefOf(w.config)
	p.Report(fixes.Finding{
		Object: ref, Path: "webhooks[" + w.name + "]." + field, Key: w.name + "/" + key,
		Message: message, Evidence: evidence,
		Fixes: []fixes.Fix{{
			Title: "Change " + field + " at the webhook's source", Confidence: fixes.Manual,
			Why: "the engine writes its webhooks itself, and puts back what others change",
			Steps: how + "\nCheck it with:\n  kubectl get " + ref.KubectlArgs() +
				" -o jsonpath='{range .webhooks[*]}{.name}{\" \"}{." + field + "}{\"\\n\"}{end}'",
		}},
	})
}

// unreachable says why nothing answers a webhook's requests, or returns "". Of a
// Service without a selector it cannot be known: somebody else keeps its
// endpoints.
func unreachable(p *fixes.Pass, w webhook) string {
	s := w.client.Service
	if !p.Live || p.Namespace != "" || s == nil || !p.Covers(fixes.KindService, s.Namespace) || !p.Covers(fixes.KindPod, s.Namespace) {
		return ""
	}
	service, ok := fixes.Lookup[*corev1.Service](p.Inventory, s.Namespace, s.Name)
	switch {
	case !ok:
		return "does not exist"
	case len(service.Spec.Selector) == 0:
		return ""
	}
	selector := labels.SelectorFromSet(service.Spec.Selector)
	for _, pod := range fixes.Objects[*corev1.Pod](p.Inventory, s.Namespace) {
		if selector.Matches(labels.Set(pod.Labels)) && (ready(pod) || service.Spec.PublishNotReadyAddresses) {
			return ""
		}
	}
	return "has no pod that is ready"
}

// ready goes by the containers: the conditions of a pod that something controls
// are not kept.
func ready(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodRunning && !slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return !c.Ready })
}
