package trial

import (
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/fixes/podsecurity"
)

// step is one change of the settings.
type step struct {
	settings
	// to is what it answers; guess: it follows from nothing that was said.
	to    complaint
	guess bool
}

// answers lists what may help against a complaint, the mildest first.
func (s *Search) answers(now settings, c complaint) []step {
	if _, ours := s.w.Container(c.container); !ours {
		return nil // a seed's, or nobody's
	}
	own := now.Containers[c.container]
	var steps []step
	add := func(next ...settings) {
		for _, n := range next {
			steps = append(steps, step{settings: n, to: c})
		}
	}
	addScratch := func() {
		if next, ok := s.place(now, c); ok {
			add(next)
		}
	}
	users := func() { // for whom files may be readable that are not for this one
		if !own.Root {
			add(s.asUsers(now, c.container, s.candidates(c.container))...)
		}
	}
	target := func() { // whom it wants to become
		if !own.Root {
			add(s.asUsers(now, c.container, s.targets(c))...)
		}
	}
	root := func(caps ...corev1.Capability) {
		if next := s.kept(now.rooted(c.container, s.had(c.container, caps)...)); next.key() != now.key() {
			add(next)
		}
	}
	all := s.all(c.container)
	guess := func(next settings) { steps = append(steps, step{settings: next, to: c, guess: true}) }
	switch c.cause {
	case readOnly:
		addScratch()
		if c.path == "" {
			guess(s.overUsual(now, c.container))
		}
		add(now.writable(c.container))
	case denied:
		if s.mounted(c.container, c.path) {
			if group := groupOf(own); now.FSGroup == nil && !own.Root && group != nil {
				add(now.withGroup(*group))
			}
		} else if c.path == "" || !reads(c.path) || own.Root {
			addScratch()
		}
		users()
		root()
		if c.path == "" && own.Root {
			root("SETUID", "SETGID") // languages name the error, not the call
		}
		root("DAC_OVERRIDE")
	case ownership:
		if !s.mounted(c.container, c.path) {
			addScratch()
		}
		target()
		root("CHOWN")
		root("CHOWN", "FOWNER")
	case missing:
		seed := func(folder string) bool {
			return within(resolved(c.path), resolved(folder)) && s.seedable(c.container, folder)
		}
		if next, ok := now.seeded(c.container, seed); ok {
			add(next)
		}
		if at := scratchAt(own.Scratch, c.path); at >= 0 && own.Scratch[at].Path != path.Dir(c.path) {
			// A folder below: it is made by being mounted.
			folder := path.Dir(c.path)
			if c.folder {
				folder = c.path
			}
			add(s.nested(now, c.container, folder))
		}
	case occupied:
		if next, ok := s.grown(now, c); ok {
			add(next)
		}
	case full:
		if next, ok := now.larger(c.container); ok {
			add(next)
		}
	case identity:
		target()
		root("KILL", "SETGID", "SETUID") // when it stops, it signals those that it started as others
		root("CHOWN", "KILL", "SETGID", "SETUID")
	case needs:
		target()
		if slices.Contains(all, c.capability) {
			root(c.capability)
		}
	case lowPort:
		if s.mayLowerPorts(now) {
			add(now.withLowPorts())
		}
		add(now.adding(c.container, "NET_BIND_SERVICE"))
		root("NET_BIND_SERVICE")
	case forbidden:
		if c.capability != "" {
			users()
			root()
			root(c.capability)
			break
		}
		add(now.adding(c.container, s.had(c.container, []corev1.Capability{"NET_BIND_SERVICE"})...))
		guess(now.adding(c.container, all...))
		add(now.edit(c.container, func(e *fixes.ContainerConfinement) { e.Escalates = true }))
	case gains:
		escalating := now.edit(c.container, func(e *fixes.ContainerConfinement) { e.Escalates = true })
		guess(escalating.adding(c.container, all...))
		guess(escalating.rooted(c.container, all...))
	case filtered:
		add(now.edit(c.container, func(e *fixes.ContainerConfinement) { e.Unconfined = true }))
	case nobody:
		if !own.Root {
			add(s.asUser(now, c.container, nobodys))
		}
		root("SETUID", "SETGID")
	case wantsRoot:
		root()
		root("SETUID", "SETGID")
		root("CHOWN", "SETUID", "SETGID")
	case imageRoot, imageName, refusesRoot:
		add(s.asUsers(now, c.container, s.candidates(c.container))...)
	}
	return steps
}

// all returns the capabilities that a container has before the search.
func (s *Search) all(container string) []corev1.Capability {
	c, _ := s.w.Container(container)
	return podsecurity.CapabilitiesOf(c)
}

// had returns which of some capabilities a container had: it cannot need
// others.
func (s *Search) had(container string, of []corev1.Capability) []corev1.Capability {
	list := s.all(container)
	return slices.DeleteFunc(slices.Clone(of), func(c corev1.Capability) bool { return !slices.Contains(list, c) })
}

func groupOf(own fixes.ContainerConfinement) *int64 {
	if own.Group != nil {
		return own.Group
	}
	return own.User
}

// asUser returns the settings with a container that runs as a user. Files of
// claims belong to whom it ran as before, so the user's group gets them: the
// copy, whose claims are empty folders, would not show it.
func (s *Search) asUser(now settings, container string, u user) settings {
	next := now.as(container, u)
	pod := s.w.Spec.SecurityContext
	if now.FSGroup != nil || pod != nil && pod.FSGroup != nil || u.gid == 0 {
		return next
	}
	c, _ := s.w.Container(container)
	for _, m := range c.VolumeMounts {
		for _, v := range s.w.Spec.Volumes {
			if v.Name == m.Name && !m.ReadOnly && outlives(v) {
				return next.withGroup(u.gid)
			}
		}
	}
	return next
}

func (s *Search) asUsers(now settings, container string, users []user) []settings {
	var list []settings
	for _, u := range users {
		list = append(list, s.asUser(now, container, u))
	}
	return list
}

func join(caps []corev1.Capability) string {
	names := make([]string, len(caps))
	for i, c := range caps {
		names[i] = string(c)
	}
	return strings.Join(names, ", ")
}
