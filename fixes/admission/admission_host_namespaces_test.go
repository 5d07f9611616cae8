package admission

import (
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/fixestest"
)

const hostFinding = "ValidatingAdmissionPolicy kubectl-harden-host-access spec review"

// hostCover is a policy of another's about hosts, with its binding.
func hostCover(expression, match, binding string) string {
	return `
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: theirs}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]` + match + `}
  validations: [{expression: "` + expression + `"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: theirs}
spec: {policyName: theirs, ` + binding + `}
`
}

// kyverno is a ClusterPolicy that looks at hosts.
func kyverno(fields, rule string) string {
	return `
---
apiVersion: kyverno.io/v1
kind: ClusterPolicy
metadata: {name: hosts}
spec:
  ` + fields + `
  rules:
  - name: host
    match: {any: [{resources: {kinds: [Pod]}}]}
    ` + rule + `
    validate:
      pattern: {spec: {=(hostPID): false, =(hostIPC): false, =(hostNetwork): false, =(volumes): [{X(hostPath): "null"}]}}
`
}

func gatekeeper(kind, spec string) string {
	return "\n---\napiVersion: constraints.gatekeeper.sh/v1beta1\nkind: " + kind + "\nmetadata: {name: c}\nspec: " + spec + "\n"
}

func TestHostNamespaces(t *testing.T) {
	const everything = "hostPID hostIPC hostNetwork hostPath"
	const deny, all = "validationActions: [Deny]", "{}"
	gatekeepers := gatekeeper("K8sPSPHostNamespace", all) + gatekeeper("K8sPSPHostNetworkingPorts", all) + gatekeeper("K8sPSPHostFilesystem", all)
	plain := namespace + deployment("web", containers("{}"))
	find := []string{hostFinding}
	fixestest.Table(t, hostNamespaces(), []fixestest.Case{
		{Name: "manifests", Objects: plain},
		{
			Name: "nothing", Objects: plain, Live: true, Want: find,
			Diff: []string{"+ - Audit", "+ - Warn", "+ failurePolicy: Ignore", "+ - pods/ephemeralcontainers", "+ namespace: kube-system",
				"+ parameterNotFoundAction: Deny", "+ - kube-system"},
			NotDiff: []string{"+ - Deny"},
		},
		{
			Name: "to be enforced", Objects: plain, Live: true, Admission: fixes.AdmissionPolicy{Enforce: true}, Want: find,
			Diff: []string{"+ - Deny", "+ failurePolicy: Fail"}, NotDiff: []string{"+ - Warn"},
		},
		{
			Name: "paths that are mounted, and node agents", Live: true, Want: find,
			Objects: plain + deployment("models", "{volumes: [{name: v, hostPath: {path: /srv/models/}}, {name: w, hostPath: {path: /etc}}], containers: [{name: c, image: x}]}") +
				strings.ReplaceAll(strings.ReplaceAll(deployment("agent", "{hostPID: true, volumes: [{name: v, hostPath: {path: /proc}}, {name: w, hostPath: {path: /srv/agent}}], containers: [{name: c, image: quay.io/prometheus/node-exporter:v1}]}"),
					"namespace: shop", "namespace: monitoring"), "kind: Deployment", "kind: DaemonSet"),
			Diff: []string{"+ /srv/models", "+ - monitoring"}, NotDiff: []string{"+ /srv/agent", "+ /etc"},
		},
		{Name: "baseline everywhere", Objects: enforcing("baseline") + deployment("web", containers("{}")), Live: true},
		{Name: "privileged", Objects: enforcing("privileged"), Live: true, Want: find},
		{Name: "one of two namespaces", Objects: enforcing("restricted") + strings.ReplaceAll("---"+namespace, "shop", "pay"), Live: true, Want: find},
		{Name: "a policy of another's", Objects: namespace + hostCover(everything, "", deny), Live: true},
		{Name: "which only warns", Objects: namespace + hostCover(everything, "", "validationActions: [Warn]"), Live: true, Want: find},
		{Name: "which leaves a namespace out", Objects: namespace + hostCover(everything, "", deny+", matchResources: {namespaceSelector: {matchLabels: {guarded: 'yes'}}}"), Live: true, Want: find},
		{Name: "which leaves the system's out", Live: true,
			Objects: namespace + hostCover(everything, ", namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [kube-system]}]}", deny)},
		{Name: "which objects choose", Objects: namespace + hostCover(everything, ", objectSelector: {matchLabels: {guarded: 'yes'}}", deny), Live: true, Want: find},
		{Name: "which knows no paths", Objects: namespace + hostCover("hostPID hostIPC hostNetwork", "", deny), Live: true, Want: find},
		{Name: "which is bound to nothing", Objects: namespace + strings.Replace(hostCover(everything, "", deny), "policyName: theirs", "policyName: others", 1), Live: true, Want: find},
		{Name: "Kyverno enforces", Objects: namespace + kyverno("validationFailureAction: Enforce", ""), Live: true},
		{Name: "Kyverno audits", Objects: namespace + kyverno("validationFailureAction: Audit", ""), Live: true, Want: find},
		{Name: "Kyverno leaves the namespace out", Objects: namespace + kyverno("validationFailureAction: Enforce", "exclude: {any: [{resources: {namespaces: ['sh*']}}]}"), Live: true, Want: find},
		{Name: "Kyverno leaves the system's out", Objects: namespace + kyverno("validationFailureAction: Enforce", "exclude: {any: [{resources: {namespaces: ['kube-*']}}]}"), Live: true},
		{Name: "Gatekeeper", Objects: namespace + gatekeepers, Live: true},
		{Name: "Gatekeeper, without host network", Objects: namespace + gatekeeper("K8sPSPHostNamespace", all) + gatekeeper("K8sPSPHostFilesystem", all), Live: true, Want: find},
		{Name: "Gatekeeper, dry run", Objects: namespace + strings.ReplaceAll(gatekeepers, "spec: {}", "spec: {enforcementAction: dryrun}"), Live: true, Want: find},
		{Name: "Gatekeeper, namespace excluded", Objects: namespace + strings.ReplaceAll(gatekeepers, "spec: {}", "spec: {match: {excludedNamespaces: [shop]}}"), Live: true, Want: find},
		{Name: "content that is none", Live: true, Want: find,
			Objects: namespace + gatekeeper("K8sPSPHostFilesystem", "{match: [1], enforcementAction: 7}") + strings.Replace(kyverno("x: 1", ""), "match: {any: [{resources: {kinds: [Pod]}}]}", "match: {any: 1}", 1)},
	})
}

// TestHostEvidence says what covers a part, and who would be refused.
func TestHostEvidence(t *testing.T) {
	inv := fixestest.Load(t, enforcing("restricted")+strings.ReplaceAll("---"+namespace, "shop", "pay")+kyverno("validationFailureAction: Audit", "")+
		deployment("old", "{hostIPC: true, containers: [{name: c, image: x}]}"))
	inv.Live, inv.Admission.Enforce = true, true
	f := hostNamespaces().Run(inv)[0]
	for _, want := range []string{
		"Pod Security Admission covers host namespaces and host paths, but 1 of 2 namespaces enforce neither baseline nor restricted: pay",
		"Kyverno ClusterPolicy hosts covers host namespaces and host paths, but it only audits",
		"Deployment shop/old: hostIPC with c",
	} {
		if !slices.Contains(f.Evidence, want) {
			t.Errorf("the evidence lacks %q: %q", want, f.Evidence)
		}
	}
	if risks := strings.Join(f.Fix().Risks, "\n"); !strings.Contains(risks, "These would get no new pods: Deployment shop/old: hostIPC with c.") {
		t.Errorf("risks: %s", risks)
	}
}

// TestHostAccessOf judges as the policy's expressions do: the specs of
// TestHostAccessPolicy, which asks the API server.
func TestHostAccessOf(t *testing.T) {
	for spec, want := range map[string]string{
		`{containers: [{name: c, image: x}]}`:                                                                                                             "",
		`{hostPID: true, containers: [{name: c, image: x}]}`:                                                                                              "hostPID with c",
		`{hostPID: true, hostIPC: true, hostNetwork: true, containers: [{name: c, image: x}]}`:                                                            "hostPID, hostIPC, hostNetwork with c",
		`{hostIPC: true, containers: [{name: c, image: x, securityContext: {allowPrivilegeEscalation: false}}]}`:                                          "",
		`{hostIPC: true, containers: [{name: c, image: x, securityContext: {allowPrivilegeEscalation: false, capabilities: {add: [NET_BIND_SERVICE]}}}]}`: "",
		`{hostIPC: true, containers: [{name: c, image: x, securityContext: {allowPrivilegeEscalation: false, capabilities: {add: [NET_RAW]}}}]}`:          "hostIPC with c",
		`{hostIPC: true, containers: [{name: c, image: x, securityContext: {allowPrivilegeEscalation: false, procMount: Unmasked}}]}`:                     "hostIPC with c",
		`{hostNetwork: true, containers: [{name: c, image: x, securityContext: {windowsOptions: {hostProcess: true}}}]}`:                                  "hostNetwork with c",
		`{volumes: [{name: v, hostPath: {path: //srv/./models/}}, {name: w, hostPath: {path: /srv/models/x}}], containers: [{name: c, image: x}]}`:        "hostPath /srv/models/x",
	} {
		inv := fixestest.Load(t, deployment("web", spec))
		if got := hostAccessOf(inv.Workloads("")[0]).refused([]string{"/srv/models"}); got != want {
			t.Errorf("%s: %q, want %q", spec, got, want)
		}
	}
}
