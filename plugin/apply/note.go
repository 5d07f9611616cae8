package apply

import (
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
	"github.com/kubectl-harden/kubectl-harden/plugin/apply/journal"
)

// took notes what became of the writing of a change.
func (r *Run) took(i int, w written) {
	it := r.items[i]
	it.object = w.Object
	switch w.State {
	case fixes.Applied:
		r.note(i, journal.Applied, w.Object, "")
		r.a.step("noted")
		it.altered = altered(it.change, w.Object)
		it.rolledOut = time.Now()
		switch held := it.held(); {
		case held == "" && it.change.Restarts():
			w.State = fixes.RollingOut
		case it.altered != "":
			r.fail(i, fixes.Reverted, it.altered)
			return
		default:
			w.Detail = held
		}
		r.tell(i, w.Outcome)
	case fixes.Unchanged:
		r.note(i, journal.Unchanged, w.Object, "")
		r.tell(i, w.Outcome)
	default:
		r.setFailed()
		// The object, where there is one, is an old one that was put back.
		r.note(i, stepOf(w.State), w.Object, w.Detail)
		r.tell(i, w.Outcome)
	}
}

// fail says that a change has failed.
func (r *Run) fail(i int, state fixes.State, why string) {
	r.setFailed()
	r.note(i, stepOf(state), nil, why)
	r.say(i, state, why)
}

func (r *Run) setFailed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

// note writes an entry into the journal, and reports whether it is there.
func (r *Run) note(i int, step journal.Step, obj fixes.Object, detail string) bool {
	e := journal.Entry{Time: time.Now(), Change: i, Step: step, Detail: detail}
	if obj != nil {
		e.UID, e.ResourceVersion, e.Generation = string(obj.GetUID()), obj.GetResourceVersion(), obj.GetGeneration()
	}
	if err := r.journal.Append(e); err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.journalErr = err
		return false
	}
	return true
}

func (r *Run) say(i int, state fixes.State, detail string) {
	r.tell(i, fixes.Outcome{State: state, Detail: detail})
}

func (r *Run) tell(i int, out fixes.Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out.Change = r.items[i].change
	r.items[i].state = out.State
	r.report(out)
}

// stepOf returns the step of the journal that notes a state.
func stepOf(s fixes.State) journal.Step {
	switch s {
	case fixes.Stale:
		return journal.Stale
	case fixes.Unknown:
		return journal.Unknown
	case fixes.Unsettled:
		return journal.Unsettled
	case fixes.Reverted:
		return journal.Reverted
	case fixes.RolledBack:
		return journal.RolledBack
	}
	return journal.Failed
}
