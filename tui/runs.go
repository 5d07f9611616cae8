package tui

import (
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// PastRun is one of the runs that wrote to the session's cluster, as its journal
// tells it.
type PastRun struct {
	Number  int
	Started time.Time
	// Undoes is the run that this one takes back, UndoneBy the one that took it
	// back; or 0.
	Undoes, UndoneBy int
	// Trial: copies of pods were tried, and nothing was changed.
	Trial bool
	// State says in a word or two how it stands: "done", "interrupted".
	State string
	// Made is how many of its changes were made, and are there as far as it
	// knows.
	Made    int
	Changes []RunChange
	// WhyNotUndone and WhyNotResumed say why it can be neither, or are empty.
	WhyNotUndone, WhyNotResumed string
	// Err is why its journal cannot be read. All but the number is missing then.
	Err error
}

// RunChange is one change of a run.
type RunChange struct {
	Action fixes.Action
	Object string // "Deployment shop/web"
	// State is the last step that is noted of it, Detail what was said with it.
	State, Detail string
	Rules         []string
	// Made: the cluster may hold it. Left: it is neither made, nor put back.
	Made, Left bool
}

// RunPlan is the plan that takes back a run, or that goes on with it.
type RunPlan struct {
	Run int
	// Plan has the changes that take it back, or all that it was to make.
	Plan *fixes.Plan
	// Left are the fields that an undo leaves since others have changed them, a
	// line each.
	Left []string
	// Remaining is how many changes of a run that goes on are not written yet.
	Remaining int
}
