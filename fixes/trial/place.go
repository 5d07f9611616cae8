package trial

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// overWritten returns the settings with empty folders where a container was
// seen, or is known, to write, and at /tmp: programs write there when somebody
// asks something of them, which a trial does not see.
func (s *Search) overWritten(now settings, container string) settings {
	e := s.seen[container]
	for _, scratch := range slices.Concat(e.table, foldersOf(slices.Concat(e.owned, e.written)), []fixes.Scratch{{Path: "/tmp"}}) {
		if own := now.Containers[container]; !s.mounted(container, scratch.Path) && scratchAt(own.Scratch, scratch.Path) < 0 {
			now, _ = s.over(now, container, scratch)
		}
	}
	return now
}

// usual are folders in which programs write without saying so.
var usual = []string{"/run", "/tmp", "/var/cache", "/var/log", "/var/tmp"}

// overUsual returns the settings with empty folders where programs usually
// write.
func (s *Search) overUsual(now settings, container string) settings {
	for _, folder := range usual {
		if !slices.ContainsFunc(now.Containers[container].Scratch, func(old fixes.Scratch) bool { return within(resolved(folder), resolved(old.Path)) }) {
			now, _ = s.over(now, container, fixes.Scratch{Path: folder})
		}
	}
	return now
}

// mounted reports whether a volume of the pod itself is at a path or above it.
func (s *Search) mounted(container, p string) bool {
	c, ok := s.w.Container(container)
	return ok && p != "" && slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
		return within(resolved(p), resolved(path.Clean(m.MountPath)))
	})
}

// place puts an empty folder where a complaint asks for one.
func (s *Search) place(now settings, c complaint) (settings, bool) {
	if c.path == "" || s.mounted(c.container, c.path) {
		return now, false
	}
	own := now.Containers[c.container]
	at := scratchAt(own.Scratch, c.path)
	switch {
	case c.cause == ownership && at >= 0 && !own.Scratch[at].Seed && s.seedable(c.container, own.Scratch[at].Path):
		// A volume is root's; a copy of the image's folder is the user's.
		return now.seeded(c.container, func(folder string) bool { return folder == own.Scratch[at].Path })
	case c.cause == ownership && at >= 0 && resolved(own.Scratch[at].Path) != resolved(c.path):
		return now, false
	case c.cause == ownership && mayCover(path.Dir(c.path)):
		// What is made in a volume is the user's too.
		return s.over(now, c.container, fixes.Scratch{Path: path.Dir(c.path), Seed: !c.made})
	case c.cause == ownership:
		return s.over(now, c.container, fixes.Scratch{Path: c.path, Seed: !c.made})
	case at >= 0 && c.cause == readOnly:
		if within(c.path, own.Scratch[at].Path) {
			return now, false
		}
		// The image has a folder where most have a link.
		return now.edit(c.container, func(e *fixes.ContainerConfinement) {
			e.Scratch = append(slices.Clone(e.Scratch), fixes.Scratch{Path: s.folder(c)})
		}), true
	case at >= 0:
		return s.grown(now, c)
	}
	if c.made {
		s.unseedable[c.container+" "+c.path] = true // the image does not have it
	}
	return s.over(now, c.container, fixes.Scratch{Path: s.folder(c), Seed: !c.made && !empty(s.folder(c))})
}

// standard are folders of the file system's standard that programs write to.
var standard = []string{"/tmp", "/var/tmp", "/run", "/var/run", "/run/lock", "/var/lock", "/var/log", "/var/cache", "/var/lib", "/var/spool", "/srv", "/home", "/media", "/opt"}

// folder returns the folder that a complaint's path needs to be in.
func (s *Search) folder(c complaint) string {
	switch {
	case within(c.path, "/root"):
		return "/root" // only root passes it
	case slices.Contains(standard, c.path):
		return c.path
	case c.made || c.folder:
		return c.path
	}
	return path.Dir(c.path)
}

// grown moves an empty folder to the one that it is in.
func (s *Search) grown(now settings, c complaint) (settings, bool) {
	own := now.Containers[c.container]
	at := scratchAt(own.Scratch, c.path)
	if at < 0 {
		return now, false
	}
	parent := path.Dir(own.Scratch[at].Path)
	return s.over(now, c.container, fixes.Scratch{Path: parent, Seed: !empty(parent)})
}

// nested puts an empty folder below another one.
func (s *Search) nested(now settings, container, folder string) settings {
	return now.edit(container, func(e *fixes.ContainerConfinement) {
		if !slices.ContainsFunc(e.Scratch, func(old fixes.Scratch) bool { return old.Path == folder }) {
			e.Scratch = append(slices.Clone(e.Scratch), fixes.Scratch{Path: folder})
		}
	})
}

// siblings is how many empty folders beside each other become one.
const siblings = 4

// over puts an empty folder over a path where that may be.
func (s *Search) over(now settings, container string, scratch fixes.Scratch) (settings, bool) {
	own := now.Containers[container]
	if !mayCover(scratch.Path) || s.mounted(container, scratch.Path) || scratch.Path == "/etc" && !own.Root {
		return now, false
	}
	scratch.Seed = scratch.Seed && s.seedable(container, scratch.Path)
	next := now.over(container, scratch)
	parent, beside := path.Dir(scratch.Path), 0
	for _, other := range next.Containers[container].Scratch {
		if path.Dir(other.Path) == parent {
			beside++
		}
	}
	if beside >= siblings && mayCover(parent) && (empty(parent) || strings.Count(parent, "/") > 2) {
		next = next.over(container, fixes.Scratch{Path: parent, Seed: true})
	}
	return next, next.key() != now.key()
}

// unseed leaves out the copy that a seed failed to make; all of its container's
// where the seed could not be started, because the image has no cp.
func (s *Search) unseed(now settings, seed Container) (settings, bool) {
	copied := s.w
	copied.Meta, copied.Spec = s.w.Meta.DeepCopy(), s.w.Spec.DeepCopy()
	now.Apply(copied)
	c, ok := copied.Container(seed.Name)
	if !ok {
		return now, false
	}
	container, at, ok := copied.Seeds(c)
	if !ok {
		return now, false
	}
	const notStarted = 127 // and 128, as runtimes have it
	all := seed.Reason == "StartError" || seed.ExitCode == notStarted || seed.ExitCode == notStarted+1
	s.unseedable[container+" "+at] = true
	if all {
		s.unseedable[container] = true
	}
	changed := false
	next := now.edit(container, func(e *fixes.ContainerConfinement) {
		e.Scratch = slices.Clone(e.Scratch)
		for i := range e.Scratch {
			if e.Scratch[i].Seed && (all || e.Scratch[i].Path == at) {
				e.Scratch[i].Seed, changed = false, true
			}
		}
	})
	return next, changed
}

// seedable reports whether a copy of what a container's image has in a folder
// may be tried.
func (s *Search) seedable(container, folder string) bool {
	return !s.unseedable[container] && !s.unseedable[container+" "+folder]
}
