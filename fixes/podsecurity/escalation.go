package podsecurity

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// allowPrivilegeEscalation is the control "Privilege Escalation" of the
// restricted profile (CIS 5.2.6).
func allowPrivilegeEscalation() *fixes.Rule {
	return control{
		id:         "pss-allow-privilege-escalation",
		check:      "allowPrivilegeEscalation",
		title:      "A container's processes may gain privileges",
		severity:   fixes.Medium,
		threats:    []fixes.Threat{fixes.ElevationOfPrivilege},
		references: []fixes.Reference{fixes.PSS("Privilege Escalation"), fixes.CIS("5.2.6")},
		docs: `
A program with the set-user-ID bit, or with capabilities on its file, gives its
caller more rights than it had: sudo, su and every flaw in them. With
allowPrivilegeEscalation: false the kernel ignores both (no_new_privs), for every
process of the container.

## The fix
Sets allowPrivilegeEscalation: false in every container. What may break: a program
that runs as another user than root and calls sudo or ping, or whose own file
carries capabilities (setcap). Processes that start as root and change to another
user are not affected.

It is safe where the containers drop ALL capabilities and add none: there a
set-user-ID program gains none either. Else a person looks first.

The API refuses the field on a privileged container, and on one that adds
CAP_SYS_ADMIN by that name. If no other fix did so before, this one takes these
away as well.

## By hand
    kubectl exec POD -- grep NoNewPrivs /proc/1/status     # 1
    kubectl exec POD -- find / -xdev -perm -4000           # the programs concerned
`,
		faults: func(s *subject) []fault {
			return s.inContainers("securityContext.allowPrivilegeEscalation", func(c fixes.Container) string {
				switch v := security(c).AllowPrivilegeEscalation; {
				case v == nil:
					return "allowPrivilegeEscalation is not set, which allows it"
				case *v:
					return "allowPrivilegeEscalation: true"
				}
				return ""
			})
		},
		judge: func(s *subject) (string, fixes.Severity) {
			return s.say("lets its processes gain more privileges than they started with.",
				"let their processes gain more privileges than they started with."), 0
		},
		fix: escalationFix,
	}.rule()
}

func escalationFix(s *subject) fixes.Fix {
	change := func(w fixes.Workload) {
		for c := range w.Containers() {
			dropPrivileged(c)
			dropSysAdmin(c.SecurityContext)
			if !isFalse(security(c).AllowPrivilegeEscalation) {
				editSecurity(c).AllowPrivilegeEscalation = new(bool)
			}
		}
	}
	if s.byWindowsSelector() {
		return s.sayWindows(change)
	}
	if name := mountsForNode(s.Workload); name != "" {
		return s.mustStayPrivileged(name)
	}
	confidence, why := fixes.Safe, "the containers drop all capabilities already, so no program could gain one"
	title := "Forbid privilege escalation"
	var risks, rooted []string // what the API does not allow with it, and where
	for c := range s.Containers() {
		caps := capabilitiesOf(c)
		if len(caps.Add) > 0 || !slices.Contains(caps.Drop, "ALL") {
			confidence, why = fixes.Review, "whether the program uses sudo, su or capabilities of its file cannot be seen from outside"
		}
		if isTrue(security(c).Privileged) {
			rooted = append(rooted, "privileged: true from "+who(c))
		}
		if slices.Contains(caps.Add, sysAdmin) {
			rooted = append(rooted, string(sysAdmin)+" from "+who(c))
		}
	}
	if confidence == fixes.Review {
		risks = []string{"A process that is not root can no longer use sudo, su, ping or a program with capabilities on its file."}
	}
	if len(rooted) > 0 {
		title += ", and remove " + listed(rooted)
		confidence, why = fixes.Review, "the API allows the one only without the other"
		risks = append(risks, privilegedRisk)
	}
	return s.edited(title, confidence, why, risks, change)
}

// sysAdmin is the spelling at which the API refuses to forbid escalation.
const sysAdmin corev1.Capability = "CAP_SYS_ADMIN"

func dropSysAdmin(sc *corev1.SecurityContext) {
	if sc != nil && sc.Capabilities != nil {
		sc.Capabilities.Add = slices.DeleteFunc(sc.Capabilities.Add, func(c corev1.Capability) bool { return c == sysAdmin })
	}
}
