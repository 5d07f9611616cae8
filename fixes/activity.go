package fixes

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// KindActivity is what a user did, as an audit log tells it.
var KindActivity = Kind{factGroup, "v1", "Activity", "activities", false}

// Activity is what one user did and was allowed to do. Its name is the user's,
// as authentication gives it ("system:serviceaccount:shop:web"), who may be
// called anything. The one without a name is that of the log as a whole: it is
// there whenever a log was read, and alone has From, To and Gaps.
type Activity struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	// Groups are those that the user was in.
	Groups []string
	// Uses are what was done, each once.
	Uses []Use
	// From and To are when the log's first and last event were.
	From, To time.Time
	// Gaps say in phrases why the log does not hold all that was done.
	Gaps []string
}

// Use is a right that was made use of.
type Use struct {
	Verb string
	// Group is the API group, empty for the core's; Resource the plural name, with
	// a subresource after a slash ("pods/exec").
	Group, Resource string
	// Namespace is empty for what stands in none, and for all of them at once; it
	// is [AnyNamespace] where there were too many to be told one by one.
	Namespace string
	// Names are the objects' names, in order, where the verb asks for one. AllNames
	// is set where the request named none, or where there were too many.
	Names    []string
	AllNames bool
	// Path is that of a request for no resource; it may end in "*".
	Path string
	// Count is the number of requests.
	Count int
	// First and Last are when the first and the last were made.
	First, Last time.Time
}

// AnyNamespace stands in a [Use] for more namespaces than are told.
const AnyNamespace = "*"

// AuditLog returns the activity of a log as a whole, or nil where none was read.
func AuditLog(inv *Inventory) *Activity {
	log, _ := Lookup[*Activity](inv, "", "")
	return log
}

// DeepCopyObject implements [runtime.Object].
func (a *Activity) DeepCopyObject() runtime.Object {
	out := *a
	a.DeepCopyInto(&out.ObjectMeta)
	out.Groups, out.Uses, out.Gaps = slices.Clone(a.Groups), slices.Clone(a.Uses), slices.Clone(a.Gaps)
	for i := range out.Uses {
		out.Uses[i].Names = slices.Clone(out.Uses[i].Names)
	}
	return &out
}
