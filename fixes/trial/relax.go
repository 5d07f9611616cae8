package trial

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// reserve is how many tries are kept to find anything that runs at all.
const reserve = 4

// letGo lists steps that let go of one dimension after the other, in the
// containers that failed, for the case that nothing tells why they did.
func (s *Search) letGo(now settings, o Outcome) []step {
	containers := s.culprits(o)
	all := func(change func(settings, string) settings) settings {
		next := now
		for _, c := range containers {
			next = change(next, c)
		}
		return next
	}
	var steps []step
	add := func(next settings) {
		if next.key() != now.key() {
			steps = append(steps, step{settings: next, guess: true})
		}
	}
	add(all(func(n settings, c string) settings {
		next, _ := n.seeded(c, func(folder string) bool {
			return s.seedable(c, folder) && folder != "/root" && !within(folder, "/tmp")
		})
		return next
	}))
	add(all(s.overUsual))
	add(all(settings.writable))
	add(all(func(n settings, c string) settings {
		own, e := n.Containers[c], s.seen[c]
		if own.Root || own.User == nil || e.final != nil && *own.User == e.final.uid {
			return n
		}
		return s.asUser(n, c, nobodys)
	}))
	rooted := func(n settings, c string) settings { return n.rooted(c, s.all(c)...) }
	add(all(func(n settings, c string) settings { return n.rooted(c, s.had(c, lasting)...) }))
	add(all(rooted))
	add(all(func(n settings, c string) settings { return rooted(n, c).original(c) }))
	return append(steps, s.letGoAll(now)...)
}

// mayLowerPorts reports whether everyone in the pod could be let listen on low
// ports, and is not yet.
func (s *Search) mayLowerPorts(now settings) bool {
	return (s.minor == 0 || s.minor >= 22) && !now.hasLowPorts()
}

// letGoAll lists steps that let go of nearly everything in all containers.
func (s *Search) letGoAll(now settings) []step {
	rooted, writable, gaining, calls := now, now, now, now
	for c := range s.w.Containers() {
		if c.Ephemeral {
			continue
		}
		rooted = rooted.rooted(c.Name, s.all(c.Name)...)
		writable = writable.rooted(c.Name, s.all(c.Name)...).original(c.Name)
		gaining = writable.edit(c.Name, func(e *fixes.ContainerConfinement) { e.Escalates = true })
		calls = gaining.edit(c.Name, func(e *fixes.ContainerConfinement) { e.Unconfined = true })
	}
	var steps []step
	for _, next := range []settings{rooted, writable, gaining, calls} {
		steps = append(steps, step{settings: next, guess: true})
	}
	return steps
}

// culprits lists the containers that failed; all of them where that is not
// told.
func (s *Search) culprits(o Outcome) []string {
	var failed, all []string
	for c := range s.w.Containers() {
		if c.Ephemeral {
			continue
		}
		all = append(all, c.Name)
		if slices.ContainsFunc(o.Containers, func(state Container) bool { return state.Name == c.Name && state.failed() }) {
			failed = append(failed, c.Name)
		}
	}
	if len(failed) == 0 {
		return all
	}
	return failed
}

// removal takes exceptions of one container back.
type removal struct {
	container string
	what      []exception
}

// from returns the settings without what is to be taken back.
func (r removal) from(s *Search, now settings) settings {
	for _, e := range r.what {
		if e.what == keptRoot {
			last := s.users[r.container]
			now = now.edit(r.container, func(own *fixes.ContainerConfinement) {
				own.Root, own.Add, own.User, own.Group = false, last.Add, last.User, last.Group
			})
			continue
		}
		now = now.edit(r.container, func(own *fixes.ContainerConfinement) {
			switch e.what {
			case keptEscalates:
				own.Escalates = false
			case keptCalls:
				own.Unconfined = false
			case keptWritable:
				own.WritableRoot = false
				if len(own.Scratch) == 0 {
					own.Scratch = slices.Clone(s.folders[r.container])
				}
			default:
				own.Add = slices.DeleteFunc(slices.Clone(own.Add), func(c corev1.Capability) bool { return c == e.capability })
			}
		})
	}
	return now
}

// rare are capabilities that hardly a server uses.
var rare = []corev1.Capability{"AUDIT_WRITE", "FSETID", "MKNOD", "NET_RAW", "SETFCAP", "SETPCAP", "SYS_CHROOT"}

// plan lists what to take back of settings that run, the gravest first:
// everything that was let go on a guess.
func (s *Search) plan() {
	var root, calls, gains, writable, caps []removal
	for c := range s.w.Containers() {
		var few, common []exception
		for _, e := range s.exceptions(*s.best) {
			if e.container != c.Name || !s.reasons[e].guess || s.lasts(e) {
				continue
			}
			one := removal{c.Name, []exception{e}}
			switch {
			case e.what == keptRoot:
				root = append(root, one)
			case e.what == keptCalls:
				calls = append(calls, one)
			case e.what == keptEscalates:
				gains = append(gains, one)
			case e.what == keptWritable:
				writable = append(writable, one)
			case slices.Contains(rare, e.capability):
				few = append(few, e)
			default:
				common = append(common, e)
			}
		}
		if group := append(slices.Clip(common), few...); len(group) > 0 { // the first half are the common ones
			caps = append(caps, removal{c.Name, group})
		}
	}
	s.queue = slices.Concat(s.others(), calls, gains, root, writable, caps)
}

// others takes all back that was let go before what helped in the end.
func (s *Search) others() []removal {
	before := s.exceptions(s.failing)
	var list []removal
	for c := range s.w.Containers() {
		r := removal{container: c.Name}
		for _, e := range s.exceptions(*s.best) {
			if e.container == c.Name && s.reasons[e].guess && slices.Contains(before, e) {
				r.what = append(r.what, e)
			}
		}
		if len(r.what) > 0 {
			list = append(list, r)
		}
	}
	return list
}

// tighten makes the next removal the next attempt, or ends the search.
func (s *Search) tighten() {
	for len(s.queue) > 0 {
		r := s.queue[0]
		s.queue = s.queue[1:]
		next := r.from(s, *s.best)
		if next.key() == s.best.key() {
			continue
		}
		if s.tried[next.key()] {
			s.halve(r)
			continue
		}
		s.next = attempt{settings: next, removes: &r, text: "It runs; once more without what was let go on a guess: " + s.change(*s.best, next)}
		return
	}
	s.done = true
}

// tightened takes what came of a removal.
func (s *Search) tightened(now attempt, o Outcome, complaints []complaint) {
	r := *now.removes
	if o.Ready && len(s.lost(o)) == 0 && len(complaints) == 0 {
		s.best = &now.settings
		s.tighten()
		return
	}
	// What it complains about may be all that it needs.
	for _, c := range complaints {
		for _, next := range s.answers(now.settings, c) {
			if s.tried[next.key()] || !s.tighter(next.settings, *s.best) {
				continue
			}
			s.note(now.settings, next)
			s.next = attempt{settings: next.settings, removes: &r,
				text: sentence(s.change(now.settings, next.settings)) + ", since of " + c.container + " is known: " + c.said()}
			return
		}
	}
	for _, e := range r.what {
		if slices.Contains(s.exceptions(*s.best), e) {
			s.reasons[e] = reason{text: "without it " + s.say(o, complaints)}
		}
	}
	s.halve(r)
	s.tighten()
}

// halve queues the halves of a removal after which the pod did not run: not all
// that it takes back need be needed.
func (s *Search) halve(r removal) {
	if n := len(r.what); n > 1 {
		s.queue = append([]removal{{r.container, r.what[:n/2]}, {r.container, r.what[n/2:]}}, s.queue...)
	}
}

// tighter reports whether settings have fewer exceptions than others, and none
// that those do not have.
func (s *Search) tighter(a, b settings) bool {
	few, many := s.exceptions(a), s.exceptions(b)
	return len(few) < len(many) && !slices.ContainsFunc(few, func(e exception) bool { return !slices.Contains(many, e) })
}
