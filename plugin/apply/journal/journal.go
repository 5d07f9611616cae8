// Package journal keeps what a run does to a cluster in a file, so that a run
// that was killed can be resumed, and any run can be undone.
//
// A run is one application of a plan, or its undoing. Its file holds JSON, a
// value a line: a header, the changes, and then, as the run goes on, what is
// about to be done and what became of it. Each of those is on the disk before
// the next thing is done to the cluster.
//
// No secret value stands in the file, nor a hash of one: [Seal] cuts them out
// of the objects, and [Unseal] finds them again in the cluster, at the places
// that hold them.
package journal

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// SchemaVersion is the version of the files that this program writes, and the
// newest that it reads. Fields may be added within a version.
const SchemaVersion = 1

// Kind is what a run does.
type Kind string

// The kinds of run.
const (
	Apply Kind = "apply"
	Undo  Kind = "undo"
	// Trial: copies of workloads' pods are tried, and removed. Its changes name
	// the workloads, which it does not touch, with the action [Try].
	Trial Kind = "trial"
)

// Try stands for the action of what a [Trial] has instead of changes.
const Try fixes.Action = "try"

// Cluster tells one cluster from another.
type Cluster struct {
	// UID is that of the namespace kube-system; it is empty where it may not be
	// read.
	UID     string `json:"uid,omitempty"`
	Server  string `json:"server,omitempty"`
	Context string `json:"context,omitempty"`
}

// Settings are what a run was started with, so that it is resumed with the
// same.
type Settings struct {
	WaveSize       int           `json:"waveSize,omitempty"`
	RolloutTimeout time.Duration `json:"rolloutTimeout,omitempty"`
	Settle         time.Duration `json:"settle,omitempty"`
	OnFailure      string        `json:"onFailure,omitempty"`
	Canary         bool          `json:"canary,omitempty"`
	FieldManager   string        `json:"fieldManager,omitempty"`
}

// Header is what is known of a run when it begins.
type Header struct {
	// SchemaVersion and Run are set by [Store.Create].
	SchemaVersion int  `json:"schemaVersion"`
	Run           int  `json:"run"`
	Kind          Kind `json:"kind"`
	// Undoes is the run that an undo takes back, and 0 for other kinds.
	Undoes  int       `json:"undoes,omitempty"`
	Cluster Cluster   `json:"cluster"`
	Started time.Time `json:"started"`
	// Program is the version of the program.
	Program  string   `json:"program,omitempty"`
	Settings Settings `json:"settings"`
	// Changes are sealed, all together, in the order in which they are made.
	// Each has a line of its own.
	Changes []Change `json:"-"`
}

// ObjectRef names one object.
type ObjectRef struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

// RefOf names an object as a journal does.
func RefOf(ref fixes.Ref) ObjectRef {
	return ObjectRef{ref.Kind.APIVersion(), ref.Kind.Name, ref.Namespace, ref.Name}
}

// Ref names the object as the rest of the program does. It fails for a kind
// that the program does not know.
func (o ObjectRef) Ref() (fixes.Ref, error) {
	gv, err := schema.ParseGroupVersion(o.APIVersion)
	if err != nil {
		return fixes.Ref{}, err
	}
	kind, ok := fixes.LookupKind(schema.GroupKind{Group: gv.Group, Kind: o.Kind})
	if !ok || kind.APIVersion() != o.APIVersion {
		return fixes.Ref{}, fmt.Errorf("no kind %q is known in version %q", o.Kind, o.APIVersion)
	}
	return fixes.Ref{Kind: kind, Namespace: o.Namespace, Name: o.Name}, nil
}

// String returns "Deployment shop/web".
func (o ObjectRef) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// Change is one [fixes.Change], sealed.
type Change struct {
	Action fixes.Action `json:"action"`
	Object ObjectRef    `json:"object"`
	// UID, ResourceVersion and Generation are those of the object before.
	UID             string `json:"uid,omitempty"`
	ResourceVersion string `json:"resourceVersion,omitempty"`
	Generation      int64  `json:"generation,omitempty"`
	// ManagedFields are those of an object that is recreated: they tell what its
	// author wrote, which alone is created again.
	ManagedFields []metav1.ManagedFieldsEntry `json:"managedFields,omitempty"`
	// Before is nil for an object that is created, After for one that is
	// deleted.
	Before *Doc `json:"before,omitempty"`
	After  *Doc `json:"after,omitempty"`
	// Rules are the ids of the rules whose findings the change closes, in order.
	Rules []string `json:"rules,omitempty"`
	// Review: a fix in it is one that a person looks at first. [Seal] does not
	// know, and leaves it unset.
	Review bool `json:"review,omitempty"`
}

// Step is something that happens to a change in the course of a run.
type Step string

// The steps.
const (
	// Intent: it is about to be written. Where that is the last step, the object
	// must be looked at to know whether it was.
	Intent Step = "intent"
	// Applied: the server holds it.
	Applied Step = "applied"
	// Unchanged: the server held it already.
	Unchanged Step = "unchanged"
	// Failed: the server refused it; the object is as it was.
	Failed Step = "failed"
	// Stale: the object is not the one that was looked at; nothing was written.
	Stale Step = "stale"
	// Unknown: the server did not answer, and what it holds could not be read.
	Unknown Step = "unknown"
	// RolledOut: its pods run.
	RolledOut Step = "rolled-out"
	// Unsettled: its rollout failed, or was not waited for to its end.
	Unsettled Step = "unsettled"
	// Rollback: it is about to be put back.
	Rollback Step = "rollback"
	// RolledBack: the object is as it was.
	RolledBack Step = "rolled-back"
	// Removed: what was created is deleted again.
	Removed Step = "removed"
	// Reverted: something else put the object back after it was applied.
	Reverted Step = "reverted"
	// Canary: a pod that tries the change out is about to be made, or is there.
	Canary Step = "canary"
	// CanaryRemoved: the canary is gone.
	CanaryRemoved Step = "canary-removed"
	// Tried: the trial of a workload came to its end.
	Tried Step = "tried"
)

// Entry is one step of one change.
type Entry struct {
	Time time.Time `json:"time"`
	// Change is a place in [Header.Changes].
	Change int  `json:"change"`
	Step   Step `json:"step"`
	// Object is what the step is about where that is not the change's own
	// object: the pod of a canary.
	Object *ObjectRef `json:"object,omitempty"`
	// UID, ResourceVersion and Generation are those that the server gave the
	// object with this step.
	UID             string `json:"uid,omitempty"`
	ResourceVersion string `json:"resourceVersion,omitempty"`
	Generation      int64  `json:"generation,omitempty"`
	// Detail is for people. It holds no secret: whoever makes the entry sees to
	// that.
	Detail string `json:"detail,omitempty"`
}

// The results of a run.
const (
	// Done: all changes are made.
	Done = "done"
	// Partial: some changes are made, and stay.
	Partial = "partial"
	// NothingDone: it failed, and no change is made.
	NothingDone = "failed"
	// AllRolledBack: it failed, and all is as it was.
	AllRolledBack = "rolled-back"
	// Stopped: a person stopped it.
	Stopped = "stopped"
	// Interrupted: it was interrupted, and had the time to say so. A run that was
	// killed has no end at all.
	Interrupted = "interrupted"
)

// End is how a run ended.
type End struct {
	Time   time.Time `json:"time"`
	Result string    `json:"result"`
	// Detail is for people, and holds no secret.
	Detail string `json:"detail,omitempty"`
}

// Record is what a journal says of a run.
type Record struct {
	// Run is the run's number, also where the file cannot be read.
	Run     int
	Header  Header
	Entries []Entry
	// End is nil while the run goes on, when it was cut off, and when entries
	// follow its end, as in a run that was resumed.
	End *End
	// Running: a process works on the run now.
	Running bool
	// Err is why the file cannot be read; it is set by [Store.List] only.
	Err error
}

// State returns the last step of a change, or "" when there was none. The
// steps of its canary do not count.
func (rec *Record) State(change int) Step {
	for _, e := range slices.Backward(rec.Entries) {
		if e.Change == change && e.Step != Canary && e.Step != CanaryRemoved {
			return e.Step
		}
	}
	return ""
}

// Canary returns the last entry about a change's canary, if the canary may
// still be there.
func (rec *Record) Canary(change int) (Entry, bool) {
	for _, e := range slices.Backward(rec.Entries) {
		if e.Change == change && (e.Step == Canary || e.Step == CanaryRemoved) {
			return e, e.Step == Canary
		}
	}
	return Entry{}, false
}

// Interrupted reports whether the run was cut off: it has no end, and no
// process works on it.
func (rec *Record) Interrupted() bool { return rec.End == nil && !rec.Running && rec.Err == nil }
