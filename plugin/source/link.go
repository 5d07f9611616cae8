package source

import (
	"context"
	"sync"
	"time"

	"github.com/kubectl-harden/kubectl-harden/fixes"
)

// link is the connection to a server that many watches share: when it breaks,
// all of them try again at the same time.
type link struct {
	// say is told why the link is broken, and when it is tried again; nil when it
	// holds again.
	say func(lost error, retry time.Time)

	mu     sync.Mutex
	broken map[*stream]bool
	tries  int
	until  time.Time
}

// fail takes note that a watch has failed, and waits until it may try again.
func (l *link) fail(ctx context.Context, s *stream, err error) {
	l.mu.Lock()
	l.broken[s] = true
	if now := time.Now(); !now.Before(l.until) {
		l.tries++
		l.until = now.Add(fixes.Backoff(l.tries))
		l.say(err, l.until)
	}
	until := l.until
	l.mu.Unlock()
	sleep(ctx, time.Until(until))
}

// mend takes note that a watch goes on, or has ended for good.
func (l *link) mend(s *stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.broken[s] {
		return
	}
	delete(l.broken, s)
	if len(l.broken) == 0 {
		l.tries, l.until = 0, time.Time{}
		l.say(nil, time.Time{})
	}
}

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
