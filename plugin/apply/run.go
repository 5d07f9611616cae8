package apply

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

// Run is one application of a plan, journaled. [Applier.Begin],
// [Applier.BeginUndo] and [Applier.Resume] make one.
type Run struct {
	a       *Applier
	journal *journal.Run
	// Plan has the changes; of a run that is resumed, those that were approved.
	Plan   *fixes.Plan
	items  []*item
	review map[int]bool // places of changes that a fix to review is in
	// Declined are workloads whose pod is not to be copied: with
	// [journal.Settings.Canary], changes to review of them are not made.
	Declined map[fixes.Ref]bool

	restoring  sync.Mutex // held while what workloads read is put back
	mu         sync.Mutex // of what follows, and of the report
	report     func(fixes.Outcome)
	failed     bool  // a change did not come to be, or did not last
	stopped    bool  // by a person, before its end
	journalErr error // no journal, no write
}

// item is a change and how far it has come.
type item struct {
	change *fixes.Change
	state  fixes.State
	// object is as the server has it since the change was written.
	object fixes.Object
	// wasSettled: its rollout was complete before.
	wasSettled bool
	// rolledOut is when its rollout was complete.
	rolledOut time.Time
	// canaryLeft and rollback are what a run that is resumed left half done: a
	// copy of a pod, and putting the change back.
	canaryLeft, rollback bool
	// found: it is there, and the journal does not say so.
	found bool
	// altered says what admission made of it other than was approved.
	altered string
}

// there reports whether the server holds the change, or may.
func (it *item) there() bool {
	switch it.state {
	case fixes.Applied, fixes.RollingOut, fixes.Unsettled, fixes.Unknown, fixes.Applying, fixes.Reverted:
		return true
	}
	return false
}

// done reports whether the change is there and well.
func (it *item) done() bool { return it.state == fixes.Applied || it.state == fixes.Unchanged }

// Begin opens the journal of a run that makes a plan's changes. Nothing is
// written to the cluster before [Run.Do].
func (a *Applier) Begin(plan *fixes.Plan) (*Run, error) {
	return a.begin(plan, journal.Header{Kind: journal.Apply})
}

// BeginUndo opens the journal of a run that takes back another.
func (a *Applier) BeginUndo(plan *fixes.Plan, undoes int) (*Run, error) {
	return a.begin(plan, journal.Header{Kind: journal.Undo, Undoes: undoes})
}

func (a *Applier) begin(plan *fixes.Plan, h journal.Header) (*Run, error) {
	sealed, err := journal.Seal(plan.Changes, a.Redact)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	review := reviewed(plan)
	for i := range sealed {
		sealed[i].Review = review[plan.Changes[i].Object]
	}
	h.Changes, h.Settings, h.Cluster, h.Program = sealed, a.Settings, a.Cluster, a.Program
	h.Started = time.Now()
	j, err := a.Runs.Create(h)
	if err != nil {
		return nil, fmt.Errorf("nothing was written: %w", err)
	}
	a.step("begun")
	r := &Run{a: a, journal: j, Plan: plan, review: map[int]bool{}}
	for i := range plan.Changes {
		r.review[i] = sealed[i].Review
		r.items = append(r.items, &item{change: &plan.Changes[i], state: fixes.Pending})
	}
	return r, nil
}

// reviewed returns the objects that a fix of confidence review changes, or that
// are not as the fixes alone make them, but for those that were tried as they
// are to be.
func reviewed(plan *fixes.Plan) map[fixes.Ref]bool {
	confidence := map[string]fixes.Confidence{}
	for _, c := range plan.Choices {
		confidence[c.Finding.Fingerprint] = c.Fix.Confidence
	}
	objects := map[fixes.Ref]bool{}
	for _, c := range plan.Changes {
		if c.Amended && !plan.Tried[c.Object] {
			objects[c.Object] = true
		}
		for _, f := range c.Fixes {
			if confidence[f.Fingerprint] == fixes.Review && !plan.Tried[c.Object] {
				objects[c.Object] = true
			}
		}
	}
	return objects
}

// ID returns the number of the run, by which it is undone and resumed.
func (r *Run) ID() int { return r.journal.Header().Run }

// Do makes the changes, wave by wave: writes them, watches their rollouts,
// puts back what fails, and at the end watches for a while whether something
// else puts them back. It ends early when ctx does: at once, but for a request
// under way; or, when stop is closed, after the wave under way. It reports
// each step of each change.
//
// It returns nil when all changes are there, else [ErrPartial],
// [ErrRolledBack], [ErrStale] or [ErrRefused], joined with ctx's error.
func (r *Run) Do(ctx context.Context, stop <-chan struct{}, report func(fixes.Outcome)) error {
	r.report = report
	defer func() { _ = r.journal.Close() }() // every entry is on disk already
	r.recover(ctx)
	stopped := func() bool {
		select {
		case <-stop:
			return true
		default:
			return false
		}
	}
	for _, wave := range fixes.Waves(r.Plan.Changes, r.a.Settings.WaveSize) {
		if stopped() && !r.halted(ctx) {
			r.stopped = true
			r.skipRest("the run was stopped")
			break
		}
		r.wave(ctx, wave)
		r.a.step("wave")
	}
	if ctx.Err() == nil && r.journalErr == nil {
		r.settle(ctx)
	}
	if r.failed && r.a.Settings.OnFailure == RollbackAll && ctx.Err() == nil {
		r.rollbackAll(ctx)
	}
	return r.end(ctx)
}

// wave writes the changes of a wave and waits for their rollouts.
func (r *Run) wave(ctx context.Context, wave fixes.Wave) {
	var rolling []int
	for _, i := range wave.Changes {
		it := r.items[i]
		switch why := r.why(ctx, i); {
		case it.state == fixes.RollingOut: // by the run that is resumed
		case it.state != fixes.Pending:
			continue
		case why != "":
			r.say(i, fixes.NotAttempted, why)
			continue
		default:
			r.write(ctx, i)
		}
		if it.state == fixes.RollingOut {
			rolling = append(rolling, i)
		}
	}
	var group sync.WaitGroup
	for _, i := range rolling {
		group.Go(func() { r.roll(ctx, i) })
	}
	group.Wait()
	for _, i := range wave.Changes {
		switch r.items[i].state {
		case fixes.RolledBack, fixes.Failed, fixes.Stale:
			r.removeUnused(ctx, i)
		}
	}
}

// why says why a change is not to be attempted, or "".
func (r *Run) why(ctx context.Context, i int) string {
	switch {
	case ctx.Err() != nil:
		return "interrupted"
	case r.journalErr != nil:
		return "the journal cannot be written"
	case r.failed && r.a.Settings.OnFailure != Continue:
		return "an earlier change failed"
	}
	return r.blocked(i)
}

func (r *Run) halted(ctx context.Context) bool {
	return ctx.Err() != nil || r.journalErr != nil || r.failed && r.a.Settings.OnFailure != Continue
}

func (r *Run) skipRest(why string) {
	for i, it := range r.items {
		if it.state == fixes.Pending {
			r.say(i, fixes.NotAttempted, why)
		}
	}
}

// write makes one change. What is begun is brought to its end: cut off in the
// middle, nobody would know whether it was made.
func (r *Run) write(ctx context.Context, i int) {
	it := r.items[i]
	c := it.change
	if c.Restarts() && c.Action == fixes.Patch {
		// What was failing before cannot be blamed on the change.
		settled, err := r.a.watcher(c).Settled(ctx, c.Before)
		it.wasSettled = err == nil && settled
	}
	if r.wantsCanary(i) {
		if r.Declined[c.Object] {
			r.say(i, fixes.NotAttempted, "no copy of its pod was to be tried")
			return
		}
		if err := r.canary(ctx, i); err != nil {
			// Nothing was touched, so the others go on.
			r.note(i, journal.Failed, nil, err.Error())
			r.say(i, fixes.Failed, err.Error())
			return
		}
	}
	before := ""
	if c.Restarts() && c.Action == fixes.Patch && !it.wasSettled {
		before = notSettledBefore
	}
	if !r.note(i, journal.Intent, nil, before) {
		r.say(i, fixes.NotAttempted, "the journal cannot be written")
		return
	}
	r.say(i, fixes.Applying, "")
	r.a.step("intent")
	writing, cancel := outliving(ctx, c)
	defer cancel()
	w := r.a.send(writing, c, false)
	r.a.confirmLevel(writing, r.Plan, &w.Outcome)
	r.a.step("written")
	r.took(i, w)
}

// inFlight is how long a request under way may go on after its run has been
// interrupted: it is better to know what became of it than to end at once.
const inFlight = 5 * time.Second

// outliving returns a context for the writing of a change, which ends a while
// after its parent. An object that was deleted to be created anew is created
// in any case.
func outliving(ctx context.Context, c *fixes.Change) (context.Context, context.CancelFunc) {
	if c.Action == fixes.Recreate {
		return context.WithoutCancel(ctx), func() {}
	}
	return lasting(ctx)
}

// lasting returns a context that ends a while after its parent.
func lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	writing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(inFlight, cancel) })
	return writing, func() { stop(); cancel() }
}

// end notes how the run ended, and returns what it comes to.
func (r *Run) end(ctx context.Context) error {
	var there, well, stale, rolledBack int
	for _, it := range r.items {
		switch {
		case it.done():
			well++
		case it.state == fixes.Stale:
			stale++
		case it.state == fixes.RolledBack:
			rolledBack++
		}
		if it.there() {
			there++
		}
	}
	var err error
	result := journal.Done
	switch {
	case well == len(r.items):
	case there > 0:
		err, result = ErrPartial, journal.Partial
	case rolledBack > 0:
		err, result = ErrRolledBack, journal.AllRolledBack
	case stale > 0:
		err, result = ErrStale, journal.NothingDone
	case ctx.Err() == nil:
		err, result = ErrRefused, journal.NothingDone
	}
	if ctx.Err() != nil && well < len(r.items) {
		err, result = errors.Join(err, ctx.Err()), journal.Interrupted
	}
	if r.stopped && ctx.Err() == nil {
		result = journal.Stopped
		if errors.Is(err, ErrRefused) {
			err = context.Canceled // nobody refused anything
		}
	}
	if endErr := r.journal.End(journal.End{Time: time.Now(), Result: result}); r.journalErr == nil {
		r.journalErr = endErr
	}
	if r.journalErr != nil && well < len(r.items) {
		err = errors.Join(err, fmt.Errorf("the journal of run %d cannot be written: %w", r.ID(), r.journalErr))
	}
	return err
}
