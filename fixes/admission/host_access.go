package admission

import (
	"fmt"
	"path"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/agents"
	"github.com/kubectl-harden/kubectl-harden/fixes/podsecurity"
	"github.com/kubectl-harden/kubectl-harden/fixes/vap"
)

// hostPolicyName is the name of the policy about hosts, and of all that belongs
// to it.
const hostPolicyName = "kubectl-harden-host-access"

// allowedHostPaths is the key of the parameter that lists the paths of nodes
// that may be mounted. A path stands for itself alone and for nothing below it:
// who can write to a folder can put a link to / into it, and mount the link.
const allowedHostPaths = "allowedHostPaths"

// hostAccess is what a pod has of its node.
type hostAccess struct {
	// namespaces are the host's that it joins ("hostPID").
	namespaces []string
	// escalating are the containers whose processes have, or may gain, more
	// rights than they began with.
	escalating []string
	// paths are the node's that it mounts, without "//" and "/./".
	paths []string
}

// hostAccessOf takes a pod apart as the expressions of [hostVariables] do.
func hostAccessOf(w fixes.Workload) hostAccess {
	var h hostAccess
	for _, ns := range []struct {
		name string
		is   bool
	}{{"hostPID", w.Spec.HostPID}, {"hostIPC", w.Spec.HostIPC}, {"hostNetwork", w.Spec.HostNetwork}} {
		if ns.is {
			h.namespaces = append(h.namespaces, ns.name)
		}
	}
	for c := range w.Containers() {
		if escalates(c.SecurityContext) {
			h.escalating = append(h.escalating, c.Name)
		}
	}
	for _, v := range w.Spec.Volumes {
		if v.HostPath != nil {
			h.paths = append(h.paths, path.Clean("/"+v.HostPath.Path))
		}
	}
	return h
}

func escalates(s *corev1.SecurityContext) bool {
	if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation {
		return true
	}
	windows := s.WindowsOptions
	return s.Privileged != nil && *s.Privileged ||
		s.ProcMount != nil && *s.ProcMount == corev1.UnmaskedProcMount ||
		windows != nil && windows.HostProcess != nil && *windows.HostProcess ||
		s.Capabilities != nil && slices.ContainsFunc(s.Capabilities.Add, func(c corev1.Capability) bool { return c != "NET_BIND_SERVICE" })
}

// refused says what the policy would refuse of a pod, or returns "".
func (h hostAccess) refused(allowed []string) string {
	var parts []string
	if len(h.namespaces) > 0 && len(h.escalating) > 0 {
		parts = append(parts, strings.Join(h.namespaces, ", ")+" with "+strings.Join(h.escalating, ", "))
	}
	if paths := slices.DeleteFunc(slices.Clone(h.paths), func(p string) bool { return slices.Contains(allowed, p) }); len(paths) > 0 {
		parts = append(parts, "hostPath "+strings.Join(paths, ", "))
	}
	return strings.Join(parts, "; ")
}

// hostVariables take a request apart. What was there before an update is let
// through: controllers write to old pods too (KEP-3488 has no other way to tell).
func hostVariables() []admissionregistrationv1.Variable {
	list := []admissionregistrationv1.Variable{{Name: "allowed", Expression: vap.Param(allowedHostPaths)}}
	list = append(list, vap.PodSpecs()...)
	for _, of := range []struct{ spec, suffix string }{{"variables.spec", ""}, {"variables.was", "Before"}} {
		list = append(list,
			admissionregistrationv1.Variable{Name: "namespaces" + of.suffix, Expression: strings.Join([]string{
				hostFlag(of.spec, "hostPID"), hostFlag(of.spec, "hostIPC"), hostFlag(of.spec, "hostNetwork")}, " + ")},
			admissionregistrationv1.Variable{Name: "escalating" + of.suffix, Expression: "(" + vap.Containers(of.spec) + ")" +
				`.filter(c, c.?securityContext.?allowPrivilegeEscalation.orValue(true) || c.?securityContext.?privileged.orValue(false)` +
				` || c.?securityContext.?capabilities.?add.orValue([]).exists(a, a != "NET_BIND_SERVICE")` +
				` || c.?securityContext.?procMount.orValue("") == "Unmasked" || c.?securityContext.?windowsOptions.?hostProcess.orValue(false)).map(c, c.name)`},
			admissionregistrationv1.Variable{Name: "hostPaths" + of.suffix, Expression: of.spec +
				`.?volumes.orValue([]).filter(v, has(v.hostPath)).map(v, "/" + v.hostPath.path.split("/").filter(s, s != "" && s != ".").join("/"))`},
		)
	}
	return append(list, admissionregistrationv1.Variable{Name: "refusedPaths",
		Expression: "variables.hostPaths.filter(p, !(p in variables.allowed) && !(p in variables.hostPathsBefore))"})
}

func hostFlag(spec, field string) string {
	return fmt.Sprintf(`(%s.?%s.orValue(false) ? [%q] : [])`, spec, field, field)
}

func hostValidations() []admissionregistrationv1.Validation {
	return []admissionregistrationv1.Validation{{
		Expression: "variables.namespaces.size() == 0 || variables.escalating.size() == 0 || " +
			"variables.namespaces.all(n, n in variables.namespacesBefore) && variables.escalating.all(c, c in variables.escalatingBefore)",
		Message: "a namespace of the host together with containers that may escalate",
		MessageExpression: `"the host's namespaces (" + variables.namespaces.join(", ") + ") together with containers that may escalate (" + variables.escalating.join(", ") + ")` +
			`: leave the host's namespaces, or set allowPrivilegeEscalation: false and add no capability"`,
	}, {
		Expression:        "variables.refusedPaths.size() == 0",
		Message:           "a path of the node is mounted that is not on the list of allowed ones",
		MessageExpression: `"hostPath not allowed: " + variables.refusedPaths.join(", ") + "; allowed are those of ConfigMap ` + vap.ParamNamespace + "/" + hostPolicyName + `"`,
	}}
}

// hostPolicy returns the policy for what runs: it leaves out the namespaces of
// node agents, and allows the paths that the others mount and that do not give
// a node away.
func hostPolicy(p *fixes.Pass, users []hostUser) vap.Policy {
	policy := vap.Policy{
		Name: hostPolicyName, Enforce: p.Admission.Enforce,
		Trial:   []admissionregistrationv1.ValidationAction{admissionregistrationv1.Audit, admissionregistrationv1.Warn},
		Params:  map[string][]string{allowedHostPaths: nil},
		Outside: agentNamespaces(users),
	}
	failure := admissionregistrationv1.Ignore // a trial refuses nothing
	if policy.Enforce {
		failure = admissionregistrationv1.Fail
	}
	policy.Spec = admissionregistrationv1.ValidatingAdmissionPolicySpec{
		FailurePolicy: &failure, ParamKind: vap.ParamKind(), MatchConstraints: vap.PodsAndTemplates(),
		Variables: hostVariables(), Validations: hostValidations(),
	}
	var paths []string
	for _, u := range users {
		if slices.Contains(policy.Outside, u.Object.GetNamespace()) {
			continue
		}
		for _, hostPath := range u.access.paths {
			if !podsecurity.Takeover(hostPath) && !slices.Contains(paths, hostPath) {
				paths = append(paths, hostPath)
			}
		}
	}
	slices.Sort(paths)
	policy.Params[allowedHostPaths] = paths
	return policy
}

// hostUser is a workload that the policy, without parameters, would refuse.
type hostUser struct {
	fixes.Workload
	access hostAccess
}

// hostUsers lists them, outside the system's namespaces.
func hostUsers(inv *fixes.Inventory) []hostUser {
	var users []hostUser
	for _, w := range inv.Workloads("") {
		if fixes.IsSystemNamespace(w.Object.GetNamespace()) || w.Finished() {
			continue
		}
		if h := hostAccessOf(w); h.refused(nil) != "" {
			users = append(users, hostUser{w, h})
		}
	}
	return users
}

// agentNamespaces are those in which host access is the work of known agents of
// nodes (network, storage, metrics, logs), and nothing else has it.
func agentNamespaces(users []hostUser) []string {
	only := map[string]bool{}
	for _, u := range users {
		ns := u.Object.GetNamespace()
		_, agent := agents.Of(u.Workload)
		is, known := only[ns]
		only[ns] = (is || !known) && agent
	}
	var names []string
	for ns, is := range only {
		if is {
			names = append(names, ns)
		}
	}
	slices.Sort(names)
	return names
}
