package nodes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/pod-security-admission/api"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/podsecurity"
	"github.com/kubectl-harden/kubectl-harden/fixes/rbac"
	"github.com/kubectl-harden/kubectl-harden/fixes/vap"
)

func execIntoPrivileged() *fixes.Rule {
	return &fixes.Rule{
		ID:         "exec-into-privileged",
		Category:   fixes.Nodes,
		Title:      "Whoever may exec into pods gets into privileged ones",
		Severity:   fixes.Medium,
		Threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering},
		References: []fixes.Reference{fixes.CIS("5.2.1"), fixes.CIS("5.2.2"), fixes.NSA("Authentication and authorization"), fixes.OWASP("K03")},
		Kinds:      slices.Concat(fixes.WorkloadKinds(), []fixes.Kind{fixes.KindNamespace}, vap.Kinds(), rbac.Kinds()),
		Phase:      fixes.Enforce,
		Enforces:   true,
		Docs:       execIntoPrivilegedDocs,
		Check:      checkExecIntoPrivileged,
	}
}

const execIntoPrivilegedDocs = `
Who may create pods/exec in a namespace may exec into each of its pods: also into a
privileged one, or one in its host's namespaces, and is on the node with it. The
right is given to developers with the ClusterRole edit. RBAC cannot tell such pods
from others.

## What is looked at
Namespaces in which something runs that Pod Security's baseline refuses, the system's
own included, and whether a ValidatingAdmissionPolicy that denies looks at pods/exec
there: this program's, or another's that matches CONNECT.

## The fix
Creates the ValidatingAdmissionPolicy kubectl-harden-exec, its binding and its
parameters, ConfigMap kube-system/kubectl-harden-exec. On CONNECT the API server shows
a policy the options of exec and not the pod, so it goes by namespace: those in the
parameter namespaces, where privileged pods run now, and those whose enforced Pod
Security level is privileged. There, exec, attach and new ephemeral containers need
one more right, checked with the API server's own authorizer: the verb privileged-exec
on pods/exec, for a pod or for all:

    kubectl create clusterrole privileged-exec --verb=privileged-exec --resource=pods/exec
    kubectl create rolebinding on-call -n NAMESPACE --clusterrole=privileged-exec --group=on-call

cluster-admin has it already. Port forwarding is left as it is: it starts nothing in
the pod. At first the policy only writes to the audit log (annotation
validation.policy.admission.k8s.io/validation_failure): a warning would not reach
whoever execs, since the connection is taken over before it is written. With
--enforce it denies. Who would lose exec is listed.

Validating admission policies need Kubernetes 1.30. Ways around the API (the kubelet's,
through nodes/proxy) are not closed by it.

## By hand
    kubectl auth can-i privileged-exec pods --subresource=exec -n NAMESPACE --as USER
    kubectl get configmap -n kube-system kubectl-harden-exec -o yaml
`

const (
	// execPolicyName is the name of the policy and of all that belongs to it.
	execPolicyName = "kubectl-harden-exec"
	// execNamespaces is the key of the parameter.
	execNamespaces = "namespaces"
	// execVerb is the verb that lets somebody through.
	execVerb = "privileged-exec"
)

func checkExecIntoPrivileged(p *fixes.Pass) {
	if !vap.Covered(p.Inventory) {
		return
	}
	// What a plan makes less privileged is closed no sooner than it runs.
	privileged := privilegedIn(p.Scanned())
	if len(privileged) == 0 {
		return
	}
	namespaces := slices.Sorted(maps.Keys(privileged))
	policy := execPolicy(p, namespaces)
	lack := policy.Lack(p.Inventory)
	other, short := otherExecPolicies(p.Inventory)
	if lack == vap.Nothing || lack == vap.Absent && other {
		return
	}
	f := fixes.Finding{
		Object: policy.Ref(), Path: "spec", Key: "policy",
		Message:  execMessage(lack),
		Evidence: short,
	}
	for _, ns := range namespaces[:min(len(namespaces), named)] {
		f.Evidence = append(f.Evidence, ns+": "+fixes.Listed(privileged[ns]))
	}
	if len(namespaces) > named {
		f.Evidence = append(f.Evidence, fmt.Sprintf("and %d more namespaces", len(namespaces)-named))
	}
	losers := loseExec(p.Inventory, namespaces)
	if len(losers) > 0 {
		f.Evidence = append(f.Evidence, "may exec there, without "+execVerb+": "+fixes.Listed(losers))
	}
	f.Fixes = []fixes.Fix{execFix(p, policy, losers)}
	p.Report(f)
}

func execMessage(lack vap.Lack) string {
	const what = "The policy that keeps exec out of privileged pods "
	switch lack {
	case vap.Unbound:
		return what + "is bound to nothing, and has no effect."
	case vap.Outdated:
		return what + "has other expressions than this program's."
	case vap.Unparameterised:
		return what + "does not know of all namespaces in which they run."
	case vap.Lenient:
		return what + "only writes to the audit log."
	}
	return "Whoever may exec into pods gets into privileged ones too, and with them onto nodes."
}

// privilegedIn names, by namespace, what runs that baseline refuses.
func privilegedIn(inv *fixes.Inventory) map[string][]string {
	judge := podsecurity.NewJudge(inv)
	found := map[string][]string{}
	for _, w := range inv.Workloads("") {
		if w.Finished() {
			continue
		}
		if level, why := judge.Level(w.Meta, w.Spec); level == api.LevelPrivileged {
			ns := w.Object.GetNamespace()
			found[ns] = append(found[ns], w.Object.GetName()+" ("+strings.Join(why, ", ")+")")
		}
	}
	return found
}

func execPolicy(p *fixes.Pass, namespaces []string) vap.Policy {
	list := map[string][]string{execNamespaces: namespaces}
	failure := admissionregistrationv1.Ignore
	if p.Admission.Enforce {
		failure = admissionregistrationv1.Fail
	}
	return vap.Policy{
		Name: execPolicyName, Enforce: p.Admission.Enforce, Params: list, Needs: list,
		Trial: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Audit},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &failure, ParamKind: vap.ParamKind(),
			MatchConstraints: vap.Match(
				vap.Rule("", "v1", []string{"pods/exec", "pods/attach"}, admissionregistrationv1.Connect),
				vap.Rule("", "v1", []string{"pods/ephemeralcontainers"}, admissionregistrationv1.Update),
			),
			Variables: []admissionregistrationv1.Variable{
				{Name: "namespaces", Expression: vap.Param(execNamespaces)},
				{Name: "level", Expression: fmt.Sprintf(`namespaceObject.metadata.?labels[?%q].orValue("")`, api.EnforceLevelLabel)},
				{Name: "privileged", Expression: fmt.Sprintf(`request.namespace in variables.namespaces || variables.level == %q`, api.LevelPrivileged)},
			},
			Validations: []admissionregistrationv1.Validation{{
				Expression: `!variables.privileged || authorizer.group("").resource("pods").subresource("exec")` +
					`.namespace(request.namespace).name(request.name).check("` + execVerb + `").allowed()`,
				Message:           "privileged pods run in this namespace: to exec into one needs the verb " + execVerb + " on pods/exec",
				MessageExpression: `"privileged pods run in namespace " + request.namespace + ": to exec into one needs the verb ` + execVerb + ` on pods/exec there"`,
			}},
		},
	}
}

func execFix(p *fixes.Pass, policy vap.Policy, losers []string) fixes.Fix {
	fix := fixes.Fix{
		Title:      "Note exec into pods where privileged ones run in the audit log",
		Confidence: fixes.Review,
		Why:        "who needs to exec into them is not known; it notes, and refuses nothing",
		Creates:    policy.Creates(p.Inventory),
		Edit:       policy.Edit,
	}
	if policy.Enforce {
		fix.Title = "Refuse exec into pods where privileged ones run to all without the verb " + execVerb
		fix.Why = "who needs to exec into them is not known"
		fix.Risks = []string{
			"Also pods beside the privileged ones are closed to exec, kubectl cp and debug.",
			"While the policy or its parameters cannot be read, exec is refused everywhere (failurePolicy: Fail).",
		}
		if len(losers) > 0 {
			fix.Risks = append(fix.Risks, "These would not get in any more: "+fixes.Listed(losers)+".")
		}
	}
	return fix
}

// loseExec names who may exec in one of some namespaces now and lacks the verb.
// It is empty where rights were not all listed.
func loseExec(inv *fixes.Inventory, namespaces []string) []string {
	index := rbac.Of(inv)
	exec := rbac.To("create", fixes.KindPod, "")
	exec.Resource += "/exec"
	var losers []rbac.Grant
	for _, ns := range namespaces {
		if !rbac.Covered(inv, ns) {
			return nil
		}
		exec.Namespace = ns
		through := exec
		through.Verb = execVerb
		for _, g := range index.WhoCan(exec) {
			if !index.System(g.Subject) && !index.Can(g.Subject, through) {
				losers = append(losers, g)
			}
		}
	}
	return subjectNames(rbac.Subjects(losers))
}

func subjectNames(subjects []rbacv1.Subject) []string {
	names := make([]string, len(subjects))
	for i, s := range subjects {
		names[i] = rbac.String(s)
	}
	return names
}

// otherExecPolicies reports whether a policy of another's denies exec in all
// namespaces, and says in what the others fall short. Expressions are not
// evaluated here: that one looks at exec at all is taken for its purpose.
func otherExecPolicies(inv *fixes.Inventory) (covers bool, short []string) {
	for _, policy := range fixes.Objects[*admissionregistrationv1.ValidatingAdmissionPolicy](inv, "") {
		if policy.Name == execPolicyName || !vap.Matches(policy.Spec.MatchConstraints, admissionregistrationv1.Connect, corev1.GroupName, "pods/exec") {
			continue
		}
		why := vap.Short(inv, policy, inv.Namespaces())
		if why == "" {
			covers = true
		} else {
			short = append(short, "ValidatingAdmissionPolicy "+policy.Name+" looks at exec, but "+why)
		}
	}
	return covers, short
}

// named is how many namespaces are told one by one.
const named = 5
