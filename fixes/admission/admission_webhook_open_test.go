package admission

import (
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

// hook is a webhook that is asked about pods.
func hook(kind, name, service, fields string) string {
	return `
---
apiVersion: admissionregistration.k8s.io/v1
kind: ` + kind + `
metadata: {name: hooks}
webhooks:
- name: ` + name + `
  sideEffects: None
  admissionReviewVersions: [v1]
  clientConfig: {service: {namespace: engine, name: ` + service + `}}
  rules: [{apiGroups: ["*"], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: ["*"]}]
  ` + fields + "\n"
}

// engineRuns is a Service with a pod.
func engineRuns(service, ready string) string {
	return `
---
apiVersion: v1
kind: Namespace
metadata: {name: engine}
---
apiVersion: v1
kind: Service
metadata: {name: ` + service + `, namespace: engine}
spec: {selector: {app: engine}}
---
apiVersion: v1
kind: Pod
metadata: {name: engine, namespace: engine, labels: {app: engine}}
spec: {containers: [{name: c, image: x}]}
status: {phase: Running, containerStatuses: [{name: c, ready: ` + ready + `, image: x, imageID: x, restartCount: 0}]}
`
}

func TestWebhookOpen(t *testing.T) {
	const validating, mutating, gatekeeperHook = "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "validation.gatekeeper.sh"
	runs := engineRuns("gatekeeper-webhook-service", "true")
	at := func(kind, name, field string) []string {
		return []string{kind + " hooks webhooks[" + name + "]." + field + " manual"}
	}
	gatekeeper := func(fields string) string {
		return namespace + runs + hook(validating, gatekeeperHook, "gatekeeper-webhook-service", fields)
	}
	const label = "{key: kubernetes.io/metadata.name, operator: NotIn, values: "
	fixestest.Table(t, webhookOpen(), []fixestest.Case{
		{Name: "refuses", Objects: gatekeeper("failurePolicy: Fail"), Live: true},
		{Name: "the default is to refuse", Objects: gatekeeper(""), Live: true},
		{Name: "lets through", Objects: gatekeeper("failurePolicy: Ignore"), Live: true, Want: at(validating, gatekeeperHook, "failurePolicy")},
		{Name: "in manifests", Objects: hook(validating, gatekeeperHook, "x", "failurePolicy: Ignore"), Want: at(validating, gatekeeperHook, "failurePolicy")},
		{Name: "a mutating one", Objects: namespace + engineRuns("kyverno-svc", "true") + hook(mutating, "mutate.kyverno.svc-ignore", "kyverno-svc", "failurePolicy: Ignore"),
			Live: true, Want: at(mutating, "mutate.kyverno.svc-ignore", "failurePolicy")},
		{Name: "asked about nothing", Live: true,
			Objects: strings.ReplaceAll(gatekeeper("failurePolicy: Ignore"), `rules: [{apiGroups: ["*"], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: ["*"]}]`, "rules: []")},
		{Name: "asked about its own policies", Live: true,
			Objects: strings.ReplaceAll(gatekeeper("failurePolicy: Ignore"), `apiGroups: ["*"]`, `apiGroups: [templates.gatekeeper.sh]`)},
		{Name: "a sidecar's", Objects: namespace + engineRuns("istiod", "true") + hook(mutating, "namespace.sidecar-injector.istio.io", "istiod", "failurePolicy: Ignore"), Live: true},
		{Name: "objects choose", Objects: gatekeeper("objectSelector: {matchExpressions: [{key: skip, operator: DoesNotExist}]}"), Live: true, Want: at(validating, gatekeeperHook, "objectSelector")},
		{Name: "objects choose by a condition", Live: true, Want: at(validating, gatekeeperHook, "matchConditions"),
			Objects: gatekeeper(`matchConditions: [{name: skip, expression: "!has(object.metadata.labels) || !('skip' in object.metadata.labels)"}]`)},
		{Name: "a condition about the user", Objects: gatekeeper(`matchConditions: [{name: nodes, expression: "!request.userInfo.username.startsWith('system:node:')"}]`), Live: true},
		{Name: "leaves out the system's namespaces and its own", Objects: gatekeeper("namespaceSelector: {matchExpressions: [" + label + "[kube-system, engine]}]}"), Live: true},
		{Name: "leaves out one more", Objects: gatekeeper("namespaceSelector: {matchExpressions: [" + label + "[kube-system, shop]}]}"), Live: true,
			Want: at(validating, gatekeeperHook, "namespaceSelector")},
		{Name: "only namespaces that ask for it", Objects: gatekeeper("namespaceSelector: {matchLabels: {guarded: 'yes'}}"), Live: true, Want: at(validating, gatekeeperHook, "namespaceSelector")},
		{Name: "a label that Gatekeeper guards", Live: true,
			Objects: strings.Replace(gatekeeper("namespaceSelector: {matchExpressions: [{key: admission.gatekeeper.sh/ignore, operator: DoesNotExist}]}"),
				"{name: shop}", "{name: shop, labels: {admission.gatekeeper.sh/ignore: 'yes'}}", 1)},
		{Name: "no Service, and nothing can be written", Objects: namespace + hook(validating, "any.example.com", "gone", "failurePolicy: Fail"), Live: true,
			Want: at(validating, "any.example.com", "clientConfig.service")},
		{Name: "no Service of no engine, and nothing is missed", Objects: namespace + hook(validating, "any.example.com", "gone", "failurePolicy: Ignore"), Live: true},
		{Name: "no pod is ready", Objects: namespace + engineRuns("any", "false") + hook(validating, "any.example.com", "any", "failurePolicy: Fail"), Live: true,
			Want: at(validating, "any.example.com", "clientConfig.service")},
		{Name: "an open door", Objects: namespace + hook(validating, gatekeeperHook, "gone", "failurePolicy: Ignore"), Live: true,
			Want: append(at(validating, gatekeeperHook, "clientConfig.service"), at(validating, gatekeeperHook, "failurePolicy")...)},
		{Name: "endpoints that somebody else keeps", Live: true,
			Objects: namespace + strings.Replace(engineRuns("any", "false"), "{selector: {app: engine}}", "{}", 1) + hook(validating, "any.example.com", "any", "failurePolicy: Fail")},
		{Name: "a URL", Live: true,
			Objects: namespace + strings.Replace(hook(validating, "any.example.com", "x", ""), "{service: {namespace: engine, name: x}}", "{url: 'https://127.0.0.1'}", 1)},
	})
}
