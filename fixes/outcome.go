package fixes

// Progress is how far a scan has come.
type Progress struct {
	// Kinds counts the kinds to load, and Loaded those that are there.
	Kinds, Loaded int
	// Objects counts the objects seen so far.
	Objects int
	// Found are the findings that came since the last report.
	Found []*Finding
	// Waiting are the kinds that are not there yet, in order; Skips what could
	// not be looked at so far, and why.
	Waiting []Kind
	Skips   []Skip
}

// State is what became of one change.
type State string

// The states of a change while a plan is applied. Nothing about a plan is
// atomic, so each change has its own.
const (
	// Pending: its turn has not come.
	Pending State = "pending"
	// Checked: the server accepted it in a dry run; nothing is written.
	Checked State = "checked"
	// Applying: it is being written now.
	Applying State = "applying"
	// Applied: the server holds it.
	Applied State = "applied"
	// RollingOut: the server holds it, and the workload's pods are being
	// replaced.
	RollingOut State = "rolling out"
	// Unchanged: the server held it already.
	Unchanged State = "unchanged"
	// Failed: the server refused it; the object is as it was.
	Failed State = "failed"
	// Stale: the object has changed since it was looked at; nothing is written.
	Stale State = "stale"
	// RolledBack: its rollout failed, or another's did; the object is as it was,
	// and what was created for it is gone.
	RolledBack State = "rolled back"
	// Unsettled: it was applied, its rollout failed or was not waited for to its
	// end, and it was not put back.
	Unsettled State = "unsettled"
	// Reverted: something else put the object back after it was applied.
	Reverted State = "reverted"
	// NotAttempted: an earlier change failed, or the run was stopped.
	NotAttempted State = "not attempted"
	// Unknown: the server did not answer, and what it holds could not be read.
	Unknown State = "unknown"
)

// Outcome is what became of one change, and why.
type Outcome struct {
	Change *Change
	State  State
	// Detail is what the server said, how far a rollout has come, or why the
	// state is what it is; it never holds a secret.
	Detail string
	// Warnings are what the server said beside accepting the change.
	Warnings []string
}
