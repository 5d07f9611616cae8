package podsecurity

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/known"
)

// needs is what is known of a container, the best evidence first: what the
// kubelet reports, what its processes show, what the registry says of its
// image, and what the table of popular images has. Each is nil where nobody
// asked, or nothing came of it. What the pod says itself stands above all and
// is asked by the controls.
type needs struct {
	reported *user
	process  *fixes.Process
	image    *fixes.Image
	known    *known.Needs
	command  bool // it does not run what the image would
}

// evidenceKinds are the facts that [needs] are made of.
var evidenceKinds = []fixes.Kind{fixes.KindImage, fixes.KindProcess}

// needs returns what is known of a container of the scanned workload, of which
// a draft may have another image already.
func (s *subject) needs(name string) needs {
	if n, ok := s.known[name]; ok {
		return n
	}
	c, ok := s.Container(name)
	if !ok {
		return needs{}
	}
	n := needs{command: len(c.Command) > 0, process: s.process(c)}
	if u, ok := s.users()[name]; ok {
		n.reported = &u
	}
	if fact := fixes.ImageFact(s.inv, c.Image); fact != nil && fact.Err == "" {
		n.image = fact
	}
	if table, ok := known.Lookup(c.Image); ok {
		n.known = &table
	}
	if s.known == nil {
		s.known = map[string]needs{}
	}
	s.known[name] = n
	return n
}

func (s *subject) users() map[string]user {
	if s.observed == nil {
		s.observed = s.observedUsers()
	}
	return s.observed
}

// process returns what was seen of a container in one of the workload's pods.
func (s *subject) process(c fixes.Container) *fixes.Process {
	if s.inv.Len(fixes.KindProcess) == 0 {
		return nil
	}
	for _, pod := range s.inv.Pods(s.Workload) {
		fact, ok := fixes.Lookup[*fixes.Process](s.inv, pod.Namespace, fixes.ProcessName(pod.Name, c.Name))
		if ok && fact.Image == c.Image && len(fact.Commands) > 0 {
			return fact
		}
	}
	return nil
}

// saw says what a fact about processes rests on.
func saw(p *fixes.Process) string {
	return fmt.Sprintf("seen in pod %s by: %s", p.Pod, strings.Join(p.Commands, "; "))
}

// tableSays says what the table of popular images rests on.
func tableSays(k *known.Needs) string {
	if k.Doubt != "" {
		return fmt.Sprintf("known image %s (but %s): %s", k.Repository, k.Doubt, k.Source)
	}
	return fmt.Sprintf("known image %s: %s", k.Repository, k.Source)
}

// identity is as whom a container runs where its pod names no user.
type identity struct {
	// uid and gid are the user's; nil: not known, or not needed, since the
	// image names it by a number.
	uid, gid *int64
	// root: it starts as root. The user is then one as which it might start
	// instead.
	root bool
	// sure: it cannot be otherwise.
	sure bool
	// said is the evidence; empty where nothing is known.
	said string
}

// identity asks the evidence. Where the pod makes the container run as root,
// only what is said of its image counts.
func (n needs) identity(forced bool) identity {
	if !forced {
		if id := n.running(); id.said != "" {
			return id
		}
	}
	return n.ofImage()
}

// running is the identity that running containers show.
func (n needs) running() identity {
	var id identity
	switch p := n.process; {
	case n.reported != nil:
		id = identity{uid: &n.reported.uid, gid: &n.reported.gid, sure: true,
			said: fmt.Sprintf("the kubelet reports that it runs as user %d", n.reported.uid)}
	case p != nil && len(p.Running) > 0:
		first := p.Running[0]
		id = identity{uid: &first.UID, gid: &first.GID, sure: true,
			said: fmt.Sprintf("its first process runs as user %d, %s", first.UID, saw(p))}
	default:
		return id
	}
	if *id.uid != 0 {
		return id
	}
	id.uid, id.gid, id.root = nil, nil, true
	if n.process != nil {
		for _, p := range n.process.Running {
			if p.UID != 0 {
				id.uid, id.gid = &p.UID, &p.GID
				id.said += fmt.Sprintf("; its process %s runs as user %d", p.Name, p.UID)
				return id
			}
		}
	}
	if k := n.known; k != nil && k.User != nil {
		id.uid, id.gid = k.User, k.Group
		id.said += fmt.Sprintf("; it also starts as user %d, %s", *k.User, tableSays(k))
	}
	return id
}

// ofImage is the identity that the image has.
func (n needs) ofImage() identity {
	k := n.known
	if n.image != nil {
		name, _, _ := strings.Cut(n.image.User, ":")
		number, err := strconv.ParseInt(name, 10, 64)
		id := identity{sure: true, said: fmt.Sprintf("the registry says that the image's user is %q", n.image.User)}
		switch {
		case name == "" || name == "root" || err == nil && number == 0:
			id.root = true
		case err == nil:
			return id
		}
		// The user's number, or that of one as which it starts as well.
		if k != nil && k.User != nil && (k.Start == known.AsEither) == id.root {
			id.uid, id.gid, id.sure = k.User, k.Group, k.Doubt == ""
			id.said += fmt.Sprintf("; user %d, %s", *k.User, tableSays(k))
		} else if !id.root {
			id.sure = false // the kubelet refuses a name
		}
		return id
	}
	if k == nil {
		return identity{}
	}
	id := identity{uid: k.User, gid: k.Group, root: k.Start != known.AsUser, sure: k.Doubt == "", said: tableSays(k)}
	if k.User != nil {
		id.said = fmt.Sprintf("it runs as user %d, %s", *k.User, id.said)
		if id.root {
			id.said = fmt.Sprintf("it starts as root, or as user %d, %s", *k.User, tableSays(k))
		}
	} else if !id.root {
		id.sure = false
	}
	return id
}

// ports are those that a container listens on, as far as is known.
func (n needs) ports(c fixes.Container) []int32 {
	if n.process != nil && n.process.ListensKnown {
		return n.process.Listens
	}
	var ports []int32
	for _, p := range c.Ports {
		ports = append(ports, p.ContainerPort)
	}
	if n.image != nil {
		for _, p := range n.image.Ports {
			number, _, _ := strings.Cut(p, "/")
			if port, err := strconv.ParseUint(number, 10, 16); err == nil {
				ports = append(ports, int32(port))
			}
		}
	}
	if n.known != nil && !n.command && len(c.Args) == 0 {
		ports = append(ports, n.known.Ports...)
	}
	return ports
}

// firstOpenPort is the first that a program without capabilities may listen on
// (net.ipv4.ip_unprivileged_port_start).
const firstOpenPort = 1024

func (n needs) low(c fixes.Container) bool {
	return slices.ContainsFunc(n.ports(c), func(p int32) bool { return p < firstOpenPort })
}

// runAs makes a container run as a user, and opens to it what root had: ports
// under 1024, and the volumes that it writes. It changes nothing where the pod
// names a user already.
func (s *subject) runAs(w fixes.Workload, name string, id identity) {
	c, ok := w.Container(name)
	pod := podSecurity(w.Spec)
	if !ok || id.uid == nil || w.Windows() || pod.RunAsUser != nil && !isRoot(pod.RunAsUser) || security(c).RunAsUser != nil && !isRoot(security(c).RunAsUser) {
		return
	}
	sc := editSecurity(c)
	uid := *id.uid
	sc.RunAsUser = &uid
	if id.gid != nil && pod.RunAsGroup == nil && sc.RunAsGroup == nil {
		gid := *id.gid
		sc.RunAsGroup = &gid
	}
	if !id.root {
		return // it has what it needs
	}
	if s.needs(name).low(c) && !w.Spec.HostNetwork && !s.unsafeFor(openPorts) &&
		!slices.ContainsFunc(pod.Sysctls, func(set corev1.Sysctl) bool { return set.Name == openPorts.Name }) {
		sc := editPodSecurity(w)
		sc.Sysctls = append(sc.Sysctls, openPorts)
	}
	if pod.FSGroup == nil && id.gid != nil && *id.gid != 0 && ownsVolumes(w, c) {
		gid, policy := *id.gid, corev1.FSGroupChangeOnRootMismatch
		sc := editPodSecurity(w)
		sc.FSGroup = &gid
		if sc.FSGroupChangePolicy == nil {
			sc.FSGroupChangePolicy = &policy
		}
	}
}

// openPorts lets every program of a pod listen on ports under 1024. The
// standards allow it since 1.22, and most runtimes set it by themselves.
var openPorts = corev1.Sysctl{Name: "net.ipv4.ip_unprivileged_port_start", Value: "0"}

// unsafeFor reports whether the standards, as they are judged here, refuse a
// sysctl.
func (s *subject) unsafeFor(set corev1.Sysctl) bool {
	check := s.judge.check("sysctls")
	spec := corev1.PodSpec{SecurityContext: &corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{set}}}
	return check == nil || !check(s.Meta, &spec).Allowed
}

// ownsVolumes reports whether a container mounts a volume that belongs to root
// unless the pod has an fsGroup: a claim that it writes, or files that are not
// everybody's to read. An emptyDir is everybody's (kubelet, volume/emptydir).
func ownsVolumes(w fixes.Workload, c fixes.Container) bool {
	const othersRead = 0o4
	closed := func(mode *int32) bool { return mode != nil && *mode&othersRead == 0 }
	for _, m := range c.VolumeMounts {
		i := slices.IndexFunc(w.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if i < 0 {
			if !m.ReadOnly {
				return true // a claim template of a StatefulSet
			}
			continue
		}
		switch v := w.Spec.Volumes[i]; {
		case v.PersistentVolumeClaim != nil || v.Ephemeral != nil:
			if !m.ReadOnly {
				return true
			}
		case v.Secret != nil && closed(v.Secret.DefaultMode), v.ConfigMap != nil && closed(v.ConfigMap.DefaultMode),
			v.Projected != nil && closed(v.Projected.DefaultMode):
			return true
		}
	}
	return false
}
