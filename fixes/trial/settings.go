package trial

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// unprivilegedPorts lets everyone in the pod listen on low ports. The standards
// allow it since Kubernetes 1.22.
const unprivilegedPorts = "net.ipv4.ip_unprivileged_port_start"

// settings are a confinement that is being changed. Its methods return whether
// there was anything to change, and change a copy.
type settings struct{ fixes.Confinement }

func (s settings) key() string {
	text, _ := json.Marshal(s.Confinement) // always possible
	return string(text)
}

// edit returns the settings with one container's changed.
func (s settings) edit(container string, change func(*fixes.ContainerConfinement)) settings {
	out := settings{s.Clone()}
	if out.Containers == nil {
		out.Containers = map[string]fixes.ContainerConfinement{}
	}
	own := out.Containers[container]
	change(&own)
	out.Containers[container] = own
	return out
}

// as returns the settings with a container that runs as a user.
func (s settings) as(container string, u user) settings {
	return s.edit(container, func(c *fixes.ContainerConfinement) {
		c.Root, c.Add, c.User, c.Group = false, nil, &u.uid, &u.gid
	})
}

// rooted returns the settings with a container that starts as root.
func (s settings) rooted(container string, add ...corev1.Capability) settings {
	return s.edit(container, func(c *fixes.ContainerConfinement) {
		c.Root, c.User, c.Group = true, nil, nil
		c.Add = union(c.Add, add)
	})
}

func (s settings) adding(container string, add ...corev1.Capability) settings {
	return s.edit(container, func(c *fixes.ContainerConfinement) { c.Add = union(c.Add, add) })
}

func (s settings) writable(container string) settings {
	return s.edit(container, func(c *fixes.ContainerConfinement) { c.WritableRoot = true })
}

// original returns the settings with a container that has the image's file
// system as it is.
func (s settings) original(container string) settings {
	return s.edit(container, func(c *fixes.ContainerConfinement) { c.WritableRoot, c.Scratch = true, nil })
}

func (s settings) withGroup(group int64) settings {
	out := settings{s.Clone()}
	out.FSGroup = &group
	return out
}

func (s settings) withLowPorts() settings {
	out := settings{s.Clone()}
	out.Sysctls = append(out.Sysctls, corev1.Sysctl{Name: unprivilegedPorts, Value: "0"})
	return out
}

func (s settings) hasLowPorts() bool {
	return slices.ContainsFunc(s.Sysctls, func(set corev1.Sysctl) bool { return set.Name == unprivilegedPorts })
}

func union(a, b []corev1.Capability) []corev1.Capability {
	out := append(slices.Clone(a), b...)
	slices.Sort(out)
	return slices.Compact(out)
}

// scratchAt returns the index of the innermost empty folder over a path, or -1.
func scratchAt(list []fixes.Scratch, p string) int {
	best := -1
	for i, s := range list {
		if (within(p, s.Path) || within(resolved(p), resolved(s.Path))) && (best < 0 || len(s.Path) > len(list[best].Path)) {
			best = i
		}
	}
	return best
}

// over returns the settings with an empty folder over a path of a container.
// Those below it go.
func (s settings) over(container string, scratch fixes.Scratch) settings {
	return s.edit(container, func(c *fixes.ContainerConfinement) {
		kept := slices.DeleteFunc(slices.Clone(c.Scratch), func(old fixes.Scratch) bool {
			if !within(resolved(old.Path), resolved(scratch.Path)) {
				return false
			}
			scratch.Seed = scratch.Seed || old.Seed
			if old.Limit.Cmp(scratch.Limit) > 0 {
				scratch.Limit = old.Limit
			}
			return true
		})
		c.Scratch = append(slices.Clip(kept), scratch)
		slices.SortFunc(c.Scratch, func(a, b fixes.Scratch) int { return strings.Compare(a.Path, b.Path) })
	})
}

// mostScratch is the most that an empty folder is given.
var mostScratch = resource.MustParse("2Gi")

// larger returns the settings with larger empty folders in a container.
func (s settings) larger(container string) (settings, bool) {
	changed := false
	out := s.edit(container, func(c *fixes.ContainerConfinement) {
		for i := range c.Scratch {
			if c.Scratch[i].Limit.Cmp(mostScratch) < 0 {
				c.Scratch[i].Limit, changed = mostScratch, true
			}
		}
	})
	return out, changed
}

// seeded returns the settings with the empty folders of a container filled.
func (s settings) seeded(container string, which func(string) bool) (settings, bool) {
	changed := false
	out := s.edit(container, func(c *fixes.ContainerConfinement) {
		for i := range c.Scratch {
			if !c.Scratch[i].Seed && which(c.Scratch[i].Path) {
				c.Scratch[i].Seed, changed = true, true
			}
		}
	})
	return out, changed
}

// describe says in words what settings have beside what the restricted level
// and a read-only root ask for.
func describe(c fixes.Confinement, w fixes.Workload) []string {
	var parts []string
	several := len(w.Spec.Containers)+len(w.Spec.InitContainers) > 1
	for container := range w.Containers() {
		for _, part := range describeContainer(c.Containers[container.Name]) {
			if several {
				part += " (" + container.Name + ")"
			}
			parts = append(parts, part)
		}
	}
	if c.FSGroup != nil {
		parts = append(parts, fmt.Sprintf("fsGroup %d", *c.FSGroup))
	}
	for _, set := range c.Sysctls {
		parts = append(parts, set.Name+"="+set.Value)
	}
	return parts
}

func describeContainer(own fixes.ContainerConfinement) []string {
	var parts []string
	switch {
	case own.Root:
		parts = append(parts, "starts as root")
	case own.User != nil && own.Group != nil:
		parts = append(parts, fmt.Sprintf("user %d, group %d", *own.User, *own.Group))
	case own.User != nil:
		parts = append(parts, fmt.Sprintf("user %d", *own.User))
	}
	if len(own.Add) > 0 {
		parts = append(parts, "capabilities "+join(own.Add))
	}
	if own.Escalates {
		parts = append(parts, "may gain privileges")
	}
	if own.Unconfined {
		parts = append(parts, "no filter of system calls")
	}
	if own.WritableRoot {
		parts = append(parts, "a writable root file system")
	}
	for _, s := range own.Scratch {
		text := "an empty folder at " + s.Path
		if s.Seed {
			text = "a copy of the image's folder at " + s.Path
		}
		parts = append(parts, text)
	}
	return parts
}
