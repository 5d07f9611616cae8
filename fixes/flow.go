package fixes

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// KindFlows is connections that were observed.
var KindFlows = Kind{factGroup, "v1", "Flows", "flows", false}

// Flows are the connections that one observer saw: a file of records, or a look
// into running containers. Its name is that of the source.
type Flows struct {
	metav1.TypeMeta
	metav1.ObjectMeta
	// First and Last are the time over which it looked; zero where that is not
	// known.
	First, Last time.Time
	// Look reports that it is no record over a time: what it does not show may be
	// there all the same.
	Look bool
	// Seen are the connections, each once, in a stable order.
	Seen []Flow
}

// Flow is a connection that was observed, once or many times.
type Flow struct {
	From, To FlowEnd
	// Protocol and Port are those of the pods that are connected to, or of the
	// Service where To names one.
	Protocol corev1.Protocol
	Port     int32
	// Count is how many records tell of it.
	Count int64
	// First and Last are when; zero where that is not known.
	First, Last time.Time
}

// FlowEnd is one end of a connection: exactly one of its fields is set.
type FlowEnd struct {
	// Object names a workload, or a Service where no more than its address was
	// seen.
	Object Ref
	// Namespace holds pods of which no more is known: the inventory does not have
	// them.
	Namespace string
	// Block is addresses that belong to no pod and no Service.
	Block netip.Prefix
	// Host is the name of a host outside of the cluster.
	Host string
	// Outside is somewhere out of the cluster.
	Outside bool
	// API is the Kubernetes API server.
	API bool
}

// IsWorkload reports whether the end is a workload of the inventory.
func (e FlowEnd) IsWorkload() bool { return e.Object.Kind != Kind{} && e.Object.Kind != KindService }

// In returns the namespace of what the end names; empty outside of the cluster.
func (e FlowEnd) In() string {
	if e.Object.Namespace != "" {
		return e.Object.Namespace
	}
	return e.Namespace
}

// Window says how long the observer looked ("26 hours"); it is empty where that
// is not known, or no time to speak of.
func (f *Flows) Window() string {
	d := f.Last.Sub(f.First)
	switch {
	case f.First.IsZero() || f.Look || d <= 0:
		return ""
	case d >= 72*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	}
	return fmt.Sprintf("%d seconds", max(1, int(d.Seconds())))
}

// DeepCopyObject implements [runtime.Object].
func (f *Flows) DeepCopyObject() runtime.Object {
	out := *f
	f.DeepCopyInto(&out.ObjectMeta)
	out.Seen = slices.Clone(f.Seen)
	return &out
}
