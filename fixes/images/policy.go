package images

import (
	"fmt"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/vap"
)

// policyName is the name of the policy and of its binding.
const policyName = "kubectl-harden-images"

var policyRef = fixes.Ref{Kind: fixes.KindValidatingAdmissionPolicy, Name: policyName}

// imagePolicy is the admission policy that lets in images of some registries
// only.
type imagePolicy struct {
	allowed []string
	// enforce denies all other images; otherwise they are warned about.
	enforce bool
	// given: the user gave the list; otherwise any that is there will do.
	given bool
}

// policyVariables take the images of a request apart, in the steps of
// [repository]. Only images that were not there before an update count.
//
// An image is cut at "@" and at the last ":" behind the last "/"; the name of a
// host has a dot, a colon or an upper-case letter, or is localhost.
var policyVariables = append(vap.PodSpecs(), []admissionregistrationv1.Variable{
	{Name: "images", Expression: imagesIn("variables.spec")},
	{Name: "imagesBefore", Expression: imagesIn("variables.was")},
	{Name: "names", Expression: `variables.images.filter(i, !(i in variables.imagesBefore)).map(i, i.split("@")[0])`},
	{Name: "untagged", Expression: `variables.names.map(n, n.lastIndexOf(":") > n.lastIndexOf("/") ? n.substring(0, n.lastIndexOf(":")) : n)`},
	{Name: "hosted", Expression: `variables.untagged.map(n, n.contains("/") && (n.split("/")[0].contains(".") || n.split("/")[0].contains(":") || n.split("/")[0] == "localhost" || n.split("/")[0] != n.split("/")[0].lowerAscii()) ? n : "docker.io/" + n)`},
	{Name: "canonical", Expression: `variables.hosted.map(n, n.startsWith("index.docker.io/") ? n.substring(6) : n)`},
	{Name: "repositories", Expression: `variables.canonical.map(n, n.startsWith("docker.io/") && !n.substring(10).contains("/") ? "docker.io/library/" + n.substring(10) : n)`},
	{Name: "refused", Expression: `variables.repositories.filter(r, !variables.allowed.exists(a, r == a || r.startsWith(a + "/")))`},
}...)

func imagesIn(spec string) string {
	return fmt.Sprintf(`(%s).map(c, c.?image.orValue("")) + %s.?volumes.orValue([]).filter(v, has(v.image)).map(v, v.image.?reference.orValue(""))`,
		vap.Containers(spec), spec)
}

// variables are those of the policy: the list first, where people look for it.
func (ip imagePolicy) variables() []admissionregistrationv1.Variable {
	list := admissionregistrationv1.Variable{Name: "allowed", Expression: vap.List(ip.allowed)}
	return append([]admissionregistrationv1.Variable{list}, policyVariables...)
}

func (ip imagePolicy) policy() vap.Policy {
	fail := admissionregistrationv1.Fail
	return vap.Policy{
		Name: policyName, Enforce: ip.enforce, Keep: !ip.given,
		Trial: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Warn, admissionregistrationv1.Audit},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			FailurePolicy:    &fail,
			MatchConstraints: vap.PodsAndTemplates(),
			Variables:        ip.variables(),
			Validations: []admissionregistrationv1.Validation{{
				Expression:        "variables.refused.size() == 0",
				Message:           "the image is from none of the allowed registries",
				MessageExpression: `"not from an allowed registry: " + variables.refused.join(", ") + "; allowed: " + variables.allowed.join(", ")`,
			}},
		},
	}
}

// lacks says in a sentence what of the policy is not there, or returns "". A
// list that the user did not give is not compared: any will do.
func (ip imagePolicy) lacks(inv *fixes.Inventory) string {
	switch ip.policy().Lack(inv) {
	case vap.Absent:
		return "No policy of this program limits where images come from: whoever may create a pod may run any image."
	case vap.Unbound:
		return "The policy that limits where images come from is bound to nothing, and has no effect."
	case vap.Outdated:
		return "The policy that limits where images come from holds another list than --allowed-registries."
	case vap.Lenient:
		return "The policy that limits where images come from only warns."
	}
	return ""
}

// fix returns the fix that creates the policy and its binding, or changes what
// they lack.
func (ip imagePolicy) fix(inv *fixes.Inventory) fixes.Fix {
	fix := fixes.Fix{
		Title:      "Warn of images from elsewhere than " + listed(ip.allowed),
		Confidence: fixes.Review,
		Why:        "what people will want to run is not known; it warns, and refuses nothing",
		Risks:      []string{"Every API request that brings a new image from elsewhere gets a warning, and is marked in the audit log."},
		Edit:       ip.policy().Edit,
	}
	if ip.enforce {
		fix.Title = "Refuse images from elsewhere than " + listed(ip.allowed)
		fix.Why = "what people will want to run is not known"
		fix.Risks = []string{
			"Pods with other images are not created any more, also where a Deployment or a Job there is already wants a new one.",
			"While the policy cannot be evaluated, pods are refused (failurePolicy: Fail).",
		}
		if outside := ip.outside(inv); len(outside) > 0 {
			fix.Risks = append(fix.Risks, "These would get no new pods: "+listed(outside)+".")
		}
	}
	fix.Creates = ip.policy().Creates(inv)
	return fix
}

// outside names the workloads that run an image from elsewhere.
func (ip imagePolicy) outside(inv *fixes.Inventory) []string {
	var names []string
	for _, w := range inv.Workloads("") {
		if !fixes.IsSystemNamespace(w.Object.GetNamespace()) && !w.Finished() &&
			slices.ContainsFunc(imagesOf(w), func(image string) bool { return !allowed(repository(image), ip.allowed) }) {
			names = append(names, w.Ref().String())
		}
	}
	return names
}
