package trial

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// Search is the search for one workload. It is not safe for concurrent use.
type Search struct {
	w     fixes.Workload
	minor int // of the server's version, 0 where it is not known
	seen  map[string]evidence
	trial fixes.Trial

	next  attempt
	done  bool
	count int
	// tried has the key of every settings that were tried.
	tried map[string]bool
	// unseedable are "container path" of which no copy can be made, and containers
	// whose images have no cp.
	unseedable map[string]bool

	// asItIs is what came of the pod as it is; nil before, and where the server
	// refused it. quiet are the complaints that it has as well.
	asItIs *Outcome
	quiet  []complaint
	// first is the attempt before the pod as it is was tried, with its outcome.
	first   attempt
	outcome Outcome

	// before is the attempt from which the last one came, and said its first
	// complaint: where that stays the same, the change did not help.
	before attempt
	said   complaint

	// failing are the last settings with which the pod did not run; folders and
	// users what each container was last given of them.
	failing settings
	folders map[string][]fixes.Scratch
	users   map[string]fixes.ContainerConfinement

	// best are the tightest settings that ran, and queue the ways in which they
	// may be tightened.
	best    *settings
	queue   []removal
	polish  int
	reasons map[exception]reason
}

// attempt is a [Try] before it is told.
type attempt struct {
	settings
	asItIs bool
	text   string // what is tried, and why
	// removes, where set, is what the settings lack of the best ones; polishes:
	// they add to settings that run already.
	removes  *removal
	polishes bool
}

// reason is why an exception is there.
type reason struct {
	text string
	// guess: it was not told by anything.
	guess bool
}

// Next returns what to try next, or false when the search is over. Each try is
// followed by [Search.Learn].
func (s *Search) Next() (Try, bool) {
	if s.done {
		return Try{}, false
	}
	return Try{Confinement: s.next.Clone(), AsItIs: s.next.asItIs, Why: s.next.text}, true
}

// Trial returns the result so far.
func (s *Search) Trial() *fixes.Trial {
	out := s.trial.DeepCopyObject().(*fixes.Trial)
	if s.best == nil {
		if out.Err == "" {
			out.Err = fmt.Sprintf("no settings tighter than its own ran in %s", tries(s.count))
		}
		return out
	}
	out.Err = ""
	best := s.kept(*s.best)
	out.Confinement = best.Clone()
	out.Kept = s.keeps(s.exceptions(best))
	return out
}

// Learn takes what came of the last try.
func (s *Search) Learn(o Outcome) {
	if s.done {
		return
	}
	s.count++
	now := s.next
	if !now.asItIs {
		s.tried[now.key()] = true
	}
	for _, p := range o.Processes {
		if now.asItIs && p != nil {
			s.seen[p.Container] = s.seen[p.Container].with(p)
		}
	}
	complaints := s.fresh(o)
	s.trial.Log = append(s.trial.Log, fixes.Clean(fmt.Sprintf("%d. %s: %s", s.count, now.text, s.say(o, complaints))))
	switch {
	case now.asItIs:
		s.compare(o)
	case o.Refused != "":
		s.refused(now, o)
	case now.removes != nil:
		s.tightened(now, o, complaints)
	case now.polishes:
		if o.Ready && len(complaints) == 0 && len(s.lost(o)) == 0 {
			s.best = &now.settings
		}
		s.tighten()
	case !s.compared() && (!o.Ready || s.doubtful(complaints)):
		s.first, s.outcome = now, o
		s.next = attempt{asItIs: true, text: "The pod as it is, to see what it does by itself"}
	case o.Ready && len(s.lost(o)) == 0:
		s.ran(now, complaints)
	default:
		s.failed(now, o, complaints)
	}
	if s.count >= maxTries {
		s.done = true
	}
}

// compared reports whether the pod as it is was tried.
func (s *Search) compared() bool { return s.asItIs != nil || s.first.text != "" }

// doubtful reports whether a pod that is ready may not serve for all that.
func (s *Search) doubtful(complaints []complaint) bool {
	if len(complaints) > 0 {
		return true
	}
	for i := range s.w.Spec.Containers {
		if s.w.Spec.Containers[i].ReadinessProbe == nil {
			return true
		}
	}
	return false
}

// compare takes what came of the pod as it is, and goes on from what came of
// the first try.
func (s *Search) compare(o Outcome) {
	switch {
	case o.Ready:
		s.asItIs, s.quiet = &o, read(o)
	case o.Refused != "": // of a namespace that was closed after its pods came
	case s.outcome.Ready: // as it is it does not run, confined it does
	default:
		s.trial.Err = "a copy of its pod does not run by itself, without any change (cut off from the network, its claims empty), so nothing was learned"
		s.done = true
		return
	}
	complaints := s.fresh(s.outcome)
	if s.outcome.Ready && len(s.lost(s.outcome)) == 0 {
		s.ran(s.first, complaints)
		return
	}
	// What was seen of its processes says more than the first log.
	now := s.first
	for c := range s.w.Containers() {
		e := s.seen[c.Name]
		if own := now.Containers[c.Name]; own.User == nil && (e.root() || s.complains(complaints, c.Name, imageName, imageRoot)) {
			now.settings = s.asUser(now.settings, c.Name, s.candidates(c.Name)[0])
		}
		now.settings = s.overWritten(now.settings, c.Name)
		if next, ok := s.asRoot(now.settings, c.Name); ok {
			now.settings = next
		}
	}
	if now.key() != s.first.key() && !s.tried[now.key()] {
		text := "What it was seen to do by itself: " + strings.Join(describe(now.Confinement, s.w), ", ")
		s.follow(s.first, attempt{settings: now.settings, text: text}, complaints)
		return
	}
	s.failed(s.first, s.outcome, complaints)
}

func (s *Search) complains(list []complaint, container string, causes ...cause) bool {
	return slices.ContainsFunc(list, func(c complaint) bool {
		return c.container == container && slices.Contains(causes, c.cause)
	})
}

// fresh lists the complaints of an outcome that the pod as it is does not have.
func (s *Search) fresh(o Outcome) []complaint {
	return slices.DeleteFunc(read(o), func(c complaint) bool {
		return o.Ready && c.weak || slices.ContainsFunc(s.quiet, func(q complaint) bool {
			return q.container == c.container && q.cause == c.cause && q.path == c.path && q.port == c.port && q.capability == c.capability
		})
	})
}

// lost lists complaints about ports on which the pod as it is listens, and on
// which it does not any more.
func (s *Search) lost(o Outcome) []complaint {
	if s.asItIs == nil {
		return nil
	}
	now := map[string]*fixes.Process{}
	for _, p := range o.Processes {
		if p != nil {
			now[p.Container] = p
		}
	}
	var list []complaint
	for _, p := range s.asItIs.Processes {
		if p == nil || !p.ListensKnown || now[p.Container] == nil || !now[p.Container].ListensKnown {
			continue
		}
		for _, port := range p.Listens {
			// High ports may be anybody's, for one connection.
			if port > 0 && port < 32768 && !slices.Contains(now[p.Container].Listens, port) {
				list = append(list, complaint{container: p.Container, cause: lowPort, port: int(port)})
			}
		}
	}
	return list
}

// ran takes settings with which the pod ran.
func (s *Search) ran(now attempt, complaints []complaint) {
	s.best = &now.settings
	if s.polish < maxPolish {
		for _, c := range complaints {
			next, ok := s.place(now.settings, c)
			if !ok || s.tried[next.key()] || c.cause != readOnly && c.cause != denied {
				continue
			}
			s.polish++
			s.next = attempt{settings: next, polishes: true, text: "It runs, but " + c.container + " complains: " + c.said() + ". " +
				sentence(s.change(now.settings, next))}
			return
		}
	}
	s.plan()
	s.tighten()
}

// maxPolish bounds the tries for complaints of a pod that runs all the same.
const maxPolish = 2

// refused takes that the server does not want such a pod.
func (s *Search) refused(now attempt, o Outcome) {
	switch {
	case now.removes != nil || now.polishes:
		s.tighten()
	case len(s.exceptions(now.settings)) == 0 && len(now.Sysctls) == 0:
		s.trial.Err = "the API server refuses a copy of its pod: " + refusal(o.Refused)
		s.done = true
	default:
		// What was let go is not allowed here: another way, from before it.
		s.failed(s.before, Outcome{}, []complaint{s.said})
	}
}

// failed takes settings with which the pod did not run, and chooses the next.
func (s *Search) failed(now attempt, o Outcome, complaints []complaint) {
	complaints = append(complaints, s.lost(o)...)
	s.failing = now.settings
	for name, own := range now.Containers {
		if len(own.Scratch) > 0 {
			s.folders[name] = own.Scratch
		}
		if !own.Root {
			s.users[name] = own
		}
	}
	from := now
	if len(complaints) > 0 && s.before.text != "" && complaints[0] == s.said &&
		!slices.Equal(s.exceptions(now.settings), s.exceptions(s.before.settings)) {
		from = s.before // what was let go did not help
	}
	for _, next := range s.steps(from.settings, o, complaints) {
		if s.tried[next.key()] {
			continue
		}
		text := sentence(s.change(from.settings, next.settings))
		if next.guess {
			text += ", since nothing tells why it does not run"
		} else {
			text += ", since of " + next.to.container + " is known: " + next.to.said()
		}
		s.note(from.settings, next)
		s.follow(from, attempt{settings: next.settings, text: text}, complaints)
		return
	}
	s.done = true
}

// follow makes an attempt the next one, and remembers what it came from.
func (s *Search) follow(from, next attempt, complaints []complaint) {
	s.next, s.before, s.said = next, from, complaint{}
	if len(complaints) > 0 {
		s.said = complaints[0]
	}
}

// steps lists what to try next, the best first.
func (s *Search) steps(now settings, o Outcome, complaints []complaint) []step {
	for _, c := range o.Containers {
		if _, ours := s.w.Container(c.Name); ours || !c.failed() {
			continue
		}
		if next, ok := s.unseed(now, c); ok {
			to := complaint{container: c.Name, cause: unseeded}
			steps := append([]step{{settings: next, to: to}}, s.answers(next, s.said)...)
			return append(steps, s.letGo(next, o)...)
		}
	}
	if maxTries-s.count <= reserve {
		return s.letGoAll(now)
	}
	var steps []step
	for i, c := range complaints {
		if i == 0 && c.placed() {
			// All folders that are asked for cost one try.
			if next, ok := s.placeAll(now, complaints); ok {
				steps = append(steps, step{settings: next, to: c})
			}
		}
		steps = append(steps, s.answers(now, c)...)
	}
	return append(steps, s.letGo(now, o)...)
}

// placeAll puts empty folders where complaints ask for them.
func (s *Search) placeAll(now settings, complaints []complaint) (settings, bool) {
	placed := false
	for _, c := range complaints {
		if c.placed() {
			if next, ok := s.place(now, c); ok {
				now, placed = next, true
			}
		}
	}
	return now, placed
}

// note keeps why the exceptions of a step are there.
func (s *Search) note(from settings, next step) {
	before := s.exceptions(from)
	for _, e := range s.exceptions(next.settings) {
		if slices.Contains(before, e) {
			continue
		}
		r := reason{guess: next.guess, text: "without it the pod did not run, and did not say why"}
		if !next.guess {
			r.text = next.to.said()
			if own := from.Containers[e.container]; own.User != nil && e.what == keptRoot {
				r.text = fmt.Sprintf("as user %d, %s", *own.User, r.text)
			}
		}
		s.reasons[e] = r
	}
}
