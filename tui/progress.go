package tui

import (
	"slices"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// states are all states of a change, in the order in which they are counted:
// what went wrong, what has ended otherwise, and what has not.
var states = [...]fixes.State{
	fixes.Failed, fixes.Unknown, fixes.Unsettled, fixes.RolledBack, fixes.Reverted, fixes.Stale,
	fixes.Applied, fixes.Unchanged, fixes.NotAttempted,
	fixes.RollingOut, fixes.Applying, fixes.Checked, fixes.Pending,
}

const (
	wrongStates = 6 // so many of them went wrong
	endStates   = 9 // and so many have ended
)

// rank is the place of a state among all; one that is not known means the
// same as [fixes.Unknown].
func rank(s fixes.State) int {
	if i := slices.Index(states[:], s); i >= 0 {
		return i
	}
	return 1
}

func wentWrong(s fixes.State) bool { return rank(s) < wrongStates }

func hasEnded(s fixes.State) bool { return rank(s) < endStates }

// stateCounts counts changes by the rank of their state.
type stateCounts [len(states)]int

func (c *stateCounts) move(from, to fixes.State) {
	c[rank(from)]--
	c[rank(to)]++
}

func (c *stateCounts) of(s fixes.State) int { return c[rank(s)] }

func sumOf(counts []int) int {
	n := 0
	for _, c := range counts {
		n += c
	}
	return n
}

func (c *stateCounts) wrong() int { return sumOf(c[:wrongStates]) }
func (c *stateCounts) ended() int { return sumOf(c[:endStates]) }

// progress is what has become of each change of a plan that is applied.
type progress struct {
	*outline
	changes []made        // by change
	counts  stateCounts   // of all
	byWave  []stateCounts // of each wave
	// wave is the one under way, counted from 1; 0 before the first.
	wave int
	// at is the change that was begun last, or went wrong.
	at int
	// reports counts what was reported.
	reports int
}

// made is what became of a change.
type made struct {
	state fixes.State
	// detail says why; of several lines.
	detail string
	// step is what was last said of it while it was under way.
	step     string
	warnings []string
	// began and ended are zero before.
	began, ended time.Time
	// wrongAt orders what went wrong; wasThere says that it was applied until
	// then, so that the cause is likely another.
	wrongAt  int
	wasThere bool
	version  int // changes with every report about it
}

func newProgress(o *outline) progress {
	p := progress{outline: o, changes: make([]made, len(o.in)), byWave: make([]stateCounts, len(o.waves))}
	for i := range p.changes {
		p.changes[i].state = fixes.Pending
		p.byWave[o.in[i]][rank(fixes.Pending)]++
	}
	p.counts[rank(fixes.Pending)] = len(p.changes)
	return p
}

// take takes in what was reported.
func (p *progress) take(outcomes []fixes.Outcome, now time.Time) {
	for _, o := range outcomes {
		i, ok := p.find(o.Change)
		if !ok {
			continue
		}
		p.set(i, o.State, now)
		m := &p.changes[i]
		m.detail = fixes.CleanLines(o.Detail)
		if !hasEnded(o.State) && m.detail != "" {
			m.step = m.detail
		}
		for _, w := range o.Warnings {
			if w = fixes.CleanLines(w); !slices.Contains(m.warnings, w) {
				m.warnings = append(m.warnings, w)
			}
		}
	}
}

// set brings a change into a state.
func (p *progress) set(i int, to fixes.State, now time.Time) {
	m := &p.changes[i]
	from := m.state
	p.reports++
	m.version++
	m.state = to
	p.counts.move(from, to)
	p.byWave[p.in[i]].move(from, to)
	underWay := to == fixes.Applying || to == fixes.RollingOut
	switch {
	case underWay:
		if m.began.IsZero() {
			m.began = now
		}
		m.ended = time.Time{}
		p.wave = max(p.wave, p.in[i]+1)
	case hasEnded(to) && m.ended.IsZero():
		m.ended = now
	}
	if wentWrong(to) && !wentWrong(from) {
		m.wrongAt, m.wasThere = p.reports, from == fixes.Applied
	}
	putBack := to == fixes.RolledBack && m.wasThere // because of another, which is the one to look at
	if to != from && (to == fixes.Applying || wentWrong(to) && !putBack) {
		p.at = i
	}
}

// giveUp says of the changes whose end was not reported what is known of them
// when nothing goes on any more.
func (p *progress) giveUp(now time.Time) {
	for i := range p.changes {
		m := &p.changes[i]
		switch m.state {
		case fixes.Pending, fixes.Checked:
			p.set(i, fixes.NotAttempted, now)
			m.detail = ""
		case fixes.Applying:
			p.set(i, fixes.Unknown, now)
			m.detail = "it was being written when all ended"
		case fixes.RollingOut:
			p.set(i, fixes.Unsettled, now)
			m.detail = "it was applied; its rollout was not waited for"
		}
	}
}

// worst returns the change that a user has to look at first, or false when
// all went well: the worst state, and of those in it the one that was not put
// back because of another, and went wrong first.
func (p *progress) worst() (int, bool) {
	worst := -1
	for i := range p.changes {
		m := &p.changes[i]
		if wentWrong(m.state) && (worst < 0 || worseThan(m, &p.changes[worst])) {
			worst = i
		}
	}
	return max(worst, 0), worst >= 0
}

func worseThan(m, o *made) bool {
	switch {
	case rank(m.state) != rank(o.state):
		return rank(m.state) < rank(o.state)
	case m.wasThere != o.wasThere:
		return o.wasThere
	}
	return m.wrongAt < o.wrongAt
}

// took is how long a change has been under way, or was.
func (m *made) took(now time.Time) time.Duration {
	if m.began.IsZero() {
		return 0
	}
	if !m.ended.IsZero() {
		now = m.ended
	}
	return now.Sub(m.began)
}

// lasting reports whether all is written, and it is only watched whether it
// lasts.
func (p *progress) lasting() bool { return p.wave > 0 && p.counts.ended() == len(p.changes) }
