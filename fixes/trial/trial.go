// Package trial searches for the tightest security settings with which a
// workload's pod runs. It starts nothing itself: it says what to try next, and
// is told what came of it.
//
// The search begins with all that the restricted Pod Security Standard asks
// for and a read-only root file system, except what evidence speaks against. A
// try that fails is diagnosed (see complaint), and one thing is changed for that
// reason. The pod as it is, is tried second: it shows whether a copy runs at
// all, and what its processes do by themselves. Where no log tells anything,
// one dimension after the other is let go. What was let go on a guess is taken
// back once something runs, as far as that runs too.
package trial

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// maxTries bounds a search, the pod as it is included.
const maxTries = 16

// Try is one thing to try: a copy of the workload's pod with these settings.
type Try struct {
	Confinement fixes.Confinement
	// AsItIs: the pod without any change, to see whether a copy runs at all, and
	// what its processes do by themselves.
	AsItIs bool
	// Why says in a sentence what was changed for which reason.
	Why string
}

// Outcome is what came of a [Try]. All its strings are the cluster's, or the
// program's that was tried: hostile until they are cleaned.
type Outcome struct {
	// Ready: the pod became ready, and stayed so.
	Ready bool
	// Refused is what the API server said when it refused the pod.
	Refused    string
	Containers []Container
	// Events are those about the pod, each "Reason: message".
	Events []string
	// Processes were seen while it ran, where they could be.
	Processes []*fixes.Process
}

// Container is the last state of one container of a pod that was tried.
type Container struct {
	Name    string
	Init    bool
	Running bool
	// ExitCode and Signal are of its last end; Signal is 0 where the runtime
	// does not tell it apart from an exit code above 128.
	ExitCode, Signal int32
	// Reason and Message are of its waiting or terminated state.
	Reason, Message string
	// Log is the end of what it wrote, some KB.
	Log string
}

// New begins the search for a workload, from what is known of it. The error
// says in a sentence why it cannot be tried.
func New(inv *fixes.Inventory, w fixes.Workload) (*Search, error) {
	if err := triable(w); err != nil {
		return nil, err
	}
	s := &Search{
		w: w, minor: inv.ServerMinor, seen: gather(inv, w),
		tried: map[string]bool{}, reasons: map[exception]reason{}, unseedable: map[string]bool{}, folders: map[string][]fixes.Scratch{},
		users: map[string]fixes.ContainerConfinement{},
	}
	s.trial.Namespace, s.trial.Name = w.Object.GetNamespace(), fixes.TrialName(w.Ref())
	s.trial.Workload, s.trial.Template = w.Ref(), fixes.TemplateDigest(w)
	first, knows := settings{}, false
	for c := range w.Containers() {
		e := s.seen[c.Name]
		switch {
		case e.first != nil && e.first.uid != 0:
			first = s.asUser(first, c.Name, *e.first) // the kubelet refuses a user that is a name
		case e.final != nil && !s.namesUser(c):
			first = s.asUser(first, c.Name, *e.final)
		}
		first = s.overWritten(first, c.Name)
		if next, ok := s.asRoot(first, c.Name); ok {
			first = next
		}
		own := first.Containers[c.Name]
		knows = knows || own.User != nil || own.Root || slices.ContainsFunc(own.Scratch, func(f fixes.Scratch) bool { return f.Path != "/tmp" })
	}
	why := "Everything that the restricted level asks for, and a read-only root file system but for /tmp"
	if knows {
		why += ", with what is known of it"
	}
	s.next = attempt{settings: first, text: why}
	return s, nil
}

// namesUser reports whether the spec says whom a container runs as, other than
// root.
func (s *Search) namesUser(c fixes.Container) bool {
	if sc := c.SecurityContext; sc != nil && sc.RunAsUser != nil {
		return *sc.RunAsUser != 0
	}
	pod := s.w.Spec.SecurityContext
	return pod != nil && pod.RunAsUser != nil && *pod.RunAsUser != 0
}

// triable says why a copy of a workload's pod must not be started, or could
// show nothing.
func triable(w fixes.Workload) error {
	if w.Windows() {
		return errors.New("it runs on Windows, where Linux security settings do not exist")
	}
	if w.Spec.HostNetwork || w.Spec.HostPID || w.Spec.HostIPC {
		return errors.New("it shares namespaces of its node (pss-host-namespaces), where a copy would be in its way")
	}
	for c := range w.Containers() {
		if sc := c.SecurityContext; sc != nil && sc.Privileged != nil && *sc.Privileged {
			return fmt.Errorf("container %s is privileged: what it does to its node a copy must not do again", c.Name)
		}
		for _, m := range c.VolumeMounts {
			for _, v := range w.Spec.Volumes {
				if v.Name == m.Name && !m.ReadOnly && shared(v) {
					return fmt.Errorf("container %s writes to the volume %s, which a copy would share with it", c.Name, v.Name)
				}
			}
		}
	}
	return nil
}

// shared reports whether a volume would be the same in a copy of the pod.
// Claims would not: they are empty folders in it.
func shared(v corev1.Volume) bool {
	s := v.VolumeSource
	own := s.EmptyDir != nil || s.ConfigMap != nil || s.Secret != nil || s.DownwardAPI != nil || s.Projected != nil ||
		s.PersistentVolumeClaim != nil || s.Ephemeral != nil || s.Image != nil || s.GitRepo != nil || s.CSI != nil
	return !own && s != corev1.VolumeSource{}
}

// outlives reports whether a volume's files outlive the pod, so that they belong to
// whoever wrote them before.
func outlives(v corev1.Volume) bool { return v.PersistentVolumeClaim != nil }
