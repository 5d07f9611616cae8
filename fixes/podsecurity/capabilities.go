package podsecurity

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/known"
)

// capabilities is the control "Capabilities" of the restricted profile, which
// contains that of the baseline profile (CIS 5.2.8 and 5.2.9).
func capabilities() *fixes.Rule {
	return control{
		id:         "pss-capabilities",
		check:      "capabilities_restricted",
		title:      "A container keeps Linux capabilities",
		severity:   fixes.Medium,
		threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Spoofing},
		references: []fixes.Reference{fixes.PSS("Capabilities"), fixes.CIS("5.2.8"), fixes.CIS("5.2.9")},
		docs: `
A container that says nothing starts with fourteen of root's capabilities: it
may forge packets (NET_RAW), take any user's identity (SETUID), and pass over
file permissions (DAC_OVERRIDE). Each is a step on the way out. Those that a
container adds are worse: with SYS_ADMIN, SYS_MODULE or SYS_PTRACE the way is
short.

## What is looked at
The restricted profile: every container drops ALL and adds nothing but
NET_BIND_SERVICE. High when a container adds what the baseline profile forbids,
critical when that is as good as root on the node.

## The fix
Drops ALL and removes what is added, except NET_BIND_SERVICE, which is also added
for a container that listens on a port below 1024 and had the capability before,
unless its processes are seen to do without.

What may break: programs started as root that then chown files, switch to
another user, or read files of others; ping; and program files that carry
capabilities of their own (setcap), which the kernel refuses to start without
them. A container that is known to start as root only to switch to a user by
itself is started as that user. It is safe where the container has no other
capability now: by what the pod says, because its processes are seen to use none
(--inspect), or because its image is known to run as another user than root and
to need none.

## By hand
    kubectl exec POD -- grep Cap /proc/1/status
`,
		faults: func(s *subject) []fault {
			var faults []fault
			for c := range s.Containers() {
				caps := capabilitiesOf(c)
				if add := s.forbidden(caps); len(add) > 0 {
					faults = append(faults, fault{c.Path + ".securityContext.capabilities.add", who(c), "adds " + join(add)})
				}
				if s.refuses(withCapabilities(corev1.Capabilities{Drop: caps.Drop})) {
					faults = append(faults, fault{c.Path + ".securityContext.capabilities.drop", who(c), "does not drop ALL"})
				}
			}
			return faults
		},
		judge: func(s *subject) (string, fixes.Severity) {
			added := s.added()
			if len(added) == 0 {
				return s.say("keeps the capabilities that the runtime gives it, more than most programs use.",
					"keep the capabilities that the runtime gives them, more than most programs use."), 0
			}
			what := "with " + join(added) + ", rights of root beyond what the standard allows."
			return s.say("runs "+what, "run "+what), severityOf(s.judge, added)
		},
		fix: capabilitiesFix,
	}.rule()
}

func capabilitiesFix(s *subject) fixes.Fix {
	change := func(w fixes.Workload) {
		for c := range w.Containers() {
			if caps := s.narrowed(c); s.refuses(withCapabilities(capabilitiesOf(c))) {
				editSecurity(c).Capabilities = &caps
			}
		}
	}
	if s.byWindowsSelector() {
		return s.sayWindows(change)
	}
	title, added := "Drop all capabilities", s.added()
	if len(added) > 0 {
		title += ", and no longer add " + join(added)
	}
	confidence, why := fixes.Safe, "the capabilities in effect stay the same"
	step := map[string]identity{} // by container: as whom it is started
	for c := range s.Containers() {
		before := effective(capabilitiesOf(c))
		if slices.Equal(before, effective(s.narrowed(c))) && !isTrue(security(c).Privileged) {
			continue
		}
		if unused := s.usesNone(c); unused != "" {
			s.note(c, unused)
			if confidence == fixes.Safe {
				why = "no process uses a capability that is dropped"
			}
			continue
		}
		confidence, why = fixes.Review, "which capabilities a program uses cannot be seen from outside"
		if id := s.needs(c.Name).identity(false); id.root && id.uid != nil && s.uid(c) == nil && !isTrue(security(c).Privileged) {
			s.note(c, id.said)
			step[c.Name] = id
		}
	}
	var risks []string
	if confidence == fixes.Review {
		risks = []string{"A process that changes owners or users as root, or whose file carries capabilities, fails."}
	}
	if len(step) > 0 {
		title += ", and start as the user that needs none"
	}
	if len(added) > 0 {
		risks = append(risks, "Lost: "+join(added)+".")
	}
	return s.edited(title, confidence, why, risks, func(w fixes.Workload) {
		change(w)
		for c := range w.Containers() {
			s.runAs(w, c.Name, step[c.Name])
		}
	})
}

// usesNone returns the evidence that a container uses no capability other than
// those that the fix leaves it; "" where there is none.
func (s *subject) usesNone(c fixes.Container) string {
	if isTrue(security(c).Privileged) {
		return ""
	}
	n := s.needs(c.Name)
	left := effective(s.narrowed(c))
	taken := func(name string) bool { return !slices.Contains(left, name) }
	if p := n.process; p != nil && len(p.Running) > 0 {
		for _, r := range p.Running {
			if r.UID == 0 || slices.ContainsFunc(r.Effective, taken) {
				return ""
			}
		}
		return "its processes use no capability that is dropped, " + saw(p)
	}
	k := n.known
	if k == nil || k.Doubt != "" || k.Start != known.AsUser || !k.CapabilitiesKnown || n.command || isRoot(s.uid(c)) ||
		slices.ContainsFunc(k.Capabilities, taken) {
		return ""
	}
	return "it runs as another user than root, and needs no capability that is dropped, " + tableSays(k)
}

const netBindService = "NET_BIND_SERVICE"

// narrowed returns the capabilities that a container should have.
func (s *subject) narrowed(c fixes.Container) corev1.Capabilities {
	before := capabilitiesOf(c)
	after := corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}
	kept := slices.ContainsFunc(before.Add, func(add corev1.Capability) bool { return plain(add) == netBindService })
	// Most runtimes let anyone listen on low ports, but not all.
	if (kept || s.binds(c)) && slices.Contains(effective(before), netBindService) {
		after.Add = []corev1.Capability{netBindService}
	}
	return after
}

// binds reports whether a container may need NET_BIND_SERVICE.
func (s *subject) binds(c fixes.Container) bool {
	n := s.needs(c.Name)
	if n.known != nil && slices.Contains(n.known.Capabilities, netBindService) {
		return true // its program file carries it, and does not start without
	}
	if n.process != nil && len(n.process.Running) > 0 {
		root := func(p fixes.RunningProcess) bool { return p.UID == 0 }
		uses := func(p fixes.RunningProcess) bool { return slices.Contains(p.Effective, netBindService) }
		if !slices.ContainsFunc(n.process.Running, root) {
			return slices.ContainsFunc(n.process.Running, uses)
		}
	}
	return n.low(c)
}

// forbidden lists what a container adds and may not.
func (s *subject) forbidden(caps corev1.Capabilities) []string {
	var names []string
	for _, add := range caps.Add {
		if s.refuses(withCapabilities(corev1.Capabilities{Drop: []corev1.Capability{"ALL"}, Add: []corev1.Capability{add}})) {
			names = append(names, string(add))
		}
	}
	return names
}

// added lists what the containers add and may not, each once.
func (s *subject) added() []string {
	var names []string
	for c := range s.Containers() {
		names = append(names, s.forbidden(capabilitiesOf(c))...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// rootOnNode are capabilities with which a container takes over its node.
var rootOnNode = []string{"ALL", "BPF", "DAC_READ_SEARCH", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO"}

func severityOf(j *Judge, added []string) fixes.Severity {
	severity := fixes.Medium
	baseline := j.check("capabilities_baseline")
	for _, name := range added {
		if slices.Contains(rootOnNode, plain(corev1.Capability(name))) {
			return fixes.Critical
		}
		pod := withCapabilities(corev1.Capabilities{Add: []corev1.Capability{corev1.Capability(name)}})
		if baseline != nil && !baseline(&metav1.ObjectMeta{}, &pod).Allowed {
			severity = fixes.High
		}
	}
	return severity
}

func capabilitiesOf(c fixes.Container) corev1.Capabilities {
	if caps := security(c).Capabilities; caps != nil {
		return *caps
	}
	return corev1.Capabilities{}
}

func withCapabilities(caps corev1.Capabilities) corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{SecurityContext: &corev1.SecurityContext{Capabilities: &caps}}}}
}

func join(names []string) string { return strings.Join(names, ", ") }
