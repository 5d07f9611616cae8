package admission

import (
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/vap"
)

func podDefaults() *fixes.Rule {
	return &fixes.Rule{
		ID:         "admission-pod-defaults",
		Category:   fixes.Admission,
		Title:      "New pods get no safe defaults",
		Severity:   fixes.Low,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege},
		References: []fixes.Reference{fixes.PSS("Seccomp"), fixes.PSS("Privilege Escalation"), fixes.CIS("5.6.2"), fixes.NSA("Kubernetes Pod security")},
		Kinds:      []fixes.Kind{fixes.KindMutatingAdmissionPolicy, fixes.KindMutatingAdmissionPolicyBinding},
		Phase:      fixes.Enforce,
		Option:     "pod-defaults",
		Docs:       podDefaultsDocs,
		Check:      checkPodDefaults,
	}
}

const podDefaultsDocs = `
Most pods say nothing about their security, and get what was the default when
Kubernetes was young. A policy of the cluster can give new pods the better one.

## What is looked at
Only with --pod-defaults, or when the rule is named: whether the
MutatingAdmissionPolicy of this program is there and bound.

## The fix
Creates the MutatingAdmissionPolicy kubectl-harden-pod-defaults and its binding. It
sets, in new pods outside the system's namespaces, and only what they leave open:

- seccompProfile RuntimeDefault for the pod, unless a container is privileged. It is
  what kubelets do with seccompDefault, and what all runtimes did before Kubernetes.
- allowPrivilegeEscalation false in containers that drop ALL capabilities and add
  none: such a container has said that it needs no privileges, and a setuid program
  in it would gain none but root's name.

Nothing that is set is changed; pods of Windows are left alone, and so is what runs:
a pod gets the defaults when it is created anew. Neither users, read-only root file
systems, nor tokens are defaults: images that are not made for them break. What
breaks all the same is a program that traces, mounts, makes namespaces or uses
io_uring; in its pod, set seccompProfile to Unconfined. If the policy cannot be
evaluated, the pod is let through as it is.

Mutating admission policies need Kubernetes 1.36.

## By hand
    kubectl get mutatingadmissionpolicy kubectl-harden-pod-defaults -o yaml
    kubectl run probe --image=x --dry-run=server -o yaml
`

// defaultsPolicyName is the name of the policy and of its binding.
const defaultsPolicyName = "kubectl-harden-pod-defaults"

var (
	defaultsRef        = fixes.Ref{Kind: fixes.KindMutatingAdmissionPolicy, Name: defaultsPolicyName}
	defaultsBindingRef = fixes.Ref{Kind: fixes.KindMutatingAdmissionPolicyBinding, Name: defaultsPolicyName}
)

func checkPodDefaults(p *fixes.Pass) {
	if !p.Live || p.Namespace != "" || !p.Covers(fixes.KindMutatingAdmissionPolicy, "") || !p.Covers(fixes.KindMutatingAdmissionPolicyBinding, "") {
		return
	}
	message := "New pods that say nothing about seccomp or privilege escalation get no safe defaults."
	if policy, ok := fixes.Lookup[*admissionregistrationv1.MutatingAdmissionPolicy](p.Inventory, "", defaultsPolicyName); ok {
		binding, ok := fixes.Lookup[*admissionregistrationv1.MutatingAdmissionPolicyBinding](p.Inventory, "", defaultsPolicyName)
		switch {
		case !ok || binding.Spec.PolicyName != defaultsPolicyName:
			message = "The policy that gives new pods safe defaults is bound to nothing, and has no effect."
		case !apiequality.Semantic.DeepEqual(policy.Spec.Mutations, defaultsSpec().Mutations):
			message = "The policy that gives new pods safe defaults has other expressions than this program's."
		default:
			return
		}
	}
	fix := fixes.Fix{
		Title:      "Give new pods safe defaults",
		Confidence: fixes.Review,
		Why:        "which system calls programs make that will run cannot be known",
		Risks:      []string{"A new pod whose program traces, mounts, makes namespaces or uses io_uring fails, unless it sets a seccompProfile itself."},
		Edit:       editPodDefaults,
	}
	for _, ref := range []fixes.Ref{defaultsRef, defaultsBindingRef} {
		if p.Get(ref) == nil {
			fix.Creates = append(fix.Creates, ref)
		}
	}
	p.Report(fixes.Finding{Object: defaultsRef, Path: "spec", Key: "policy", Message: message, Fixes: []fixes.Fix{fix}})
}

func editPodDefaults(d *fixes.Draft) error {
	if d.Get(defaultsRef) == nil {
		if err := d.Create(&admissionregistrationv1.MutatingAdmissionPolicy{
			ObjectMeta: metav1.ObjectMeta{Name: defaultsPolicyName}, Spec: defaultsSpec(),
		}); err != nil {
			return err
		}
	} else {
		policy, err := fixes.Edit[*admissionregistrationv1.MutatingAdmissionPolicy](d, "", defaultsPolicyName)
		if err != nil {
			return err
		}
		policy.Spec.Mutations = defaultsSpec().Mutations
	}
	if d.Get(defaultsBindingRef) == nil {
		return d.Create(&admissionregistrationv1.MutatingAdmissionPolicyBinding{
			ObjectMeta: metav1.ObjectMeta{Name: defaultsPolicyName},
			Spec:       admissionregistrationv1.MutatingAdmissionPolicyBindingSpec{PolicyName: defaultsPolicyName},
		})
	}
	binding, err := fixes.Edit[*admissionregistrationv1.MutatingAdmissionPolicyBinding](d, "", defaultsPolicyName)
	if err != nil {
		return err
	}
	binding.Spec.PolicyName = defaultsPolicyName
	return nil
}

func defaultsSpec() admissionregistrationv1.MutatingAdmissionPolicySpec {
	ignore := admissionregistrationv1.Ignore // a default is no reason to refuse a pod
	match := vap.Match(vap.Rule("", "v1", []string{"pods"}, admissionregistrationv1.Create))
	match.NamespaceSelector = vap.Without(vap.SystemNamespaces...)
	return admissionregistrationv1.MutatingAdmissionPolicySpec{
		FailurePolicy: &ignore, MatchConstraints: match,
		// Once more where a webhook has added containers after it.
		ReinvocationPolicy: admissionregistrationv1.IfNeededReinvocationPolicy,
		MatchConditions: []admissionregistrationv1.MatchCondition{{
			Name:       "linux",
			Expression: `object.spec.?os.?name.orValue("") != "windows" && object.spec.?nodeSelector[?"kubernetes.io/os"].orValue("") != "windows"`,
		}},
		Mutations: []admissionregistrationv1.Mutation{
			apply(`has(object.spec.securityContext) && has(object.spec.securityContext.seccompProfile) || ` +
				`(` + vap.Containers("object.spec") + `).exists(c, c.?securityContext.?privileged.orValue(false)) ? Object{} : ` +
				`Object{spec: Object.spec{securityContext: Object.spec.securityContext{seccompProfile: Object.spec.securityContext.seccompProfile{type: "RuntimeDefault"}}}}`),
			apply(fmt.Sprintf(`Object{spec: Object.spec{containers: %s, initContainers: %s}}`, unescalated("containers"), unescalated("initContainers"))),
		},
	}
}

func apply(expression string) admissionregistrationv1.Mutation {
	return admissionregistrationv1.Mutation{
		PatchType:          admissionregistrationv1.PatchTypeApplyConfiguration,
		ApplyConfiguration: &admissionregistrationv1.ApplyConfiguration{Expression: expression},
	}
}

// unescalated sets allowPrivilegeEscalation: false in the containers of a list
// that drop all capabilities, and say nothing of it.
func unescalated(list string) string {
	return fmt.Sprintf(`object.spec.?%[1]s.orValue([]).filter(c, `+
		`has(c.securityContext) && !has(c.securityContext.allowPrivilegeEscalation) && !c.securityContext.?privileged.orValue(false) && `+
		`c.securityContext.?capabilities.?drop.orValue([]).exists(d, d == "ALL") && c.securityContext.?capabilities.?add.orValue([]).size() == 0)`+
		`.map(c, Object.spec.%[1]s{name: c.name, securityContext: Object.spec.%[1]s.securityContext{allowPrivilegeEscalation: false}})`, list)
}
