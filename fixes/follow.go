package fixes

import "time"

// Update is what is told while a cluster is followed after its scan.
type Update struct {
	// Result is what is found now; nil where nothing is known that was not
	// before.
	Result *Result
	// Number counts the results of one scan, so that a later one is known.
	Number int
	// Changed are the objects because of which the result is another.
	Changed []Ref
	// Lost says why the cluster cannot be followed right now; nil: it is. It is
	// tried again at Retry.
	Lost  error
	Retry time.Time
	// Polled names the kinds that cannot be watched, and are read every while
	// instead.
	Polled []string
}

// UnreachableError is the error of a server that does not answer, or not yet: it is
// worth trying again. That it refuses a user or shows a wrong certificate is none.
type UnreachableError struct {
	// Host is the server's address.
	Host string
	// Reason says what happened, in a few words ("connection refused").
	Reason string
	// Err is what is said where nothing is tried again.
	Err error
}

// Error returns what is said where nothing is tried again.
func (u *UnreachableError) Error() string { return u.Err.Error() }

// Unwrap returns Err.
func (u *UnreachableError) Unwrap() error { return u.Err }

// The waits between two tries to reach a server again.
const (
	firstWait = time.Second
	longWait  = 30 * time.Second
)

// Backoff returns how long to wait before a server is tried for the nth time
// again, counted from 1: twice as long each time, and never longer than half a
// minute.
func Backoff(n int) time.Duration {
	wait := firstWait
	for ; n > 1 && wait < longWait; n-- {
		wait *= 2
	}
	return min(wait, longWait)
}
