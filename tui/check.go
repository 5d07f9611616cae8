package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// verdict is what the server says about a change that it was asked about.
type verdict int

const (
	unasked verdict = iota
	accepted
	warned // accepted, with warnings
	refused
	stale
	unanswered
	verdicts
)

// verdictOn reads the outcome of a dry run.
func verdictOn(o fixes.Outcome) verdict {
	switch {
	case o.State == fixes.Failed:
		return refused
	case o.State == fixes.Stale:
		return stale
	case o.State != fixes.Checked && o.State != fixes.Unchanged:
		return unanswered
	case len(o.Warnings) > 0:
		return warned
	}
	return accepted
}

// answer is a verdict on a change, and what the server said with it.
type answer struct {
	verdict  verdict
	detail   string
	warnings []string
	listed   bool // among those against
}

// objects reports whether the change cannot be applied.
func (a answer) objects() bool { return a.verdict == refused || a.verdict == stale }

// check asks the server about the plan that is looked at, without writing. It
// belongs to the plan screen: it begins there by itself, and ends when that is
// left or the plan becomes another.
type check struct {
	number  int // counts the checks of the session
	plan    int // the number of the plan that was asked about, 0 for none
	running bool
	feed    *feed[fixes.Outcome]
	answers []answer // by change
	counts  [verdicts]int
	// against are the changes that were refused or found stale, as it came.
	against []int
	version int // changes with what the server says
	err     error
	// again says that the server is to be asked again when the plan is next
	// looked at.
	again bool
}

// objections counts the changes that cannot be applied.
func (c *check) objections() int { return c.counts[refused] + c.counts[stale] }

// answered counts the changes that the server has answered about.
func (c *check) answered() int { return len(c.answers) - c.counts[unasked] }

// stop breaks off a check that runs.
func (c *check) stop() {
	if c.running {
		c.feed.end()
	}
	*c = check{number: c.number, version: c.version + 1}
}

// leave ends the check when the screen is left. What the server accepts, it
// is not asked about again when the same plan is looked at later; objections
// may have been seen to until then.
func (c *check) leave() {
	if c.running {
		c.stop()
	}
	c.again = c.plan != 0 && c.counts[accepted]+c.counts[warned] < len(c.answers)
}

// checkReport says that the check reported something.
type checkReport struct{ number int }

type checkDone struct {
	number int
	err    error
}

// lookUpCheck asks the server about the plan, unless it was asked.
func (a *app) lookUpCheck() tea.Cmd {
	p := &a.plan
	c := &p.check
	if a.session.Check == nil || p.composing || len(p.changes()) == 0 || c.plan == p.number && !c.again {
		return nil
	}
	c.stop()
	f := newFeed[fixes.Outcome](a.ctx)
	*c = check{number: c.number + 1, plan: p.number, running: true, feed: f, version: c.version + 1,
		answers: make([]answer, len(p.plan.Changes))}
	c.counts[unasked] = len(c.answers)
	number, jobs, plan, ask := c.number, &a.jobs, p.plan, a.session.Check
	run := func() tea.Msg {
		return checkDone{number, jobs.ask(f.ctx, func(ctx context.Context) error { return ask(ctx, plan, f.put) })}
	}
	return tea.Batch(run, a.nextCheckReport(0), a.animate())
}

func (a *app) nextCheckReport(interval time.Duration) tea.Cmd {
	number, f := a.plan.check.number, a.plan.check.feed
	return func() tea.Msg {
		if !f.wait(interval) {
			return nil
		}
		return checkReport{number}
	}
}

func (a *app) onCheckReport(msg checkReport) tea.Cmd {
	c := &a.plan.check
	if msg.number != c.number || !c.running {
		return nil
	}
	a.plan.hear(c.feed.take())
	return a.nextCheckReport(a.opts.interval)
}

func (a *app) onCheckDone(msg checkDone) {
	c := &a.plan.check
	if msg.number != c.number || !c.running {
		return
	}
	a.plan.hear(c.feed.take())
	c.feed.end()
	c.running, c.err = false, msg.err
	c.version++
	// What has no answer by now gets none.
	for i := range c.answers {
		if c.answers[i].verdict == unasked {
			c.answers[i].verdict = unanswered
		}
	}
	c.counts[unanswered] += c.counts[unasked]
	c.counts[unasked] = 0
}

// hear takes in what the server says.
func (p *planView) hear(outcomes []fixes.Outcome) {
	c := &p.check
	for _, o := range outcomes {
		i, ok := p.find(o.Change)
		if !ok {
			continue
		}
		old := c.answers[i]
		got := answer{verdict: verdictOn(o), detail: fixes.CleanLines(o.Detail), listed: old.listed}
		for _, w := range o.Warnings {
			got.warnings = append(got.warnings, fixes.CleanLines(w))
		}
		if got.objects() && !got.listed {
			got.listed = true
			c.against = append(c.against, i)
		}
		c.counts[old.verdict]--
		c.counts[got.verdict]++
		c.answers[i] = got
		c.version++
	}
}

// remarked reports whether the server has something to say about a change.
func (c *check) remarked(change int) bool {
	return change < len(c.answers) && (c.answers[change].objects() || c.answers[change].verdict == warned)
}

// refused returns the changes that the server refuses.
func (c *check) refused() []int {
	var list []int
	for _, i := range c.against {
		if c.answers[i].verdict == refused {
			list = append(list, i)
		}
	}
	return list
}
