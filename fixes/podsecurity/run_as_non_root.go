package podsecurity

import (
	"fmt"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// runAsNonRoot is the control "Running as Non-root" of the restricted profile
// (CIS 5.2.7). What is known about a container's user is in needs.go.
func runAsNonRoot() *fixes.Rule {
	return control{
		id:         "pss-run-as-non-root",
		check:      "runAsNonRoot",
		title:      "A container may run as root",
		severity:   fixes.High,
		threats:    []fixes.Threat{fixes.ElevationOfPrivilege, fixes.Tampering},
		references: []fixes.Reference{fixes.PSS("Running as Non-root"), fixes.CIS("5.2.7")},
		docs: `
Most images run as root unless told otherwise. Without a user namespace that is
the root of the node: what keeps it in is the runtime and the kernel alone, and
every hole in them counts. With runAsNonRoot: true the kubelet does not start a
container that would run as root.

## The fix
Sets runAsNonRoot: true. Whether that breaks the container depends on its user:

- a runAsUser other than 0 is set: safe;
- its processes run as another user than root now (the kubelet reports the user
  since 1.33, and --inspect sees it), or its image is known to (--ask-registries,
  or the table of popular images): safe, and that user and group are written down
  as runAsUser and runAsGroup, since the kubelet refuses an image whose user is a
  name;
- it starts as root, and is known to switch to a user by itself, or to run as one
  just as well: it is started as that user, for a person to look at first. Where
  it listens on a port under 1024 the pod opens those to everybody (sysctl
  net.ipv4.ip_unprivileged_port_start), and where it writes a volume claim the
  pod's fsGroup becomes the user's group;
- its processes run as root now because the image says so: there is no edit, the
  container would not start;
- else a person looks first. The rollout stops at the first pod that does not
  start, with CreateContainerConfigError.

A runAsUser of 0 beside runAsNonRoot: true never starts, so it is removed.

## By hand
    kubectl exec POD -- id
    docker image inspect IMAGE -f '{{.Config.User}}'     # a number other than 0
`,
		faults: func(s *subject) []fault {
			const field = "securityContext.runAsNonRoot"
			var faults []fault
			pod := podSecurity(s.Spec).RunAsNonRoot
			if isFalse(pod) {
				faults = append(faults, fault{s.SpecPath + "." + field, "the pod", "runAsNonRoot: false"})
			}
			for c := range s.Containers() {
				switch own := security(c).RunAsNonRoot; {
				case isFalse(own):
					faults = append(faults, fault{c.Path + "." + field, who(c), "runAsNonRoot: false"})
				case own == nil && pod == nil:
					// One field of the pod makes up for all such containers.
					faults = append(faults, fault{s.SpecPath + "." + field, who(c), "runAsNonRoot is not set"})
				}
			}
			return faults
		},
		judge: func(s *subject) (string, fixes.Severity) {
			return s.say("may run as root, which is the node's root once it gets out.",
				"may run as root, which is the node's root once it gets out."), 0
		},
		fix: runAsNonRootFix,
	}.rule()
}

func runAsNonRootFix(s *subject) fixes.Fix {
	var unknown, forced, doubtful, stepping []string
	pin := map[string]identity{} // by container
	for c := range s.Containers() {
		if isTrue(security(c).RunAsNonRoot) || s.namesNonRoot(c) {
			continue
		}
		force := isRoot(s.uid(c))
		id := s.needs(c.Name).identity(force)
		s.note(c, id.said)
		switch {
		case force:
			forced = append(forced, who(c))
			id.root = true
		case id.root && id.uid == nil && id.sure:
			return s.imageRunsAsRoot(who(c))
		case id.root && id.uid != nil:
			stepping = append(stepping, who(c))
		case id.said == "", id.uid == nil && !id.sure:
			unknown = append(unknown, who(c))
		case !id.sure:
			doubtful = append(doubtful, who(c))
		}
		if id.uid != nil {
			pin[c.Name] = id
		}
	}
	title, confidence, why := "Refuse to run as root", fixes.Safe, "every container names a user other than root"
	var risks []string
	if len(pin) > 0 {
		why = "every container runs as a user other than root now, and keeps it"
		title += fmt.Sprintf(", and name the %s that it runs as", plural(len(pin), "user", "users"))
	}
	if len(unknown) > 0 {
		confidence, why = fixes.Review, "the user of the image of "+listed(unknown)+" is not known"
		risks = append(risks, "If the image of "+listed(unknown)+" runs as root, or names its user by a word, the container does not start.")
	}
	if len(doubtful) > 0 {
		confidence, why = fixes.Review, "the user of the image of "+listed(doubtful)+" is only likely"
		risks = append(risks, "If the image of "+listed(doubtful)+" runs as another user, it may not read or write its files.")
	}
	if len(stepping) > 0 {
		confidence, why = fixes.Review, listed(stepping)+" starts as root, and would start as the user that it needs at the end"
		risks = append(risks, "Files and volumes that belong to root may be closed to "+listed(stepping)+", and it can no longer do what only root may before it switches.")
	}
	if len(forced) > 0 {
		title += ", and remove runAsUser: 0"
		confidence, why = fixes.Review, listed(forced)+" is made to run as root"
		risks = append(risks, "If the image of "+listed(forced)+" runs as root, or needs to, the container does not start.")
	}
	return s.edited(title, confidence, why, risks, func(w fixes.Workload) {
		yes := true
		pod := podSecurity(w.Spec)
		for c := range w.Containers() {
			own := security(c).RunAsNonRoot
			if isFalse(own) {
				c.SecurityContext.RunAsNonRoot = &yes
			}
			if own == nil && !isTrue(pod.RunAsNonRoot) || isFalse(pod.RunAsNonRoot) {
				editPodSecurity(w).RunAsNonRoot = &yes
			}
			dropRoot(c.SecurityContext)
			s.runAs(w, c.Name, pin[c.Name])
		}
		if sc := w.Spec.SecurityContext; sc != nil && isRoot(sc.RunAsUser) {
			sc.RunAsUser = nil
		}
	})
}

func (s *subject) imageRunsAsRoot(name string) fixes.Fix {
	return s.manual("Give "+name+" an image that runs as another user",
		"its image runs as root: with runAsNonRoot it would not start", `
Build the image with a numeric USER other than 0 and files that this user may
read, or use its unprivileged variant. Or, if the files allow it, set runAsUser
and runAsGroup in the securityContext to a user of your choice, and fsGroup for
its volumes. Then set runAsNonRoot: true.`)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
