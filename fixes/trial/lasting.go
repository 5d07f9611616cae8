package trial

import (
	"path"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// A copy is asked for nothing, so it does not show what a server does only when
// it is: one that stays root may become another user for each session.

// lasting are the capabilities that a program which stays root keeps, as far as
// it had them. The baseline level allows them.
var lasting = []corev1.Capability{"CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID", "SYS_CHROOT"}

// becomers are programs that become the user of each session or job. As another
// user than root they start and listen, and let nobody in.
var becomers = []string{"sshd", "dropbear", "vsftpd", "proftpd", "pure-ftpd", "in.ftpd", "cron", "crond", "atd", "fcron", "anacron", "xinetd",
	"inetd", "in.telnetd", "telnetd", "smbd", "dovecot", "rshd", "rlogind", "xrdp-sesman", "sddm", "jupyterhub", "slurmd", "pbs_mom", "rsshd"}

// staysRoot reports whether a container's first process was not seen to become
// another user.
func (s *Search) staysRoot(container string) bool {
	first := s.seen[container].first
	return first == nil || first.uid == 0
}

// becomes returns the program of a container that becomes its sessions' users,
// as root: one that was seen, or where nothing was, that its spec names.
func (s *Search) becomes(container string) string {
	e := s.seen[container]
	for _, name := range e.rooted {
		if slices.Contains(becomers, name) {
			return name
		}
	}
	c, ok := s.w.Container(container)
	if !ok || len(c.Command) == 0 || e.first != nil {
		return ""
	}
	if name := path.Base(c.Command[0]); slices.Contains(becomers, name) && !s.namesUser(c) {
		return name
	}
	return ""
}

// asRoot returns the settings with root where a container's program becomes the
// users of its sessions.
func (s *Search) asRoot(now settings, container string) (settings, bool) {
	program := s.becomes(container)
	if program == "" || now.Containers[container].Root {
		return now, false
	}
	next := now.rooted(container, s.had(container, lasting)...)
	for _, e := range s.exceptions(next) {
		if e.container == container {
			s.reasons[e] = reason{text: program + " becomes the user of each session, which a copy without sessions does not show"}
		}
	}
	return next, true
}

// kept adds what a program that stays root keeps.
func (s *Search) kept(now settings) settings {
	for c := range s.w.Containers() {
		if !now.Containers[c.Name].Root || !s.staysRoot(c.Name) {
			continue
		}
		before := s.exceptions(now)
		now = now.rooted(c.Name, s.had(c.Name, lasting)...)
		for _, e := range s.exceptions(now) {
			if !slices.Contains(before, e) {
				s.reasons[e] = reason{text: "nothing shows that it gives root up, or what it does when it is asked for something"}
			}
		}
	}
	return now
}

// lasts reports whether an exception is one that a program which stays root
// keeps.
func (s *Search) lasts(e exception) bool {
	return s.best.Containers[e.container].Root && s.staysRoot(e.container) && slices.Contains(lasting, e.capability)
}

// rootNames are the names of the processes of root.
func rootNames(p *fixes.Process) []string {
	var names []string
	for _, process := range p.Running {
		if process.UID == 0 {
			names = append(names, process.Name)
		}
	}
	return names
}
